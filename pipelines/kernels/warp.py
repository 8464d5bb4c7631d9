"""Moving and bending images: each output pixel looks up where it comes from (inverse mapping), once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from mnist_data.errors import WrongUse
from pipelines.kernels import compiled, exact_type

Matrices = npt.NDArray[np.float64]
"""(n, 2, 3): output (row, column, 1) → input (row, column), both counted from the first pixel's middle."""

Fields = npt.NDArray[np.float32]
"""(n, 2, height, width): what is added to each output pixel's input row and column, in pixels."""


def warp(images: Images, matrices: Matrices, fields: Fields | None = None, ground: float = 0.0) -> Images:
    """Resample images once, with bilinear interpolation.

    images: (n, h, w) or (n, h, w, c), any real dtype. Output pixel (i, j) is the input at
    ``matrix @ (i, j, 1) + field[:, i, j]``; what lies outside the input, by however little, is `ground`, as in
    ``scipy.ndimage`` with ``order=1, mode="constant", cval=ground``. Returns new images of the same shape and dtype;
    integers are rounded, half upwards. Calculated in float32 where that holds every pixel exactly, else in float64;
    the coordinates always in float64.

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
        # Behind the pixels some ground, for neighbours of the last one and for all that is outside.
        pixels = np.full(height * width + width + 2, ground, exact_type(images))
        bends = np.zeros((0, 2, 1, 1), np.float32) if fields is None else np.ascontiguousarray(fields, np.float32)
        _warp(planes, np.ascontiguousarray(matrices, np.float64), bends, pixels, warped, images.dtype.kind in "biu")
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
    pixels: npt.NDArray[Any],
    warped: npt.NDArray[Any],
    whole: bool,
) -> None:
    """Warp (n, h, w, c) planes, with `fields` unless that is empty. whole: round to integers.

    pixels: scratch for one plane; its type is the one calculated in. The loops run over a whole image each and
    are given whole arrays: a view for each row would cost more in reference counts than its pixels.
    """
    size, height, width, channels = planes.shape
    still = np.zeros((2, height, width), np.float32)
    starts = np.empty((height, width), np.int32)
    down = np.empty((height, width), pixels.dtype)
    right = np.empty((height, width), pixels.dtype)
    values = np.empty((height, width), pixels.dtype)
    for image in range(size):
        field = fields[image] if len(fields) else still
        _locate(matrices[image], field, starts, down, right)
        for channel in range(channels):
            _spread(planes, image, channel, pixels)
            _blend(pixels, width, starts.reshape(-1), down.reshape(-1), right.reshape(-1), values.reshape(-1))
            _collect(values, image, channel, whole, warped)


@compiled
def _locate(
    matrix: Matrices,
    field: Fields,
    starts: npt.NDArray[np.int32],
    down: npt.NDArray[Any],
    right: npt.NDArray[Any],
) -> None:
    """Find for each output pixel the upper left of its four neighbours, and how far it is beyond that.

    The inner loop has no branch, so that it is vectorised. The sums are in affine_transform's order: rounded
    differently, a coordinate would now and then fall on the other side of the edge, where the value jumps to 0.
    """
    height, width = starts.shape
    bottom, edge, outside = height - 1.0, width - 1.0, float(height * width)
    # On the last row or column the first neighbour is one step back, and the second has the whole weight.
    last_row, last_column = max(height - 2.0, 0.0), max(width - 2.0, 0.0)
    # Counted in floating point, because AVX2 has no conversion from int64.
    across = np.arange(width).astype(np.float64)
    for row in range(height):
        for column in range(width):
            y = matrix[0, 2] + row * matrix[0, 0] + across[column] * matrix[0, 1] + field[0, row, column]
            x = matrix[1, 2] + row * matrix[1, 0] + across[column] * matrix[1, 1] + field[1, row, column]
            inside = (y >= 0.0) & (y <= bottom) & (x >= 0.0) & (x <= edge)
            top = min(np.floor(y), last_row)
            left = min(np.floor(x), last_column)
            starts[row, column] = np.int32(top * width + left if inside else outside)
            down[row, column] = y - top if inside else 0.0
            right[row, column] = x - left if inside else 0.0


@compiled
def _spread(planes: npt.NDArray[Any], image: int, channel: int, pixels: npt.NDArray[Any]) -> None:
    """Copy one plane to numbers that lie together, so that the loop that looks them up need not convert."""
    _, height, width, _ = planes.shape
    for row in range(height):
        for column in range(width):
            pixels[row * width + column] = planes[image, row, column, channel]


@compiled
def _blend(
    pixels: npt.NDArray[Any],
    width: int,
    starts: npt.NDArray[np.int32],
    down: npt.NDArray[Any],
    right: npt.NDArray[Any],
    values: npt.NDArray[Any],
) -> None:
    """Interpolate between each output pixel's four neighbours: within the two rows, then between them."""
    for target in range(len(values)):
        # Unsigned, because numba would test a signed index for being counted from the end.
        upper = np.uint32(starts[target])
        lower = upper + np.uint32(width)
        above = pixels[upper] + (pixels[upper + np.uint32(1)] - pixels[upper]) * right[target]
        below = pixels[lower] + (pixels[lower + np.uint32(1)] - pixels[lower]) * right[target]
        values[target] = above + (below - above) * down[target]


@compiled
def _collect(values: npt.NDArray[Any], image: int, channel: int, whole: bool, warped: npt.NDArray[Any]) -> None:
    """Write one warped plane; an average of pixels lies between them, so nothing needs clipping."""
    _, height, width, _ = warped.shape
    for row in range(height):
        for column in range(width):
            value = values[row, column]
            warped[image, row, column, channel] = np.int32(np.floor(value + 0.5)) if whole else value
