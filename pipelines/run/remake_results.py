"""Making tables, networks and pages again into a draft, by what is recorded of how they were made."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dashboards.language import LANGUAGES
from mnist_data import storage
from mnist_data.errors import DataWarning, UnreadableInput
from mnist_data.parquet.corrections import Corrections, corrections_then
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions_table import DECISIONS
from mnist_data.parquet.tables import with_columns_of
from mnist_data.parquet.writer import fingerprint
from pipelines.engine.execution import Execution
from pipelines.run.report import collect_tables, page_plan, write_report
from pipelines.run.results import MADE_AGAIN, PREDICT, Making, Result
from pipelines.run.script import run_script
from pipelines.run.sources import named_near

MEASURED = ("seconds", "images_per_second")
"""Columns of a training's tables that hold times."""

BESIDE_NETWORKS = (".ood.npz", ".seconds.json", ".safetensors")
"""Endings of the files of one network, which are kept together or made again together."""


class CannotMake(Exception):  # noqa: N818  (it ends no call)
    """What is needed to make a result again is not there. The message says what, and follows "as"."""


@dataclass(frozen=True)
class Job:
    """A result to be made again.

    making: how it was made. damaged: its files that are not as they were written. draft: an empty local folder.
    """

    result: Result
    making: Making
    datasets: Mapping[str, Dataset]
    damaged: Sequence[str]
    draft: Path
    execution: Execution

    @property
    def source(self) -> Dataset:
        """Give the dataset that it was made from."""
        return self.datasets[self.making.dataset]

    @property
    def settings(self) -> Any:
        """Give the settings that it was made with."""
        return MADE_AGAIN[self.making.stage].from_recorded(self.making.parameters)


def make(job: Job) -> None:
    """Make a result again into the job's draft, its files named as they are in the result."""
    MAKERS[job.making.stage](job)


def _stats(job: Job) -> None:
    from pipelines.statistics.stats import stats

    stats(job.source, job.draft, job.settings, execution=job.execution, overwrite=True)


def _audit(job: Job) -> None:
    from pipelines.audit.run import audit

    digest = job.making.inputs.get(DECISIONS)
    corrections = corrections_then(job.source, digest) if digest else None
    if digest and corrections is None:
        raise CannotMake(f"the decisions about {job.source.location} were never those with the hash {digest}")
    audit(job.source, job.draft, job.settings, corrections=corrections, execution=job.execution, overwrite=True)


def _selftest(job: Job) -> None:
    from pipelines.audit.selftest import selftest

    selftest(job.source, job.draft, job.settings, execution=job.execution, overwrite=True)


def _clean(job: Job) -> None:
    from pipelines.stages.clean import clean

    clean(job.source, job.draft / job.result.stem, job.settings, execution=job.execution, overwrite=True)


def _predict(job: Job) -> None:
    """Predict with networks and images that lie where they did, or near."""
    from pipelines.networks.predict import predict, save_predictions

    recorded = dict(job.making.inputs)
    images = next((name for name, digest in recorded.items() if not digest), "")
    del recorded[images]
    files = [_file_near(job.result, digest, name) for name, digest in recorded.items()]
    model = files[0] if len(files) == 1 else str(Path(files[0]).parent)
    places = [images, *named_near(Path(images).name, job.result.folder)]
    place = next((place for place in places if storage.exists(place)), "")
    if not place:
        raise CannotMake(f"the images {images} are not where they were")
    splits = job.making.parameters.get("splits")
    save_predictions(predict(model, place, splits), job.draft, model, images, splits, overwrite=True)


def _file_near(result: Result, digest: str, name: str = "*") -> str:
    """Find a file by its SHA-256, in the folder of a result, next to it, or in a folder next to it."""
    folder = Path(result.folder)
    for pattern in (folder.glob(name), *(folder.parent.glob(f"{below}{name}") for below in ("", "*/", "*/*/"))):
        for path in sorted(pattern):
            if path.is_file() and storage.sha256_of(path) == digest:
                return str(path)
    raise CannotMake(f"no file near it has the SHA-256 {digest}, from which {result.folder} was made")


