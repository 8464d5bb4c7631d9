"""Parquet files of ours, one at a time: opened with their checksums verified, and refused where values are missing."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.errors import DamagedArchive, MnistDataError, UnreadableInput
from mnist_data.parquet.arrays import to_numpy
from mnist_data.storage.footer import require_small_footer
from mnist_data.storage.pages import require_believable_rows, require_small_pages, require_sound_chunks

MOST_MEASURED = 4_096
"""Files of which is remembered that their pages are sound, as every task opens its file anew."""

_MEASURED: set[tuple[str, int, int, int]] = set()


@contextmanager
def open_parquet(location: str | Path, mapped: bool = False, buffer_bytes: int = 0) -> Iterator[pq.ParquetFile]:
    """Open one Parquet file with its page checksums verified.

    mapped: map a local file into memory, which saves a copy of what is packed. buffer_bytes: read a column by so many
    bytes; 0 reads what a row group holds of it at once. Raises DamagedArchive where it is broken, UnreadableInput where
    its footer, a page or the number of its rows is out of all proportion to its size.
    """
    reading = {"buffer_size": buffer_bytes, "pre_buffer": not buffer_bytes, "page_checksum_verification": True}
    with damage_named(location):
        if storage.is_remote(location):
            fs, path = storage.filesystem(location)
            with fs.open(path, "rb") as stream:
                require_small_footer(stream, str(location))
                with pq.ParquetFile(stream, **reading) as file:
                    require_believable_rows(stream.seek(0, io.SEEK_END), file.metadata, str(location))
                    require_sound_chunks(stream, file.metadata, str(location))
                    yield file
        else:
            with Path(location).open("rb") as stream:
                require_small_footer(stream, str(location))
            with pq.ParquetFile(str(location), memory_map=mapped, **reading) as file:
                _require_in_proportion(file.metadata, str(location))
                yield file


def _require_in_proportion(metadata: pq.FileMetaData, path: str) -> None:
    """Refuse a local file that unpacks to out of all proportion; one that has not changed is measured once."""
    status = Path(path).stat()
    measured = (path, status.st_ino, status.st_size, status.st_mtime_ns)
    if measured not in _MEASURED:
        require_believable_rows(status.st_size, metadata, path)
        with Path(path).open("rb") as stream:
            require_small_pages(stream, metadata, path)
        if len(_MEASURED) >= MOST_MEASURED:
            _MEASURED.clear()
        _MEASURED.add(measured)


@contextmanager
def damage_named(location: str | Path, advice: str = "Write it again.") -> Iterator[None]:
    """Name the file where reading it fails: raises DamagedArchive, with advice, for what pyarrow and Pillow raise."""
    try:
        yield
    except (MnistDataError, PermissionError, FileNotFoundError):
        raise  # nothing is wrong with the file, or it has been said
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as cause:
        raise DamagedArchive(
            str(location), f"it cannot be read ({first_line(cause)})", "a whole Parquet file", advice
        ) from cause


def first_line(error: BaseException) -> str:
    """Give the first line of an error's words, or its kind where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def readable(path: str) -> AbstractContextManager[Any]:
    """Give a local file's path, and a remote file open: by its path pyarrow would open it twice."""
    if not storage.is_remote(path):
        return nullcontext(path)
    fs, inner = storage.filesystem(path)
    return cast("AbstractContextManager[Any]", fs.open(inner, "rb"))


def require_sound_footer(file: pq.ParquetFile, path: str) -> None:
    """Refuse a footer with two copies of its metadata that differ, or that counts values as missing.

    Only what it says is looked at; `with_values` looks at what is read.
    """
    plain, arrow = file.metadata.metadata or {}, file.schema_arrow.metadata or {}
    if any(plain.get(name, value) != value for name, value in arrow.items()):
        raise DamagedArchive(path, "two copies of its metadata differ", "a whole Parquet file", "Write it again.")
    columns = map(file.schema.column, range(len(file.schema)))
    optional = [place for place, column in enumerate(columns) if column.max_definition_level and column.name != "path"]
    for group in range(file.metadata.num_row_groups):
        for place in optional:
            counted = file.metadata.row_group(group).column(place).statistics
            name = file.schema.column(place).path.split(".")[0]
            if counted is not None and counted.has_null_count and counted.null_count:
                with_values(file.read(columns=[name], use_threads=False), path)


def with_values(table: pa.Table, path: str, first: int = 0) -> pa.Table:
    """Give a table in which no value is missing: where one is, an image would be black and a label a number.

    first: the row of the file that is the table's first. Raises UnreadableInput, which names file, row and column.
    """
    for name, column in zip(table.column_names, table.columns, strict=True):
        row = first_null(column)
        if row is not None:
            raise UnreadableInput(
                path,
                f"row {first + row:,}, counted from 0, has no {name}",
                "a value in every row of every column",
                "Write it again from its source.",
            )
    return table


def first_null(column: pa.ChunkedArray) -> int | None:
    """Give the first row without a value, also of a list without an item or a PNG file without bytes, or None."""
    start = 0
    for chunk in column.chunks:
        nulls = [chunk]
        if pa.types.is_struct(chunk.type):
            nulls.append(chunk.field("bytes"))
        if pa.types.is_fixed_size_list(chunk.type):
            nulls.append(chunk.flatten())
        for values in nulls:
            if values.null_count:
                place = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
                return start + place // max(1, len(values) // max(1, len(chunk)))
        start += len(chunk)
    return None


@lru_cache(maxsize=64)
def _are_unique(files: tuple[str, ...], content: str) -> bool:  # noqa: ARG001  (what the files hold)
    return repeated_id(files) is None


def require_unique_ids(files: Sequence[str], content: str) -> None:
    """Refuse files in which two samples have one id: results are joined by it, and copies are made from it.

    content: hash of the files, so that they are read once. Raises UnreadableInput, which names the id and the files.
    """
    if _are_unique(tuple(files), content):
        return
    sample, *places = repeated_id(files) or ("", "", "")
    raise UnreadableInput(
        places[1],
        f"the id {sample} is there twice, {'in this file' if places[0] == places[1] else f'and in {places[0]}'}",
        "ids that are unique in their dataset",
        "Write it again from its source.",
    )


def repeated_id(files: Sequence[str]) -> tuple[int, str, str] | None:
    """Find an id that two samples have, and the files of both; None where each has its own."""
    pieces = [_ids(path) for path in files]
    if all(len(ids) < 2 or bool((ids[1:] > ids[:-1]).all()) for ids in pieces):
        spans = sorted((int(ids[0]), int(ids[-1])) for ids in pieces if len(ids))
        if all(before[1] < after[0] for before, after in pairwise(spans)):
            return None
    ids = np.concatenate(pieces)
    order = np.argsort(ids, kind="stable")
    again = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if not len(again):
        return None
    ends = np.cumsum([len(piece) for piece in pieces])
    first, second = (files[int(np.searchsorted(ends, order[again[0] + step], "right"))] for step in (0, 1))
    return int(ids[order[again[0]]]), first, second


def _ids(path: str) -> npt.NDArray[np.int64]:
    with open_parquet(path) as file:
        return to_numpy(with_values(file.read(columns=["id"], use_threads=False), path)["id"])
