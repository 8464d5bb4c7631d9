"""The options that several commands share, spelled and explained once."""

from __future__ import annotations

from typing import Annotated

import typer

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output where it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=0, help="Processes on this machine, loopback only. [default: threads, one a core]"),
]
Scheduler = Annotated[str | None, typer.Option("--scheduler", help="A running Dask cluster, as in tcp://host:8786.")]
DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="A folder or URL that mnist-data has written.")]
OutArgument = Annotated[str, typer.Argument(metavar="OUT", help="The folder or URL to write.")]

Provenance = Annotated[
    str | None,
    typer.Option(
        "--provenance",
        metavar="DIR",
        help="A folder of label tables as QMNIST's, one a split, which tell who wrote each sample.",
        show_default=False,
    ),
]


def print_version(asked: bool) -> None:
    """Print the version and stop, where --version was given."""
    if asked:
        from mnist_data.version import __version__

        typer.echo(f"mnist-data {__version__}")
        raise typer.Exit


def before_commands(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that stand before a command."""
