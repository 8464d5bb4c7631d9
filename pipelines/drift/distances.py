"""Four distances between two samples of one feature, their bootstrap intervals, and what mere chance would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Draws = npt.NDArray[np.int32]
"""(draws, samples): how often each draw takes each sample."""

MEASURES = ("jensen_shannon", "l_infinity", "kolmogorov_smirnov", "wasserstein")
NOMINAL = MEASURES[:2]
"""Of values without an order (labels), only these say anything."""
BINS = 32
"""Bins of Jensen-Shannon and L-infinity, equally full of both samples together; equal values share a bin."""


@dataclass(frozen=True)
class Support:
    """The values that a feature takes, as (points,) ascending, and where each belongs.

    bins: the bin of each point. scale: the pooled standard deviation, by which Wasserstein is divided.
    """

    points: Floats
    bins: npt.NDArray[np.int64]
    scale: float


def support_of(points: Floats, first: Floats, second: Floats) -> Support:
    """Make the common bins of two samples, given as counts over `points`."""
    fractions = (first / first.sum() + second / second.sum()) / 2
    bins = np.minimum((BINS * (np.cumsum(fractions) - fractions / 2)).astype(np.int64), BINS - 1)
    mean = (points * fractions).sum()
    return Support(points, bins, float(np.sqrt(((points - mean) ** 2 * fractions).sum())))


def distances(first: Floats, second: Floats, support: Support) -> Floats:
    """Give MEASURES between two samples, given as counts over the support's points, (points,) or (points, draws).

    The result is (measures,) or (measures, draws). Jensen-Shannon is the distance, the square root of the divergence to
    base 2, 0 to 1 (Endres and Schindelin 2003); L-infinity the largest difference of the fractions of one bin;
    Kolmogorov-Smirnov that of the distribution functions; Wasserstein the first, in pooled standard deviations. Where
    a side counts nothing, all are 0.
    """
    sums = [counts.sum(axis=0) for counts in (first, second)]
    p, q = (counts / np.where(total > 0, total, 1) for counts, total in zip((first, second), sums, strict=True))
    gap = np.abs(np.cumsum(p - q, axis=0))
    moved = np.diff(support.points) @ gap[:-1]
    starts = np.flatnonzero(np.diff(support.bins, prepend=-1))
    p, q = (np.add.reduceat(fractions, starts, axis=0) for fractions in (p, q))
    middle = (p + q) / 2
    ratios = (np.divide(x, middle, out=np.ones_like(x), where=x > 0) for x in (p, q))
    divergence = sum((x * np.log2(ratio)).sum(axis=0) for x, ratio in zip((p, q), ratios, strict=True)) / 2
    wasserstein = moved / support.scale if support.scale > 0 else np.zeros_like(moved)
    measured = [np.sqrt(np.maximum(0, divergence)), np.abs(p - q).max(axis=0), gap.max(axis=0), wasserstein]
    return np.where((sums[0] > 0) & (sums[1] > 0), np.array(measured), 0.0)


def resample(sizes: tuple[int, int], draws: int, seed: int) -> tuple[Draws, Draws]:
    """Draw each sample again from itself, with replacement."""
    generator = np.random.default_rng((seed, 0))
    first, second = (
        np.stack([np.bincount(generator.integers(size, size=size), minlength=size) for _ in range(draws)])
        for size in sizes
    )
    return first.astype(np.int32), second.astype(np.int32)


def shuffle(sizes: tuple[int, int], draws: int, seed: int) -> Draws:
    """Deal both samples together out anew: 1 where a sample goes to the first, as (draws, both)."""
    generator = np.random.default_rng((seed, 1))
    dealt = np.repeat(np.array([1, 0], np.int32), sizes)
    return np.stack([generator.permutation(dealt) for _ in range(draws)])


def interval(value: float, drawn: Floats) -> tuple[float, float]:
    """Give the 95 % interval of a distance from its bootstrap distances, cleared of their bias.

    A distance cannot fall below 0, so noise pushes it up, and a bootstrap pushes it up once more. In squares noise
    adds up, so its part is taken off there, twice, and the interval begins at 0 where nothing but noise is left. It
    always holds the value itself.
    """
    squares = drawn**2
    bias = squares.mean() - value**2
    low, high = np.sqrt(np.maximum(0, np.quantile(squares, (0.025, 0.975)) - 2 * bias))
    return min(float(low), value), max(float(high), value)
