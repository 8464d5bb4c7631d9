"""Items of every shape that IDX can announce: each command takes them, or refuses them before it writes anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mnist_data
from mnist_data.errors import MnistDataError, WrongUse
from mnist_data.idx.format import Header, Writer, read, write

VOLUMES = (3, 4, 2, 2)
DEEP = (*[1] * 252, 5, 7)

COMMANDS: dict[str, Callable[[Path, Path], object]] = {
    "clean": mnist_data.clean,
    "normalize": mnist_data.normalize,
    "split": lambda source, out: mnist_data.split(source, out, by="label"),
    "augment": mnist_data.augment,
    "preview": lambda source, out: mnist_data.augment(source, out, preview=True),
    "corrupt": lambda source, out: mnist_data.corrupt(source, out, split="train"),
    "stats": lambda source, out: mnist_data.stats(source, out=out),
    "diff": lambda source, out: mnist_data.diff(source, source, out=out),
    "drift": lambda source, out: mnist_data.drift(source, source, out=out),
    "png": lambda source, out: mnist_data.export(source, out, form="folders"),
    "csv": lambda source, out: mnist_data.export(source, out, form="csv"),
}


def idx_files(folder: Path, item_shape: tuple[int, ...], items: int = 6) -> Path:
    """Write a pair of IDX files, of items of any number of dimensions."""
    folder.mkdir()
    header = Header(np.dtype("u1"), (items, *item_shape))
    with (folder / "train-images-idx3-ubyte").open("wb") as file:
        writer = Writer(file, header)
        writer.write(np.arange(items * header.item_bytes, dtype=np.uint8).reshape(items, *header.array_shape))
    write(folder / "train-labels-idx1-ubyte", np.arange(items, dtype=np.uint8) % 3)
    return folder


@pytest.mark.parametrize("shape", [VOLUMES, DEEP], ids=["volumes", "255 dimensions"])
def test_items_that_are_no_images_are_converted_and_else_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    """By a message of one readable line, with nothing left behind; as IDX they come out as they went in."""
    source = idx_files(tmp_path / "idx", shape)
    mnist_data.convert(source, tmp_path / "data", progress=False)
    mnist_data.export(tmp_path / "data", tmp_path / "back")

    [images] = (tmp_path / "back").glob("*images*")
    assert images.read_bytes() == (source / "train-images-idx3-ubyte").read_bytes()
    assert mnist_data.info(tmp_path / "data").findings["shape"] == list(shape)
    there = set(tmp_path.iterdir())
    for name, command in COMMANDS.items():
        with pytest.raises(WrongUse) as refusal:
            command(tmp_path / "data", tmp_path / "out")
        assert len(str(refusal.value)) < 400, name
        assert set(tmp_path.iterdir()) == there, name


@pytest.mark.parametrize("shape", [(3, 8, 7), (8, 7, 6), VOLUMES, (1, 5, 1, 4, 1)])
def test_an_npz_of_volumes_is_read_back_by_their_size(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Without it no array is taken for volumes; the refusal says which size to give."""
    mnist_data.convert(idx_files(tmp_path / "idx", shape), tmp_path / "data", progress=False)
    mnist_data.export(tmp_path / "data", tmp_path / "data.npz", form="npz")
    size = "x".join(map(str, shape))
    if shape in ((8, 7, 6), VOLUMES):
        with pytest.raises(WrongUse, match=f"holds volumes; .* --size {size} takes its items as they are"):
            mnist_data.convert(tmp_path / "data.npz", tmp_path / "back", progress=False)

    mnist_data.convert(tmp_path / "data.npz", tmp_path / "back", size=size, progress=False)

    for given, back in zip(*(mnist_data.load(tmp_path / name)["image"] for name in ("data", "back")), strict=True):
        assert given == back
    assert mnist_data.info(tmp_path / "back").findings["shape"] == list(shape)


