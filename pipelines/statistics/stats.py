"""Statistics: tables that say what is in a dataset. Each is a sum over partitions, and sums merge in any order.

The table of samples is made of what is measured of each. One pass sums up the pixels and their products; a second, over
the same partitions, projects the images on the components of these, for the distances of the classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mnist_data.batch import Batch
from mnist_data.known.label_tables import GROUPS, WRITER
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from mnist_data.parquet.tables import merge_tables, provenance, remove_table, require_folder, write_table
from pipelines.engine.execution import Execution
from pipelines.engine.map_dataset import require_images
from pipelines.engine.memory import require_memory
from pipelines.images.measures.intensity import Range
from pipelines.images.measures.pixels import BOX
from pipelines.images.measures.strokes import COUNTS, LENGTHS
from pipelines.images.measures.table import MeasureTable, measure_dataset
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
from pipelines.statistics.counts import Sums, sum_up, tabulate
from pipelines.statistics.findings import order_findings, statistics_findings, together
from pipelines.statistics.intrinsic_dimension import CHOSEN, Chosen, choose, tabulate_dimension
from pipelines.statistics.morphometrics import summarize_measures
from pipelines.statistics.separability import Space, Spread, project, space_of, tabulate_separability
from pipelines.statistics.writers import TABLES as WRITERS
from pipelines.statistics.writers import writer_tables

MAX_TASKS = 64
"""A task gives back its sums, 2 MB for 62 classes of 28×28: a larger dataset makes longer tasks, not more."""

SAMPLE_ROWS = 65_536
"""Rows of the table of samples in memory together."""


def sample_table(columns: Mapping[str, npt.NDArray[Any]], splits: npt.NDArray[Any], shape: tuple[int, ...]) -> pa.Table:
    """Give the per-sample table: mean, std, ink, entropy, bounding box and centre of mass of each, then its strokes.

    columns: some rows of a `MeasureTable`, (n,) each; splits: (n,) texts; shape: of the images. After the label stand
    series and writer, where the dataset has them. The box is of the pixels above 0, its ends inclusive; a blank sample
    has none, and no centre. The strokes are left out where they were not measured; a sample without strokes has no
    lengths, and counts of 0. border_contact: whether a pixel above 0 lies in the outermost row or column.
    """
    blank = columns["top"] < 0
    table: dict[str, Any] = {
        "id": columns["id"],
        "split": pa.array(splits, pa.string()),
        "label": columns["label"],
        **{name: columns[name] for name in (*GROUPS, "mean", "std", "ink", "entropy") if name in columns},
        **{name: pa.array(columns[name], mask=blank) for name in (*BOX, "centre_row", "centre_column")},
    }
    if "area" in columns:
        unmeasured = np.isnan(columns["area"])
        table |= {name: pa.array(columns[name], mask=unmeasured) for name in LENGTHS}
        table |= {name: columns[name] for name in COUNTS}
        ends = {"top": 0, "left": 0, "bottom": shape[0] - 1, "right": shape[1] - 1}
        table["border_contact"] = np.any([columns[name] == end for name, end in ends.items()], axis=0)
    return pa.table(table)


def _sample_tables(table: MeasureTable) -> Iterator[pa.Table]:
    start = 0
    for columns in table.pieces(SAMPLE_ROWS):
        after = start + len(columns["id"])
        yield sample_table(columns, table.splits[start:after], table.source.metadata.shape)
        start = after


def measured_samples(source: Dataset, execution: Execution) -> pd.DataFrame:
    """Give the per-sample table of a dataset with its strokes, (n rows): what is kept of it, or measured now."""
    parts = _sample_tables(measure_dataset(source, execution, strokes=True))
    return pd.concat([pd.DataFrame(part.to_pandas()) for part in parts], ignore_index=True)


@dataclass(frozen=True)
class _Task:
    """Some partitions of one split; fraction: of the samples, is chosen for the intrinsic dimension."""

    split: str
    partitions: tuple[Partition, ...]
    limits: Range
    view: View
    fraction: float
    params: Stats

    @property
    def rows(self) -> int:
        return sum(partition.rows for partition in self.partitions)


@dataclass(frozen=True)
class _SplitSums:
    """The sums over some partitions of a split."""

    sums: Sums
    products: Products
    chosen: Chosen

    def merge(self, other: _SplitSums) -> _SplitSums:
        return _SplitSums(
            self.sums.merge(other.sums), self.products.merge(other.products), self.chosen.merge(other.chosen)
        )


def _sum_partitions(task: _Task) -> _SplitSums:
    """Sum the task's partitions one after another."""
    return reduce(_SplitSums.merge, (_sum_batch(read_partition(partition), task) for partition in task.partitions))


