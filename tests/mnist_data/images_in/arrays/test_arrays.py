"""Arrays in .npz, .npy, HDF5 and MATLAB files give the pixels and labels put in, or are refused by name."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import scipy.io

from mnist_data.errors import MissingExtra, MnistDataError
from mnist_data.images_in.open import open_source
from mnist_data.images_in.stream import Options
from tests.conftest import real_folder

Array = npt.NDArray[Any]

SIDE = 12


def digits(count: int = 30, shape: tuple[int, ...] = (SIDE, SIDE)) -> Array:
    """Draw smooth images, each with strokes of its own; no two of their axes look alike."""
    generator = np.random.default_rng(7)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    centre = generator.uniform(3, 9, (count, 2, 1, 1))
    waves = np.exp(-(((rows - centre[:, 0]) / 2) ** 2) - (((columns - centre[:, 1]) / 4) ** 2))
    grey = (255 * waves).astype(np.uint8)
    return np.stack([grey, grey // 2, 255 - grey], axis=-1) if len(shape) == 3 else grey


IMAGES, LABELS = digits(), np.arange(30) % 7
COLOUR = digits(30, (SIDE, SIDE, 3))


def read(path: Path, size: str | None = None, split: str | None = None) -> dict[str, tuple[Array, list[Any]]]:
    """Read all splits in batches of 7: pixels, and labels by the names of their classes where they have some."""
    read_back = {}
    for stream in open_source(str(path), Options(split, size)).streams:
        batches = list(stream.rows(7))
        assert all(len(batch.labels) <= 7 and batch.images.flags.c_contiguous for batch in batches)
        labels = np.concatenate([batch.labels for batch in batches]).tolist()
        named = [stream.classes[label] for label in labels] if stream.classes else labels
        read_back[stream.split] = (np.concatenate([batch.images for batch in batches]), named)
        assert stream.dtype == read_back[stream.split][0].dtype
        assert len(stream.sha256) == 64
    return read_back


def save_npz(path: Path, **arrays: Array) -> Path:
    """Write an .npz."""
    np.savez_compressed(path, **arrays)
    return path


def save_pair(path: Path, images: Array, labels: Array, names: tuple[str, str] = ("x_train", "y_train")) -> Path:
    """Write a folder of two .npy files."""
    path.mkdir()
    np.save(path / f"{names[0]}.npy", images)
    np.save(path / f"{names[1]}.npy", labels)
    return path


def save_hdf5(path: Path, **arrays: Array) -> Path:
    """Write an HDF5 file, with groups where names have a stroke."""
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return path


def save_matlab_73(path: Path, **arrays: Array) -> Path:
    """Write an HDF5 file as MATLAB 7.3 does: 512 bytes before it, and axes in reverse order."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[name] = np.ascontiguousarray(array.T)
    with path.open("r+b") as file_:
        file_.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def save_mat(path: Path, **arrays: Array) -> Path:
    """Write a MATLAB 5 file."""
    scipy.io.savemat(path, arrays, do_compression=True)
    return path


TEXTS = np.array([f"class{label + 5}" for label in LABELS])

