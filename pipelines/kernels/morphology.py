"""Thickening and thinning of strokes: grey-scale morphology with a soft-edged disc."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.kernels import as_planes, compiled, exact_type, without_halves


def thicken(images: Images, amounts: npt.NDArray[Any], background: float = 0.0) -> Images:
    """Move the edges of the strokes outwards, or inwards where the amount is negative, by so many pixels.

    images: (n, h, w) or (n, h, w, c), any real type, ink brighter than `background`. amounts: (n,), fractions of pixels
    included; 0 leaves an image as it is. New images.

    Dilation by a disc of radius r (Serra: Image analysis and mathematical morphology, 1982) whose rim is soft: a pixel
    becomes the greatest of the pixels around it, each counted by how much of it the disc covers, min(1, r + 1 - d) at
    the distance d. So grey edges stay grey, and the result changes with r without jumps. Thinning is the same done to
    the background: to how far each pixel is below the image's brightest.
    """
    planes = as_planes(without_halves(images))
    height, width, channels = planes.shape[1:]
    flat = np.ascontiguousarray(planes.transpose(0, 3, 1, 2)).reshape(-1, height * width)
    changed = flat.copy()
    if images.size:
        each = np.repeat(np.asarray(amounts, np.float64), channels)
        inside = rows_end(height, width, int(np.ceil(np.abs(each).max()))).astype(exact_type(images))
        _thicken(flat, width, each, float(background), inside, images.dtype.kind in "biu", changed)
    restored = changed.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(images.shape)
    return np.ascontiguousarray(restored.astype(images.dtype, copy=False))


def rows_end(height: int, width: int, reach: int) -> npt.NDArray[np.bool_]:
    """Say for each offset from -reach to reach columns which pixels have a neighbour there, (offsets, pixels)."""
    columns = np.arange(width) + np.arange(-reach, reach + 1)[:, None]
    return np.tile((columns >= 0) & (columns < width), (1, height))


@compiled
def _thicken(flat: Any, width: int, amounts: Any, background: float, inside: Any, whole: bool, changed: Any) -> None:
    """Change (planes, pixels). The loops go over a whole image: its rows follow one another in memory.

    inside: of `rows_end`; its type is the one calculated in.
    """
    count = flat.shape[1]
    reach = len(inside) // 2
    middle = reach * width + reach
    before = np.zeros(count + 2 * middle, inside.dtype)
    after = np.zeros(count, inside.dtype)
    low = inside.dtype.type(background)
    for plane in range(len(flat)):
        if amounts[plane] == 0:
            continue
        for pixel in range(count):
            after[pixel] = flat[plane, pixel] - low
        top = after.max() if amounts[plane] < 0 else inside.dtype.type(0)
        for pixel in range(count):
            before[middle + pixel] = top - after[pixel] if amounts[plane] < 0 else after[pixel]
        _dilate(before, width, abs(amounts[plane]), inside, after)
        for pixel in range(count):
            value = low + (top - after[pixel] if amounts[plane] < 0 else after[pixel])
            changed[plane, pixel] = np.floor(value + inside.dtype.type(0.5)) if whole else value


@compiled
def _dilate(before: Any, width: int, radius: float, inside: Any, after: Any) -> None:
    """Take the greatest of the neighbours; an offset is a distance in memory, the same for every pixel."""
    reach, most = int(np.ceil(radius)), len(inside) // 2
    after[:] = before[most * width + most : len(before) - most * width - most]
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            cover = before.dtype.type(min(1.0, radius + 1 - np.sqrt(down * down + across * across)))
            if cover > 0 and (down != 0 or across != 0):
                start = (most + down) * width + most + across
                _raise(before[start : start + len(after)], inside[most + across], cover, after)


@compiled
def _raise(source: Any, inside: Any, cover: Any, after: Any) -> None:
    for pixel in range(len(after)):
        after[pixel] = max(after[pixel], source[pixel] * (cover * inside[pixel]))
