"""Duplicates: samples with the same pixels, or nearly the same after a small shift, and what follows from them.

The distance of two samples is the part of the one's ink that the other does not account for, at the best shift and the
best contrast: sin φ, where φ is the angle between the two images. It is 0 for copies, whatever their contrast, and 1
where no ink meets. It is relative to the ink, so that thin strokes are held to the same standard as thick ones.

Three passes over the pixels: the first describes each sample by a digest and a short spectrum; the second measures how
far apart neighbours usually are, which sets the bar; the third compares the pairs whose spectra are close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from mnist_data.parquet.dataset import HELD_OUT, Dataset, Partition, read_partition
from pipelines.audit.pairs import REACH, Flags, Pairs, compare_pairs, find_close, reach, rotate
from pipelines.audit.spectra import Floats, magnitudes, unit_ink
from pipelines.audit.verdict import Scores, Verdict
from pipelines.engine.execution import Execution
from pipelines.engine.id_hash import hashes
from pipelines.engine.map_dataset import require_images
from pipelines.images.digests import Digests, digest, first_with_same, varied

BAR_MEANING = "a third of the usual distance between neighbours in dense places, kept between 0.02 and 0.1"

SHARE = 1 / 3
"""The bar, as a fraction of the distance at which samples in dense places have a few neighbours."""

NEIGHBOUR, DENSE = 5, 0.05
"""That distance: to the fifth neighbour, as nearer ones may be copies, in the densest twentieth of the samples."""

LEAST_BAR, MOST_BAR = 0.02, 0.1
"""The bar's limits. QMNIST's re-made digits differ from MNIST's by up to 17.3 grey levels (L2), which is 0.02 of the
thinnest digit's norm of 910; and samples of which more than 1 % of the ink's energy differs are not called copies."""

MEASURED, CANDIDATES = 1_000, 25
"""Samples whose neighbours are measured, and for each the nearest by spectrum among which these are looked for."""

LABEL_CONFLICT = ("label_conflict", "an exact or near duplicate has another label; the bar is that of near duplicates")
LEAKED = ("leaked", "an exact or near duplicate is in another split; the bar is that of near duplicates")

Compare = Callable[[Integers, str], Pairs]
"""Compares samples, (pairs, 2) positions in the dataset; the text says what for."""


@dataclass(frozen=True)
class Survey:
    """What the first pass learns of n samples, in the order of the dataset.

    split: (n,) int64, the number of its split. varied, inked: (n,), whether it can be an exact duplicate, which the
    constant and not finite are not, and a near one, for which something must stand out of the background. digests: (n,
    2).
    spectra: (n, frequencies).
    """

    ids: Integers
    labels: Integers
    split: Integers
    varied: Flags
    inked: Flags
    digests: Digests
    spectra: Floats


def find_duplicates(
    source: Dataset, threshold: float | None = None, *, execution: Execution | None = None
) -> list[Verdict]:
    """Find copies among all samples of all splits: exact_duplicate, near_duplicate, label_conflict and leaked.

    Of samples that are copies of each other the first two leave one unflagged: one outside the training split, if
    there is one, and of several the first by id.

    threshold: the distance up to which samples are near duplicates, above 0 and below 1; None sets it by the data. The
    details' columns of ids and shifts are masked arrays, masked where there is nothing to name. Raises WrongUse where
    the items are no images.
    """
    execution = execution or Execution()
    require_images(source)
    partitions = execution.partitions(source)
    compare = partial(compare_pairs, partitions, source.metadata.shape, execution=execution)
    survey = survey_samples(source, partitions, execution)
    rank = _ranks(source, survey)
    first = _first_copies(survey, rank, compare)
    kept = np.flatnonzero((first == np.arange(len(first))) & survey.inked)
    points = rotate(survey.spectra[kept])
    why = "set by hand" if threshold is not None else BAR_MEANING
    if threshold is None:
        threshold = choose_threshold(_neighbour_distances(kept, points, survey.ids[kept], compare))
    pairs = compare(kept[find_close(points, threshold, execution)], "compare")
    pairs = pairs.where(pairs.distance <= threshold)
    held_out = [number for number, split in enumerate(source.splits) if split in HELD_OUT]
    elsewhere = np.where(np.isin(survey.split, held_out), -1, _differing(survey.split, first, pairs))
    otherwise = _differing(survey.labels, first, pairs)
    return [
        _exact(survey.ids, first),
        _near(survey.ids, rank, pairs, threshold, why),
        _named(LABEL_CONFLICT, "label_conflict_with", survey.ids, otherwise, threshold),
        _named(LEAKED, "leaked_from", survey.ids, elsewhere, threshold),
    ]


def survey_samples(source: Dataset, partitions: Sequence[Partition], execution: Execution) -> Survey:
    """Describe every sample by its digest and its spectrum."""
    numbers = {split: number for number, split in enumerate(source.splits)}
    parts = execution.run(partial(_survey_partition, numbers=numbers), partitions, "duplicates: scan")
    return Survey(*(np.concatenate([getattr(part, name) for part in parts]) for name in Survey.__annotations__))


def _survey_partition(partition: Partition, numbers: Mapping[str, int]) -> Survey:
    batch = read_partition(partition)
    several = varied(batch.flat)
    digests = np.zeros((len(batch), 2), np.uint64)
    digests[several] = digest(batch.images[several])
    inks = unit_ink(batch.images)
    inked = np.asarray(inks.any(axis=(1, 2, 3)))
    spectra = magnitudes(inks, max(reach(batch.images.shape[1:])))
    split = np.full(len(batch), numbers[partition.split])
    return Survey(batch.ids, batch.labels, split, several, inked, digests, spectra)


def _ranks(source: Dataset, survey: Survey) -> Integers:
    """Give (n,) int64, the lower the rather a sample is kept: those outside the training split first, then by id."""
    training = survey.split == list(source.splits).index(source.main_split)
    rank = np.empty(len(training), np.int64)
    rank[np.lexsort((survey.ids, training))] = np.arange(len(training))
    return rank


def _first_copies(survey: Survey, rank: Integers, compare: Compare) -> Integers:
    """Give for each sample the position of the first with the same pixels, (n,), which is compared with it."""
    first = np.arange(len(rank))
    rows = np.flatnonzero(survey.varied)
    first[rows] = rows[first_with_same(survey.digests[rows], rank[rows])]
    copies = np.flatnonzero(first != np.arange(len(rank)))
    pairs = compare(np.stack([copies, first[copies]], axis=1), "confirm")
    first[copies[~pairs.equal]] = copies[~pairs.equal]
    return first


def _neighbour_distances(kept: Integers, points: Floats, ids: Integers, compare: Compare) -> npt.NDArray[np.float64]:
    """Measure how far from some samples their near neighbours are: (samples, neighbours), ascending."""
    some = np.argsort(hashes(ids))[:MEASURED]
    few = min(CANDIDATES, len(points) - 1)
    if few < NEIGHBOUR:
        return np.ones((0, NEIGHBOUR))
    nearest = [_nearest(points, some[begin : begin + 50], few) for begin in range(0, len(some), 50)]
    pairs = np.stack([np.repeat(some, few), np.concatenate(nearest).reshape(-1)], axis=1)
    distances = compare(kept[pairs], "neighbours").distance
    return np.sort(distances.reshape(len(some), few), axis=1)


def _nearest(points: Floats, some: Integers, few: int) -> npt.NDArray[np.int64]:
    """Give the positions of the points nearest to some of them, themselves left out: (some, few)."""
    apart = np.square(points).sum(axis=1) - 2 * (points[some] @ points.T)
    apart[np.arange(len(some)), some] = np.inf
    return np.argpartition(apart, few - 1, axis=1)[:, :few]


def choose_threshold(distances: npt.NDArray[np.float64]) -> float:
    """Set the bar by the distances of some samples to their neighbours, (samples, neighbours), ascending.

    Where there are too few samples to have neighbours, the bar is the highest.
    """
    if not len(distances):
        return MOST_BAR
    usual = float(np.quantile(distances[:, NEIGHBOUR - 1], DENSE))
    return float(np.clip(SHARE * usual, LEAST_BAR, MOST_BAR))


def _differing(values: Integers, first: Integers, pairs: Pairs) -> Integers:
    """Give for each sample the position of an exact or near duplicate with another value, (n,); -1 where none has.

    values: (n,), labels or splits. Of all copies the ones with the least and the greatest value are known.
    """
    count = len(values)
    codes = np.unique(values, return_inverse=True)[1].reshape(-1)
    keys = codes * count + np.arange(count)  # ordered by value, and telling whose it is
    least, most = keys.copy(), keys.copy()
    np.minimum.at(least, first, keys)
    np.maximum.at(most, first, keys)
    group_least, group_most = least.copy(), most.copy()
    for one, other in ((pairs.first, pairs.second), (pairs.second, pairs.first)):
        np.minimum.at(least, one, group_least[other])
        np.maximum.at(most, one, group_most[other])
    least, most = least[first], most[first]
    below, above = least // max(1, count) < codes, most // max(1, count) > codes
    return np.select([below, above], [least % max(1, count), most % max(1, count)], -1)


def _named(check: tuple[str, str], column: str, ids: Integers, witness: Integers, threshold: float) -> Verdict:
    """Flag the samples that have a witness, and name it."""
    flagged = witness >= 0
    named = np.ma.masked_array(ids[witness] if len(ids) else ids, ~flagged)
    name, meaning = check
    return Verdict(name, flagged, _confidence(flagged), threshold, meaning, {column: named})


def _exact(ids: Integers, first: Integers) -> Verdict:
    flagged = first != np.arange(len(first))
    return Verdict(
        "exact_duplicate",
        flagged,
        _confidence(flagged),
        np.nan,
        "the same pixels as another sample; there is no bar, samples of one value are left out",
        {"exact_duplicate_of": np.ma.masked_array(ids[first], ~flagged)},
    )


def _confidence(flagged: Flags) -> Scores:
    return np.where(flagged, 0, 1).astype(np.float32)


def _near(ids: Integers, rank: Integers, pairs: Pairs, threshold: float, why: str) -> Verdict:
    """Flag samples that lie near one that is kept; nothing is flagged for lying near a flagged one."""
    swapped = rank[pairs.second] < rank[pairs.first]  # the second of each is to be the one to give up
    keep, give = np.where(swapped, (pairs.second, pairs.first), (pairs.first, pairs.second))
    sign = np.where(swapped, -1, 1)
    chosen = _choose(keep, give, pairs.distance, rank)
    flagged = chosen >= 0

    def column(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        shown = np.zeros(len(rank), values.dtype)
        shown[flagged] = values[chosen[flagged]]
        return np.ma.masked_array(shown, ~flagged)

    distance = np.ma.filled(column(pairs.distance), np.nan)
    score = np.where(flagged, 1 - 0.5 ** (distance / threshold), 1).astype(np.float32)
    return Verdict(
        "near_duplicate",
        flagged,
        score,
        threshold,
        f"part of the ink that another sample does not account for, at the best shift of up to {REACH} pixels; "
        f"the bar is {why}",
        {
            "near_duplicate_of": column(ids[keep]),
            "near_duplicate_distance": distance,
            "near_duplicate_rows": column(sign * pairs.rows),
            "near_duplicate_columns": column(sign * pairs.columns),
        },
    )


def _choose(keep: Integers, give: Integers, distance: npt.NDArray[np.float64], rank: Integers) -> Integers:
    """Give for each sample the pair by which it is flagged, the closest whose other one is kept, or -1: (n,)."""
    chosen = np.full(len(rank), -1)
    # By rank, so that all is decided of what a sample may lie near before the sample itself.
    for pair in np.lexsort((rank[keep], distance, rank[give])):
        if chosen[give[pair]] < 0 and chosen[keep[pair]] < 0:
            chosen[give[pair]] = pair
    return chosen
