"""The table of measures of a dataset: measured once, a row a sample, and kept for the next command.

There are two kinds: `pixels`, which takes a look at each image, and `strokes`, which takes several times as long and
needs to know first whether the background is dark or bright.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_data.batch import Integers
from mnist_data.known.label_tables import group_columns
from mnist_data.parquet.dataset import Dataset, Partition, read_images, read_partition
from pipelines.engine.execution import Execution
from pipelines.engine.map_dataset import require_images
from pipelines.images.measures import cache
from pipelines.images.measures.background import Background, Polarity, background_of, border_positions, polarity_of
from pipelines.images.measures.cache import MeasureFile
from pipelines.images.measures.intensity import BYTE_RANGE, Range, range_of
from pipelines.images.measures.pixels import Column, PixelMeasures, in_chunks
from pipelines.images.measures.strokes import StrokeMeasures

TASKS_TOGETHER = 64
"""Tasks whose measures are in memory together, about 200 bytes a sample: then they are written."""


@dataclass(frozen=True)
class MeasureTable:
    """What is measured of each sample of a dataset, in the order of its splits and files; columns are read on demand.

    limits: the range of the pixel values. pixels: the columns PIXEL_COLUMNS, and id, label and GROUPS where the dataset
    has them. strokes: the columns STROKE_COLUMNS, None where they were not asked for.
    """

    source: Dataset
    limits: Range
    pixels: MeasureFile
    strokes: MeasureFile | None = None

    def __len__(self) -> int:
        return len(self.source)

    def columns(self, *names: str) -> tuple[Column, ...]:
        """Read columns, (n,) each, of either kind."""
        of_pixels = [name for name in names if name in self.pixels.names]
        values = self.pixels.read(of_pixels)
        if self.strokes is not None and len(of_pixels) < len(names):
            values |= self.strokes.read([name for name in names if name not in of_pixels])
        return tuple(values[name] for name in names)

    def column(self, name: str) -> Column:
        """Read one column, (n,)."""
        return self.columns(name)[0]

    @cached_property
    def ids(self) -> Integers:
        """(n,) int64."""
        return self.column("id")

    @cached_property
    def labels(self) -> Integers:
        """(n,) int64."""
        return self.column("label")

    @cached_property
    def splits(self) -> npt.NDArray[np.object_]:
        """(n,) texts."""
        return np.repeat(np.array(list(self.source.splits), object), list(self.source.splits.values()))

    @cached_property
    def finite(self) -> npt.NDArray[np.bool_]:
        """(n,) bool: the samples without NaN or infinite pixels."""
        return np.asarray(self.column("not_finite") == 0)

    @cached_property
    def varied(self) -> npt.NDArray[np.bool_]:
        """(n,) bool: the samples that are finite and not of one value; only these can be duplicates of each other."""
        lowest, highest = self.columns("lowest", "highest")
        return np.asarray(self.finite & (lowest < highest))

    @cached_property
    def background(self) -> Background:
        """What is known of the background of the whole dataset."""
        return _background(self.pixels)

    @cached_property
    def border_positions(self) -> npt.NDArray[np.float64]:
        """(n,), where the mean of each sample's border lies, from 0 for its lowest value … 1 for its highest."""
        return border_positions(*self.columns("not_finite", "lowest", "highest", "contrast", "border_mean"))

    @property
    def polarities(self) -> dict[str, Polarity]:
        """Whether the background of each split is dark or bright, or that it is undecided."""
        return {split: polarity_of(self.border_positions[self.splits == split])[0] for split in self.source.splits}

    def pieces(self, rows: int) -> Iterator[dict[str, Column]]:
        """Read all columns piece by piece, in the order of the dataset; memory is bounded by `rows` samples."""
        files = [file.pieces(rows) for file in (self.pixels, self.strokes) if file is not None]
        for pieces in zip(*files, strict=True):
            yield {name: np.asarray(piece[name]) for piece in pieces for name in piece.column_names}


def measure_dataset(source: Dataset, execution: Execution, *, strokes: bool = False) -> MeasureTable:
    """Measure every sample of a dataset, or take what an earlier command has measured of the same content.

    strokes: measure the strokes, too. Raises WrongUse where the items are no images.
    """
    require_images(source)
    pixels = _pixels(source, execution)
    limits = Range(**pixels.facts["limits"])
    return MeasureTable(source, limits, pixels, _strokes(source, pixels, execution) if strokes else None)


def with_stored_strokes(table: MeasureTable) -> MeasureTable:
    """Give the table with the measures of the strokes, where an earlier command has kept them."""
    return replace(table, strokes=cache.find(table.source.content, "strokes", len(table)))


def _pixels(source: Dataset, execution: Execution) -> MeasureFile:
    kept = cache.find(source.content, "pixels", len(source))
    if kept is not None:
        return kept
    limits = find_range(source, execution)
    measure = partial(_measure_pixels, limits=limits)
    facts = {"limits": {"low": limits.low, "high": limits.high, "unit": limits.unit}}
    return cache.write(source.content, "pixels", facts, _measured(source, measure, "measure: pixels", execution))


def _strokes(source: Dataset, pixels: MeasureFile, execution: Execution) -> MeasureFile:
    kept = cache.find(source.content, "strokes", len(source))
    if kept is not None:
        return kept
    measure = partial(_measure_strokes, reverse=_background(pixels).polarity == "bright")
    return cache.write(source.content, "strokes", {}, _measured(source, measure, "measure: strokes", execution))


def _background(pixels: MeasureFile) -> Background:
    names = ("not_finite", "lowest", "highest", "contrast", "border_mean", "background")
    return background_of(**pixels.read(names))


def _measured(
    source: Dataset, measure: Callable[[Partition], pa.Table], stage: str, execution: Execution
) -> Iterator[pa.Table]:
    """Measure the partitions of a dataset in order, TASKS_TOGETHER of them at once."""
    partitions = execution.partitions(source)
    for first in range(0, len(partitions), TASKS_TOGETHER):
        yield from execution.run(measure, partitions[first : first + TASKS_TOGETHER], stage)


def _measure_pixels(partition: Partition, limits: Range) -> pa.Table:
    batch = read_partition(partition)
    columns = {"id": batch.ids, "label": batch.labels, **group_columns(batch)}
    return pa.table({**columns, **in_chunks(batch.images, PixelMeasures(limits))})


def _measure_strokes(partition: Partition, reverse: bool) -> pa.Table:
    return pa.table(dict(in_chunks(read_images(partition), StrokeMeasures(reverse))))


def find_range(source: Dataset, execution: Execution) -> Range:
    """Give the range of a dataset's pixel values: that of uint8, or that of its pixels, which takes a look at them."""
    dtype = np.dtype(source.metadata.dtype)
    if dtype == np.uint8:
        return BYTE_RANGE
    ends = execution.run(_ends, execution.partitions(source), "measure: range")
    return range_of(dtype, min(low for low, _ in ends), max(high for _, high in ends))


def _ends(partition: Partition) -> tuple[float, float]:
    images = read_images(partition)
    values = images[np.isfinite(images)]
    return (float(values.min()), float(values.max())) if values.size else (np.inf, -np.inf)
