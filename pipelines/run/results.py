"""Results that are no dataset: the files that one call has written together, and how these were made."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import provenance, table_provenance
from mnist_data.version import __version__
from pipelines.run.commands import settings_flags
from pipelines.run.sources import whole_near
from pipelines.run.sums import SUMS, Sum, read_sums
from pipelines.settings.analysis import Audit, Selftest, Stats
from pipelines.settings.base import Settings
from pipelines.settings.model_header import read_configuration
from pipelines.settings.stages import Clean
from pipelines.settings.training import Train
from pipelines.stages.clean import TABLES as CLEANING

MADE_AGAIN: Mapping[str, type[Settings]] = {
    settings.stage: settings for settings in (Stats, Audit, Selftest, Train, Clean)
}
"""Stages whose tables and networks can be made again from the dataset that they name, and their settings."""

PREDICT = "predict"
"""The stage whose table is made of a network and images."""

NOT_INPUTS = ("start", "corrections", "decisions", "model")
"""What stands among the inputs of a table besides datasets."""


@dataclass(frozen=True)
class Result:
    """Files that one call has written together.

    folder: they lie in it, a path or URL. stem: how their names begin, for the tables of `clean`, which lie next to
    the dataset of that name; empty where the whole folder is theirs. page: the name of a page that a run has written.
    """

    folder: str
    stem: str = ""
    page: str = ""

    @property
    def location(self) -> str:
        """Give the path to verify for all of it."""
        return self.folder if not self.stem and not self.page else f"{self.folder}/{self.stem or self.page}"

    @property
    def is_remote(self) -> bool:
        """Say whether it lies on an object store."""
        return storage.is_remote(self.folder)

    def tables(self) -> list[str]:
        """Give the paths of its Parquet tables that are there."""
        if self.page:
            return []
        if self.stem:
            paths = [f"{self.folder}/{self.stem}.{ending}.parquet" for ending in CLEANING]
            return [path for path in paths if storage.exists(path)]
        return [str(path) for path in storage.files_in(self.folder, ".parquet")]

    def networks(self) -> list[str]:
        """Give the paths of its networks that are there."""
        alone = not self.stem and not self.page and not self.is_remote
        return [str(path) for path in sorted(Path(self.folder).glob("*.safetensors"))] if alone else []

    def recorded(self) -> Mapping[str, Sum]:
        """Give what a run has recorded of its files, by their names; nothing where there is no whole record."""
        with suppress(UnreadableInput):
            record = storage.sibling(self.location, SUMS)
            if not self.stem and not self.is_remote and storage.exists(record):
                return {name or self.page: file for name, file in read_sums(record).files.items()}
        return {}


def result_of(path: str) -> Result:
    """Give the result that a file belongs to. path: of a table, a network, a page, or of the record of a result.

    >>> result_of("work/stats/summary.csv"), result_of("work/clean.cleaning.parquet").stem
    (Result(folder='work/stats', stem='', page=''), 'clean')
    """
    if path.endswith(SUMS):
        path = path.removesuffix(SUMS)
        return result_of(path) if path.endswith(".html") else Result(path)
    folder, _, name = path.rpartition("/")
    stem, _, ending = name.removesuffix(".parquet").removesuffix(".csv").rpartition(".")
    if ending in CLEANING:
        return Result(folder or ".", stem)
    return Result(folder or ".", page=name if name.endswith(".html") else "")


@dataclass(frozen=True)
class Making:
    """How a result was made, by what its files say. inputs: content hashes, or SHA-256 of files, by their names."""

    stage: str
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]
    version: str

    @property
    def dataset(self) -> str:
        """Give the content hash of the one dataset that it was made from; empty where there is none, or are several."""
        contents = [value for name, value in self.inputs.items() if name not in NOT_INPUTS]
        return contents[0] if len(contents) == 1 and self.stage in MADE_AGAIN else ""


def making_of(result: Result, damaged: Iterable[str]) -> Making | None:
    """Read how a result was made, from a file that is whole, else from what can be read of the damaged ones."""
    last = set(damaged)
    for path in sorted(result.tables(), key=lambda path: path in last):
        with suppress(UnreadableInput):
            if (recorded := table_provenance(path))["stage"]:
                return Making(**recorded)
    for path in sorted(result.networks(), key=lambda path: path in last):
        with suppress(UnreadableInput):
            if making := _making_of_network(read_configuration(path)):
                return making
    return None


def _making_of_network(configuration: Mapping[str, Any]) -> Making | None:
    """Read how a network was made that is the only one of its training; others are known by their tables."""
    plan, parameters = configuration.get("plan") or {}, configuration.get("parameters") or {}
    if not plan or parameters.get("seeds") != 1:
        return None
    inputs = {str(configuration.get("dataset", "")): str(plan.get("input", ""))}
    inputs |= {"start": str(parameters["start"])} if parameters.get("start") else {}
    return Making(**provenance("train", inputs, parameters) | {"version": str(plan.get("version", ""))})


def datasets_for(result: Result, known: Mapping[str, Dataset]) -> dict[str, Dataset]:
    """Give the datasets that a result may have been made from, by their content hashes: those known, and near ones.

    Near: next to its folder, or next to the folder that this lies in, as the tables of networks do in a workspace.
    """
    above = [result.location] if result.stem or result.page else [result.folder, result.folder.rpartition("/")[0]]
    near: dict[str, Dataset] = {}
    for place in above:
        near |= whole_near(place) if place.rpartition("/")[0] else {}
    return {**near, **known}


def obstacle_to(making: Making | None, datasets: Mapping[str, Dataset]) -> str:
    """Say why a result cannot be made again, as far as that is seen without making it; empty where it may be."""
    if making is None:
        return "no file of it says how it was made"
    if making.stage not in (*MADE_AGAIN, PREDICT):
        return f"what {making.stage} makes is not made again by itself"
    if making.version != __version__:
        return f"it was made by version {making.version}, which this one, {__version__}, does not write like"
    if making.stage != PREDICT and making.dataset not in datasets:
        return f"no whole dataset near it has the content {making.dataset}, from which {making.stage} made it"
    return ""


def result_command(result: Result, making: Making | None, datasets: Mapping[str, Dataset]) -> str:
    """Give the command that makes a result again; DATASET, MODEL and IMAGES stand for what is not known."""
    out = shlex.quote(result.location)
    if making is None:
        return f"Make {out} again by the command that made it."
    dataset = shlex.quote(datasets[making.dataset].location) if making.dataset in datasets else "DATASET"
    if making.stage == PREDICT:
        return f"mnist-data predict MODEL IMAGES --out {out} --overwrite"
    if making.stage not in MADE_AGAIN:
        return f"Make {out} again by mnist-data {making.stage}, with --overwrite."
    flags, rest = settings_flags(MADE_AGAIN[making.stage], making.parameters)
    command = "audit" if making.stage == "selftest" else making.stage
    target = [out] if making.stage in ("clean", "train") else ["--out", out]
    words = ["mnist-data", command, dataset, *target, *(["--selftest"] if command != making.stage else []), *flags]
    return " ".join([*words, "--overwrite"]) + (f" (its settings: {rest})" if rest else "")
