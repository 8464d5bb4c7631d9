"""Duplicates: samples with the same pixels, or nearly the same after a small shift, and what follows from them.

The distance of two samples is the part of the one's ink that the other does not account for, at the best shift and the
best contrast: sin φ, where φ is the angle between the two images. It is 0 for copies, whatever their contrast, and 1
where no ink meets. It is relative to the ink, so that thin strokes are compared as thick ones are.

Exact copies have the same digest. For the others there are three passes over the pixels: the first describes each
sample by a short spectrum; the second measures how far apart neighbours usually are, which sets the threshold; the
third compares the pairs whose spectra are close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from mnist_data.parquet.dataset import Dataset, Partition, read_images
from mnist_data.parquet.messages import mark
from pipelines.audit.check_result import CheckResult
from pipelines.audit.duplicate_checks import (
    Copies,
    choose,
    choose_near,
    differing_copies,
    exact_duplicates,
    near_duplicates,
)
from pipelines.audit.groups import pairs_with_kept
from pipelines.audit.pairs import Compare, Flags, Pairs, compare_pairs, find_close, reach, rotate
from pipelines.audit.rescans import find_rescans
from pipelines.audit.spectra import FINE_FREQUENCIES, FREQUENCIES, Floats, magnitudes, unit_ink
from pipelines.engine.execution import Execution
from pipelines.engine.id_hash import hashes
from pipelines.images.measures.faults import find_bad_labels, find_originals, keep_order
from pipelines.images.measures.table import MeasureTable, measure_dataset

THRESHOLD_MEANING = mark("a third of the usual distance between neighbours in dense places, kept between 0.02 and 0.1")
BY_HAND = mark("set by hand")

FRACTION = 1 / 3
"""The threshold, as a fraction of the distance at which samples in dense places have a few neighbours."""

NEIGHBOUR, DENSE = 5, 0.05
"""That distance: to the fifth neighbour, as nearer ones may be copies, in the densest twentieth of the samples."""

LEAST_THRESHOLD, MOST_THRESHOLD = 0.02, 0.1
"""The threshold's limits. QMNIST's re-made digits differ from MNIST's by up to 17.3 grey levels (L2), which is 0.02 of
the thinnest digit's norm of 910; and samples with more than 1 % of the ink's energy different are not called copies."""

MEASURED, CANDIDATES = 1_000, 25
"""Samples whose neighbours are measured, and for each the nearest by spectrum among which these are looked for."""


@dataclass(frozen=True)
class Spectra:
    """What a pass over n samples gives, in the order of the dataset.

    inked: (n,), whether a sample can be a near duplicate, for which something must stand out of the background.
    magnitudes: (n, frequencies).
    """

    inked: Flags
    magnitudes: Floats


def find_duplicates(
    source: Dataset,
    threshold: float | None = None,
    *,
    execution: Execution | None = None,
    table: MeasureTable | None = None,
) -> list[CheckResult]:
    """Find copies among all samples of all splits: exact_duplicate, near_duplicate, label_conflict and leaked.

    Of samples that are copies of each other the first two leave one unflagged; `keep_order` says which. The other two
    flag both sides: one sample is to be looked at or taken out, the other's label or score is spoilt.

    threshold: the distance up to which samples are near duplicates, above 0 and below 1; None sets it by the data.
    table: what is measured of the samples, where that is at hand. The details' columns of ids and shifts are masked
    arrays, masked where there is nothing to name. Raises WrongUse where the items are no images.
    """
    execution = execution or Execution()
    table = table or measure_dataset(source, execution)
    partitions = execution.partitions(source)
    compare = partial(compare_pairs, partitions, source.metadata.shape, execution=execution)
    spectra = measure_spectra(partitions, execution)
    rank = keep_order(table, find_bad_labels(table))
    originals = find_originals(table, rank)
    kept = np.flatnonzero((originals == np.arange(len(originals))) & spectra.inked)
    points = rotate(spectra.magnitudes[kept])
    why, by_hand = BY_HAND if threshold is not None else THRESHOLD_MEANING, threshold
    if threshold is None:
        threshold = choose_threshold(_neighbour_distances(kept, points, table.ids[kept], compare))
    close = find_close(points, threshold, execution)
    if close is None:
        fine = measure_spectra(partitions, execution, FINE_FREQUENCIES).magnitudes[kept]
        pairs = pairs_with_kept(kept, points, fine, rank, threshold, compare)
        groups = _groups(originals, pairs, rank)
    else:
        pairs = compare(kept[close], "compare")
        pairs, groups = pairs.where(pairs.distance <= threshold), originals
    splits = np.repeat(np.arange(len(source.splits)), list(source.splits.values()))
    near = choose_near(rank, pairs)
    originals_left = np.setdiff1d(kept, np.flatnonzero(near >= 0))
    rescans = find_rescans(partitions, source.metadata.shape, originals_left, rank, table.labels, by_hand, execution)
    copies = Copies(rank, originals, pairs, near, threshold, rescans)
    return [
        exact_duplicates(table.ids, copies),
        near_duplicates(table.ids, copies, why),
        *differing_copies(table.ids, table.labels, splits, groups, copies),
    ]


def measure_spectra(partitions: Sequence[Partition], execution: Execution, frequencies: int = FREQUENCIES) -> Spectra:
    """Describe every sample by its spectrum."""
    measure = partial(_measure_spectra, frequencies=frequencies)
    parts = execution.run(measure, partitions, "duplicates: spectra")
    return Spectra(*(np.concatenate([getattr(part, name) for part in parts]) for name in Spectra.__annotations__))


def _measure_spectra(partition: Partition, frequencies: int) -> Spectra:
    images = read_images(partition)
    inks = unit_ink(images)
    return Spectra(np.asarray(inks.any(axis=(1, 2, 3))), magnitudes(inks, max(reach(images.shape[1:])), frequencies))


def _neighbour_distances(kept: Integers, points: Floats, ids: Integers, compare: Compare) -> npt.NDArray[np.float64]:
    """Measure how far from some samples their near neighbours are: (samples, neighbours), ascending."""
    chosen = np.argsort(hashes(ids))[:MEASURED]
    few = min(CANDIDATES, len(points) - 1)
    if few < NEIGHBOUR:
        return np.ones((0, NEIGHBOUR))
    nearest = [_nearest(points, chosen[begin : begin + 50], few) for begin in range(0, len(chosen), 50)]
    pairs = np.stack([np.repeat(chosen, few), np.concatenate(nearest).reshape(-1)], axis=1)
    distances = compare(kept[pairs], "neighbours").distance
    return np.sort(distances.reshape(len(chosen), few), axis=1)


def _nearest(points: Floats, chosen: Integers, few: int) -> npt.NDArray[np.int64]:
    """Give the positions of the points nearest to the chosen ones, themselves left out: (chosen, few)."""
    apart = np.square(points).sum(axis=1) - 2 * (points[chosen] @ points.T)
    apart[np.arange(len(chosen)), chosen] = np.inf
    return np.argpartition(apart, few - 1, axis=1)[:, :few]


def choose_threshold(distances: npt.NDArray[np.float64]) -> float:
    """Set the threshold by the distances of some samples to their neighbours, (samples, neighbours), ascending.

    Where there are too few samples to have neighbours, it is the highest.
    """
    if not len(distances):
        return MOST_THRESHOLD
    distance = float(np.quantile(distances[:, NEIGHBOUR - 1], DENSE))
    return float(np.clip(FRACTION * distance, LEAST_THRESHOLD, MOST_THRESHOLD))


def _groups(originals: Integers, pairs: Pairs, rank: Integers) -> Integers:
    """Give for each sample the kept one whose group it belongs to, (n,) positions; itself where it is kept.

    pairs: of a kept sample and another, as `pairs_with_kept` gives them.
    """
    chosen = choose(pairs.first, pairs.second, pairs.distance, rank)
    nearest = np.where(chosen >= 0, pairs.first[chosen] if len(pairs.first) else 0, np.arange(len(originals)))
    return nearest[originals]
