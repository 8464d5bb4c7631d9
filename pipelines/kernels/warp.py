"""Moving and bending images: each output pixel looks up where it comes from (inverse mapping), once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from mnist_data.errors import WrongUse
from pipelines.kernels import compiled

Matrices = npt.NDArray[np.float64]
"""(n, 2, 3): output (row, column, 1) → input (row, column), both counted from the first pixel's middle."""

Fields = npt.NDArray[np.float32]
"""(n, 2, height, width): what is added to each output pixel's input row and column, in pixels."""


def warp(images: Images, matrices: Matrices, fields: Fields | None = None) -> Images:
    """Resample images once, with bilinear interpolation.

    images: (n, h, w) or (n, h, w, c), any real dtype. Output pixel (i, j) is the input at
    ``matrix @ (i, j, 1) + field[:, i, j]``; what lies outside the input, by however little, is 0, as in
    ``scipy.ndimage`` with ``order=1, mode="constant"``. Returns new images of the same shape and dtype; integers
    are rounded, half upwards. Calculated in float32 where that holds every pixel exactly, else in float64; the
    coordinates always in float64.

    >>> picture = np.array([[[0, 8], [0, 0]]], np.uint8)
    >>> warp(picture, np.array([[[1, 0, 0], [0, 1, 0.25]]]))  # each pixel takes what is a quarter to its right
    array([[[2, 0],
            [0, 0]]], dtype=uint8)
    """
    _check(images, matrices, fields)
    # numba has no arithmetic on half floats, and float32 holds each of them exactly.
    source = images.astype(np.float32) if images.dtype == np.float16 else images
    size, height, width = images.shape[:3]
    planes = np.ascontiguousarray(source).reshape(size, height, width, -1) if images.size else source
    warped = np.zeros_like(planes)
    if images.size:
        exact = np.result_type(images.dtype, np.float32)
        # Behind the pixels some zeros, for neighbours of the last one and for all that is outside.
        scratch = np.zeros((planes.shape[3], height * width + width + 2), exact)
        bends = np.zeros((0, 2, 1, 1), np.float32) if fields is None else np.ascontiguousarray(fields, np.float32)
        _warp(planes, np.ascontiguousarray(matrices, np.float64), bends, scratch, warped, images.dtype.kind in "biu")
    return warped.reshape(images.shape).astype(images.dtype, copy=False)


def _check(images: Images, matrices: Matrices, fields: Fields | None) -> None:
    if images.ndim not in (3, 4):
        raise WrongUse(f"warp: images have the shape {images.shape}; it must be (n, h, w) or (n, h, w, c).")
    size, height, width = images.shape[:3]
    if matrices.shape != (size, 2, 3) or not np.isfinite(matrices).all():
        raise WrongUse(f"warp: matrices have the shape {matrices.shape}; it must be {(size, 2, 3)}, all finite.")
    if fields is not None and fields.shape != (size, 2, height, width):
        raise WrongUse(f"warp: fields have the shape {fields.shape}; it must be {(size, 2, height, width)}.")


@compiled
def _warp(
    planes: npt.NDArray[Any],
    matrices: Matrices,
    fields: Fields,
    scratch: npt.NDArray[Any],
    warped: npt.NDArray[Any],
    whole: bool,
) -> None:
    """Warp (n, h, w, c) planes; no fields where `fields` is empty. whole: the pixels are integers."""
    size, height, width, channels = planes.shape
    still = np.zeros(width, np.float32)
    starts = np.empty(width, np.int32)
    down = np.empty(width, scratch.dtype)
    right = np.empty(width, scratch.dtype)
    values = np.empty(width, scratch.dtype)
    for image in range(size):
        _spread(planes[image], scratch)
        for row in range(height):
            row_bend = fields[image, 0, row] if len(fields) else still
            column_bend = fields[image, 1, row] if len(fields) else still
            _locate(row, height, matrices[image], row_bend, column_bend, starts, down, right)
            for channel in range(channels):
                _blend(scratch[channel], starts, down, right, values)
                if whole:
                    for column in range(width):
                        warped[image, row, column, channel] = np.int64(np.floor(values[column] + 0.5))
                else:
                    for column in range(width):
                        warped[image, row, column, channel] = values[column]


@compiled
def _spread(plane: npt.NDArray[Any], scratch: npt.NDArray[Any]) -> None:
    """Copy (h, w, c) pixels to one row of numbers a channel, so that the inner loops need no conversion."""
    height, width, channels = plane.shape
    for channel in range(channels):
        for row in range(height):
            for column in range(width):
                scratch[channel, row * width + column] = plane[row, column, channel]


@compiled
def _locate(
    row: int,
    height: int,
    matrix: Matrices,
    row_bend: npt.NDArray[np.float32],
    column_bend: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int32],
    down: npt.NDArray[Any],
    right: npt.NDArray[Any],
) -> None:
    """Find for each pixel of an output row the upper left of its four neighbours, and how far it is beyond that.

    The loop has no branch, so that it is vectorised. The sums are in scipy.ndimage's order: rounded differently,
    a coordinate would fall on the other side of the edge now and then, where the pixel's value jumps to 0.
    """
    width = len(starts)
    bottom, edge = height - 1.0, width - 1.0
    # On the last row or column the neighbour is looked up one step back, with the whole weight on the second.
    last_row, last_column = max(height - 2.0, 0.0), max(width - 2.0, 0.0)
    row_part, column_part = row * matrix[0, 0], row * matrix[1, 0]
    row_step, column_step = matrix[0, 1], matrix[1, 1]
    row_shift, column_shift = matrix[0, 2], matrix[1, 2]
    for column in range(width):
        y = row_part + column * row_step + row_shift + row_bend[column]
        x = column_part + column * column_step + column_shift + column_bend[column]
        inside = (y >= 0.0) & (y <= bottom) & (x >= 0.0) & (x <= edge)
        top = min(np.floor(y), last_row)
        left = min(np.floor(x), last_column)
        starts[column] = np.int32(top * width + left if inside else float(height * width))
        down[column] = y - top if inside else 0.0
        right[column] = x - left if inside else 0.0


@compiled
def _blend(
    pixels: npt.NDArray[Any],
    starts: npt.NDArray[np.int32],
    down: npt.NDArray[Any],
    right: npt.NDArray[Any],
    values: npt.NDArray[Any],
) -> None:
    """Interpolate between each pixel's four neighbours: first along the rows, then between them."""
    width = len(starts)
    for column in range(width):
        # Unsigned: numba would test a signed index for being counted from the end.
        start = np.uint32(starts[column])
        upper, lower = start, start + np.uint32(width)
        above = pixels[upper] + (pixels[upper + np.uint32(1)] - pixels[upper]) * right[column]
        below = pixels[lower] + (pixels[lower + np.uint32(1)] - pixels[lower]) * right[column]
        values[column] = above + (below - above) * down[column]
