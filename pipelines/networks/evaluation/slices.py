"""Slices: the samples of a class, a writer or a range of a measure of which a network gets fewer right than elsewhere.

Asked of enough slices, chance shows some in which a network does badly. So each is compared with what the worst of all
slices shows where the mistakes are dealt to the samples at random (Westfall and Young 1993: the least p-value of every
permutation): those reported are found in at most one of twenty networks whose mistakes depend on nothing.

First come slices of all samples by one condition, the most significant before the others, whose samples are then left
out of the search; then of the samples of a class by a second condition, where mistakes are dealt within the class: so a
class that is hard as a whole does not make each of its parts one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Integers
from pipelines.networks.evaluation.scores import wilson

Flags = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]

ALPHA = 0.05
"""Probability of any slice where mistakes depend on nothing, shared by slices with one and with two conditions."""

PERMUTATIONS, TOGETHER = 999, 111
"""Of the mistakes, and how many are counted at once."""

LEAST = 20
"""Samples of a slice."""

MOST_FRACTION = 0.5
"""Of the samples that a slice is compared with: of more it is the others that are the slice."""

BINS = 10
"""Parts of equal size into which a measure is cut; limits of slices lie between them."""

MOST_SLICES = 5
"""With one condition, and with two."""

ROUNDING = 1e-13
"""Probabilities below cannot be told from 0 as the rest of a sum to 1."""

COLUMNS = (
    "label", "feature", "relation", "limit", "samples", "correct", "accuracy", "low", "high", "other_samples",
    "other_accuracy", "p_value",
)  # fmt: skip
IS, ABOVE, BELOW = "is", "above", "up to"


@dataclass(frozen=True)
class Condition:
    """What the samples of a slice have in common: a feature that is above a limit, up to it, or equal to it."""

    feature: str
    relation: str
    limit: float

    def holds(self, values: Values) -> Flags:
        """Say for which values it holds, (n,); for NaN it never does."""
        if self.relation == IS:
            return np.asarray(values == self.limit)
        return np.asarray(values > self.limit if self.relation == ABOVE else values <= self.limit)


@dataclass(frozen=True)
class _Search:
    """What slices are looked for among: n samples.

    wrong: (n,). labels: (n,). measures: name -> (n,), cut into ranges; groups: name -> (n,), such as writers, taken by
    value.
    """

    wrong: Flags
    labels: Integers
    measures: Mapping[str, Values]
    groups: Mapping[str, Values]

    def take(self, rows: Flags) -> _Search:
        """Choose samples."""
        measures = {name: values[rows] for name, values in self.measures.items()}
        groups = {name: values[rows] for name, values in self.groups.items()}
        return replace(self, wrong=self.wrong[rows], labels=self.labels[rows], measures=measures, groups=groups)


@dataclass(frozen=True)
class _Slice:
    """A slice, with the samples that it is compared with left in. label: -1 for all classes."""

    label: int
    condition: Condition
    p_value: float


def find_slices(
    wrong: Flags,
    labels: Integers,
    ids: Integers,
    measures: Mapping[str, npt.NDArray[np.floating] | Integers],
    groups: Mapping[str, Integers],
    seed: int = 0,
) -> pd.DataFrame:
    """Find the slices in which significantly more samples are wrong than elsewhere, the simplest first.

    wrong, labels, ids: (n,). measures: name -> (n,), NaN where unknown. groups: name -> (n,), by value. Gives a row a
    slice: label (missing for all classes), feature, relation (IS, ABOVE, BELOW) and limit (missing where the slice is
    a class), samples, correct, accuracy with its 95 % interval, those of the samples it is compared with (all, or the
    class) without the slice, and the p-value, corrected for the whole search. Depends on the ids, not on the order.
    """
    order = np.argsort(ids, kind="stable")
    search = _Search(
        wrong[order],
        labels[order],
        {name: np.asarray(values, np.float64)[order] for name, values in measures.items()},
        {name: np.asarray(values, np.float64)[order] for name, values in groups.items()},
    )
    first = _find(search, lambda left: [(-1, left)], seed)
    second = _find(search.take(~_covered(search, first)), _classes, seed + 1)
    rows = [_row(search, each) for each in [*first, *second]]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"label": "Int64", "limit": "float64"})


def members(slices: pd.DataFrame, labels: Integers, features: Mapping[str, npt.NDArray[np.generic]]) -> Iterator[Flags]:
    """Give the samples of each slice of a table, (n,). features: measures and groups, as they were searched."""
    for row in slices.to_dict("records"):
        of_class = np.ones(len(labels), np.bool_) if pd.isna(row["label"]) else np.asarray(labels == row["label"])
        if row["feature"]:
            condition = Condition(row["feature"], row["relation"], row["limit"])
            of_class &= condition.holds(np.asarray(features[row["feature"]], np.float64))
        yield of_class


def _find(search: _Search, populations: Callable[[_Search], list[tuple[int, _Search]]], seed: int) -> list[_Slice]:
    """Look for slices, the worst first, each time among the samples that no slice before it has.

    populations: what samples are compared with, by class; -1 for all together.
    """
    slices: list[_Slice] = []
    left = np.ones(len(search.wrong), np.bool_)
    while len(slices) < MOST_SLICES and (best := _worst(populations(search.take(left)), seed)) is not None:
        slices.append(best)
        left &= ~_holds(search, best)
    return slices


def _classes(search: _Search) -> list[tuple[int, _Search]]:
    return [(int(label), search.take(search.labels == label)) for label in np.unique(search.labels)]


CLASS = "label"
"""The feature of a condition that names a class."""


def _holds(search: _Search, of: _Slice) -> Flags:
    if of.condition.feature == CLASS:
        return np.asarray(search.labels == of.condition.limit)
    values = {**search.measures, **search.groups}[of.condition.feature]
    return np.asarray(of.condition.holds(values) & ((search.labels == of.label) | (of.label < 0)))


def _covered(search: _Search, slices: list[_Slice]) -> Flags:
    """Say which samples lie in a slice by a measure or a group; of a hard class, parts may still be harder."""
    covered = np.zeros(len(search.wrong), np.bool_)
    for each in slices:
        if each.condition.feature != CLASS:
            covered |= _holds(search, each)
    return covered


@dataclass(frozen=True)
class _Candidates:
    """The slices of one population. conditions: (k,). members: (n, k) float32, 1 for those of a slice."""

    label: int
    wrong: Flags
    conditions: list[Condition]
    members: npt.NDArray[np.float32]

    @cached_property
    def sizes(self) -> Integers:
        return np.asarray(self.members.sum(axis=0), np.int64)


def _worst(populations: list[tuple[int, _Search]], seed: int) -> _Slice | None:
    """Give the most significant slice of some populations, if it is significant; mistakes are dealt within each."""
    candidates = [_candidates(label, search) for label, search in populations]
    candidates = [each for each in candidates if each.conditions and each.wrong.any()]
    if not candidates:
        return None
    own = [_p_values(each, each.wrong[:, None])[:, 0] for each in candidates]
    place = int(np.argmin([values.min() for values in own]))
    condition, least = candidates[place].conditions[int(own[place].argmin())], float(own[place].min())
    chance = np.random.default_rng(seed)
    nulls = np.concatenate([_least(candidates, chance) for _ in range(PERMUTATIONS // TOGETHER)])
    p_value = float((1 + (nulls <= least * (1 + 1e-9)).sum()) / (1 + len(nulls)))
    return _Slice(candidates[place].label, condition, 2 * p_value) if 2 * p_value <= ALPHA else None


def _least(candidates: list[_Candidates], chance: np.random.Generator) -> Values:
    """Give the least p-value of all slices in each of TOGETHER permutations."""
    least = np.ones(TOGETHER)
    for each in candidates:
        dealt = np.stack([chance.permutation(each.wrong) for _ in range(TOGETHER)], axis=1)
        np.minimum(least, _p_values(each, dealt).min(axis=0), out=least)
    return least


def _p_values(of: _Candidates, wrong: Flags) -> Values:
    """Give for (n, m) mistakes the probability of so many in each slice by chance, (k, m): Fisher's exact test."""
    from scipy.special import betaln

    counts = np.rint(of.members.T @ wrong.astype(np.float32)).astype(np.int64)
    population, total = len(wrong), int(wrong[:, 0].sum())
    sizes, hits = of.sizes[:, None], np.arange(int(counts.max()) + 1)[None]

    def log_choose(whole: Integers | int, part: Integers | int) -> Values:
        return np.asarray(-betaln(1 + np.subtract(whole, part), 1 + np.asarray(part)) - np.log1p(whole))

    possible = (hits <= sizes) & (total - hits <= population - sizes)
    with np.errstate(invalid="ignore"):
        logs = log_choose(sizes, hits) + log_choose(population - sizes, total - hits) - log_choose(population, total)
    below = np.cumsum(np.where(possible, np.exp(np.where(possible, logs, 0.0)), 0.0), axis=1)
    tails = np.clip(1 - np.concatenate([np.zeros_like(below[:, :1]), below[:, :-1]], axis=1), ROUNDING, 1)
    expected = sizes * total / population
    spread = np.sqrt(expected * (1 - total / population) * (population - sizes) / max(1, population - 1))
    beyond = np.minimum((counts - expected) / np.maximum(spread, 1e-9), 600)
    values = np.take_along_axis(tails, counts, axis=1)
    # Which of those is smaller is lost in rounding; how far they are beyond what is expected keeps their order.
    return np.where(values > ROUNDING, values, ROUNDING * np.exp(-beyond))


