"""The samples of a split as PyTorch's `DataLoader` asks for them: a whole batch by one gather."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import index
from typing import Any

import numpy as np
import torch
from torch.utils import data
from torch.utils.data._utils import collate

from mnist_data.batch import Images, Integers
from pipelines.images.levels import Levels


class Sample(tuple[torch.Tensor, int]):
    """An image and its label. A type of its own, by which PyTorch's default collation knows a `SampleBatch`."""

    __slots__ = ()


class SampleBatch:
    """Samples that are collated already, and still a sequence of (image, label) for collations of a user's own."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Take images, (n, channels, height, width), and labels, (n,) int64."""
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> Sample:
        return Sample((self.images[place], int(self.labels[place])))

    def __iter__(self) -> Iterator[tuple[torch.Tensor, int]]:
        return zip(self.images, self.labels.tolist(), strict=True)


class SplitDataset(data.Dataset[tuple[Any, int]]):
    """One split of a dataset, held in memory.

    labels, ids: (n,) int64 tensors; a label is -1 where it is missing. classes: their names, by label.
    """

    def __init__(
        self,
        images: Images,
        labels: Integers,
        ids: Integers,
        classes: Sequence[str],
        levels: Levels | None = None,
        transform: Callable[[torch.Tensor], Any] | None = None,
    ) -> None:
        """Take writable arrays, which are not copied.

        images: (n, channels, height, width), any dtype. labels, ids: (n,) int64. levels: what is given as 0 and as 1;
        None leaves the pixels as they are. transform: applied to each image tensor.
        """
        # Tensors and not arrays, for PyTorch moves tensors into shared memory when it pickles a dataset for spawned
        # workers; forked ones share its pages anyway. Measured on MNIST's training images: 743 bytes instead of 48 MB
        # go to each worker, after 0.05 s for the first. A worker that read the files anew would take 0.5 s and 47 MB
        # of its own, and would depend on files that may be gone.
        self._pixels = torch.from_numpy(images)
        self.labels = torch.from_numpy(labels)
        self.ids = torch.from_numpy(ids)
        self.classes = tuple(classes)
        self._levels = levels
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Any, int]:
        """Give one image, (channels, height, width), and its label; negative places count from the end.

        Raises IndexError where there is none.
        """
        image, label = next(iter(self.__getitems__([place])))
        return image, label

    def __getitems__(self, places: Sequence[int]) -> SampleBatch | list[tuple[Any, int]]:
        """Give the samples of a batch; a `DataLoader` calls this in preference to `__getitem__`."""
        # NumPy makes an array of a list of indices eight times faster than torch.tensor, takes negative ones, and works
        # in one thread: PyTorch's several wait for each other where other programs keep the cores busy, ten times as
        # long as the work takes. The views are made anew each time, for sharing with workers moves a tensor's memory.
        rows = np.fromiter(map(index, places), np.intp, len(places))
        images = self._pixels.numpy().take(rows, axis=0)
        if self._levels is not None:
            images = self._levels.fraction(images).astype(np.float32, copy=False)
        batch = SampleBatch(torch.from_numpy(images), torch.from_numpy(self.labels.numpy().take(rows)))
        return batch if self.transform is None else [(self.transform(image), label) for image, label in batch]


def collate_samples(batch: Any, *, collate_fn_map: dict[Any, Callable[..., Any]] | None = None) -> Any:
    """Collate for PyTorch's default collation: nothing is left to do for a `SampleBatch`."""
    if isinstance(batch, SampleBatch):
        return [batch.images, batch.labels]
    return collate.collate([tuple(sample) for sample in batch], collate_fn_map=collate_fn_map)


# PyTorch's own way to extend its default collation, by a type that only we define; so a plain DataLoader takes our
# batches as they are. Its name is half private: without it samples are collated one by one, more slowly.
getattr(collate, "default_collate_fn_map", {})[Sample] = collate_samples
