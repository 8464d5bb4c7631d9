"""Matches: pairs of points that are near each other, and pairs of images that agree after a small shift."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled

Floats = npt.NDArray[np.float32]

LEAD = 12
"""Axes summed up for many points at once; the others are summed only where these do not decide."""

TOGETHER = 512
"""Points summed up at once: they stay in the fastest cache."""


@compiled
def pairs_within(left: Floats, right: Floats, radius: float, same: bool, most: int) -> npt.NDArray[np.int64]:
    """Find all pairs of points at most `radius` apart: (pairs, 2), the positions in `left` and in `right`.

    left, right: (axes, n) float32, the points in ascending order on the first axis. same: left is right, and each
    pair is given once. most: pairs to find; the search ends with one more.
    """
    pairs = np.empty((1024, 2), np.int64)
    count = 0
    limit = np.float32(radius * radius)
    near = np.empty(TOGETHER, np.float32)
    axes = left.shape[0]
    lead = min(LEAD, axes)
    for point in range(left.shape[1]):
        first = point + 1 if same else np.searchsorted(right[0], left[0, point] - np.float32(radius), side="left")
        last = np.searchsorted(right[0], left[0, point] + np.float32(radius), side="right")
        for begin in range(first, last, TOGETHER):
            size = min(TOGETHER, last - begin)
            near[:size] = np.float32(0)
            for axis in range(lead):
                value = left[axis, point]
                points = right[axis, begin : begin + size]
                for place in range(size):
                    near[place] += (points[place] - value) * (points[place] - value)
            for place in range(size):
                total = near[place]
                axis = lead
                while total <= limit and axis < axes:
                    total += (right[axis, begin + place] - left[axis, point]) ** 2
                    axis += 1
                if total <= limit:
                    if count == len(pairs):
                        grown = np.empty((2 * count, 2), np.int64)
                        grown[:count] = pairs
                        pairs = grown
                    pairs[count, 0] = point
                    pairs[count, 1] = begin + place
                    count += 1
                    if count > most:
                        return pairs[:count]
    return pairs[:count]


@compiled
def match_pairs(
    inks: Floats,
    channels: int,
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    down: int,
    across: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int8]]:
    """Compare pairs of images under all shifts of up to `down` rows and `across` columns.

    inks: (n, height, width · channels) float32, each image of norm 1, 0 for the background. first, second: (pairs,).
    Gives (pairs,) the squared distance |a - b|² after the best shift, where ink shifted out of the image counts as
    different, and (pairs, 2) how many rows lower and columns further right the second lies.
    """
    squares = np.empty(len(first), np.float64)
    shifts = np.zeros((len(first), 2), np.int8)
    sums = np.empty(inks.shape[2], np.float32)
    for pair in range(len(first)):
        left, right = inks[first[pair]], inks[second[pair]]
        best = np.float32(-np.inf)
        row = column = 0
        # From no shift outwards: of equally good shifts the smallest counts.
        for step in range(2 * down + 1):
            rows = (step + 1) // 2 * (1 if step % 2 else -1)
            for side_step in range(2 * across + 1):
                columns = (side_step + 1) // 2 * (1 if side_step % 2 else -1)
                product = _product(left, right, rows, columns * channels, sums)
                if product > best:
                    best, row, column = product, rows, columns
        squares[pair] = _difference(left, right, row, column * channels)
        shifts[pair, 0], shifts[pair, 1] = row, column
    return squares, shifts


@compiled
def _product(image: Floats, other: Floats, rows: int, columns: int, sums: Floats) -> np.float32:
    """Give the inner product of an image with another moved up by `rows` and left by `columns`."""
    height, width = image.shape
    sums[:] = np.float32(0)
    left, right = max(0, -columns), min(width, width - columns)
    total = sums[: right - left]  # by column, which compiles to vector instructions
    for row in range(max(0, -rows), min(height, height - rows)):
        here, there = image[row, left:right], other[row + rows, left + columns : right + columns]
        for column in range(right - left):
            total[column] += here[column] * there[column]
    return np.float32(total.sum())


@compiled
def _difference(image: Floats, other: Floats, rows: int, columns: int) -> float:
    """Sum the squared differences exactly, over everything that either image covers."""
    height, width = image.shape
    total = 0.0
    for row in range(min(0, -rows), max(height, height - rows)):
        for column in range(min(0, -columns), max(width, width - columns)):
            value = np.float64(0)
            if 0 <= row < height and 0 <= column < width:
                value += np.float64(image[row, column])
            if 0 <= row + rows < height and 0 <= column + columns < width:
                value -= np.float64(other[row + rows, column + columns])
            total += value * value
    return total
