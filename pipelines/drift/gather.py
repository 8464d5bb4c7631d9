"""The samples of one side: chosen by the hash of their ids, with what is measured of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers, shape_text
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset, Partition, read_images
from pipelines.engine.execution import Execution
from pipelines.engine.id_hash import hashes
from pipelines.engine.memory import BASE, require_bytes, require_memory
from pipelines.images.measures.pixels import BOX, Columns, in_chunks
from pipelines.images.measures.strokes import COUNTS, LENGTHS, StrokeMeasures
from pipelines.images.measures.table import MeasureTable, measure_dataset, with_stored_strokes

PLACES = (*BOX, "centre_row", "centre_column")

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
    """Some samples of a partition, by their rows in it, ascending.

    unit: what is 1 on the unit scale. measure: how their strokes are measured, None where they are measured already.
    """

    partition: Partition
    chosen: Integers
    unit: float
    measure: StrokeMeasures | None

    @property
    def rows(self) -> int:
        return self.partition.rows


@dataclass(frozen=True)
class _Sampled:
    """images: of the samples chosen. levels: their histograms. strokes: what was measured, empty where it was not."""

    images: Images
    levels: npt.NDArray[np.int64]
    strokes: Columns


def gather(choice: Choice, samples: int, execution: Execution) -> Side:
    """Take the `samples` samples of lowest hash, or all where there are fewer, and measure them.

    The strokes of the others are not measured, but where an earlier command has done so, that is taken. Raises WrongUse
    where there are fewer than LEAST samples.
    """
    require_memory("drift", choice.dataset, execution)
    table = with_stored_strokes(measure_dataset(choice.dataset, execution))
    rows = _choose(table, choice, samples)
    if len(rows) < LEAST:
        raise WrongUse(f"{choice.name} has {len(rows)} samples; drift needs at least {LEAST} on each side.")
    metadata = choice.dataset.metadata
    require_bytes(
        f"drift of {choice.dataset.location}",
        BASE + 2 * len(rows) * metadata.image_bytes,  # as they are read, and in the order of their ids
        f"{len(rows):,} images of {shape_text(metadata.shape)} {metadata.dtype}",
        ["take fewer of them: --samples 100"],
    )
    ascending = np.sort(rows)
    measure = StrokeMeasures(table.background.polarity == "bright") if table.strokes is None else None
    tasks, start = [], 0
    for partition in execution.partitions(choice.dataset):
        inside = ascending[slice(*np.searchsorted(ascending, (start, start + partition.rows)))]
        if len(inside):
            tasks.append(_Task(partition, inside - start, table.limits.unit, measure))
        start += partition.rows
    parts = execution.run(_read, tasks, "drift")
    order = np.searchsorted(ascending, rows)
    strokes = {name: np.concatenate([part.strokes[name] for part in parts])[order] for name in parts[0].strokes}
    return Side(
        choice.name,
        table.ids[rows],
        table.labels[rows],
        _features(table, rows, strokes),
        np.concatenate([part.levels for part in parts])[order],
        np.concatenate([part.images for part in parts])[order],
    )


def _choose(table: MeasureTable, choice: Choice, samples: int) -> Integers:
    """Give the positions of the chosen samples in the dataset, those of lowest hash first."""
    rows = np.concatenate([np.flatnonzero(table.splits == split) for split in choice.splits])
    if choice.label is not None:
        rows = rows[table.labels[rows] == choice.label]
    return rows[np.argsort(hashes(table.ids[rows]), kind="stable")[:samples]]


def _read(task: _Task) -> _Sampled:
    images = read_images(task.partition)[task.chosen]
    strokes = {} if task.measure is None else in_chunks(images, task.measure)
    return _Sampled(images, _levels(images, task.unit), strokes)


def _features(table: MeasureTable, rows: Integers, strokes: Columns) -> dict[str, npt.NDArray[np.float64]]:
    """Give the features of some samples, (rows,) each; strokes: where these stand in no table, for just these rows."""
    columns = dict(strokes) or dict(zip((*LENGTHS, *COUNTS), table.columns(*LENGTHS, *COUNTS), strict=True))
    values = {name: columns[name] if strokes else columns[name][rows] for name in (*LENGTHS, *COUNTS)}
    others = ("mean", "std", "entropy", *PLACES)
    values |= {name: column[rows] for name, column in zip(others, table.columns(*others), strict=True)}
    blank = values["top"] < 0
    values |= {name: np.where(blank, np.nan, values[name]) for name in PLACES}
    height, width = table.source.metadata.shape[:2]
    return _relative({name: values[name].astype(np.float64) for name in FEATURES}, height, width)


def _relative(features: Mapping[str, npt.NDArray[np.float64]], height: int, width: int) -> dict[str, Any]:
    """Give features of the per-sample table in fractions of the image, so that sizes can be compared.

    Rows by the height, columns by the width, areas by both, lengths along strokes by the root of both. The ink, so
    divided, is the mean.
    """
    side = (height * width) ** 0.5
    divisors = {"area": side**2, "length": side, "thickness": side}
    divisors |= dict.fromkeys(("top", "bottom", "centre_row", "height"), float(height))
    divisors |= dict.fromkeys(("left", "right", "centre_column", "width"), float(width))
    named = {"mean": "ink"}
    return {named.get(name, name): values / divisors.get(name, 1.0) for name, values in features.items()}


def _levels(images: Images, unit: float) -> npt.NDArray[np.int64]:
    scaled = images.reshape(len(images), -1).astype(np.float64) / unit
    finite = np.isfinite(scaled)
    level = np.clip(np.where(finite, scaled, 0) * LEVELS, 0, LEVELS - 1).astype(np.int64)
    level += LEVELS * np.arange(len(images))[:, None]
    return np.bincount(level[finite], minlength=LEVELS * len(images)).reshape(len(images), LEVELS)
