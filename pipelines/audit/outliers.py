"""Outliers: samples that lie far from all others of their class, by measures a person can name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.audit.stroke_values import StrokeValues
from pipelines.engine.id_hash import hashes
from pipelines.images.measures.robust_scale import robust_scale

NEIGHBOUR = 5
"""Of the class, whose distance counts: so many alike hide each other, fewer do not."""

REFERENCES = 5_000
"""Samples of a class among which neighbours are sought, chosen by a hash of their ids."""

FEATURES = (
    "stroke_ink", "stroke_std_rows", "stroke_std_columns", "length", "thickness", "slant", "width", "height",
    "components", "holes", "end_points",
)  # fmt: skip
"""The area is nearly length × thickness, and left out."""

LEAST_SPREAD = {"components": 1.0, "holes": 1.0, "end_points": 1.0}
"""Of counts: most samples of a class have the same."""


def outlier_score(strokes: StrokeValues) -> npt.NDArray[Any]:
    """Say how far each sample lies from its class, (n,): the log distance in robust spreads above the median.

    The distance is Euclidean, to the fifth nearest of the class, each feature in its robust spreads. NaN in a class
    of ten or fewer, and where a sample has no measures.
    """
    points = np.stack([_standard(name, strokes) for name in FEATURES], axis=1)
    known = np.isfinite(points).all(axis=1)
    distances = np.full(len(points), np.nan)
    for label in np.unique(strokes.labels):
        rows = np.flatnonzero((strokes.labels == label) & known)
        if len(rows) > 2 * NEIGHBOUR:
            distances[rows] = _to_neighbour(points[rows], strokes.ids[rows])
    logs = np.log(np.maximum(distances, 1e-6))
    return robust_scale(logs, strokes.labels).spreads_above(logs, 0.1)


def _standard(name: str, strokes: StrokeValues) -> npt.NDArray[np.float64]:
    values = strokes[name].astype(np.float64)
    values = np.log(values) if name in ("stroke_ink", "length", "thickness") else values
    scale = robust_scale(values, strokes.labels)
    spread = np.maximum((scale.below + scale.above) / 2, LEAST_SPREAD.get(name, 1e-3))
    return np.asarray((values - scale.median) / spread)


def _to_neighbour(points: npt.NDArray[np.float64], ids: Integers) -> npt.NDArray[np.float64]:
    from sklearn.neighbors import NearestNeighbors

    references = np.argsort(hashes(ids), kind="stable")[:REFERENCES]
    itself = np.isin(np.arange(len(points)), references)
    model = NearestNeighbors(n_neighbors=NEIGHBOUR + 1).fit(points[references])
    distances = model.kneighbors(points)[0]
    return np.asarray(np.where(itself, distances[:, NEIGHBOUR], distances[:, NEIGHBOUR - 1]))
