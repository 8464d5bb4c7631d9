"""The check `transposed`, by what the cleaning learns of how the samples of each class lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from pipelines.audit.verdict import Verdict, judge
from pipelines.engine.execution import Execution
from pipelines.images.transposition import Orientations, can_be_transposed, fit_orientations
from pipelines.stages.clean import orientation_samples

TRANSPOSED = "transposed"

BAR = 4.0
"""Log odds at which a person should look: the cleaning, which may change the sample, waits for surer ones."""

MEANING = "log odds of being transposed, learnt from the other samples of the class; lower where many seem transposed"


@dataclass(frozen=True)
class _Task:
    partition: Partition
    orientations: Orientations
    fit: npt.NDArray[np.bool_]

    @property
    def rows(self) -> int:
        return self.partition.rows


def find_transposed(
    source: Dataset, fit: npt.NDArray[np.bool_], threshold: float | None, execution: Execution
) -> Verdict:
    """Judge how each sample lies.

    fit: (n,) the samples with ink on a dark background; others are not judged. bar: None for the one that is learnt.
    """
    if not can_be_transposed(source.metadata.shape, np.dtype(source.metadata.dtype)):
        values = np.full(len(source), np.nan)
        return judge(
            TRANSPOSED, values, threshold or BAR, "not judged: the images are not square", {"transposed_value": values}
        )
    orientations = fit_orientations(*orientation_samples(source, execution))
    tasks, start = [], 0
    for partition in execution.partitions(source):
        tasks.append(_Task(partition, orientations, fit[start : start + partition.rows]))
        start += partition.rows
    values = np.concatenate(execution.run(_log_odds, tasks, "audit: orient"))
    return judge(
        TRANSPOSED,
        np.maximum(values, 0),
        threshold or max(0.1, min(BAR, orientations.threshold)),
        MEANING,
        {"transposed_value": values},
    )


def _log_odds(task: _Task) -> npt.NDArray[np.float32]:
    batch = read_partition(task.partition)
    values = np.full(len(batch), np.nan, np.float32)
    sound = batch.take(task.fit)
    values[task.fit] = task.orientations.log_odds(sound.images, sound.labels, sound.ids)
    return values
