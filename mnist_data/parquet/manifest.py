"""The manifest next to a dataset: which files it has, of what size and hash, and the metadata that they carry."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from mnist_data import storage
from mnist_data.errors import NoDataset
from mnist_data.parquet.records import convert_record, in_short, read_json
from mnist_data.parquet.schema import FORMAT, Metadata

MANIFEST = ".manifest.json"

IN_SPLIT = re.compile(r"(split=[^/]+/[^/]+\.parquet)$")
"""A file's path below its dataset's folder."""

_NEW_NAME = re.compile(r"-[0-9a-f]{12}\.parquet$")

Count = Annotated[int, Meta(ge=0)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class Part:
    """One Parquet file of a dataset. path: below the dataset's folder, as in split=train/part-00000.parquet."""

    path: str
    split: str
    rows: Count
    bytes: Count
    sha256: Digest


@dataclass(frozen=True)
class Manifest:
    """What is recorded of a dataset when it is complete.

    plan: hash of what determined it. content: hash of its files. metadata: that of the files, of a conversion with the
    sources of all splits. sha256: of all these, so that no altered bit of the manifest is believed; empty in those of
    0.1.0.
    """

    format: int
    plan: Digest
    content: Digest
    rows: Count
    parts: tuple[Part, ...]
    metadata: dict[str, Any]
    sha256: str = ""

    def described(self) -> dict[str, Any]:
        """Give all that is recorded but the hash of it."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "sha256"}
        return {**values, "parts": [asdict(part) for part in self.parts]}

    def described_metadata(self) -> Metadata:
        """Give the metadata of the files, under the names of today."""
        return Metadata.from_json(json.dumps(self.metadata), _refuse_metadata)

    def digest(self) -> str:
        """Hash what is recorded."""
        return hashlib.sha256(json.dumps(self.described(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        """Give the text of the manifest."""
        return json.dumps({**self.described(), "sha256": self.digest()}, indent=1)


def _refuse_metadata(found: str, expected: str) -> ValueError:
    return ValueError(f"{found}; expected {expected}")  # never of a manifest that was read: its metadata were, too


def new_manifest(plan: str, parts: Iterable[Part], metadata: Metadata) -> Manifest:
    """Record a dataset that is complete."""
    listed = tuple(parts)
    content = content_hash((logical(part.path), part.sha256) for part in listed)
    rows = sum(part.rows for part in listed)
    return Manifest(metadata.format, plan, content, rows, listed, json.loads(metadata.to_json()))


def content_hash(files: Iterable[tuple[str, str]]) -> str:
    """Hash (path, SHA-256) pairs into one content hash; their order does not matter."""
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()


def read_manifest(location: str | Path) -> Manifest | None:
    """Read the manifest next to a dataset; None where there is none.

    Raises NoDataset, which names the field, for one that is not as we write them, or that was altered since.
    """
    path = storage.sibling(location, MANIFEST)
    stored = storage.read_bytes(path)
    return None if stored is None else parse_manifest(stored, path)


def parse_manifest(stored: bytes, path: str) -> Manifest:
    """Read the content of a manifest as `read_manifest` does. path: of the file, for messages."""

    def refuse(found: str, expected: str) -> NoDataset:
        return NoDataset(path, f"this manifest has {found}", expected, "Write its dataset again.")

    values = read_json(stored, refuse)
    if isinstance(values, dict) and values.get("format") != FORMAT:
        version = in_short(values.get("format"))
        advice = "Read its dataset with the mnist-data that wrote it, or write it again."
        raise NoDataset(path, f"a manifest of format {version}", f"format {FORMAT}", advice)
    manifest = convert_record(values, Manifest, refuse)
    Metadata.from_json(json.dumps(manifest.metadata), refuse)
    for fault in _contradictions(manifest):
        raise refuse(*fault)
    return manifest


def _contradictions(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Say what in a manifest contradicts the rest of it: found and expected."""
    paths = [part.path for part in manifest.parts]
    for part in manifest.parts:
        if IN_SPLIT.fullmatch(part.path) is None or not part.path.startswith(f"split={part.split}/"):
            yield f"{in_short(part.path)} as the path of a part", f"a Parquet file in split={part.split}"
    if len(set(paths)) < len(paths):
        yield "a part twice", "each part once"
    if manifest.rows != sum(part.rows for part in manifest.parts):
        yield f"{manifest.rows:,} rows", f"{sum(part.rows for part in manifest.parts):,}, those of its parts"
    content = content_hash((logical(part.path), part.sha256) for part in manifest.parts)
    if manifest.content != content:
        yield f"{manifest.content} as content", f"{content}, by the hashes of its parts"
    if manifest.sha256 and manifest.sha256 != manifest.digest():
        yield "a field that was altered", "what its own hash was made of"


def logical(path: str) -> str:
    """Give the name that a part has in the content hash: that on a disk, whatever it is called on an object store.

    >>> logical("split=test/part-00000-0123456789ab.parquet")
    'split=test/part-00000.parquet'
    """
    return _NEW_NAME.sub(".parquet", path)


def new_name(part: Part) -> str:
    """Give the path of a part that can lie next to the one it replaces: with its content in its name."""
    return logical(part.path).removesuffix(".parquet") + f"-{part.sha256[:12]}.parquet"


def differences(manifest: Manifest, sizes: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Say how the files of a dataset differ from its manifest: found and expected.

    sizes: bytes of each Parquet file below the dataset's folder, by its path there.
    """
    for part in manifest.parts:
        if part.path not in sizes:
            yield f"its part {part.path} is missing", "all parts of its manifest"
        elif sizes[part.path] != part.bytes:
            yield f"its part {part.path} has {sizes[part.path]:,} bytes", f"{part.bytes:,}, as its manifest says"
    for path in sorted(sizes.keys() - {part.path for part in manifest.parts}):
        yield f"{in_short(path)} is no part of it", "only the files of its manifest"


def part_sizes(name: str) -> dict[str, int]:
    """Give the bytes of each Parquet file in and below a dataset's folder or URL, by its path there."""
    if storage.is_remote(name):
        fs, folder = storage.filesystem(name)
        fs.invalidate_cache()  # another process may have written it since
        listed = fs.find(folder, detail=True)
        below = {path.removeprefix(folder).lstrip("/"): int(entry["size"] or 0) for path, entry in listed.items()}
        return {path: size for path, size in below.items() if path.endswith(".parquet")}
    files = (path for path in Path(name).rglob("*.parquet") if path.is_file())
    return {path.relative_to(name).as_posix(): path.stat().st_size for path in files}
