"""How the values of an item lie: rows, columns and channels, decided by the pixels where the header does not.

Neighbours in an image are alike. So with the right width, a step from a pixel to the one below is small; with a wrong
one it leads to another place of the image.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import array_shape, count_text, shape_text
from mnist_data.errors import WrongUse

CHANNELS = (1, 3, 4)
"""Numbers of channels that images have."""

LEAST_COLOUR_SIDE = 8
"""Pixels a side of images in colour whose values lie in a row: fewer are more likely grey and of another shape."""

CLEARLY = 1.5
"""How many times rougher another layout must be for the pixels to decide against it."""

STEPS = 1 << 20
"""Steps that decide: of larger items, some at equal distances, so that memory does not grow with an image."""


@dataclass(frozen=True)
class Layout:
    """How the items of a file become images: reshaped to `stored`, then their axes brought into the order `axes`.

    note: what was decided, in a sentence; empty where the file says it itself.
    """

    stored: tuple[int, ...]
    axes: tuple[int, ...]
    note: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an image: height, width and, in colour, channels."""
        return tuple(self.stored[axis] for axis in self.axes)

    def images(self, items: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Arrange items, (n, *item shape), as images, (n, *shape)."""
        if self == as_announced(self.stored):
            return items.reshape(len(items), *array_shape(self.stored))
        return items.reshape(len(items), *self.stored).transpose(0, *(axis + 1 for axis in self.axes))

    def items(self, images: npt.NDArray[Any], item_shape: Sequence[int]) -> npt.NDArray[Any]:
        """Arrange images as the file held them: the opposite of `images`."""
        if self == as_announced(item_shape):
            return images
        back = np.argsort(self.axes)
        return images.transpose(0, *(int(axis) + 1 for axis in back)).reshape(len(images), *array_shape(item_shape))


def as_announced(item_shape: Sequence[int]) -> Layout:
    """Take items as their header announces them."""
    return Layout(tuple(item_shape), tuple(range(len(item_shape))))


def parse_size(size: str) -> tuple[int, ...]:
    """Read a size as height×width, height×width×channels, or the shape of a volume. Raises WrongUse for any other text.

    >>> parse_size("28x28")
    (28, 28)
    """
    if not re.fullmatch(r"[0-9]{1,9}([x×][0-9]{1,9}){1,63}", size) or "0" in re.split("[x×]", size):
        raise WrongUse(f"The size {size!r} is none; write height and width, as in 28x28, or 32x32x3 for colour.")
    return tuple(int(number) for number in re.split("[x×]", size))


def layout_of(item_shape: Sequence[int], items: npt.NDArray[Any], path: str, size: str | None = None) -> Layout:
    """Decide how the items of a file become images.

    item_shape: as the header announces it. items: some of them, (n, *item_shape); a thousand are enough. size: as the
    user gives it, see `parse_size`; None leaves it to the header and the pixels. Raises WrongUse, which names the file
    and the way on, where a size does not fit or a flat item could be an image in more than one way.
    """
    announced = tuple(item_shape)
    if size is not None:
        return _of_size(announced, parse_size(size), path)
    if len(announced) == 1:
        return _of_flat(announced[0], items, path)
    if len(announced) == 2:
        return _of_rows(announced, items, path)
    if len(announced) == 3 and announced[0] in CHANNELS and min(announced[1:]) > max(CHANNELS):
        return _of_planes(announced, path)
    return as_announced(announced)


def _of_size(announced: tuple[int, ...], size: tuple[int, ...], path: str) -> Layout:
    if math.prod(size) != math.prod(announced):
        raise WrongUse(
            f"{path}: its items have {count_text(math.prod(announced))} values ({shape_text(announced)}), and --size "
            f"{shape_text(size)} means {count_text(math.prod(size))}."
        )
    return as_announced(size)


def _of_flat(length: int, items: npt.NDArray[Any], path: str) -> Layout:
    """Find the rows of a flat item: a square, grey or of three channels, where the pixels agree."""
    flat = items.reshape(len(items), length)
    side, colour_side = math.isqrt(length), math.isqrt(length // 3)
    if side > 1 and side * side == length and _agrees(flat, side):
        note = f"{path}: items of {length} values are read as images of {side}×{side}; --size overrides this."
        return Layout((side, side), (0, 1), note)
    if length % 3 == 0 and colour_side >= LEAST_COLOUR_SIDE and 3 * colour_side**2 == length:
        planes, pixels = (_step(flat, stride) for stride in (1, 3))
        if max(planes, pixels) > CLEARLY * min(planes, pixels):
            layout = (
                ((3, colour_side, colour_side), (1, 2, 0))
                if planes < pixels
                else ((colour_side,) * 2 + (3,), (0, 1, 2))
            )
            size = f"{colour_side}×{colour_side} in three channels"
            return Layout(*layout, f"{path}: items of {length} values are read as images of {size}; see --size.")
    raise WrongUse(
        f"{path}: its items are {length} values in a row, and their pixels do not decide which image size they have; "
        "give it, as in --size 28x28."
    )


def _agrees(flat: npt.NDArray[Any], width: int) -> bool:
    """Say whether the pixels have rows of this width: steps to the row below are smaller than those to other places."""
    others = [_step(flat, width + by) for by in (-width // 4 or -1, width // 4 or 1)]
    return _step(flat, width) * 1.1 < min(others)


def _of_rows(announced: tuple[int, ...], items: npt.NDArray[Any], path: str) -> Layout:
    """Take rows and columns as announced, unless the pixels clearly have the two exchanged."""
    height, width = announced
    if height == width or min(announced) < 2:
        return as_announced(announced)
    flat = items.reshape(len(items), height * width)
    if _step(flat, width) <= CLEARLY * _step(flat, height):
        return as_announced(announced)
    note = (
        f"{path}: its header announces {height}×{width}, but the pixels lie in rows of {height}, so they are read as "
        f"{width}×{height}; --size {height}x{width} overrides this."
    )
    return Layout((width, height), (0, 1), note)


def _of_planes(announced: tuple[int, ...], path: str) -> Layout:
    """Bring channels that come first to the end; a single one is left out."""
    channels, height, width = announced
    if channels == 1:
        return Layout((height, width), (0, 1))
    note = f"{path}: items of {shape_text(announced)} are read as {channels} channels of {height}×{width}."
    return Layout(announced, (1, 2, 0), note)


def _step(flat: npt.NDArray[Any], stride: int) -> float:
    """Give the mean difference between values that lie `stride` apart, of at most STEPS pairs."""
    if not len(flat):
        return 0.0
    flat = flat[: max(1, STEPS // flat.shape[1])]
    # Of bytes int16 is six times as fast, and as exact.
    kind: Any = np.int16 if flat.dtype.kind in "ui" and flat.dtype.itemsize == 1 else np.float64
    if flat.shape[1] - stride > STEPS:
        places = np.linspace(0, flat.shape[1] - stride - 1, STEPS).astype(np.int64)
        before, after = flat[:, places].astype(kind), flat[:, places + stride].astype(kind)
    else:
        wide = flat.astype(kind)
        before, after = wide[:, :-stride], wide[:, stride:]
    return float(np.nan_to_num(np.abs(after - before)).mean())
