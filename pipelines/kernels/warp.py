"""Resampling images by inverse mapping: each output pixel is interpolated once, where it comes from in the input."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from mnist_data.errors import WrongUse
from pipelines.kernels import compiled, exact_type, without_halves

Matrices = npt.NDArray[np.float64]
"""(n, 2, 3): output (row, column, 1) → input (row, column), both counted from the first pixel's middle."""

Fields = npt.NDArray[np.float32]
"""(n, 2, height, width): what is added to each output pixel's input row and column, in pixels."""


def warp(images: Images, matrices: Matrices, fields: Fields | None = None, background: float = 0.0) -> Images:
    """Resample images once, with bilinear interpolation.

    images: (n, h, w) or (n, h, w, c), any real dtype. Output pixel (i, j) is the input at
    ``matrix @ (i, j, 1) + field[:, i, j]``; what lies outside the input, by however little, is `background`, as in
    ``scipy.ndimage`` with ``order=1, mode="constant", cval=background``. Returns new images of the same shape and
    dtype; integers are rounded, half upwards. Calculated in float32 where that holds every pixel exactly, else in
    float64; the coordinates always in float64.

    >>> images = np.array([[[0, 8], [0, 0]]], np.uint8)
    >>> warp(images, np.array([[[1, 0, 0], [0, 1, 0.25]]]))  # each pixel takes what is a quarter to its right
    array([[[2, 0],
            [0, 0]]], dtype=uint8)
    """
    _check(images, matrices, fields)
    source = without_halves(images)
    size, height, width = images.shape[:3]
    warped = np.zeros_like(source, order="C")
    if images.size:
        # The pixels are padded with background, for the last pixel's neighbours and for all that is outside.
        pixels = np.full(height * width + width + 2, background, exact_type(images))
        bends = np.zeros((0, 2, height, width), np.float32) if fields is None else fields
        _warp(
            np.ascontiguousarray(source).reshape(size, height * width, -1),
            width,
            np.ascontiguousarray(matrices, np.float64),
            np.ascontiguousarray(bends, np.float32).reshape(len(bends), 2, height * width),
            pixels,
            images.dtype.kind in "biu",
            warped.reshape(size, height * width, -1),
        )
    return warped.astype(images.dtype, copy=False)


def about_middle(linear: npt.NDArray[np.float64], shift: npt.NDArray[np.float64], height: int, width: int) -> Matrices:
    """Give the maps that turn, scale and shear about the image's middle, and then shift.

    linear: (n, 2, 2), from the output's (row, column) to the input's. shift: (n, 2) or (2,), of the output, pixels down
    and to the right.
    """
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    target = middle + shift
    # Written out, because a matrix product may sum in another order in a larger block.
    offset = middle - (linear[:, :, 0] * target[..., :1] + linear[:, :, 1] * target[..., 1:])
    return np.concatenate([linear, offset[:, :, None]], axis=2)


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
    flat: npt.NDArray[Any],
    width: int,
    matrices: Matrices,
    fields: npt.NDArray[np.float32],
    pixels: npt.NDArray[Any],
    whole: bool,
    warped: npt.NDArray[Any],
) -> None:
    """Warp images, (n, pixels, channels), with fields, (n, 2, pixels), unless there are none. whole: round.

    pixels: scratch for one plane; its type is the one calculated in. The loops run over a whole image each and
    are given whole arrays: beginning a loop anew for each row would cost as much as its pixels.
    """
    size, count, channels = flat.shape
    still = np.zeros((2, count), np.float32)
    # Counted in floating point, because AVX2 has no conversion from int64.
    rows = (np.arange(count) // width).astype(np.float64)
    columns = (np.arange(count) % width).astype(np.float64)
    starts = np.empty(count, np.int32)
    down, right, values = np.empty(count, pixels.dtype), np.empty(count, pixels.dtype), np.empty(count, pixels.dtype)
    for image in range(size):
        field = fields[image] if len(fields) else still
        _locate(matrices[image], field, rows, columns, starts, down, right)
        for channel in range(channels):
            for pixel in range(count):
                pixels[pixel] = flat[image, pixel, channel]
            _blend(pixels, width, starts, down, right, values)
            for pixel in range(count):  # an average of pixels is between them, so nothing needs clipping
                value = values[pixel]
                warped[image, pixel, channel] = np.int32(np.floor(value + 0.5)) if whole else value


@compiled
def _locate(
    matrix: Matrices,
    field: npt.NDArray[np.float32],
    rows: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
    starts: npt.NDArray[np.int32],
    down: npt.NDArray[Any],
    right: npt.NDArray[Any],
) -> None:
    """Find for each output pixel the upper left of its four neighbours, and how far it is beyond that.

    The loop has no branch, so that it is vectorised. The sums are in affine_transform's order: rounded differently, a
    coordinate would now and then fall on the other side of the edge, where the value jumps to 0.
    """
    bottom, edge, width, outside = rows[-1], columns[-1], columns[-1] + 1, float(len(rows))
    # On the last row or column the first neighbour is one step back, and the second has the whole weight.
    last_row, last_column = max(bottom - 1.0, 0.0), max(edge - 1.0, 0.0)
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, f = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    for pixel in range(len(rows)):
        y = c + rows[pixel] * a + columns[pixel] * b + field[0, pixel]
        x = f + rows[pixel] * d + columns[pixel] * e + field[1, pixel]
        inside = (y >= 0.0) & (y <= bottom) & (x >= 0.0) & (x <= edge)
        top = min(np.floor(y), last_row)
        left = min(np.floor(x), last_column)
        starts[pixel] = np.int32(top * width + left if inside else outside)
        down[pixel] = y - top if inside else 0.0
        right[pixel] = x - left if inside else 0.0


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
