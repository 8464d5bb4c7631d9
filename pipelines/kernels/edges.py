"""Edges as Canny finds them: one pixel wide, where the brightness changes fastest.

Canny: A computational approach to edge detection (IEEE PAMI 8, 1986). Smooth; take the gradient (Sobel); keep where it
is highest across the edge; keep weak edges only where they are connected to a strong one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled
from pipelines.kernels.optics import gaussian, smooth

LOW, HIGH = 0.1, 0.2
"""Gradients of a weak and of a strong edge, as Sobel's weights (1 2 1) sum them up: a step from the background to the
white level gives 4."""


def find_edges(planes: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """Give the edges of images, (n, h, w), as 1 on 0.

    sigma: of the Gaussian, pixels. The outermost pixels are never edges: their gradient would be that of the border.
    """
    edges = np.zeros_like(planes)
    _find_edges(planes, gaussian(sigma), np.float32(LOW), np.float32(HIGH), edges)
    return edges


@compiled
def _find_edges(planes: Any, weights: Any, low: Any, high: Any, edges: npt.NDArray[np.float32]) -> None:
    size, height, width = planes.shape
    tall = np.empty((height + len(weights) - 1, width), np.float32)
    wide = np.empty(width + len(weights) - 1, np.float32)
    smoothed = np.empty((height, width), np.float32)
    slopes = np.zeros((3, height, width), np.float32)
    stack = np.empty(height * width, np.int64)
    for image in range(size):
        smooth(planes[image], weights, wide, tall, smoothed)
        _slopes(smoothed, slopes)
        _follow(slopes, low, high, stack, edges[image])


@compiled
def _slopes(plane: Any, slopes: Any) -> None:
    """Fill (3, h, w) with the gradient down, across, and its length, but for the outermost pixels."""
    height, width = plane.shape
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            north, south = plane[row - 1], plane[row + 1]
            corners = south[column + 1] - north[column - 1], south[column - 1] - north[column + 1]
            down = corners[0] + corners[1] + 2 * (south[column] - north[column])
            right = corners[0] - corners[1] + 2 * (plane[row, column + 1] - plane[row, column - 1])
            slopes[0, row, column], slopes[1, row, column] = down, right
            slopes[2, row, column] = np.sqrt(down * down + right * right)


@compiled
def _is_crest(slopes: Any, row: int, column: int) -> bool:
    """Say whether the gradient is nowhere larger one step up or down the slope, between the pixels there."""
    down, right, length = slopes[0, row, column], slopes[1, row, column], slopes[2]
    steep = abs(down) >= abs(right)
    fraction = abs(right) / abs(down) if steep else abs(down) / abs(right)
    row_step, column_step = (1 if down > 0 else -1), (1 if right > 0 else -1)
    for sign in (1, -1):
        y, x = sign * row_step, sign * column_step
        straight = length[row + y, column] if steep else length[row, column + x]
        between = straight + (length[row + y, column + x] - straight) * fraction
        if between > length[row, column]:
            return False
    return True


@compiled
def _follow(slopes: Any, low: Any, high: Any, stack: Any, edges: Any) -> None:
    """Mark the crests above `low` that a chain of such, touching also at corners, joins with one above `high`."""
    height, width = edges.shape
    count = 0
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            if slopes[2, row, column] >= low and _is_crest(slopes, row, column):
                edges[row, column] = 0.5  # weak until it is reached
                if slopes[2, row, column] >= high:
                    edges[row, column] = 1
                    stack[count] = row * width + column
                    count += 1
    while count:
        count -= 1
        row, column = stack[count] // width, stack[count] % width
        for other_row in range(row - 1, row + 2):
            for other_column in range(column - 1, column + 2):
                if edges[other_row, other_column] == 0.5:
                    edges[other_row, other_column] = 1
                    stack[count] = other_row * width + other_column
                    count += 1
    for row in range(height):
        for column in range(width):
            edges[row, column] = edges[row, column] == 1
