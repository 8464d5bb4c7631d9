"""A grid of settings, each point trained and validated, so that what a setting does can be seen before the test.

The test split is not read here.
"""

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
from mnist_data.parquet.tables import provenance, read_table, require_folder, table_provenance, write_table
from mnist_data.parquet.writer import fingerprint
from pipelines.engine.execution import Progress, Report, silent
from pipelines.engine.map_dataset import require_images
from pipelines.images.levels import levels_of
from pipelines.networks.data.loader import Augmentation
from pipelines.networks.data.samples import Samples
from pipelines.networks.train import class_count, members, training_samples
from pipelines.networks.training.device import require_torch
from pipelines.networks.training.fit import Fit, State, epochs_for, fit
from pipelines.settings.toml import read_toml
from pipelines.settings.training import Train
from pipelines.settings.values import in_short

STAGE = "sweep"

MOST_POINTS = 500
"""More are a search, which a grid is the wrong tool for."""

ALIKE = ("seed", "seeds", "validation_fraction")
"""Settings of which a sweep takes one value: points are compared on the same held-out samples, by as many seeds."""

UNSWEPT = ("corruptions",)
"""Settings that no sweep takes: they ask for the test split."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Point:
    """One point of the grid. settings: name -> value, as the file has them; params: the training that they make."""

    settings: Mapping[str, Any]
    params: Train


@dataclass(frozen=True)
class Trainings:
    """What all trainings of a sweep share."""

    source: Dataset
    learn: Samples
    hold: Samples
    classes: int


def read_grid(path: str | Path, over: Mapping[str, Any] | None = None) -> list[Point]:
    """Read the points of a TOML file of settings, the last of them changing fastest.

    A setting is one value or a list of values; `preset` is one, too. over: settings that override the file's.
    Raises UnreadableInput for what is no TOML, WrongUse for an unknown setting, a value that it cannot have, an empty
    list, a value named twice, and for more than MOST_POINTS points, each with the file and the key.
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
    first) and effects (a row for each value of a setting that has several); gives them. A training that breaks down
    is a row without a score. With `resume` trainings that stand in runs are not made again.

    Raises OutputExists where the folder holds anything, unless that is to be replaced or the sweep is to go on from it;
    MissingExtra without PyTorch, WrongUse for a dataset without anything to validate with, and where the runs
    in the folder are of another dataset.
    """
    require_torch()
    require_images(source)
    require_folder(folder, overwrite or resume)
    trainings = _prepared(source, points)
    target, made = f"{folder}/runs", provenance(STAGE, {source.metadata.dataset: source.content}, _grid(points))
    known = _known(target, made) if resume else {}
    tasks = [(number, point, seed) for number, point in enumerate(points, 1) for seed in _seeds(point)]
    work = [epochs_for(len(trainings.learn.ids), point.params) for _, point, _ in tasks]
    rows: list[dict[str, Any]] = []
    for place, (number, point, seed) in enumerate(tasks):
        plan = _plan(source, point, seed)
        told = _Told(report, len(trainings.learn.ids), sum(work[:place]), sum(work))
        scores = known[plan] if plan in known else _trained(trainings, point.params.replace(seed=seed), told)
        rows.append({"point": number, **point.settings, "seed": seed, **scores, "plan": plan})
        told.epoch(work[place])
        write_table(pd.DataFrame(rows), target, made)
    runs = pd.DataFrame(rows)
    tables = {"sweep": sweep_table(runs, points), "effects": effect_table(runs, points)}
    for name, table in tables.items():
        write_table(table, f"{folder}/{name}", made)
    return {"runs": runs, **tables}


def sweep_table(runs: pd.DataFrame, points: Sequence[Point]) -> pd.DataFrame:
    """Tabulate the points, the one of highest mean validation accuracy first, those that broke down last.

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
    """Tabulate for each value of each setting that has several the mean over the points that have it, the best first.

    below_best: how far that is below the setting's best value. Points of which a training broke down are left out.
    """
    means = runs.groupby("point")["validation_accuracy"].mean()
    whole = runs.groupby("point")["validation_accuracy"].count() == runs.groupby("point").size()
    tables = []
    for name, values in _grid(points).items():
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
    """Give the interval of a mean; the limits of accuracy are its own, too."""
    from scipy.stats import t

    if len(values) < 2:
        return np.nan, np.nan
    half = t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * values.std(skipna=False) / np.sqrt(len(values))
    mean = values.mean(skipna=False)
    return max(mean - half, 0.0), min(mean + half, 1.0)


