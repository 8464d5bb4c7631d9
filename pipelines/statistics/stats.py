"""Statistics: tables that say what is in a dataset. Each is a sum over partitions, and sums merge in any order.

One pass sums up the pixels, their products and the per-sample table; a second, over the same partitions, projects the
images on the components that the first has found, for the distances of the classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.batch import Batch
from mnist_data.known.label_tables import group_columns
from mnist_data.parquet.dataset import Dataset, Partition, open_parquet, read_partition
from mnist_data.parquet.tables import merge_tables, provenance, remove_table, require_folder, write_table
from pipelines.engine.execution import Execution
from pipelines.engine.map_dataset import require_images
from pipelines.images.thumbnails import sample_grid
from pipelines.settings.analysis import Stats
from pipelines.statistics.components import (
    Components,
    Products,
    View,
    find_components,
    look,
    multiply,
    tabulate_axes,
    tabulate_components,
    view_of,
)
from pipelines.statistics.correlations import correlate
from pipelines.statistics.counts import BYTE_RANGE, Range, Sums, sum_up, tabulate
from pipelines.statistics.intensity import describe_intensity
from pipelines.statistics.intrinsic_dimension import CHOSEN, Chosen, choose, tabulate_dimension
from pipelines.statistics.morphometrics import shape_columns, summarize_measures
from pipelines.statistics.separability import Space, Spread, project, space_of, tabulate_separability
from pipelines.statistics.writers import TABLES as WRITERS
from pipelines.statistics.writers import writer_tables

MAX_TASKS = 64
"""A task gives back its sums, 2 MB for 62 classes of 28×28: a larger dataset makes longer tasks, not more."""


def describe_samples(batch: Batch, split: str, limits: Range, morphometrics: bool) -> pa.Table:
    """Give the per-sample table of one batch: mean, deviation, ink, bounding box and centre of mass of each.

    After the label stand series and writer, where the dataset tells them.

    ink: the sum of the unit-scale values. The box is of the pixels above 0, its ends inclusive; a blank sample
    has none, and no centre. entropy: of the 256 steps of intensity, in bits. morphometrics: measure the strokes, too.
    """
    from pipelines.kernels.moments import measure_moments

    moments = measure_moments(batch.images)
    blank = moments.mass == 0
    columns: dict[str, Any] = {
        "id": batch.ids,
        "split": pa.array([split] * len(batch), pa.string()),
        "label": batch.labels,
        **group_columns(batch),
        **describe_intensity(batch.flat, limits),
    }
    for name in ("top", "left", "bottom", "right"):
        columns[name] = pa.array(getattr(moments, name), pa.int32(), mask=blank)
    columns["centre_row"] = pa.array(moments.row, mask=blank)
    columns["centre_column"] = pa.array(moments.column, mask=blank)
    if morphometrics:
        columns |= shape_columns(batch.images, moments)
    return pa.table(columns)


@dataclass(frozen=True)
class _Task:
    """Some partitions of one split; samples: where the per-sample table of these goes.

    fraction: of the samples, is chosen for the intrinsic dimension.
    """

    split: str
    partitions: tuple[Partition, ...]
    samples: str
    limits: Range
    view: View
    fraction: float
    params: Stats

    @property
    def rows(self) -> int:
        return sum(partition.rows for partition in self.partitions)


@dataclass(frozen=True)
class _Found:
    """What the first pass finds in some partitions of a split."""

    sums: Sums
    products: Products
    chosen: Chosen

    def merge(self, other: _Found) -> _Found:
        return _Found(self.sums.merge(other.sums), self.products.merge(other.products), self.chosen.merge(other.chosen))


def _summarize(task: _Task) -> _Found:
    """Sum the task's partitions one after another, and write their samples' rows to one file."""
    with storage.new_file(task.samples) as draft:
        writer: pq.ParquetWriter | None = None

        def each() -> Iterator[_Found]:
            nonlocal writer
            for partition in task.partitions:
                batch = read_partition(partition)
                table = describe_samples(batch, task.split, task.limits, task.params.morphometrics)
                writer = writer or pq.ParquetWriter(draft, table.schema, compression="lz4")
                writer.write_table(table)
                yield _find(batch, task)

        found = reduce(_Found.merge, each())
        if writer is not None:
            writer.close()
    return found


def _find(batch: Batch, task: _Task) -> _Found:
    sums = sum_up(batch, task.limits, task.params.bins)
    finite = batch.take(batch.finite)
    flat = look(finite.images, task.view)
    return _Found(sums, multiply(flat), choose(finite.ids, finite.labels, flat, task.fraction))


def stats(
    source: Dataset,
    folder: str | Path,
    params: Stats | None = None,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> dict[str, pd.DataFrame]:
    """Count a dataset and write its tables, as Parquet and CSV, into a folder.

    Gives the small tables by name: summary, classes, pixels, intensity, sample_grid, components, component_pixels,
    separability, dimension, correlations, morphometrics unless they are turned off, and where writers are known, what
    `writer_tables` gives. The table `samples`, a row a sample, is only written.

    Raises OutputExists where the folder holds anything that is not to be replaced.
    """
    params, execution = params or Stats(), execution or Execution()
    require_images(source)
    require_folder(folder, overwrite)
    limits = find_range(source, execution)
    draft = storage.beside(folder, ".draft", hidden=True)
    tasks = list(_tasks(source, execution, draft, limits, params))
    results = execution.run(_summarize, tasks, "stats")
    found = {
        split: reduce(_Found.merge, [part for task, part in zip(tasks, results, strict=True) if task.split == split])
        for split in source.splits
    }
    del results
    tables = tabulate({split: part.sums for split, part in found.items()}, source.metadata, limits)
    tables |= _structure(source, found, tasks, execution)
    tables["sample_grid"] = sample_grid(source, params.grid)
    made = provenance(params.stage, {source.metadata.dataset: source.content}, params.recorded())
    merge_tables((_read_piece(task.samples) for task in tasks), f"{folder}/samples", made)
    storage.remove(draft)
    tables["correlations"] = correlate(f"{folder}/samples.parquet")
    if params.morphometrics:
        tables["morphometrics"] = summarize_measures(f"{folder}/samples.parquet")
    tables |= writer_tables(f"{folder}/samples.parquet", params.morphometrics)
    for name in {"morphometrics", *WRITERS} - set(tables):  # what an earlier run has left there is not of these samples
        remove_table(f"{folder}/{name}")
    for name, table in tables.items():
        write_table(table, f"{folder}/{name}", made)
    return tables


@dataclass(frozen=True)
class _Projection:
    """Some partitions of one split, to be summed up in its space."""

    partitions: tuple[Partition, ...]
    view: View
    space: Space

    @property
    def rows(self) -> int:
        return sum(partition.rows for partition in self.partitions)


def _project(task: _Projection) -> Spread:
    each = (project(read_partition(partition), task.view, task.space) for partition in task.partitions)
    return reduce(Spread.merge, each)


def _structure(
    source: Dataset, found: Mapping[str, _Found], tasks: Sequence[_Task], execution: Execution
) -> dict[str, pd.DataFrame]:
    """Make the tables of the components, the distances of the classes, and the intrinsic dimension."""
    view, unit = tasks[0].view, tasks[0].limits.unit
    scale = unit * view.divisor
    components: dict[str, Components] = {split: find_components(part.products, scale) for split, part in found.items()}
    spaces = {split: space_of(components[split], part.sums.counts, scale) for split, part in found.items()}
    projections = [_Projection(task.partitions, view, spaces[task.split]) for task in tasks]
    spreads = execution.run(_project, projections, "stats: classes")
    by_split = {
        split: reduce(Spread.merge, [part for task, part in zip(tasks, spreads, strict=True) if task.split == split])
        for split in found
    }
    means = {split: part.sums.class_means(unit) for split, part in found.items()}
    return {
        "components": tabulate_components(components),
        "component_pixels": tabulate_axes(components, view),
        "separability": tabulate_separability(by_split, means, source.metadata),
        "dimension": tabulate_dimension({split: part.chosen for split, part in found.items()}),
    }


def _tasks(source: Dataset, execution: Execution, draft: str, limits: Range, params: Stats) -> Iterator[_Task]:
    view = view_of(source.metadata.shape)
    together = -(-len(source) // (execution.rows_per_task(source) * MAX_TASKS)) or 1
    for split, rows in source.splits.items():
        fraction = CHOSEN / max(1, rows)
        partitions = execution.partitions(source, [split])
        for first in range(0, len(partitions), together):
            samples = f"{draft}/{split}-{first:06d}.parquet"
            yield _Task(split, tuple(partitions[first : first + together]), samples, limits, view, fraction, params)


def _read_piece(location: str) -> pa.Table:
    with open_parquet(location) as file:
        return file.read()


def find_range(source: Dataset, execution: Execution) -> Range:
    """Give the range of the histogram: that of uint8, or that of the pixels, which needs a look at them first."""
    if source.metadata.dtype == "uint8":
        return BYTE_RANGE
    ends = execution.run(_ends, execution.partitions(source), "stats: range")
    low, high = min(0.0, *(low for low, _ in ends)), max(high for _, high in ends)
    if np.dtype(source.metadata.dtype).kind == "f":
        return Range(low, max(1.0, high), 1.0)
    return Range(low, high + 1, max(1.0, high))


def _ends(partition: Partition) -> tuple[float, float]:
    images = read_partition(partition).images
    values = images[np.isfinite(images)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
