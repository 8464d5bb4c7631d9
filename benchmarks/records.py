"""Claim: `--preset thorough` reaches on MNIST what docs/train.md says; five seeds each, the test split asked once.

`large` has one seed, 38 epochs, and a stronger recipe. Validation is by whole writers where QMNIST's tables are at
hand, else by label. Two hours on two cores; where it is interrupted, the same folder goes on at the seed it had
reached:

    python -m benchmarks.records FOLDER [MODEL …]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import describe_machine, real_data, report
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, is_dataset, open_dataset
from pipelines.networks.train import train
from pipelines.settings.recipe import recipe_of
from pipelines.settings.training import train_settings
from pipelines.stages.convert import convert
from pipelines.stages.split import split

BARS = {"tiny": 0.9940, "small": 0.9960, "large": 0.9975}
ENSEMBLE = 0.9970
"""Of the five `small`."""

WIDE = {
    "rotation": [-10, 10],
    "scale": [0.9, 1.1],
    "scale_x": [0.92, 1.08],
    "shear": [-0.2, 0.2],
    "shift": [-0.05, 0.05],
    "elastic": [0, 28],
    "thickness": [-0.4, 0.5],
}
"""The recipe of `large`: what more weights can learn from."""

SETTINGS: dict[str, dict[str, Any]] = {
    "tiny": {"seeds": 5},
    "small": {"seeds": 5},
    "large": {"epochs": 38, "recipe": recipe_of(WIDE, "large")},
}
"""Settings that override the preset."""


def main(folder: Path, models: list[str]) -> int:
    """Train the series named, or all of them."""
    print(describe_machine("torch", "numpy"))
    dataset = _dataset(folder / "mnist")
    if dataset is None:
        return 0
    holds = [_series(dataset, folder / model, model) for model in models or list(BARS)]
    return 0 if all(holds) else 1


def _dataset(place: Path) -> Dataset | None:
    """Give MNIST with a validation split of whole writers, made once."""
    source, tables = real_data("mnist"), real_data("qmnist")
    if source is None:
        return None
    if not is_dataset(str(place)):
        converted = convert(find_pairs(source), place.with_name("converted"), overwrite=True).dataset
        if tables is None:
            return converted
        split(converted, place, label_tables=str(tables))
    return open_dataset(place)


def _series(dataset: Dataset, folder: Path, model: str) -> bool:
    params = train_settings({"model": model, **SETTINGS[model]}, "thorough")
    evaluation = train(dataset, folder, params, resume=True)["evaluation"]
    print(evaluation.to_string(index=False), flush=True)
    test = evaluation[evaluation["split"] == "test"]
    each = test.loc[test["seed"].notna(), "accuracy"]
    holds = report(f"mean test accuracy of {model}", [100 * float(each.mean())], 100 * BARS[model], " %", at_least=True)
    together = test.loc[test["seed"].isna(), "accuracy"]
    if model == "small" and len(together):
        return report("their ensemble", [100 * float(together.iloc[0])], 100 * ENSEMBLE, " %", at_least=True) and holds
    return holds


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
