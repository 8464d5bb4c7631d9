"""What is usual of a measure in each class: median and robust spread, which a few faults in a hundred do not move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers

FEWEST = 30
"""A class with fewer samples is held against all classes together."""

ONE_DEVIATION = (0.1587, 0.5, 0.8413)
"""Fractions of a normal distribution below one deviation under the mean, the mean, and one above."""

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Usual:
    """What is usual for each sample, (n,) float64: median, and the distance to one deviation below and above it."""

    median: Values
    below: Values
    above: Values

    def over(self, values: Values, least: float) -> Values:
        """Say how many spreads values lie above the median; the spread is taken as `least` at least."""
        return np.asarray((values - self.median) / np.maximum(self.above, least))

    def under(self, values: Values, least: float) -> Values:
        """Say how many spreads values lie below the median; the spread is taken as `least` at least."""
        return np.asarray((self.median - values) / np.maximum(self.below, least))


def usual(values: Values, labels: Integers) -> Usual:
    """Find what is usual of values, (n,), in the class of each sample; NaN are left out, and where all are, it is NaN.

    Below and above are separate, since measures such as ink are skewed.
    """
    found = np.empty((3, len(values)))
    found[:] = _quantiles(values)[:, None]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if np.isfinite(values[rows]).sum() >= FEWEST:
            found[:, rows] = _quantiles(values[rows])[:, None]
    return Usual(found[1], found[1] - found[0], found[2] - found[1])


def _quantiles(values: Values) -> Values:
    known = values[np.isfinite(values)]
    return np.quantile(known, ONE_DEVIATION) if len(known) else np.full(3, np.nan)
