"""Sums over many images, pixel by pixel and class by class, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled


@compiled
def accumulate(
    flat: npt.NDArray[Any],
    classes: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    sums: npt.NDArray[Any],
    squares: npt.NDArray[Any],
    lowest: npt.NDArray[Any],
    highest: npt.NDArray[Any],
    nonzero: npt.NDArray[np.int64],
) -> None:
    """Add images, (n, pixels), to the sums of their classes, each (classes, pixels).

    classes: (n,), the row in the sums of each image.
    """
    for image in range(flat.shape[0]):
        row = classes[image]
        counts[row] += 1
        for pixel in range(flat.shape[1]):
            value = flat[image, pixel]
            wide = sums.dtype.type(value)
            sums[row, pixel] += wide
            squares[row, pixel] += wide * wide
            lowest[row, pixel] = min(lowest[row, pixel], value)
            highest[row, pixel] = max(highest[row, pixel], value)
            nonzero[row, pixel] += value != 0


@compiled
def count_values(flat: npt.NDArray[Any], low: float, width: float, histogram: npt.NDArray[np.int64]) -> None:
    """Count values into bins of equal width from `low`; what lies outside goes to the bin at that end."""
    last = len(histogram) - 1
    for value in flat:
        position = int((float(value) - low) / width)
        histogram[min(max(position, 0), last)] += 1