FORMS: dict[str, Callable[[Path], Path]] = {
    "keras": lambda folder: save_npz(folder / "a.npz", x_train=IMAGES, y_train=LABELS),
    "medmnist": lambda folder: save_npz(folder / "a.npz", train_images=IMAGES, train_labels=LABELS[:, None]),
    "camel case": lambda folder: save_npz(folder / "a.npz", trainX=IMAGES, trainY=LABELS),
    "data, target": lambda folder: save_npz(folder / "a.npz", data=IMAGES.reshape(30, -1), target=LABELS),
    "unnamed": lambda folder: save_npz(folder / "a.npz", arr_0=IMAGES, arr_1=LABELS),
    "names that say nothing": lambda folder: save_npz(folder / "a.npz", p=LABELS.astype(float), q=IMAGES),
    "one-hot": lambda folder: save_npz(folder / "a.npz", x=IMAGES, y=np.eye(7)[LABELS]),
    "channels first": lambda folder: save_npz(folder / "a.npz", x=IMAGES[:, None], y=LABELS),
    "items last": lambda folder: save_npz(folder / "a.npz", x=np.moveaxis(IMAGES, 0, -1), y=LABELS),
    "flat items last": lambda folder: save_npz(folder / "a.npz", x=IMAGES.reshape(30, -1).T, y=LABELS[None]),
    "int64": lambda folder: save_npz(folder / "a.npz", x=IMAGES.astype(np.int64), y=LABELS),
    "Fortran order": lambda folder: save_npz(folder / "a.npz", x=np.asfortranarray(IMAGES), y=LABELS),
    "the split in the file's name": lambda folder: save_npz(
        folder / "training-images.npz", images=IMAGES, labels=LABELS
    ),
    "pair of .npz": lambda folder: (
        save_npz(folder / "k49-train-imgs.npz", arr_0=IMAGES),
        save_npz(folder / "k49-train-labels.npz", arr_0=LABELS),
    )[0],
    "folder of .npz": lambda folder: (
        save_npz(folder / "X_kannada_MNIST_train.npz", arr_0=IMAGES),
        save_npz(folder / "y_kannada_MNIST_train.npz", arr_0=LABELS),
        folder,
    )[2],
    ".npy": lambda folder: save_pair(folder / "in", IMAGES, LABELS),
    "one .npy of a pair": lambda folder: save_pair(folder / "in", IMAGES, LABELS, ("X", "Y")) / "X.npy",
    ".npy in Fortran order": lambda folder: save_pair(folder / "in", np.asfortranarray(IMAGES), LABELS),
    "big-endian .npy": lambda folder: save_pair(folder / "in", IMAGES.astype(">i8"), LABELS.astype(">f4")),
    "HDF5": lambda folder: save_hdf5(folder / "a.h5", images=IMAGES, labels=LABELS),
    "HDF5 groups": lambda folder: save_hdf5(folder / "usps.h5", train__data=IMAGES, train__target=LABELS),
    "MATLAB": lambda folder: save_mat(folder / "train_12x12.mat", X=np.moveaxis(IMAGES, 0, -1), y=LABELS[:, None]),
    "MATLAB 7.3": lambda folder: save_matlab_73(
        folder / "train.mat", X=np.moveaxis(IMAGES, 0, -1), y=LABELS[:, None].astype(float)
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_arrays_gives_its_pixels_and_labels(form: str, tmp_path: Path) -> None:
    """Whatever the names, the order of axes and bytes, the type of integers and the way labels are written."""
    ((split, (pixels, labels)),) = read(FORMS[form](tmp_path)).items()

    assert split == "train"
    np.testing.assert_array_equal(IMAGES, pixels, strict=True)
    assert LABELS.tolist() == labels


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR),
        (COLOUR.transpose(1, 2, 3, 0), COLOUR),
        (IMAGES > 90, (IMAGES > 90).astype(np.uint8)),
        ((IMAGES / 255).astype(np.float32), (IMAGES / 255).astype(np.float32)),
        (IMAGES.astype(np.int64) * 200, IMAGES.astype(np.int32) * 200),
    ],
    ids=["colour", "channels first", "SVHN", "bool", "float", "wide int64"],
)
@pytest.mark.parametrize("save", [save_npz, save_hdf5, save_mat, save_matlab_73])
def test_values_keep_their_meaning(images: Array, expected: Array, save: Callable[..., Path], tmp_path: Path) -> None:
    """In colour, as bits, floats and large integers, in each kind of file."""
    path = save(tmp_path / f"train.{'npz' if save is save_npz else 'h5'}", X=images, y=LABELS)

    np.testing.assert_array_equal(expected, read(path)["train"][0], strict=True)


def test_splits_are_named_as_the_arrays_are(tmp_path: Path) -> None:
    """Train, test and validation of one file; labels that are texts get the same number in each."""
    path = save_npz(
        tmp_path / "a.npz",
        test_images=IMAGES[:3],
        test_labels=TEXTS[:3],
        val_images=IMAGES[3:5],
        val_labels=TEXTS[3:5],
        train_images=IMAGES[5:],
        train_labels=TEXTS[5:],
    )

    parts = read(path)

    assert list(parts) == ["train", "test", "validation"]
    assert {split: labels for split, (_, labels) in parts.items()} == {
        "train": TEXTS[5:].tolist(),
        "test": TEXTS[:3].tolist(),
        "validation": TEXTS[3:5].tolist(),
    }
    assert open_source(str(path)).streams[0].classes == tuple(f"class{number}" for number in range(5, 12))


