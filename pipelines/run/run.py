"""The whole pipeline, step by step, into one workspace folder; a step whose inputs have not changed is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dashboards.language import ENGLISH, require_language
from mnist_data import storage
from mnist_data.errors import WrongUse
from mnist_data.idx.sample import write_sample
from mnist_data.images_in.open import open_unless_idx
from mnist_data.images_in.stream import Options
from mnist_data.known.fetch import fetched, resolve
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.tables import read_table
from mnist_data.parquet.writer import fingerprint, is_current, remove_leftovers
from pipelines.engine.execution import Execution, downloading
from pipelines.engine.map_dataset import plan_of
from pipelines.networks.evaluation.findings import in_words
from pipelines.networks.train import train
from pipelines.run.report import collect_tables, page_plan, write_report
from pipelines.run.script import run_script
from pipelines.run.sources import is_workspace
from pipelines.run.sums import write_sums
from pipelines.settings.base import Settings
from pipelines.settings.run import Config
from pipelines.settings.training import Train
from pipelines.stages.augment import augment
from pipelines.stages.clean import clean, has_quarantine
from pipelines.stages.convert import ConvertResult, conversion_plan, convert
from pipelines.stages.convert_images import convert_images, images_plan
from pipelines.stages.normalize import normalize
from pipelines.stages.turned_classes import about_turned_classes
from pipelines.statistics.stats import stats

STEPS = ("convert", "clean", "normalize", "augment", "stats", "train", "dashboard")

BETWEEN = "lz4"
"""Compression of datasets that only the next stage reads: 1.4 times the bytes of zstd, 0.6 of the reading time."""

StepDone = Callable[[str, bool], None]
"""Called after each step: its name, and whether the former result was kept."""


@dataclass(frozen=True)
class RunResult:
    """The results of a run.

    kept: the steps that had nothing to do. tables: the folders of tables that this run wrote or kept.
    """

    workspace: Path
    dataset: Dataset
    kept: tuple[str, ...]
    dashboard: Path | None
    tables: tuple[Path, ...]
    warnings: tuple[str, ...]


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    until: str = "dashboard",
    lang: str = ENGLISH,
    overwrite: bool = False,
    done: StepDone = lambda _name, _kept: None,
) -> RunResult:
    """Run the pipeline up to and including the step `until`. lang: the language of the dashboard.

    A workspace of an earlier run is continued. Raises OutputExists for a folder with other content, unless `overwrite`
    allows writing into it.
    """
    if until not in STEPS:
        raise WrongUse(f"There is no step {until!r}; it can be {', '.join(STEPS)}.")
    if storage.is_remote(config.out):
        raise WrongUse(f"The output {config.out} must be a local folder; convert and the stages take URLs.")
    if not is_workspace(Path(config.out)):
        storage.require_free(config.out, overwrite)
    return _Run(config, execution or Execution(), STEPS[: STEPS.index(until) + 1], require_language(lang), done).all()


class _Run:
    """One run: the state that its steps share."""

    def __init__(self, config: Config, execution: Execution, steps: tuple[str, ...], lang: str, done: StepDone) -> None:
        self.config, self.execution, self.steps, self.lang, self.done = config, execution, steps, lang, done
        self.workspace = Path(config.out)
        self.kept: list[str] = []
        self.tables: tuple[Path, ...] = ()
        self.warnings: tuple[str, ...] = ()

    def all(self) -> RunResult:
        """Run the steps in order; results of later steps than `until` are left as they are."""
        shared: dict[str, Any] = {"execution": self.execution, "overwrite": True}
        between = {**shared, "compression": BETWEEN}
        settings = self.config
        dataset = self._convert()
        # An empty dataset is false, so "or" would skip one from which cleaning has removed everything.
        if "clean" in self.steps:
            dataset = self._dataset(dataset, settings.clean, lambda *args: clean(*args, **shared).dataset, "zstd")
        latest, augmented = dataset, None
        if "normalize" in self.steps:
            latest = self._dataset(latest, settings.normalize, lambda *args: normalize(*args, **between), BETWEEN)
        if "augment" in self.steps:
            latest = self._dataset(latest, settings.augment, lambda *args: augment(*args, **between), BETWEEN)
            augmented = latest
        self._stats(dataset)
        models = self._train(latest)
        dashboard = self._dashboard(dataset, augmented, models)
        return RunResult(self.workspace, dataset, tuple(self.kept), dashboard, self.tables, self.warnings)

    def _convert(self) -> Dataset:
        target, chosen = self.workspace / "convert", self.config.convert
        source, known = self._source()
        options = Options(size=chosen.size, skip_unreadable=chosen.skip_unreadable)
        opened = open_unless_idx(source, options)
        shared: dict[str, Any] = {"execution": self.execution, "overwrite": True}
        make: Callable[[], ConvertResult]
        if opened is not None:
            if self.config.label_tables:
                raise WrongUse("Label tables are joined to IDX files; leave them out for other forms.")
            name = self.config.dataset or known
            plan = images_plan(opened.streams, chosen, name)
            make = partial(convert_images, opened.streams, target, chosen, dataset=name, **shared)
        else:
            pairs = resolve(source, self.config.dataset, chosen.byte_order)
            name, tables = self.config.dataset, self.config.label_tables
            plan = conversion_plan(pairs, chosen, name, tables)
            make = partial(convert, pairs, target, chosen, dataset=name, label_tables=tables, **shared)
        if is_current(target, plan):
            remove_leftovers(target)
            self._keep("convert")
            return open_dataset(target)
        result = make()
        self.warnings = result.warnings
        self.done("convert", False)
        return result.dataset

    def _source(self) -> tuple[str, str | None]:
        """Give the file or folder to convert, and the name of the known dataset that was fetched into it, if any."""
        if self.config.source in (None, "sample"):
            return str(self._sample()), None
        return fetched(str(self.config.source), downloading(self.execution.report))

    def _sample(self) -> Path:
        folder = self.workspace / "sample"
        return folder if len(list(folder.glob("*-ubyte"))) == 4 else write_sample(folder)

    def _keep(self, step: str) -> None:
        self.kept.append(step)
        self.done(step, True)

    def _dataset(self, source: Dataset, params: Settings, make: Callable[..., Dataset], compression: str) -> Dataset:
        """Give the stage's dataset in the workspace, made anew unless it was made by this very plan."""
        target = self.workspace / params.stage
        plan = plan_of(source, params, self.execution, compression=compression)
        if is_current(target, plan) and (params.stage != "clean" or has_quarantine(target)):
            remove_leftovers(target)
            self._keep(params.stage)
            return open_dataset(target)
        dataset = make(source, target, params)
        self.done(params.stage, False)
        return dataset

    def _files(self, step: str, folder: Path, plan: Mapping[str, Any], make: Callable[[], object]) -> None:
        """Make a folder of files unless it was made by this very plan; the stamp next to it is written last."""
        stamp = storage.sibling(folder, ".plan")
        if storage.read_text(stamp) == fingerprint(plan) and folder.exists():
            self._keep(step)
            return
        storage.remove(stamp)
        make()
        write_sums(folder)
        storage.write_text(stamp, fingerprint(plan))
        self.done(step, False)

    def _stats(self, source: Dataset) -> None:
        if "stats" in self.steps:
            folder = self.workspace / "stats"
            self.tables += (folder,)
            plan = plan_of(source, self.config.stats)
            self._files(
                "stats",
                folder,
                plan,
                lambda: stats(source, folder, self.config.stats, execution=self.execution, overwrite=True),
            )

    def _train(self, source: Dataset) -> list[Path]:
        """Train the network, and the MLP as the baseline to beat."""
        if "train" not in self.steps:
            return []
        folders = []
        for params in self._models():
            folder = self.workspace / "train" / params.model
            self._files(
                f"train {params.model}",
                folder,
                plan_of(source, params),
                lambda folder=folder, params=params: self._networks(source, folder, params),  # type: ignore[misc]
            )
            folders.append(folder)
            self.tables += (folder,)
            self.warnings += about_turned_classes(source, params.recipe)
            self.warnings += in_words(params.model, read_table(f"{folder}/diagnosis.parquet"))
        return folders

    def _networks(self, source: Dataset, folder: Path, params: Train) -> None:
        """Train, resuming an interrupted run of this very plan; files of another plan are removed."""
        plan, started = fingerprint(plan_of(source, params)), storage.sibling(folder, ".begun")
        resume = storage.read_text(started) == plan
        if not resume:
            storage.remove(folder)
            storage.write_text(started, plan)
        train(source, folder, params, resume=resume, report=self.execution.report)

    def _models(self) -> list[Train]:
        chosen = self.config.train
        return [chosen] if chosen.model == "mlp" else [chosen, chosen.replace(model="mlp", start=None, freeze="none")]

    def _dashboard(self, source: Dataset, augmented: Dataset | None, models: list[Path]) -> Path | None:
        if "dashboard" not in self.steps:
            return None
        target = self.workspace / "dashboard.html"
        plan = page_plan(self.workspace / "stats", source, augmented, models, self.lang)

        def make() -> None:
            tables = collect_tables(self.workspace / "stats", source, augmented, models)
            script = run_script(source, augmented, self.workspace / "stats", models)
            write_report(tables, source, target, script=script, lang=self.lang, overwrite=True)

        self._files("dashboard", target, plan, make)
        return target
