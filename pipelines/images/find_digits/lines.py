"""The order in which digits are read: line by line, also where lines are tilted or curved."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key

import numpy as np
import numpy.typing as npt

Centres = npt.NDArray[np.float64]
"""(n, 2) row and column."""

NEAR = 0.75
"""A digit belongs to a line where it is no farther from where the line is expected, in digit heights."""

REMEMBERED = 4
"""Digits at the end of a line from which its course is expected."""

STIFF = 1.0
"""How slowly a line's course follows its last digits, in digit heights."""

REACH = 3.0
"""How far apart neighbours are whose direction counts for the tilt, in digit heights."""


def reading_order(centres: Centres, height: float) -> list[int]:
    """Order centres line by line, those of a line from left to right. height: of a usual digit, pixels."""
    if len(centres) < 2:
        return list(range(len(centres)))
    slope = line_slope(centres, height)
    lines = _lines(centres, slope, height)
    return [place for line in _downwards(lines, centres, slope) for place in line]


def line_slope(centres: Centres, height: float) -> float:
    """Estimate the slope of the lines of writing, rows per column: that by which most neighbours are aligned."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(centres).query_pairs(REACH * height, output_type="ndarray")
    if not len(pairs):
        return 0.0
    down, right = (centres[pairs[:, 1]] - centres[pairs[:, 0]]).T
    flat = np.abs(right) > 2 * np.abs(down)
    if not flat.any():
        return 0.0
    down, right = down[flat], right[flat]
    slopes = np.linspace(-0.4, 0.4, 81)
    width = 0.15 * height
    misfits = np.abs(down[None] - slopes[:, None] * right[None])
    fits = np.exp(-((misfits / width) ** 2)).sum(axis=1) - 0.02 * np.abs(slopes)
    return float(slopes[int(np.argmax(fits))])


def _lines(centres: Centres, slope: float, height: float) -> list[list[int]]:
    """Follow the lines from left to right; each takes the digits nearest to where it is expected."""
    lines: list[list[int]] = []
    for place in np.argsort(centres[:, 1] + slope * centres[:, 0], kind="stable").tolist():
        distances = [abs(centres[place, 0] - _expected(line, centres, place, slope, height)) for line in lines]
        nearest = int(np.argmin(distances)) if distances else -1
        if nearest >= 0 and distances[nearest] <= NEAR * height:
            lines[nearest].append(place)
        else:
            lines.append([place])
    return lines


def _expected(line: Sequence[int], centres: Centres, place: int, slope: float, height: float) -> float:
    """Give the row in which a line is expected at a digit's column."""
    last = centres[line[-REMEMBERED:]]
    right, down = last[:, 1], last[:, 0] - slope * last[:, 1]
    apart = right - right.mean()
    bent = float((apart * down).sum() / ((apart**2).sum() + (STIFF * height) ** 2))
    column = float(centres[place, 1])
    return float(down.mean()) + slope * column + bent * (column - float(right.mean()))


def _downwards(lines: list[list[int]], centres: Centres, slope: float) -> list[list[int]]:
    """Sort lines from the top down by where they are side by side."""

    def above(one: list[int], other: list[int]) -> int:
        first, second = centres[one], centres[other]
        apart = np.abs(first[:, None, 1] - second[None, :, 1])
        left, right = np.unravel_index(int(np.argmin(apart)), apart.shape)
        down, along = first[left] - second[right]
        return int(np.sign(down - slope * along))

    return sorted(lines, key=cmp_to_key(above))
