"""Thickening and thinning of strokes: grey-scale morphology with a soft-edged disc."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.kernels import as_planes, compiled, exact_type


def thicken(images: Images, amounts: npt.NDArray[Any], ground: float = 0.0) -> Images:
    """Move the edges of the strokes outwards, or inwards where the amount is negative, by so many pixels.

    images: (n, h, w) or (n, h, w, c), any real type, ink brighter than `ground`. amounts: (n,), fractions of pixels
    included; 0 leaves an image as it is. New images.

    Dilation by a disc of radius r (Serra: Image analysis and mathematical morphology, 1982) whose rim is soft: a pixel
    becomes the greatest of the pixels around it, each counted by how much of it the disc covers, min(1, r + 1 - d) at
    the distance d. So grey edges stay grey, and the result changes with r without jumps. Thinning is the same done to
    the ground: to how far each pixel is below the image's brightest.
    """
    planes = as_planes(images)
    planes = planes.astype(np.float32) if planes.dtype == np.float16 else planes  # numba has no half floats
    changed = planes.copy()
    if images.size:
        kind = np.empty(0, exact_type(images))
        _thicken(planes, np.asarray(amounts, np.float64), float(ground), kind, images.dtype.kind in "biu", changed)
    return changed.reshape(images.shape).astype(images.dtype, copy=False)


@compiled
def _thicken(planes: Any, amounts: Any, ground: float, kind: Any, whole: bool, changed: Any) -> None:
    """kind: an array of the type that is calculated in."""
    size, height, width, channels = planes.shape
    for image in range(size):
        amount = amounts[image]
        if amount == 0:
            continue
        reach = int(np.ceil(abs(amount)))
        # Rows follow one another with a margin between, so that one loop goes over the whole image.
        stride = width + reach
        before = np.zeros((height + 2 * reach) * stride + reach, kind.dtype)
        after = np.zeros(height * stride, kind.dtype)
        for channel in range(channels):
            top = _load(planes, image, channel, ground, amount < 0, reach, stride, before)
            _dilate(before, abs(amount), reach, stride, after)
            for row in range(height):
                for column in range(width):
                    value = after[row * stride + column]
                    value = ground + (top - value if amount < 0 else value)
                    changed[image, row, column, channel] = np.floor(value + 0.5) if whole else value


@compiled
def _load(
    planes: Any, image: int, channel: int, ground: float, turned: bool, reach: int, stride: int, before: Any
) -> Any:
    """Copy a plane into `before`, counted from the ground or, if turned, down from its brightest pixel; give that."""
    _, height, width, _ = planes.shape
    top = before.dtype.type(0)
    for row in range(height):
        for column in range(width):
            value = before.dtype.type(planes[image, row, column, channel] - ground)
            before[(row + reach) * stride + column + reach] = value
            top = max(top, value)
    if turned:
        for row in range(height):
            for column in range(width):
                place = (row + reach) * stride + column + reach
                before[place] = top - before[place]
    return top


@compiled
def _dilate(before: Any, radius: float, reach: int, stride: int, after: Any) -> None:
    """Take the greatest of the neighbours; an offset is a distance in memory, the same for every pixel."""
    middle = reach * stride + reach
    for place in range(len(after)):
        after[place] = before[middle + place] if middle + place < len(before) else 0
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            cover = before.dtype.type(min(1.0, radius + 1 - np.sqrt(down * down + across * across)))
            if cover > 0 and (down != 0 or across != 0):
                source = before[(reach + down) * stride + reach + across :]
                for place in range(min(len(after), len(source))):
                    after[place] = max(after[place], source[place] * cover)
