"""Paired comparison of two classifiers on the same samples: which is better, by how much, and the p-value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.networks.evaluation.scores import wilson

LEVEL = 0.05
"""Significance level: a difference with a p-value at or above it is not reported as one."""


@dataclass(frozen=True)
class PairedComparison:
    """How often both, one or none were correct, the difference of accuracies and its significance.

    difference: the accuracy of B minus that of A; low, high: its 95 % interval. p: of McNemar's exact test.
    """

    samples: int
    both: int
    only_a: int
    only_b: int
    neither: int
    accuracy_a: float
    accuracy_b: float
    difference: float
    low: float
    high: float
    p: float


def compare_correct(correct_a: npt.NDArray[np.bool_], correct_b: npt.NDArray[np.bool_]) -> PairedComparison:
    """Compare A and B by which samples they predict correctly, (n,) bool each, n at least 1."""
    both, only_a = int((correct_a & correct_b).sum()), int((correct_a & ~correct_b).sum())
    only_b, samples = int((correct_b & ~correct_a).sum()), len(correct_a)
    neither = samples - both - only_a - only_b
    low, high = paired_interval(both, only_b, only_a, neither)
    accuracies = (both + only_a) / samples, (both + only_b) / samples
    difference = (only_b - only_a) / samples
    p = mcnemar(only_a, only_b)
    return PairedComparison(samples, both, only_a, only_b, neither, *accuracies, difference, low, high, p)


def mcnemar(only_a: int, only_b: int) -> float:
    """Give the two-sided p-value of McNemar's test (Psychometrika 12, 1947) in its exact form.

    If A and B are equally good, each sample that only one of them predicts correctly is A's or B's with probability
    1/2; samples that both or none predict correctly carry no information.

    >>> mcnemar(1, 7)
    0.0703125
    """
    from scipy.stats import binomtest

    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def paired_interval(both: int, first: int, second: int, neither: int) -> tuple[float, float]:
    """Give the 95 % interval of the difference of two fractions of the same samples, the first minus the second.

    first, second: how many samples only the first and only the second has. Method 10 of Newcombe (Statistics in
    Medicine 17, 1998, 2635-2650): Wilson's intervals of the two, combined with the correlation between them, which is
    corrected for continuity.

    >>> [round(end, 4) for end in paired_interval(36, 12, 2, 0)]
    [0.0569, 0.3404]
    """
    samples = both + first + second + neither
    p, q = (both + first) / samples, (both + second) / samples
    p_low, p_high = wilson(both + first, samples)
    q_low, q_high = wilson(both + second, samples)
    phi = _correlation(both, first, second, neither)
    down, up = _combined(p - p_low, q_high - q, phi), _combined(p_high - p, q - q_low, phi)
    return p - q - down, p - q + up


def _combined(a: float, b: float, phi: float) -> float:
    """Combine the half-widths of two correlated quantities into that of their difference."""
    return math.sqrt(max(0.0, a**2 - 2 * phi * a * b + b**2))


def _correlation(both: int, first: int, second: int, neither: int) -> float:
    """Give Newcombe's corrected phi, 0 where a margin is empty."""
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    product: float = both * neither - first * second
    if product > 0:
        product = max(0.0, product - (both + first + second + neither) / 2)
    return product / math.sqrt(margins) if margins else 0.0
