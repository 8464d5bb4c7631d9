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
"""A larger array is not read as a whole to see this."""

ALIKE = 0.7
"""Differences of neighbours, as a fraction of those of any two pixels, below which images are as they seem."""

CLEARLY = 1.5
"""How many times rougher the images must be as they are read, for the other order to be theirs."""

LEAST_SIDE = 10
"""Pixels a side: smaller images have too few neighbours to tell."""

SAMPLED = 500


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
    whole = np.concatenate(list(blocks))
    sample = np.unique(np.linspace(0, len(whole) - 1, SAMPLED).astype(np.int64))
    if whole.shape != tuple(shape) or _roughness(whole[sample]) < ALIKE:
        return
    other = whole.reshape(-1).reshape(shape[::-1]).T
    if _roughness(other[sample]) * CLEARLY < _roughness(whole[sample]):
        sizes = ", ".join(map(str, shape))
        raise UnreadableInput(
            path,
            "pixels in column-major order (as MATLAB and Fortran lay arrays out), so that each image is scattered over "
            "the whole file",
            "one image after the other",
            f"Read it by NumPy, put it right by values.reshape(-1).reshape(({sizes}), order='F'), and save that by "
            "numpy.savez(FILE, images=…, labels=…).",
        )


def _roughness(images: npt.NDArray[Any]) -> float:
    """Give the mean difference of neighbours as a fraction of that of any two pixels of an image; 1 for blank ones."""
    values = np.nan_to_num(images[:SAMPLED].astype(np.float64), posinf=0, neginf=0)
    flat = values.reshape(len(values), -1)
    pixels = np.random.default_rng(0).permutation(flat.shape[1])
    anywhere = np.abs(flat - flat[:, pixels]).mean() if flat.size else 0.0
    near = (np.abs(np.diff(values, axis=1)).mean() + np.abs(np.diff(values, axis=2)).mean()) / 2 if flat.size else 0.0
    return float(near / anywhere) if anywhere > 0 else 1.0
