"""Repairing a damaged dataset: made again from its input, and put in its place where every byte is as it was."""

from __future__ import annotations

import glob
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnist_data import storage
from mnist_data.errors import CheckFailed, UnreadableInput, WrongUse
from mnist_data.idx.names import split_order
from mnist_data.idx.pairing import Pair
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.files import open_parquet
from mnist_data.parquet.manifest import (
    MANIFEST,
    Manifest,
    content_hash,
    logical,
    part_sizes,
    read_manifest,
)
from mnist_data.parquet.schema import Metadata, Source, Stage, metadata_of
from mnist_data.parquet.writer import holds_only_a_dataset
from pipelines.engine.execution import Execution
from pipelines.run.sources import found_near
from pipelines.settings.base import Settings
from pipelines.settings.stages import Augment, Clean, Convert, Corrupt, Normalize, Split
from pipelines.stages.augment import augment
from pipelines.stages.clean import clean
from pipelines.stages.convert import convert
from pipelines.stages.corrupt import corrupt
from pipelines.stages.normalize import normalize
from pipelines.stages.split import split

MAKERS: Mapping[str, tuple[type[Settings], Callable[..., Any]]] = {
    "clean": (Clean, clean),
    "split": (Split, split),
    "normalize": (Normalize, normalize),
    "augment": (Augment, augment),
    "corrupt": (Corrupt, corrupt),
}
"""Stages that make a dataset of one other, by name: their settings and their function."""

CODECS = {"ZSTD": "zstd", "LZ4": "lz4", "LZ4_RAW": "lz4", "UNCOMPRESSED": "none"}
"""Parquet's names of the codecs that stages write with."""


def repair(name: str, known: Mapping[str, Dataset], execution: Execution) -> bool:
    """Make a dataset again from what it was made from, and put it in the place of the damaged one.

    known: whole datasets by their content hashes, among which its input is looked for; the source files of a
    conversion are looked for near it. Gives False, and leaves everything as it was, where the input is not there, or
    where what is made now is not what was there byte for byte.
    """
    if storage.is_remote(name) or (Path(name).exists() and not holds_only_a_dataset(name)):
        return False
    manifest, metadata = _recorded(name)
    if metadata is None or not metadata.stages:
        return False
    expected = manifest.content if manifest else _content_there(name)
    draft = storage.sibling(name, ".repair", hidden=True)
    try:
        for make in _ways(metadata, name, known, execution):
            try:
                make(draft)
                if open_dataset(draft).content != expected:
                    continue
            except (UnreadableInput, WrongUse, CheckFailed):  # not what it was made from, or not so
                continue
            _put(draft, name, manifest)
            return True
    finally:
        for left in Path(draft).parent.glob(glob.escape(Path(draft).name) + "*"):
            storage.remove(left)
    return False


def _recorded(name: str) -> tuple[Manifest | None, Metadata | None]:
    """Give the manifest, where it is whole, and the metadata: from it, or from the parts that are."""
    with suppress(UnreadableInput):
        if (manifest := read_manifest(name)) is not None:
            return manifest, manifest.described_metadata()
    carried = []
    for path in sorted(part_sizes(name), key=lambda path: split_order(path.partition("/")[0].removeprefix("split="))):
        with suppress(UnreadableInput), open_parquet(f"{name}/{path}") as file:
            carried.append(metadata_of(file.schema_arrow, path))
    sources = tuple(dict.fromkeys(source for metadata in carried for source in metadata.sources))
    return None, replace(carried[0], sources=sources) if carried else None


def _content_there(name: str) -> str:
    """Hash the parts that are there: where the manifest is damaged, they are all that says what the dataset was."""
    return content_hash((logical(path), storage.sha256_of(Path(name) / path)) for path in part_sizes(name))


def _ways(
    metadata: Metadata, name: str, known: Mapping[str, Dataset], execution: Execution
) -> Iterator[Callable[[str], object]]:
    """Give the calls that may have made a dataset; each is given where to write."""
    last = metadata.stages[-1]
    shared: dict[str, Any] = {"execution": execution, "overwrite": True}
    if last.stage in MAKERS and last.input in known:
        settings, function = MAKERS[last.stage]
        params = settings.from_recorded(last.parameters)
        if "compression" in inspect.signature(function).parameters:
            shared["compression"] = _codec(name)
        yield lambda draft: function(known[last.input], draft, params, **shared)
    if last.stage == "convert" and (pairs := _pairs(metadata, name)):
        for dataset in (None, metadata.dataset):
            for params in _conversions(last):
                yield lambda draft, dataset=dataset, params=params: convert(  # type: ignore[misc]
                    pairs, draft, params, dataset=dataset, **shared
                )


def _conversions(stage: Stage) -> Iterator[Convert]:
    """Give the settings of a conversion: as recorded, with what the catalogue filled in, and without."""
    params = Convert.from_recorded(stage.parameters)
    yield params.replace(first_label=None, transpose=None)
    yield params


def _codec(name: str) -> str:
    """Give the compression of the first part that can be read."""
    for path in sorted(part_sizes(name)):
        with suppress(UnreadableInput), open_parquet(f"{name}/{path}") as file:
            return CODECS.get(file.metadata.row_group(0).column(0).compression, "zstd")
    return "zstd"


def _pairs(metadata: Metadata, name: str) -> list[Pair]:
    """Find the IDX files that a dataset was converted from near it; none where one is missing or has changed."""
    files = {(source.split, source.role): _near(source, name) for source in metadata.sources}
    splits = list(dict.fromkeys(source.split for source in metadata.sources))
    pairs = [Pair(split, files.get((split, "images"), ""), files.get((split, "labels"), "")) for split in splits]
    return pairs if all(pair.images and pair.labels for pair in pairs) else []


def _near(source: Source, name: str) -> str:
    """Give the path of a source file that is as it was; empty where there is none."""
    return next((str(path) for path, digest in found_near(source, name) if digest == source.sha256), "")


def _put(draft: str, name: str, manifest: Manifest | None) -> None:
    """Move a dataset that was made again into the place of the damaged one, under the manifest that it had."""
    made = read_manifest(draft)
    assert made is not None  # a stage that has ended well has written it
    whole = manifest or made
    storage.remove(storage.sibling(name, MANIFEST))
    storage.replace_folder(Path(draft), Path(name))
    storage.write_text(storage.sibling(name, MANIFEST), whole.to_json())
