"""Isolated pixels: a value far from all of its neighbours, as salt and pepper noise or a dead sensor leaves it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.kernels import as_planes, compiled


def repair_outliers(images: Images, threshold: float) -> tuple[Images, npt.NDArray[np.int64]]:
    """Replace isolated pixels by the median of their neighbours.

    images: (n, h, w) or (n, h, w, c). threshold: a pixel is isolated where it lies more than this outside the range of
    its up to eight neighbours, in pixel units. All pixels are compared in the image as it was.
    Returns new images and, (n,) int64, how many pixels were replaced in each.
    """
    planes = as_planes(images)
    repaired = planes.copy()
    counts = np.zeros(len(images), np.int64)
    if images.size:
        _repair(planes, repaired, counts, float(threshold))
    return repaired.reshape(images.shape), counts


@compiled
def _repair(
    planes: npt.NDArray[np.float64],
    repaired: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    threshold: float,
) -> None:
    near = np.empty(8, np.float64)
    size, height, width, channels = planes.shape
    for image in range(size):
        for row in range(height):
            for column in range(width):
                for channel in range(channels):
                    count = _neighbours(planes[image, :, :, channel], row, column, near)
                    value = float(planes[image, row, column, channel])
                    low, high = near[:count].min() if count else value, near[:count].max() if count else value
                    if value > high + threshold or value < low - threshold:
                        repaired[image, row, column, channel] = np.median(near[:count])
                        counts[image] += 1


@compiled
def _neighbours(plane: npt.NDArray[np.float64], row: int, column: int, near: npt.NDArray[np.float64]) -> int:
    count = 0
    for other_row in range(max(0, row - 1), min(plane.shape[0], row + 2)):
        for other_column in range(max(0, column - 1), min(plane.shape[1], column + 2)):
            if other_row != row or other_column != column:
                near[count] = plane[other_row, other_column]
                count += 1
    return count
