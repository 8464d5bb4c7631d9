"""Which samples are inverted: bright where the others of their class are dark, and dark where these are bright.

Two things speak for it or against it, each as log odds. The border: it lies at one end of the sample's range or at the
other, where the class's usually lies. And the pixels: they resemble the class's mean image or its negative. Each is
compared with how much the class varies, under the sample as it is and under its negative. Neither counts for more than
EVIDENCE, and samples are flagged where both together outweigh how rare inverted samples are taken to be.

Where the dataset's border does not decide what the background is, no sample is flagged: nothing says which of two
polarities is the right one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Batch, Integers
from mnist_data.parquet.dataset import Partition, read_partition
from pipelines.engine.execution import Execution
from pipelines.images.measures.robust_scale import FEWEST, robust_scale
from pipelines.images.measures.table import MeasureTable
from pipelines.settings.checks import THRESHOLDS

THRESHOLD = THRESHOLDS["inverted"].default
"""Log odds at which a sample is flagged: they outweigh that one sample in a thousand is taken to be inverted."""

EVIDENCE = float(np.log(10_000))
"""Log odds that either, border or pixels, counts for at most: one sample in 10,000 is odd in some other way."""

LEAST_SPREAD = 0.05
"""Of positions and of correlations: those of a class are not taken to vary less."""

SCALE = 1 << 20
"""Unit vectors are added up in whole numbers of this scale, so that sums do not depend on their order."""

ROWS = 1_000
"""Samples whose unit vectors are in memory together."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Inversion:
    """log_odds: (n,) of being inverted, NaN where not known. undecided: (n,) bool, where they decide nothing."""

    log_odds: Floats
    undecided: npt.NDArray[np.bool_]

    @property
    def flagged(self) -> npt.NDArray[np.bool_]:
        """(n,) bool."""
        return np.asarray(self.log_odds >= THRESHOLD)


def find_inverted(table: MeasureTable, execution: Execution) -> Inversion:
    """Find the inverted samples of a dataset; the images are read only where some border lies at the other end."""
    positions = table.border_positions
    unknown = np.full(len(positions), np.nan)
    if table.background.polarity == "undecided":
        return Inversion(unknown, np.isfinite(positions))
    border = border_log_odds(positions, table.labels, table.background.polarity == "bright")
    undecided = np.isnan(border) & np.isfinite(positions)
    opposite = border > 0
    if not opposite.any():
        return Inversion(border, undecided)
    pixels = mirror_log_odds(correlate_with_class(table, execution), table.labels)
    log_odds = np.where(opposite, border + np.nan_to_num(pixels), border)
    return Inversion(log_odds, undecided | (opposite & (np.abs(log_odds) < THRESHOLD)))


def border_log_odds(positions: Floats, labels: Integers, bright: bool) -> Floats:
    """Give the log odds, (n,), of being inverted by the positions of the borders, 0 … 1; NaN where there is none.

    bright: the dataset's background is. Of a class whose borders lie at the other end nothing is known.
    """
    log_odds = mirror_log_odds(2 * positions - 1, labels)
    median = robust_scale(2 * positions - 1, labels).median
    return np.where((median > 0) == bright, log_odds, np.nan)


def mirror_log_odds(values: Floats, labels: Integers) -> Floats:
    """Give the log odds, (n,), that values, -1 … 1, have the wrong sign, at most EVIDENCE; NaN where a value is NaN.

    A class's values are taken to be normal about their median, with their robust spread, and those of inverted samples
    about its negative: of the value v the log odds are -2 v median / spread².
    """
    scale = robust_scale(values, labels)
    spread = np.maximum((scale.below + scale.above) / 2, LEAST_SPREAD)
    return np.asarray(np.clip(-2 * values * scale.median / spread**2, -EVIDENCE, EVIDENCE))


def correlate_with_class(table: MeasureTable, execution: Execution) -> Floats:
    """Give the correlation of each sample's pixels with the mean image of its class, (n,); NaN for constant samples.

    Each sample counts for as much as any other in the mean. Of classes of fewer than FEWEST samples, and of all that
    are unknown, the mean of all samples is taken.
    """
    labels, groups, counts = np.unique(table.labels, return_inverse=True, return_counts=True)
    groups = np.where(counts[groups] >= FEWEST, groups + 1, 0)
    partitions = execution.partitions(table.source)
    sums = sum(execution.run(partial(_sum_units, labels=labels), partitions, "inversion: classes"))
    means = np.concatenate([np.asarray(sums).sum(axis=0, keepdims=True), sums])
    means = _unit(means.astype(np.float64)).astype(np.float32)
    tasks, start = [], 0
    for partition in partitions:
        rows = groups[start : start + partition.rows]
        tasks.append(_Task(partition, rows, means))
        start += partition.rows
    return np.concatenate(execution.run(_correlate, tasks, "inversion: samples"))


@dataclass(frozen=True)
class _Task:
    """groups: (rows,), which of the means, (groups, pixels), each sample is compared with."""

    partition: Partition
    groups: Integers
    means: npt.NDArray[np.float32]

    @property
    def rows(self) -> int:
        return self.partition.rows


def _sum_units(partition: Partition, labels: Integers) -> npt.NDArray[np.int64]:
    """Add up the samples of each label as unit vectors, (labels, pixels)."""
    batch = read_partition(partition)
    groups, flat = np.searchsorted(labels, batch.labels), _flat(batch)
    sums = np.zeros((len(labels), flat.shape[1]), np.int64)
    for first in range(0, len(flat), ROWS):
        units = np.rint(_unit(flat[first : first + ROWS]) * SCALE).astype(np.int64)
        np.add.at(sums, groups[first : first + ROWS], units)
    return sums


def _correlate(task: _Task) -> Floats:
    units = _unit(_flat(read_partition(task.partition)))
    products = (units * task.means[task.groups]).sum(axis=1, dtype=np.float64)
    return np.where(units.any(axis=1), products, np.nan)


def _flat(batch: Batch) -> npt.NDArray[np.floating]:
    """Give the images as (n, pixels) floats, all 0 where one has NaN or infinite pixels."""
    flat = batch.flat.astype(np.result_type(batch.images.dtype, np.float32))
    return flat if batch.finite.all() else np.where(batch.finite[:, None], flat, 0)


def _unit(flat: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Take the mean off each row, (n, pixels), and bring it to length 1; one of one value to 0."""
    largest = np.abs(flat).max(axis=1, keepdims=True, initial=0)
    centred = flat / np.where(largest > 0, largest, 1)  # whose squares always fit
    centred -= centred.mean(axis=1, keepdims=True, dtype=np.float64).astype(flat.dtype)
    lengths = np.sqrt(np.square(centred).sum(axis=1, keepdims=True, dtype=np.float64)).astype(flat.dtype)
    flat_rows = flat.min(axis=1, keepdims=True, initial=np.inf) == flat.max(axis=1, keepdims=True, initial=-np.inf)
    return np.asarray(np.where(flat_rows, 0, centred / np.where(lengths > 0, lengths, 1)))
