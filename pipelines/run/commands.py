"""Commands that make a damaged dataset or result again, to be pasted into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from mnist_data.idx import sample
from mnist_data.known.catalog import CATALOG
from mnist_data.parquet.schema import Metadata, Stage
from pipelines.run.repair import MAKERS
from pipelines.run.sources import named_near
from pipelines.settings.analysis import Audit
from pipelines.settings.base import Settings, settings_in_words
from pipelines.settings.stages import Convert

FLAGS = {"corruptions": "corruption", "severities": "severity", "thresholds": "threshold"}
"""Settings that have another name as a flag: those that are given once for each value."""

UNKNOWN_SOURCE = "SOURCE"
"""Stands for files of which only the names and hashes are recorded."""

WITHOUT_FLAG = ("recipe", "tables")
"""Settings that a file holds, of which only the content is recorded."""


def remake_command(metadata: Metadata | None, name: str, known: Mapping[str, str]) -> str:
    """Give the command that makes a dataset again.

    What its metadata do not say, or what does not lie near it, stands there as SOURCE or DATASET. known: where datasets
    lie, by their content hashes.
    """
    if metadata is None or not metadata.stages:
        return f"mnist-data convert SOURCE {shlex.quote(name)} --overwrite"
    last = metadata.stages[-1]
    command = "convert" if last.stage == "label_tables" else last.stage
    stage = next((stage for stage in reversed(metadata.stages) if stage.stage == command), last)
    words, described = _command_of(stage, _source(metadata, last, name, known), shlex.quote(name))
    return " ".join([*words, "--overwrite"]) + (f" (its settings: {described})" if described else "")


def stage_flags(stage: Stage) -> type[Settings] | None:
    """Give the settings of a stage that makes datasets; None where it is not repeated by flags."""
    return ({maker.stage: maker for maker, _ in MAKERS.values()} | {"convert": Convert}).get(stage.stage)


def _command_of(stage: Stage, source: str, target: str) -> tuple[list[str], str]:
    """Give the words of a stage's command, and in a sentence the settings that no flag has."""
    settings = stage_flags(stage)
    flags, rest = ([], stage.parameters) if settings is None else settings_flags(settings, stage.parameters)
    return ["mnist-data", stage.stage, source, target, *flags], settings_in_words(rest)


def _source(metadata: Metadata, last: Stage, name: str, known: Mapping[str, str]) -> str:
    """Name what a dataset was made from, or say that it is not known where it lies."""
    if last.input:
        return shlex.quote(known[last.input]) if last.input in known else "DATASET"
    files = sorted({source.name for source in metadata.sources})
    places = [named_near(file, name) for file in files]
    if not places or not all(places):
        return known_source(metadata)
    folders = set.intersection(*({place.rpartition("/")[0] for place in near} for near in places))
    if len(files) == 1:
        return shlex.quote(places[0][0])
    return shlex.quote(min(folders)) if folders else UNKNOWN_SOURCE


def known_source(metadata: Metadata) -> str:
    """Give the name by which `convert` knows a dataset; the metadata are of the published one, the files may not be."""
    if metadata.dataset == sample.NAME:
        return "sample"
    return metadata.dataset if metadata.dataset in CATALOG else UNKNOWN_SOURCE


def settings_flags(settings: type[Settings], parameters: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Give the flags of what differs from the defaults, and the settings that have none.

    parameters: as recorded. Those of an audit that a self-test repeats are flags of the same command.
    """
    recorded, usual = settings.from_recorded(parameters).recorded(), settings().recorded()
    other = {name: value for name, value in recorded.items() if value != usual.get(name)}
    inner, rest_of_inner = settings_flags(Audit, other.pop("audit")) if "audit" in other else ([], {})
    rest = {name: value for name, value in other.items() if name in WITHOUT_FLAG}
    words = [word for name, value in other.items() if name not in rest for word in _flag(name, value)]
    return [*words, *inner], rest | rest_of_inner


def _flag(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield f"--{'' if value else 'no-'}{name.replace('_', '-')}"
        return
    flag = FLAGS.get(name, name).replace("_", "-")
    if name in ("start", "decisions"):  # only the hash of the file is recorded
        yield from (f"--{flag}", "MODEL" if name == "start" else "DECISIONS")
        return
    values = [f"{key}={limit:g}" for key, limit in value.items()] if isinstance(value, Mapping) else value
    for each in values if isinstance(values, list) else [values]:
        yield from (f"--{flag}", shlex.quote(str(each)))
