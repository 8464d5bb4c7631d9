"""Tables as Arrow gives them, read from front to back in batches: Parquet, Arrow IPC, Feather, or one in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data.errors import UnreadableInput
from mnist_data.images_in.local_files import local_file

DAMAGE = (pa.ArrowException, OSError, ValueError, EOFError, OverflowError, MemoryError, KeyError, IndexError)
"""What Arrow raises for altered files."""

BUFFER_BYTES = 1 << 20


class TableSource(ABC):
    """A table. path: of the file, as messages name it. on_disk: whether there is such a file."""

    path: str
    schema: pa.Schema
    on_disk = True

    @abstractmethod
    def batches(self, columns: Sequence[str], count: int) -> Iterator[pa.RecordBatch]:
        """Give the chosen columns in order, at most `count` rows at a time."""


class ParquetTable(TableSource):
    """A Parquet file, of which a row group's pages are unpacked as they are needed."""

    def __init__(self, path: str) -> None:
        self.path, self._file = path, local_file(path)
        with _named(path), self._open() as file:
            self.schema = file.schema_arrow

    def _open(self) -> pq.ParquetFile:
        return pq.ParquetFile(self._file, buffer_size=BUFFER_BYTES, pre_buffer=False)

    def batches(self, columns: Sequence[str], count: int) -> Iterator[pa.RecordBatch]:
        """Give the chosen columns in order. Raises UnreadableInput where the file is damaged."""
        with _named(self.path), self._open() as file:
            for batch in file.iter_batches(count, columns=list(columns), use_threads=False):
                batch.validate(full=True)
                yield batch.select(list(columns))


class ArrowTable(TableSource):
    """An Arrow IPC file, Feather of version 2, or an Arrow stream as the datasets library caches it."""

    def __init__(self, path: str) -> None:
        self.path, self._file = path, local_file(path)
        with _named(path), pa.OSFile(self._file) as file:
            self._is_file = file.read(6) == b"ARROW1"
            file.seek(0)
            self.schema = self._open(file).schema

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
        self.path, self.schema, self._table = path, table.schema, table

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
