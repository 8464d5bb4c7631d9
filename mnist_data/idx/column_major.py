"""Arrays written column by column over all images, as MATLAB and Fortran lay them out, under a header that says else.

Each of their images, as read, is one pixel of many images. So its neighbouring values are no more alike than any two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput

MAX_BYTES = 1 << 30
"""A larger array is not read to its end to see this."""

ALIKE = 0.7
"""Differences of neighbours, as a fraction of those of any two pixels, below which images are as they seem."""

CLEARLY = 1.5
"""How many times rougher the images must be as they are read, for the other order to be theirs."""

LEAST_SIDE = 10
"""Pixels a side: smaller images have too few neighbours to tell."""

SAMPLED = 500
"""Images that decide."""

PIXELS = 1 << 20
"""Pixels that decide: of large images fewer, at least one, and of very large ones the middle."""


def require_row_major(
    path: str, shape: Sequence[int], first: npt.NDArray[Any], blocks: Iterable[npt.NDArray[Any]]
) -> None:
    """Raise UnreadableInput for an array in column-major order.

    shape: (n, h, w) of the whole. first: its first items. blocks: all of them, which are read only where the first
    have no rows and columns. Other shapes, and arrays beyond MAX_BYTES, are not looked at.
    """
    small = math.prod(shape) * first.dtype.itemsize <= MAX_BYTES
    if len(shape) != 3 or shape[0] < 3 or min(shape[1:]) < LEAST_SIDE or not small or _roughness(first) < ALIKE:
        return
    as_read, scattered = _both_orders((shape[0], shape[1], shape[2]), first.dtype, blocks)
    roughness = _roughness(as_read)
    if roughness >= ALIKE and _roughness(scattered) * CLEARLY < roughness:
        sizes = ", ".join(map(str, shape))
        raise UnreadableInput(
            path,
            "pixels in column-major order (as MATLAB and Fortran lay arrays out), so that each image is scattered over "
            "the whole file",
            "one image after the other",
            f"Read it by NumPy, put it right by values.reshape(-1).reshape(({sizes}), order='F'), and save that by "
            "numpy.savez(FILE, images=…, labels=…).",
        )


def _both_orders(
    shape: tuple[int, int, int], dtype: np.dtype[Any], blocks: Iterable[npt.NDArray[Any]]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Give some images of an array, (n, h, w), as they are read and in column-major order, (some, h, w) each.

    The array is read once, block by block, and let go; memory is bounded by a block and the images. Of an array that
    ends early there are none.
    """
    count, height, width = shape
    sample = np.unique(np.linspace(0, count - 1, max(1, min(SAMPLED, PIXELS // (height * width)))).astype(np.int64))
    as_read, scattered = (np.zeros((len(sample), height * width), dtype) for _ in range(2))
    done = 0
    for block in blocks:
        rows, values = block.reshape(len(block), height * width), block.reshape(-1)
        here = (sample >= done) & (sample < done + len(rows))
        as_read[here] = rows[sample[here] - done]
        begin = done * height * width
        for number, image in enumerate(sample.tolist()):  # whose pixel k is the value k · count + image of the file
            first = max(0, -(-(begin - image) // count))
            pixels = values[first * count + image - begin :: count]
            scattered[number, first : first + len(pixels)] = pixels
        done += len(rows)
    if done != count:
        as_read, scattered = as_read[:0], scattered[:0]
    return (
        as_read.reshape(-1, height, width),
        scattered.reshape(-1, width, height).swapaxes(1, 2),
    )


def _roughness(images: npt.NDArray[Any]) -> float:
    """Give the mean difference of neighbours as a fraction of that of any two pixels of an image; 1 for blank ones."""
    values = np.nan_to_num(_middle(images[:SAMPLED]).astype(np.float64), posinf=0, neginf=0)
    flat = values.reshape(len(values), -1)
    pixels = np.random.default_rng(0).permutation(flat.shape[1])
    anywhere = np.abs(flat - flat[:, pixels]).mean() if flat.size else 0.0
    near = (np.abs(np.diff(values, axis=1)).mean() + np.abs(np.diff(values, axis=2)).mean()) / 2 if flat.size else 0.0
    return float(near / anywhere) if anywhere > 0 else 1.0


def _middle(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give as many images as have PIXELS pixels, at least one, and of one that has more its middle."""
    height, width = images.shape[1:]
    if height * width <= PIXELS:
        return images[: PIXELS // (height * width)]
    side = math.isqrt(PIXELS)
    top, left = (max(0, length - side) // 2 for length in (height, width))
    return images[:1, top : top + side, left : left + side]
