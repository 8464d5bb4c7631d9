"""One resampling for all that moves pixels: an affine map and a displacement field, composed.

For each output pixel the place in the input is computed and read there by bilinear interpolation; what lies outside
the input is 0, as scipy.ndimage has it with order=1 and mode="constant".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.kernels import as_planes, compiled

Fields = npt.NDArray[np.float32]
"""(n, 2, h, w) float32: how far from its affine place each output pixel reads, rows then columns, pixels."""


def warp(images: Images, matrices: npt.NDArray[np.float64], fields: Fields | None = None) -> Images:
    """Resample each image once.

    images: (n, h, w) or (n, h, w, c), uint8 or floats; float16 is computed in float32. matrices: (n, 2, 3) float64,
    from the output's (row, column, 1) to the input's (row, column). fields: displacements added to that place.
    Returns new images of the same shape and type; uint8 is rounded half up.
    """
    planes = np.ascontiguousarray(as_planes(images))
    kind = np.dtype(np.float32) if planes.dtype == np.float16 else planes.dtype
    planes = planes.astype(kind, copy=False)
    warped = np.empty_like(planes)
    if images.size:
        none = np.empty((0, 2, 0, 0), np.float32)
        rounding = 0.5 if kind.kind in "ui" else 0.0
        _warp(planes, matrices, none if fields is None else fields, fields is not None, rounding, warped)
    return warped.reshape(images.shape).astype(images.dtype, copy=False)


@compiled
def _warp(planes: Any, matrices: Any, fields: Any, bent: bool, rounding: float, warped: Any) -> None:
    size, height, width, channels = planes.shape
    rows, columns = np.empty(width), np.empty(width)
    # An image of one row or column has no second one to read; its weight is 0 there, so the first will do.
    below, beside = min(1, height - 1), min(1, width - 1)
    for image in range(size):
        matrix = matrices[image]
        for row in range(height):
            for column in range(width):
                rows[column] = row * matrix[0, 0] + column * matrix[0, 1] + matrix[0, 2]
                columns[column] = row * matrix[1, 0] + column * matrix[1, 1] + matrix[1, 2]
            if bent:
                for column in range(width):
                    rows[column] += fields[image, 0, row, column]
                    columns[column] += fields[image, 1, row, column]
            for column in range(width):
                at_row, at_column = rows[column], columns[column]
                if 0 <= at_row <= height - 1 and 0 <= at_column <= width - 1:
                    first, left = min(int(at_row), height - 1 - below), min(int(at_column), width - 1 - beside)
                    down, right = np.float32(at_row - first), np.float32(at_column - left)
                    for channel in range(channels):
                        a = np.float32(planes[image, first, left, channel])
                        b = np.float32(planes[image, first, left + beside, channel])
                        c = np.float32(planes[image, first + below, left, channel])
                        d = np.float32(planes[image, first + below, left + beside, channel])
                        upper, lower = a + (b - a) * right, c + (d - c) * right
                        warped[image, row, column, channel] = upper + (lower - upper) * down + rounding
                else:
                    for channel in range(channels):
                        warped[image, row, column, channel] = 0
