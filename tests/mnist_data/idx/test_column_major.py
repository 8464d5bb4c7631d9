"""Arrays in column-major order under a header that says else are refused, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import mnist_data
from mnist_data.errors import UnreadableInput
from mnist_data.idx import format as idx
from mnist_data.idx.column_major import require_row_major


def column_major(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give the values in the order of Fortran under the shape that they had."""
    return np.frombuffer(np.asfortranarray(images).tobytes(order="A"), images.dtype).reshape(images.shape)


def check(images: npt.NDArray[Any]) -> None:
    """Check a whole array by its first hundred items, and all in blocks."""
    require_row_major("file", images.shape, images[:100], np.array_split(images, 7))


@pytest.mark.parametrize("form", ["idx", "npz", "npy"])
def test_a_scattered_set_is_refused_with_the_line_that_puts_it_right(
    form: str, sample_idx: Path, tmp_path: Path
) -> None:
    """In any form; and the line does."""
    images = idx.read(next(sample_idx.glob("*train-images*")))[:400]
    labels = idx.read(next(sample_idx.glob("*train-labels*")))[:400]
    scattered = column_major(images)
    if form == "idx":
        idx.write(tmp_path / "train-images-idx3-ubyte", scattered)
        idx.write(tmp_path / "train-labels-idx1-ubyte", labels)
    elif form == "npz":
        np.savez(tmp_path / "a.npz", x_train=scattered, y_train=labels)
    else:
        np.save(tmp_path / "x_train.npy", scattered)
        np.save(tmp_path / "y_train.npy", labels)

    with pytest.raises(UnreadableInput, match="column-major") as refusal:
        mnist_data.convert(tmp_path, tmp_path / "out", progress=False)

    line = str(refusal.value).split("right by values")[1].split(", and save")[0]
    np.testing.assert_array_equal(images, eval("values" + line, {"values": scattered}))


def test_other_images_pass(sample_idx: Path) -> None:
    """As they are, transposed, of noise, blank, too small, and none."""
    images = idx.read(next(sample_idx.glob("*train-images*")))[:300]
    noise = np.random.default_rng(1).integers(0, 256, (150, 9, 11), np.uint8)

    for other in (
        images,
        images.swapaxes(1, 2),
        255 - images,
        noise,
        images * 0,
        images[:1],
        images[:0],
        images[:, :1],
    ):
        check(other)
    with pytest.raises(UnreadableInput, match="column-major"):
        check(column_major(images))
