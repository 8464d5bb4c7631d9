"""compare: two trainings on the same samples, and whether one is better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_data.cli.options import Json, Overwrite

if TYPE_CHECKING:
    import pandas as pd


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A folder that train has written.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one, tested with the same samples.")],
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Write the numbers, and the samples that A and B predict otherwise."
        ),
    ] = None,
    across_datasets: Annotated[
        bool,
        typer.Option("--across-datasets", help="Compare though the datasets differ, as where one was augmented."),
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Say which of two trainings is better on the same samples, by how much, and whether that can be chance.

    Example: mnist-data compare models/small models/large
    """
    from mnist_data.cli.output import print_json, say
    from mnist_data.storage import require_free
    from pipelines.networks.compare import TABLES, verdict, write_comparison
    from pipelines.networks.compare import compare as run

    if out:
        for name in TABLES:
            require_free(f"{out}/{name}.parquet", overwrite)
    tables = run(a, b, across_datasets=across_datasets)
    if out:
        write_comparison(tables, out, a, b)
    comparison, disagreements = tables["comparison"], tables["disagreements"]
    sentence = verdict(comparison.iloc[0], f"A ({a})", f"B ({b})")
    if json:
        print_json({"a": a, "b": b, "comparison": _records(comparison), "verdict": sentence, "tables": out})
        return
    print_comparison(comparison)
    say(sentence)
    both, neither = comparison["both"].iloc[0], comparison["neither"].iloc[0]
    say(f"Both are right about {both:,} samples, neither about {neither:,}.")
    say(f"{len(disagreements):,} are predicted otherwise{f'; {out}/disagreements.csv lists them' if out else ''}.")


def print_comparison(comparison: pd.DataFrame) -> None:
    """Print accuracies, difference, p and what only one has right of two runs, and below them of each seed."""
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
