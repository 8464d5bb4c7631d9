"""Groups of near duplicates, where their pairs would be too many: each sample is compared with those that are kept.

Of 3,000 shots of one scene 4,498,500 pairs are close; but all are near duplicates of the first. So the samples are
taken in the order in which they are kept, a batch at a time, and each batch is compared with the samples kept so far
and in itself. What is flagged, and for which pair, is the same as if all pairs were compared; time and memory grow with
the samples times those that are kept near them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.audit.pairs import MOST_PAIRS, Compare, Pairs, Places, radius_of
from pipelines.audit.spectra import Floats

BATCH, BLOCK = 256, 4_096
"""Samples that are decided at once, and kept ones, or pairs, whose spectra are compared at once."""

STAGE = "groups"


@dataclass(frozen=True)
class _Ordered:
    """Samples in the order in which they are kept.

    positions: (n,), in the dataset. ranks: (n,), ascending. coarse: (n, axes) float64, spectra that are all compared;
    fine: (n, frequencies) float32, spectra that are compared where the coarse ones are close.
    """

    positions: Integers
    ranks: Integers
    coarse: npt.NDArray[np.float64]
    fine: Floats
    threshold: float
    compare: Compare

    def near(self, firsts: Integers, seconds: Integers) -> Pairs:
        """Compare firsts with later seconds, (k,) places in this order, and give the pairs within the threshold."""
        parts = [self.compare(np.empty((0, 2), np.int64), STAGE)]
        for begin in range(0, len(firsts), BLOCK):
            pairs = self._close(firsts[begin : begin + BLOCK], seconds)
            for start in range(0, len(pairs), MOST_PAIRS):
                compared = self.compare(self.positions[pairs[start : start + MOST_PAIRS]], STAGE)
                parts.append(compared.where(compared.distance <= self.threshold))
        return Pairs.joined(parts)

    def places(self, rank_of: Integers) -> Integers:
        """Give the places in this order of samples with these ranks."""
        return np.searchsorted(self.ranks, rank_of)

    def _close(self, firsts: Integers, seconds: Integers) -> Places:
        """Give the pairs whose spectra are close, coarse and fine."""
        limit = radius_of(self.threshold) ** 2
        left, right = self.coarse[firsts], self.coarse[seconds]
        apart = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1) - 2 * (left @ right.T)
        first, second = np.nonzero((apart <= limit) & (firsts[:, None] < seconds))
        pairs = np.stack([firsts[first], seconds[second]], axis=1)
        close = [
            np.square(self.fine[some[:, 0]] - self.fine[some[:, 1]]).sum(axis=1) <= limit
            for start in range(0, len(pairs), BLOCK)
            for some in [pairs[start : start + BLOCK]]
        ]
        return np.asarray(pairs[np.concatenate([np.empty(0, np.bool_), *close])])


def pairs_with_kept(
    samples: Integers, points: Floats, fine: Floats, rank: Integers, threshold: float, compare: Compare
) -> Pairs:
    """Find the pairs of a sample and a kept one before it that are near duplicates.

    samples: (n,) positions in the dataset. points, fine: (n, axes), their spectra of few and of many frequencies. rank:
    of all samples of the dataset; a sample is kept unless it lies near a kept one of lower rank. threshold: in pixels.
    Gives positions in the dataset, the kept sample of each pair first.
    """
    order = np.argsort(rank[samples], kind="stable")
    ordered = _Ordered(
        samples[order], rank[samples[order]], points[order].astype(np.float64), fine[order], threshold, compare
    )
    kept, found = np.zeros(len(order), np.bool_), []
    for begin in range(0, len(order), BATCH):
        batch = np.arange(begin, min(begin + BATCH, len(order)))
        before = ordered.near(np.flatnonzero(kept), batch)
        given_up = np.unique(ordered.places(rank[before.second]))
        left = np.setdiff1d(batch, given_up)
        within = ordered.near(left, left)
        chosen = _keep(left, ordered.places(rank[within.first]), ordered.places(rank[within.second]))
        kept[chosen] = True
        within = within.where(kept[ordered.places(rank[within.first])])
        # What lies near a kept sample of a former batch may lie nearer to one of its own.
        found += [before, within, ordered.near(chosen, given_up)]
    return Pairs.joined(found or [compare(np.empty((0, 2), np.int64), STAGE)])


def _keep(batch: Integers, first: Integers, second: Integers) -> Integers:
    """Choose those of a batch, in ascending order, that lie near none chosen before. first, second: its near pairs."""
    dropped: set[int] = set()
    for pair in np.lexsort((second, first)):
        if int(first[pair]) not in dropped:
            dropped.add(int(second[pair]))
    return batch[~np.isin(batch, list(dropped))]
