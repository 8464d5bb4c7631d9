"""A split in memory: its images, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Batch, Images, Integers
from mnist_data.store import Dataset, read_batches
from pipelines.provenance import Columns, group_columns


@dataclass(frozen=True)
class Samples:
    """A split in memory. ids: of the samples as first converted; copies: 0 for originals.

    groups: what is known of writer and series, name -> (n,) integers.
    """

    ids: Integers
    copies: Integers
    labels: Integers
    images: Images
    groups: Columns = field(default_factory=dict)

    def take(self, rows: npt.NDArray[np.bool_ | np.intp]) -> Samples:
        """Give the chosen ones, by a (n,) mask or by their rows."""
        groups = {name: values[rows] for name, values in self.groups.items()}
        return Samples(self.ids[rows], self.copies[rows], self.labels[rows], self.images[rows], groups)


def read_samples(source: Dataset, split: str) -> Samples:
    """Read a split into arrays that are allocated once."""
    rows, metadata = source.splits[split], source.metadata
    ids, copies, labels = (np.zeros(rows, np.int64) for _ in range(3))
    images = np.empty((rows, *metadata.shape), metadata.dtype)
    groups: dict[str, npt.NDArray[Any]] = {}
    for place, batch in _placed(source, split):
        ids[place] = batch.columns.get("source_id", batch.ids)
        copies[place] = batch.columns.get("copy", 0)
        labels[place], images[place] = batch.labels, batch.images
        for name, values in group_columns(batch).items():
            groups.setdefault(name, np.zeros(rows, values.dtype))[place] = values
    return Samples(ids, copies, labels, images, groups)


def _placed(source: Dataset, split: str) -> Iterator[tuple[slice, Batch]]:
    first = 0
    for batch in read_batches(source, split):
        yield slice(first, first + len(batch)), batch
        first += len(batch)
