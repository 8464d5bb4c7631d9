"""Compiled loops: arrays in, new arrays out, no files. Tests compare them with scipy.ndimage."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_data.compiled import compiled

if TYPE_CHECKING:
    from mnist_data.batch import Images

__all__ = ["as_planes", "compiled", "exact_type", "without_halves"]


def without_halves(images: Images) -> Images:
    """Give half floats as float32, which holds each of them exactly: numba has no arithmetic on them."""
    return images.astype(np.float32) if images.dtype == np.float16 else images


def exact_type(images: Images) -> np.dtype[Any]:
    """Give the type to calculate in: float32 where that holds every pixel exactly, else float64."""
    return np.result_type(images.dtype, np.float32)


def as_planes(images: Images) -> Images:
    """View images, (n, h, w) or (n, h, w, c), as (n, h, w, channels), also where there are none."""
    return images.reshape(*images.shape[:3], math.prod(images.shape[3:]))