def _candidates(label: int, search: _Search) -> _Candidates:
    """Give the slices of a population: ranges of measures, groups, and where there are several, classes."""
    features = {name: _ranges(name, values) for name, values in search.measures.items()}
    features |= {name: _each(name, values) for name, values in search.groups.items()}
    values = {**search.measures, **search.groups, CLASS: search.labels.astype(np.float64)}
    if label < 0:
        features[CLASS] = _each(CLASS, values[CLASS])
    conditions, columns = [], []
    for name, of_feature in features.items():
        for condition in of_feature:
            inside = condition.holds(values[name])
            if LEAST <= inside.sum() <= MOST_FRACTION * len(inside):
                conditions.append(condition)
                columns.append(inside)
    members = np.stack(columns, axis=1) if columns else np.empty((len(search.wrong), 0))
    return _Candidates(label, search.wrong, conditions, members.astype(np.float32))


def _ranges(name: str, values: Values) -> Iterator[Condition]:
    known = values[np.isfinite(values)]
    if not len(known):
        return
    limits = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="lower"))
    for limit in limits[limits < known.max()].tolist():
        yield Condition(name, BELOW, limit)
        yield Condition(name, ABOVE, limit)


def _each(name: str, values: Values) -> Iterator[Condition]:
    for value, count in zip(*np.unique(values[np.isfinite(values)], return_counts=True), strict=True):
        if count >= LEAST:
            yield Condition(name, IS, float(value))


def _row(search: _Search, of: _Slice) -> tuple[object, ...]:
    """Count a slice among all samples, also those of slices that came before."""
    inside = _holds(search, of)
    others = (search.labels == of.label if of.label >= 0 else np.ones_like(inside)) & ~inside
    samples, correct = int(inside.sum()), int((inside & ~search.wrong).sum())
    low, high = wilson(correct, samples)
    is_class = of.condition.feature == CLASS
    label = int(of.condition.limit) if is_class else of.label if of.label >= 0 else None
    return (
        label,
        "" if is_class else of.condition.feature,
        "" if is_class else of.condition.relation,
        np.nan if is_class else of.condition.limit,
        samples,
        correct,
        correct / samples,
        low,
        high,
        int(others.sum()),
        float((~search.wrong[others]).mean()) if others.any() else np.nan,
        of.p_value,
    )
