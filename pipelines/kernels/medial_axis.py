"""Medial axis of a shape: the ridge of its distance transform, one pixel thin where the stroke is.

The pixels of the shape are visited once, those nearest the outside first, and each is taken away unless that would
tear its neighbourhood apart or shorten a line's end: the definition of scikit-image's `medial_axis`. Between pixels of
one distance the one with more neighbours goes first. What is still equal is ordered by a hash of the place within the
shape's box, where scikit-image draws lots: scanning order would pull every line to one side, lots give the same line
another length in each run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled

Mask = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Runs = npt.NDArray[np.int32]
Distances = npt.NDArray[np.int32]

RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
"""The eight neighbours in a circle, (row, column) from the middle; neighbour k is bit k of a neighbourhood's code."""

HASH, TIE_BITS = np.uint64(0x9E3779B97F4A7C15), 6
"""2**64 over the golden ratio, as Knuth's multiplicative hash takes it; the upper bits of the product order ties."""

PROTRUSION = 0.5
"""How far, in radii of the inscribed circle at its fork, an arm of the axis must reach beyond it to end a stroke."""


def _removable() -> npt.NDArray[np.bool_]:
    """Say of each of the 256 neighbourhoods whether a pixel in it can go: (256,) bool.

    It can if it has at least two neighbours and they hang together without it.
    """
    return np.array([code.bit_count() > 1 and _groups(code) == 1 for code in range(256)])


def _groups(code: int) -> int:
    """Count the groups of neighbours that touch each other, also by a corner, when the pixel in the middle is gone."""
    left = {place for bit, place in enumerate(RING) if code >> bit & 1}
    groups = 0
    while left:
        groups += 1
        group = {left.pop()}
        while near := {(r, c) for r, c in left if any(abs(r - y) <= 1 and abs(c - x) <= 1 for y, x in group)}:
            group |= near
            left -= near
    return groups


REMOVABLE = _removable()
EMPTY = np.array([8 - code.bit_count() for code in range(256)])
"""How many of the neighbours are not there."""


@compiled
def code_at(flat: Mask, place: Any, stride: Any) -> Any:
    """Give the code of the neighbours of a pixel, which must exist: bit k is neighbour RING[k].

    flat: the mask row by row, 0 and 1. place: of the pixel in it. stride: pixels in a row.
    """
    above, below = place - stride, place + stride
    return (
        flat[above - 1]
        | flat[above] << 1
        | flat[above + 1] << 2
        | flat[place + 1] << 3
        | flat[below + 1] << 4
        | flat[below] << 5
        | flat[below - 1] << 6
        | flat[place - 1] << 7
    )


@compiled
def measure_depths(mask: Mask, runs: Runs, near: Distances, places: Places, depths: Places) -> None:
    """Find the squared distance of each pixel of the shape to the nearest pixel outside it, exact.

    mask: (h + 2, w + 2), the image and a rim of zeros, which does not count as outside. runs: (runs, 3) the row, the
    first column and the column after the last of each piece of a row. near: scratch of the mask's shape.
    places, depths: (pixels,), filled with each pixel's place in the mask, row by row, and its squared distance.
    """
    height, width = mask.shape[0] - 2, mask.shape[1] - 2
    left, right = max(runs[:, 1].min() - 1, 1), min(runs[:, 2].max(), width)
    _measure_along_columns(mask, max(runs[0, 0] - 1, 1), min(runs[-1, 0] + 1, height), left, right, near)
    squares, nearest = np.empty(right - left + 1, np.int32), np.empty(right - left + 1, np.int32)
    count, measured = 0, 0
    for run in range(len(runs)):
        row = runs[run, 0]
        if row != measured:
            _measure_along_row(near[row, left : right + 1], squares, nearest)
            measured = row
        for column in range(runs[run, 1], runs[run, 2]):
            places[count], depths[count] = row * mask.shape[1] + column, nearest[column - left]
            count += 1


@compiled
def _measure_along_row(near: Distances, squares: Distances, nearest: Distances) -> None:
    """Join the distances along the columns, (w,), to squared distances in the plane: `nearest`, (w,).

    squares: scratch, (w,). Each step reaches one column further to both sides, for all pixels of the row at once, until
    that is further than any of them needs.
    """
    width = len(near)
    furthest = np.int32(0)
    # numba adds 32-bit numbers in 64 bits; cut at once, they are compared twice as many at a time.
    for column in range(width):
        square = np.int32(near[column] * near[column])
        squares[column], nearest[column] = square, square
        furthest = max(furthest, square)
    step = 1
    while step < width and step * step < furthest:
        more = np.int32(step * step)
        for column in range(width - step):
            nearest[column] = min(nearest[column], np.int32(squares[column + step] + more))
        furthest = np.int32(0)
        for column in range(step, width):
            nearest[column] = min(nearest[column], np.int32(squares[column - step] + more))
        for column in range(width):
            furthest = max(furthest, nearest[column])
        step += 1


