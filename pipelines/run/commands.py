"""Commands that make a damaged dataset again, to be pasted into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from mnist_data.idx import sample
from mnist_data.known.catalog import CATALOG
from mnist_data.parquet.schema import Metadata, Stage
from pipelines.run.repair import MAKERS
from pipelines.run.sources import named_near
from pipelines.settings.base import Settings, settings_in_words
from pipelines.settings.stages import Convert

FLAGS = {"corruptions": "corruption", "severities": "severity"}
"""Settings that have another name as a flag: those that are given once for each value."""

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
    settings = {maker.stage: maker for maker, _ in MAKERS.values()} | {"convert": Convert}
    stage = next((stage for stage in reversed(metadata.stages) if stage.stage == command), last)
    flags, rest = _flags(settings[command], stage) if command in settings else ([], stage.parameters)
    words = ["mnist-data", command, _source(metadata, last, name, known), shlex.quote(name), *flags, "--overwrite"]
    described = settings_in_words(rest)
    return " ".join(words) + (f" (its settings: {described})" if described else "")


def _source(metadata: Metadata, last: Stage, name: str, known: Mapping[str, str]) -> str:
    """Name what a dataset was made from, or say that it is not known where it lies."""
    if last.input:
        return shlex.quote(known[last.input]) if last.input in known else "DATASET"
    files = sorted({source.name for source in metadata.sources})
    places = [named_near(file, name) for file in files]
    if not places or not all(places):
        return _known_source(metadata)
    folders = set.intersection(*({place.rpartition("/")[0] for place in near} for near in places))
    if len(files) == 1:
        return shlex.quote(places[0][0])
    return shlex.quote(min(folders)) if folders else "SOURCE"


def _known_source(metadata: Metadata) -> str:
    """Give the name by which `convert` knows a dataset; the metadata are of the published one, the files may not be."""
    if metadata.dataset == sample.NAME:
        return "sample"
    return metadata.dataset if metadata.dataset in CATALOG else "SOURCE"


def _flags(settings: type[Settings], stage: Stage) -> tuple[list[str], dict[str, Any]]:
    """Give the flags of what differs from the defaults, and the settings that have none."""
    recorded, usual = settings.from_recorded(stage.parameters).recorded(), settings().recorded()
    other = {name: value for name, value in recorded.items() if value != usual.get(name)}
    rest = {name: value for name, value in other.items() if name in WITHOUT_FLAG}
    return [word for name, value in other.items() if name not in rest for word in _flag(name, value)], rest


def _flag(name: str, value: Any) -> Iterator[str]:
    flag = FLAGS.get(name, name).replace("_", "-")
    if isinstance(value, bool):
        yield f"--{flag}" if value else f"--no-{flag}"
        return
    for each in value if isinstance(value, list) else [value]:
        yield from (f"--{flag}", shlex.quote(str(each)))
