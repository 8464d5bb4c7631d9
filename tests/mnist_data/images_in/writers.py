"""Labelled images written in every form by other programs than ours: NumPy, pandas, pyarrow, Pillow, h5py, SciPy."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

Images = npt.NDArray[Any]
Labels = list[int] | None


@dataclass(frozen=True)
class ImageSet:
    """Splits of labelled images. splits: name -> images, (n, h, w) or (n, h, w, 3), and labels, None for none.

    names: of the labels 0, 1, …, in natural order and all of them used; without names the labels are the numbers.
    """

    splits: Mapping[str, tuple[Images, Labels]]
    names: tuple[str, ...] = ()

    def labels(self, split: str) -> list[Any]:
        """Give the labels as a file holds them: numbers, or names."""
        numbers = self.splits[split][1] or []
        return [self.names[number] for number in numbers] if self.names else numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an image."""
        return next(iter(self.splits.values()))[0].shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the pixels."""
        return next(iter(self.splits.values()))[0].dtype


@dataclass(frozen=True)
class Writer:
    """A program that writes image sets. form: the key of what it writes. write: into a folder; gives what to open.

    flat: whether an image's size is lost. holds: whether it can hold a set.
    """

    form: str
    write: Callable[[ImageSet, Path], Path]
    flat: bool = False
    holds: Callable[[ImageSet], bool] = field(default=lambda _: True)


def flat(images: Images) -> Images:
    """Give images as rows of pixels."""
    return images.reshape(len(images), -1)


def png(image: Images) -> bytes:
    """Encode an image."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def write_csv(images: ImageSet, folder: Path, *, last: bool, header: bool = True) -> Path:
    """Write a file a split by the standard library."""
    for split, (pixels, labels) in images.splits.items():
        with (folder / f"{split}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            names = [f"pixel{place}" for place in range(flat(pixels).shape[1])]
            given = [[label] for label in images.labels(split)] if labels is not None else [[]] * len(pixels)
            head = [["class" if last else "label"]] if labels is not None else [[]]
            cells = [*([names] if header else []), *flat(pixels).tolist()]
            rows = zip([*(head if header else []), *given], cells, strict=True)
            writer.writerows([*row, *label] if last else [*label, *row] for label, row in rows)
    return folder


def write_table(images: ImageSet, folder: Path, save: Callable[[pa.Table, Path], None], ending: str) -> Path:
    """Write Hugging Face's columns, a file a split: image, a struct with the bytes of a PNG, and label."""
    for split, (pixels, labels) in images.splits.items():
        columns: dict[str, Any] = {"image": [{"bytes": png(image), "path": None} for image in pixels]}
        if labels is not None:
            columns["label"] = images.labels(split)
        save(pa.table(columns), folder / f"{split}-00000-of-00001{ending}")
    return folder


def write_pixel_columns(images: ImageSet, folder: Path) -> Path:
    """Write a Parquet file a split by pandas, a column a pixel."""
    for split, (pixels, labels) in images.splits.items():
        names = [f"pixel{place}" for place in range(flat(pixels).shape[1])]
        frame = pd.DataFrame(flat(pixels), columns=names)
        if labels is not None:
            frame.insert(0, "label", images.labels(split))
        frame.to_parquet(folder / f"{split}.parquet", index=False)
    return folder


def write_arrow(table: pa.Table, path: Path) -> None:
    """Write an Arrow file."""
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def arrays_of(images: ImageSet, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Give the arrays of all splits. names: of images and labels, with {} for the split."""
    arrays = {}
    for split, (pixels, labels) in images.splits.items():
        arrays[names[0].format(split)] = pixels
        if labels is not None:
            arrays[names[1].format(split)] = np.array(images.labels(split))
    return arrays


def write_npz(images: ImageSet, folder: Path, *names: str) -> Path:
    """Write one file by NumPy."""
    np.savez_compressed(folder / "mine.npz", **arrays_of(images, names))
    return folder / "mine.npz"


def write_npy(images: ImageSet, folder: Path) -> Path:
    """Write a file an array by NumPy."""
    for name, array in arrays_of(images, ("{}_images", "{}_labels")).items():
        np.save(folder / f"{name}.npy", array)
    return folder


def write_hdf5(images: ImageSet, folder: Path) -> Path:
    """Write one file by h5py, a group a split."""
    import h5py

    with h5py.File(folder / "mine.h5", "w") as file:
        for name, array in arrays_of(images, ("{}/images", "{}/labels")).items():
            file.create_dataset(name, data=array.tolist() if array.dtype.kind == "U" else array)
    return folder / "mine.h5"


def write_mat(images: ImageSet, folder: Path) -> Path:
    """Write one file by SciPy."""
    from scipy.io import savemat

    savemat(folder / "mine.mat", arrays_of(images, ("{}_images", "{}_labels")))
    return folder / "mine.mat"


def write_folders(images: ImageSet, folder: Path) -> Path:
    """Write class folders by Pillow."""
    for split, (pixels, labels) in images.splits.items():
        given = images.labels(split) if labels is not None else [""] * len(pixels)
        for number, (image, label) in enumerate(zip(pixels, given, strict=True)):
            place = folder / "mine" / split / str(label)
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}.png").write_bytes(png(image))
    return folder / "mine"


def write_label_table(images: ImageSet, folder: Path) -> Path:
    """Write images of a split in one folder, and all their labels in one table next to these."""
    rows = [["id", "label"]]
    for split, (pixels, labels) in images.splits.items():
        (folder / "mine" / split).mkdir(parents=True)
        given = images.labels(split) if labels is not None else [""] * len(pixels)
        for number, (image, label) in enumerate(zip(pixels, given, strict=True)):
            (folder / "mine" / split / f"{number:05}.png").write_bytes(png(image))
            rows.append([f"{split}/{number}", str(label)])
    with (folder / "mine/labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "mine"


def write_metadata(images: ImageSet, folder: Path) -> Path:
    """Write images of a split in one folder, and a metadata.jsonl in each, as Hugging Face's ImageFolder has them."""
    for split, (pixels, labels) in images.splits.items():
        place = folder / "mine" / split
        place.mkdir(parents=True)
        given = images.labels(split) if labels is not None else [None] * len(pixels)
        lines = []
        for number, (image, label) in enumerate(zip(pixels, given, strict=True)):
            (place / f"{number:05}.png").write_bytes(png(image))
            value = label if label is None or isinstance(label, str) else int(label)
            lines.append(json.dumps({"file_name": f"{number:05}.png", "label": value}))
        (place / "metadata.jsonl").write_text("\n".join(lines))
    return folder / "mine"


def write_zip(images: ImageSet, folder: Path) -> Path:
    """Write class folders into a zip archive."""
    root = write_folders(images, folder)
    with zipfile.ZipFile(folder / "mine.zip", "w") as archive:
        for path in sorted(root.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    return folder / "mine.zip"


def write_tar(images: ImageSet, folder: Path) -> Path:
    """Write class folders into a tar archive, packed."""
    root = write_folders(images, folder)
    with tarfile.open(folder / "mine.tar.gz", "w:gz") as tar:
        tar.add(root, "mine")
    return folder / "mine.tar.gz"


def write_tar_in_zip(images: ImageSet, folder: Path) -> Path:
    """Write class folders into a packed tar archive, and this into a zip."""
    tar = write_tar(images, folder)
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.write(tar, "download/mine.tar.gz")
    return folder / "all.zip"


def write_packed_npz(images: ImageSet, folder: Path) -> Path:
    """Write one file by NumPy, packed once more."""
    file = write_npz(images, folder, "x_{}", "y_{}")
    packed = folder / "mine.npz.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    return packed


def write_unicode_text(images: ImageSet, folder: Path) -> Path:
    """Write a file a split as Excel's "Unicode text": UTF-16, tabs between the cells."""
    write_csv(images, folder, last=False)
    for split in images.splits:
        text = (folder / f"{split}.csv").read_text()
        (folder / f"{split}.txt").write_text(text.replace(",", "\t"), encoding="utf-16")
        (folder / f"{split}.csv").unlink()
    return folder


def write_arff(images: ImageSet, folder: Path) -> Path:
    """Write a file a split as OpenML has them."""
    for split, (pixels, _) in images.splits.items():
        labels = images.labels(split)
        names = ",".join(f"'{name}'" for name in dict.fromkeys(map(str, images.names or sorted(set(labels)))))
        places = [f"@attribute pixel{place + 1} real" for place in range(flat(pixels).shape[1])]
        rows = [
            ",".join([*map(str, row), f"'{label}'"]) for row, label in zip(flat(pixels).tolist(), labels, strict=True)
        ]
        lines = [f"@relation {split}", *places, f"@attribute class {{{names}}}", "@data", *rows, ""]
        (folder / f"{split}.arff").write_text("\n".join(lines))
    return folder


def write_libsvm(images: ImageSet, folder: Path) -> Path:
    """Write a file a split by scikit-learn: the pixels that are not 0, with their places from 1."""
    from sklearn.datasets import dump_svmlight_file

    for split, (pixels, labels) in images.splits.items():
        dump_svmlight_file(flat(pixels).astype(float), labels, str(folder / f"{split}.libsvm"), zero_based=False)
    return folder


def _pictures(images: ImageSet) -> bool:
    """Say whether PNG files can hold a set."""
    return images.dtype == np.uint8


def _labelled(images: ImageSet) -> bool:
    return all(labels is not None for _, labels in images.splits.values())


def _bordered(images: ImageSet) -> bool:
    """Say whether a dark border tells pixels from labels."""
    return _labelled(images) and min(images.shape[:2]) > 3


def _numbers(images: ImageSet) -> bool:
    return not images.names and _labelled(images)


WRITERS: dict[str, Writer] = {
    "kaggle": Writer("csv", lambda images, folder: write_csv(images, folder, last=False), flat=True),
    "openml csv": Writer("csv", lambda images, folder: write_csv(images, folder, last=True), flat=True),
    "pjreddie": Writer(
        "csv", lambda images, folder: write_csv(images, folder, last=False, header=False), flat=True, holds=_bordered
    ),
    "openml arff": Writer("arff", write_arff, flat=True, holds=_labelled),
    "libsvm": Writer("libsvm", write_libsvm, flat=True, holds=_numbers),
    "keras": Writer("npz", lambda images, folder: write_npz(images, folder, "x_{}", "y_{}")),
    "medmnist": Writer("npz", lambda images, folder: write_npz(images, folder, "{}_images", "{}_labels")),
    "npy": Writer("npy", write_npy, holds=lambda images: len(images.splits) == 1 or _labelled(images)),
    "h5py": Writer("hdf5", write_hdf5),
    "scipy": Writer("matlab", write_mat, holds=_numbers),
    "hugging face": Writer(
        "parquet", lambda images, folder: write_table(images, folder, pq.write_table, ".parquet"), holds=_pictures
    ),
    "pandas": Writer("parquet", write_pixel_columns, flat=True),
    "arrow": Writer(
        "arrow", lambda images, folder: write_table(images, folder, write_arrow, ".arrow"), holds=_pictures
    ),
    "labels.csv": Writer("image-files", write_label_table, holds=_pictures),
    "metadata.jsonl": Writer("image-files", write_metadata, holds=_pictures),
    "imagefolder": Writer("image-files", write_folders, holds=_pictures),
    "zip": Writer("image-files", write_zip, holds=_pictures),
    "tar": Writer("image-files", write_tar, holds=_pictures),
    "tar in a zip": Writer("image-files", write_tar_in_zip, holds=_pictures),
    "Excel": Writer("csv", write_unicode_text, flat=True),
    "keras, packed": Writer("npz", write_packed_npz),
}
"""All writers, by the program or publisher they stand for."""
