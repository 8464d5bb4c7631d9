"""Publishing a dataset on an object store, which has no rename: the manifest decides which files count.

The parts of a new dataset are copied from its draft to names of their own, next to those of the old one. Then the
manifest, one small object, is replaced: from that moment our readers see the new dataset, and until then the old one.
What is no part of it any more is removed last. A list of all these files lies in the draft, so that whatever an
interrupted attempt has left is found and removed by the next one, and passed over by readers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mnist_data import storage
from mnist_data.errors import NoDataset
from mnist_data.parquet.manifest import MANIFEST, Part, new_manifest, new_name, part_sizes, read_manifest
from mnist_data.parquet.records import read_record
from mnist_data.parquet.schema import Metadata

LIST = "files.json"
"""The file in a draft that lists the parts that are being added and removed."""


def draft_of(target: str | Path) -> str:
    """Name the folder in which a dataset is written before it takes its place."""
    return storage.sibling(target, ".draft", hidden=True)


def publish(draft: str, target: str, plan: str, parts: Sequence[Part], metadata: Metadata) -> None:
    """Make the parts of a draft the dataset at `target`, in the place of the one that is there, if any.

    draft: the folder of the parts. Raises StoreFailed; the old dataset is whole then, unless its removal had begun:
    then the new one is.
    """
    old = part_sizes(target)
    named = [replace(part, path=new_name(part)) if old else part for part in parts]
    new = {part.path for part in named}
    begun = {"new": sorted(new), "old": sorted(old.keys() - new)}
    storage.write_text(f"{draft_of(target)}/{LIST}", json.dumps(begun))
    fs, folder = storage.filesystem(target)
    _, source = storage.filesystem(draft)
    for part, finished in zip(parts, named, strict=True):
        fs.copy(f"{source}/{part.path}", f"{folder}/{finished.path}")
    storage.write_text(storage.sibling(target, MANIFEST), new_manifest(plan, named, metadata).to_json())
    recover(target)


def recover(target: str) -> None:
    """Finish what an attempt to write a dataset has begun: remove its draft, and files that are no part of it."""
    begun = _begun(target)
    if begun is not None:
        kept = _kept(target, begun)
        for path in set(begun.old if kept == set(begun.new) else begun.new) - kept:
            storage.remove(f"{target}/{path}")
    storage.remove(draft_of(target))


def passing(target: str) -> set[str]:
    """Give the files that an attempt to write a dataset adds or removes: those that readers pass over."""
    begun = _begun(target)
    return {*begun.new, *begun.old} if begun is not None else set()


@dataclass(frozen=True)
class _Begun:
    """What an attempt is doing: the paths of files that are being added, and that are then removed."""

    new: tuple[str, ...]
    old: tuple[str, ...]


def _begun(target: str) -> _Begun | None:
    stored = storage.read_bytes(f"{draft_of(target)}/{LIST}")
    with suppress(ValueError):
        return None if stored is None else read_record(stored, _Begun, lambda found, _: ValueError(found))
    return None


def _kept(target: str, begun: _Begun) -> set[str]:
    """Give the files of the dataset that counts, the old one or the new one; all, where its manifest is damaged."""
    try:
        manifest = read_manifest(target)
    except NoDataset:
        return {*begun.new, *begun.old}
    return {part.path for part in manifest.parts} if manifest else set()
