"""Repairing a damaged dataset: made again from its input, and put in its place where every byte is as it was."""

from __future__ import annotations

import glob
import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mnist_data import storage
from mnist_data.errors import CheckFailed, UnreadableInput, WrongUse
from mnist_data.idx import sample
from mnist_data.idx.names import split_order
from mnist_data.idx.pairing import Pair, find_pairs
from mnist_data.images_in.open import open_unless_idx
from mnist_data.images_in.stream import Options
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
from mnist_data.storage.temporary import TemporaryFolder
from pipelines.engine.execution import Execution
from pipelines.run.sources import BLOCK, found_near, named_near
from pipelines.settings.base import Settings
from pipelines.settings.stages import Augment, Clean, Convert, Corrupt, Normalize, Split
from pipelines.stages.augment import augment
from pipelines.stages.clean import clean
from pipelines.stages.convert import convert
from pipelines.stages.convert_images import convert_images
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


@dataclass(frozen=True)
class Repair:
    """How a damaged dataset may be made again.

    expected: its content hash. makes: calls, one after another, each of which is given where to write. obstacle: why
    there is none, in words; empty where there is one.
    """

    name: str
    manifest: Manifest | None
    expected: str
    makes: tuple[Callable[[str], object], ...] = ()
    obstacle: str = ""


def plan_repair(name: str, known: Mapping[str, Dataset], execution: Execution) -> Repair:
    """Look for what a dataset was made from: among whole datasets, by their content hashes, and files near it."""
    manifest, metadata = _recorded(name)
    if metadata is None or not metadata.stages:
        return Repair(name, manifest, "", obstacle="neither its manifest nor its parts say how it was made")
    expected = manifest.content if manifest else _content_there(name)
    if storage.exists(name) and not holds_only_a_dataset(name):
        return Repair(name, manifest, expected, obstacle="there is more in its folder than a dataset")
    makes = tuple(_ways(metadata, name, known, execution))
    return Repair(name, manifest, expected, makes, "" if makes else _what_is_missing(metadata.stages[-1]))


def _what_is_missing(last: Stage) -> str:
    if last.stage in MAKERS:
        return f"no whole dataset near it has the content {last.input}, from which {last.stage} made it"
    if last.stage == "convert":
        return "the files that it was converted from are not near it, or have changed"
    return f"what {last.stage.replace('_', ' ')} made is not repeated by itself"


def repair(plan: Repair) -> str:
    """Make a dataset again, and put it in the place of the damaged one, if every byte is then as it was.

    Gives why that failed, in words, and leaves everything as it was then; empty where it is done.
    """
    draft = _draft_of(plan.name)
    try:
        for make in plan.makes:
            try:
                make(draft)
                if open_dataset(draft).content != plan.expected:
                    continue
            except (UnreadableInput, WrongUse, CheckFailed):  # not what it was made from, or not so
                continue
            _put(draft, plan.name, plan.manifest)
            return ""
    finally:
        _remove_all(draft)
    return plan.obstacle or "what is made of its input today has other bytes, as where another version wrote it"


def _draft_of(name: str) -> str:
    return storage.sibling(name, ".repair", hidden=True)


def sweep_repairs(name: str) -> None:
    """Remove what a repair of a dataset that was killed, or whose store failed, has left next to it."""
    _remove_all(_draft_of(name))


def _remove_all(draft: str) -> None:
    """Remove a draft, and the files that its stage has written next to it."""
    if storage.is_remote(draft):
        fs, folder = storage.filesystem(draft)
        fs.invalidate_cache()
        for left in fs.glob(f"{glob.escape(folder)}*"):
            fs.rm(left, recursive=True)
        return
    for left in Path(draft).parent.glob(glob.escape(Path(draft).name) + "*"):
        storage.remove(left)


def _recorded(name: str) -> tuple[Manifest | None, Metadata | None]:
    """Give the manifest, where it is whole, and the metadata: from it, or from the parts that are."""
    manifest, described = None, recorded_metadata(name)
    with suppress(UnreadableInput):
        manifest = read_manifest(name)
    return manifest, described


