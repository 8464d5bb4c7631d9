"""Robust scale: median and spread of a measure in each class, which a few faults in a hundred do not move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers

FEWEST = 30
"""A class with fewer samples takes the scale of all classes together."""

QUANTILES = (0.1587, 0.5, 0.8413)
"""Of a normal distribution: one standard deviation below the mean, the mean, and one above."""

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class RobustScale:
    """The scale by which each sample is measured, (n,) float64: median, and the spreads below and above it."""

    median: Values
    below: Values
    above: Values

    def spreads_above(self, values: Values, least: float) -> Values:
        """Give by how many spreads values lie above the median; a spread below `least` counts as that."""
        return np.asarray((values - self.median) / np.maximum(self.above, least))

    def spreads_below(self, values: Values, least: float) -> Values:
        """Give by how many spreads values lie below the median; a spread below `least` counts as that."""
        return np.asarray((self.median - values) / np.maximum(self.below, least))


def robust_scale(values: Values, labels: Integers) -> RobustScale:
    """Fit the scale of values, (n,), in the class of each sample; NaN are left out, and where all are, it is NaN.

    The spreads are the distances from the median to QUANTILES below and above: measures such as ink are skewed.
    """
    quantiles = np.empty((3, len(values)))
    quantiles[:] = _quantiles(values)[:, None]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if np.isfinite(values[rows]).sum() >= FEWEST:
            quantiles[:, rows] = _quantiles(values[rows])[:, None]
    return RobustScale(quantiles[1], quantiles[1] - quantiles[0], quantiles[2] - quantiles[1])


def _quantiles(values: Values) -> Values:
    known = values[np.isfinite(values)]
    return np.quantile(known, QUANTILES) if len(known) else np.full(3, np.nan)
