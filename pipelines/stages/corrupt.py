"""The robustness suite as a dataset: one split's samples under each corruption at each severity.

The result is a pure function of the sample, the seed, its id, the corruption and the severity, so neither other samples
nor the order, the partitioning or the engine matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from mnist_data.batch import Batch
from mnist_data.errors import unknown_name
from mnist_data.parquet.dataset import Dataset
from pipelines.engine.execution import Execution
from pipelines.engine.map_dataset import apply_stage, in_slices, require_originals
from pipelines.images.levels import BYTES, Levels, levels_of
from pipelines.settings.stages import Corrupt


def corrupt(
    source: Dataset,
    target: str | Path,
    params: Corrupt | None = None,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
    compression: str = "zstd",
) -> Dataset:
    """Write a dataset of one split, each sample once for every corruption and severity.

    Raises WrongUse for a split that does not exist, for a dataset of copies, and where the white level is not known.
    """
    params, execution = params or Corrupt(), execution or Execution()
    split = split_to_test(source, params.split)
    params = params.replace(split=split)
    require_originals(source, "corrupt")
    levels = levels_of(source.metadata)
    levels.width()  # raises here, before anything is written, not in a worker
    return apply_stage(
        replace(source, splits={split: source.splits[split]}),
        target,
        params,
        lambda _position: partial(
            _corrupt_partition, params=params, levels=levels, rows=execution.rows_per_task(source)
        ),
        execution=execution,
        overwrite=overwrite,
        compression=compression,
        outputs=lambda _split: variants(params),
    )


def variants(params: Corrupt) -> int:
    """Count the variants of each sample."""
    return len(params.corruptions) * len(params.severities)


def split_to_test(source: Dataset, asked: str | None = None) -> str:
    """Give the split to corrupt: the one named, else "test" where there is one, else the only one."""
    split = asked or ("test" if "test" in source.splits or len(source.splits) > 1 else source.main_split)
    if split not in source.splits:
        raise unknown_name("split", split, source.splits, source.location)
    return split


def _corrupt_partition(batch: Batch, params: Corrupt, levels: Levels, rows: int) -> tuple[Iterator[Batch], None]:
    return (corrupt_batch(part, params, levels) for part in in_slices(batch, variants(params), rows)), None


def corrupt_batch(batch: Batch, params: Corrupt, levels: Levels = BYTES) -> Batch:
    """Give each sample under each of the corruptions, at each of the severities.

    The new id is source_id · variants + number of the variant, severities counted first. Columns added: source_id
    int64, corruption (text), severity int32.
    """
    from pipelines.images.corruptions import corrupt_images

    pairs = [(name, severity) for name in params.corruptions for severity in params.severities]
    samples, each = len(batch), len(pairs)
    images = np.empty((samples, each, *batch.images.shape[1:]), batch.images.dtype)
    for number, (name, severity) in enumerate(pairs):
        images[:, number] = corrupt_images(batch.images, batch.ids, name, severity, params.seed, levels)
    rows, numbers = np.repeat(np.arange(samples), each), np.tile(np.arange(each), samples)
    columns = {name: values[rows] for name, values in batch.columns.items()}
    columns |= {
        "source_id": batch.ids[rows],
        "corruption": np.tile(np.array([name for name, _ in pairs], object), samples),
        "severity": np.tile(np.array([severity for _, severity in pairs], np.int32), samples),
    }
    flat = images.reshape(samples * each, *batch.images.shape[1:])
    return Batch(batch.ids[rows] * each + numbers, batch.labels[rows], flat, columns)
