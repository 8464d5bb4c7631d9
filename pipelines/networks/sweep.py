"""Grid search: each combination of settings is trained and validated. The test split is not read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_data import storage
from mnist_data.errors import CheckFailed, WrongUse, unknown_name
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.records import in_short
from mnist_data.parquet.tables import provenance, read_table, require_folder, table_provenance, write_table
from mnist_data.parquet.writer import fingerprint
from pipelines.engine.execution import Progress, Report, silent
from pipelines.engine.map_dataset import require_images
from pipelines.images.levels import levels_of
from pipelines.networks.data.division import class_count, training_samples
from pipelines.networks.data.loader import Augmentation
from pipelines.networks.data.samples import Samples
from pipelines.networks.findings import sweep_findings
from pipelines.networks.members import members
from pipelines.networks.training.device import require_torch
from pipelines.networks.training.fit import Fit, State, epochs_for, fit
from pipelines.settings.toml import read_toml
from pipelines.settings.training import Train

STAGE = "sweep"

MOST_POINTS = 500
"""Largest grid; larger spaces need another method than a grid."""

COMMON = ("seed", "seeds", "validation_fraction")
"""Settings that must have one value: points are compared on the same validation samples with as many seeds."""

UNSWEPT = ("corruptions",)
"""Settings that no sweep takes: they need the test split."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Point:
    """One point of the grid. settings: name -> value, as in the file; params: the resulting training settings."""

    settings: Mapping[str, Any]
    params: Train


@dataclass(frozen=True)
class SweepData:
    """The data that all trainings of a sweep share."""

    source: Dataset
    training: Samples
    validation: Samples
    classes: int


def read_grid(path: str | Path, over: Mapping[str, Any] | None = None) -> list[Point]:
    """Read the points of a TOML file of settings, the last of them changing fastest.

    A setting is one value or a list of values; so is `preset`. over: settings that override the file's.
    Raises UnreadableInput for what is no TOML, WrongUse for an unknown setting, an invalid value, an empty list, a
    repeated value, and for more than MOST_POINTS points, each with the file and the key.
    """
    read = {**read_toml(path, "See docs/train.md for an example."), **(over or {})}
    grid = {key: _values(str(path), key, given) for key, given in read.items()}
    count = prod(map(len, grid.values()))
    if count > MOST_POINTS:
        sizes = " × ".join(str(len(values)) for values in grid.values() if len(values) > 1)
        raise WrongUse(f"{path}: {sizes} are {count:,} points; there may be {MOST_POINTS} at most. Take values out.")
    settings = (dict(zip(grid, chosen, strict=True)) for chosen in product(*grid.values()))
    return [Point(values, Train.from_table(values, str(path))) for values in settings]


def sweep(
    source: Dataset,
    folder: str | Path,
    points: Sequence[Point],
    *,
    resume: bool = False,
    overwrite: bool = False,
    report: Report = silent,
) -> dict[str, pd.DataFrame]:
    """Train each point by each of its seeds, and tabulate them by validation; networks are not kept.

    Writes into the folder the tables runs (a row a training, written anew after each), sweep (a row a point, the best
    first), effects (a row for each value of a setting that has several) and findings; gives them. A training that
    diverges is a row without a score. With `resume` trainings already in runs are not repeated.

    Raises OutputExists where the folder is not empty, unless `overwrite` or `resume` is set; MissingExtra without
    PyTorch, WrongUse for a dataset without validation samples, and where the runs in the folder are of another dataset.
    """
    require_torch()
    require_images(source)
    require_folder(folder, overwrite or resume)
    data = _sweep_data(source, points)
    target, made = f"{folder}/runs", provenance(STAGE, {source.metadata.dataset: source.content}, grid_of(points))
    known = _known(target, made) if resume else {}
    tasks = [(number, point, seed) for number, point in enumerate(points, 1) for seed in _seeds(point)]
    work = [epochs_for(len(data.training.ids), point.params) for _, point, _ in tasks]
    rows: list[dict[str, Any]] = []
    for place, (number, point, seed) in enumerate(tasks):
        plan = _plan(source, point, seed)
        progress = _SweepProgress(report, len(data.training.ids), sum(work[:place]), sum(work))
        scores = known[plan] if plan in known else _trained(data, point.params.replace(seed=seed), progress)
        rows.append({"point": number, **point.settings, "seed": seed, **scores, "plan": plan})
        progress.epoch(work[place])
        write_table(pd.DataFrame(rows), target, made)
    runs = pd.DataFrame(rows)
    tables = {"sweep": sweep_table(runs, points), "effects": effect_table(runs, points)}
    tables["findings"] = sweep_findings(tables["sweep"], tables["effects"])
    for name, table in tables.items():
        write_table(table, f"{folder}/{name}", made)
    return {"runs": runs, **tables}


