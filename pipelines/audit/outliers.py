"""Outliers: samples that lie far from all others of their class, by measures a person can name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.audit.measures import SHAPE, Measured
from pipelines.audit.usual import usual
from pipelines.engine.id_hash import hashes

NEIGHBOUR = 5
"""Of the class, whose distance counts: so many alike hide each other, fewer do not."""

REFERENCES = 5_000
"""Samples of a class among which neighbours are sought, chosen by a hash of their ids."""

FEATURES = ("ink", "spread_rows", "spread_columns", *SHAPE)

LEAST_SPREAD = {"components": 1.0, "holes": 1.0, "end_points": 1.0}
"""Of counts: most samples of a class have the same."""


def outlier_score(measured: Measured) -> npt.NDArray[Any]:
    """Say how far each sample lies from its class, (n,): the log distance in robust spreads above the median.

    The distance is Euclidean, to the fifth nearest of the class, each feature in its robust spreads. NaN in a class
    of ten or fewer, and where a sample has no measures.
    """
    points = np.stack([_standard(name, measured) for name in FEATURES], axis=1)
    judged = np.isfinite(points).all(axis=1)
    distances = np.full(len(points), np.nan)
    for label in np.unique(measured.labels):
        rows = np.flatnonzero((measured.labels == label) & judged)
        if len(rows) > 2 * NEIGHBOUR:
            distances[rows] = _to_neighbour(points[rows], measured.ids[rows])
    logs = np.log(np.maximum(distances, 1e-6))
    return usual(logs, measured.labels).over(logs, 0.1)


def _standard(name: str, measured: Measured) -> npt.NDArray[np.float64]:
    values = measured.measures[name].astype(np.float64)
    values = np.log(values) if name in ("ink", "length", "thickness") else values
    found = usual(values, measured.labels)
    spread = np.maximum((found.below + found.above) / 2, LEAST_SPREAD.get(name, 1e-3))
    return np.asarray((values - found.median) / spread)


def _to_neighbour(points: npt.NDArray[np.float64], ids: Integers) -> npt.NDArray[np.float64]:
    from sklearn.neighbors import NearestNeighbors

    references = np.argsort(hashes(ids), kind="stable")[:REFERENCES]
    itself = np.isin(np.arange(len(points)), references)
    model = NearestNeighbors(n_neighbors=NEIGHBOUR + 1).fit(points[references])
    found = model.kneighbors(points)[0]
    return np.asarray(np.where(itself, found[:, NEIGHBOUR], found[:, NEIGHBOUR - 1]))
