"""Claims: `--preset fast` is past 99 % in a tenth of PyTorch's example's time; feeding, from memory or files, is cheap.

The example is PyTorch's basic one for MNIST, written anew from its description: two convolutions of 32 and 64 filters,
a dense layer of 128, dropout, Adadelta at rate 1 that falls by 0.7 each epoch, batches of 64 from a DataLoader. It is
asked for its test accuracy after each epoch, as it does itself; ours is asked once, at the end of the whole command.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.measure import alternate, real_data, report, seconds
from mnist_data import to_numpy
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import open_dataset
from pipelines.stages.convert import convert

if TYPE_CHECKING:
    import torch

GOAL, MOST_EPOCHS = 0.99, 8
SAMPLES = 12_800
"""Of an epoch that is timed: a hundred steps."""


def claim() -> bool:
    """Measure both."""
    folder = real_data("mnist")
    if folder is None:
        return True
    with tempfile.TemporaryDirectory() as name:
        dataset = str(Path(name) / "mnist")
        convert(find_pairs(folder), dataset)
        return all([_feeding(dataset), _streaming(dataset), _fast(dataset, Path(name) / "model")])


def _feeding(dataset: str) -> bool:
    """Time an epoch of `fit` with augmentation, compared with a loop over a tensor in memory, otherwise the same."""
    from pipelines.networks.data.loader import Augmentation, MemoryLoader
    from pipelines.networks.training.fit import fit
    from pipelines.settings.recipe import load_recipe
    from pipelines.settings.training import train_settings

    images, labels = (values[:SAMPLES] for values in to_numpy(dataset, split="train"))
    params = train_settings({"epochs": 1}, "thorough")
    loader = MemoryLoader(images, labels, np.arange(SAMPLES), Augmentation(load_recipe("mild")))
    nothing = MemoryLoader(images[:0], labels[:0])
    ratios = alternate(_bare_loop(images, labels), lambda: fit(loader, nothing, 10, params), runs=7)
    return report("throughput of small, augmentation included / bare loop", ratios, 0.9, at_least=True)


def _streaming(dataset: str) -> bool:
    """Time an epoch from the files, compared with one from memory, otherwise the same."""
    from pipelines.networks.data.loader import Augmentation
    from pipelines.networks.data.samples import read_samples, stored_samples
    from pipelines.networks.training.fit import fit
    from pipelines.settings.recipe import load_recipe
    from pipelines.settings.training import train_settings

    source, chosen = open_dataset(dataset), np.arange(SAMPLES)
    params, deformed = train_settings({"epochs": 1}, "thorough"), Augmentation(load_recipe("mild"))
    memory, files = (read(source, "train").take(chosen).loader(deformed) for read in (read_samples, stored_samples))
    nothing = read_samples(source, "train").take(chosen[:0]).loader()
    ratios = alternate(lambda: fit(memory, nothing, 10, params), lambda: fit(files, nothing, 10, params), runs=7)
    return report("throughput of small, from files / from memory", ratios, 0.9, at_least=True)


def _bare_loop(images: np.ndarray, labels: np.ndarray) -> Callable[[], None]:
    import torch
    from torch.nn import functional

    from pipelines.networks.training.device import computing_in, every_core, resolved
    from pipelines.networks.training.ema import WeightAverage
    from pipelines.networks.training.models import build
    from pipelines.settings.training import train_settings

    params = train_settings({}, "thorough")
    pixels = torch.from_numpy(images).float().div_(255).unsqueeze(1)
    targets = torch.from_numpy(labels.astype(np.int64))

    def loop() -> None:
        with every_core():
            network = build("small", (28, 28), 10)
            optimizer = torch.optim.AdamW(network.parameters(), fused=True)
            average = WeightAverage(network, params.ema_decay)
            for batch, truth in zip(pixels.split(params.batch_size), targets.split(params.batch_size), strict=True):
                with computing_in(resolved("auto")):
                    outputs = network(batch)
                loss = functional.cross_entropy(outputs.float(), truth, label_smoothing=params.label_smoothing)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                average.update()

    return loop


def _fast(dataset: str, out: Path) -> bool:
    """Time the command from its start, and the example until its test accuracy is past the goal."""
    command = [sys.executable, "-m", "mnist_data", "train", dataset, str(out), "--preset", "fast"]
    ours = seconds(lambda: subprocess.run(command, check=True, capture_output=True))
    found = pd.read_parquet(out / "evaluation.parquet").set_index("split").loc["test", "accuracy"]
    theirs = seconds(lambda: _example(dataset))
    print(f"       --preset fast: {found:.2%} in {ours:.1f} s; the example needs {theirs:.0f} s for {GOAL:.0%}")
    reached = report("test accuracy of --preset fast", [100 * float(found)], 100 * GOAL, " %", at_least=True)
    return report("seconds of --preset fast / the example's", [ours / theirs], 0.1) and reached


def _standardized(images: np.ndarray) -> torch.Tensor:
    import torch

    return ((torch.from_numpy(images).float() / 255 - 0.1307) / 0.3081).unsqueeze(1)


def _example(dataset: str) -> None:
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(1)
    sets = [
        TensorDataset(_standardized(images), torch.from_numpy(labels.astype(np.int64)))
        for images, labels in (to_numpy(dataset, split=split) for split in ("train", "test"))
    ]
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(9_216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    for epoch in range(1, MOST_EPOCHS + 1):
        network.train()
        for images, labels in DataLoader(sets[0], batch_size=64, shuffle=True):
            optimizer.zero_grad()
            functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
        schedule.step()
        network.eval()
        with torch.no_grad():
            right = [network(images).argmax(1) == labels for images, labels in DataLoader(sets[1], 1_000)]
        hits = sum(int(found.sum()) for found in right)
        print(f"       the example after epoch {epoch}: {hits / len(sets[1]):.2%}", flush=True)
        if hits >= GOAL * len(sets[1]):
            return
