"""What a network learns from: batches of samples, in an order that the seed and the epoch decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from mnist_data.errors import WrongUse
from pipelines.images.levels import BYTES, Levels
from pipelines.settings.recipe import Recipe
from pipelines.settings.stages import Augment
from pipelines.stages.augment import deform_images, draw, require_levels

Item = TypeVar("Item")
Rows = npt.NDArray[np.intp]
Samples = tuple[Images, Integers]
"""Images, (n, h, w) or (n, h, w, c), and their labels, (n,)."""

BLOCK = 8
"""Batches that are deformed at once: many small calls would cost more than the deforming."""


class Feed(Protocol):
    """Samples that can be gone through again and again, in shuffled order or in their own."""

    @property
    def labels(self) -> Integers:
        """(n,), in their own order."""
        ...

    @property
    def images(self) -> Images:
        """None or more of the images: what tells their shape and type."""
        ...

    def shuffled(self, batch_size: int, seed: int, epoch: int) -> Iterator[Samples]:
        """Give all samples in `steps` batches; the same ones for the same seed and epoch, whatever came before."""
        ...

    def in_order(self, batch_size: int) -> Iterator[Samples]:
        """Give all samples in their own order, as they are; of none one empty batch."""
        ...


def steps(samples: int, batch_size: int) -> int:
    """Count the batches of an epoch: whole ones, at least one; what is left over is spread over them or left out."""
    return max(1, samples // batch_size)


@dataclass(frozen=True)
class Deformed:
    """Deform each sample anew in each epoch, as the copy of that number that `augment` makes with the same seed."""

    recipe: Recipe = field(default_factory=Recipe)
    levels: Levels = BYTES

    def __post_init__(self) -> None:
        require_levels(self.recipe, self.levels)

    def __call__(self, images: Images, ids: Integers, seed: int, epoch: int) -> Images:
        """Give new images, or the same ones where the recipe asks for nothing; ids: (n,) int64."""
        if not self.recipe.amounts:
            return images
        params = Augment(seed=seed, recipe=self.recipe)
        copies = np.full(len(ids), epoch, np.int32)
        amounts = draw(ids, copies, params, images.shape[1:3])
        return deform_images(images, ids, copies, amounts, params, self.levels)


AS_THEY_ARE = Deformed()


@dataclass(frozen=True)
class InMemory:
    """Samples that lie in memory, or are mapped into it. ids: (n,) int64; None where nothing is deformed."""

    images: Images
    labels: Integers
    ids: Integers | None = None
    deformed: Deformed = AS_THEY_ARE

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise WrongUse(f"There are {len(self.images):,} images and {len(self.labels):,} labels.")

    def shuffled(self, batch_size: int, seed: int, epoch: int) -> Iterator[Samples]:
        """Deal all samples into batches of nearly equal size: a short last one would unsettle the batch norm."""
        rows = np.random.default_rng([seed, epoch]).permutation(len(self.labels))
        dealt = np.array_split(rows, steps(len(rows), batch_size))
        blocks = ahead(self._block(dealt[first : first + BLOCK], seed, epoch) for first in range(0, len(dealt), BLOCK))
        return (batch for block in blocks for batch in block)

    def _block(self, dealt: Sequence[Rows], seed: int, epoch: int) -> list[Samples]:
        rows = np.concatenate(dealt)
        images, labels = self.images[rows], self.labels[rows]
        if self.ids is not None:
            images = self.deformed(images, self.ids[rows], seed, epoch)
        ends = np.cumsum([len(part) for part in dealt])[:-1]
        return list(zip(np.split(images, ends), np.split(labels, ends), strict=True))

    def in_order(self, batch_size: int) -> Iterator[Samples]:
        """Give slices."""
        for start in range(0, max(len(self.labels), 1), batch_size):
            part = slice(start, start + batch_size)
            yield self.images[part], self.labels[part]


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Make each next item in a thread while the one before it is used: the kernels and Arrow release the GIL."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
