"""Tables of measures kept in the user's cache folder, by the content hash of their dataset.

A file's name holds the dataset's content hash, what was measured, and the SHA-256 of the file itself; its schema says
the same again, with the versions of the package and of the measures. It is used only where all of these are right, so
neither a damaged file nor one of another content or version is. MNIST_DATA_CACHE names the folder, or is `off`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.parquet.records import read_json
from mnist_data.storage.temporary import TemporaryFolder
from mnist_data.version import __version__

VERSION = 1
"""Of the measures: raised whenever any of them is defined anew."""

KEY = b"mnist_data_measures"

MOST_BYTES = 1 << 30
"""Of all tables together; beyond it those that were not used for the longest time are removed."""


@dataclass(frozen=True)
class MeasureFile:
    """A Parquet file of measures, a row a sample in the order of the dataset.

    facts: what is known of the dataset as a whole. owner: keeps a temporary file for as long as it is in use.
    """

    path: Path
    facts: Mapping[str, Any]
    owner: Any = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(pq.read_schema(self.path).names)

    def read(self, names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
        """Read columns, (n,) each."""
        with pq.ParquetFile(self.path) as file:
            table = file.read(list(names))
        return {name: np.asarray(table[name]) for name in table.column_names}

    def pieces(self, rows: int) -> Iterator[pa.Table]:
        """Read all columns in pieces of just so many rows, but for the last; an empty file gives one empty piece."""
        with pq.ParquetFile(self.path) as file:
            rest = file.schema_arrow.empty_table()
            for batch in file.iter_batches(rows):
                rest = pa.concat_tables([rest, pa.Table.from_batches([batch])])
                while len(rest) >= rows:
                    yield rest.slice(0, rows)
                    rest = rest.slice(rows)
            if len(rest) or not file.metadata.num_rows:
                yield rest


def find(content: str, kind: str, rows: int) -> MeasureFile | None:
    """Find the measures of a dataset, by its content hash; None where there are none that can be trusted."""
    folder = cache_folder()
    if folder is None or not folder.is_dir():
        return None
    for path in sorted(folder.glob(f"{content}-{kind}-*.parquet")):
        # Another process may remove it meanwhile; and what cannot be read is measured anew.
        with suppress(OSError, ValueError, pa.ArrowException):
            facts = _facts(path, content, kind, rows)
            if facts is not None:
                os.utime(path)
                return MeasureFile(path, facts)
    return None


def _facts(path: Path, content: str, kind: str, rows: int) -> Mapping[str, Any] | None:
    if path.stem.rpartition("-")[2] != storage.sha256_of(path):
        return None
    with pq.ParquetFile(path) as file:
        written = read_json((file.schema_arrow.metadata or {}).get(KEY, b"{}"), lambda found, _: ValueError(found))
        fits = file.metadata.num_rows == rows
    facts = written.pop("facts", None) if isinstance(written, dict) else None
    return facts if fits and written == _identity(content, kind) else None


def _identity(content: str, kind: str) -> dict[str, Any]:
    return {"content": content, "measures": kind, "version": VERSION, "package": __version__}


def write(content: str, kind: str, facts: Mapping[str, Any], pieces: Iterable[pa.Table]) -> MeasureFile:
    """Write the measures of a dataset, tables of one schema one after another, at least one, and keep them if possible.

    Where the cache is off or cannot be written to, the file is a temporary one.
    """
    owner = TemporaryFolder()
    path = Path(owner.name) / "measures.parquet"
    identity = json.dumps({**_identity(content, kind), "facts": dict(facts)}, sort_keys=True)
    with storage.naming(path):  # of a full disk
        _write_all(path, identity, pieces)
    folder = cache_folder()
    if folder is not None:
        with suppress(OSError):  # a folder that is read-only, or a full disk
            kept = folder / f"{content}-{kind}-{storage.sha256_of(path)}.parquet"
            with storage.new_file(kept) as draft:
                shutil.copyfile(path, draft)
            _remove_oldest(folder, kept)
            owner.cleanup()
            return MeasureFile(kept, dict(facts))
    return MeasureFile(path, dict(facts), owner)


def _write_all(path: Path, identity: str, pieces: Iterable[pa.Table]) -> None:
    writer: pq.ParquetWriter | None = None
    for piece in pieces:
        if writer is None:
            schema = piece.schema.with_metadata({KEY: identity})
            writer = pq.ParquetWriter(path, schema, compression="lz4", use_dictionary=False)
        writer.write_table(piece.replace_schema_metadata(writer.schema.metadata))
    if writer is not None:
        writer.close()


def cache_folder() -> Path | None:
    """Give the folder of these tables, which need not be there yet; None where the cache is off."""
    return storage.results_folder("measures")


def _remove_oldest(folder: Path, latest: Path) -> None:
    """Keep the cache below MOST_BYTES; the latest file stays, whatever its size."""
    files = []
    for path in folder.glob("*.parquet"):
        with suppress(OSError):  # removed by another process
            stat = path.stat()
            files.append((stat.st_mtime_ns, stat.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= MOST_BYTES:
            return
        if path != latest:
            path.unlink(missing_ok=True)
            total -= size
