"""From the mask of ink to digits: pieces joined, specks and what is no digit set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.images.find_digits.ink import Mask, stroke_width

Labels = npt.NDArray[np.int64]
"""(height, width), 0 for paper."""

FRAGMENT = 0.5
"""A piece less high than this fraction of the usual height is part of a digit, or a speck."""

JOINED = 0.35
"""A fragment belongs to the nearest digit within this fraction of the usual height."""

SPECK_REASON = "a speck or a small mark"

SPECK = 0.02
"""A piece with less than this fraction of a usual digit's ink is never part of one."""

STACKED = 0.3
"""Pieces side by side are two digits, unless they share this fraction of the narrower one's columns."""

LEAST_CELL = 1.05
"""A grid's cells are at least this many times as high as the digits in them."""

TALLEST, WIDEST = 2.2, 3.5
"""Of digits, in usual heights."""

THICKEST = 0.5
"""Width of a digit's strokes at most, as a fraction of its shorter side; a 1 is one stroke, and not so wide a patch."""

MOST_HOLES = 4
"""A single figure with more holes is no digit; an 8 has two."""


@dataclass(frozen=True)
class Group:
    """Pieces that are one digit or one thing that is none. reason: why it is none; empty for a digit."""

    mask: Mask
    top: int
    left: int
    cell: int
    reason: str = ""

    @property
    def bottom(self) -> int:
        """The row below the last."""
        return self.top + int(self.mask.shape[0])

    @property
    def right(self) -> int:
        """The column right of the last."""
        return self.left + int(self.mask.shape[1])


@dataclass(frozen=True)
class Pieces:
    """Connected pieces of ink, numbered from 1: their labels and, by number (0 for paper), their measures.

    boxes: (n + 1, 4) top, left, bottom, right. cells: the cell that holds most of each, 0 for none.
    """

    labels: Labels
    boxes: npt.NDArray[np.int64]
    areas: npt.NDArray[np.int64]
    cells: npt.NDArray[np.int64]

    @property
    def heights(self) -> npt.NDArray[np.int64]:
        """Rows of each."""
        return np.asarray(self.boxes[:, 2] - self.boxes[:, 0])


def usual_height(pieces: Pieces) -> float:
    """Give the height of most digits, pixels: of the pieces that are not much smaller than those with most ink."""
    areas = np.sort(pieces.areas[1:])[::-1]
    half = areas[int(np.searchsorted(np.cumsum(areas), areas.sum() / 2))]  # of the piece with the middle ink pixel
    counted = pieces.areas[1:] >= 0.3 * half
    return float(np.quantile(pieces.heights[1:][counted], 0.75 if counted.sum() < 8 else 0.6))


def groups_of(mask: Mask, cells: Labels | None) -> tuple[list[Group], float]:
    """Give the digits of a sheet and what is none, in no order; and the usual height of a digit, pixels.

    cells: of a grid; those of squared paper, which are smaller than the digits, count for nothing.
    """
    pieces = _pieces(mask)
    if len(pieces.areas) == 1:
        return [], 0.0
    usual = usual_height(pieces)
    if cells is not None and _cell_height(cells) > LEAST_CELL * usual:
        pieces = _in_cells(pieces, cells)
        usual = usual_height(pieces)
    owner = _joined(pieces, mask, usual)
    whole = pieces.heights >= FRAGMENT * usual
    owner, alone = _fragments(pieces, owner, whole, usual)
    return _groups(pieces, owner, alone, usual), usual


def _cell_height(cells: Labels) -> float:
    import scipy.ndimage as ndimage

    return float(np.median([rows.stop - rows.start for rows, _ in ndimage.find_objects(cells)]))


def _pieces(mask: Mask) -> Pieces:
    import scipy.ndimage as ndimage

    labels, count = ndimage.label(mask, np.ones((3, 3)))
    return _measured(labels, count, np.zeros(count + 1, np.int64))


def _measured(labels: Any, count: int, held: npt.NDArray[np.int64]) -> Pieces:
    import scipy.ndimage as ndimage

    boxes = [(0, 0, 0, 0)] + [
        (rows.start, columns.start, rows.stop, columns.stop) for rows, columns in ndimage.find_objects(labels)
    ]
    areas = np.bincount(labels.reshape(-1), minlength=count + 1)
    areas[0] = 0
    return Pieces(np.asarray(labels, np.int64), np.array(boxes, np.int64), areas, held)


def _in_cells(pieces: Pieces, cells: Labels) -> Pieces:
    """Give each piece its cell, after those that fill two are cut."""
    labels, count = _cut_at_cells(pieces.labels, len(pieces.areas) - 1, cells)
    return _measured(labels, count, _most_common(np.asarray(labels, np.int64), cells, count)[0])


