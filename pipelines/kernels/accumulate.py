"""Sums over many images, pixel by pixel and class by class, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled

WAYS = 4


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
def count_values(
    flat: npt.NDArray[Any],
    classes: npt.NDArray[np.int64],
    low: float,
    width: float,
    histogram: npt.NDArray[np.int64],
) -> None:
    """Count the values of images, (n, pixels), into their class's bins, (classes, bins), of equal width from `low`.

    What lies outside goes to the bin at that end.
    """
    last = histogram.shape[1] - 1
    for image in range(flat.shape[0]):
        row = classes[image]
        for pixel in range(flat.shape[1]):
            position = int((float(flat[image, pixel]) - low) / width)
            histogram[row, min(max(position, 0), last)] += 1


@compiled
def measure_entropy(flat: npt.NDArray[Any], low: float, width: float, entropy: npt.NDArray[np.float64]) -> None:
    """Write Shannon's entropy, in bits, of each image's 256 bins of equal width from `low`."""
    bins = np.zeros(256, np.int64)
    for image in range(flat.shape[0]):
        bins[:] = 0
        for pixel in range(flat.shape[1]):
            position = int((float(flat[image, pixel]) - low) / width)
            bins[min(max(position, 0), 255)] += 1
        information = 0.0
        for count in bins:
            if count:
                information += count * np.log2(count)
        entropy[image] = max(0.0, np.log2(flat.shape[1]) - information / flat.shape[1])


@compiled
def count_bytes(flat: npt.NDArray[np.uint8], classes: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> None:
    """Count each of the 256 values of 8-bit images, (n, pixels), into their class's row of counts, (classes, 256)."""
    bins = np.zeros((counts.shape[0], WAYS, 256), np.int64)
    for image in range(flat.shape[0]):
        _spread(flat[image], bins[classes[image]])
    counts += bins.sum(axis=1)


@compiled
def measure_bytes(
    flat: npt.NDArray[np.uint8],
    weights: npt.NDArray[np.float64],
    sums: npt.NDArray[np.int64],
    squares: npt.NDArray[np.int64],
    entropy: npt.NDArray[np.float64],
) -> None:
    """Write the sum, the sum of squares and Shannon's entropy, in bits, of each 8-bit image, (n, pixels).

    weights: (pixels + 1,), count * log2(count) of each count there can be.
    """
    bins = np.zeros((WAYS, 256), np.int64)
    for image in range(flat.shape[0]):
        _spread(flat[image], bins)
        total = square = 0
        information = 0.0
        for value in range(256):
            count = 0
            for way in range(WAYS):
                count += bins[way, value]
            total += count * value
            square += count * value * value
            information += weights[count]
        sums[image], squares[image] = total, square
        entropy[image] = max(0.0, np.log2(flat.shape[1]) - information / flat.shape[1])
        bins[:] = 0


@compiled
def _spread(image: npt.NDArray[np.uint8], bins: npt.NDArray[np.int64]) -> None:
    """Count the values of one image into WAYS rows in turn, for most are background and one counter would stall."""
    whole = image.size // WAYS * WAYS
    for first in range(0, whole, WAYS):
        for way in range(WAYS):
            bins[way, image[first + way]] += 1
    for pixel in range(whole, image.size):
        bins[0, image[pixel]] += 1