def _sum_batch(batch: Batch, task: _Task) -> _SplitSums:
    sums = sum_up(batch, task.limits, task.params.bins)
    finite = batch.take(batch.finite)
    flat = look(finite.images, task.view)
    return _SplitSums(sums, multiply(flat), choose(finite.ids, finite.labels, flat, task.fraction))


def stats(
    source: Dataset,
    folder: str | Path,
    params: Stats | None = None,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> dict[str, pd.DataFrame]:
    """Count a dataset and write its tables, as Parquet and CSV, into a folder.

    Gives the small tables by name: findings, summary, classes, pixels, intensity, sample_grid, components,
    component_pixels, separability, dimension, correlations, morphometrics unless they are turned off, and where writers
    are known, what `writer_tables` gives. The table `samples`, a row a sample, is only written.

    Raises OutputExists where the folder holds anything that is not to be replaced.
    """
    params, execution = params or Stats(), execution or Execution()
    require_images(source)
    require_memory(params.stage, source, execution, params.morphometrics)
    require_folder(folder, overwrite)
    measures = measure_dataset(source, execution, strokes=params.morphometrics)
    tasks = list(_tasks(source, execution, measures.limits, params))
    results = execution.run(_sum_partitions, tasks, "stats")
    sums = {
        split: reduce(
            _SplitSums.merge, [part for task, part in zip(tasks, results, strict=True) if task.split == split]
        )
        for split in source.splits
    }
    del results
    counts = {split: part.sums for split, part in sums.items()}
    tables = tabulate(counts, source.metadata, measures.limits, measures.polarities)
    tables |= _structure(source, sums, tasks, execution)
    tables["sample_grid"] = sample_grid(source, params.grid)
    made = provenance(params.stage, {source.metadata.dataset: source.content}, params.recorded())
    merge_tables(_sample_tables(measures), f"{folder}/samples", made)
    tables["correlations"] = correlate(f"{folder}/samples.parquet")
    if params.morphometrics:
        tables["morphometrics"] = summarize_measures(f"{folder}/samples.parquet")
    ordered = order_findings(source, measures.labels, WRITER in measures.pixels.names)
    tables["findings"] = together([statistics_findings(tables), ordered])
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
    source: Dataset, sums: Mapping[str, _SplitSums], tasks: Sequence[_Task], execution: Execution
) -> dict[str, pd.DataFrame]:
    """Make the tables of the components, the distances of the classes, and the intrinsic dimension."""
    view, unit = tasks[0].view, tasks[0].limits.unit
    scale = unit * view.divisor
    components: dict[str, Components] = {split: find_components(part.products, scale) for split, part in sums.items()}
    spaces = {split: space_of(components[split], part.sums.counts, scale) for split, part in sums.items()}
    projections = [_Projection(task.partitions, view, spaces[task.split]) for task in tasks]
    spreads = execution.run(_project, projections, "stats: classes")
    by_split = {
        split: reduce(Spread.merge, [part for task, part in zip(tasks, spreads, strict=True) if task.split == split])
        for split in sums
    }
    means = {split: part.sums.class_means(unit) for split, part in sums.items()}
    return {
        "components": tabulate_components(components),
        "component_pixels": tabulate_axes(components, view),
        "separability": tabulate_separability(by_split, means, source.metadata),
        "dimension": tabulate_dimension({split: part.chosen for split, part in sums.items()}),
    }


def _tasks(source: Dataset, execution: Execution, limits: Range, params: Stats) -> Iterator[_Task]:
    view = view_of(source.metadata.shape)
    together = -(-len(source) // (execution.rows_per_task(source) * MAX_TASKS)) or 1
    for split, rows in source.splits.items():
        fraction = CHOSEN / max(1, rows)
        partitions = execution.partitions(source, [split])
        for first in range(0, len(partitions), together):
            yield _Task(split, tuple(partitions[first : first + together]), limits, view, fraction, params)
