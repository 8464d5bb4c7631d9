"""Rescanned copies: the same sample scanned, resized, blurred or saved again, so that hardly a pixel stays the same.

Each sample is compared with the NEIGHBOURS others whose outlines are described most alike, after aligning the two. How
far it usually is from these is its scale. A pair is a copy where its distance is at most LIMIT of the scales of both,
the root of their product: what is a copy among loops and curves may be two different ones. So the limit of a plain
stroke, whose neighbours are all near, is low, and copies of it that changed much are not told from other samples.

Pairs join their samples to clusters. In a cluster the sample of lowest rank is kept and compared with all others, then
the next that is no copy of it, and so on: a sample is flagged for its likeness to one that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from mnist_data.parquet.dataset import Partition, read_images, read_partition
from pipelines.audit.neighbours import find_nearest
from pipelines.audit.outlines import describe, has_outline, outline, sharper_last
from pipelines.audit.pairs import Compared, Comparison, Places, plan_comparisons
from pipelines.engine.execution import Execution

Doubles = npt.NDArray[np.float64]

LEAST_SAMPLES = 100
"""In fewer there is no telling what is usual."""

NEIGHBOURS = 5
"""Samples that each is compared with."""

LIMIT = 0.35
"""Of the scales. Of MNIST's 70,000 digits 2 pairs, of plain 7s, are nearer; of 10,000 first training samples of
Fashion-MNIST 11 pairs, one product each to the eye. With 0.4 it is 5 pairs among 10,000 digits."""

LEAST_SCALE, LEAST_CLASS = 0.6, 30
"""A sample's scale is at least this fraction of its class's median, as the nearest of a burst are all copies; a smaller
class takes the median of all."""

MOST_DISTANCE = 0.2
"""Samples with more than 4 % of the ink's energy different are no copies, however far all others are."""

MOST_ROUNDS = 32
"""Of keeping one sample of each cluster; in larger ones of no copies the rest is kept."""


@dataclass(frozen=True)
class Aligned(Compared):
    """Pairs that were aligned.

    distance: the norm of what differs, relative to the ink. rows, columns: how much lower and further right the second
    lies; degrees: how far it is turned, clockwise; scale: how much larger it is.
    """

    rows: Doubles
    columns: Doubles
    degrees: Doubles
    scale: Doubles


Align = Callable[[Places], Aligned]


@dataclass(frozen=True)
class Rescans:
    """Copies that were found.

    pairs: the kept sample first. limits: (pairs,), the distance up to which each is a copy. clusters: (n,) for each
    sample of the dataset the position of the one of lowest rank that it is joined to, or its own.
    """

    pairs: Aligned
    limits: Doubles
    clusters: Integers


def find_rescans(
    partitions: Sequence[Partition],
    shape: Sequence[int],
    samples: Integers,
    rank: Integers,
    labels: Integers,
    threshold: float | None,
    execution: Execution,
) -> Rescans:
    """Find rescanned copies among some samples, (k,) positions in the dataset.

    shape: of an image. rank, labels: (n,), of all samples; of copies the one of lowest rank is kept. threshold: the
    distance up to which any two are copies; None sets it for each pair by their neighbours.
    """
    align = partial(align_pairs, partitions, shape, execution=execution)
    if len(samples) < LEAST_SAMPLES or not has_outline(tuple(shape)):
        return Rescans(align(np.empty((0, 2), np.int64)), np.empty(0), np.arange(len(rank)))
    ordered = samples[np.argsort(rank[samples], kind="stable")]
    points = np.concatenate(execution.run(_describe, partitions, "duplicates: outlines"))[ordered]
    nearest = ordered[find_nearest(points, NEIGHBOURS, execution)]
    pairs = np.stack([np.repeat(ordered, NEIGHBOURS), nearest.reshape(-1)], axis=1)
    unique, place = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True)
    compared = align(unique)
    scales = np.zeros(len(rank))
    scales[ordered] = _scales(compared.distance[place.reshape(nearest.shape)], labels[ordered])
    limit_of = partial(_limits, scales, threshold)
    return _keep(compared, rank, limit_of, align)


