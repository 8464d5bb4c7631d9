"""CSV, .npz, class folders and archives give the pixels and labels that were put in, or are refused by name."""

from __future__ import annotations

import csv
import gzip
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import mnist_data
from mnist_data.errors import MnistDataError, UnreadableInput, WrongUse
from mnist_data.idx import format as idx
from mnist_data.images_in.open import open_source
from mnist_data.images_in.stream import ImageStream, Options
from pipelines.settings.stages import Convert
from pipelines.stages.convert_images import convert_images
from tests.conftest import real_folder

Images = npt.NDArray[np.uint8]


def streams_of(path: str, split: str | None = None) -> tuple[ImageStream, ...]:
    """Open a source."""
    return open_source(path, Options(split)).streams


@pytest.fixture(scope="module")
def images(sample_idx: Path) -> Images:
    """Give 40 digits of the sample."""
    return idx.read(next(sample_idx.glob("*train-images*")))[:40]


@pytest.fixture(scope="module")
def labels(sample_idx: Path) -> npt.NDArray[np.int64]:
    """Give their labels."""
    return idx.read(next(sample_idx.glob("*train-labels*")))[:40].astype(np.int64)


def write_csv(
    path: Path, images: Images, labels: npt.NDArray[np.int64] | None, header: bool, last: bool = False
) -> None:
    """Write a line an image."""
    rows = images.reshape(len(images), -1).tolist()
    if labels is not None:
        rows = [[*row, label] if last else [label, *row] for row, label in zip(rows, labels.tolist(), strict=True)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        if header:
            names = [f"pixel{place}" for place in range(images[0].size)]
            writer.writerow(names if labels is None else [*names, "class"] if last else ["label", *names])
        writer.writerows(rows)


def write_folders(root: Path, images: Images, labels: npt.NDArray[np.int64], split: str = "") -> None:
    """Write a PNG an image, into a folder a class."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / split / f"digit_{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")


def by_pixels(dataset: mnist_data.Dataset, split: str) -> dict[bytes, str]:
    """Give the class name of each image of a split."""
    pixels, found = mnist_data.to_numpy(dataset.location, split=split)
    return {
        image.tobytes(): dataset.metadata.class_name(int(label)) for image, label in zip(pixels, found, strict=True)
    }


CSV: dict[str, Callable[[Path, Images, npt.NDArray[np.int64]], None]] = {
    "pjreddie": lambda path, images, labels: write_csv(path, images, labels, header=False),
    "kaggle": lambda path, images, labels: write_csv(path, images, labels, header=True),
    "openml": lambda path, images, labels: write_csv(path, images, labels, header=True, last=True),
    "label last, no header": lambda path, images, labels: write_csv(path, images, labels, header=False, last=True),
}


@pytest.mark.parametrize("form", CSV)
@pytest.mark.parametrize("packed", [False, True])
def test_csv_gives_its_pixels_and_labels(
    form: str, packed: bool, images: Images, labels: npt.NDArray[np.int64], tmp_path: Path
) -> None:
    """Whoever wrote it, packed or not."""
    path = tmp_path / "mnist_train.csv"
    CSV[form](path, images, labels)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))

    dataset = convert_images(streams_of(str(path)), tmp_path / "out", Convert(row_group_rows=7)).dataset
    pixels, found = mnist_data.to_numpy(dataset.location, split="train")

    np.testing.assert_array_equal(images, pixels, strict=True)
    assert labels.tolist() == found.tolist()


def test_csv_without_labels_becomes_a_split_of_that_name(images: Images, tmp_path: Path) -> None:
    """Kaggle's test file: pixels only."""
    write_csv(tmp_path / "test.csv", images, None, header=True)

    converted = convert_images(streams_of(str(tmp_path / "test.csv")), tmp_path / "out")

    assert dict(converted.dataset.splits) == {"unlabelled": 40}
    assert set(mnist_data.load(converted.dataset.location)["label"]) == {-1}
    assert any("no label" in warning for warning in converted.warnings)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda line: line.rsplit(",", 3)[0], "columns"),
        (lambda line: "x" + line[1:], "'x"),
        (lambda line: line + "9999", "9999"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(
    change: Callable[[str], str], found: str, images: Images, labels: npt.NDArray[np.int64], tmp_path: Path
) -> None:
    """Far behind the lines that were looked at first; nothing is written."""
    path = tmp_path / "train.csv"
    write_csv(path, np.tile(images, (40, 1, 1)), np.tile(labels, 40), header=True)
    lines = path.read_text().splitlines()
    lines[1_500] = change(lines[1_500])
    path.write_text("\n".join(lines))

    with pytest.raises(UnreadableInput, match=rf"train\.csv, line 1,501: .*{found}"):
        convert_images(streams_of(str(path)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_real_csv_is_mnist(real_mnist: Path, tmp_path: Path) -> None:
    """MNIST's first hundred, as a book's readers have them."""
    dataset = convert_images(streams_of(str(real_folder("mnist-csv"))), tmp_path / "out").dataset

    assert dict(dataset.splits) == {"train": 100, "test": 10}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        originals = idx.read(next(real_mnist.glob(f"{prefix}-images*")))
        pixels, _ = mnist_data.to_numpy(dataset.location, split=split)
        np.testing.assert_array_equal(originals[: len(pixels)], pixels)


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("data", "target", None, None),
        ("images", "labels", None, None),
    ],
)
def test_npz_gives_its_splits(
    names: tuple[str, str, str | None, str | None], images: Images, labels: npt.NDArray[np.int64], tmp_path: Path
) -> None:
    """As Keras, MedMNIST and others name them; flat, or with labels as a column."""
    arrays: dict[str, npt.NDArray[np.generic]] = {names[0]: images[:30].reshape(30, 784), names[1]: labels[:30, None]}
    if names[2] and names[3]:
        arrays |= {names[2]: images[30:].reshape(10, 784), names[3]: labels[30:, None]}
    np.savez(tmp_path / "set.npz", **arrays)

    dataset = convert_images(streams_of(str(tmp_path / "set.npz")), tmp_path / "out").dataset

    assert list(dataset.splits) == (["train", "test"] if names[2] else ["train"])
    for split, part in zip(dataset.splits, (slice(0, 30), slice(30, 40)), strict=False):
        pixels, found = mnist_data.to_numpy(dataset.location, split=split)
        np.testing.assert_array_equal(images[part], pixels, strict=True)
        assert labels[part].tolist() == found.tolist()


def test_real_npz_in_colour_is_read(tmp_path: Path) -> None:
    """Bangla digits: 32×32 in three channels."""
    folder = real_folder("cmaterdb-bangla")
    path = folder / "training-images.npz"
    dataset = convert_images(streams_of(str(path), "train"), tmp_path / "out").dataset
    with np.load(path) as file:
        original = file["images"]

    np.testing.assert_array_equal(original, mnist_data.to_numpy(dataset.location, split="train")[0])


@pytest.mark.parametrize("form", ["folder", "zip", "tar.gz"])
def test_class_folders_give_names_splits_and_pixels(
    form: str, images: Images, labels: npt.NDArray[np.int64], tmp_path: Path
) -> None:
    """Pixel for pixel; hidden files and macOS's doubles are passed over."""
    root = tmp_path / "digits"
    write_folders(root, images[:30], labels[:30], "train")
    write_folders(root, images[30:], labels[30:], "test")
    (root / "train/.DS_Store").write_bytes(b"x")
    (root / "__MACOSX/digit_0").mkdir(parents=True)
    (root / "__MACOSX/digit_0/._1.png").write_bytes(b"x")
    source = root
    if form == "zip":
        source = tmp_path / "digits.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for path in sorted(root.rglob("*")):
                archive.write(path, path.relative_to(root))
    if form == "tar.gz":
        source = tmp_path / "digits.tar.gz"
        with tarfile.open(source, "w:gz") as tar:
            tar.add(root, "digits")

    dataset = convert_images(streams_of(str(source)), tmp_path / "out", Convert(row_group_rows=8)).dataset

    assert dict(dataset.splits) == {"train": 30, "test": 10}
    assert dataset.metadata.classes == tuple(f"digit_{label}" for label in sorted(set(labels.tolist())))
    for split, part in (("train", slice(0, 30)), ("test", slice(30, 40))):
        expected = {image.tobytes(): f"digit_{label}" for image, label in zip(images[part], labels[part], strict=True)}
        assert by_pixels(dataset, split) == expected


def test_classes_are_in_natural_order(images: Images, tmp_path: Path) -> None:
    """10 after 9, and letters as they are."""
    write_folders(tmp_path / "in", images[:12], np.arange(12))

    (stream,) = streams_of(str(tmp_path / "in"))

    assert stream.classes == tuple(f"digit_{number}" for number in range(12))


def test_images_of_several_sizes_and_files_that_are_none_are_listed(images: Images, tmp_path: Path) -> None:
    """All at once, so that they can be mended at once."""
    write_folders(tmp_path / "in", images[:4], np.arange(4))
    for name in ("a.png", "b.png"):
        (tmp_path / "in/digit_0" / name).write_text("no image")

    with pytest.raises(UnreadableInput, match=r"2 files that cannot be read .*a\.png.*b\.png.*--skip-unreadable"):
        streams_of(str(tmp_path / "in"))
    for name in ("a.png", "b.png"):
        Image.fromarray(images[0][:20]).save(tmp_path / "in/digit_0" / name)
    with pytest.raises(WrongUse, match="mnist-data prepare"):
        streams_of(str(tmp_path / "in"))


REFUSED = {
    "pickle": (pickle.dumps([1, 2]), "pickle"),
    "html": (b"<!DOCTYPE html><html>404</html>", "web page"),
    "json": (b'{"error": "not found"}', "JSON"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "git lfs pull"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(60), "7z"),
    "text": (b"hello\nworld\n", "no lines of numbers"),
    "binary": (bytes(range(256)) * 8, "no lines of numbers|a number"),
    "empty": (b"", "the file is empty"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_not_read_is_named_for_what_it_is(form: str, tmp_path: Path) -> None:
    """With the next step, and never by a traceback."""
    content, named = REFUSED[form]
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(MnistDataError, match=named):
        list(streams_of(str(tmp_path / "file"))[0].rows(10))


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    """Loading them would run whatever the file says."""
    np.savez(tmp_path / "set.npz", images=np.array([{}, {}], object))

    with pytest.raises(UnreadableInput, match=r"pickle.*numpy\.savez"):
        streams_of(str(tmp_path / "set.npz"))


def test_relabel_numbers_labels_of_any_form(images: Images, tmp_path: Path) -> None:
    """65, 66, … become 0, 1, … and name the classes A, B and so on."""
    write_csv(tmp_path / "train.csv", images, np.arange(40) % 3 + 65, header=True)

    dataset = convert_images(streams_of(str(tmp_path / "train.csv")), tmp_path / "out", Convert(relabel=True)).dataset

    assert dataset.metadata.classes == ("A", "B", "C")
    assert mnist_data.load(dataset.location)["label"].tolist() == (np.arange(40) % 3).tolist()


@pytest.mark.parametrize("name", ["mnist-csv", "mnist-png/test-images.tar.gz", "cmaterdb-bangla/training-images.npz"])
def test_convert_takes_every_form(name: str, tmp_path: Path) -> None:
    """By the one public call, as by the one command."""
    result = mnist_data.convert(real_folder(name.split("/")[0]).parent / name, tmp_path / "out", progress=False)

    assert result.dataset is not None
    assert len(result.dataset) == {"mnist-csv": 110}.get(name, 3_175 if "png" in name else 5_000)
