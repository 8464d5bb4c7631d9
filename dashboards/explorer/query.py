"""What can be asked of the samples: conditions that must all hold, and an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dashboards.explorer.columns import Column, Value
from mnist_data.errors import WrongUse, shortened, unknown_name


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A condition on one column: a range, both ends included, one of some values, or a part of a text.

    any_of: None among the values stands for a missing one.
    """

    column: str
    low: float | None = None
    high: float | None = None
    any_of: tuple[int | float | str | bool | None, ...] | None = None
    contains: str | None = None


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which samples, in which order; without `sort` in that of the dataset. Samples without a value come last.

    version: of the decisions when it was asked. Until it is asked anew its samples stay where they are: else those of a
    queue would move up, and some be passed over, as the ones before them are decided.
    """

    where: tuple[Condition, ...] = ()
    sort: str | None = None
    descending: bool = False
    version: int = 0

    def to_json(self) -> str:
        """Write it so that equal queries are equal texts."""
        return msgspec.json.encode(self).decode()

    def without(self, *columns: str) -> Query:
        """Give the same query without the conditions on some columns."""
        kept = tuple(condition for condition in self.where if condition.column not in columns)
        return msgspec.structs.replace(self, where=kept)

    def with_condition(self, condition: Condition) -> Query:
        """Give the same query with a condition in the place of those on its column."""
        return msgspec.structs.replace(self, where=(*self.without(condition.column).where, condition))


def read_query(text: str | None) -> Query:
    """Read a query from JSON; none at all asks for every sample. Raises WrongUse for what is no query."""
    if not text:
        return Query()
    try:
        return msgspec.json.decode(text, type=Query)
    except (msgspec.MsgspecError, UnicodeError) as cause:
        raise WrongUse(f"The query {shortened(text, 120)!r} cannot be read: {cause}.") from None


def where_clause(query: Query, columns: Mapping[str, Column]) -> tuple[str, list[Any]]:
    """Give the condition in SQL and its parameters. Raises WrongUse for a column or value that does not fit."""
    clauses, parameters = ["true"], []
    for condition in query.where:
        column = column_named(condition.column, columns)
        for clause, values in _clauses(condition, column):
            clauses.append(clause)
            parameters.extend(values)
    return " AND ".join(clauses), parameters


def order_clause(query: Query, columns: Mapping[str, Column]) -> str:
    """Give the order in SQL; equal samples stay in the order of the dataset."""
    if query.sort is None:
        return "row"
    direction = "DESC" if query.descending else "ASC"
    return f"{column_named(query.sort, columns).field} {direction} NULLS LAST, row"


def column_named(name: str, columns: Mapping[str, Column]) -> Column:
    """Give a column. Raises WrongUse, with the nearest name, where there is none."""
    if name not in columns:
        raise unknown_name("column", name, columns)
    return columns[name]


def _clauses(condition: Condition, column: Column) -> list[tuple[str, list[Any]]]:
    field = column.field
    clauses: list[tuple[str, list[Any]]] = []
    is_text = column.kind in ("text", "category")
    for bound, sign in ((condition.low, ">="), (condition.high, "<=")):
        if bound is not None:
            if is_text:
                raise WrongUse(f"The column {column.name!r} holds texts, which have no range.")
            clauses.append((f"{field} {sign} ?", [bound]))
    if condition.any_of is not None:
        clauses.append(_one_of(condition.any_of, column))
    if condition.contains is not None:
        if not is_text:
            raise WrongUse(f"The column {column.name!r} holds no texts to search in.")
        clauses.append((f"contains(lower({field}), lower(?))", [condition.contains]))
    return clauses


def _one_of(values: tuple[Value, ...], column: Column) -> tuple[str, list[Any]]:
    present = [value for value in values if value is not None]
    is_text = column.kind in ("text", "category")
    if any(isinstance(value, str) != is_text for value in present):
        raise WrongUse(f"The column {column.name!r} holds {'texts' if is_text else 'numbers'}, not {present!r:.60}.")
    missing = [f"{column.field} IS NULL"] if None in values else []
    among = [f"{column.field} IN ({', '.join('?' * len(present))})"] if present else []
    return f"({' OR '.join([*among, *missing]) or 'false'})", present
