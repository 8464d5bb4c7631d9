"""The samples of a split: their images, in memory or in the files, with ids, labels and groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Batch, Images, Integers
from mnist_data.known.label_tables import GROUPS, Columns, group_columns
from mnist_data.parquet.dataset import Dataset, read_batches, read_columns
from pipelines.networks.data.loader import Augmentation, Loader, MemoryLoader
from pipelines.networks.data.stored import StoredImages
from pipelines.networks.data.streaming import StreamingLoader

IN_MEMORY = 2**30
"""Most bytes of a split's images that are read into memory: 1.3 million of 28x28. Choosing some makes a copy."""


@dataclass(frozen=True)
class Samples:
    """Samples of a split. ids: as first converted; copies: 0 for originals; images: in memory, or unread.

    groups: writer and series, where known, name -> (n,) integers.
    """

    ids: Integers
    copies: Integers
    labels: Integers
    images: Images | StoredImages
    groups: Columns = field(default_factory=dict)

    def take(self, rows: npt.NDArray[np.bool_ | np.intp]) -> Samples:
        """Choose samples, by a (n,) mask or by their rows."""
        groups = {name: values[rows] for name, values in self.groups.items()}
        images = self.images.take(rows) if isinstance(self.images, StoredImages) else self.images[rows]
        return Samples(self.ids[rows], self.copies[rows], self.labels[rows], images, groups)

    def loader(self, augmentation: Augmentation | None = None) -> Loader:
        """Give a loader of the samples: for training with an augmentation, for validation without."""
        ids = None if augmentation is None else self.ids
        augmentation = augmentation or Augmentation()
        if isinstance(self.images, StoredImages):
            return StreamingLoader(self.images, self.labels, ids, augmentation)
        return MemoryLoader(self.images, self.labels, ids, augmentation)


def open_samples(source: Dataset, split: str) -> Samples:
    """Read a split; its images stay in the files where they take more than IN_MEMORY bytes."""
    if source.splits[split] * source.metadata.image_bytes <= IN_MEMORY:
        return read_samples(source, split)
    return stored_samples(source, split)


def stored_samples(source: Dataset, split: str) -> Samples:
    """Read ids, labels and groups of a split's samples, and leave their images in the files."""
    known = read_columns(source, split, ("label", "source_id", "copy", *GROUPS))
    ids = known["source_id"] if "source_id" in known else read_columns(source, split, ("id",))["id"]
    copies = known.get("copy", np.zeros(len(ids), np.int64))
    groups = {name: known[name] for name in GROUPS if name in known}
    return Samples(ids, copies, known["label"], StoredImages(source, split), groups)


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