def _values(path: str, key: str, given: Any) -> list[Any]:
    """Give the values of a setting, each of which it can have."""
    known = [name for name in Train.__struct_fields__ if name not in UNSWEPT]
    if key not in ("preset", *known):
        raise unknown_name("setting", key, ["preset", *known], path)
    values = given if isinstance(given, list) else [given]
    if not values:
        raise WrongUse(f"{path}: {key} is an empty list; name a value, or leave it out.")
    if key in ALIKE and len(values) > 1:
        raise WrongUse(f"{path}: {key} is {values}; it must be one value, for points are compared on the same samples.")
    for place, value in enumerate(values):
        if isinstance(value, list | dict):
            raise WrongUse(
                f"{path}: {key} has the value {in_short(value)}; it must be a number, a text, or true or false."
            )
        if value in values[:place]:
            raise WrongUse(f"{path}: {key} names {value!r} twice.")
    return values


def _grid(points: Sequence[Point]) -> dict[str, list[Any]]:
    """Give setting -> its values, in the order of the file."""
    return {name: list(dict.fromkeys(point.settings[name] for point in points)) for name in points[0].settings}


def _seeds(point: Point) -> range:
    return range(point.params.seed, point.params.seed + point.params.seeds)


def _plan(source: Dataset, point: Point, seed: int) -> str:
    """Give what makes a training the one it is, the samples held out included, in one word."""
    alone = members(source, "", point.params.replace(seed=seed, seeds=1))[0].plan
    return fingerprint({**alone, "validation_seed": point.params.seed})


def _prepared(source: Dataset, points: Sequence[Point]) -> Trainings:
    """Read what is learnt from and what is validated with, and see that each point's network fits."""
    import torch

    from pipelines.networks.training.models import build
    from pipelines.networks.training.transfer import read_start

    learn, hold = training_samples(source, points[0].params)
    if not len(hold.ids):
        raise WrongUse(f"{source.location}: no sample can be held out to validate with; a sweep needs some.")
    classes = class_count(source, learn)
    for point in points:
        Augmentation(point.params.recipe, levels_of(source.metadata))
        if read_start(point.params, source.metadata, classes) is None:
            with torch.device("meta"):
                build(point.params.model, source.metadata.shape, classes)
    return Trainings(source, learn, hold, classes)


def _known(target: str, made: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Read the trainings that have been made: plan -> scores."""
    path = f"{target}.parquet"
    if not storage.exists(path):
        return {}
    there = table_provenance(path)
    if there["inputs"] != made["inputs"] or there["version"] != made["version"]:
        raise WrongUse(f"{path} is of another dataset or version; begin anew with --overwrite, or write elsewhere.")
    return {str(row["plan"]): {name: row[name] for name in SCORES} for row in read_table(path).to_dict("records")}


SCORES = ("validation_accuracy", "validation_loss", "best_epoch", "epochs_done", "seconds", "parameters")
"""What is known of a training; accuracy and loss are those of its best epoch, NaN where it broke down."""


@dataclass(frozen=True)
class _Told:
    """Tells how far the sweep is; done, all: epochs before this training, and of the whole sweep."""

    report: Report
    samples: int
    done: int
    all: int

    def __call__(self, state: State) -> None:
        self.epoch(len(state.history))

    def epoch(self, number: int) -> None:
        self.report(Progress(STAGE, (self.done + number) * self.samples, self.all * self.samples))


def _trained(trainings: Trainings, params: Train, told: _Told) -> dict[str, Any]:
    """Train one network and score it by validation."""
    from pipelines.networks.training.transfer import read_start

    learn, hold, metadata = trainings.learn, trainings.hold, trainings.source.metadata
    loader = learn.loader(Augmentation(params.recipe, levels_of(metadata)))
    start = read_start(params, metadata, trainings.classes)
    begun = start.network(params.seed) if start else None
    try:
        done = fit(loader, hold.loader(), trainings.classes, params, told, start=begun)
    except CheckFailed:
        return dict(zip(SCORES, (np.nan, np.nan, 0, 0, np.nan, 0), strict=True))
    return _scores(done)


def _scores(done: Fit) -> dict[str, Any]:
    best, seconds = done.history[done.best_epoch - 1], sum(epoch.seconds for epoch in done.history)
    found = (best.validation_accuracy, best.validation_loss, done.best_epoch, len(done.history), seconds)
    return dict(zip(SCORES, (*found, done.parameters), strict=True))
