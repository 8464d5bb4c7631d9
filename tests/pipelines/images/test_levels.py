"""Levels: what counts as background and the white level follows a dataset through its normalization."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mnist_data
from mnist_data.errors import WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.images.border import outermost
from pipelines.images.levels import Levels, levels_of
from pipelines.settings.stages import Normalize
from pipelines.stages.convert import convert
from pipelines.stages.normalize import normalize


def test_bytes_go_from_0_to_255(digits: Dataset) -> None:
    """As they are, and as they are when nothing is scaled."""
    assert levels_of(digits.metadata) == Levels(0, 255)


@pytest.mark.parametrize(
    ("params", "background", "full"),
    [
        (Normalize(), 0, 1),
        (Normalize(dtype="uint8"), 0, 255),
        (Normalize(scale="none"), 0, 255),
    ],
)
def test_scaled_pixels_have_the_levels_of_their_scale(
    params: Normalize, background: float, full: float, digits: Dataset, tmp_path: Path
) -> None:
    """A scale that is not touched stays; the unit scale ends at 1, or 255 as bytes."""
    assert levels_of(normalize(digits, tmp_path / "scaled", params).metadata) == Levels(background, full)


def test_standardized_levels_are_the_values_that_0_and_255_became(digits: Dataset, tmp_path: Path) -> None:
    """Compared with the pixels themselves: the smallest and the largest of the training split."""
    scaled = normalize(digits, tmp_path / "scaled", Normalize(scale="standardize"))
    images = mnist_data.to_numpy(scaled.location, "train")[0]

    found = levels_of(scaled.metadata)

    assert found.background == pytest.approx(images.min())
    assert found.white == pytest.approx(images.max())


def test_of_other_types_full_ink_is_known_only_once_they_are_normalized(tmp_path: Path) -> None:
    """Nobody knows how far 16-bit pixels go; asking for a fraction of the white level says what to do."""
    idx.write(tmp_path / "train-images-idx3-short", np.arange(24, dtype=">i2").reshape(6, 2, 2))
    idx.write(tmp_path / "train-labels-idx1-ubyte", np.arange(6, dtype=np.uint8))
    source = convert(find_pairs(tmp_path), tmp_path / "out").dataset

    found = levels_of(source.metadata)

    assert found == Levels(0, None)
    with pytest.raises(WrongUse, match="normalize the dataset first"):
        found.fraction(np.zeros((1, 2, 2), np.int16))
    assert levels_of(normalize(source, tmp_path / "scaled").metadata) == Levels(0, 1)


@pytest.mark.parametrize("kind", ["uint8", "int16", "int32", "float16", "float32", "float64"])
def test_pixels_survive_the_way_to_shares_and_back(kind: str) -> None:
    """Whole numbers exactly, floats to their last digits; what lies outside is clipped."""
    levels = Levels(0, 255) if kind != "float16" else Levels(0, 1)
    images = np.linspace(0, levels.white or 0, 256).reshape(1, 16, 16).astype(kind)

    back = levels.pixels(levels.fraction(images), images.dtype)

    np.testing.assert_allclose(images, back, rtol=1e-6)
    assert back.dtype == images.dtype
    assert levels.pixels(np.array([-1.0, 2.0]), np.dtype(kind)).tolist() == [0, levels.white]


@pytest.mark.parametrize(("height", "width", "inner"), [(1, 1, 0), (2, 5, 0), (3, 3, 1), (5, 4, 6)])
def test_the_border_is_the_outermost_rows_and_columns(height: int, width: int, inner: int) -> None:
    """Of images of up to two rows or columns it is the whole image."""
    border = outermost(height, width)

    assert border.shape == (height, width)
    assert border[[0, -1]].all()
    assert border[:, [0, -1]].all()
    assert (~border).sum() == inner
