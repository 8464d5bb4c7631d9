"""Perspective: one edge of the image nearer to the eye than the other, as displacements for the warp."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled
from pipelines.kernels.warp import Fields, Matrices

NEAREST = 0.05
"""Where the image would be this close to the eye or behind it there is nothing to see."""


def add_perspective(
    fields: Fields, matrices: Matrices, rightward: npt.NDArray[Any], downward: npt.NDArray[Any]
) -> None:
    """Add to `fields`, in place, what a tilt of each image moves its points by after its matrix.

    A point u from the image's middle, where the matrix leads, is read at u / (1 + rightward · u_x / (w / 2) +
    downward · u_y / (h / 2)): the homography whose last row is not (0, 0, 1) (Hartley and Zisserman: Multiple view
    geometry, 2003, section 2.3). rightward, downward: (n,), 0 for no tilt; 0.1 brings that edge a tenth nearer.
    """
    if fields.size:
        tilts = np.stack([downward, rightward], axis=1).astype(np.float64)
        _add(fields, np.ascontiguousarray(matrices, np.float64), tilts)


@compiled
def _add(fields: Any, matrices: Any, tilts: Any) -> None:
    size, _, height, width = fields.shape
    middle, centre = (height - 1) / 2, (width - 1) / 2
    for image in range(size):
        down, right = tilts[image, 0] / (height / 2), tilts[image, 1] / (width / 2)
        if down == 0 and right == 0:
            continue
        matrix = matrices[image]
        for row in range(height):
            for column in range(width):
                y = matrix[0, 0] * row + matrix[0, 1] * column + matrix[0, 2] - middle
                x = matrix[1, 0] * row + matrix[1, 1] * column + matrix[1, 2] - centre
                nearness = 1 + down * y + right * x
                if nearness < NEAREST:
                    fields[image, 0, row, column] = np.inf  # outside
                else:
                    fields[image, 0, row, column] += y / nearness - y
                    fields[image, 1, row, column] += x / nearness - x
