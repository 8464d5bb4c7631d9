"""The checks on duplicates: which samples are flagged, and what the audit says of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from mnist_data.parquet.messages import mark, message
from pipelines.audit.check_result import CheckResult, Scores
from pipelines.audit.pairs import REACH, Flags, Pairs
from pipelines.audit.rescans import Rescans

LABEL_CONFLICT = (
    "label_conflict",
    mark("an exact or near duplicate has another label; the threshold is that of near duplicates"),
)
LEAKED = (
    "leaked",
    mark("an exact or near duplicate is in another split; the threshold is that of near duplicates"),
)


@dataclass(frozen=True)
class Copies:
    """The copies among n samples.

    rank: (n,); of copies the one of lowest rank is kept. originals: (n,), for each the position of the one kept of
    those with its pixels. pairs: of shifted copies. near: (n,) the pair by which each is flagged as a shifted copy, or
    -1. threshold: the distance up to which these are copies. rescans: rescanned copies among the others.
    """

    rank: Integers
    originals: Integers
    pairs: Pairs
    near: Integers
    threshold: float
    rescans: Rescans

    def direct(self) -> Integers:
        """Give for each sample the kept one whose exact or shifted copy it is, or its own position, (n,)."""
        shifted = np.flatnonzero(self.near >= 0)
        pair = self.near[shifted]
        direct = self.originals.copy()
        direct[shifted] = np.where(self.pairs.first[pair] == shifted, self.pairs.second[pair], self.pairs.first[pair])
        return direct[direct]

    def heads(self) -> Integers:
        """Give for each sample the position of the kept one of its group, or its own, (n,)."""
        return self.rescans.clusters[self.direct()]

    def rescanned(self) -> Flags:
        """Say which samples are in a group of rescanned copies, (n,)."""
        clusters = self.rescans.clusters
        many = np.bincount(clusters, minlength=len(clusters)) > 1
        return np.asarray(many[self.heads()])


def exact_duplicates(ids: Integers, copies: Copies) -> CheckResult:
    """Flag all samples with the same pixels but the one that is kept."""
    flagged = copies.originals != np.arange(len(ids))
    return CheckResult(
        "exact_duplicate",
        flagged,
        _scores(flagged),
        np.nan,
        message("the same pixels as another sample; there is no threshold, and samples of a single value are left out"),
        {"exact_duplicate_of": np.ma.masked_array(ids[copies.originals], ~flagged)},
    )


def near_duplicates(ids: Integers, copies: Copies, why: str) -> CheckResult:
    """Flag shifted copies of a kept sample, and rescanned ones; nothing is flagged for lying near a flagged one."""
    details = _shifted(copies)
    rescanned = copies.rescans.pairs.second
    for name, values in _rescanned(copies).items():
        details[name][rescanned] = values
    flagged = ~np.ma.getmaskarray(details["of"])
    distance = np.ma.filled(details["distance"], np.nan)
    limit = np.ma.filled(details.pop("limit"), np.nan)
    details["of"] = np.ma.masked_array(ids[np.ma.filled(details["of"], 0)] if len(ids) else ids, ~flagged)
    heads = copies.heads()
    alone = np.bincount(heads, minlength=len(ids))[heads] == 1
    named = {f"near_duplicate_{name}": values for name, values in {**details, "distance": distance}.items()}
    return CheckResult(
        "near_duplicate",
        flagged,
        np.where(flagged, 1 - 0.5 ** (distance / limit), 1).astype(np.float32),
        copies.threshold,
        message(
            "part of the ink that another sample does not account for, at the best shift of up to {reach} pixels; the "
            "threshold is {why}; rescanned copies too, whose threshold depends on their neighbours",
            reach=REACH,
            why=message(why),
        ),
        {**named, "duplicate_group": np.ma.masked_array(ids[heads] if len(ids) else ids, alone)},
    )


def _shifted(copies: Copies) -> dict[str, np.ma.MaskedArray[Any, Any]]:
    """Give what is said of the shifted copies, name -> (n,), masked for other samples; of: a position."""
    pairs, flagged = copies.pairs, copies.near >= 0
    pair, copy = copies.near[flagged], np.flatnonzero(flagged)
    later = pairs.second[pair] == copy
    sign = np.where(later, 1.0, -1.0)
    values = {
        "of": np.where(later, pairs.first[pair], pairs.second[pair]),
        "distance": pairs.distance[pair],
        "limit": np.full(len(pair), copies.threshold),
        "rows": sign * pairs.rows[pair],
        "columns": sign * pairs.columns[pair],
        "degrees": np.zeros(len(pair)),
        "scale": np.ones(len(pair)),
    }
    details = {}
    for name, given in values.items():
        column = np.ma.masked_array(np.zeros(len(flagged), given.dtype), np.ones(len(flagged), np.bool_))
        column[copy] = given
        details[name] = column
    return details


def _rescanned(copies: Copies) -> dict[str, npt.NDArray[Any]]:
    """Give the same of the rescanned copies, in the order of their pairs."""
    pairs = copies.rescans.pairs
    return {
        "of": pairs.first,
        "distance": pairs.distance,
        "limit": copies.rescans.limits,
        "rows": pairs.rows,
        "columns": pairs.columns,
        "degrees": pairs.degrees,
        "scale": pairs.scale,
    }


def differing_copies(
    ids: Integers, labels: Integers, splits: Integers, groups: Integers, copies: Copies
) -> list[CheckResult]:
    """Flag samples with a copy of another label, and those with a copy in another split.

    splits: (n,) numbers. groups: (n,), for each sample the position of one that stands for it in the pairs.
    """
    heads, involved = copies.heads(), copies.rescanned()
    groups = np.where(involved, heads, groups)
    first, second = (np.where(involved[side], heads[side], side) for side in (copies.pairs.first, copies.pairs.second))
    return [
        _named(check, column, ids, _differing(values, groups, first, second), copies.threshold)
        for check, column, values in (
            (LABEL_CONFLICT, "label_conflict_with", labels),
            (LEAKED, "leaked_from", splits),
        )
    ]


def _differing(values: Integers, groups: Integers, first: Integers, second: Integers) -> Integers:
    """Give for each sample the position of an exact or near duplicate with another value, (n,); -1 where none has.

    values: (n,), labels or splits. groups: (n,), for each sample the one that stands for it. first, second: (pairs,),
    near duplicates. Of all copies the ones with the least and the greatest value are known.
    """
    count = len(values)
    codes = np.unique(values, return_inverse=True)[1].reshape(-1)
    keys = codes * count + np.arange(count)  # ordered by value, and with the position of the sample
    least, most = keys.copy(), keys.copy()
    np.minimum.at(least, groups, keys)
    np.maximum.at(most, groups, keys)
    group_least, group_most = least.copy(), most.copy()
    for sample, other in ((first, second), (second, first)):
        np.minimum.at(least, sample, group_least[other])
        np.maximum.at(most, sample, group_most[other])
    least, most = least[groups], most[groups]
    below, above = least // max(1, count) < codes, most // max(1, count) > codes
    return np.select([below, above], [least % max(1, count), most % max(1, count)], -1)


def _named(check: tuple[str, str], column: str, ids: Integers, other: Integers, threshold: float) -> CheckResult:
    """Flag the samples for which there is another, (n,) positions or -1, and name it."""
    flagged = other >= 0
    named = np.ma.masked_array(ids[other] if len(ids) else ids, ~flagged)
    name, meaning = check
    return CheckResult(name, flagged, _scores(flagged), threshold, message(meaning), {column: named})


def _scores(flagged: Flags) -> Scores:
    return np.where(flagged, 0, 1).astype(np.float32)


def choose_near(rank: Integers, pairs: Pairs) -> Integers:
    """Give for each sample the pair by which it is flagged as a copy of one of lower rank, or -1: (n,)."""
    swapped = rank[pairs.second] < rank[pairs.first]
    keep, give = np.where(swapped, (pairs.second, pairs.first), (pairs.first, pairs.second))
    return choose(keep, give, pairs.distance, rank)


def choose(keep: Integers, give: Integers, distance: npt.NDArray[np.float64], rank: Integers) -> Integers:
    """Give for each sample the pair by which it is flagged, the closest whose other one is kept, or -1: (n,)."""
    chosen = np.full(len(rank), -1)
    # By rank, so that all is decided of what a sample may lie near before the sample itself.
    for pair in np.lexsort((rank[keep], distance, rank[give])):
        if chosen[give[pair]] < 0 and chosen[keep[pair]] < 0:
            chosen[give[pair]] = pair
    return chosen
