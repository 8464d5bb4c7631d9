"""What the small columns of tables say before any image is read: labels, identities, and what else is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_data.images_in.class_names import number_texts
from mnist_data.images_in.stream import UNLABELLED
from mnist_data.images_in.tables.table_columns import Columns
from mnist_data.images_in.tables.table_source import TableSource

LABEL_ROWS = 1 << 16
"""Rows of labels that are read at a time."""

Group = tuple[str, str | None, Sequence[TableSource]]
"""A split as it is named, the value of the column `split` that chooses its rows, and the tables that these lie in."""


@dataclass(frozen=True)
class TableFacts:
    """What the small columns of all tables say. numbers: labels that are texts -> label.

    labelled: which splits have labels, as they are named. kept: columns that are kept. ids: the column of identities ->
    the name that it is kept under, id where it can be that of the samples, else source_id.
    """

    numbers: Mapping[str, int]
    classes: tuple[str, ...]
    labelled: Mapping[str, bool]
    kept: tuple[str, ...]
    ids: Mapping[str, str]
    notes: tuple[str, ...]


def facts_of(groups: Sequence[Group], columns: Columns) -> TableFacts:
    """Read the small columns of all tables once."""
    texts: set[str] = set()
    labelled: dict[str, bool] = {}
    nulls: set[str] = set()
    highest = -1
    identities = Identities()
    for split, value, tables in groups:
        label = columns.label if all(columns.label in table.schema.names for table in tables) else None
        small = [name for name in (label, columns.id, columns.split, *columns.others) if name]
        identities.begin()
        for batch in (batch for table in tables for batch in table.batches(small, LABEL_ROWS)):
            rows = batch.filter(pc.equal(plain_values(batch[columns.split]), value)) if columns.split else batch
            nulls |= {name for name in columns.others if rows[name].null_count}
            if label:
                column = plain_values(rows[label])
                labelled[split] = labelled.get(split, False) or _has_labels(column)
                if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                    texts |= set(pc.unique(column).to_pylist()) - {None}
                elif pa.types.is_integer(column.type):
                    highest = max(highest, pc.max(column).as_py() or 0)
            if columns.id:
                identities.add(rows[columns.id])
    numbers, classes = number_texts(texts) if texts else ({}, ())
    return TableFacts(
        numbers=numbers,
        classes=classes or (columns.classes if highest < len(columns.classes) else ()),
        labelled=labelled,
        kept=tuple(name for name in columns.others if name not in nulls),
        ids={columns.id: identities.name} if columns.id and identities.whole else {},
        notes=_about(groups[0][2][0].path, nulls, columns.classes, highest),
    )


def _has_labels(column: pa.Array) -> bool:
    """Say whether any row has a label: a value, and not the -1 that Hugging Face writes where none is known."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return bool(pc.any(pc.not_equal(column, UNLABELLED)).as_py())
    return bool(column.null_count < len(column))


def _about(path: str, nulls: Iterable[str], classes: Sequence[str], highest: int) -> tuple[str, ...]:
    notes = []
    if names := ", ".join(sorted(nulls)):
        notes.append(f"{path}: columns that have rows without a value are left out: {names}.")
    if classes and highest >= len(classes):
        notes.append(
            f"{path}: its metadata name {len(classes)} classes, and a label is {highest}; the names are left out."
        )
    return tuple(notes)


class Identities:
    """Whether a column of ids can be that of the samples: it ascends within a split, and no two splits share one.

    whole: whether every row has one.
    """

    def __init__(self) -> None:
        self.whole, self._usable = True, True
        self._ranges: list[tuple[int, int]] = []  # of the splits before this one
        self._low, self._high = -1, -1

    def begin(self) -> None:
        """Begin another split."""
        if self._low >= 0:
            self._ranges.append((self._low, self._high))
        self._low, self._high = -1, -1

    def add(self, column: pa.Array) -> None:
        """Take in the next rows of the split."""
        self.whole = self.whole and not column.null_count
        if not len(column) or not self.whole or not self._usable:
            return
        ids = column.to_numpy(zero_copy_only=False)
        low, high = int(ids[0]), int(ids[-1])
        ascending = 0 <= low <= high < 2**63 and bool((np.diff(ids.astype(np.int64)) > 0).all())
        self._usable = ascending and low > self._high and all(high < start or low > end for start, end in self._ranges)
        self._low, self._high = low if self._low < 0 else self._low, high

    @property
    def name(self) -> str:
        """The name that the column is kept under."""
        return "id" if self._usable else "source_id"


def plain_values(column: pa.Array) -> pa.Array:
    """Give the values themselves of a column that names them once, and texts of any kind as strings."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    view = getattr(pa.types, "is_string_view", lambda _: False)
    return column.cast(pa.string()) if view(column.type) else column


def column_values(column: pa.Array) -> npt.NDArray[Any]:
    """Give a column as an array; bits as 0 and 1."""
    values = np.asarray(plain_values(column).to_numpy(zero_copy_only=False))
    return values.astype(np.uint8) if values.dtype.kind == "b" else values
