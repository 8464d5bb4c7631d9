"""Batches of samples for training, in an order determined by the seed and the epoch."""

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
"""Batches that are augmented at once: many small calls would cost more than the augmentation itself."""


class Loader(Protocol):
    """Samples that can be iterated over repeatedly, in shuffled order or in their own."""

    @property
    def labels(self) -> Integers:
        """(n,), in their own order."""
        ...

    @property
    def images(self) -> Images:
        """Some of the images or none, for their shape and dtype."""
        ...

    def shuffled(self, batch_size: int, seed: int, epoch: int) -> Iterator[Samples]:
        """Give all samples in `steps` batches, which depend on the seed and the epoch only."""
        ...

    def in_order(self, batch_size: int) -> Iterator[Samples]:
        """Give all samples in their own order, not augmented; one empty batch where there are none."""
        ...


def steps(samples: int, batch_size: int) -> int:
    """Count the batches of an epoch: full ones, at least one; the remainder is spread over them."""
    return max(1, samples // batch_size)


@dataclass(frozen=True)
class Augmentation:
    """Augments each sample anew in each epoch: epoch k gives copy k that `augment` makes with the same seed."""

    recipe: Recipe = field(default_factory=Recipe)
    levels: Levels = BYTES

    def __post_init__(self) -> None:
        require_levels(self.recipe, self.levels)

    def __call__(self, images: Images, ids: Integers, seed: int, epoch: int) -> Images:
        """Give augmented images, or the same ones where the recipe is empty; ids: (n,) int64."""
        if not self.recipe.amounts:
            return images
        params = Augment(seed=seed, recipe=self.recipe)
        copies = np.full(len(ids), epoch, np.int32)
        amounts = draw(ids, copies, params, images.shape[1:3])
        return deform_images(images, ids, copies, amounts, params, self.levels)


NO_AUGMENTATION = Augmentation()


@dataclass(frozen=True)
class MemoryLoader:
    """Samples in memory, or mapped into it. ids: (n,) int64; None where nothing is augmented."""

    images: Images
    labels: Integers
    ids: Integers | None = None
    augmentation: Augmentation = NO_AUGMENTATION

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise WrongUse(f"There are {len(self.images):,} images and {len(self.labels):,} labels.")

    def shuffled(self, batch_size: int, seed: int, epoch: int) -> Iterator[Samples]:
        """Divide all samples into batches of nearly equal size: a short last one would disturb the batch norm."""
        rows = np.random.default_rng([seed, epoch]).permutation(len(self.labels))
        parts = np.array_split(rows, steps(len(rows), batch_size))
        blocks = ahead(self._block(parts[first : first + BLOCK], seed, epoch) for first in range(0, len(parts), BLOCK))
        return (batch for block in blocks for batch in block)

    def _block(self, parts: Sequence[Rows], seed: int, epoch: int) -> list[Samples]:
        rows = np.concatenate(parts)
        images, labels = self.images[rows], self.labels[rows]
        if self.ids is not None:
            images = self.augmentation(images, self.ids[rows], seed, epoch)
        ends = np.cumsum([len(part) for part in parts])[:-1]
        return list(zip(np.split(images, ends), np.split(labels, ends), strict=True))

    def in_order(self, batch_size: int) -> Iterator[Samples]:
        """Give slices."""
        for start in range(0, max(len(self.labels), 1), batch_size):
            part = slice(start, start + batch_size)
            yield self.images[part], self.labels[part]


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Prefetch the next item in a thread while one is used: the kernels and Arrow release the GIL."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = pool.submit(next, items, None)
            yield item
