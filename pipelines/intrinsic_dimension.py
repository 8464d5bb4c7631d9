"""Intrinsic dimension: how many numbers an image of a split or class could be told by, near to itself.

The maximum likelihood estimate of Levina and Bickel (2004, "Maximum likelihood estimation of intrinsic dimension"), of
which the inverses are averaged as MacKay and Ghahramani say (2005), from the distances to the 20 nearest neighbours in
a sample that is chosen by hashes of ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Integers
from pipelines.digests import digest
from pipelines.hashing import drawn

NEIGHBOURS = 20
CHOSEN = 5000
"""Samples looked at in each split, about; its neighbours are sought among these."""


@dataclass(frozen=True)
class Chosen:
    """Samples that the dimension is estimated from: ids and labels, (n,), and flat, (n, pixels)."""

    ids: Integers
    labels: Integers
    flat: npt.NDArray[Any]

    def merge(self, other: Chosen) -> Chosen:
        """Join two groups."""
        return Chosen(
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.flat, other.flat]),
        )


def choose(ids: Integers, labels: Integers, flat: npt.NDArray[Any], share: float) -> Chosen:
    """Choose about this share of the samples, each by the hash of its id alone."""
    rows = drawn(ids, share)
    return Chosen(ids[rows], labels[rows], flat[rows].astype(np.float32))


def estimate_dimension(points: npt.NDArray[Any], neighbours: int = NEIGHBOURS) -> tuple[float, float, float]:
    """Estimate the intrinsic dimension of points, (n, values), with its 95 % interval.

    The interval is of the mean over the points, and says nothing of the bias, which draws high dimensions down
    where points are few. NaN where there are not more different points than neighbours + 1.
    """
    from sklearn.neighbors import NearestNeighbors

    # By digests: to sort whole images takes as long as to find their neighbours.
    _, first = np.unique(digest(points), axis=0, return_index=True)
    points = points[np.sort(first)]
    if len(points) < neighbours + 2:
        return np.nan, np.nan, np.nan
    found = NearestNeighbors(n_neighbors=neighbours + 1, algorithm="brute").fit(points)
    distances = found.kneighbors(points)[0][:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        inverses = np.log(distances[:, -1:] / distances[:, :-1]).sum(axis=1) / (neighbours - 2)
    inverses = inverses[np.isfinite(inverses) & (inverses > 0)]
    if len(inverses) < 2:
        return np.nan, np.nan, np.nan
    mean, error = inverses.mean(), 1.96 * inverses.std(ddof=1) / np.sqrt(len(inverses))
    return 1 / mean, 1 / (mean + error), 1 / (mean - error) if mean > error else np.inf


def tabulate_dimension(found: Mapping[str, Chosen]) -> pd.DataFrame:
    """Give the table `dimension`: split, label (missing: all classes), samples, dimension, low, high."""
    rows = [
        (split, label, len(points), *estimate_dimension(points))
        for split, chosen in found.items()
        for label, points in _groups(chosen)
    ]
    columns = ["split", "label", "samples", "dimension", "low", "high"]
    return pd.DataFrame(rows, columns=columns).astype({"label": "Int64"})


def _groups(chosen: Chosen) -> Iterator[tuple[Any, npt.NDArray[Any]]]:
    yield pd.NA, chosen.flat
    for label in np.unique(chosen.labels).tolist():
        yield label, chosen.flat[chosen.labels == label]
