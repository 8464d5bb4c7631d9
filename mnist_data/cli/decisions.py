"""decisions: what people have decided about samples."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnist_data.cli.options import DatasetArgument, Json, Overwrite

if TYPE_CHECKING:
    from mnist_data.api.results import Result

MOST_SHOWN = 20
"""Samples on which two people differ that are printed; --csv writes all."""


def decisions(
    dataset: DatasetArgument,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", metavar="A B", help="Compare what two people decided.", show_default=False),
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write the decisions, or the differences of two people, for a spreadsheet."
        ),
    ] = None,
    import_: Annotated[
        str | None,
        typer.Option(
            "--import",
            metavar="FILE",
            help="Record what a file says that is not recorded yet: such a CSV, or what a viewer has written.",
        ),
    ] = None,
    decision: Annotated[
        Literal["keep", "remove", "unsure"] | None,
        typer.Option(help="What is decided about every sample of the imported file.", show_default=False),
    ] = None,
    who: Annotated[
        str | None,
        typer.Option(help="The person of imported rows that name none. [default: the user]", show_default=False),
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Count what people have decided about samples, compare two of them, and take it to a spreadsheet and back.

    Example: mnist-data decisions data/mnist --compare ana bo --csv differences.csv
    """
    from mnist_data.api.decisions import decisions as run
    from mnist_data.cli.output import finish

    call = partial(
        run, dataset, compare=compare, csv=csv, import_=import_, decision=decision, who=who, overwrite=overwrite
    )
    finish(call, print_decisions, json, ("counts", "decisions", "agreement", "differences"))


def print_decisions(result: Result) -> None:
    """Print the counts, and of two people how far they agree and where they differ."""
    from mnist_data.cli.output import print_frame, print_table, say

    found = result.findings
    if found["imported"]:
        say(f"{found['imported']:,} decision{'s' if found['imported'] != 1 else ''} recorded.")
    if not found["people"]:
        say("Nobody has decided anything about this dataset.")
        return
    print_frame("Decisions, each person's last about a sample", result.tables["counts"])
    states = ", ".join(f"{found[name]:,} {name}" for name in ("keep", "remove", "relabel", "unsure"))
    say(f"Of each sample the last decision counts: {states}.")
    if "agreement" in result.tables:
        rows = [
            (
                *(row[name] for name in ("check", "samples", "agreed")),
                _percent(row["agreement"]),
                _interval(row["low"], row["high"]),
                None if row["kappa"] != row["kappa"] else row["kappa"],
            )
            for row in result.tables["agreement"].to_dict("records")
        ]
        header = ["check", "samples", "agreed", "agreement", "95 % interval", "Cohen's kappa"]
        print_table("Agreement on the samples that both decided about", header, rows)
        differences = result.tables["differences"]
        if len(differences):
            print_frame(f"Where they differ ({len(differences):,} samples)", differences.head(MOST_SHOWN))
    say(f"Kept in {found['file']}")


def _percent(fraction: float) -> str | None:
    return None if fraction != fraction else f"{fraction:.1%}"


def _interval(low: float, high: float) -> str | None:
    return None if low != low else f"{low:.1%} – {high:.1%}"
