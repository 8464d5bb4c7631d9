"""The digits of a photo in reading order, and what on it is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipelines.images.find_digits.ink import Grey, Ink, Mask, ink_mask, ink_of, stroke_width
from pipelines.images.find_digits.lines import reading_order
from pipelines.images.find_digits.mnist_form import as_mnist
from pipelines.images.find_digits.pieces import Group, groups_of
from pipelines.images.find_digits.ruling import cells_of, find_ruling, without_ruling
from pipelines.images.find_digits.touching import cut_in_two, may_touch

if TYPE_CHECKING:
    from PIL import Image

TOUCHING = "perhaps two digits"
"""Mark of a figure that is wide enough for two digits and cannot be cut surely."""

ENOUGH = 5
"""Digits on a sheet from which their usual width is known."""


@dataclass(frozen=True)
class Digit:
    """One digit of a photo.

    image: (28, 28) uint8, as MNIST has it. left, top, right, bottom: its box in the photo, pixels, the last two
    exclusive. mark: why it may be something else, empty as a rule.
    """

    image: npt.NDArray[np.uint8]
    left: int
    top: int
    right: int
    bottom: int
    mark: str = ""


@dataclass(frozen=True)
class SetAside:
    """What was found in a photo and is taken for no digit. The box is that of `Digit`."""

    reason: str
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Sheet:
    """The digits of a photo in reading order, and what was set aside. ruled: whether ruled lines were taken out."""

    digits: tuple[Digit, ...]
    set_aside: tuple[SetAside, ...]
    ruled: bool


def digits_of(photo: Image.Image) -> list[Digit]:
    """Find the digits of a photo of any mode and polarity, in reading order; none on an empty sheet."""
    return list(read_sheet(photo).digits)


def read_sheet(photo: Image.Image, cut_touching: bool = True) -> Sheet:
    """Find the digits of a photo, and what is none. cut_touching: cut digits that touch, which letters would not bear.

    Ruled lines are taken out first; in a grid, cells are read in order, each from left to right.
    """
    ink = ink_of(photo)
    mask = ink_mask(ink)
    ruling = find_ruling(ink, mask) if mask.any() else None
    cells = None
    if ruling is not None:
        mask, cells = without_ruling(ink, mask, ruling), cells_of(ruling)
    groups, usual = groups_of(mask, cells)
    kept = [group for group in groups if not group.reason]
    marked = _cut(kept, ink.values) if cut_touching else [(group, "") for group in kept]
    order = _order([group for group, _ in marked], cells, usual)
    digits = tuple(_digit(*marked[place], ink) for place in order)
    aside = tuple(SetAside(group.reason, *_box(group, ink.factor)) for group in groups if group.reason)
    return Sheet(digits, aside, ruling is not None)


def _cut(groups: Sequence[Group], values: Grey) -> list[tuple[Group, str]]:
    """Cut figures that are two digits; mark those that may be and cannot be cut."""
    widths = [group.mask.shape[1] for group in groups]
    usual_width = float(np.median(widths)) if len(groups) >= ENOUGH else 0.0
    marked: list[tuple[Group, str]] = []
    for group in groups:
        if not may_touch(group.mask, usual_width):
            marked.append((group, ""))
            continue
        box = slice(group.top, group.bottom), slice(group.left, group.right)
        parts = cut_in_two(np.minimum(values[box], 1), group.mask)
        if parts is None:
            wide = group.mask.shape[1] > 1.3 * group.mask.shape[0]
            marked.append((group, TOUCHING if wide else ""))
        else:
            marked.extend((_part(group, part), "") for part in parts)
    return marked


def _part(group: Group, mask: Mask) -> Group:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Group(part, group.top + int(rows[0]), group.left + int(columns[0]), group.cell)


def _order(groups: Sequence[Group], cells: npt.NDArray[np.int64] | None, usual: float) -> list[int]:
    """Give the reading order; of digits in cells that of the cells."""
    import scipy.ndimage as ndimage

    centres = np.array([((group.top + group.bottom) / 2, (group.left + group.right) / 2) for group in groups])
    if not len(groups) or cells is None or not any(group.cell for group in groups):
        return reading_order(centres.reshape(-1, 2), usual)
    held = np.array([group.cell for group in groups])
    inside = held > 0
    used = np.unique(held[inside])
    boxes = ndimage.find_objects(cells)
    middles = np.array([[(side.start + side.stop) / 2 for side in boxes[cell - 1]] for cell in used]).reshape(-1, 2)
    height = (
        float(np.median([boxes[cell - 1][0].stop - boxes[cell - 1][0].start for cell in used])) if used.size else usual
    )
    places = centres.copy()
    places[inside] = middles[np.searchsorted(used, held[inside])]
    places[inside, 1] += 0.01 * (centres[inside, 1] - places[inside, 1])
    return reading_order(places, 0.8 * height)


def _digit(group: Group, mark: str, ink: Ink) -> Digit:
    box = slice(group.top, group.bottom), slice(group.left, group.right)
    values = ink.values[box]
    level = max(float(np.quantile(values[group.mask], 0.9)), 1e-9)
    cut = np.where(group.mask, np.minimum(values / level, 1), 0).astype(np.float32)
    return Digit(as_mnist(cut, stroke_width(group.mask)), *_box(group, ink.factor), mark)


def _box(group: Group, factor: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = (factor * end for end in (group.left, group.top, group.right, group.bottom))
    return left, top, right, bottom
