"""Samples by their places in a dataset, counted through its splits and files."""

from __future__ import annotations

import numpy as np

from mnist_data.batch import Batch, Integers
from mnist_data.parquet.dataset import Dataset, read_batches


def read_places(source: Dataset, places: Integers) -> Batch:
    """Read samples by their places, (n,), in the order given; one may be asked for twice."""
    order, start = np.unique(places), 0
    found: list[Batch] = []
    for split in source.splits:
        for batch in read_batches(source, split):
            inside = order[(order >= start) & (order < start + len(batch))]
            if len(inside) or not found:
                found.append(batch.take(inside - start))
            start += len(batch)
    joined = Batch(
        np.concatenate([batch.ids for batch in found]),
        np.concatenate([batch.labels for batch in found]),
        np.concatenate([batch.images for batch in found]),
    )
    return joined.take(np.searchsorted(order, places))