def test_an_array_of_more_dimensions_than_numpy_has_is_not_written(tmp_path: Path) -> None:
    """Neither NumPy nor we could read it; one of 64 dimensions is written, and NumPy reads it."""
    deepest = idx_files(tmp_path / "idx", (*[1] * 61, 5, 7))
    mnist_data.convert(deepest, tmp_path / "data", progress=False)
    mnist_data.export(tmp_path / "data", tmp_path / "data.npz", form="npz")
    with np.load(tmp_path / "data.npz") as arrays:
        assert arrays["x_train"].shape == (6, *[1] * 61, 5, 7)
    mnist_data.convert(idx_files(tmp_path / "deeper", (*[1] * 62, 5, 7)), tmp_path / "more", progress=False)

    with pytest.raises(WrongUse, match="at most 64 dimensions.*--form idx"):
        mnist_data.export(tmp_path / "more", tmp_path / "more.npz", form="npz")
    assert not (tmp_path / "more.npz").exists()


@pytest.mark.parametrize("shape", [(0, 0), (0, 28), (28, 0, 3), (0, 2**32 - 1), (2**14, 2**14 + 1), (2**32 - 1,) * 3])
def test_images_without_pixels_or_with_too_many_are_refused_by_every_reader(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    """By their header, before memory is reserved for them; `info` describes those that have no pixels."""
    (tmp_path / "idx").mkdir()
    header = Header(np.dtype("u1"), (5, *shape))
    path = tmp_path / "idx" / "train-images-idx3-ubyte"
    path.write_bytes(header.encode())
    write(tmp_path / "idx" / "train-labels-idx1-ubyte", np.zeros(5, np.uint8))

    with pytest.raises(MnistDataError, match=r"items of at most|holds images of 1 to"):
        mnist_data.convert(tmp_path / "idx", tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
    if 0 in shape and max(shape) < 2**32 - 1:
        assert read(path).shape == (5, *shape)
        assert "convert" in mnist_data.info(tmp_path / "idx").findings
        return
    with pytest.raises(MnistDataError, match="items of at most"):
        mnist_data.info(tmp_path / "idx")


@pytest.mark.parametrize("shape", [(5, 0), (5, 2**32 - 1), (5, 0, 2**32 - 1)])
def test_labels_that_are_none_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    """A table without columns, and those of more bytes than memory has; `info` says of the first that it is refused."""
    (tmp_path / "idx").mkdir()
    write(tmp_path / "idx" / "train-images-idx3-ubyte", np.zeros((5, 4, 4), np.uint8))
    labels = tmp_path / "idx" / "train-labels-idx2-int"
    labels.write_bytes(Header(np.dtype(">i4"), shape).encode())

    with pytest.raises(MnistDataError, match="train-labels-idx2-int"):
        mnist_data.convert(tmp_path / "idx", tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
    if shape == (5, 0):
        [note] = mnist_data.info(tmp_path / "idx").findings["notes"]
        assert note.startswith("convert refuses it")
        return
    with pytest.raises(MnistDataError, match="train-labels-idx2-int"):
        mnist_data.info(tmp_path / "idx")


def test_images_whose_lines_could_not_be_read_are_not_written_as_csv(tmp_path: Path) -> None:
    """The longest line that is read holds 1.3 million floats; the refusal comes before anything is written."""
    (tmp_path / "idx").mkdir()
    write(tmp_path / "idx" / "train-images-idx3-double", np.zeros((1, 1160, 1160)))
    write(tmp_path / "idx" / "train-labels-idx1-ubyte", np.zeros(1, np.uint8))
    mnist_data.convert(tmp_path / "idx", tmp_path / "data", progress=False)

    with pytest.raises(WrongUse, match=r"1160×1160 float64; as CSV each is a line.* --form idx"):
        mnist_data.export(tmp_path / "data", tmp_path / "csv", form="csv")
    assert not (tmp_path / "csv").exists()
