"""Whether a whole set of images lies the wrong way round: by known pixels, or by what the ten digits look like.

A sample of every batch is looked at, so that a sorted set shows all of its classes. Nothing is altered: whoever
converts is told, and decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, reduce
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from mnist_data.known.fingerprints import hash_images, read_fingerprints

SAMPLED = 300
"""Images of a batch that are looked at."""

LEAST_KNOWN = 3
"""Known images that must be met with rows and columns exchanged, and none of them as published."""

LEAST_IMAGES = 3
"""Images of each digit that make a mean."""

LEAST_DIGITS = 9
"""Digits, of ten, whose means must look most like the same digit of MNIST, turned one way, to say how they lie."""

MARGIN = 0.1
"""By how much the mean correlation must be higher that way than as they lie."""

MOST_SIDE = 256
"""Rows and columns that are looked at: of larger images each second one, or third, …."""

SIDE = 14
"""Rows and columns that means are compared in."""

DIGITS = Path(__file__).with_name("digit_means.npy")
"""(10, SIDE, SIDE) uint8: the mean of each digit of MNIST's training split, cut to the ink of them all."""

WAYS: dict[str, tuple[int, bool]] = {
    "": (0, False),
    "with rows and columns exchanged": (0, True),
    "turned by 90°": (1, False),
    "turned by 180°": (2, False),
    "turned by 270°": (3, False),
    "turned by 90° and with rows and columns exchanged": (1, True),
    "turned by 180° and with rows and columns exchanged": (2, True),
    "turned by 270° and with rows and columns exchanged": (3, True),
}
"""How images may lie: the quarter turns, and then the exchange, that set them upright again."""

TRANSPOSED = "with rows and columns exchanged"

Floats = npt.NDArray[np.float64]
Key = TypeVar("Key", int, str)
Value = TypeVar("Value", int, Floats)


