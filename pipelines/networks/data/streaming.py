"""Training on a dataset larger than memory: row groups in random order, mixed in a buffer of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from mnist_data.errors import WrongUse
from pipelines.networks.data.loader import BLOCK, NO_AUGMENTATION, Augmentation, Samples, ahead, steps
from pipelines.networks.data.stored import PIECE, StoredImages

Rows = npt.NDArray[np.intp]

BUFFER = 64 * PIECE
"""Bytes of images that are mixed: 680,000 of 28x28. Half of the limit below which a split is read whole (IN_MEMORY)."""


@dataclass(frozen=True)
class StreamingLoader:
    """Samples whose images stay in the dataset's files. labels, ids: (n,) int64; ids None where nothing is augmented.

    buffer: bytes of images that are kept in memory and mixed.
    """

    stored: StoredImages
    labels: Integers
    ids: Integers | None = None
    augmentation: Augmentation = NO_AUGMENTATION
    buffer: int = BUFFER

    def __post_init__(self) -> None:
        if len(self.stored) != len(self.labels):
            raise WrongUse(f"There are {len(self.stored):,} images and {len(self.labels):,} labels.")

    @property
    def images(self) -> Images:
        """None of the images, for their shape and dtype."""
        return np.empty((0, *self.stored.shape[1:]), self.stored.dtype)

    def shuffled(self, batch_size: int, seed: int, epoch: int) -> Iterator[Samples]:
        """Divide all samples into batches of nearly equal size, as `MemoryLoader` does, in another order.

        A buffer is filled with pieces of the dataset in random order; then each batch is drawn from the whole buffer,
        and the images read next replace those drawn. Only the seed, the epoch, the batch size and the dataset determine
        the order.
        """
        blocks = ahead(self._blocks(batch_size * BLOCK, seed, epoch))
        whole, more = divmod(len(self.labels), steps(len(self.labels), batch_size))
        images, labels = self.images, self.labels[:0]
        for step in range(steps(len(self.labels), batch_size)):
            size = whole + (step < more)
            while len(labels) < size:
                block = next(blocks)
                images, labels = np.concatenate([images, block[0]]), np.concatenate([labels, block[1]])
            yield images[:size], labels[:size]
            images, labels = images[size:], labels[size:]

    def _blocks(self, size: int, seed: int, epoch: int) -> Iterator[Samples]:
        for images, places in self._mixed(size, np.random.default_rng([seed, epoch])):
            new = images if self.ids is None else self.augmentation(images, self.ids[places], seed, epoch)
            yield new, self.labels[places]

    def _mixed(self, size: int, random: np.random.Generator) -> Iterator[tuple[Images, Rows]]:
        """Yield all images once, up to `size` at a time, with their places, each block drawn from a full buffer."""
        room = min(len(self.stored), max(1, self.buffer // self.stored.image_bytes))
        size = min(size, max(1, room))
        images, places = np.empty((room, *self.stored.shape[1:]), self.stored.dtype), np.empty(room, np.intp)
        filled = 0
        for read, of in self.stored.pieces(random):
            first = min(room - filled, len(of))
            images[filled : filled + first], places[filled : filled + first] = read[:first], of[:first]
            filled += first
            for start in range(first, len(of), size):
                part = slice(start, start + size)
                drawn = random.choice(filled, len(of[part]), replace=False)
                yield images[drawn], places[drawn]
                images[drawn], places[drawn] = read[part], of[part]
        rest = random.permutation(filled)
        for start in range(0, filled, size):
            drawn = rest[start : start + size]
            yield images[drawn], places[drawn]

    def in_order(self, batch_size: int) -> Iterator[Samples]:
        """Read slices."""
        parts = (slice(start, start + batch_size) for start in range(0, max(len(self.labels), 1), batch_size))
        return ahead((self.stored[part], self.labels[part]) for part in parts)
