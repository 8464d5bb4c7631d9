"""Statistics: tables that say what is in a dataset. Each is a sum over partitions, and sums merge in any order.

Values are on the scale 0 … 1: uint8 is divided by 255, wider integers by the largest value found, floats are as they
stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.batch import Batch
from mnist_data.schema import Metadata
from mnist_data.store import Dataset, Partition, open_parquet, read_partition
from pipelines.engine import Engine, Report, Serial, run_tasks, silent
from pipelines.gallery import wall
from pipelines.morphometrics import shape_columns, summarize_measures
from pipelines.parameters import Stats
from pipelines.provenance import group_columns
from pipelines.stage import PARTITION_ROWS, require_pictures
from pipelines.tables import merge_tables, provenance, remove_table, write_table
from pipelines.writers import TABLES as WRITERS
from pipelines.writers import writer_tables

MAX_TASKS = 64
"""A task gives back its sums, 2 MB for 62 classes of 28×28: a larger dataset makes longer tasks, not more."""


@dataclass(frozen=True)
class Sums:
    """Sums over images of one split, exact for integer pixels. The arrays are (classes, pixels).

    labels: the classes present, ascending. counts: images of each. histogram: of all pixel values.
    """

    labels: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    sums: npt.NDArray[Any]
    squares: npt.NDArray[Any]
    lowest: npt.NDArray[Any]
    highest: npt.NDArray[Any]
    nonzero: npt.NDArray[np.int64]
    histogram: npt.NDArray[np.int64]

    def merge(self, other: Sums) -> Sums:
        """Join the sums of two groups of images."""
        labels = np.union1d(self.labels, other.labels)
        mine, theirs = self.spread(labels), other.spread(labels)
        return Sums(
            labels,
            mine.counts + theirs.counts,
            mine.sums + theirs.sums,
            mine.squares + theirs.squares,
            np.minimum(mine.lowest, theirs.lowest),
            np.maximum(mine.highest, theirs.highest),
            mine.nonzero + theirs.nonzero,
            self.histogram + other.histogram,
        )

    def spread(self, labels: npt.NDArray[np.int64]) -> Sums:
        """Give the same sums with a row for each of `labels`, neutral where a class is not present."""
        empty = _empty_sums(labels, self.sums.shape[1], self.lowest.dtype, len(self.histogram))
        rows = np.searchsorted(labels, self.labels)
        for name in ("counts", "sums", "squares", "lowest", "highest", "nonzero"):
            getattr(empty, name)[rows] = getattr(self, name)
        return Sums(**{**vars(empty), "histogram": self.histogram})

    def total(self) -> Sums:
        """Join all classes into one, labelled -1."""
        label = np.array([-1])
        none = _empty_sums(label, self.sums.shape[1], self.lowest.dtype, len(self.histogram))
        return Sums(
            label,
            self.counts.sum(keepdims=True),
            self.sums.sum(axis=0, keepdims=True),
            self.squares.sum(axis=0, keepdims=True),
            self.lowest.min(axis=0, keepdims=True, initial=none.lowest[0, 0]),
            self.highest.max(axis=0, keepdims=True, initial=none.highest[0, 0]),
            self.nonzero.sum(axis=0, keepdims=True),
            self.histogram,
        )


def _empty_sums(labels: npt.NDArray[np.int64], pixels: int, dtype: np.dtype[Any], bins: int) -> Sums:
    shape = (len(labels), pixels)
    # Squares of 16-bit values over 2**31 images still fit 64 bits; wider values and floats are summed as floats.
    wide: type[np.generic] = np.int64 if dtype.kind in "ui" and dtype.itemsize <= 2 else np.float64
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "ui" else (-np.inf, np.inf)
    return Sums(
        labels,
        np.zeros(len(labels), np.int64),
        np.zeros(shape, wide),
        np.zeros(shape, wide),
        np.full(shape, high, dtype),
        np.full(shape, low, dtype),
        np.zeros(shape, np.int64),
        np.zeros(bins, np.int64),
    )


@dataclass(frozen=True)
class Range:
    """Where the intensity histogram lies, in pixel units, and what makes 1 on the unit scale."""

    low: float
    high: float
    unit: float


def sum_up(batch: Batch, limits: Range, bins: int) -> Sums:
    """Sum one batch."""
    from pipelines.kernels.accumulate import accumulate, count_values

    flat = np.ascontiguousarray(batch.flat)
    # numba has no arithmetic on half floats, and float32 holds each of them exactly.
    flat = flat.astype(np.float32) if flat.dtype == np.float16 else flat
    labels, rows = np.unique(batch.labels, return_inverse=True)
    sums = _empty_sums(labels, flat.shape[1], flat.dtype, bins)
    accumulate(flat, rows.reshape(-1), sums.counts, sums.sums, sums.squares, sums.lowest, sums.highest, sums.nonzero)
    count_values(flat.reshape(-1), limits.low, (limits.high - limits.low) / bins, sums.histogram)
    return sums


def describe_samples(batch: Batch, split: str, unit: float, morphometrics: bool) -> pa.Table:
    """Give the per-sample table of one batch: mean, deviation, ink, bounding box and centre of mass of each.

    After the label stand series and writer, where the dataset tells them.

    ink: the sum of the unit-scale values. The box is of the pixels above 0, its ends inclusive; a blank sample
    has none, and no centre. morphometrics: measure the strokes, too.
    """
    from pipelines.kernels.moments import measure_moments

    flat = batch.flat.astype(np.float64) / unit
    moments = measure_moments(batch.images)
    blank = moments.mass == 0
    columns: dict[str, Any] = {
        "id": batch.ids,
        "split": pa.array([split] * len(batch), pa.string()),
        "label": batch.labels,
        **group_columns(batch),
        "mean": flat.mean(axis=1),
        "deviation": flat.std(axis=1),
        "ink": flat.sum(axis=1),
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
    """Some partitions of one split; samples: where the per-sample table of these goes."""

    split: str
    partitions: tuple[Partition, ...]
    samples: str
    limits: Range
    params: Stats

    @property
    def rows(self) -> int:
        return sum(partition.rows for partition in self.partitions)


def _summarize(task: _Task) -> Sums:
    """Sum the task's partitions one after another, and write their samples' rows to one file."""
    sums: list[Sums] = []
    with storage.new_file(task.samples) as draft:
        writer: pq.ParquetWriter | None = None
        for partition in task.partitions:
            batch = read_partition(partition)
            table = describe_samples(batch, task.split, task.limits.unit, task.params.morphometrics)
            writer = writer or pq.ParquetWriter(draft, table.schema, compression="lz4")
            writer.write_table(table)
            sums.append(sum_up(batch, task.limits, task.params.bins))
        if writer is not None:
            writer.close()
    return reduce(Sums.merge, sums)


def stats(
    source: Dataset,
    folder: str | Path,
    params: Stats | None = None,
    *,
    engine: Engine | None = None,
    report: Report = silent,
) -> dict[str, pd.DataFrame]:
    """Count a dataset and write its tables, as Parquet and CSV, into a folder.

    Gives the small tables by name: summary, classes, pixels, intensity, wall, morphometrics unless they are turned
    off, and where writers are known, what `writer_tables` gives. The table `samples`, a row a sample, is only written.
    """
    params, engine = params or Stats(), engine or Serial()
    require_pictures(source)
    limits = find_range(source, engine, report)
    draft = storage.beside(folder, ".draft", hidden=True)
    tasks = list(_tasks(source, draft, limits, params))
    results = run_tasks(engine, _summarize, tasks, "stats", lambda task: task.rows, report)
    by_split = {
        split: reduce(Sums.merge, [sums for task, sums in zip(tasks, results, strict=True) if task.split == split])
        for split in source.splits
    }
    tables = tabulate(by_split, source.metadata, limits)
    tables["wall"] = wall(source, params.wall)
    made = provenance(params.stage, {source.metadata.dataset: source.content}, asdict(params))
    merge_tables((_read_piece(task.samples) for task in tasks), f"{folder}/samples", made)
    storage.remove(draft)
    if params.morphometrics:
        tables["morphometrics"] = summarize_measures(f"{folder}/samples.parquet")
    tables |= writer_tables(f"{folder}/samples.parquet", params.morphometrics)
    for name in {"morphometrics", *WRITERS} - set(tables):  # what an earlier run has left there is not of these samples
        remove_table(f"{folder}/{name}")
    for name, table in tables.items():
        write_table(table, f"{folder}/{name}", made)
    return tables


def _tasks(source: Dataset, draft: str, limits: Range, params: Stats) -> Iterator[_Task]:
    together = -(-len(source) // (PARTITION_ROWS * MAX_TASKS)) or 1
    for split in source.splits:
        partitions = source.partitions(PARTITION_ROWS, [split])
        for first in range(0, len(partitions), together):
            samples = f"{draft}/{split}-{first:06d}.parquet"
            yield _Task(split, tuple(partitions[first : first + together]), samples, limits, params)


def _read_piece(location: str) -> pa.Table:
    with open_parquet(location) as file:
        return file.read()


def find_range(source: Dataset, engine: Engine, report: Report = silent) -> Range:
    """Give the range of the histogram: that of uint8, or that of the pixels, which needs a look at them first."""
    if source.metadata.dtype == "uint8":
        return Range(0.0, 256.0, 255.0)
    partitions = source.partitions(PARTITION_ROWS)
    ends = run_tasks(engine, _ends, partitions, "stats: range", lambda task: task.rows, report)
    low, high = min(0.0, *(low for low, _ in ends)), max(high for _, high in ends)
    if np.dtype(source.metadata.dtype).kind == "f":
        return Range(low, max(1.0, high), 1.0)
    return Range(low, high + 1, max(1.0, high))


def _ends(partition: Partition) -> tuple[float, float]:
    images = read_partition(partition).images
    values = images[np.isfinite(images)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def tabulate(by_split: Mapping[str, Sums], metadata: Metadata, limits: Range) -> dict[str, pd.DataFrame]:
    """Make the tables summary, classes, pixels and intensity of the sums of each split."""
    return {
        "summary": pd.DataFrame([_summary(split, sums, metadata, limits) for split, sums in by_split.items()]),
        "classes": pd.concat([_classes(split, sums, metadata) for split, sums in by_split.items()], ignore_index=True),
        "pixels": pd.concat(
            [_pixels(split, sums, metadata, limits) for split, sums in by_split.items()], ignore_index=True
        ),
        "intensity": pd.concat(
            [_intensity(split, sums, limits) for split, sums in by_split.items()], ignore_index=True
        ),
    }


def _summary(split: str, sums: Sums, metadata: Metadata, limits: Range) -> dict[str, Any]:
    everything = sums.total()
    samples, pixels = int(everything.counts[0]), everything.sums.shape[1]
    values = samples * pixels
    mean = _ratio(everything.sums.sum(), values)
    square = _ratio(everything.squares.sum(), values)
    height, width, *channels = metadata.shape
    return {
        "split": split,
        "samples": samples,
        "classes": int((sums.counts > 0).sum()),
        "height": height,
        "width": width,
        "channels": channels[0] if channels else 1,
        "mean": mean / limits.unit,
        "deviation": float(np.sqrt(max(0.0, square - mean**2))) / limits.unit,
        "minimum": float(everything.lowest.min()) / limits.unit if samples else np.nan,
        "maximum": float(everything.highest.max()) / limits.unit if samples else np.nan,
        "zero_share": 1 - _ratio(everything.nonzero.sum(), values),
    }


def _ratio(part: Any, whole: int) -> float:
    return float(part) / whole if whole else float("nan")


def _classes(split: str, sums: Sums, metadata: Metadata) -> pd.DataFrame:
    present = dict(zip(sums.labels.tolist(), sums.counts.tolist(), strict=True))
    labels = sorted({*present, *range(len(metadata.classes))})
    counts = [present.get(label, 0) for label in labels]
    return pd.DataFrame(
        {
            "split": split,
            "label": labels,
            "name": [metadata.class_name(label) for label in labels],
            "samples": counts,
            "share": np.array(counts) / max(1, sum(counts)),
        }
    )


def _pixels(split: str, sums: Sums, metadata: Metadata, limits: Range) -> pd.DataFrame:
    groups: Sequence[tuple[Any, Sums]] = [(pd.NA, sums.total())]
    groups = [*groups, *((int(label), _only(sums, row)) for row, label in enumerate(sums.labels))]
    return pd.concat(
        [_pixel_table(split, label, group, metadata, limits) for label, group in groups], ignore_index=True
    )


def _only(sums: Sums, row: int) -> Sums:
    chosen = slice(row, row + 1)
    arrays = {name: getattr(sums, name)[chosen] for name in vars(sums) if name != "histogram"}
    return Sums(**arrays, histogram=sums.histogram)


def _pixel_table(split: str, label: Any, sums: Sums, metadata: Metadata, limits: Range) -> pd.DataFrame:
    shape = (*metadata.shape, 1)[:3]
    row, column, channel = (axis.reshape(-1) for axis in np.indices(shape, np.int32))
    count = int(sums.counts[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums.sums[0] / np.float64(count)
        variance = np.maximum(0, sums.squares[0] / np.float64(count) - mean**2)
        nonzero = sums.nonzero[0] / np.float64(count)
    return pd.DataFrame(
        {
            "split": split,
            "label": pd.array([label] * len(row), dtype="Int64"),
            "row": row,
            "column": column,
            "channel": channel,
            "mean": mean / limits.unit,
            "deviation": np.sqrt(variance) / limits.unit,
            "minimum": sums.lowest[0] / limits.unit if count else np.nan,
            "maximum": sums.highest[0] / limits.unit if count else np.nan,
            "nonzero_share": nonzero,
        }
    )


def _intensity(split: str, sums: Sums, limits: Range) -> pd.DataFrame:
    edges = np.linspace(limits.low, limits.high, len(sums.histogram) + 1) / limits.unit
    return pd.DataFrame({"split": split, "low": edges[:-1], "high": edges[1:], "pixels": sums.histogram})
