"""The columns that samples can be filtered and sorted by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["number", "class", "flag", "category", "text"]
"""What a column holds: numbers, labels of classes, yes or no, a few texts, or any texts."""

Value = int | float | str | bool | None


@dataclass(frozen=True)
class SampleTable:
    """A table with a row a sample.

    name: of the file it lies in, as shown. schema: of the batches; one column is `id`. classes: those of its columns
    that hold labels. batches: reads it from the beginning, and may be called once more.
    """

    name: str
    schema: pa.Schema
    classes: frozenset[str]
    batches: Callable[[], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Column:
    """A column of a table that has a row a sample.

    name: unique among all columns. table: where it comes from. field: its name in the database. choices: of a class,
    flag or category all values that occur, sorted. low, high: of finite numbers; None where there is none.
    """

    name: str
    table: str
    field: str
    kind: Kind
    choices: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    has_missing: bool = False
