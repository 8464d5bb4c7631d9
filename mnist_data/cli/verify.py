"""verify: whether files are as they were written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_data.cli.options import Json, Scheduler, Workers

if TYPE_CHECKING:
    from mnist_data.api.results import Result


def verify(
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help="A dataset, a network, a table, or a folder of these, as run's workspace."),
    ],
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Make what is damaged again from its inputs, byte for byte as it was."),
    ] = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Compare every file with what was recorded when it was written; exit with 1 where anything differs.

    Example: mnist-data verify data/mnist
    """
    from mnist_data.api.verify import verify as run
    from mnist_data.cli.output import finish

    finish(partial(run, path, repair=repair, workers=workers, scheduler=scheduler), print_findings, json, ("findings",))


def print_findings(result: Result) -> None:
    """Print what is wrong, where, and what makes it right; or that nothing is."""
    from mnist_data.cli.output import say

    for name in result.findings["repaired"]:
        say(f"{name}: made again, byte for byte.")
    for name, obstacle in result.findings["obstacles"].items():
        say(f"{name}: not made again, as {obstacle}.")
    for row in result.tables["findings"].itertuples():
        say(f"{row.file}: {row.found}; expected {row.expected}.\n  {row.advice}")
    if result.tables["findings"].empty:
        files, size = result.findings["files"], result.findings["bytes"]
        say(f"{result.findings['path']}: {files:,} files, {size:,} bytes, all as they were written.")