def test_images_without_labels_are_a_split_of_that_name(tmp_path: Path) -> None:
    """And it is said."""
    np.save(tmp_path / "x_test.npy", IMAGES)

    (stream,) = open_source(str(tmp_path)).streams

    assert stream.split == "unlabelled"
    assert any("no labels" in note for note in stream.notes)


def emnist(first: int = 1) -> dict[str, Any]:
    """Give EMNIST's struct: images flat and column by column, labels that its mapping explains, writers."""
    flat = IMAGES.swapaxes(1, 2).reshape(30, -1)
    part = {"images": flat, "labels": LABELS[:, None] + first, "writers": LABELS[:, None] + 100}
    mapping = np.stack([np.arange(7) + first, np.arange(7) + 65], axis=1)
    return {"train": part, "test": part, "mapping": mapping}


def test_emnist_is_upright_with_its_letters_and_writers(tmp_path: Path) -> None:
    """As its IDX files are converted by the catalogue."""
    path = save_mat(tmp_path / "emnist-letters.mat", dataset=emnist())  # type: ignore[arg-type]

    parts = read(path)
    rows = next(open_source(str(path)).streams[0].rows(30))

    assert list(parts) == ["train", "test"]
    np.testing.assert_array_equal(IMAGES, parts["test"][0], strict=True)
    assert [chr(65 + label) for label in LABELS] == parts["train"][1]
    assert (LABELS + 100).tolist() == rows.columns["writer"].tolist()


def test_svhns_ten_is_no_class_without_a_word(tmp_path: Path) -> None:
    """There 10 stands for the digit 0: both remedies are named, and nothing is altered unasked."""
    import mnist_data

    save_mat(tmp_path / "train_32x32.mat", X=COLOUR.transpose(1, 2, 3, 0), y=np.arange(30)[:, None] % 10 + 1)

    result = mnist_data.convert(tmp_path / "train_32x32.mat", tmp_path / "out", progress=False)

    assert any("10 stands for the digit 0" in warning and "--relabel" in warning for warning in result.warnings)
    assert set(mnist_data.load(tmp_path / "out")["label"]) == set(range(1, 11))


PACKED = ("keras", ".npy", "HDF5", "MATLAB", "MATLAB 7.3")


@pytest.mark.parametrize("form", PACKED)
@pytest.mark.parametrize("packing", ["zip", "tar.gz", "gz"])
def test_packed_arrays_are_read_from_where_they_are(form: str, packing: str, tmp_path: Path) -> None:
    """In archives as Kaggle gives them, next to other files; or packed by gzip, also what is an archive itself."""
    source = FORMS[form](tmp_path)
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    packed = tmp_path / f"packed.{packing}"
    if packing == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("README.md", "about")
            for file in files:
                archive.write(file, f"data/{file.name}")
    elif packing == "tar.gz":
        with tarfile.open(packed, "w:gz") as tar:
            for file in files:
                tar.add(file, file.name)
    else:
        packed = tmp_path / "gz"
        packed.mkdir()
        for file in files:
            (packed / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))

    pixels, labels = read(packed)["train"]
    np.testing.assert_array_equal(IMAGES, pixels, strict=True)
    assert LABELS.tolist() == labels