def _most_common(labels: Labels, cells: Labels, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Give for each piece the cell that holds most of it and its pixels there, as arrays by piece."""
    inside = (labels > 0) & (cells > 0)
    pairs, pixels = np.unique(labels[inside] * (int(cells.max()) + 1) + cells[inside], return_counts=True)
    best, most = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    order = np.argsort(pixels, kind="stable")
    piece, cell = np.divmod(pairs[order], int(cells.max()) + 1)
    best[piece], most[piece] = cell, pixels[order]  # the last, and so the most, counts
    return best, most


def _cut_at_cells(labels: Any, count: int, cells: Labels) -> tuple[Any, int]:
    """Cut pieces that fill two cells, as digits that touch across a line, at the line between them."""
    import scipy.ndimage as ndimage

    areas = np.bincount(labels.reshape(-1), minlength=count + 1)
    most = _most_common(labels, cells, count)[1]
    inside = np.bincount(labels[cells > 0], minlength=count + 1)
    two = (inside - most > 0.25 * most) & (areas > 0)
    two[0] = False
    if not two.any():
        return labels, count
    nearest = ndimage.distance_transform_edt(cells == 0, return_distances=False, return_indices=True)
    border = cells[tuple(nearest)]
    cut = (two[labels]) & (ndimage.maximum_filter(border, 3) != ndimage.minimum_filter(border, 3))
    parts, count = ndimage.label((labels > 0) & ~cut, np.ones((3, 3)))
    return parts, int(count)


def _joined(pieces: Pieces, mask: Mask, usual: float) -> npt.NDArray[np.int64]:
    """Join pieces within a stroke's width of each other; two whole digits side by side stay two. Gives owners."""
    import scipy.ndimage as ndimage

    near = ndimage.distance_transform_edt(~mask) <= 0.8 * max(1.0, stroke_width(mask))
    clusters, _ = ndimage.label(near, np.ones((3, 3)))
    cluster = np.zeros(len(pieces.areas), np.int64)
    cluster[pieces.labels[mask]] = clusters[mask]
    owner = np.arange(len(pieces.areas))
    order = np.argsort(cluster[1:], kind="stable") + 1
    for members in np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1):
        if 1 < len(members) <= 50:
            _join_cluster(pieces, members, owner, usual)
    return owner


def _join_cluster(pieces: Pieces, members: npt.NDArray[Any], owner: npt.NDArray[np.int64], usual: float) -> None:
    for place, first in enumerate(members):
        for second in members[place + 1 :]:
            if pieces.cells[first] == pieces.cells[second] and _one_digit(pieces.boxes[[first, second]], usual):
                owner[owner == owner[second]] = owner[first]


def _one_digit(boxes: npt.NDArray[np.int64], usual: float) -> bool:
    """Say whether two pieces that are near each other are of one digit, by their boxes."""
    heights = boxes[:, 2] - boxes[:, 0]
    if heights.min() < FRAGMENT * usual:
        return True
    shared = boxes[:, 3].min() - boxes[:, 1].max()
    stacked = shared >= STACKED * (boxes[:, 3] - boxes[:, 1]).min()
    return bool(stacked and boxes[:, 2].max() - boxes[:, 0].min() <= 1.4 * usual)


def _fragments(
    pieces: Pieces, owner: npt.NDArray[np.int64], whole: npt.NDArray[np.bool_], usual: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Give fragments to the nearest whole piece; and say which are near none."""
    import scipy.ndimage as ndimage

    with_whole = np.zeros(len(owner), np.bool_)
    with_whole[owner[whole]] = True
    of_digit = with_whole[owner]
    of_digit[0] = False
    loose = np.flatnonzero(~of_digit)[1:]
    alone = np.zeros(len(owner), np.bool_)
    if not loose.size:
        return owner, alone
    distances, nearest = ndimage.distance_transform_edt(~of_digit[pieces.labels], return_indices=True)
    positions = ndimage.minimum_position(distances, pieces.labels, loose)
    for piece, position in zip(loose.tolist(), positions, strict=True):
        target = int(pieces.labels[nearest[0][position], nearest[1][position]])
        large = pieces.areas[piece] >= SPECK * pieces.areas[target]
        same = pieces.cells[piece] in (0, pieces.cells[target])
        if distances[position] <= JOINED * usual and large and same:
            owner[piece] = owner[target]
        else:
            alone[owner[piece]] = True
    return owner, alone


def _groups(pieces: Pieces, owner: npt.NDArray[np.int64], alone: npt.NDArray[np.bool_], usual: float) -> list[Group]:
    import scipy.ndimage as ndimage

    numbered = owner[pieces.labels]
    groups = []
    for number, box in enumerate(ndimage.find_objects(numbered), start=1):
        if box is not None:
            mask = numbered[box] == number
            reason = SPECK_REASON if alone[number] else _no_digit(mask, usual, numbered.size)
            groups.append(Group(mask, box[0].start, box[1].start, int(pieces.cells[number]), reason))
    return groups


def _no_digit(mask: Mask, usual: float, page: int) -> str:
    """Give the reason why the ink can be no digit; empty where it can."""
    height, width = mask.shape
    if height > TALLEST * usual or width > WIDEST * usual:
        return "larger than the digits: a line, a drawing or joined writing"
    if holes(mask) > MOST_HOLES:
        return "more holes than a digit has"
    return "covers most of the picture, and no stroke is seen" if _blob(mask, page) else ""


def _blob(mask: Mask, page: int) -> bool:
    """Say whether a figure over half the page is one wide patch, as the edge of a table or an unlit photo is."""
    return mask.size > page / 2 and stroke_width(mask) > THICKEST * min(mask.shape)


def holes(mask: Mask) -> int:
    """Count the holes in a figure that are larger than the grain: a thousandth of its box."""
    import scipy.ndimage as ndimage

    labels, count = ndimage.label(~np.pad(mask, 1))
    areas = np.bincount(labels.reshape(-1), minlength=count + 1)[2:]
    return int((areas > max(4, mask.size / 1000)).sum())