def _train(job: Job) -> None:
    """Train the networks that are damaged, and evaluate all; the times that were measured stay as they were."""
    from pipelines.networks.train import train

    params = job.settings
    if params.start is not None:
        params = params.replace(start=_file_near(job.result, params.start, "*.safetensors"))
    digest = job.making.inputs.get("corrections")
    corrections: str | Corrections | None = None
    if digest:
        corrections = corrections_then(job.source, digest) or _file_near(job.result, digest, "*.[cp][sa][vr]*")
    for path in Path(job.result.folder).glob("*.safetensors"):
        own = [path.with_name(path.stem + ending) for ending in BESIDE_NETWORKS]
        if not {str(each) for each in own[::2]} & {*job.damaged}:
            for each in own:
                with suppress(FileNotFoundError):
                    shutil.copyfile(each, job.draft / each.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        train(job.source, job.draft, params, corrections=corrections, resume=True, report=job.execution.report)
    for name in ("history", "evaluation"):
        text = Path(job.result.folder, f"{name}.csv")
        if text.is_file():
            with suppress(UnreadableInput, KeyError, ValueError):  # damaged, too: then the times are lost
                with_columns_of(f"{job.draft}/{name}.parquet", str(text), MEASURED)


MAKERS: Mapping[str, Callable[[Job], None]] = {
    "stats": _stats,
    "audit": _audit,
    "selftest": _selftest,
    "clean": _clean,
    "train": _train,
    PREDICT: _predict,
}
"""What makes the results of a stage again, by its name."""


def times_of(network: str, damaged: Sequence[str]) -> list[float]:
    """Give the times of a network's epochs from the table of its training. Raises CannotMake where that is damaged."""
    folder, _, name = network.rpartition("/")
    path = f"{folder}/history.parquet"
    if path in damaged or not storage.exists(path):
        raise CannotMake("its times were measured once, and the table history, which has them too, is not whole")
    table = pq.read_table(path, columns=["seed", "seconds"], partitioning=None).to_pydict()
    _, seeded, seed = name.rpartition("-seed")
    rows = zip(table["seed"], table["seconds"], strict=True)
    return [seconds for own, seconds in rows if not seeded or str(own) == seed]


@dataclass(frozen=True)
class PageParts:
    """What a run has made a page of, as `collect_tables` takes it."""

    folder: Path
    source: Dataset
    augmented: Dataset | None
    models: tuple[Path, ...]
    lang: str

    def write(self, target: Path) -> None:
        """Write the page, as it is where a run writes it."""
        tables = collect_tables(self.folder, self.source, self.augmented, self.models)
        place = self.folder.parent / target.name
        script = run_script(self.source, self.augmented, self.folder, self.models)
        write_report(tables, self.source, target, script=script, lang=self.lang, place=place, overwrite=True)


def page_parts(result: Result, datasets: Mapping[str, Dataset]) -> PageParts | None:
    """Find what a run made a page of, in its workspace; None where that is there no longer, or is not recorded."""
    recorded = storage.read_text(storage.sibling(result.location, ".plan"))
    for parts in _possible_parts(Path(result.folder), datasets):
        if fingerprint(page_plan(parts.folder, parts.source, parts.augmented, parts.models, parts.lang)) == recorded:
            return parts
    return None


def _possible_parts(workspace: Path, datasets: Mapping[str, Dataset]) -> Iterator[PageParts]:
    """Give what a run may have made the page of its workspace of: one network and the MLP, or the MLP alone."""
    near = {Path(dataset.location): dataset for dataset in datasets.values()}
    sources = [near[workspace / name] for name in ("clean", "convert") if workspace / name in near]
    copies = [near[workspace / "augment"]] if workspace / "augment" in near else []
    mlp = workspace / "train/mlp"
    trained = [folder for folder in sorted(workspace.glob("train/*")) if folder.is_dir() and folder != mlp]
    models: list[tuple[Path, ...]] = [*((folder, mlp) for folder in trained), (mlp,), ()]
    for source, augmented, folders, lang in product(sources, [*copies, None], models, LANGUAGES):
        yield PageParts(workspace / "stats", source, augmented, folders, lang)
