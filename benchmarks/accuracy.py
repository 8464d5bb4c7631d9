"""Claim: the small CNN is better on MNIST with `light` or `handwriting` than by as many steps without augmentation.

Five seeds each, a quarter of an hour on two cores: one pass over each training sample and two copies, beside three
passes over the samples alone. The test split is read once for each network. `heavy` is measured beside them; it is
for robustness, and asks for more passes than this.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean, stdev

from benchmarks.measure import real_data, report
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.networks.train import train
from pipelines.settings.recipe import load_recipe
from pipelines.settings.stages import Augment
from pipelines.settings.training import Train
from pipelines.stages.augment import augment
from pipelines.stages.convert import convert

SEEDS = range(5)
COPIES, EPOCHS = 2, 1
STUDENT = 2.776
"""The 97.5 % quantile of Student's t with four degrees of freedom: of the mean of five."""


def claim() -> bool:
    """Train without and with each preset, the same number of steps."""
    folder = real_data("mnist")
    if folder is None:
        return True
    with tempfile.TemporaryDirectory() as name:
        source = convert(find_pairs(folder), Path(name) / "mnist").dataset
        plain = [_accuracy(source, Path(name) / "model", seed, EPOCHS * (COPIES + 1)) for seed in SEEDS]
        _print("none", plain)
        holds = True
        for recipe in ("light", "handwriting", "heavy"):
            found = [_with_copies(source, Path(name), recipe, seed) for seed in SEEDS]
            _print(recipe, found)
            errors = (100 - mean(found)) / (100 - mean(plain))
            if recipe != "heavy":
                holds = report(f"test errors with {recipe} / without augmentation", [errors], 1.0) and holds
    return holds


def _with_copies(source: Dataset, folder: Path, recipe: str, seed: int) -> float:
    params = Augment(copies=COPIES, seed=seed, recipe=load_recipe(recipe))
    more = augment(source, folder / "more", params, execution=Execution(Threads(2)), overwrite=True, compression="lz4")
    return _accuracy(more, folder / "model", seed, EPOCHS)


def _accuracy(dataset: Dataset, folder: Path, seed: int, epochs: int) -> float:
    evaluation = train(dataset, folder, Train(seed=seed, epochs=epochs))["evaluation"].set_index("split")
    found = 100 * evaluation["accuracy"]
    print(f"       seed {seed}: validation {found['validation']:.2f} %, test {found['test']:.2f} %", flush=True)
    return float(found["test"])


def _print(recipe: str, found: list[float]) -> None:
    reach = STUDENT * stdev(found) / len(found) ** 0.5
    each = ", ".join(f"{value:.2f}" for value in found)
    print(f"       {recipe}: {mean(found):.3f} % ± {reach:.3f} (95 % interval of the mean); {each}", flush=True)
