"""claims: what is said of a dataset, tested against its data."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.language import ENGLISH
from mnist_data.cli.options import (
    DatasetArgument,
    Json,
    Lang,
    Open,
    Overwrite,
    Plot,
    Scheduler,
    Workers,
    fail_if_option,
)

if TYPE_CHECKING:
    from mnist_data.api.results import Result


def claims(
    dataset: DatasetArgument,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="A folder for the tables. [default with --plot: DATASET-claims]"
        ),
    ] = None,
    claims: Annotated[
        str | None,
        typer.Option("--claims", metavar="FILE", help="Claims of your own, as TOML, in addition to those known."),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which dataset it is, as in kannada-mnist. [default: as recognised]"),
    ] = None,
    predictions: Annotated[
        str | None,
        typer.Option("--predictions", metavar="FILE", help="A predictions.parquet of train, or its folder."),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        fail_if_option("true, false, undecided; VALUE is a count of claims, or a fraction below 1", "false=0"),
    ] = None,
    plot: Plot = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Test what is commonly said of a dataset against its data: true, false or undecided, with the figure.

    Example: mnist-data claims data/mnist --predictions work/train/small --fail-if false=0

    Example: mnist-data claims data/downloaded --of emnist-letters
    """
    from mnist_data.api.analysis import claims as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        dataset,
        out,
        claims=claims,
        of=of,
        predictions=predictions,
        fail_if=fail_if,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, partial(print_claims, dataset), json, ("findings", "claims"), nested=("numbers",))


def print_claims(dataset: str, result: Result) -> None:
    """Print each claim with its figure and, where it is not decided, what would decide it."""
    from mnist_data.cli.output import print_findings, print_table

    rows = [
        (f"{row['claim']} ({row['source']})", row["verdict"], _in_words(row["figure"], row["needs"], row["note"]))
        for row in result.tables["claims"].to_dict("records")
    ]
    known = result.findings
    recognised = f", taken for {known['known_as']} by {known['known_by']}" if known["known_as"] else ""
    print_table(f"What is said of {dataset}{recognised}", ["claim", "verdict", "figure"], rows)
    print_findings(result.tables["findings"])


def _in_words(figure: str, needs: str, note: str) -> str:
    decides = f"Would decide it: {needs}" if needs else ""
    return ". ".join(part for part in (figure, decides, note) if part)
