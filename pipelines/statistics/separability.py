"""Class separability: how far apart each two classes of a split lie, and which are closest.

Two measures: the distance of the mean images, and the Bhattacharyya distance, which also knows how each class spreads,
of normal distributions fitted to both classes in the space of the first components (Fukunaga 1990, "Introduction to
Statistical Pattern Recognition", chapter 3). The closer, the smaller; exp(-distance) / 2 bounds the fraction of samples
that even the best rule would confuse, were the classes normal and equally large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Batch
from mnist_data.parquet.schema import Metadata
from pipelines.statistics.components import Components, View, look

Floats = npt.NDArray[np.float64]

SPACE = 50
"""Components of the space, at most: a tenth of the smallest class, so that its covariance is well known."""

FEWEST = 20
"""Samples of a class below which its spread is not known."""

RIDGE = 1e-6
"""Added to each variance, as a fraction of their mean: a class may not vary at all along a component."""


BLOCK = 256
"""Images projected together."""


@dataclass(frozen=True)
class Space:
    """The space of the first components of a split. mean: (pixels,), axes: (dimensions, pixels), unit scale."""

    mean: Floats
    axes: Floats
    scale: float


@dataclass(frozen=True)
class Spread:
    """Sums over the classes of a split in a space of few dimensions, of images without pixels that are no numbers.

    labels, counts: (classes,). sums: (classes, dimensions). products: (classes, dimensions, dimensions).
    """

    labels: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    sums: Floats
    products: Floats

    def merge(self, other: Spread) -> Spread:
        """Join the sums of two groups of images."""
        labels = np.union1d(self.labels, other.labels)
        mine, theirs = self._on(labels), other._on(labels)
        return Spread(labels, mine.counts + theirs.counts, mine.sums + theirs.sums, mine.products + theirs.products)

    def _on(self, labels: npt.NDArray[np.int64]) -> Spread:
        rows, size = np.searchsorted(labels, self.labels), self.sums.shape[1]
        spread = Spread(
            labels, np.zeros(len(labels), np.int64), np.zeros((len(labels), size)), np.zeros((len(labels), size, size))
        )
        spread.counts[rows], spread.sums[rows], spread.products[rows] = self.counts, self.sums, self.products
        return spread


def space_of(components: Components, counts: npt.NDArray[np.int64], scale: float) -> Space:
    """Choose the space in which a split's classes are compared. counts: samples of each class."""
    known = counts[counts >= FEWEST]
    most = min(SPACE, int(known.min()) // 10) if len(known) else 1
    varying = int((components.variances > 1e-12 * max(components.total, 1e-300)).sum())
    return Space(components.mean, components.axes[: max(1, min(most, varying))], scale)


def project(batch: Batch, view: View, space: Space) -> Spread:
    """Sum up one batch, class by class, in the space."""
    batch = batch.take(batch.finite)
    points = _points(look(batch.images, view), space)
    labels, counts = np.unique(batch.labels, return_counts=True)
    size = len(space.axes)
    sums, products = np.zeros((len(labels), size)), np.zeros((len(labels), size, size))
    for row, label in enumerate(labels):
        of_class = points[batch.labels == label]
        sums[row], products[row] = of_class.sum(axis=0), of_class.T @ of_class
    return Spread(labels, counts, sums, products)


def _points(flat: npt.NDArray[Any], space: Space) -> Floats:
    """Give the place of images, (n, pixels), in the space, (n, dimensions); few at once, which stay in the cache."""
    points = np.empty((len(flat), len(space.axes)))
    for first in range(0, len(flat), BLOCK):
        block = flat[first : first + BLOCK].astype(np.float64)
        block /= space.scale
        block -= space.mean
        points[first : first + BLOCK] = block @ space.axes.T
    return points


def tabulate_separability(
    by_split: Mapping[str, Spread], means: Mapping[str, Mapping[int, Floats]], metadata: Metadata
) -> pd.DataFrame:
    """Give the table `separability`, the closest pairs of each split first.

    split, label, name, other, other_name, bhattacharyya (missing where a class has fewer than 20 samples),
    mean_distance: of the mean images, unit scale. by_split: the spread in each split. means: in each
    split the mean image of each class, flat, unit scale.
    """
    columns = ["split", "label", "name", "other", "other_name", "bhattacharyya", "mean_distance"]
    parts = []
    for split, spread in by_split.items():
        covariances = _covariances(spread)
        rows = [
            (
                split,
                int(spread.labels[first]),
                metadata.class_name(int(spread.labels[first])),
                int(spread.labels[second]),
                metadata.class_name(int(spread.labels[second])),
                _bhattacharyya(spread, covariances, first, second),
                float(
                    np.linalg.norm(means[split][int(spread.labels[first])] - means[split][int(spread.labels[second])])
                ),
            )
            for first, second in combinations(range(len(spread.labels)), 2)
        ]
        parts.append(pd.DataFrame(rows, columns=columns).sort_values(["bhattacharyya", "mean_distance"], kind="stable"))
    # A frame without rows has columns of objects, and would make those of the others such.
    pairs = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(pairs, ignore_index=True)


def _covariances(spread: Spread) -> Floats:
    counts = np.maximum(spread.counts, 2)[:, None, None]
    outer = spread.sums[:, :, None] * spread.sums[:, None, :]
    covariances = (spread.products - outer / np.maximum(spread.counts, 1)[:, None, None]) / (counts - 1)
    ridge = RIDGE * max(1e-300, float(np.einsum("cii->ci", covariances).mean())) if covariances.size else 0.0
    return np.asarray(covariances + ridge * np.eye(spread.sums.shape[1]))


def _bhattacharyya(spread: Spread, covariances: Floats, first: int, second: int) -> float:
    if min(spread.counts[first], spread.counts[second]) < FEWEST:
        return float("nan")
    apart = spread.sums[first] / spread.counts[first] - spread.sums[second] / spread.counts[second]
    middle = (covariances[first] + covariances[second]) / 2
    logs = [float(np.linalg.slogdet(matrix)[1]) for matrix in (middle, covariances[first], covariances[second])]
    return float(apart @ np.linalg.solve(middle, apart)) / 8 + (logs[0] - (logs[1] + logs[2]) / 2) / 2