@dataclass
class OrientationSample:
    """What is seen of the images of a set: sums of each digit, and how many are known ones, either way."""

    sums: dict[int, Floats] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    as_published: dict[str, int] = field(default_factory=dict)
    exchanged: dict[str, int] = field(default_factory=dict)

    def add(self, images: Images, labels: Integers) -> None:
        """Look at some of a batch, (n, h, w[, channels]) and (n,)."""
        if images.ndim not in (3, 4) or not len(images) or min(images.shape[1:3]) < 2:
            return
        rows = np.unique(np.linspace(0, len(images) - 1, SAMPLED).astype(np.int64))
        if images.shape[1] == images.shape[2] and any(shape == images.shape[1:] for _, shape in _sketches()):
            self._count_known(images[rows])
        step = -(-max(images.shape[1:3]) // MOST_SIDE)
        images, labels = images[rows, ::step, ::step], labels[rows]
        grey = images.mean(axis=3) if images.ndim == 4 else images
        for digit in set(labels.tolist()) & set(range(10)):
            chosen = grey[labels == digit]
            self.sums[digit] = self.sums.get(digit, 0) + np.nan_to_num(chosen.astype(np.float64)).sum(axis=0)
            self.counts[digit] = self.counts.get(digit, 0) + len(chosen)

    def join(self, other: OrientationSample) -> OrientationSample:
        """Give what is seen of two splits together."""
        return OrientationSample(
            _sum(self.sums, other.sums),
            _sum(self.counts, other.counts),
            _sum(self.as_published, other.as_published),
            _sum(self.exchanged, other.exchanged),
        )

    def way(self) -> str:
        """Say how the images lie, in words; empty where they are upright, or nothing decides it."""
        for title, count in self.exchanged.items():
            if count >= LEAST_KNOWN and not self.as_published.get(title):
                return TRANSPOSED
        return _way_of_digits(self._means())

    def _count_known(self, images: Images) -> None:
        for counts, hashes in ((self.as_published, hash_images(images)),
                               (self.exchanged, hash_images(images.swapaxes(1, 2)))):  # fmt: skip
            for (dataset, shape), sketch in _sketches().items():
                if images.shape[1:] == shape:
                    counts[dataset] = counts.get(dataset, 0) + int(np.isin(hashes, sketch).sum())

    def _means(self) -> Floats | None:
        """Give the mean of each digit, (10, h, w); None where not all of the ten are there."""
        if any(self.counts.get(digit, 0) < LEAST_IMAGES for digit in range(10)):
            return None
        return np.stack([self.sums[digit] / self.counts[digit] for digit in range(10)])


def _sum(one: Mapping[Key, Value], two: Mapping[Key, Value]) -> dict[Key, Value]:
    return {**one, **{key: one[key] + value if key in one else value for key, value in two.items()}}


@cache
def _sketches() -> dict[tuple[str, tuple[int, ...]], npt.NDArray[np.uint64]]:
    """Give the hashes of known images, by dataset and shape."""
    known: dict[tuple[str, tuple[int, ...]], list[Any]] = {}
    for split in read_fingerprints():
        known.setdefault((split.dataset, split.shape), []).append(split.sketch["hash"])
    return {key: np.concatenate(hashes) for key, hashes in known.items()}


def _way_of_digits(means: Floats | None) -> str:
    """Say how ten digits lie by their means, (10, h, w), compared with MNIST's in each of the eight ways."""
    if means is None:
        return ""
    digits = normalized(np.load(DIGITS).astype(np.float64))
    alike: dict[str, tuple[int, float]] = {}
    for way, turned in _turned(means):
        correlations = normalized(reduced(turned)) @ digits.T
        same = int((correlations.argmax(axis=1) == np.arange(10)).sum())
        alike[way] = (same, float(np.diag(correlations).mean()))
    best = max(alike, key=lambda way: alike[way][1])
    clear = alike[best][0] >= LEAST_DIGITS and alike[best][1] > alike[""][1] + MARGIN
    return best if clear else ""


def _turned(means: Floats) -> Iterator[tuple[str, Floats]]:
    for way, (quarters, exchange) in WAYS.items():
        turned = np.rot90(means, quarters, axes=(1, 2))
        yield way, turned.swapaxes(1, 2) if exchange else turned


def reduced(means: Floats) -> Floats:
    """Cut means, (10, h, w), to the ink of them all, bright on dark, and bring them to (10, SIDE, SIDE)."""
    border = np.concatenate([means[:, 0], means[:, -1], means[:, :, 0], means[:, :, -1]], axis=1)
    ink = means - means.min() if means.mean() > border.mean() else means.max() - means
    whole = np.clip(ink, 0, None).sum(axis=0)
    for axis in (1, 2):
        bright = np.flatnonzero(whole.sum(axis=2 - axis) > 0.05 * whole.sum(axis=2 - axis).max())
        if len(bright) < 2:
            return np.zeros((len(means), SIDE, SIDE))
        ink = ink.take(range(bright[0], bright[-1] + 1), axis)
        weights = _weights(ink.shape[axis])
        ink = np.moveaxis(np.tensordot(weights, ink, (1, axis)), 0, axis)
    return np.asarray(ink)


def _weights(side: int) -> Floats:
    """Give the weights that bring a side to SIDE by linear interpolation, (SIDE, side)."""
    places = np.linspace(0, side - 1, SIDE)
    return np.asarray(np.maximum(0, 1 - np.abs(places[:, None] - np.arange(side))))


def normalized(images: Floats) -> Floats:
    """Give images as rows of mean 0 and length 1, so that products are correlations."""
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1))


def warnings_on(seen: Mapping[str, OrientationSample], transpose: bool | None, transposed: bool) -> list[str]:
    """Say of each set that does not lie upright how it lies, and what to do; nothing where all do.

    seen: what is seen of each split as it was converted, by its path; where no split decides by itself, all together
    may. transpose: what the user wants; who says False knows how the images lie. transposed: whether rows and columns
    were exchanged.
    """
    if transpose is False or not seen:
        return []
    ways = {path: way for path, sample in seen.items() if (way := sample.way())}
    if not ways and len(seen) > 1:
        ways = {path: way for path in list(seen)[:1] if (way := reduce(OrientationSample.join, seen.values()).way())}
    return [f"{path}: the images seem to lie {way}: {_remedy(way, transposed)}." for path, way in ways.items()]


def _remedy(way: str, transposed: bool) -> str:
    if way == TRANSPOSED:
        return f"look at them, and convert them with {'--no-transpose' if transposed else '--transpose'} if it is so"
    return "look at them, and turn them back before converting them if it is so"