def _describe(partition: Partition) -> npt.NDArray[np.int16]:
    return describe(read_images(partition))


def _scales(distances: Doubles, labels: Integers) -> Doubles:
    """Give how far each sample usually is from its neighbours, (n,); distances: (n, NEIGHBOURS)."""
    own = np.median(distances, axis=1)
    codes, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    of_all = float(np.median(own))
    medians = [np.median(own[codes == code]) if many >= LEAST_CLASS else of_all for code, many in enumerate(counts)]
    return np.maximum(own, LEAST_SCALE * np.array(medians)[codes])


def _limits(scales: Doubles, threshold: float | None, first: Integers, second: Integers) -> Doubles:
    """Give up to which distance each pair is a copy, (pairs,)."""
    if threshold is not None:
        return np.full(len(first), threshold)
    return np.minimum(LIMIT * np.sqrt(scales[first] * scales[second]), MOST_DISTANCE)


def align_pairs(partitions: Sequence[Partition], shape: Sequence[int], pairs: Places, execution: Execution) -> Aligned:
    """Align samples, (pairs, 2) positions in the dataset, and give them in the same order."""
    tasks, given = plan_comparisons(partitions, shape, pairs)
    measured = execution.run(_align, tasks, "duplicates: align", lambda task: len(task.first))
    values = np.concatenate([np.empty((0, 5)), *measured])[given]
    distance, degrees, scale, rows, columns = values.T
    return Aligned(pairs[:, 0], pairs[:, 1], distance, rows, columns, degrees, scale)


def _align(task: Comparison) -> Doubles:
    """Give (pairs, 5): distance, degrees, scale, rows, columns."""
    from pipelines.kernels.alignment import align_pairs as align

    images = np.concatenate([read_partition(partition).images[rows] for partition, rows in task.reads])
    outlines = outline(images)
    swapped = sharper_last(task.first, task.second, outlines.sharpness)
    first, second = np.where(swapped, (task.second, task.first), (task.first, task.second))
    distances, motions = align(outlines.images, outlines.centres, first, second)
    motions *= np.where(swapped, -1, 1)[:, None]  # near enough the opposite, as it is small
    reduced = max(images.shape[1:3]) / max(outlines.images.shape[2:])
    turns, scales = np.degrees(motions[:, :1]), np.exp(motions[:, 1:2])
    return np.concatenate([distances[:, None], turns, scales, motions[:, 2:] * reduced], axis=1)


def _keep(compared: Aligned, rank: Integers, limit_of: Callable[..., Doubles], align: Align) -> Rescans:
    """Decide which samples are kept, and give the pairs of these with their copies."""
    near = compared.distance <= limit_of(compared.first, compared.second)
    clusters = join(len(rank), compared.first[near], compared.second[near], rank)
    members = np.unique(np.concatenate([compared.first[near], compared.second[near]]))
    members = members[np.lexsort((rank[members], clusters[members]))]
    copies, limits = [], []
    for _ in range(MOST_ROUNDS):
        if not len(members):
            break
        heads = np.flatnonzero(np.diff(clusters[members], prepend=-1))
        leads = np.repeat(members[heads], np.diff([*heads, len(members)]))
        others = np.setdiff1d(np.arange(len(members)), heads)
        pairs = align(np.stack([leads[others], members[others]], axis=1))
        limit = limit_of(pairs.first, pairs.second)
        within = pairs.distance <= limit
        copies.append(pairs.where(within))
        limits.append(limit[within])
        members = members[others[~within]]
    return Rescans(
        Aligned.joined(copies or [compared.where(np.zeros_like(near))]),
        np.concatenate([np.empty(0), *limits]),
        clusters,
    )


def join(count: int, first: Integers, second: Integers, rank: Integers) -> Integers:
    """Give for each of `count` samples the one of lowest rank that pairs join it to, directly or through others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    number, component = connected_components(edges, directed=False)
    order = np.lexsort((rank, component))
    heads = order[np.flatnonzero(np.diff(component[order], prepend=-1))]
    return np.asarray(heads[component], np.int64) if number else np.arange(count)
