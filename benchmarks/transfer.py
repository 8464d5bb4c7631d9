"""Results of `train --start`: `small` from MNIST on Fashion-MNIST and Bangla digits, compared with no start.

With 10, 100 and all samples a class; each seed draws samples and weights of its own, there is no validation, and the
last epoch is kept, so that no choice is made by any result. Prints docs/transfer.md's table; it is no claim:

    python -m benchmarks.transfer FOLDER [fashion] [bangla]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t

from benchmarks.measure import describe_machine, real_data
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, is_dataset, open_dataset
from pipelines.engine.id_hash import hashes
from pipelines.networks.data.loader import MemoryLoader
from pipelines.networks.data.samples import Samples, read_samples
from pipelines.networks.evaluation.predictions import predict
from pipelines.networks.train import train
from pipelines.networks.training.fit import fit
from pipelines.networks.training.transfer import read_start
from pipelines.settings.training import Train, train_settings
from pipelines.stages.convert import convert

WAYS = ("from scratch", "from MNIST, all free", "from MNIST, features frozen")


@dataclass(frozen=True)
class Size:
    """Training samples a class (0: all), epochs, batch size, and number of seeds."""

    samples: int
    epochs: dict[str, int]
    batch_size: int
    seeds: int


SIZES = (
    Size(10, {"fashion": 40, "bangla": 40}, 32, 5),
    Size(100, {"fashion": 8, "bangla": 8}, 32, 5),
    Size(0, {"bangla": 3, "fashion": 1}, 64, 3),
)


def main(folder: Path, names: list[str]) -> int:
    """Train on each and print a row of the table at once."""
    mnist, fashion, bangla = (real_data(name) for name in ("mnist", "fashion-mnist", "cmaterdb-bangla"))
    if mnist is None or fashion is None or bangla is None:
        return 0
    print(describe_machine("torch", "numpy"))
    if not (folder / "bangla-idx").is_dir():
        _bangla_as_idx(bangla, folder / "bangla-idx")
    start = folder / "model" / "small.safetensors"
    if not start.is_file():
        train(_dataset(mnist, folder / "mnist"), start.parent, train_settings({"recipe": "mild"}))
    targets = {name: _dataset(path, folder / name) for name, path in _targets(fashion, folder).items()}
    for size in SIZES:
        for name in names or size.epochs:
            for way in WAYS:
                print(_row(name, targets[name], size, way, str(start)), flush=True)
    return 0


def _targets(fashion: Path, folder: Path) -> dict[str, Path]:
    return {"fashion": fashion, "bangla": folder / "bangla-idx"}


def _dataset(files: Path, place: Path) -> Dataset:
    """Convert, once."""
    return open_dataset(place) if is_dataset(str(place)) else convert(find_pairs(files), place).dataset


def _bangla_as_idx(source: Path, target: Path) -> None:
    """Write one of the three equal channels, white on black as MNIST is."""
    target.mkdir(parents=True)
    for archive, name in (("training", "train"), ("testing", "t10k")):
        arrays = np.load(source / f"{archive}-images.npz")
        idx.write(target / f"{name}-images-idx3-ubyte", 255 - arrays["images"][..., 0])
        idx.write(target / f"{name}-labels-idx1-ubyte", arrays["labels"].astype(np.uint8))


def _row(name: str, target: Dataset, size: Size, way: str, start: str) -> str:
    learn, test = read_samples(target, target.training_split), read_samples(target, "test")
    found = [
        _accuracy(target, learn, test, _settings(name, size, way, start, seed), size) for seed in range(size.seeds)
    ]
    mean, spread = np.mean(found), np.std(found, ddof=1)
    half = t.ppf(0.975, len(found) - 1) * spread / np.sqrt(len(found))
    return f"| {name} | {size.samples or 'all'} | {way} | {mean:.2%} ± {half * 100:.2f} | {len(found)} |"


def _settings(name: str, size: Size, way: str, start: str, seed: int) -> Train:
    values = {"epochs": size.epochs[name], "batch_size": size.batch_size, "seed": seed}
    if way != WAYS[0]:
        values |= {"start": start, "freeze": "features" if way == WAYS[2] else "none"}
    return train_settings(values)


def _accuracy(target: Dataset, learn: Samples, test: Samples, params: Train, size: Size) -> float:
    chosen = learn.take(_some(learn, size.samples, params.seed)) if size.samples else learn
    loader, nothing = MemoryLoader(chosen.images, chosen.labels), MemoryLoader(chosen.images[:0], chosen.labels[:0])
    start = read_start(params, target.metadata, 10)
    outcome = fit(loader, nothing, 10, params, start=start.network(params.seed) if start else None)
    return float((predict(outcome.model, test.images).argmax(axis=1) == test.labels).mean())


def _some(learn: Samples, each: int, seed: int) -> np.ndarray:
    """Choose of each class those whose ids have the lowest hashes."""
    order = np.argsort(hashes(learn.ids, seed), kind="stable")
    rows = [order[learn.labels[order] == label][:each] for label in np.unique(learn.labels)]
    return np.sort(np.concatenate(rows))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
