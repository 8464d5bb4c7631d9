"""The nearest neighbours of points, of which each of two samples may be the copy of the other.

Up to WHOLE points all are compared with all. Of more that would take hours, as it grows with their square: so they are
divided into cells, each the points nearest to one of them, and a cell is compared with the NEAR cells nearest to it.
Points are whole numbers short enough that float32 holds all products exactly: the result depends on no order of sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.engine.execution import Execution

Points = npt.NDArray[np.int16]

WHOLE = 100_000
"""Points up to which all are compared with all: 8 s of processor time for 70,000."""

CELL, NEAR = 250, 64
"""Points of a cell, on average, and the cells that each is compared with, itself among them. Of MNIST's 70,000 digits
98.5 % then have the nearest other one as with all compared, and 99.3 % of those with a clearly nearest one."""

BLOCK, COLUMNS = 1_024, 4_096
"""Points whose neighbours are searched at once, and those that they are compared with at once."""

MOST_TASKS = 32
"""Of the search: each is sent all points."""


def find_nearest(points: Points, neighbours: int, execution: Execution) -> Integers:
    """Give the nearest other points of each, (n, neighbours), ascending; of equally near ones those that come first."""
    if len(points) > WHOLE:
        return find_nearest_in_cells(points, neighbours, execution)
    search = partial(_search_all, points=points, neighbours=neighbours)
    return np.concatenate(execution.run(search, _ranges(len(points)), "duplicates: neighbours", len))


def find_nearest_in_cells(points: Points, neighbours: int, execution: Execution) -> Integers:
    """Give the nearest other points of each among those of the cells near its own, as `find_nearest` does."""
    cells = _divide(points, execution)
    tasks = [part for part in np.array_split(np.arange(len(cells.starts) - 1), MOST_TASKS) if len(part)]
    search = partial(_search_cells, points=points, cells=cells, neighbours=neighbours)
    nearest = np.empty((len(points), neighbours), np.int64)
    nearest[cells.members] = np.concatenate(execution.run(search, tasks, "duplicates: neighbours", len))
    return nearest


def _ranges(count: int) -> list[range]:
    size = max(BLOCK, -(-count // MOST_TASKS))
    return [range(begin, min(begin + size, count)) for begin in range(0, count, size)]


@dataclass(frozen=True)
class _Cells:
    """Cells, none of them empty.

    members: (n,) points by cell, ascending in each. starts: (cells + 1,) where each cell begins in `members`. near:
    (cells, up to NEAR), the cells that each is compared with.
    """

    members: Integers
    starts: Integers
    near: Integers

    def of(self, cell: int) -> Integers:
        """Give the points of a cell."""
        return self.members[self.starts[cell] : self.starts[cell + 1]]


def _divide(points: Points, execution: Execution) -> _Cells:
    centres = points[np.linspace(0, len(points) - 1, max(1, len(points) // CELL)).astype(np.int64)]
    assign = partial(_assign, points=points, centres=centres)
    ranges = _ranges(len(points))
    names, cell = np.unique(
        np.concatenate(execution.run(assign, ranges, "duplicates: cells", len)), return_inverse=True
    )
    starts = np.cumsum([0, *np.bincount(cell)])
    filled = centres[names]
    near = [np.argsort(apart, axis=1, kind="stable")[:, :NEAR] for apart in _apart(range(len(filled)), filled, filled)]
    return _Cells(np.argsort(cell, kind="stable"), starts, np.concatenate(near))


def _assign(rows: range, points: Points, centres: Points) -> Integers:
    """Give the number of the nearest centre of some points, (rows,)."""
    return np.concatenate([np.argmin(apart, axis=1) for apart in _apart(rows, points, centres)])


def _apart(rows: range, points: Points, centres: Points) -> Iterator[npt.NDArray[np.float32]]:
    """Give the squared distances of points to all centres, without the squares of the points, BLOCK rows at a time."""
    wide = centres.astype(np.float32)
    squares = _squares(wide)
    for begin in range(rows.start, rows.stop, BLOCK):
        yield squares - 2 * (points[begin : min(begin + BLOCK, rows.stop)].astype(np.float32) @ wide.T)


def _search_all(rows: range, points: Points, neighbours: int) -> Integers:
    every = np.arange(len(points))
    blocks = [every[begin : min(begin + BLOCK, rows.stop)] for begin in range(rows.start, rows.stop, BLOCK)]
    return np.concatenate([_search(block, every, points, neighbours) for block in blocks])


def _search_cells(numbers: Sequence[int], points: Points, cells: _Cells, neighbours: int) -> Integers:
    parts = []
    for number in numbers:
        others = np.sort(np.concatenate([cells.of(near) for near in cells.near[number]]))
        own = cells.of(number)
        blocks = [own[begin : begin + BLOCK] for begin in range(0, len(own), BLOCK)]
        parts += [_search(block, others, points, neighbours) for block in blocks]
    return np.concatenate(parts)


def _search(rows: Integers, others: Integers, points: Points, neighbours: int) -> Integers:
    """Give the nearest among some other points, ascending positions, of some of these themselves."""
    from pipelines.kernels.nearest import keep_nearest

    left, own = points[rows].astype(np.float32), np.searchsorted(others, rows)
    apart = np.full((len(rows), neighbours), np.inf, np.float32)
    nearest = np.zeros((len(rows), neighbours), np.int64)
    for start in range(0, len(others), COLUMNS):
        right = points[others[start : start + COLUMNS]].astype(np.float32)
        keep_nearest(left @ right.T, _squares(right), own - start, start, apart, nearest)
    return others[nearest]


def _squares(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(np.square(points).sum(axis=1))
