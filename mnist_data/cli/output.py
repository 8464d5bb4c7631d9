"""What the commands print: results on stdout, progress and warnings on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.engine.execution import Report


def print_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object; what is not a number there (NaN) is null."""
    print(json.dumps(_plain(values), ensure_ascii=False, indent=1, allow_nan=False))  # noqa: T201


def _plain(value: Any) -> Any:
    """Bring values to what JSON has."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)


def say(text: str) -> None:
    """Print a line of the result."""
    print(text)  # noqa: T201


def warn(messages: Iterable[str]) -> None:
    """Print warnings to stderr."""
    for message in messages:
        print(f"mnist-data: warning: {message}", file=sys.stderr)  # noqa: T201


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table, numbers to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    lines = [list(row) for row in rows]
    table = Table(title=Text(title) if title else None, title_justify="left", title_style="bold")
    for position, name in enumerate(header):
        numeric = bool(lines) and all(_is_number(row[position]) for row in lines)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in lines:
        table.add_row(*(Text(_cell(value)) for value in row))
    Console().print(table)


def print_frame(title: str, frame: pd.DataFrame) -> None:
    """Print a DataFrame as a table."""
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    print_table(title, list(map(str, frame.columns)), rows)


def _is_number(value: Any) -> bool:
    """Say whether a cell belongs to the right: numbers, and text that is one with a sign or unit."""
    return hasattr(value, "item") or isinstance(value, int | float) or (isinstance(value, str) and value[:1].isdigit())


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@contextmanager
def progress() -> Iterator[Report]:
    """Show a bar for each stage on stderr, where that is a terminal; else report nothing."""
    from pipelines.engine.execution import Progress, silent

    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:>14}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        known: dict[str, Any] = {}

        def report(event: Progress) -> None:
            if event.stage not in known or event.rows == 0:
                known[event.stage] = bars.add_task(event.stage, total=event.total_rows, speed="")
            bars.update(known[event.stage], completed=event.rows)
            speed = bars.tasks[known[event.stage]].speed
            bars.update(known[event.stage], speed=f"{speed:,.0f} images/s" if speed else "")

        yield report