REFUSED: dict[str, tuple[dict[str, Array], str]] = {
    "multi-label": ({"train_images": IMAGES, "train_labels": np.eye(7)[LABELS] + np.eye(7)[0] > 0}, "multi-label"),
    "masks": ({"train_images": IMAGES, "train_labels": IMAGES}, "segmentation"),
    "several values": ({"x": IMAGES, "y": np.stack([LABELS, LABELS], 1)}, "several values for each image"),
    "too few labels": ({"x": IMAGES, "y": LABELS[:29]}, "29 labels for 30 images"),
    "fractions": ({"x": IMAGES, "y": LABELS / 3}, "0.333333"),
    "NaN": ({"x": IMAGES, "y": np.full(30, np.nan)}, "nan"),
    "volumes": ({"x": np.zeros((30, 8, 8, 8), np.uint8), "y": LABELS}, "volumes"),
    "labels only": ({"y_train": LABELS, "y_test": LABELS}, "images and labels, as x_train"),
    "labels without images": ({"x_train": IMAGES, "y_train": LABELS, "y_test": LABELS}, "no images that belong"),
    "two sets": ({"images": IMAGES, "data": IMAGES, "labels": LABELS}, "images and data could both be the images"),
    "complex": ({"x": IMAGES * 1j, "y": LABELS}, "complex128"),
    "no square": ({"x": IMAGES.reshape(30, -1)[:, 1:], "y": LABELS}, "--size"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_set_of_labelled_images_is_refused_by_name(case: str, tmp_path: Path) -> None:
    """Rather than read wrongly."""
    arrays, message = REFUSED[case]
    path = save_npz(tmp_path / "a.npz", **arrays)

    with pytest.raises(MnistDataError, match=message):
        read(path)


def test_a_file_that_announces_more_than_it_holds_is_refused_at_once(tmp_path: Path) -> None:
    """Few bytes must not ask for much memory, nor for much time."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 28, 28)})
    (tmp_path / "x_train.npy").write_bytes(header.getvalue() + bytes(1000))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x_train.npy", header.getvalue() + bytes(1000))

    for name, message in (("x_train.npy", "too few"), ("a.npz", "whose header announces 784,000,000,000")):
        with pytest.raises(MnistDataError, match=message):
            read(tmp_path / name)


def test_hdf5_without_its_library_is_refused_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra."""
    path = save_hdf5(tmp_path / "a.h5", images=IMAGES, labels=LABELS)
    monkeypatch.setitem(sys.modules, "h5py", None)

    with pytest.raises(MissingExtra, match=r"mnist-data\[hdf5\]"):
        read(path)


def test_real_bangla_digits_are_read_from_their_folder() -> None:
    """Two files of one split each, named only by the files."""
    folder = real_folder("cmaterdb-bangla")

    parts = read(folder)

    assert {split: len(labels) for split, (_, labels) in parts.items()} == {"train": 5_000, "test": 1_000}
    for split, name in (("train", "training"), ("test", "testing")):
        with np.load(folder / f"{name}-images.npz") as file:
            np.testing.assert_array_equal(file["images"], parts[split][0], strict=True)
            assert file["labels"].tolist() == parts[split][1]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["mnist.pkl.gz", "data_batch_1", "digits.pkl"])
def test_pickles_are_refused_with_lines_that_convert_them(kind: str, protocol: int, tmp_path: Path) -> None:
    """The lines are run here, and what they write is read."""
    content: Any = ((IMAGES[:20], LABELS[:20]), (IMAGES[20:25], LABELS[20:25]), (IMAGES[25:], LABELS[25:]))
    if kind == "data_batch_1":
        content = {b"data": IMAGES.reshape(30, -1), b"labels": LABELS.tolist()}
        content = {name.decode(): value for name, value in content.items()}
    packed = pickle.dumps(content, protocol)
    path = tmp_path / kind
    path.write_bytes(gzip.compress(packed) if kind.endswith(".gz") else packed)

    with pytest.raises(MnistDataError, match="can run any code") as refusal:
        read(path)
    if protocol in (0, 4):
        lines = "\n".join(line.strip() for line in str(refusal.value).splitlines()[1:])
        subprocess.run([sys.executable, "-c", lines], check=True, cwd=tmp_path)
        parts = read(tmp_path / "converted.npz")
        expected = 30 if kind == "data_batch_1" else 20
        np.testing.assert_array_equal(IMAGES[:expected], parts["train"][0])
        assert LABELS[:expected].tolist() == parts["train"][1]


def test_altered_files_are_read_rightly_or_refused(tmp_path: Path) -> None:
    """Bytes changed, cut off and put in, by a fixed seed: never a traceback, never a wrong number of labels."""
    generator = random.Random(3)
    wholes = []
    for form in ("keras", "items last", "Fortran order", "HDF5", "MATLAB", "MATLAB 7.3"):
        (tmp_path / form).mkdir()
        wholes.append(FORMS[form](tmp_path / form))
    for round_ in range(120):
        whole = wholes[round_ % len(wholes)]
        content = bytearray(whole.read_bytes())
        for _ in range(generator.randint(1, 6)):
            place = generator.randrange(min(len(content), 4_000) if generator.random() < 0.5 else len(content))
            content[place] = generator.randrange(256)
        if generator.random() < 0.2:
            del content[generator.randrange(len(content)) :]
        altered = tmp_path / f"altered{whole.suffix}"
        altered.write_bytes(content)
        try:
            parts = read(altered)
        except MnistDataError:
            continue
        assert all(len(pixels) == len(labels) for pixels, labels in parts.values())
