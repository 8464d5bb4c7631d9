"""Tables as Arrow gives them, read from front to back in batches: Parquet, Arrow IPC, Feather, or one in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data.errors import UnreadableInput
from mnist_data.images_in.arrays.stored import BLOCK_BYTES
from mnist_data.images_in.local_files import local_file
from mnist_data.storage.footer import require_small_footer
from mnist_data.storage.pages import require_small_pages

DAMAGE = (pa.ArrowException, OSError, ValueError, EOFError, OverflowError, MemoryError, KeyError, IndexError)
"""What Arrow raises for altered files."""

BUFFER_BYTES = 1 << 20

GROUP_BYTES = 1 << 28
"""What rows that are read at once may take, were each as large as its column's dictionary: as few bytes of a file can
name the largest value for every row."""


class TableSource(ABC):
    """A table. path: of the file, as messages name it. on_disk: whether there is such a file."""

    path: str
    schema: pa.Schema
    on_disk = True

    @abstractmethod
    def batches(self, columns: Sequence[str], count: int) -> Iterator[pa.RecordBatch]:
        """Give the chosen columns in order, at most `count` rows at a time."""

    def blocks(self, columns: Sequence[str], count: int) -> Iterator[pa.RecordBatch]:
        """Give the chosen columns in order, `count` rows at a time, or more where that is faster and still small."""
        return self.batches(columns, count)

    def first(self, columns: Sequence[str], count: int) -> pa.RecordBatch | None:
        """Give the first rows, at most `count`; None where there are none."""
        return next((batch for batch in self.batches(columns, count) if len(batch)), None)


class ParquetTable(TableSource):
    """A Parquet file, of which a row group's pages are unpacked as they are needed."""

    def __init__(self, path: str) -> None:
        self.path, self._file = path, local_file(path)
        self._metadata: Any = None
        self._kept: tuple[int, tuple[str, ...], pa.Table] | None = None
        self._widths: dict[tuple[str, ...], int] = {}
        with Path(self._file).open("rb") as stream:
            require_small_footer(stream, path)
        with _named(path), self._open() as file:
            self.schema, self._metadata = _readable(file.schema_arrow, path), file.metadata

    def _open(self) -> pq.ParquetFile:
        return pq.ParquetFile(self._file, metadata=self._metadata, buffer_size=BUFFER_BYTES, pre_buffer=False)

    def _row_bytes(self, columns: Sequence[str]) -> int:
        """Give what a row may take. Raises UnreadableInput for pages to whose size Arrow must not enlarge a buffer."""
        names = tuple(columns)
        if names not in self._widths:
            with Path(self._file).open("rb") as stream:
                self._widths[names] = require_small_pages(stream, self._metadata, self.path, names)
        return self._widths[names]

    def batches(self, columns: Sequence[str], count: int) -> Iterator[pa.RecordBatch]:
        """Give the chosen columns in order, fewer rows at a time where they take more than GROUP_BYTES.

        Raises UnreadableInput where the file is damaged.
        """
        with _named(self.path):
            parts = -(-count * self._row_bytes(columns) // GROUP_BYTES)
            at_once = max(1, count // max(1, parts))
            with self._open() as file:
                pieces = file.iter_batches(at_once, columns=list(columns), use_threads=False)
                for batch in pieces if at_once == count else _joined(pieces, count):
                    batch.validate(full=True)
                    yield batch.select(list(columns))

    def blocks(self, columns: Sequence[str], count: int) -> Iterator[pa.RecordBatch]:
        """Give whole row groups where these are small: of hundreds of columns, batches take twice as long."""
        if not self._small_groups(columns):
            yield from self.batches(columns, count)
            return
        for place in range(self._metadata.num_row_groups):
            yield from self._group(place, columns).to_batches()

    def first(self, columns: Sequence[str], count: int) -> pa.RecordBatch | None:
        """Give the first rows; a small row group is read once for this and for the first block."""
        if not self._small_groups(columns):
            return super().first(columns, count)
        for place in range(self._metadata.num_row_groups):
            for batch in self._group(place, columns).to_batches():
                self._kept = (place, tuple(columns), pa.Table.from_batches([batch]))
                return batch.slice(0, count)
        return None

    def _small_groups(self, columns: Sequence[str]) -> bool:
        widths = [_width(self.schema.field(name).type) for name in columns]
        groups = [self._metadata.row_group(place) for place in range(self._metadata.num_row_groups)]
        rows = max((group.num_rows for group in groups), default=0)
        return None not in widths and rows * sum(width or 0 for width in widths) <= BLOCK_BYTES

    def _group(self, place: int, columns: Sequence[str]) -> pa.Table:
        kept, self._kept = self._kept, None
        if kept and kept[:2] == (place, tuple(columns)):
            return kept[2]
        with _named(self.path), self._open() as file:
            self._row_bytes(columns)
            group = file.read_row_group(place, columns=list(columns), use_threads=True)
            group.validate(full=True)
            return group.select(list(columns)).combine_chunks()


def _joined(pieces: Iterable[pa.RecordBatch], count: int) -> Iterator[pa.RecordBatch]:
    """Join pieces while they are small and have no more rows than wanted together."""
    joined: list[pa.RecordBatch] = []
    for piece in pieces:
        whole = sum(map(len, joined)) + len(piece) > count or sum(each.nbytes for each in joined) > BLOCK_BYTES
        if joined and whole:
            yield pa.concat_batches(joined)
            joined = []
        joined.append(piece)
    if joined:
        yield pa.concat_batches(joined)


def _width(kind: pa.DataType) -> int | None:
    """Give the bytes of a value; None where they differ from value to value."""
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_fixed_size_binary(kind)
    return max(1, kind.bit_width // 8) if number else None


class ArrowTable(TableSource):
    """An Arrow IPC file, Feather of version 2, or an Arrow stream as the datasets library caches it."""

    def __init__(self, path: str) -> None:
        self.path, self._file = path, local_file(path)
        with _named(path), pa.OSFile(self._file) as file:
            self._is_file = file.read(6) == b"ARROW1"
            file.seek(0)
            self.schema = _readable(self._open(file).schema, path)

    def _open(self, file: pa.NativeFile) -> Any:
        return pa.ipc.open_file(file) if self._is_file else pa.ipc.open_stream(file)

    def batches(self, columns: Sequence[str], count: int) -> Iterator[pa.RecordBatch]:
        """Give the chosen columns in order. Raises UnreadableInput where the file is damaged."""
        with _named(self.path), pa.OSFile(self._file) as file:
            reader = self._open(file)
            whole = (
                (reader.get_batch(number) for number in range(reader.num_record_batches)) if self._is_file else reader
            )
            for batch in whole:
                chosen = batch.select(list(columns))
                chosen.validate(full=True)
                for start in range(0, chosen.num_rows, count):
                    yield chosen.slice(start, count)


class MemoryTable(TableSource):
    """An Arrow table in memory."""

    on_disk = False

    def __init__(self, table: pa.Table, path: str = "the table") -> None:
        self.path, self._table = path, table
        with _named(path):
            self.schema = _readable(table.schema, path)

    def batches(self, columns: Sequence[str], count: int) -> Iterator[pa.RecordBatch]:
        """Give the chosen columns in order."""
        yield from self._table.select(list(columns)).to_batches(max_chunksize=count)


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Name the file where Arrow finds it damaged."""
    try:
        yield
    except DAMAGE as cause:
        why = str(cause).splitlines()[0][:200] if str(cause) else type(cause).__name__
        raise UnreadableInput(path, f"it cannot be read ({why})", "a whole file", "Fetch it again.") from cause


def _readable(schema: pa.Schema, path: str) -> pa.Schema:
    """Give a schema all of whose names are UTF-8, those within others too, and whose columns have different names.

    Raises UnicodeDecodeError, a ValueError, for the former, UnreadableInput for the latter.
    """
    repeated = next((name for name, times in Counter(schema.names).items() if times > 1), None)
    if repeated is not None:
        raise UnreadableInput(
            path,
            f"several columns of the name {repeated[:80]!r}",
            "another name for each column",
            "Rename or leave out all but one of them.",
        )
    fields = list(schema)
    while fields:
        field = fields.pop()
        _ = field.name  # pyarrow decodes it here
        if pa.types.is_nested(field.type) and not pa.types.is_dictionary(field.type):
            fields += [field.type.field(place) for place in range(field.type.num_fields)]
    return schema
