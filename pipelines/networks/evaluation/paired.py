"""Two classifiers on the same samples: which is better, by how much, and whether that can be chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.networks.evaluation.scores import wilson

LEVEL = 0.05
"""Of the test: a difference that chance makes more often than this cannot be told."""


@dataclass(frozen=True)
class Paired:
    """How often both, one of them or none were right, and what follows from it.

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


def compare_right(right_a: npt.NDArray[np.bool_], right_b: npt.NDArray[np.bool_]) -> Paired:
    """Compare which samples A and B were right about, (n,) bool each, n at least 1."""
    both, only_a = int((right_a & right_b).sum()), int((right_a & ~right_b).sum())
    only_b, samples = int((right_b & ~right_a).sum()), len(right_a)
    neither = samples - both - only_a - only_b
    low, high = paired_interval(both, only_b, only_a, neither)
    accuracies = (both + only_a) / samples, (both + only_b) / samples
    difference = (only_b - only_a) / samples
    p = mcnemar(only_a, only_b)
    return Paired(samples, both, only_a, only_b, neither, *accuracies, difference, low, high, p)


def mcnemar(only_a: int, only_b: int) -> float:
    """Give the two-sided p-value of McNemar's test (Psychometrika 12, 1947) in its exact form.

    Were A and B equally good, each sample that only one of them has right would be A's or B's by the toss of a coin;
    samples that both or none have right say nothing.

    >>> mcnemar(1, 7)
    0.0703125
    """
    from scipy.stats import binomtest

    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def paired_interval(both: int, first: int, second: int, neither: int) -> tuple[float, float]:
    """Give the 95 % interval of the difference of two fractions of the same samples, the first minus the second.

    first, second: how many only the one and only the other has. Method 10 of Newcombe (Statistics in Medicine 17,
    1998, 2635-2650): Wilson's intervals of the two, put together with the correlation between them, which is corrected
    for continuity.

    >>> [round(end, 4) for end in paired_interval(36, 12, 2, 0)]
    [0.0569, 0.3404]
    """
    samples = both + first + second + neither
    one, other = (both + first) / samples, (both + second) / samples
    one_low, one_high = wilson(both + first, samples)
    other_low, other_high = wilson(both + second, samples)
    phi = _correlation(both, first, second, neither)
    down, up = _together(one - one_low, other_high - other, phi), _together(one_high - one, other - other_low, phi)
    return one - other - down, one - other + up


def _together(one: float, other: float, phi: float) -> float:
    """Give the reach of a difference from those of its two parts, as with correlated errors."""
    return math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))


def _correlation(both: int, first: int, second: int, neither: int) -> float:
    """Give Newcombe's corrected phi, 0 where a margin is empty."""
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    product: float = both * neither - first * second
    if product > 0:
        product = max(0.0, product - (both + first + second + neither) / 2)
    return product / math.sqrt(margins) if margins else 0.0
