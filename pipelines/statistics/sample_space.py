"""Where samples lie among each other: principal components, distances to the classes, nearest neighbours, 2-D maps.

All of it is found from samples that are sorted by the hashes of their ids, so it does not depend on their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from pipelines.statistics.components import View, find_components, look, multiply, view_of

Floats = npt.NDArray[np.float64]

DIMENSIONS = 50
"""Components of the space, at most."""

FEWEST = 20
"""Samples of a class below which it is compared with no other."""

RIDGE = 1e-3
"""Added to each variance, as a fraction of their mean: a class may not vary at all along a component."""

DECIMALS = 6
"""Decimals that are kept of a distance: what lies below differs between processors."""

BLOCK = 512
"""Samples whose distances to all others are in memory together."""


@dataclass(frozen=True)
class SampleSpace:
    """The space of the first principal components of some images. mean: (pixels,), axes: (dimensions, pixels)."""

    view: View
    mean: Floats
    axes: Floats
    scale: float

    @classmethod
    def of(cls, images: Images) -> SampleSpace:
        """Fit the space to images, (n, h, w) or (n, h, w, c), without NaN or infinite pixels; n at least 1."""
        view = view_of(images.shape[1:])
        flat = look(images, view)
        scale = max(1e-12, float(np.abs(flat).max()))
        components = find_components(multiply(flat), scale)
        varying = int((components.variances > 1e-12 * max(components.total, 1e-300)).sum())
        return cls(view, components.mean, components.axes[: max(2, min(DIMENSIONS, varying))], scale)

    def points(self, images: Images) -> Floats:
        """Give the place of each image, (n, dimensions)."""
        parts = [
            (look(images[first : first + BLOCK], self.view) / self.scale - self.mean) @ self.axes.T
            for first in range(0, max(1, len(images)), BLOCK)
        ]
        return np.asarray(np.round(np.concatenate(parts), DECIMALS))


@dataclass(frozen=True)
class ClassDistances:
    """How far each sample, (n,), lies from the mean of its class, and from that of the nearest other; NaN: unknown.

    Distances are Mahalanobis's, with the covariance that all classes share: of two classes that are normal with it, the
    border is where both distances are equal (Fisher's linear discriminant).
    """

    own: Floats
    other: Floats

    @property
    def from_border(self) -> Floats:
        """How far each sample lies from the border to the nearest other class, on either side of it, (n,)."""
        return np.abs(self.other - self.own)


def class_distances(points: Floats, labels: Integers) -> ClassDistances:
    """Measure the distances of points, (n, dimensions), to the means of the classes. labels: below 0 for no class."""
    known, counts = np.unique(labels[labels >= 0], return_counts=True)
    known = known[counts >= FEWEST]
    unknown = np.full(len(points), np.nan)
    if not len(known):
        return ClassDistances(unknown, unknown)
    means = np.stack([points[labels == label].mean(axis=0) for label in known])
    place = np.searchsorted(known, labels).clip(max=len(known) - 1)
    of_known = known[place] == labels
    within = points[of_known] - means[place[of_known]]
    covariance = within.T @ within / max(1, len(within) - len(known))
    ridge = RIDGE * max(1e-300, float(np.trace(covariance)) / len(covariance))
    whitening = np.linalg.cholesky(np.linalg.inv(covariance + ridge * np.eye(len(covariance))))
    white, centres = points @ whitening, means @ whitening
    squares = ((white**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * white @ centres.T).clip(min=0)
    distances = np.round(np.sqrt(squares), DECIMALS)
    rows = np.arange(len(points))
    own = np.where(of_known, distances[rows, place], np.nan)
    distances[rows[of_known], place[of_known]] = np.inf
    nearest = distances.min(axis=1)
    return ClassDistances(own, np.where(of_known & np.isfinite(nearest), nearest, np.nan))


def nearest_neighbours(points: Floats, count: int) -> Integers:
    """Give the rows of the `count` nearest other points of each, the nearest first: (n, at most count).

    points: (n, dimensions). Of equally near ones the first comes first.
    """
    count = min(count, max(0, len(points) - 1))
    nearest = np.empty((len(points), count), np.int64)
    norms = (points**2).sum(axis=1)
    for first in range(0, len(points), BLOCK):
        block = points[first : first + BLOCK]
        squares = np.round(norms - 2 * block @ points.T, DECIMALS)
        squares[np.arange(len(block)), first + np.arange(len(block))] = np.inf
        nearest[first : first + BLOCK] = np.argsort(squares, axis=1, kind="stable")[:, :count]
    return nearest


def has_umap() -> bool:
    """Say whether umap-learn is installed, which the extra `map` brings."""
    from importlib.util import find_spec

    return find_spec("umap") is not None


def umap_places(points: Floats, seed: int = 0) -> Floats:
    """Give the places of points, (n, dimensions), on a map by UMAP (McInnes, Healy and Melville 2018): (n, 2).

    Its neighbours, its start and its draws are those of a seed, on one thread, so that the map is the same each time.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it may not do in parallel, and of Numba's
        import umap  # type: ignore[import-not-found,unused-ignore]

        reducer: Any = umap.UMAP(n_components=2, n_neighbors=min(15, len(points) - 1), random_state=seed, n_jobs=1)
        return np.asarray(reducer.fit_transform(points.astype(np.float32)), np.float64)