@compiled
def _measure_along_columns(mask: Mask, top: int, bottom: int, left: int, right: int, near: Distances) -> None:
    """Find how far from each pixel of the box (ends inclusive) the next zero in its column is."""
    far = np.int32(mask.shape[0] + mask.shape[1])
    near[top - 1, :] = far
    near[bottom + 1, :] = far
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            further = np.int32(near[row - 1, column] + 1)
            near[row, column] = further if mask[row, column] else np.int32(0)
    for row in range(bottom, top - 1, -1):
        for column in range(left, right + 1):
            near[row, column] = min(near[row, column], np.int32(near[row + 1, column] + 1))


@compiled
def thin(mask: Mask, places: Places, depths: Places) -> int:
    """Thin the shape in the mask to its medial axis; give how many pixels it has.

    mask: (h + 2, w + 2), changed. places, depths: (pixels,) as `measure_depths` gives them; those of the axis
    come to the front.
    """
    flat, stride = mask.reshape(-1), mask.shape[1]
    order = _order(flat, stride, places, depths)
    kept = np.zeros(len(places), np.bool_)
    for turn in order:
        place = places[turn]
        if REMOVABLE[code_at(flat, place, stride)]:
            flat[place] = 0
        else:
            kept[turn] = True
    count = 0
    for pixel in range(len(places)):
        if kept[pixel]:
            places[count], depths[count] = places[pixel], depths[pixel]
            count += 1
    return count


@compiled
def _order(flat: Mask, stride: int, places: Places, depths: Places) -> npt.NDArray[np.int32]:
    """Order pixels by their depth, by how few neighbours they have, and by the hash: two counting sorts."""
    keys = np.empty(len(places), np.int64)
    for pixel in range(len(places)):
        mixed = np.uint64(pixel) * HASH
        tie = (mixed ^ mixed >> np.uint64(32)) * HASH >> np.uint64(64 - TIE_BITS)
        keys[pixel] = (EMPTY[code_at(flat, places[pixel], stride)] << TIE_BITS) + np.int64(tie)
    order = np.arange(len(places)).astype(np.int32)
    order = _sort(keys, (8 << TIE_BITS) + (1 << TIE_BITS), order)
    return _sort(depths, depths.max() + 1, order)


@compiled
def _sort(keys: Places, bound: int, order: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Sort an order of pixels by their keys, from 0 to below `bound`; equal ones stay in the order they have."""
    starts = np.zeros(bound + 1, np.int32)
    for key in keys:
        starts[key + 1] += 1
    for key in range(bound):
        starts[key + 1] += starts[key]
    ordered = np.empty_like(order)
    for pixel in order:
        key = keys[pixel]
        ordered[starts[key]] = pixel
        starts[key] += 1
    return ordered


@compiled
def count_ends(axis: Mask, places: Places, depths: Places, near: Distances) -> int:
    """Count the ends of the axis, but not those of arms that only lead into a corner or a bump of the outline.

    axis: (h + 2, w + 2), changed. places, depths: (pixels,) as `thin` leaves them. near: scratch of the axis' shape.
    Such an arm leaves its fork's inscribed circle by less than PROTRUSION of the radius.
    """
    flat, stride, deep = axis.reshape(-1), axis.shape[1], near.reshape(-1)
    arm = np.empty(len(places), np.int64)
    for pixel in range(len(places)):
        deep[places[pixel]] = depths[pixel]
        if REMOVABLE[code_at(flat, places[pixel], stride)]:  # the inner pixel of a step, which looks like a fork
            flat[places[pixel]] = 0
    for place in places:
        if flat[place] and EMPTY[code_at(flat, place, stride)] == 7:
            _prune(flat, stride, place, deep, arm)
    ends = 0
    for place in places:
        ends += flat[place] and EMPTY[code_at(flat, place, stride)] == 7
    return ends


@compiled
def _prune(flat: Mask, stride: int, tip: int, deep: Distances, arm: Places) -> None:
    """Remove the arm that ends at `tip` if it is short; an axis without a fork stays. arm: scratch."""
    length, place = 0, tip
    code = code_at(flat, place, stride)
    while EMPTY[code] == 7:
        arm[length], flat[place] = place, 0
        length += 1
        place = _neighbour(flat, place, stride)
        code = code_at(flat, place, stride)
    down, across = tip // stride - place // stride, tip % stride - place % stride
    reach = np.sqrt(down * down + across * across) + np.sqrt(deep[tip])
    if EMPTY[code] == 8 or reach > (1 + PROTRUSION) * np.sqrt(deep[place]):
        flat[arm[:length]] = 1
    elif REMOVABLE[code]:
        flat[place] = 0


@compiled
def _neighbour(flat: Mask, place: int, stride: int) -> int:
    """Find the one neighbour of a pixel."""
    for row in range(-1, 2):
        for column in range(-1, 2):
            if (row or column) and flat[place + row * stride + column]:
                return place + row * stride + column
    return place
