"""The samples of a dataset with all that tables say of them, in a DuckDB table with a row a sample."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dashboards.explorer.columns import Column, SampleTable, Value
from dashboards.explorer.query import Query, column_named, order_clause, where_clause
from mnist_data.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import pyarrow as pa

Rows = npt.NDArray[np.int32]
"""Places of samples in the dataset, counted from 0."""

MEMORY = "192MB"
"""Most that the database holds in memory; what is more lies on the disk."""

ORDERS_BYTES = 64 << 20
"""Memory for the rows of the latest queries: windows of a query are cut from these."""

CATEGORIES = 50
"""Different texts of a column up to which one chooses among them."""


@dataclass(frozen=True)
class Histogram:
    """Counts of a column. edges: (bins + 1,) of numbers; values: one a bin of others; counts: (bins,)."""

    column: str
    counts: list[int]
    edges: list[float]
    values: list[Value]


class Samples:
    """Answers which samples there are, and what is known of them. Its methods may be called from several threads.

    columns: by name. left_out: tables without a place here, each with the reason.
    """

    def __init__(self, dataset: SampleTable, tables: Sequence[SampleTable] = (), database: str = ":memory:") -> None:
        """Join the tables to the dataset's own columns by `id`.

        dataset: with the columns `row` (0, 1, 2 …) and `id`, in this order. database: a file that is not there yet,
        for more samples than memory is to hold. Raises MissingExtra where DuckDB is not installed.
        """
        self._connection = _connect(database)
        self._orders: OrderedDict[str, Rows] = OrderedDict()
        self.version = 0  # of the columns that change
        self._lock = threading.Lock()
        self.left_out: dict[str, str] = {}
        self.columns = self._join(dataset, tables)
        self.count = int(self._one("SELECT count(*) FROM samples")[0])

    def close(self) -> None:
        """Give back the database's memory and files."""
        self._connection.close()

    def select(self, query: Query) -> Rows:
        """Give the rows of the samples that a query asks for, (n,), in its order. Raises WrongUse for a wrong query."""
        key = query.to_json()
        with self._lock:
            if key in self._orders:
                self._orders.move_to_end(key)
                return self._orders[key]
        where, parameters = where_clause(query, self.columns)
        order = order_clause(query, self.columns)
        with self._cursor() as cursor:
            found = cursor.execute(f"SELECT row FROM samples WHERE {where} ORDER BY {order}", parameters).fetchnumpy()
        rows = np.asarray(found["row"], np.int32)
        with self._lock:
            self._orders[key] = rows
            while len(self._orders) > 1 and sum(each.nbytes for each in self._orders.values()) > ORDERS_BYTES:
                self._orders.popitem(last=False)
        return rows

    def add_numbers(self, table: str, columns: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Add columns of numbers, each (count,) in the order of the dataset. table: what they are shown under."""
        import pyarrow as pa

        with self._lock, self._cursor() as cursor:
            new = {name: values for name, values in columns.items() if name not in self.columns}
            for name, values in new.items():
                field = f"n{len(self.columns)}"
                source = pa.table({"row": np.arange(self.count, dtype=np.int32), "value": values})
                cursor.register("added", source)
                cursor.execute(f"ALTER TABLE samples ADD COLUMN {field} FLOAT")
                cursor.execute(f"UPDATE samples SET {field} = added.value FROM added WHERE added.row = samples.row")
                cursor.unregister("added")
                finite = values[np.isfinite(values)]
                low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
                self.columns[name] = Column(name, table, field, "number", (), low, high)

    def add_texts(self, table: str, name: str, choices: tuple[str, ...]) -> Column | None:
        """Add a column of texts, so far all missing; None where another column has its name."""
        with self._lock, self._cursor() as cursor:
            if name in self.columns:
                return None
            field = f"n{len(self.columns)}"
            cursor.execute(f"ALTER TABLE samples ADD COLUMN {field} VARCHAR")
            self.columns[name] = Column(name, table, field, "category", choices, has_missing=True)
            return self.columns[name]

    def set_texts(self, column: Column, values: Mapping[int, str | None]) -> None:
        """Set a column that was added, of the samples with some ids."""
        import pyarrow as pa

        source = pa.table({"id": pa.array(list(values), pa.int64()), "value": pa.array(values.values(), pa.string())})
        with self._lock, self._cursor() as cursor:
            cursor.register("changed", source)
            cursor.execute(f"UPDATE samples SET {column.field} = value FROM changed WHERE changed.id = samples.id")
            cursor.unregister("changed")
            self.version += 1

    def place_of(self, row: int, query: Query) -> int | None:
        """Say where a sample stands in what a query gives; None where it is not among them."""
        places = np.flatnonzero(self.select(query) == row)
        return int(places[0]) if len(places) else None

    def row_of(self, sample: int) -> int | None:
        """Give the row of the sample with an id; None where there is none."""
        found = self._all("SELECT row FROM samples WHERE id = ?", [sample])
        return int(found[0][0]) if found else None

    def values(self, rows: Rows, names: Sequence[str]) -> dict[str, list[Value]]:
        """Give some columns of some samples, in the order of the rows."""
        fields = [column_named(name, self.columns).field for name in names]
        chosen = ", ".join(str(int(row)) for row in np.unique(rows))
        found = self._all(f"SELECT {', '.join(['row', *fields])} FROM samples WHERE row IN ({chosen or 'NULL'})")
        by_row = {record[0]: record[1:] for record in found}
        return {name: [by_row[int(row)][place] for row in rows] for place, name in enumerate(names)}

    def details(self, row: int) -> dict[str, dict[str, Value]]:
        """Give all that is known of a sample: the values by column, these by table."""
        values = self.values(np.array([row], np.int32), list(self.columns))
        grouped: dict[str, dict[str, Value]] = {}
        for column in self.columns.values():
            grouped.setdefault(column.table, {})[column.name] = values[column.name][0]
        return grouped

    def histogram(self, name: str, query: Query, bins: int = 40) -> Histogram:
        """Count the values of a column under a query, whose own condition on this column is left aside."""
        column = column_named(name, self.columns)
        where, parameters = where_clause(query.without(name), self.columns)
        if column.kind != "number" or column.low is None or column.high is None:
            return self._counts(column, where, parameters)
        if column.low == column.high:
            bins = 1
        width = (column.high - column.low) / bins or 1.0
        place = f"least(greatest(floor(({column.field} - ?) / ?), 0), ?)::INTEGER"
        found = self._all(
            f"SELECT {place} AS bin, count(*) FROM samples WHERE {where} AND isfinite({column.field}::DOUBLE) "
            "GROUP BY bin",
            [column.low, width, bins - 1, *parameters],
        )
        counts = np.zeros(bins, np.int64)
        for index, count in found:
            counts[index] = count
        edges = [column.low + width * step for step in range(bins + 1)]
        return Histogram(name, counts.tolist(), edges, [])

    def _counts(self, column: Column, where: str, parameters: list[Any]) -> Histogram:
        found = self._all(
            f"SELECT {column.field}, count(*) FROM samples WHERE {where} AND {column.field} IS NOT NULL "
            f"GROUP BY ALL ORDER BY count(*) DESC LIMIT {CATEGORIES}",
            parameters,
        )
        counted = dict(found)
        values = list(column.choices) if column.choices else list(counted)
        return Histogram(column.name, [counted.get(value, 0) for value in values], [], values)

    def points(self, x: str, y: str, query: Query, limit: int = 5_000) -> tuple[Rows, list[float], list[float]]:
        """Give the places of samples by two columns of numbers: rows, x and y, at most `limit`, chosen by their row.

        The conditions of the query on the two columns are left aside.
        """
        fields = [column_named(name, self.columns).field for name in (x, y)]
        where, parameters = where_clause(query.without(x, y), self.columns)
        finite = " AND ".join(f"isfinite({field}::DOUBLE)" for field in fields)
        total = int(self._one(f"SELECT count(*) FROM samples WHERE {where} AND {finite}", parameters)[0])
        step = max(1, -(-total // limit))
        found = self._all(
            f"SELECT row, {', '.join(fields)} FROM samples WHERE {where} AND {finite} AND hash(row) % {step} = 0",
            parameters,
        )
        rows = np.array([record[0] for record in found], np.int32)
        return rows, [float(record[1]) for record in found], [float(record[2]) for record in found]

    def _join(self, dataset: SampleTable, tables: Sequence[SampleTable]) -> dict[str, Column]:
        """Make the table `samples`, and describe its columns."""
        chosen, joins = ["own.row", "own.id"], list[str]()
        columns: list[tuple[str, SampleTable, str]] = []
        self._load("own", dataset)
        for number, table in enumerate([dataset, *tables]):
            alias = f"t{number}" if number else "own"
            if number:
                self._load(alias, table)
                if self._one(f"SELECT count(*) > count(DISTINCT id) FROM {alias}")[0]:
                    self.left_out[table.name] = "it has several rows for one id"
                    continue
                joins.append(f"LEFT JOIN {alias} ON {alias}.id = own.id")
            for name in table.schema.names:
                if name in ("row", "id"):
                    continue
                field = f"c{len(columns)}"
                chosen.append(f"{alias}.{_quoted(name)} AS {field}")
                columns.append((name, table, field))
        self._execute(f"CREATE TABLE samples AS SELECT {', '.join(chosen)} FROM own {' '.join(joins)} ORDER BY own.row")
        for number in range(len(tables) + 1):
            self._execute(f"DROP TABLE IF EXISTS {f't{number}' if number else 'own'}")
        described = {"id": self._describe("id", dataset, "id")}
        taken: set[str] = {"id"}
        for name, table, field in columns:
            shown = name if name not in taken else f"{table.name}: {name}"
            taken.add(shown)
            described[shown] = self._describe(shown, table, field, name)
        return described

    def _load(self, alias: str, table: SampleTable) -> None:
        """Read a table into the database; what is not a number becomes a missing value."""
        import pyarrow as pa

        source = pa.RecordBatchReader.from_batches(table.schema, table.batches())
        chosen = [
            f"CASE WHEN isnan({_quoted(field.name)}) THEN NULL ELSE {_quoted(field.name)} END AS {_quoted(field.name)}"
            if pa.types.is_floating(field.type)
            else _quoted(field.name)
            for field in table.schema
        ]
        with self._cursor() as cursor:
            cursor.register("source", source)
            cursor.execute(f"CREATE TABLE {alias} AS SELECT {', '.join(chosen)} FROM source")
            cursor.unregister("source")

    def _describe(self, shown: str, table: SampleTable, field: str, name: str = "id") -> Column:
        kind = table.schema.field(name).type
        missing = bool(self._one(f"SELECT count(*) > count({field}) FROM samples")[0])
        if _is_text(kind):
            different = self._all(
                f"SELECT DISTINCT {field} FROM samples WHERE {field} IS NOT NULL LIMIT {CATEGORIES + 1}"
            )
            values = tuple(sorted(record[0] for record in different))
            if len(values) <= CATEGORIES:
                return Column(shown, table.name, field, "category", values, has_missing=missing)
            return Column(shown, table.name, field, "text", has_missing=missing)
        if _is_flag(kind):
            return Column(shown, table.name, field, "flag", (False, True), has_missing=missing)
        if name in table.classes:
            different = self._all(
                f"SELECT DISTINCT {field} FROM samples WHERE {field} IS NOT NULL ORDER BY ALL LIMIT 1001"
            )
            if len(different) <= 1_000:
                labels = tuple(record[0] for record in different)
                return Column(shown, table.name, field, "class", labels, has_missing=missing)
        low, high = self._one(f"SELECT min({field}), max({field}) FROM samples WHERE isfinite({field}::DOUBLE)")
        low, high = (None, None) if low is None else (float(low), float(high))
        return Column(shown, table.name, field, "number", (), low, high, missing)

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._connection.cursor() as cursor:  # of its own: a connection serves one thread at a time
            yield cursor

    def _execute(self, sql: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(sql)

    def _all(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            return list(cursor.execute(sql, list(parameters)).fetchall())

    def _one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        return self._all(sql, parameters)[0]


def _connect(database: str) -> duckdb.DuckDBPyConnection:
    try:
        import duckdb
    except ImportError:
        raise MissingExtra("DuckDB", "explore", "the explorer") from None
    locked = {"enable_external_access": False, "autoinstall_known_extensions": False}
    settings: dict[str, Any] = {"memory_limit": MEMORY, "autoload_known_extensions": False}
    connection = duckdb.connect(database, config=settings)
    for name, value in locked.items():
        connection.execute(f"SET {name} = {str(value).lower()}")
    return connection


def _quoted(name: str) -> str:
    """Write a column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_flag(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_boolean(kind))
