"""The hashes of results that are no dataset: a record next to a folder of tables or a page, written at its end."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.manifest import Digest
from mnist_data.parquet.records import read_record

SUMS = ".files.json"


@dataclass(frozen=True)
class Sum:
    """One file, as it was written."""

    bytes: Annotated[int, Meta(ge=0)]
    sha256: Digest


@dataclass(frozen=True)
class Sums:
    """The files of one result, by their names below it; a result that is one file has the name "". sha256: of these."""

    files: dict[str, Sum]
    sha256: Digest

    def digest(self) -> str:
        """Hash what is recorded."""
        files = {name: asdict(file) for name, file in self.files.items()}
        return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def files_below(result: Path) -> dict[str, Path]:
    """Give the files of a result by their names below it, without hidden ones."""
    if not result.is_dir():
        return {"": result}
    below = sorted(path for path in result.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(result).as_posix(): path for path in below}


def sums_text(result: Path) -> str:
    """Write what is recorded of the files of a result, as they are."""
    files = {name: Sum(path.stat().st_size, storage.sha256_of(path)) for name, path in files_below(result).items()}
    sums = Sums(files, "")
    values = {"files": {name: asdict(file) for name, file in files.items()}, "sha256": sums.digest()}
    return json.dumps(values, indent=1)


def write_sums(result: Path) -> None:
    """Record the files of a result that is complete."""
    storage.write_text(storage.sibling(result, SUMS), sums_text(result))


def read_sums(path: str) -> Sums:
    """Read a record. Raises UnreadableInput for one that is not as `write_sums` writes it."""

    def refuse(found: str, expected: str) -> UnreadableInput:
        return UnreadableInput(path, f"this record of files has {found}", expected, "Make its results again.")

    sums = read_record(storage.read_bytes(path) or b"", Sums, refuse)
    if sums.sha256 != sums.digest():
        raise refuse("a field that was altered", "what its own hash was made of")
    return sums
