"""Which samples have rows and columns exchanged, by how the other samples of their class lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from pipelines.engine.execution import Execution
from pipelines.engine.id_hash import drawn
from pipelines.images.transposition import NOT_FITTED, Orientations, can_be_transposed, fit_orientations

FIT_SAMPLES = 60_000
"""Training samples to which each class's orientation is fitted."""

THRESHOLD, LEAST_THRESHOLD = 4.0, 1.0
"""Log odds at which a person should look; fewer where many samples seem transposed, but at least those of e to 1."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Transposition:
    """How each sample lies, in the order of the dataset.

    log_odds: (n,) float32 of being transposed, how rare that is not counted in; NaN where that is not known. threshold:
    where a sample is flagged. likelier: above this a sample is likelier transposed than not, given how rare that is.
    """

    log_odds: npt.NDArray[np.float32]
    threshold: float = THRESHOLD
    likelier: float = np.inf

    @property
    def flagged(self) -> Flags:
        """(n,) bool."""
        return np.asarray(self.log_odds >= self.threshold)


@dataclass(frozen=True)
class _Task:
    partition: Partition
    orientations: Orientations
    inked: Flags

    @property
    def rows(self) -> int:
        return self.partition.rows


def find_transposed(source: Dataset, inked: Flags, execution: Execution) -> Transposition:
    """Find the samples whose rows and columns are exchanged.

    inked: (n,) the samples to look at, whose ink stands out of the background. None is found among images that are not
    square.
    """
    orientations = NOT_FITTED
    if can_be_transposed(source.metadata.shape, np.dtype(source.metadata.dtype)):
        orientations = fit_orientations(*orientation_samples(source, execution))
    if not orientations.weights:
        return Transposition(np.full(len(source), np.nan, np.float32))
    tasks, start = [], 0
    for partition in execution.partitions(source):
        tasks.append(_Task(partition, orientations, inked[start : start + partition.rows]))
        start += partition.rows
    log_odds = np.concatenate(execution.run(_log_odds, tasks, "orientation"))
    threshold = max(LEAST_THRESHOLD, min(THRESHOLD, orientations.threshold))
    return Transposition(log_odds, threshold, max(threshold, orientations.threshold))


def _log_odds(task: _Task) -> npt.NDArray[np.float32]:
    batch = read_partition(task.partition)
    log_odds = np.full(len(batch), np.nan, np.float32)
    inked = batch.take(task.inked)
    log_odds[task.inked] = task.orientations.log_odds(inked.images, inked.labels, inked.ids)
    return log_odds


def orientation_samples(source: Dataset, execution: Execution) -> tuple[Images, Integers, Integers]:
    """Take training samples by a hash of their ids, so that the choice does not depend on how the files are cut."""
    split = source.main_split
    fraction = min(1.0, FIT_SAMPLES / max(1, source.splits[split]))
    chosen = []
    for partition in execution.partitions(source, [split]):
        batch = read_partition(partition)
        rows = drawn(batch.ids, fraction) & batch.finite
        chosen.append(batch.take(rows))
    columns = ([getattr(batch, name) for batch in chosen] for name in ("images", "labels", "ids"))
    images, labels, ids = map(np.concatenate, columns)
    return images, labels, ids
