"""A split for PyTorch's own `DataLoader`: read here, indexed by `split_dataset`.

PyTorch is the optional extra `train`, so it is imported where it is used; this module loads without it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_data.batch import Images, Integers
from mnist_data.errors import MissingExtra, WrongUse, unknown_name
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.pixels import read_arrays
from pipelines.images.levels import levels_of

if TYPE_CHECKING:
    import torch

    from pipelines.networks.data.split_dataset import SplitDataset


def torch_dataset(
    path: str | Path | Dataset,
    split: str | None = None,
    *,
    transform: Callable[[torch.Tensor], Any] | None = None,
    scale: bool = True,
    cache: bool = True,
) -> SplitDataset:
    """Read a split into memory as a map-style `torch.utils.data.Dataset` of (image, label).

    path: the dataset's folder, Parquet file or fsspec URL, or an open dataset. split: one of its splits; may be left
    out where there is only one. transform: applied to each image tensor on its own, as torchvision's are; None gives
    the `DataLoader` whole batches, which is many times faster. scale: give float32 from 0 for the background to 1 for
    the white level; False gives the pixels as they are stored, uint8 for MNIST, in a quarter of the memory. cache: use
    the pixel cache, as `to_numpy` does.

    An image is a (channels, height, width) tensor, its label an int, -1 where it is missing. Batches of the default
    `DataLoader` are (n, channels, height, width) and (n,) int64. Each file is read once, here; workers of a
    `DataLoader` share the pixels.

        data = mnist_data.torch_dataset("data/mnist", "train")
        for images, labels in DataLoader(data, batch_size=128, shuffle=True):
            loss = cross_entropy(network(images), labels)

    Raises MissingExtra without PyTorch, NoDataset where there is no dataset, WrongUse for a split that it does not
    have, where several leave the choice open, and where the white level is unknown and pixels were to be scaled.
    """
    try:
        from pipelines.networks.data.split_dataset import SplitDataset
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtra("torch", "train", "A PyTorch dataset") from None
    source = path if isinstance(path, Dataset) else open_dataset(path)
    levels = levels_of(source.metadata) if scale else None
    if levels is not None and levels.white is None:
        raise WrongUse(
            f"{source.location}: its {source.metadata.dtype} pixels have no known white level to scale by. Normalize "
            "the dataset first (mnist-data normalize DATASET OUT), or pass scale=False for the pixels as stored."
        )
    images, labels, ids = _read(source, _chosen(source, split), cache)
    names = tuple(map(source.metadata.class_name, range(labels.max(initial=-1) + 1)))
    return SplitDataset(images, labels, ids, source.metadata.classes or names, levels, transform)


def _chosen(source: Dataset, split: str | None) -> str:
    if split is None and len(source.splits) == 1:
        return next(iter(source.splits))
    if split is None:
        raise WrongUse(f"{source.location} has the splits {', '.join(source.splits)}; name one of them: split=...")
    if split not in source.splits:
        raise unknown_name("split", split, source.splits, source.location)
    return split


def _read(source: Dataset, split: str, cache: bool) -> tuple[Images, Integers, Integers]:
    """Read images, (n, channels, height, width), labels and ids into arrays of the caller's own."""
    arrays = read_arrays(source, [split], cache)
    colour = arrays.images.ndim == 4
    images = np.ascontiguousarray(arrays.images.transpose(0, 3, 1, 2)) if colour else arrays.images[:, None]
    return images, arrays.labels, arrays.ids
