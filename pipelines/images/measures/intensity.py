"""Intensity of each sample: mean, standard deviation, ink and entropy of its values, on a scale of 0 … 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """The values that the pixels of a dataset take, from low up to high, in pixel units.

    unit: what is 1 on the unit scale: uint8 is divided by 255, wider integers by the largest value, floats are as they
    stand.
    """

    low: float
    high: float
    unit: float


LARGE = 1 << 18
"""Pixels of a sample up to which a table of every count is small: 2 MB."""

BYTE_RANGE = Range(0.0, 256.0, 255.0)
"""Of uint8."""


def range_of(dtype: np.dtype[Any], lowest: float, highest: float) -> Range:
    """Give the range of a dataset whose finite pixels lie from lowest to highest; infinite where it has none."""
    if dtype == np.uint8:
        return BYTE_RANGE
    low, high = (min(0.0, lowest), highest) if lowest <= highest else (0.0, 0.0)
    if dtype.kind == "f":
        return Range(low, max(1.0, high), 1.0)
    return Range(low, high + 1, max(1.0, high))


def describe_intensity(flat: Images, limits: Range) -> dict[str, Floats]:
    """Give mean, std, ink and entropy, (n,) each, of samples, (n, pixels).

    ink: the sum of the unit-scale values. entropy: Shannon's, of 256 steps between the limits, in bits.
    """
    return _of_bytes(flat, limits.unit) if flat.dtype == np.uint8 else _of_any(flat, limits)


def _of_bytes(flat: npt.NDArray[Any], unit: float) -> dict[str, Floats]:
    """Sum whole numbers: exact, and in one look at the pixels."""
    from pipelines.kernels.accumulate import measure_bytes

    samples, pixels = flat.shape
    sums, squares, entropy = np.empty(samples, np.int64), np.empty(samples, np.int64), np.empty(samples)
    flat = np.ascontiguousarray(flat)
    measure_bytes(flat, _information(flat), sums, squares, entropy)
    std = np.sqrt((pixels * squares - sums * sums).astype(np.float64)) / (pixels * unit)
    return {"mean": sums / (pixels * unit), "std": std, "ink": sums / unit, "entropy": entropy}


def _information(flat: npt.NDArray[np.uint8]) -> Floats:
    """Give n · log2 n of each count n that a value can have in a sample, (pixels + 1,).

    Of large samples only of the counts that there are: the rest is 0, and takes no memory as long as nobody reads it.
    """
    pixels = flat.shape[1]
    if pixels <= LARGE:
        counts = np.arange(pixels + 1)
        return np.asarray(counts * np.log2(np.maximum(counts, 1)))
    table = np.zeros(pixels + 1)
    for sample in flat:
        counts = np.zeros(256, np.int64)
        for first in range(0, pixels, LARGE):
            counts += np.bincount(sample[first : first + LARGE], minlength=256)
        table[counts] = counts * np.log2(np.maximum(counts, 1))
    return table


def _of_any(flat: Images, limits: Range) -> dict[str, Floats]:
    from pipelines.kernels import without_halves
    from pipelines.kernels.accumulate import measure_entropy

    entropy = np.empty(len(flat))
    measure_entropy(without_halves(flat), limits.low, (limits.high - limits.low) / 256, entropy)
    wide = flat.astype(np.float64) / limits.unit
    with np.errstate(invalid="ignore"):  # of infinite pixels
        return {"mean": wide.mean(axis=1), "std": wide.std(axis=1), "ink": wide.sum(axis=1), "entropy": entropy}
