"""Pairs of samples: which are worth comparing, found among their spectra, and how far apart their pixels are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement
from typing import Self

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from mnist_data.parquet.dataset import Partition, read_partition
from pipelines.audit.spectra import Floats, unit_ink
from pipelines.engine.execution import Execution

REACH, REACH_SHARE = 2, 8
"""Shifts of up to 2 pixels are tried, and of at most an eighth of the side."""

BLOCK_BYTES = 1 << 25
"""Of ink held by each side of a comparison."""

BLOCK_ROWS, MOST_BLOCKS = 8_192, 64
"""Samples in a block of the search, and how many blocks at most: their pairs are its tasks."""

MOST_PAIRS = 1 << 19
"""Pairs that are compared at once, of 150 bytes each; where more are close, groups are formed instead of pairs."""

SLACK = 1e-3
"""Added to the search's radius for the rounding of float32."""

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
"""(pairs, 2) int64, positions of samples."""


@dataclass(frozen=True)
class Compared:
    """Pairs of samples, by position in the dataset, and how far apart the two are; all that is said is (pairs,)."""

    first: Integers
    second: Integers
    distance: npt.NDArray[np.float64]

    def where(self, chosen: Flags) -> Self:
        """Give some of them."""
        return type(self)(**{name: values[chosen] for name, values in vars(self).items()})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put several together, at least one."""
        return cls(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


@dataclass(frozen=True)
class Pairs(Compared):
    """Pairs whose pixels were compared at the best shift.

    distance: sin φ, from 0 to 1. rows, columns: how much lower and further right the second lies. equal: whether all
    pixels are.
    """

    rows: Integers
    columns: Integers
    equal: Flags


Compare = Callable[[Places, str], Pairs]
"""Compares samples, (pairs, 2) positions in the dataset; the text says what for."""


def reach(shape: Sequence[int]) -> tuple[int, int]:
    """Give by how many rows and columns images of this shape, (height, width, …), may be shifted."""
    down, across = (min(REACH, side // REACH_SHARE) for side in shape[:2])
    return down, across


def rotate(spectra: Floats) -> Floats:
    """Turn spectra, (n, axes), to their principal axes, the most telling first, which changes no distance."""
    if not len(spectra):
        return spectra
    centred = spectra - spectra.mean(axis=0, dtype=np.float64).astype(np.float32)
    _, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    return np.asarray(centred @ axes[:, ::-1].astype(np.float32))


@dataclass(frozen=True)
class _Blocks:
    """Two blocks of points, (axes, n), ascending on the first axis; begins: the place of each in the whole order."""

    left: Floats
    right: Floats
    begins: tuple[int, int]


def radius_of(distance: float) -> float:
    """Give how far apart the spectra of two images can be that are as close as `distance` in pixels."""
    # Two images of norm 1 at the angle φ, where the distance is sin φ, are 2 sin(φ / 2) apart.
    return float(2 * np.sin(np.arcsin(distance) / 2)) + SLACK


def find_close(points: Floats, distance: float, execution: Execution, most: int = MOST_PAIRS) -> Places | None:
    """Find the pairs of points, (n, axes), that may be as close as `distance` in pixels: (pairs, 2) positions.

    None where they are more than `most`. Points are sorted by their first axis, and blocks of them that lie near each
    other there are searched.
    """
    radius = radius_of(distance)
    order = np.argsort(points[:, 0], kind="stable")
    lines = np.ascontiguousarray(points[order].T)
    size = max(BLOCK_ROWS, -(-len(points) // MOST_BLOCKS))
    begins = range(0, len(points), size)
    tasks = [
        _Blocks(lines[:, left : left + size], lines[:, right : right + size], (left, right))
        for left, right in combinations_with_replacement(begins, 2)
        if lines[0, right] - lines[0, min(left + size, len(points)) - 1] <= radius
    ]
    blocks = execution.run(partial(_search, radius=radius, most=most), tasks, "duplicates: search")
    if sum(map(len, blocks)) > most:
        return None
    places = np.concatenate([np.empty((0, 2), np.int64), *blocks])
    return np.asarray(order[places])


def _search(blocks: _Blocks, radius: float, most: int) -> Places:
    from pipelines.kernels.matches import pairs_within

    left, right = np.ascontiguousarray(blocks.left), np.ascontiguousarray(blocks.right)
    pairs = pairs_within(left, right, radius, blocks.begins[0] == blocks.begins[1], most)
    return np.asarray(pairs + np.array(blocks.begins))


@dataclass(frozen=True)
class Comparison:
    """Pairs to compare. reads: partitions and which of their rows; first, second: positions among these rows."""

    reads: tuple[tuple[Partition, Integers], ...]
    first: Integers
    second: Integers


def compare_pairs(
    partitions: Sequence[Partition],
    shape: Sequence[int],
    pairs: npt.NDArray[np.int64],
    stage: str,
    execution: Execution,
) -> Pairs:
    """Compare samples, (pairs, 2) positions in the dataset, pixel by pixel, and give them in the same order.

    stage: what the comparison is for, as the progress says.
    """
    tasks, given = plan_comparisons(partitions, shape, pairs)
    measured = execution.run(_compare, tasks, f"duplicates: {stage}", lambda task: len(task.first))
    squares, shifts, equal = (np.concatenate(parts)[given] for parts in zip(_NOTHING, *measured, strict=True))
    # |a - b|² = 2 - 2 cos φ for images of norm 1; beyond a right angle they have nothing in common.
    squares = np.minimum(squares, 2.0)
    distance = np.sqrt(squares * (1 - squares / 4))
    rows, columns = shifts.T.astype(np.int64)
    return Pairs(pairs[:, 0], pairs[:, 1], distance, rows, columns, equal)


_NOTHING = (np.empty(0), np.empty((0, 2), np.int8), np.empty(0, bool))


def plan_comparisons(
    partitions: Sequence[Partition], shape: Sequence[int], pairs: Places
) -> tuple[list[Comparison], Integers]:
    """Cut pairs of samples into tasks, and give where in their joined results that of each pair stands, (pairs,).

    Both sides of the pairs are cut into blocks in the order of the dataset, so that a task reads few partitions.
    """
    places = np.unique(pairs, return_inverse=True)[1].reshape(-1, 2)
    size = max(1, BLOCK_BYTES // (4 * max(1, int(np.prod(shape)))))
    low, high = np.sort(places // size, axis=1).T
    order = np.lexsort((places[:, 1], places[:, 0], high, low))
    cuts = np.flatnonzero((np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)) + 1
    starts = np.cumsum([0, *(partition.rows for partition in partitions)])
    tasks = [_comparison(partitions, starts, pairs[rows]) for rows in np.split(order, cuts) if len(rows)]
    return tasks, np.argsort(order)


def _comparison(partitions: Sequence[Partition], starts: Integers, pairs: npt.NDArray[np.int64]) -> Comparison:
    samples, places = np.unique(pairs, return_inverse=True)
    owner = np.searchsorted(starts, samples, side="right") - 1
    reads = tuple((partitions[number], samples[owner == number] - starts[number]) for number in np.unique(owner))
    first, second = places.reshape(-1, 2).T
    return Comparison(reads, first, second)


def _compare(task: Comparison) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int8], Flags]:
    from pipelines.kernels.matches import match_pairs

    images: Images = np.concatenate([read_partition(partition).images[rows] for partition, rows in task.reads])
    down, across = reach(images.shape[1:])
    inks = unit_ink(images)
    lines = inks.reshape(*inks.shape[:2], -1)
    squares, shifts = match_pairs(lines, inks.shape[3], task.first, task.second, down, across)
    equal = squares < 1e-6  # copies, but some may differ in contrast
    same = np.flatnonzero(equal)
    flat = images.reshape(len(images), -1)
    equal[same] = (flat[task.first[same]] == flat[task.second[same]]).all(axis=1)
    return squares, shifts, equal