def sweep_table(runs: pd.DataFrame, points: Sequence[Point]) -> pd.DataFrame:
    """Tabulate the points, the one of highest mean validation accuracy first, those that diverged last.

    low, high: the 95 % interval of the mean over seeds by Student's t, missing for a single seed.
    """
    rows = []
    for number, point in enumerate(points, 1):
        mine = runs[runs["point"] == number]
        accuracy = mine["validation_accuracy"]
        mean = accuracy.mean(skipna=False)
        low, high = _interval(accuracy)
        means = {name: mine[name].mean() for name in ("validation_loss", "epochs_done", "seconds")}
        scores = {"validation_accuracy": mean, "low": low, "high": high, **means}
        counted = {"parameters": int(mine["parameters"].max()), "runs": len(mine)}
        rows.append({"point": number, **point.settings, **scores, **counted})
    return pd.DataFrame(rows).sort_values("validation_accuracy", ascending=False, kind="stable", ignore_index=True)


def effect_table(runs: pd.DataFrame, points: Sequence[Point]) -> pd.DataFrame:
    """Tabulate for each value of each setting that has several the mean over the points with it, the best first.

    below_best: how far that is below the setting's best value. Points with a diverged training are left out.
    """
    means = runs.groupby("point")["validation_accuracy"].mean()
    whole = runs.groupby("point")["validation_accuracy"].count() == runs.groupby("point").size()
    tables = []
    for name, values in grid_of(points).items():
        if len(values) > 1:
            rows = [_effect(name, value, points, means[whole]) for value in values]
            table = pd.DataFrame(rows).sort_values("validation_accuracy", ascending=False, kind="stable")
            tables.append(table.assign(below_best=table["validation_accuracy"].max() - table["validation_accuracy"]))
    columns = ["setting", "value", "points", "validation_accuracy", "below_best"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _effect(name: str, value: Any, points: Sequence[Point], means: pd.Series) -> dict[str, Any]:
    having = [
        number for number, point in enumerate(points, 1) if point.settings[name] == value and number in means.index
    ]
    return {
        "setting": name,
        "value": str(value),
        "points": len(having),
        "validation_accuracy": float(means[having].mean()),
    }


def _interval(values: pd.Series) -> tuple[float, float]:
    """Give the interval of a mean, within 0 and 1."""
    from scipy.stats import t

    if len(values) < 2:
        return np.nan, np.nan
    half = t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * values.std(skipna=False) / np.sqrt(len(values))
    mean = values.mean(skipna=False)
    return max(mean - half, 0.0), min(mean + half, 1.0)


def _values(path: str, key: str, given: Any) -> list[Any]:
    """Give the values of a setting as a list. Raises WrongUse for an unknown key or values that cannot be swept."""
    known = [name for name in Train.__struct_fields__ if name not in UNSWEPT]
    if key not in ("preset", *known):
        raise unknown_name("setting", key, ["preset", *known], path)
    values = given if isinstance(given, list) else [given]
    if not values:
        raise WrongUse(f"{path}: {key} is an empty list; name a value, or leave it out.")
    if key in COMMON and len(values) > 1:
        raise WrongUse(f"{path}: {key} is {values}; it must be one value, for points are compared on the same samples.")
    for place, value in enumerate(values):
        if isinstance(value, list | dict):
            raise WrongUse(
                f"{path}: {key} has the value {in_short(value)}; it must be a number, a text, or true or false."
            )
        if value in values[:place]:
            raise WrongUse(f"{path}: {key} names {value!r} twice.")
    return values


def grid_of(points: Sequence[Point]) -> dict[str, list[Any]]:
    """Give setting -> its values, in the order of the file."""
    return {name: list(dict.fromkeys(point.settings[name] for point in points)) for name in points[0].settings}


def _seeds(point: Point) -> range:
    return range(point.params.seed, point.params.seed + point.params.seeds)


def _plan(source: Dataset, point: Point, seed: int) -> str:
    """Hash what determines a training, including the choice of validation samples."""
    alone = members(source, "", point.params.replace(seed=seed, seeds=1))[0].plan
    return fingerprint({**alone, "validation_seed": point.params.seed})


def _sweep_data(source: Dataset, points: Sequence[Point]) -> SweepData:
    """Read training and validation samples, and check that each point's network fits them."""
    import torch

    from pipelines.networks.training.models import build
    from pipelines.networks.training.transfer import read_start

    training, validation = training_samples(source, points[0].params)
    if not len(validation.ids):
        raise WrongUse(f"{source.location}: there are no validation samples; a sweep needs some.")
    classes = class_count(source, training)
    for point in points:
        Augmentation(point.params.recipe, levels_of(source.metadata))
        if read_start(point.params, source.metadata, classes) is None:
            with torch.device("meta"):
                build(point.params.model, source.metadata.shape, classes)
    return SweepData(source, training, validation, classes)


def _known(target: str, made: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Read the scores of finished trainings: plan -> scores."""
    path = f"{target}.parquet"
    if not storage.exists(path):
        return {}
    recorded = table_provenance(path)
    if recorded["inputs"] != made["inputs"] or recorded["version"] != made["version"]:
        raise WrongUse(f"{path} is of another dataset or version; begin anew with --overwrite, or write elsewhere.")
    return {str(row["plan"]): {name: row[name] for name in SCORES} for row in read_table(path).to_dict("records")}


SCORES = ("validation_accuracy", "validation_loss", "best_epoch", "epochs_done", "seconds", "parameters")
"""The scores of a training; accuracy and loss are those of its best epoch, NaN where it diverged."""


@dataclass(frozen=True)
class _SweepProgress:
    """Reports the progress of a sweep; done, total: epochs before this training, and of the whole sweep."""

    report: Report
    samples: int
    done: int
    total: int

    def __call__(self, state: State) -> None:
        self.epoch(len(state.history))

    def epoch(self, number: int) -> None:
        self.report(Progress(STAGE, (self.done + number) * self.samples, self.total * self.samples))


def _trained(data: SweepData, params: Train, progress: _SweepProgress) -> dict[str, Any]:
    """Train one network and give its validation scores."""
    from pipelines.networks.training.transfer import read_start

    metadata = data.source.metadata
    loader = data.training.loader(Augmentation(params.recipe, levels_of(metadata)))
    start = read_start(params, metadata, data.classes)
    initial = start.network(params.seed) if start else None
    try:
        result = fit(loader, data.validation.loader(), data.classes, params, progress, start=initial)
    except CheckFailed:
        return dict(zip(SCORES, (np.nan, np.nan, 0, 0, np.nan, 0), strict=True))
    return _scores(result)


def _scores(result: Fit) -> dict[str, Any]:
    best, seconds = result.history[result.best_epoch - 1], sum(epoch.seconds for epoch in result.history)
    values = (best.validation_accuracy, best.validation_loss, result.best_epoch, len(result.history), seconds)
    return dict(zip(SCORES, (*values, result.parameters), strict=True))
