"""Items of every shape: what is written can be read, and what cannot be read is refused before it is written."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest

from mnist_data.errors import MismatchedPair, MnistDataError, NotIdx, WrongUse
from mnist_data.idx.format import open_idx
from mnist_data.idx.pairing import Pair
from mnist_data.parquet.dataset import read_batches
from mnist_data.parquet.schema import MOST_COLUMNS, MOST_IMAGE_BYTES, Metadata, arrow_schema
from pipelines.settings.stages import Convert
from pipelines.stages.convert import convert
from pipelines.stages.export import export

BIG = 2**32 - 1


def idx(*shape: int, code: int = 8, data: bytes = b"") -> bytes:
    """Write an IDX file of this header by hand."""
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape) + data


def pair(folder: Path, images: bytes, labels: bytes) -> Pair:
    """Write a pair of files."""
    (folder / "images").write_bytes(images)
    (folder / "labels").write_bytes(labels)
    return Pair("train", str(folder / "images"), str(folder / "labels"))


@pytest.mark.parametrize("layout", ["binary", "list", "pixels"])
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("rank", [4, 5, 64, 65, 255])
def test_items_of_every_rank_come_back(tmp_path: Path, rank: int, transpose: bool, layout: str) -> None:
    """NumPy has at most 64 dimensions and IDX 255: the bytes of the source are written again all the same."""
    images = idx(2, 2, 3, *[1] * (rank - 3), data=bytes(range(12)))
    source = pair(tmp_path, images, idx(2, data=b"\0\1"))

    converted = convert([source], tmp_path / "out", Convert(transpose=transpose, layout=layout)).dataset
    exported, _ = export(converted, tmp_path / "again")

    assert converted.metadata.shape[:2] == ((3, 2) if transpose else (2, 3))
    assert exported.read_bytes() == images


@pytest.mark.parametrize("shape", [(0, BIG, BIG), (BIG, BIG, 0), (0, BIG), (BIG, 0, 1), (BIG, BIG), (1, *[2**16] * 2)])
def test_sizes_that_no_array_has_are_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """A size of 0 does not make the others small: the header is damaged, whoever reads it."""
    (tmp_path / "images").write_bytes(idx(5, *shape))

    with pytest.raises(NotIdx, match="its header announces items of"), open_idx(tmp_path / "images"):
        pass


@pytest.mark.parametrize("code", [8, 9, 0xB, 0xC, 0xD, 0xE])
@pytest.mark.parametrize("items", [0, 2])
def test_labels_without_columns_are_none(tmp_path: Path, items: int, code: int) -> None:
    """A table of labels with no column is refused by its file, whatever its type."""
    source = pair(tmp_path, idx(items, 2, 2, data=bytes(4 * items)), idx(items, 0, code=code))

    with pytest.raises(MismatchedPair, match="rows of nothing"):
        convert([source], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("shape", "dtype", "layout", "fits"),
    [
        ((16384, 16383), "uint8", "binary", True),
        ((16384, 16384), "uint8", "binary", False),
        ((16384, 16384), "uint8", "list", False),
        ((5793, 5793), "float64", "binary", False),
        ((8191, 8192), "float32", "binary", True),
        ((2**31, 1), "uint8", "list", False),
        ((256, 256), "uint8", "pixels", True),
        ((257, 256), "uint8", "pixels", False),
    ],
)
def test_images_that_could_not_be_read_are_not_written(
    shape: tuple[int, int], dtype: str, layout: str, fits: bool
) -> None:
    """Arrow writes a fixed-size value of 256 MiB and then refuses to read it; so it is refused before."""
    metadata = Metadata("large", shape, dtype, layout=layout)

    if fits:
        assert len(arrow_schema(metadata)) >= 3
    else:
        with pytest.raises(WrongUse, match=f"{MOST_IMAGE_BYTES:,}|{MOST_COLUMNS:,}"):
            arrow_schema(metadata)


def test_every_small_header_is_read_or_refused(tmp_path: Path) -> None:
    """Headers drawn at random end in a dataset that can be read, or in an error of ours, never in another."""
    rng = np.random.default_rng(5)
    sizes = [0, 1, 1, 2, 3, 28, 2**16, 2**28, BIG]
    outcomes = set()
    for number in range(200):
        items = int(rng.integers(0, 3))
        shapes = [[int(size) for size in rng.choice(sizes, rng.integers(0, most))] for most in (5, 3)]
        codes = [int(code) for code in rng.choice([8, 0xB], 2)]
        lengths = [
            min(5_000, items * math.prod(shape) * (1 if code == 8 else 2))
            for shape, code in zip(shapes, codes, strict=True)
        ]
        lengths[number % 2] += int(rng.choice([0, 0, 0, 1, -1]))
        contents = [
            idx(items, *shape, code=code, data=bytes(max(0, length)))
            for shape, code, length in zip(shapes, codes, lengths, strict=True)
        ]
        try:
            source = pair(tmp_path, *contents)
            converted = convert([source], tmp_path / f"out{number}", Convert(transpose=bool(number % 2))).dataset
            assert len(next(read_batches(converted, "train"))) == items
            outcomes.add("converted")
        except MnistDataError as error:
            outcomes.add(type(error).__name__)
    assert {"converted", "NotIdx", "WrongUse", "MismatchedPair", "TruncatedIdx", "TrailingBytes"} <= outcomes
