"""Finding samples whose rows and columns were exchanged, by comparing each with its own class.

What distinguishes an image x from its transpose is their difference d = x - xᵀ, and transposing turns d into -d.
So for each class a linear discriminant w = (Σ + λI)⁻¹ μ, with μ and Σ the mean and covariance of d over the
training split, gives a score w·d that is m on average for upright samples and exactly -m for transposed ones
(Fisher 1936, with a ridge; the two groups share Σ by construction). No picture of a digit is built in: letters,
clothes and Kuzushiji come out by the same rule. Where a class looks alike either way, nothing is flagged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers

MIN_SAMPLES = 50
"""A class with fewer training samples is not judged."""

SHAPE_LIMIT = 32
"""Larger images are shrunk by whole-number averaging, so that a class needs at most 496² covariances."""

SPREADS = 4.0
"""How many robust spreads from the upright samples, and how near the transposed ones, a sample must lie."""


@dataclass(frozen=True)
class Orientation:
    """Of one class: the discriminant, the median score of its upright samples, and their robust spread."""

    weights: npt.NDArray[np.float64]
    median: float
    spread: float

    @property
    def bar(self) -> float:
        """A score below this is taken for transposed: minus infinity where the two cannot be told apart."""
        bar = self.median - SPREADS * self.spread
        # The transposed samples' own distribution must lie mostly below the bar, else it would flag the tail of
        # the upright ones and still miss half of the transposed.
        return min(bar, -self.median + self.spread) if -self.median < bar else -np.inf


def differences(images: Images) -> npt.NDArray[np.float64]:
    """Give x - xᵀ above the diagonal, (n, h(h-1)/2) float64, of square images, (n, h, h[, channels])."""
    grey = images.astype(np.float64)
    grey = grey.mean(axis=3) if grey.ndim == 4 else grey
    step = -(-grey.shape[1] // SHAPE_LIMIT)
    size = grey.shape[1] // step
    grey = grey[:, : size * step, : size * step].reshape(-1, size, step, size, step).mean(axis=(2, 4))
    upper = np.triu_indices(size, 1)
    return np.asarray((grey - grey.swapaxes(1, 2))[:, upper[0], upper[1]])


def fit_orientations(images: Images, labels: Integers) -> dict[int, Orientation]:
    """Learn how the samples of each class lie, from training samples, (n, h, h[, channels]) and (n,).

    A few transposed ones among them do no harm: median and spread are robust, and they weigh little in μ and Σ.
    """
    found = {}
    for label in np.unique(labels):
        chosen = differences(images[labels == label])
        if len(chosen) >= MIN_SAMPLES and chosen.any():
            found[int(label)] = _fit_class(chosen)
    return found


def _fit_class(chosen: npt.NDArray[np.float64]) -> Orientation:
    mean = chosen.mean(axis=0)
    centred = chosen - mean
    covariance = centred.T @ centred / len(chosen)
    ridge = 0.05 * float(np.trace(covariance)) / len(covariance) + 1e-12
    covariance[np.diag_indices_from(covariance)] += ridge
    weights = np.linalg.solve(covariance, mean)
    scores = chosen @ weights
    median = float(np.median(scores))
    return Orientation(weights, median, 1.4826 * float(np.median(np.abs(scores - median))))


def transposed(images: Images, labels: Integers, orientations: Mapping[int, Orientation]) -> npt.NDArray[np.bool_]:
    """Say of each sample whether it lies as the transposed of its class do, (n,) bool."""
    flags = np.zeros(len(images), bool)
    for label, orientation in orientations.items():
        rows = np.flatnonzero(labels == label)
        flags[rows] = differences(images[rows]) @ orientation.weights < orientation.bar
    return flags


def judgeable(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Say whether images of this shape could be transposed unnoticed: only square ones could."""
    return len(shape) in (2, 3) and shape[0] == shape[1] > 1 and dtype.kind in "uif"
