"""The samples of one side: chosen by the hash of their ids, measured partition by partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Batch, Images, Integers
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset, Partition, read_partition, read_partition_columns
from pipelines.engine.execution import Execution
from pipelines.engine.id_hash import Hashes, hashes
from pipelines.engine.map_dataset import require_images
from pipelines.statistics.counts import BYTE_RANGE, Range
from pipelines.statistics.morphometrics import COUNTS, LENGTHS
from pipelines.statistics.stats import describe_samples, find_range

PLACES = ("top", "left", "bottom", "right", "centre_row", "centre_column")

LEVELS = 32
"""Steps of the intensity histogram of a sample, from 0 to 1."""

FEATURES = ("mean", "std", "entropy", *PLACES, *LENGTHS, *COUNTS)
"""Columns of the per-sample table that are compared."""

COMPARED = tuple("ink" if name == "mean" else name for name in FEATURES)
"""The same by the names that `relative` gives them."""

LEAST = 20
"""Samples that a side must have: of fewer, an interval says nothing."""


@dataclass(frozen=True)
class Side:
    """The samples of one side, ordered by the hash of their ids.

    features: name -> (n,) float64, NaN where a sample has none. levels: (n, LEVELS) counts of pixels.
    """

    name: str
    ids: Integers
    labels: Integers
    features: Mapping[str, npt.NDArray[np.float64]]
    levels: npt.NDArray[np.int64]
    images: Images

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: npt.NDArray[np.bool_]) -> Side:
        """Give the chosen samples, by boolean mask."""
        features = {name: column[rows] for name, column in self.features.items()}
        return Side(self.name, self.ids[rows], self.labels[rows], features, self.levels[rows], self.images[rows])


@dataclass(frozen=True)
class Choice:
    """What one side is: a dataset, its splits, and the class if it is only one."""

    dataset: Dataset
    splits: tuple[str, ...]
    name: str
    label: int | None = None


@dataclass(frozen=True)
class _Task:
    partition: Partition
    label: int | None
    limit: int
    limits: Range = BYTE_RANGE


def gather(choice: Choice, samples: int, execution: Execution) -> Side:
    """Measure the `samples` samples of lowest hash, or all where there are fewer.

    Raises WrongUse where there are fewer than LEAST.
    """
    require_images(choice.dataset)
    partitions = execution.partitions(choice.dataset, choice.splits)
    ranked = [_Task(partition, choice.label, samples) for partition in partitions]
    lowest = np.concatenate([np.empty(0, np.uint64), *execution.run(_lowest, ranked, "drift: ids")])
    if len(lowest) < LEAST:
        raise WrongUse(f"{choice.name} has {len(lowest)} samples; drift needs at least {LEAST} on each side.")
    limit = int(np.sort(lowest)[min(samples, len(lowest)) - 1])
    limits = find_range(choice.dataset, execution)
    tasks = [_Task(partition, choice.label, limit, limits) for partition in partitions]
    found = execution.run(_measure, tasks, "drift", lambda task: task.partition.rows)
    return _join(choice.name, found, samples)


def _lowest(task: _Task) -> Hashes:
    columns = read_partition_columns(task.partition, ("id", "label"))
    ids, labels = columns["id"], columns["label"]
    return np.sort(hashes(ids if task.label is None else ids[labels == task.label]))[: task.limit]


def _measure(task: _Task) -> tuple[Batch, pd.DataFrame, npt.NDArray[np.int64]]:
    batch = read_partition(task.partition)
    chosen = hashes(batch.ids) <= np.uint64(task.limit)
    batch = batch.take(chosen if task.label is None else chosen & (batch.labels == task.label))
    table = describe_samples(batch, task.partition.split, task.limits, True).to_pandas()
    return batch, relative(table, batch.images.shape[1], batch.images.shape[2]), _levels(batch, task.limits.unit)


def relative(samples: pd.DataFrame, height: int, width: int) -> pd.DataFrame:
    """Give the features of the per-sample table in fractions of the image, so that sizes can be compared.

    Rows by the height, columns by the width, areas by both, lengths along strokes by the root of both. The ink, so
    divided, is the mean.
    """
    side = (height * width) ** 0.5
    found = samples[[*FEATURES]].astype(np.float64)
    divisors = {"area": side**2, "length": side, "thickness": side}
    divisors |= dict.fromkeys(("top", "bottom", "centre_row", "height"), height)
    divisors |= dict.fromkeys(("left", "right", "centre_column", "width"), width)
    return found.div(pd.Series(divisors).reindex(found.columns, fill_value=1.0)).rename(columns={"mean": "ink"})


def _levels(batch: Batch, unit: float) -> npt.NDArray[np.int64]:
    scaled = batch.flat.astype(np.float64) / unit
    finite = np.isfinite(scaled)
    level = np.clip(np.where(finite, scaled, 0) * LEVELS, 0, LEVELS - 1).astype(np.int64)
    level += LEVELS * np.arange(len(batch))[:, None]
    return np.bincount(level[finite], minlength=LEVELS * len(batch)).reshape(len(batch), LEVELS)


def _join(name: str, found: list[tuple[Batch, pd.DataFrame, npt.NDArray[np.int64]]], samples: int) -> Side:
    batches = [batch for batch, _, _ in found]
    ids = np.concatenate([batch.ids for batch in batches])
    order = np.argsort(hashes(ids), kind="stable")[:samples]
    values = pd.concat([table for _, table, _ in found], ignore_index=True).iloc[order]
    return Side(
        name,
        ids[order],
        np.concatenate([batch.labels for batch in batches])[order],
        {str(column): values[column].to_numpy(np.float64) for column in values.columns},
        np.concatenate([levels for _, _, levels in found])[order],
        np.concatenate([batch.images for batch in batches])[order],
    )
