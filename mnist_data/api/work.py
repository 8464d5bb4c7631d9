"""How a call does its work: on how many cores, and who sees its progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from pipelines.engine.execution import Execution, Progress, Report, open_execution, silent


@contextmanager
def working(workers: int | None, scheduler: str | None, progress: bool | None) -> Iterator[Execution]:
    """Open the engine that was asked for, by default one thread a core, and show progress as `showing` does."""
    with showing(progress) as report, open_execution(workers, scheduler, report) as execution:
        yield execution


@contextmanager
def showing(progress: bool | None) -> Iterator[Report]:
    """Show a bar for each stage on stderr.

    progress: True always, False never; None where stderr is a terminal, and in a notebook that can show bars.
    """
    if progress is False or (progress is None and not sys.stderr.isatty() and not in_notebook()):
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:>14}"), BarColumn(), TextColumn("{task.fields[done]}"),
        TextColumn("{task.fields[speed]}"), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    # Elsewhere than on a terminal bars are written once, when all is done; they must not vanish then.
    with Bars(*columns, console=console, transient=console.is_terminal) as bars:
        known: dict[str, Any] = {}

        def report(event: Progress) -> None:
            if event.stage not in known or (event.rows == 0 and event.unit == "images"):
                known[event.stage] = bars.add_task(event.stage, total=event.total_rows, done="", speed="")
            bars.update(known[event.stage], completed=event.rows, total=event.total_rows)
            speed = bars.tasks[known[event.stage]].speed
            bars.update(known[event.stage], done=_done(event), speed=_speed(speed, event.unit) if speed else "")

        yield report


def _done(event: Progress) -> str:
    """Write how much is done, of how much.

    >>> _done(Progress("fetch", 1_250_000, None, "bytes")), _done(Progress("stats", 10_000, 60_000))
    ('1.2/? MB', '10000/60000')
    """
    if event.unit == "images":
        return f"{event.rows}/{event.total_rows}"
    total = "?" if event.total_rows is None else f"{event.total_rows / 1e6:.1f}"
    return f"{event.rows / 1e6:.1f}/{total} MB"


def _speed(amount: float, unit: str) -> str:
    return f"{amount:,.0f} images/s" if unit == "images" else f"{amount / 1e6:,.1f} MB/s"


def in_notebook() -> bool:
    """Say whether this is a notebook in which rich can show bars, which takes ipywidgets."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return type(shell).__name__ == "ZMQInteractiveShell" and find_spec("ipywidgets") is not None
