"""Claim: an epoch of a plain `DataLoader` over `torch_dataset` takes at most 1.5 times that of our own loader.

Both give the same: float32 tensors from 0 to 1 with int64 labels, as a network takes them; and once more the pixels as
they are stored. The third figure is what it spares those who put the same tensors into PyTorch's `TensorDataset`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sized
from pathlib import Path
from typing import Any

from benchmarks.measure import alternate, real_data, report
from mnist_data import to_numpy, torch_dataset
from mnist_data.idx.pairing import find_pairs
from pipelines.networks.data.loader import MemoryLoader
from pipelines.stages.convert import convert

LIMIT = 1.5
GAIN = 4.0
BATCH = 128
RUNS = 15


def claim() -> bool:
    """Measure epochs over MNIST's training split, shuffled, without workers."""
    import torch

    folder = real_data("mnist")
    if folder is None:
        return True
    with tempfile.TemporaryDirectory() as name:
        dataset = convert(find_pairs(folder), Path(name) / "mnist").dataset
        scaled, stored = (torch_dataset(dataset, "train", scale=scale) for scale in (True, False))
        images, labels = to_numpy(dataset.location, "train")
    loader = MemoryLoader(images, labels)
    tensors = torch.utils.data.TensorDataset(torch.tensor(images)[:, None] / 255, torch.tensor(labels))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # in both: feeding is compared, and not how threads get on with each other
    try:
        ratios = alternate(_plain(scaled), _epoch(lambda: _as_tensors(loader)), RUNS)
        as_stored = alternate(_plain(stored), _epoch(lambda: loader.shuffled(BATCH, 0, 1)), RUNS)
        spared = alternate(_plain(tensors), _plain(scaled), 5)
    finally:
        torch.set_num_threads(threads)
    holds = [
        report("epoch of DataLoader over torch_dataset / of our loader", ratios, LIMIT),
        report("the same, of pixels as stored", as_stored, LIMIT),
        report("epoch of DataLoader over TensorDataset / over torch_dataset", spared, GAIN, at_least=True),
    ]
    return all(holds)


def _epoch(batches: Callable[[], Iterable[tuple[Any, Sized]]]) -> Callable[[], None]:
    def epoch() -> None:
        samples = sum(len(labels) for _, labels in batches())
        assert samples == 60_000

    return epoch


def _plain(dataset: Any) -> Callable[[], None]:
    """Go through a dataset by the README's line."""
    from torch.utils.data import DataLoader

    return _epoch(lambda: DataLoader(dataset, batch_size=BATCH, shuffle=True))


def _as_tensors(loader: MemoryLoader) -> Iterable[tuple[Any, Any]]:
    """Give the batches as training takes them."""
    import numpy as np
    import torch

    from pipelines.networks.evaluation.predictions import inputs

    for images, labels in loader.shuffled(BATCH, 0, 1):
        yield inputs(images), torch.from_numpy(np.array(labels, np.int64))
