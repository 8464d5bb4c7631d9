"""What the commands print: results on stdout, warnings on stderr."""

from __future__ import annotations

import json
import math
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from mnist_data.errors import CheckFailed, DataWarning

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.api.results import Result


_CONTROLS = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]")
"""What a terminal obeys and does not show: all controls but tab and line feed, and those of the writing direction."""


def visible(text: str) -> str:
    r"""Write controls as Python does: a name of a stranger's file must not move the cursor or set a terminal's title.

    >>> visible("a" + chr(27) + "[2Jb")
    'a\\x1b[2Jb'
    """
    return _CONTROLS.sub(lambda control: control[0].encode("unicode_escape").decode("ascii"), text)


def print_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object; what is not a number there (NaN) is null."""
    plain = _plain(values)
    text = json.dumps(plain, ensure_ascii=False, indent=1, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:  # a question mark would stand for another name
        text = json.dumps(plain, indent=1, allow_nan=False)
    print(_CONTROLS.sub(lambda control: f"\\u{ord(control[0]):04x}", text))  # noqa: T201


def _plain(value: Any) -> Any:
    """Bring values to what JSON has."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    value = value.item() if hasattr(value, "item") else value
    if value is None or type(value).__name__ == "NAType":  # pandas' missing value
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float) else str(value)


def finish(
    call: Callable[[], Result],
    show: Callable[[Result], None],
    json: bool,
    tables: Sequence[str] = (),
    nested: Sequence[str] = (),
) -> None:
    """Do a command's work and print its result; a limit that is exceeded ends the command after that.

    call: does the work. show: prints the result for people. json: print one JSON object instead, with those of the
    tables that are there. nested: columns of these whose texts are JSON themselves.
    """
    failure = None
    try:
        result = call()
    except CheckFailed as error:
        if error.result is None:
            raise
        result, failure = error.result, error
    warn(result.warnings)
    if json:
        print_json(json_of(result, tables, nested))
    else:
        show(result)
        if result.out is not None and result.dataset is None and result.out != result.page:
            say(f"Written to {result.out}")
        if result.page_url is not None:
            say(result.page_url)
    if failure is not None:
        raise failure


def json_of(result: Result, tables: Sequence[str], nested: Sequence[str] = ()) -> dict[str, Any]:
    """Give a result as the values of a JSON object: out, page, what describes the dataset, findings, tables."""
    from mnist_data.known.info import describe_dataset

    described = {} if result.dataset is None else describe_dataset(result.dataset)
    described.pop("path", None)  # it is `out`
    chosen = {
        name: result.tables[name].drop(columns="image", errors="ignore").to_dict("records")  # pixels are for eyes
        for name in tables
        if name in result.tables
    }
    for row in (row for rows in chosen.values() for row in rows):
        row.update({column: json.loads(row[column]) for column in nested if column in row})
    places = {"out": result.out, "page": result.page, "page_url": result.page_url}
    return {**places, **described, **result.findings, **chosen, "warnings": list(result.warnings)}


def say(text: str) -> None:
    """Print a line of the result."""
    print(visible(text))  # noqa: T201


def print_findings(findings: pd.DataFrame) -> None:
    """Print what a user should know of a result: in a line each, with its severity and what to do about it."""
    from rich.console import Console
    from rich.text import Text

    styles = {"problem": "bold red", "warning": "yellow"}
    for row in findings.to_dict("records"):
        severity = Text(f"{row['severity']}: ", styles.get(row["severity"], ""))
        Console().print(severity + Text(visible(f"{row['finding']} {row['advice']}".rstrip())), soft_wrap=True)


def warn(messages: Iterable[str]) -> None:
    """Print warnings to stderr, each once: some came while the work went on, and stand in its result, too."""
    for message in messages:
        if message not in _WARNED:
            _WARNED.add(message)
            print(f"mnist-data: warning: {visible(message)}", file=sys.stderr)  # noqa: T201


_WARNED: set[str] = set()


@contextmanager
def showing_warnings() -> Iterator[None]:
    """Print warnings about the data at once, as ours are printed; all others go their usual way."""
    _WARNED.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = partial(_show, warnings.showwarning)
        yield


def _show(otherwise: Callable[..., None], message: Warning | str, category: type[Warning], *where: Any) -> None:
    if issubclass(category, DataWarning):
        warn([str(message)])
    else:
        otherwise(message, category, *where)


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]], unbroken: Sequence[str] = ()) -> None:
    """Print a table, numbers to the right. unbroken: columns whose cells stay on one line where space is short."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    lines = [list(row) for row in rows]
    table = Table(title=Text(visible(title)) if title else None, title_justify="left", title_style="bold")
    for position, name in enumerate(header):
        values = [row[position] for row in lines if row[position] is not None]
        numeric = bool(values) and all(map(_is_number, values))
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(Text(visible(name)), justify=justify, overflow="fold", no_wrap=name in unbroken)
    for row in lines:
        table.add_row(*(Text(_cell(value)) for value in row))
    Console().print(table)


def print_frame(title: str, frame: pd.DataFrame, unbroken: Sequence[str] = ()) -> None:
    """Print a DataFrame as a table. unbroken: see `print_table`."""
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    print_table(title, list(map(str, frame.columns)), rows, unbroken)


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
    return f"{value:,}" if isinstance(value, int) else visible(str(value))
