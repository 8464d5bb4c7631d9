"""Intrinsic dimension: how many numbers describe the images of a split or class close to each one.

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
from pipelines.engine.id_hash import drawn
from pipelines.images.digests import Digests, digest
from pipelines.statistics.components import EXACT_TERMS, centred

NEIGHBOURS = 20
CHOSEN = 5000
"""Samples looked at in each split, about; its neighbours are sought among these."""


@dataclass(frozen=True)
class Chosen:
    """Samples that the dimension is estimated from: ids and labels, (n,), and flat, (n, pixels), uint8 or float32."""

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


def choose(ids: Integers, labels: Integers, flat: npt.NDArray[Any], fraction: float) -> Chosen:
    """Choose about this fraction of the samples, each by the hash of its id alone."""
    rows = drawn(ids, fraction)
    points = flat[rows]
    return Chosen(ids[rows], labels[rows], points if points.dtype == np.uint8 else points.astype(np.float32))


def products_of(points: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Multiply each two of the points, (n, values), about a middle: (n, n), exact for at most 1,024 8-bit values."""
    if points.dtype == np.uint8 and points.shape[1] <= EXACT_TERMS:
        about: npt.NDArray[Any] = centred(points)
    else:
        about = points.astype(np.float64)
        about -= about.mean(axis=0) if len(about) else 0
    return np.asarray(about @ about.T)


def estimate_dimension(points: npt.NDArray[Any], neighbours: int = NEIGHBOURS) -> tuple[float, float, float]:
    """Estimate the intrinsic dimension of points, (n, values), with its 95 % interval.

    The interval is of the mean over the points, and says nothing of the bias, which draws high dimensions down
    where points are few. NaN where there are not more different points than neighbours + 1.
    """
    return _estimate(products_of(points), _different(digest(points), np.arange(len(points))), neighbours)


def _different(digests: Digests, rows: Integers) -> Integers:
    """Give the first of each group of equal samples among the rows."""
    return rows[np.sort(np.unique(digests[rows], axis=0, return_index=True)[1])]


def _estimate(products: npt.NDArray[Any], rows: Integers, neighbours: int) -> tuple[float, float, float]:
    from pipelines.kernels.nearest import nearest_squares

    if len(rows) < neighbours + 2:
        return np.nan, np.nan, np.nan
    squares = nearest_squares(products, products.diagonal().astype(np.float64), rows, neighbours)
    with np.errstate(divide="ignore", invalid="ignore"):
        # The logarithm of a squared distance is twice that of the distance.
        inverses = np.log(squares[:, -1:] / squares).sum(axis=1) / (2 * (neighbours - 2))
    inverses = inverses[np.isfinite(inverses) & (inverses > 0)]
    if len(inverses) < 2:
        return np.nan, np.nan, np.nan
    mean, error = inverses.mean(), 1.96 * inverses.std(ddof=1) / np.sqrt(len(inverses))
    return 1 / mean, 1 / (mean + error), 1 / (mean - error) if mean > error else np.inf


def tabulate_dimension(by_split: Mapping[str, Chosen]) -> pd.DataFrame:
    """Give the table `dimension`: split, label (missing: all classes), samples, dimension, low, high."""
    rows = [(split, *row) for split, chosen in by_split.items() for row in _dimensions(chosen)]
    columns = ["split", "label", "samples", "dimension", "low", "high"]
    return pd.DataFrame(rows, columns=columns).astype({"label": "Int64"})


def _dimensions(chosen: Chosen) -> Iterator[tuple[Any, int, float, float, float]]:
    """Estimate that of a split's chosen samples and of each class's: the products are the same."""
    products, digests = products_of(chosen.flat), digest(chosen.flat)
    groups = [(pd.NA, np.arange(len(chosen.ids)))]
    groups += [(label, np.flatnonzero(chosen.labels == label)) for label in np.unique(chosen.labels).tolist()]
    for label, rows in groups:
        yield label, len(rows), *_estimate(products, _different(digests, rows), NEIGHBOURS)
