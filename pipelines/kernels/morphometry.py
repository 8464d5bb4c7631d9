"""Morphometrics: how large, long, thick, slanted, wide and high the stroke of each image is.

The measures of Castro, Tan, Kainz, Konukoglu, Glocker: Morpho-MNIST, quantitative assessment and diagnostics for
representation learning (JMLR 2019, arXiv:1809.10780), and counts of what the stroke is made of. Each image is brought
to 0 … 1, enlarged four times, and cut at the middle between its lowest and highest value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.kernels import as_planes, compiled
from pipelines.kernels.medial_axis import Mask, Places, Runs, count_ends, measure_depths, thin
from pipelines.kernels.upscale import SCALE, Plane, enlarge

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

TOGETHER = 256
"""Images brought to 0 … 1 at once: few enough to stay in the cache."""

TAIL = 0.01
"""The fraction of the ink left out at each side of the width and of the height."""


@dataclass(frozen=True)
class Morphometrics:
    """Of each image, (n,) each.

    area: pixels². length: of the medial axis, pixels. thickness: twice the axis' mean distance to the outside, pixels.
    slant: radians, positive where the upper end leans to the right. width, height: of the parallelogram that leans
    as the ink does and holds 98 % of it each way, pixels. These are float64, NaN for an image of one value or with
    pixels that are no numbers.
    components: pieces that do not touch, not even by a corner. holes: pieces of the background that are shut in.
    end_points: of the axis. These are int64, 0 where the others are NaN.
    """

    area: Floats
    length: Floats
    thickness: Floats
    slant: Floats
    width: Floats
    height: Floats
    components: Counts
    holes: Counts
    end_points: Counts


def measure_morphometrics(images: Images) -> Morphometrics:
    """Measure each image, (n, h, w) or (n, h, w, c), of any type and size; of several channels the mean."""
    planes = as_planes(images)
    floats, counts = np.full((6, len(images)), np.nan), np.zeros((3, len(images)), np.int64)
    for first in range(0, len(images) if images.size else 0, TOGETHER):
        rows = slice(first, first + TOGETHER)
        fractions, measurable = _to_fractions(planes[rows])
        _measure(fractions, measurable, floats[:, rows], counts[:, rows])
    return Morphometrics(*floats, *counts)


def _to_fractions(planes: Images) -> tuple[Plane, npt.NDArray[np.bool_]]:
    """Bring each image to 0 for its lowest value … 1 for its highest, (n, h, w) float32, and say which have both."""
    wide = planes.astype(np.result_type(planes.dtype, np.float32))
    grey = (wide[..., 0] if wide.shape[3] == 1 else wide.mean(axis=3)).reshape(len(planes), -1)
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = grey.min(axis=1, keepdims=True), grey.max(axis=1, keepdims=True)
        span = high - low
        measurable = np.isfinite(span) & (span > 0)
        fractions = (grey - low) / np.where(measurable, span, 1)
    fractions = fractions.reshape(planes.shape[:3])
    return np.ascontiguousarray(fractions, np.float32), measurable.reshape(-1)


@compiled
def _measure(fractions: Plane, measurable: Any, floats: Floats, counts: Counts) -> None:
    _, height, width = fractions.shape
    tall, broad = SCALE * height, SCALE * width
    stripes = np.empty((broad, height), np.float32)
    spread, ink = np.empty((tall, broad), np.float32), np.empty((tall, broad), np.float32)
    mask, near = np.zeros((tall + 2, broad + 2), np.uint8), np.empty((tall + 2, broad + 2), np.int32)
    room = np.empty((tall * ((broad + 1) // 2), 3), np.int32)
    for image in range(len(fractions)):
        if measurable[image]:
            enlarge(fractions[image], stripes, spread, ink)
            _measure_frame(ink, floats[3:, image])
            _cut(ink, mask)
            runs = room[: _find_runs(mask, room)]
            counts[0, image], counts[1, image] = _count_pieces(runs)
            pixels = (runs[:, 2] - runs[:, 1]).sum()
            places, depths = np.empty(pixels, np.int64), np.empty(pixels, np.int64)
            measure_depths(mask, runs, near, places, depths)
            axis = thin(mask, places, depths)
            floats[0, image] = pixels / SCALE**2
            floats[1, image] = _axis_length(mask, places[:axis]) / SCALE
            floats[2, image] = 2 * np.sqrt(depths[:axis]).mean() / SCALE
            counts[2, image] = count_ends(mask, places[:axis], depths[:axis], near)


@compiled
def _measure_frame(ink: Plane, frame: Floats) -> None:
    """Measure slant, width and height of the grey values, (h, w)."""
    height, width = ink.shape
    rows, columns, mixed = np.zeros(height), np.zeros(width, np.float32), np.zeros(width, np.float32)
    parts = np.empty(SCALE, np.float32)  # of every fourth pixel: a single sum would have to wait for itself
    for row in range(height):
        parts[:] = 0
        for column in range(width):
            columns[column] += ink[row, column]
            mixed[column] += ink[row, column] * np.float32(row)
        for column in range(0, width, SCALE):
            for part in range(SCALE):
                parts[part] += ink[row, column + part]
        rows[row] = parts.sum()
    down, across = np.arange(height).astype(np.float64), np.arange(width).astype(np.float64)
    mass = rows.sum()
    middle = (rows * down).sum() / mass
    variance = (rows * down * down).sum() / mass - middle**2
    shear = ((mixed * across).sum() / mass - middle * (columns * across).sum() / mass) / variance
    frame[0] = np.arctan(-shear)
    frame[1] = _extent(_set_upright(ink, rows, shear, middle)) / SCALE
    frame[2] = _extent(rows) / SCALE


@compiled
def _set_upright(ink: Plane, rows: Floats, shear: float, middle: float) -> Floats:
    """Sum the columns of the ink, (h, w), after moving each row sideways to the nearest pixel, about the middle row.

    rows: the sum of each. The sums reach as far to both sides as ink is moved.
    """
    height, width = ink.shape
    shifts = np.floor(0.5 - shear * (np.arange(height) - middle)).astype(np.int64)
    inked = rows > 0
    margin = np.abs(shifts[inked]).max()
    sums = np.zeros(width + 2 * margin)
    for row in range(height):
        if inked[row]:
            start = margin + shifts[row]
            for column in range(width):
                sums[start + column] += ink[row, column]
    return sums


@compiled
def _extent(sums: Floats) -> float:
    """Measure how many rows or columns hold all the ink but the tails; the outermost count in proportion."""
    mass, ends = sums.sum(), np.empty(2)
    for side in range(2):
        left = TAIL * mass if side == 0 else (1 - TAIL) * mass
        place = 0
        while place < len(sums) - 1 and sums[place] <= left:
            left -= sums[place]
            place += 1
        ends[side] = place + min(left / sums[place], 1.0)
    return float(ends[1] - ends[0])


@compiled
def _cut(ink: Plane, mask: Mask) -> None:
    """Set the mask, within its rim of zeros, where the ink reaches the middle of its range."""
    height, width = ink.shape
    low, high = ink[0].copy(), ink[0].copy()
    for row in range(height):
        for column in range(width):
            value = ink[row, column]
            low[column] = value if value < low[column] else low[column]
            high[column] = value if value > high[column] else high[column]
    lowest, highest = low.min(), high.max()
    level = lowest + (highest - lowest) * np.float32(0.5)
    for row in range(height):
        for column in range(width):
            mask[row + 1, column + 1] = ink[row, column] >= level


@compiled
def _find_runs(mask: Mask, runs: Runs) -> int:
    """Find the pieces of rows that the shape is made of, as `measure_depths` takes them; give how many."""
    count = 0
    for row in range(1, mask.shape[0] - 1):
        before = np.uint8(0)
        for column in range(1, mask.shape[1]):
            if mask[row, column] != before:
                before = mask[row, column]
                if before:
                    runs[count, 0], runs[count, 1] = row, column
                else:
                    runs[count, 2] = column
                    count += 1
    return count


@compiled
def _count_pieces(runs: Runs) -> tuple[int, int]:
    """Count components and holes of the shape made of runs.

    Runs and where they touch make a graph; its loops are the holes: components - holes = runs - touches.
    """
    parents = np.arange(len(runs))
    components, touches, start = len(runs), 0, 0
    for run in range(len(runs)):
        while runs[start, 0] < runs[run, 0] - 1:
            start += 1
        other = start
        while runs[other, 0] < runs[run, 0]:
            if runs[other, 1] <= runs[run, 2] and runs[run, 1] <= runs[other, 2]:
                touches += 1
                first, second = _root(parents, other), _root(parents, run)
                components -= first != second
                parents[first] = second
            other += 1
    return components, components - len(runs) + touches


@compiled
def _root(parents: Counts, run: int) -> int:
    while parents[run] != run:
        parents[run] = parents[parents[run]]
        run = parents[run]
    return run


@compiled
def _axis_length(axis: Mask, places: Places) -> float:
    """Add up the links between neighbouring pixels of the axis, 1 or √2; a diagonal is none where two steps lead."""
    flat, stride = axis.reshape(-1), axis.shape[1]
    straight = diagonal = 0
    for place in places:
        right, below, left = flat[place + 1], flat[place + stride], flat[place - 1]
        straight += right + below
        if not below:
            diagonal += (flat[place + stride + 1] and not right) + (flat[place + stride - 1] and not left)
    return float(straight + diagonal * np.sqrt(2.0))
