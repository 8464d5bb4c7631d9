"""The range, mean and standard deviation of pixel values, from sums that can be merged in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_data.batch import Images
from mnist_data.errors import CheckFailed


@dataclass(frozen=True)
class Scaling:
    """Statistics of the training split's pixel values, in pixel units; merging is associative.

    count, total, squares: number of values, their sum and the sum of their squares; integers are summed exactly.
    """

    count: int
    total: float
    squares: float
    minimum: float
    maximum: float

    def merge(self, other: Scaling) -> Scaling:
        """Join the statistics of two groups of images."""
        return Scaling(
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
        )

    @property
    def mean(self) -> float:
        """The mean value."""
        return self.total / self.count if self.count else 0.0

    @property
    def std(self) -> float:
        """The standard deviation; 1 where all values are equal, so that standardizing makes them 0."""
        variance = self.squares / self.count - self.mean**2 if self.count else 0.0
        return float(np.sqrt(variance)) if variance > 0 else 1.0


def measure(images: Images) -> Scaling:
    """Measure images of any shape."""
    if not images.size:
        return Scaling(0, 0, 0, np.inf, -np.inf)
    if not np.isfinite(images).all():
        raise CheckFailed("Some training pixels are not finite (NaN or infinite); clean the dataset first.")
    # Python's integers do not overflow; sums of one batch of 8- or 16-bit values fit 64 bits.
    exact = images.dtype.kind in "ui" and images.dtype.itemsize <= 2
    wide = images.astype(np.int64 if exact else np.float64)
    return Scaling(images.size, wide.sum().item(), (wide * wide).sum().item(), float(images.min()), float(images.max()))
