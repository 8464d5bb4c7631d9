"""Planting faults into a copy of a dataset: which samples get which, and the copy itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Batch, Integers
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from pipelines.audit import faults
from pipelines.audit.read_rows import read_rows
from pipelines.engine.execution import Execution
from pipelines.engine.id_hash import hashes
from pipelines.engine.map_dataset import apply_stage
from pipelines.images.measures.intensity import BYTE_RANGE
from pipelines.images.measures.table import MeasureTable
from pipelines.settings.analysis import Selftest
from pipelines.statistics.counts import Sums, sum_up

PAIRED: Mapping[str, Callable[[faults.Image, faults.Image, faults.Generator], faults.Image]] = {
    "exact_duplicate": lambda _image, other, _generator: other,
    "near_duplicate": lambda _image, other, generator: faults.near_duplicate(other, generator),
    "label_conflict": lambda _image, other, _generator: other,
    "leaked": lambda _image, other, generator: (
        faults.near_duplicate(other, generator) if generator.random() < 0.5 else other
    ),
}
"""Faults that are made of a second sample, a copy of it, whose label they take."""


@dataclass(frozen=True)
class Planted:
    """One fault. place: the sample's in the dataset; source: the one it is a copy of, else -1."""

    kind: str
    place: int
    source: int
    id: int
    label: int
    image: npt.NDArray[Any]


def kinds_for(source: Dataset, labels: bool) -> list[str]:
    """Name the faults that this dataset can have, those of labels if they are looked for."""
    floats = np.dtype(source.metadata.dtype).kind == "f"
    return [
        *(["not_finite"] if floats else []),
        *faults.ALONE,
        *(kind for kind in PAIRED if kind != "leaked" or len(source.splits) > 1),
        *(["label_error"] if labels else []),
    ]


def draw_faults(
    source: Dataset, table: MeasureTable, params: Selftest, execution: Execution | None = None
) -> list[Planted]:
    """Make the faults of every kind; each sample has one at most, and samples that have no ink none."""
    count = params.faults or max(1, min(350, len(source) // 200))
    free = _UnusedSamples(table, source, params.seed)
    chosen = [
        (kind, *places)
        for kind in kinds_for(source, params.audit.labels)
        for places in (free.pair(kind) if kind in PAIRED else (free.next(), -1) for _ in range(count))
        if places[0] >= 0 and (places[1] >= 0 or kind not in PAIRED)
    ]
    places = np.array([place for _, *both in chosen for place in both if place >= 0], np.int64)
    read = dict(zip(places.tolist(), _rows(read_rows(source, places)), strict=True))
    classes = np.unique(table.labels)
    means = _class_means(source, execution or Execution()) if params.audit.labels else {}
    return [
        planted
        for kind, place, other in chosen
        for planted in [_plant(kind, place, other, read, classes, means, params.seed)]
        if planted is not None
    ]


class _UnusedSamples:
    """Samples that have no part in a fault yet, taken in the order of a hash of their ids."""

    def __init__(self, table: MeasureTable, source: Dataset, seed: int) -> None:
        order = np.argsort(hashes(table.ids, seed), kind="stable")
        inked = np.isfinite(table.column("stroke_ink"))
        self._places = [int(place) for place in order if inked[place]][::-1]
        self._splits, self._labels, self._training = table.splits, table.labels, source.main_split

    def next(self) -> int:
        """Give the next sample; -1 where none is left."""
        return self._places.pop() if self._places else -1

    def pair(self, kind: str) -> tuple[int, int]:
        """Give two samples: of one split, or one to train with and one of another split where it is to leak."""
        first = self._next(lambda place: kind != "leaked" or self._splits[place] == self._training)

        def fits(place: int) -> bool:
            return bool(self._splits[place] == self._splits[first]) != (kind == "leaked")

        return (first, self._next(fits)) if first >= 0 else (-1, -1)

    def _next(self, fits: Callable[[int], bool]) -> int:
        for position in range(len(self._places) - 1, -1, -1):
            if fits(self._places[position]):
                return self._places.pop(position)
        return -1


def _rows(batch: Batch) -> Iterator[tuple[int, int, npt.NDArray[Any]]]:
    return zip(batch.ids.tolist(), batch.labels.tolist(), batch.images, strict=True)


def _class_means(source: Dataset, execution: Execution) -> Mapping[int, npt.NDArray[np.float64]]:
    """Give the mean image of each class of all splits, flat, in pixel units; images with NaN are left out."""
    sums = execution.run(_sum_finite, execution.partitions(source), "selftest: class means")
    return reduce(Sums.merge, sums).class_means(1.0)


def _sum_finite(partition: Partition) -> Sums:
    batch = read_partition(partition)
    return sum_up(batch.take(batch.finite), BYTE_RANGE, 1)


def _likest(image: faults.Image, label: int, means: Mapping[int, npt.NDArray[np.float64]]) -> int:
    """Give the other class that the image is likest to, so confused with first: its mean image is the nearest."""
    others = [other for other in means if other != label]
    return min(others, key=lambda other: float(np.linalg.norm(image.reshape(-1) - means[other])))


def _plant(
    kind: str,
    place: int,
    other: int,
    read: Mapping[int, Any],
    classes: Integers,
    means: Mapping[int, npt.NDArray[np.float64]],
    seed: int,
) -> Planted | None:
    own, label, pixels = read[place]
    generator = np.random.default_rng([seed, *kind.encode(), own])
    image = pixels.astype(np.float64)
    if kind in PAIRED:
        image = PAIRED[kind](image, read[other][2].astype(np.float64), generator)
        label = read[other][1]
    elif kind != "label_error":
        fault = faults.ALONE.get(kind, faults.not_finite)(image, generator)
        if fault is None:
            return None
        image = fault
    if kind in ("label_error", "label_conflict"):
        others = classes[classes != label]
        if not len(others):
            return None
        label = int(generator.choice(others))
        if kind == "label_error" and generator.random() < 0.5 and len(means) > 1:
            label = _likest(image, read[place][1], means)
    if pixels.dtype.kind in "ui":
        limits = np.iinfo(pixels.dtype)
        image = np.clip(np.rint(image), limits.min, limits.max)
    return Planted(kind, place, other, own, label, image.astype(pixels.dtype))


def plant(source: Dataset, target: Path, planted: Sequence[Planted], params: Selftest, execution: Execution) -> Dataset:
    """Write a copy of a dataset in which the samples have their faults."""
    by_id = {fault.id: fault for fault in planted}
    return apply_stage(source, target, params, lambda _: partial(_plant_batch, planted=by_id), execution=execution)


def _plant_batch(batch: Batch, planted: Mapping[int, Planted]) -> tuple[tuple[Batch], None]:
    labels, images = batch.labels.copy(), batch.images.copy()
    for row, sample in enumerate(batch.ids.tolist()):
        if sample in planted:
            labels[row], images[row] = planted[sample].label, planted[sample].image
    return (Batch(batch.ids, labels, images, batch.columns),), None
