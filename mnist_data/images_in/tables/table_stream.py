"""Tables with an image in each row: of Parquet, Arrow IPC or Feather files, or in memory."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mnist_data.batch import Integers
from mnist_data.errors import MismatchedPair, UnreadableInput, WrongUse, first_few
from mnist_data.idx.names import split_named, split_order
from mnist_data.images_in.arrays.array_labels import numbers_of
from mnist_data.images_in.arrays.array_names import parse_array_name
from mnist_data.images_in.arrays.stored import BLOCK_BYTES
from mnist_data.images_in.local_files import sha256_of
from mnist_data.images_in.stream import UNLABELLED, ImageStream, Options, Rows
from mnist_data.images_in.tables.table_columns import Columns, columns_of, common_columns
from mnist_data.images_in.tables.table_facts import LABEL_ROWS, TableFacts, column_values, facts_of, plain_values
from mnist_data.images_in.tables.table_images import table_images
from mnist_data.images_in.tables.table_source import TableSource

FIRST_ROWS = 1_000
"""Rows that decide what the images are."""

SHARD = re.compile(r"-(\d+)-of-(\d+)(?=\.|$)")
NUMBERS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+")


class TableStream(ImageStream):
    """The rows of one split. tables: those they lie in, in order. value: of the column `split` that chooses them."""

    def __init__(
        self,
        tables: Sequence[TableSource],
        split: str,
        columns: Columns,
        facts: TableFacts,
        options: Options,
        value: str | None,
    ) -> None:
        self._labelled = columns.label is not None and facts.labelled.get(split, False)
        self.split, self.classes = (split or "train") if self._labelled else "unlabelled", facts.classes
        self.files = tuple(table.path for table in tables if table.on_disk)
        self.path = tables[0].path if len(tables) == 1 else str(Path(tables[0].path).parent)
        self._tables, self._columns, self._facts, self._value = tuple(tables), columns, facts, value
        self._hash = hashlib.sha256()
        self._others = {**{name: name for name in facts.kept}, **facts.ids}
        named = (*columns.pictures, *filter(None, (columns.label, columns.split)), *self._others)
        self._names = list(dict.fromkeys(named))
        firsts = (table.first(self._names, FIRST_ROWS) for table in tables)
        first = next((batch for batch in firsts if batch is not None), None)
        if first is None:
            raise UnreadableInput(self.path, "no rows", "an image in each row", "Check which file it is.")
        pictures = first.select(list(columns.pictures))
        self._images = table_images(tables[0].path, pictures, columns, options)
        self.shape, self.dtype = self._images.shape, self._images.dtype
        unlabelled = "" if self._labelled else f"{self.path}: its rows have no label."
        self.notes = tuple(filter(None, (*columns.notes, *facts.notes, self._images.note, unlabelled)))

    @property
    def sha256(self) -> str:
        """SHA-256 of the file, of several that of their digests, and of a table in memory that of its pixels."""
        if not self.files:
            return self._hash.hexdigest()
        digests = [sha256_of(file) for file in self.files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()

    def rows(self, count: int) -> Iterator[Rows]:
        """Give the rows in order. Raises UnreadableInput, which names the row, for one that is no labelled image."""
        self._hash = hashlib.sha256()
        step = max(1, min(count, BLOCK_BYTES // max(1, math.prod(self.shape) * np.dtype(self.dtype).itemsize)))
        for table in self._tables:
            row = 0
            self._images.path = table.path
            for batch in table.blocks(self._names, step):
                numbers = np.arange(row, row + len(batch))
                row += len(batch)
                if self._value is not None:
                    chosen = pc.equal(plain_values(batch[self._columns.split]), self._value)
                    batch, numbers = batch.filter(chosen), numbers[chosen.to_numpy(zero_copy_only=False)]
                if len(batch):
                    yield from _in_parts(self._rows(table.path, batch, numbers), step)

    def _rows(self, path: str, batch: pa.RecordBatch, numbers: Integers) -> Rows:
        images = self._images.decode(batch, numbers)
        labels = np.full(len(batch), UNLABELLED, np.int64)
        if self._labelled:
            labels = _labels(path, batch[self._columns.label], numbers, self._facts.numbers)
        if not self.files:
            self._hash.update(images.tobytes())
            self._hash.update(labels.tobytes())
        return Rows(images, labels, {kept: column_values(batch[name]) for name, kept in self._others.items()})


def _in_parts(rows: Rows, count: int) -> Iterator[Rows]:
    """Give rows at most `count` at a time, without a copy."""
    for start in range(0, len(rows.labels), count):
        part = slice(start, start + count)
        columns = {name: values[part] for name, values in rows.columns.items()}
        yield Rows(rows.images[part], rows.labels[part], columns)


def table_streams(tables: Sequence[TableSource], options: Options) -> list[TableStream]:
    """Open tables as splits: by the column `split`, else by their names; shards of one split follow one another.

    Raises UnreadableInput for a table without images, or a shard that is missing; WrongUse where images are unclear.
    """
    _require_column(tables, options.label_column)
    columns = common_columns([columns_of(table.schema, table.path, options.label_column) for table in tables])
    groups = [
        (named, value, group)
        for named, group in _groups(tables)
        for value, named in (_values(group, columns) or {None: named}).items()
    ]
    for _, _, group in groups:
        _require_alike(tables, group, columns)
    facts = facts_of(groups, columns)
    streams = [
        TableStream(group, named, _without_missing(columns, group), facts, options, value)
        for named, value, group in groups
    ]
    return sorted(streams, key=lambda stream: split_order(stream.split))


def _require_column(tables: Sequence[TableSource], label_column: str | None) -> None:
    """Raise WrongUse where no table has the column of labels that the user names."""
    if label_column is not None and not any(label_column in table.schema.names for table in tables):
        listed = first_few(tables[0].schema.names, 8)
        raise WrongUse(f"{tables[0].path}: none of its columns is called {label_column!r}; it has {listed}.")


def _require_alike(tables: Sequence[TableSource], group: Sequence[TableSource], columns: Columns) -> None:
    """Raise WrongUse for a table without the columns that others have; the label may be missing in a whole split."""
    labelled = [table for table in group if columns.label in table.schema.names]
    needed = (*columns.pictures, columns.label if labelled else None, columns.split)
    for table in group:
        there = set(table.schema.names)
        missing = [name for name in needed if name and name not in there]
        if missing:
            other = next(other for other in tables if missing[0] in other.schema.names)
            raise WrongUse(f"{table.path} has no column {missing[0]!r} as {other.path} has; convert each with --split.")


def _without_missing(columns: Columns, group: Sequence[TableSource]) -> Columns:
    """Give the columns of a split, of which the tables may have no labels."""
    there = columns.label is None or all(columns.label in table.schema.names for table in group)
    return columns if there else replace(columns, label=None)


def _groups(tables: Sequence[TableSource]) -> Iterator[tuple[str, list[TableSource]]]:
    """Put the shards of a split together: files whose names differ only by numbers."""
    groups: dict[tuple[str, str], list[TableSource]] = {}
    for table in tables:
        name = Path(table.path).name
        split = _split_named(name.split(".")[0]) or split_named(Path(table.path).parent.name) or ""
        groups.setdefault((split, NUMBERS.sub("#", name)), []).append(table)
    for (split, _), group in groups.items():
        _require_all_shards(group)
        yield split, group


def _split_named(name: str) -> str | None:
    return parse_array_name(name).split


def _require_all_shards(tables: Sequence[TableSource]) -> None:
    """Raise UnreadableInput where names as train-00000-of-00002 say that a file is missing, of more than one."""
    numbered = [match for table in tables if (match := SHARD.search(Path(table.path).name))]
    if len(numbered) < 2:
        return
    announced, there = int(numbered[0][2]), {int(match[1]) for match in numbered}
    missing = sorted(set(range(min(announced, 100_000))) - there)
    if missing:
        raise UnreadableInput(
            str(Path(tables[0].path).parent),
            f"{len(there)} of {announced} files, without number {missing[0]}",
            "all of them",
            "Fetch the missing ones, or convert the files one by one.",
        )


def _values(tables: Sequence[TableSource], columns: Columns) -> dict[str | None, str]:
    """Give the values of the column `split`, each with the split that it means; none where there is no such column."""
    if columns.split is None:
        return {}
    values = set()
    for table in tables:
        for batch in table.batches([columns.split], LABEL_ROWS):
            values |= set(pc.unique(plain_values(batch.column(0))).to_pylist())
    if None in values or len(values) > 10:
        raise WrongUse(
            f"{tables[0].path}: its column {columns.split!r} is to name the split of each row, and has "
            f"{'rows without one' if None in values else f'{len(values)} different values'}; leave it out."
        )
    return {value: _split_named(value) or re.sub(r"[^\w-]", "_", value) for value in sorted(values)}


def _labels(path: str, column: pa.Array, rows: Integers, numbers: Mapping[str, int]) -> Integers:
    column = plain_values(column)
    if column.null_count:
        place = int(pc.index(column.is_null(), True).as_py())
        raise UnreadableInput(f"{path}, row {rows[place]:,}", "no label", "a label in each row", "Rows count from 0.")
    if numbers:
        return np.array([numbers[text] for text in column.to_pylist()], np.int64)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)):
        raise MismatchedPair(path, f"labels of the type {column.type}", "a number or a text in each row", "Choose one.")
    return numbers_of(np.asarray(column.to_numpy(zero_copy_only=False)), path)
