"""compare: two trainings on the same samples, and whether one is better."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.language import ENGLISH
from mnist_data.cli.options import Json, Lang, Open, Overwrite, Plot, fail_if_option

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.api.results import Result


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A folder that train has written.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one, tested with the same samples.")],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="OUT", help="A folder for the tables. [default with --plot: A-compare]"),
    ] = None,
    across_datasets: Annotated[
        bool,
        typer.Option("--across-datasets", help="Compare though the datasets differ, as where one was augmented."),
    ] = False,
    fail_if: Annotated[
        list[str] | None,
        fail_if_option(
            "accuracy_drop, the accuracy of A minus that of B; disagreements, samples predicted differently",
            "accuracy_drop=0.001",
        ),
    ] = None,
    plot: Plot = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Tell which of two trainings is better on the same samples, by how much, and whether that can be chance.

    Example: mnist-data compare models/small models/large --plot
    """
    from mnist_data.api.comparisons import compare as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        a,
        b,
        out,
        across_datasets=across_datasets,
        fail_if=fail_if,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
    )
    finish(call, print_result, json, ("findings", "comparison"))


def print_result(result: Result) -> None:
    """Print the comparison, its verdict, and how many samples the two predict differently."""
    from mnist_data.cli.output import say

    comparison, disagreements = result.tables["comparison"], result.tables["disagreements"]
    print_comparison(comparison)
    say(result.findings["verdict"])
    both, neither = comparison["both"].iloc[0], comparison["neither"].iloc[0]
    say(f"Both predict {both:,} samples correctly, neither {neither:,}.")
    listed = f"; {result.out}/disagreements.csv lists them" if result.out else ""
    say(f"{len(disagreements):,} are predicted differently{listed}.")


def print_comparison(comparison: pd.DataFrame) -> None:
    """Print accuracies, difference, p and what only one run predicts correctly, then the same of each seed."""
    from mnist_data.cli.output import print_table

    rows = [
        (
            "all" if row["seed"] is None else row["seed"],
            f"{row['accuracy_a']:.2%}",
            f"{row['accuracy_b']:.2%}",
            f"{100 * row['difference']:+.2f}",
            f"{100 * row['low']:.2f} … {100 * row['high']:.2f}",
            f"{row['p']:.2g}",
            row["only_a"],
            row["only_b"],
        )
        for row in _records(comparison)
    ]
    header = ["seed", "A", "B", "B − A", "95 % interval", "p", "only A", "only B"]
    print_table(f"{comparison['samples'].iloc[0]:,} samples; differences in points of accuracy", header, rows)


def _records(comparison: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows; the seed of the one that is of all seeds is None."""
    return comparison.astype(object).where(comparison.notna(), None).to_dict("records")  # type: ignore[return-value]
