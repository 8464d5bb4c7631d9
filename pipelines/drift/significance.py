"""Significance over all that is compared: of a hundred comparisons of equal data, five flag anything at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.drift.distances import Floats

LEVEL = 0.05
"""The family-wise error rate: how often a comparison of equal data may flag any row of its table."""

KINDS = 2
"""Distances and classifiers: each kind has half of LEVEL."""


def adjusted_by_shuffles(values: Floats, shuffled: Floats) -> Floats:
    """Give the p-values of distances, adjusted for there being many, as (rows,), from 1 / (draws + 1) to 1.

    values: (rows,). shuffled: (rows, draws), each row's distance where both sides are shuffled. The largest of all
    standardized distances is compared with the largest in each draw (single-step maxT, Westfall and Young 1993).
    Standardizing takes the values as one more draw, so that the test is exact; rows of one draw must be of one shuffle,
    or of separate samples.
    """
    draws = np.column_stack([values, shuffled])
    spread = draws.std(axis=1, keepdims=True)
    standardized = (draws - draws.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    largest = np.sort(standardized.max(axis=0))
    at_least: Floats = len(largest) - np.searchsorted(largest, standardized[:, 0], side="left").astype(np.float64)
    return at_least / len(largest)


def adjust(distances: Floats, classifiers: Sequence[float]) -> tuple[Floats, Floats]:
    """Give p-values for the whole table: of distances adjusted among themselves, and of classifiers by themselves.

    Bonferroni's rule: times KINDS, and classifiers times their number, too; at most 1.
    """
    own = np.asarray(classifiers, np.float64)
    return np.minimum(1, KINDS * distances), np.minimum(1, KINDS * len(own) * own)
