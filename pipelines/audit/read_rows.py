"""Reading samples by their positions in a dataset, counted through its splits and files."""

from __future__ import annotations

import numpy as np

from mnist_data.batch import Batch, Integers
from mnist_data.parquet.dataset import Dataset, read_batches


def read_rows(source: Dataset, positions: Integers) -> Batch:
    """Read samples by their positions, (n,), in the order given; one may be asked for twice."""
    ascending, start = np.unique(positions), 0
    parts: list[Batch] = []
    for split in source.splits:
        for batch in read_batches(source, split):
            inside = ascending[(ascending >= start) & (ascending < start + len(batch))]
            if len(inside) or not parts:
                parts.append(batch.take(inside - start))
            start += len(batch)
    joined = Batch(
        np.concatenate([batch.ids for batch in parts]),
        np.concatenate([batch.labels for batch in parts]),
        np.concatenate([batch.images for batch in parts]),
    )
    return joined.take(np.searchsorted(ascending, positions))
