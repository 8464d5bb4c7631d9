"""run: the whole pipeline into one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import pandas as pd

from dashboards.language import ENGLISH, require_language
from mnist_data import storage
from mnist_data.api.pages import open_page
from mnist_data.api.results import Result
from mnist_data.api.sources import Place, about, location_of
from mnist_data.api.work import working
from mnist_data.errors import WrongUse
from mnist_data.parquet.locks import claimed
from mnist_data.parquet.tables import read_table
from pipelines.settings.model_header import Model
from pipelines.settings.recipe import Recipe, recipe_from
from pipelines.settings.run import Config, read_config
from pipelines.statistics.findings import together

Step = Literal["convert", "clean", "normalize", "augment", "stats", "train", "dashboard"]


def run(
    source: Place | None = None,
    out: Place | None = None,
    *,
    dataset: str | None = None,
    label_tables: Place | None = None,
    config: Place | Mapping[str, Any] | None = None,
    until: Step = "dashboard",
    copies: int | None = None,
    recipe: str | Mapping[str, Any] | Recipe | None = None,
    epochs: int | None = None,
    model: Model | None = None,
    seed: int | None = None,
    plot: bool = True,
    open: bool = False,
    decisions: Place | None = None,
    lang: str = ENGLISH,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
    done: Callable[[str, bool], None] | None = None,
) -> Result:
    """Run the whole pipeline into a folder: convert, clean, normalize, augment, stats, train, dashboard.

    A second run into the same folder redoes only what has changed. source: as in `convert`; by default the embedded
    sample. out: the folder, by default "workspace"; one that holds other things is refused unless `overwrite` allows
    it. config: a TOML file or mapping of settings, which what is given here overrides. until: the last step to do.
    decisions: what people have decided about samples, which the cleaning applies, as `clean` takes it. plot: without it
    the page, which is the last step, is left out. open: open it in the browser. done: is told of each step as it ends:
    its name, and whether what was there before was kept.

    The result has the cleaned dataset, the tables `summary`, `classes` and `evaluation` as far as the run went, and the
    steps kept as a value.
    """
    require_language(lang)
    from pipelines.run.run import run as run_pipeline

    if open and (not plot or until != "dashboard"):
        raise WrongUse("--open shows the page, which is the last step; leave out --no-plot and --until.")
    last = "train" if until == "dashboard" and not plot else until
    settings = _settings(source, out, dataset, label_tables, config)
    deform = None if recipe is None else recipe_from(recipe, "recipe")
    decided = None if decisions is None else location_of(decisions)
    settings = settings.with_flags(
        {
            "clean": {"decisions": decided},
            "augment": {"copies": copies, "seed": seed, "recipe": deform},
            "train": {"epochs": epochs, "model": model, "seed": seed},
        }
    )
    with claimed(settings.out, overwrite), working(workers, scheduler, progress) as execution:
        outcome = run_pipeline(
            settings, execution=execution, until=last, lang=lang, overwrite=overwrite, done=done or _unheard
        )
    models = [folder for folder in outcome.tables if folder.name != "stats"]
    tables = {
        name: read_table(f"{folder}/{name}.parquet")
        for folder in outcome.tables
        if folder.name == "stats"
        for name in ("summary", "classes")
    }
    findings = [f"{folder}/findings.parquet" for folder in outcome.tables]
    tables["findings"] = together([read_table(path) for path in findings if storage.exists(path)])
    if models:
        tables["evaluation"] = pd.concat([read_table(f"{folder}/evaluation.parquet") for folder in models])
    if open and outcome.dashboard is not None:
        open_page(str(outcome.dashboard))
    return Result(
        "run",
        out=str(outcome.workspace),
        dataset=outcome.dataset,
        tables=tables,
        page=None if outcome.dashboard is None else str(outcome.dashboard),
        findings={**about(outcome.dataset), "kept": list(outcome.kept)},
        warnings=outcome.warnings,
    )


def _unheard(_step: str, _kept: bool) -> None:
    """Tell nobody of a step."""


def _settings(
    source: Place | None,
    out: Place | None,
    dataset: str | None,
    label_tables: Place | None,
    config: Place | Mapping[str, Any] | None,
) -> Config:
    """Give the settings of a file or mapping, with what is given here in their stead."""
    if isinstance(config, Mapping):
        settings = Config.from_table(config, "config")
    else:
        settings = Config() if config is None else read_config(location_of(config))
    places = {"source": source, "out": out, "label_tables": label_tables}
    given: dict[str, Any] = {name: location_of(place) for name, place in places.items() if place is not None}
    return settings.replace(**given, dataset=settings.dataset if dataset is None else dataset)
