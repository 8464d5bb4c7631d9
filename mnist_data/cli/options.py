"""The options that several commands share, spelled and explained once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mnist_data.errors import WrongUse

Out = Annotated[
    str | None, typer.Option("--out", "-o", metavar="OUT", help="The output, instead of the last argument.")
]
OutArgument = Annotated[
    str | None, typer.Argument(metavar="OUT", help="The output, a folder or URL; may be given by --out instead.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output where it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=0, help="Processes on this machine, loopback only. [default: threads, one a core]"),
]
Scheduler = Annotated[str | None, typer.Option("--scheduler", help="A running Dask cluster, as in tcp://host:8786.")]
DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="A folder or URL that mnist-data has written.")]
Plot = Annotated[bool, typer.Option("--plot", help="Also write a page of figures and samples.")]
PlotNextTo = Annotated[bool, typer.Option("--plot", help="Also write OUT.html, a page of what was done.")]
Lang = Annotated[str, typer.Option("--lang", metavar="LANG", help="Language of the page: en or zh (Chinese).")]
Open = Annotated[bool, typer.Option("--open", help="Write the page of --plot, and open it in the browser.")]

Decisions = Annotated[
    str | None,
    typer.Option(
        "--decisions",
        metavar="TABLE",
        help="Apply what people have decided: a table, or the dataset or workspace that it lies next to.",
        show_default=False,
    ),
]

LabelColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column of the labels, where a table has several that could be."),
]
LabelTables = Annotated[
    str | None,
    typer.Option(
        "--label-tables",
        metavar="DIR",
        help="A folder of label tables as QMNIST's, one a split, which tell who wrote each sample.",
        show_default=False,
    ),
]


def chosen_out(argument: str | None, option: str | None) -> str:
    """Give the output that was named in one of the two ways. Raises WrongUse where both or neither were used."""
    if argument is not None and option is not None:
        raise WrongUse(f"The output is named twice, {argument} and --out {option}; leave out one of the two.")
    chosen = argument if option is None else option
    if chosen is None:
        raise WrongUse("The output is missing; name it as the last argument or by --out.")
    return chosen


def fail_if_option(names: str, example: str) -> Any:
    """Describe --fail-if for a command. names: what can be named. example: as in leaked=0."""
    return typer.Option(
        "--fail-if",
        metavar="NAME=VALUE",
        help=f"Exit with 1 where NAME is above VALUE, as in {example}; may be repeated. Names: {names}. A TOML file "
        "with a table [fail-if] holds the same.",
        show_default=False,
    )


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
