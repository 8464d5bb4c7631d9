"""Which sample of one dataset is which of another: by id and pixels, then by pixels, then by id.

Samples with the same id and the same pixels are the same. Of the others, those with the same pixels are: first those
whose label and split are the same, too. What is left with the same id has been altered, if the ids mean the same in
both datasets: where most of the samples that are found again have other ids, as after a file was added in front, they
do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.drift.versions.digests import DigestedSamples

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class Matching:
    """first, second: (k,) rows of A and of B that are one sample. removed, added: rows of A and of B without a partner.

    ids_kept: whether the ids mean the same in both; where they do not, none is altered.
    """

    first: Integers
    second: Integers
    removed: Integers
    added: Integers
    ids_kept: bool


def match_samples(a: DigestedSamples, b: DigestedSamples) -> Matching:
    """Match the samples of two datasets, each with one at most; labels and splits must be numbered alike in both."""
    _, of_a, of_b = np.intersect1d(a.ids, b.ids, assume_unique=True, return_indices=True)
    same = a.digests[of_a] == b.digests[of_b]
    pairs = [(of_a[same], of_b[same])]
    left, right = _others(len(a), pairs, 0), _others(len(b), pairs, 1)
    for names in (("digests", "labels", "splits"), ("digests", "labels"), ("digests",)):
        columns = ([getattr(side, name)[rows] for name in names] for side, rows in ((a, left), (b, right)))
        places, others = pair_equal(*columns)
        pairs.append((left[places], right[others]))
        left, right = np.delete(left, places), np.delete(right, others)
    kept = int(same.sum()) >= sum(len(rows) for rows, _ in pairs[1:])
    if kept:
        altered = ~same & np.isin(of_a, left) & np.isin(of_b, right)
        pairs.append((of_a[altered], of_b[altered]))
    return Matching(
        np.concatenate([rows for rows, _ in pairs]),
        np.concatenate([rows for _, rows in pairs]),
        _others(len(a), pairs, 0),
        _others(len(b), pairs, 1),
        kept,
    )


def _others(count: int, pairs: Sequence[tuple[Integers, Integers]], side: int) -> Integers:
    """Give the rows of one side, ascending, that are in no pair."""
    free = np.ones(count, np.bool_)
    for pair in pairs:
        free[pair[side]] = False
    return np.flatnonzero(free)


def pair_equal(left: Sequence[Column], right: Sequence[Column]) -> tuple[Integers, Integers]:
    """Pair the rows of two tables whose columns are all equal, each at most once, in their order; give their places.

    left, right: columns, (n,) and (m,) each. The time is that of sorting them.

    >>> [places.tolist() for places in pair_equal([np.array([7, 5, 7])], [np.array([7, 7, 7, 6])])]
    [[0, 2], [0, 1]]
    """
    columns = [np.concatenate(pair) for pair in zip(left, right, strict=True)]
    count = len(left[0])
    order = np.lexsort(columns[::-1])  # stable: the left rows of a group come first, in their order
    new = np.zeros(len(order), np.bool_)
    for column in columns:
        ordered = column[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    groups = np.cumsum(new, dtype=np.int64)
    of_left = order < count
    first, second = order[of_left], order[~of_left] - count
    _, places, others = np.intersect1d(
        _keys(groups[of_left], len(order)), _keys(groups[~of_left], len(order)), assume_unique=True, return_indices=True
    )
    return first[places], second[others]


def _keys(groups: Integers, rows: int) -> Integers:
    """Give each member of a group a number of its own, the same as its counterpart of the other table has.

    groups: (n,), ascending. rows: of both tables, which no group can exceed.
    """
    begins = np.flatnonzero(np.diff(groups, prepend=-1))
    sizes = np.diff(np.append(begins, len(groups)))
    return np.asarray(groups * (rows + 1) + np.arange(len(groups)) - np.repeat(begins, sizes))
