"""What stands for each sample when two datasets are compared: id, split, label, and the digest of its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from pipelines.engine.execution import Execution
from pipelines.engine.map_dataset import require_images
from pipelines.engine.memory import BASE, require_bytes, require_memory
from pipelines.images.digests import digest

SAMPLE_BYTES = 120
"""Of memory for each sample of both datasets: 25 that stand for it, and the copies in which they are sorted."""

Digests = npt.NDArray[np.uint64]
"""(n,): the first 64 bits of each sample's digest. That two different ones of 16 million are alike has a probability of
7e-6."""


@dataclass(frozen=True)
class DigestedSamples:
    """The n samples of a dataset, in the order of its splits and files.

    ids: (n,) int64. splits: (n,) int8, places in `names`. labels: (n,) int64. digests: (n,), of type, shape and pixels.
    """

    names: tuple[str, ...]
    ids: Integers
    splits: npt.NDArray[np.int8]
    labels: Integers
    digests: Digests

    def __len__(self) -> int:
        return len(self.ids)


def require_memory_for(datasets: Sequence[Dataset], execution: Execution) -> None:
    """Raise WrongUse where two datasets are no images, or the memory does not do for comparing them."""
    for dataset in datasets:
        require_images(dataset)
        require_memory("diff", dataset, execution)
    rows = sum(map(len, datasets))
    require_bytes("diff", BASE + SAMPLE_BYTES * rows, f"ids, labels and digests of {rows:,} samples", [])


def digest_samples(source: Dataset, execution: Execution) -> DigestedSamples:
    """Read a dataset once, and keep what stands for each sample."""
    parts = execution.run(_digest, execution.partitions(source), "diff: digests")
    empty = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint64)
    ids, labels, digests = (np.concatenate(columns) for columns in zip(empty, *parts, strict=True))
    splits = np.repeat(np.arange(len(source.splits), dtype=np.int8), list(source.splits.values()))
    return DigestedSamples(tuple(source.splits), ids, splits, labels, digests)


def _digest(partition: Partition) -> tuple[Integers, Integers, Digests]:
    batch = read_partition(partition)
    return batch.ids, batch.labels, digest(batch.images)[:, 0]