def recorded_metadata(name: str) -> Metadata | None:
    """Read the metadata of a dataset with all its sources, of which a part has those of its split; None without any."""
    described = None
    with suppress(UnreadableInput):
        if (manifest := read_manifest(name)) is not None:
            described = manifest.described_metadata()
    if described is not None and described.sources:
        return described
    carried = []
    for path in sorted(part_sizes(name), key=lambda path: split_order(path.partition("/")[0].removeprefix("split="))):
        with suppress(UnreadableInput), open_parquet(f"{name}/{path}") as file:
            carried.append(metadata_of(file.schema_arrow, path))
    sources = tuple(dict.fromkeys(source for metadata in carried for source in metadata.sources))
    first = described or next(iter(carried), None)
    return replace(first, sources=sources) if first else None


def _content_there(name: str) -> str:
    """Hash the parts that are there: where the manifest is damaged, they are all that says what the dataset was."""
    return content_hash((logical(path), hash_of(f"{name}/{path}")) for path in part_sizes(name))


def hash_of(path: str) -> str:
    """Hash a file, local or on a store, in hexadecimal."""
    if not storage.is_remote(path):
        return storage.sha256_of(Path(path))
    fs, inner = storage.filesystem(path)
    hasher = hashlib.sha256()
    with fs.open(inner, "rb") as file:
        while block := file.read(BLOCK):
            hasher.update(block)
    return hasher.hexdigest()


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
    if last.stage != "convert":
        return
    calls: list[Callable[..., object]] = [partial(convert, pairs)] if (pairs := _pairs(metadata, name)) else []
    if metadata.dataset == sample.NAME:
        calls += [_convert_sample]
    calls += [partial(_convert_place, *place) for place in _places(metadata, name)]
    for call in calls:
        for dataset in (None, metadata.dataset):
            for params in _conversions(last):
                yield partial(call, params=params, dataset=dataset, **shared)


def _places(metadata: Metadata, name: str) -> list[tuple[str, str | None]]:
    """Find files and folders of other forms than IDX that a dataset may have been converted from, and their split.

    Several files are a folder of them. Whether they are the ones is seen by what becomes of them.
    """
    sources = [source for source in metadata.sources if source.role == "file"]
    names = sorted({source.name for source in sources})
    places = [near for file in names[:1] for near in named_near(file, name)]
    if len(names) > 1:
        places = list(dict.fromkeys(place.rpartition("/")[0] for place in places))
    splits = [None, *(source.split for source in sources if len(sources) == 1)]
    return [(place, split) for place in places for split in splits]


def _convert_sample(target: str, params: Convert, **shared: Any) -> object:
    with TemporaryFolder() as folder:
        return convert(find_pairs(sample.write_sample(folder)), target, params, **shared)


def _convert_place(place: str, split: str | None, target: str, params: Convert, **shared: Any) -> object:
    opened = open_unless_idx(place, Options(split, params.size, params.skip_unreadable))
    if opened is None:
        raise WrongUse(f"{place} is no longer what was converted.")
    return convert_images(opened.streams, target, params, **shared)


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
    return next((path for path, digest in found_near(source, name) if digest == source.sha256), "")


def _put(draft: str, name: str, manifest: Manifest | None) -> None:
    """Move a dataset that was made again into the place of the damaged one, under the manifest that it had."""
    made = read_manifest(draft)
    assert made is not None  # a stage that has ended well has written it
    whole = manifest or made
    if storage.is_remote(name):
        fs, folder = storage.filesystem(name)
        _, source = storage.filesystem(draft)
        written = {logical(part.path): part.path for part in made.parts}
        for part in whole.parts:
            fs.copy(f"{source}/{written[logical(part.path)]}", f"{folder}/{part.path}")
        storage.write_text(storage.sibling(name, MANIFEST), whole.to_json())
        return
    storage.remove(storage.sibling(name, MANIFEST))
    storage.replace_folder(Path(draft), Path(name))
    storage.write_text(storage.sibling(name, MANIFEST), whole.to_json())
