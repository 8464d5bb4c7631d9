"""Choosing the samples that a page shows: some drawn by the hashes of their ids, the others because they stand out.

Arrays in, choice out. A choice depends on the samples alone, never on their order or on how a dataset is cut: wherever
two are equal, the hash of the id decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.engine.id_hash import hashes

DRAWN = "drawn"
"""Why a sample was chosen that stands out in nothing: by the hash of its id."""

OUTSTANDING = 0.5
"""The most of a choice that samples that stand out may be; the others are drawn, and look like the dataset."""

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class SampleChoice:
    """The chosen samples, by ascending hash of their ids.

    rows: (n,), their positions. reasons: (n,) texts, why each was chosen: the first ranking that has it, or DRAWN.
    """

    rows: Integers
    reasons: tuple[str, ...]


def choose_samples(
    ids: Integers, strata: Integers, rankings: Mapping[str, Integers], most: int, *, seed: int = 0
) -> SampleChoice:
    """Choose at most `most` samples: at most half of them by the rankings, in turn, and the others drawn.

    ids: (n,), all different. strata: (n,), the group of each; of each group equally many are drawn, as far as there are
    so many. rankings: reason -> rows, the most interesting first; a sample may be in several.
    """
    order = hashes(ids, seed)
    reasons = _in_turn(rankings, min(len(ids), int(OUTSTANDING * most)))
    drawn = drawn_rows(ids, strata, len(ids), seed=seed)
    others = drawn[~np.isin(drawn, list(reasons))][: max(0, most - len(reasons))]
    rows = np.concatenate([np.array(list(reasons), np.int64), others])
    rows = rows[np.argsort(order[rows])]
    return SampleChoice(rows, tuple(reasons.get(row, DRAWN) for row in rows.tolist()))


def _in_turn(rankings: Mapping[str, Integers], most: int) -> dict[int, str]:
    """Take the first row of each ranking, then the second of each, … until there are `most`: row -> its reason."""
    taken: dict[int, str] = {}
    named = ([(row, reason) for row in rows[:most].tolist()] for reason, rows in rankings.items())
    for pair in chain.from_iterable(zip_longest(*named)):
        if pair is None:
            continue
        if len(taken) >= most:
            break
        taken.setdefault(pair[0], pair[1])
    return taken


def drawn_rows(ids: Integers, strata: Integers, most: int, *, seed: int = 0) -> Integers:
    """Draw at most `most` rows by the hashes of their ids, of each stratum equally many as far as there are so many.

    ids, strata: (n,). Gives rows of which any first part is such a draw, too.
    """
    return ranked(hashes(ids, seed), strata, ids, seed=seed)[:most]


def ranked(scores: Values, strata: Integers, ids: Integers, *, seed: int = 0) -> Integers:
    """Order rows by their scores, the lowest first, taking from each stratum in turn. NaN scores are left out.

    scores, strata, ids: (n,). Equal ones are ordered by the hash of the id.

    >>> ranked(np.array([0.3, 0.1, 0.2, np.nan]), np.array([0, 0, 1, 1]), np.arange(4)).tolist()
    [1, 2, 0]
    """
    rows = np.flatnonzero(~np.isnan(scores)) if scores.dtype.kind == "f" else np.arange(len(scores))
    by_hash = hashes(ids, seed)
    rows = rows[np.lexsort((by_hash[rows], scores[rows], strata[rows]))]
    if not len(rows):
        return rows
    starts = np.flatnonzero(np.diff(strata[rows], prepend=strata[rows][0] - 1))
    turn = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    return np.asarray(rows[np.lexsort((strata[rows], turn))])


def of_lowest(scores: Values, flagged: npt.NDArray[np.bool_], ids: Integers, most: int) -> Integers:
    """Give at most `most` flagged rows by ascending score, (n,), equal ones by the hash of the id.

    >>> of_lowest(np.array([0.3, 0.1, 0.2]), np.array([True, True, False]), np.arange(3), 5).tolist()
    [1, 0]
    """
    rows = np.flatnonzero(flagged)
    return np.asarray(rows[np.lexsort((hashes(ids[rows]), scores[rows]))][:most])


def stratum_of(*keys: Sequence[Any] | Values) -> Integers:
    """Give the number of the combination that some keys, (n,) each, have: (n,) int64.

    >>> stratum_of(["train", "train", "test"], np.array([0, 1, 1])).tolist()
    [1, 2, 0]
    """
    stratum = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        values, own = np.unique(np.asarray(key), return_inverse=True)
        stratum = stratum * max(1, len(values)) + own
    return np.asarray(np.unique(stratum, return_inverse=True)[1], np.int64)
