"""The order of samples by their labels or writers: at random, sorted, in runs, in cycles, or unevenly spread.

A split by position, as the last tenth, holds all classes only where these come in random order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mnist_data.batch import Integers
from mnist_data.parquet.messages import mark, message

Kind = Literal["random", "sorted", "runs", "cyclic", "uneven", "undecided"]

LEAST = 50
"""Fewer samples say nothing of their order."""

PIECES = 10
"""Equal pieces by position, whose values are compared; the last is what a split by position would take."""

DEVIATIONS = 5.0
"""Standard deviations from a random order, beyond which an order is none: by chance in one of 1.7 million."""

LONGER = 1.25
"""Runs that are at most so many times as long as at random, on average, hurt no split."""

UNEVEN = 0.1
"""Cramér's V, corrected for bias, from which pieces differ: 0 at random, 1 where each has values of its own."""

LONGEST_PERIOD, EXAMINED = 200, 200_000
"""Of cycles that are looked for, and the samples in which they are."""


@dataclass(frozen=True)
class Order:
    """The order of n values, labels or writers.

    values: how many different ones there are. in_last: how many of them the last tenth holds. run_length: mean number
    of equal values one after another; random_run_length: what it would be at random. period: after which the values
    repeat, 0 where they do not. unevenness: Cramér's V of ten pieces by position.
    """

    kind: Kind
    samples: int
    values: int
    in_last: int = 0
    run_length: float = np.nan
    random_run_length: float = np.nan
    period: int = 0
    unevenness: float = np.nan


def find_order(values: Integers) -> Order:
    """Say in which order values stand, (n,); undecided for fewer than LEAST, or where they are all the same.

    >>> find_order(np.arange(10).repeat(30)).kind, find_order(np.tile(np.arange(10), 30)).period
    ('sorted', 10)
    """
    different, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    codes, n = codes.reshape(-1), len(values)
    if n < LEAST or len(different) < 2:
        return Order("undecided", n, len(different))
    in_last = len(np.unique(codes[n - max(1, n // PIECES) :]))
    steps = np.diff(codes)
    runs = 1 + int(np.count_nonzero(steps))
    expected, std = expected_runs(counts)
    unevenness, excess = _unevenness(codes, len(different))
    apart = (runs - expected) / std if std > 0 else 0.0
    period = _period(codes, counts) if apart > DEVIATIONS else 0
    kind: Kind = "random"
    if runs == len(different) and ((steps >= 0).all() or (steps <= 0).all()):
        kind = "sorted"
    elif apart < -DEVIATIONS and expected / runs > LONGER:
        kind = "runs"
    elif period:
        kind = "cyclic"
    elif excess > DEVIATIONS and unevenness > UNEVEN:
        kind = "uneven"
    return Order(kind, n, len(different), in_last, n / runs, n / expected, period, unevenness)


def expected_runs(counts: Integers) -> tuple[float, float]:
    """Give mean and standard deviation of the number of runs in a random order of values, of which there are `counts`.

    By Barton and David (Multiple runs, Biometrika 44, 1957).

    >>> expected_runs(np.array([1, 1]))
    (2.0, 0.0)
    """
    sizes = counts.astype(np.float64)
    n, squares, cubes = sizes.sum(), (sizes**2).sum(), (sizes**3).sum()
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * (n - 1))
    return float((n * (n + 1) - squares) / n), float(np.sqrt(max(0.0, variance)))


def _period(codes: Integers, counts: Integers) -> int:
    """Give the number of samples after which most values repeat, 0 where they do not."""
    first = codes[:EXAMINED]
    chance = float(((counts / counts.sum()) ** 2).sum())
    for period in range(2, min(LONGEST_PERIOD, len(first) // 3) + 1):
        repeated = float((first[period:] == first[:-period]).mean())
        if repeated > (1 + chance) / 2:
            return period
    return 0


def _unevenness(codes: Integers, different: int) -> tuple[float, float]:
    """Compare the values of PIECES equal pieces: Cramér's V, corrected for bias, and χ² in deviations from its mean.

    The correction is Bergsma's (Journal of the Korean Statistical Society 42, 2013).
    """
    n = len(codes)
    pieces = np.arange(n) * PIECES // n
    table = np.bincount(pieces * different + codes, minlength=PIECES * different).reshape(PIECES, different)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / n
    square = float(((table - expected) ** 2 / expected).sum())
    freedom = (PIECES - 1) * (different - 1)
    rows, columns = (size - (size - 1) ** 2 / (n - 1) for size in (PIECES, different))
    association = max(0.0, square / n - freedom / (n - 1))
    return float(np.sqrt(association / max(1e-9, min(rows, columns) - 1))), (square - freedom) / np.sqrt(2 * freedom)


def order_in_words(order: Order, split: str, values: str = "classes") -> str:
    """Say in one sentence how the samples of a split are ordered, and what a split by position loses.

    values: what is ordered, "classes" or "writers".

    >>> order_in_words(find_order(np.arange(10).repeat(30)), "train")
    'train is sorted by classes: its last tenth holds 1 of 10.'
    >>> order_in_words(find_order(np.tile(np.arange(10), 30)), "train")
    'The classes of train repeat every 10 samples: a split by every n-th sample may hold few of the 10.'
    """
    if order.kind == "cyclic":
        return message(
            "The {values} of {split} repeat every {period:,} samples: a split by every n-th sample may hold few of the "
            "{count:,}.",
            values=message(values),
            split=split,
            period=order.period,
            count=order.values,
        )
    if order.kind not in ORDERED:
        return ""
    ordered = message(
        ORDERED[order.kind],
        values=message(values),
        split=split,
        mean=order.run_length,
        random=order.random_run_length,
    )
    if order.in_last == order.values:
        return message("{ordered}.", ordered=ordered)
    return message(
        "{ordered}: its last tenth holds {held:,} of {count:,}.",
        ordered=ordered,
        held=order.in_last,
        count=order.values,
    )


ORDERED = {
    "sorted": mark("{split} is sorted by {values}"),
    "runs": mark("The {values} of {split} come in runs of {mean:,.1f} samples on average ({random:,.1f} at random)"),
    "uneven": mark("The {values} of {split} are spread unevenly over its positions"),
}
"""Kind of order -> the beginning of its sentence."""
