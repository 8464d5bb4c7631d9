"""What `export` writes is what other programs read: pandas, NumPy, Pillow; and `convert` takes it back as it was."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

import mnist_data
from mnist_data.batch import Batch
from mnist_data.errors import MnistDataError, OutputExists, WrongUse
from mnist_data.images_in.class_list import class_of, folder_names
from mnist_data.parquet.dataset import Dataset, read_batches
from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.writer import Draft, write_parts

Cli = Callable[..., tuple[int, str, str]]
Images = npt.NDArray[Any]
Splits = Mapping[str, tuple[Images, list[int]]]

FORMATS = ("csv", "csv.gz", "npz", "folders")


def dataset_at(path: Path, splits: Splits, classes: tuple[str, ...] = (), rows: int = 1_000) -> Dataset:
    """Write a dataset; ids count on from split to split."""
    first = next(iter(splits.values()))[0]
    metadata = Metadata(dataset="mine", shape=first.shape[1:], dtype=first.dtype.name, layout="binary", classes=classes)
    with Draft(path, {}, overwrite=False) as draft:
        parts, start = [], 0
        for split, (images, labels) in splits.items():
            ids = np.arange(start, start + len(images))
            whole = Batch(ids, np.array(labels, np.int64), images)
            pieces = (whole.take(slice(at, at + rows)) for at in range(0, len(ids), rows))
            parts += write_parts(draft.location, split, pieces, metadata, "zstd", lambda: metadata)
            start += len(images)
        return draft.commit(parts, metadata)


def named(dataset: Dataset) -> dict[str, list[tuple[bytes, int, str]]]:
    """Give the pixels, label and class of each sample of a dataset, in an order of their own, by split."""
    samples: dict[str, list[tuple[bytes, int, str]]] = {}
    for split in dataset.splits:
        for batch in read_batches(dataset, split):
            names = [dataset.metadata.class_name(label) for label in batch.labels.tolist()]
            pixels = [np.ascontiguousarray(image).tobytes() for image in batch.images]
            samples.setdefault(split, []).extend(zip(pixels, batch.labels.tolist(), names, strict=True))
    return {split: sorted(rows) for split, rows in samples.items()}


@pytest.fixture
def letters(sample_idx: Path, tmp_path: Path) -> Dataset:
    """Give 30 samples whose classes have names that no file system takes, of which two occur in no sample."""
    from mnist_data.idx import format as idx

    images = idx.read(next(sample_idx.glob("*train-images*")))[:30]
    classes = ("A", "a", "train", "5/6", "..", "CON", "", " é*", "%41", "unused", "never")
    labels = [place % 9 for place in range(30)]
    splits: Splits = {
        "train": (images[:20], labels[:20]),
        "fold1": (images[20:25], labels[20:25]),
        "unlabelled": (images[25:], [-1] * 5),
    }
    return dataset_at(tmp_path / "letters", splits, classes)


@pytest.mark.parametrize("written", FORMATS)
def test_an_export_is_converted_to_what_it_was(written: Any, letters: Dataset, tmp_path: Path) -> None:
    """Pixels, labels, names of classes and splits, whatever they are called."""
    mnist_data.export(letters, tmp_path / "out", form=written)

    again = mnist_data.convert(tmp_path / "out", tmp_path / "again", progress=False).dataset

    assert again is not None
    assert named(letters) == named(again)
    assert letters.metadata.classes == again.metadata.classes
    assert dict(letters.splits) == dict(again.splits)


def test_csv_is_what_kaggle_has(digits: Dataset, tmp_path: Path) -> None:
    """As pandas reads it: label, pixel0, …, pixel783, a file a split, packed to the same."""
    mnist_data.export(digits, tmp_path / "plain", form="csv")
    mnist_data.export(digits, tmp_path / "packed", form="csv.gz")
    frame = pd.read_csv(tmp_path / "plain/train.csv")
    images, labels = mnist_data.to_numpy(digits.location, split="train")

    assert ["label", *(f"pixel{place}" for place in range(784))] == list(frame.columns)
    np.testing.assert_array_equal(images.reshape(-1, 784), frame.iloc[:, 1:].to_numpy())
    assert labels.tolist() == frame["label"].tolist()
    assert (tmp_path / "plain/test.csv").read_bytes() == gzip.decompress((tmp_path / "packed/test.csv.gz").read_bytes())


def test_npz_is_what_keras_has(digits: Dataset, tmp_path: Path) -> None:
    """As NumPy reads it; the same dataset gives the same bytes, and OUT may be the file itself."""
    mnist_data.export(digits, tmp_path / "mine.npz", form="npz")
    mnist_data.export(digits, tmp_path / "folder", form="npz")

    with np.load(tmp_path / "mine.npz", allow_pickle=False) as file:
        assert {"x_train", "y_train", "x_test", "y_test", "class_names"} == set(file.files)
        assert list(digits.metadata.classes) == file["class_names"].tolist()
        for split in digits.splits:
            images, labels = mnist_data.to_numpy(digits.location, split=split)
            np.testing.assert_array_equal(images, file[f"x_{split}"], strict=True)
            np.testing.assert_array_equal(labels.astype(np.uint8), file[f"y_{split}"], strict=True)
    assert (tmp_path / "mine.npz").read_bytes() == (tmp_path / "folder/sklearn-digits.npz").read_bytes()


def test_folders_are_what_imagefolder_has(digits: Dataset, tmp_path: Path) -> None:
    """As Pillow reads them: split/class/ID.png, pixel for pixel."""
    mnist_data.export(digits, tmp_path / "out", form="folders")

    for split in digits.splits:
        for batch in read_batches(digits, split):
            for number, label, image in zip(batch.ids, batch.labels, batch.images, strict=True):
                with Image.open(tmp_path / f"out/{split}/{label}/{number:04d}.png") as file:
                    np.testing.assert_array_equal(image, np.asarray(file), strict=True)


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [("uint8", (5, 4)), ("uint8", (4, 4, 3)), ("uint8", (4, 4, 1)), ("int32", (3, 3)), ("float32", (3, 5))],
)
def test_every_type_and_shape_is_written_or_refused_by_name(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    """Without loss: CSV and .npz take all, and PNG none but whole numbers from 0."""
    random = np.random.default_rng(3)
    images = (random.random((6, *shape)) * 200 - (50 if dtype == "int32" else 0)).astype(dtype)
    source = dataset_at(tmp_path / "in", {"train": (images, [0, 1, 2, 0, 1, 2])}, rows=4)

    mnist_data.export(source, tmp_path / "mine.npz", form="npz")
    mnist_data.export(source, tmp_path / "csv", form="csv")
    pixels = pd.read_csv(tmp_path / "csv/train.csv").iloc[:, 1:].to_numpy()

    with np.load(tmp_path / "mine.npz") as file:
        np.testing.assert_array_equal(images, file["x_train"], strict=True)
    np.testing.assert_array_equal(images.reshape(6, -1), pixels.astype(dtype), strict=True)
    if dtype == "uint8":
        mnist_data.export(source, tmp_path / "folders", form="folders")
        np.testing.assert_array_equal(
            images.squeeze(), [np.asarray(Image.open(tmp_path / f"folders/train/{n % 3}/{n}.png")) for n in range(6)]
        )
    else:
        with pytest.raises(WrongUse, match=f"{dtype} images of 3×[35]; PNG files hold uint8.*--form npz"):
            mnist_data.export(source, tmp_path / "folders", form="folders")
        assert not (tmp_path / "folders").exists()


@pytest.mark.parametrize("written", FORMATS)
def test_nothing_is_replaced_unless_asked_for(written: Any, letters: Dataset, tmp_path: Path) -> None:
    """And what cannot be finished leaves nothing behind, and what was there as it was."""
    files = [Path(path) for path in mnist_data.export(letters, tmp_path / "out", form=written).tables["files"]["path"]]
    before = {file: file.stat().st_mtime_ns for file in files}

    with pytest.raises(OutputExists, match=str(files[0])):
        mnist_data.export(letters, tmp_path / "out", form=written)
    assert before == {file: file.stat().st_mtime_ns for file in files}
    mnist_data.export(letters, tmp_path / "out", form=written, overwrite=True)
    assert all(before[file] < file.stat().st_mtime_ns for file in files)
    assert sorted(files) == sorted((tmp_path / "out").iterdir())


def test_a_folder_with_other_files_is_not_replaced(digits: Dataset, tmp_path: Path) -> None:
    """--overwrite is for an export, and not for whatever lies there."""
    (tmp_path / "out/train").mkdir(parents=True)
    (tmp_path / "out/train/thesis.tex").write_text("mine")

    with pytest.raises(WrongUse, match=r"thesis\.tex, which is no PNG file"):
        mnist_data.export(digits, tmp_path / "out", form="folders", overwrite=True)
    assert (tmp_path / "out/train/thesis.tex").read_text() == "mine"


def test_a_failure_leaves_nothing(monkeypatch: pytest.MonkeyPatch, digits: Dataset, tmp_path: Path) -> None:
    """A full disk in the middle: no split is there, and no draft."""

    def fail(_: Images) -> bytes:
        raise OSError("no space left on device")

    monkeypatch.setattr("mnist_data.images_out.folders.png", fail)

    with pytest.raises(OSError, match="no space"):
        mnist_data.export(digits, tmp_path / "out", form="folders")
    assert list((tmp_path / "out").iterdir()) == []


def test_classes_that_folders_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    """Two of one name, one too long for a folder, one with a line break."""
    images = np.zeros((1, 3, 3), np.uint8)
    for place, (classes, said) in enumerate(
        [(("a", "a"), "both named 'a'"), (("a" * 300,), "too long"), (("a\nb",), "line break")]
    ):
        source = dataset_at(tmp_path / f"in{place}", {"train": (images, [0])}, classes)
        with pytest.raises(WrongUse, match=said):
            mnist_data.export(source, tmp_path / "out", form="folders")
        assert list((tmp_path / "out").glob("*")) == []


def test_folders_of_classes_are_names_that_any_system_takes() -> None:
    """None with a separator, reserved on Windows, hidden, or equal but for case; each says its class."""
    odd = ["A", "a", "é", "e\u0301", "É", "..", ".", "a.", "a ", "COM1.txt", "nul", "a:b", 'q"?', "val", "t10k", "%"]
    names = [*odd, "", "中"]

    folders = folder_names(names)

    assert names == [class_of(folder) for folder in folders]
    assert len(names) == len({folder.casefold() for folder in folders})
    assert not any(set(folder) & set('/\\:*?"<>|') or folder[-1] in ". " or folder[0] == "." for folder in folders)
    assert {"nul", "val", "t10k", "COM1.txt"}.isdisjoint(folders)


@pytest.mark.slow
@pytest.mark.parametrize("written", FORMATS)
def test_memory_is_bounded_by_a_batch(written: Any, tmp_path: Path) -> None:
    """45 MB of pixels, and twice as much text, take a part of either."""
    images = np.zeros((500, 300, 300), np.uint8)
    source = dataset_at(tmp_path / "in", {"train": (images, [0] * 500)}, rows=20)
    del images

    tracemalloc.start()
    mnist_data.export(source, tmp_path / "out", form=written)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 30e6, peak


def test_the_command_says_what_it_has_written(command_line: Cli, letters: Dataset, tmp_path: Path) -> None:
    """A line a file, or a folder of many; and what does not go together is refused."""
    code, out, _ = command_line("export", letters.location, tmp_path / "out", "--form", "folders")
    wrong, _, said = command_line("export", letters.location, tmp_path / "other", "--form", "csv", "--as-stored")

    assert (code, wrong) == (0, 2)
    assert "│    20 │" in out
    assert "classes.txt" in out
    assert "--as-stored concerns IDX" in said
    with pytest.raises(MnistDataError, match="local folder"):
        mnist_data.export(letters, "memory://out", form="npz")
