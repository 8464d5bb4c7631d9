"""The samples of a split: their images, in memory or in the files, with ids, labels and groups."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from mnist_data.known.label_tables import GROUPS, Columns
from mnist_data.parquet.dataset import Dataset, read_columns
from mnist_data.parquet.pixels import read_arrays
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
    ids, copies, labels, groups = _known(source, split)
    return Samples(ids, copies, labels, StoredImages(source, split), groups)


def read_samples(source: Dataset, split: str) -> Samples:
    """Read a split into memory: its pixels from the cache, where it has them."""
    ids, copies, labels, groups = _known(source, split)
    return Samples(ids, copies, labels, read_arrays(source, [split]).images, groups)


def _known(source: Dataset, split: str) -> tuple[Integers, Integers, Integers, Columns]:
    """Read ids, copies, labels, (n,) int64 each, and groups of a split's samples."""
    known = read_columns(source, split, ("label", "source_id", "copy", *GROUPS))
    ids = known["source_id"] if "source_id" in known else read_columns(source, split, ("id",))["id"]
    copies = known.get("copy", np.zeros(len(ids), np.int64))
    ids, copies, labels = (np.array(values, np.int64) for values in (ids, copies, known["label"]))
    return ids, copies, labels, {name: known[name] for name in GROUPS if name in known}
