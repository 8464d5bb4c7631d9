"""The robustness suite: corrupt, and what train prints of a model under the corruptions of MNIST-C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mnist_data.cli.options import DatasetArgument, Json, OutArgument, Overwrite, Scheduler, Workers
from pipelines.settings.stages import CORRUPTIONS, SEVERITIES, Corrupt

if TYPE_CHECKING:
    import pandas as pd

_CORRUPT = Corrupt()


def corrupt(
    dataset: DatasetArgument,
    out: OutArgument,
    corruption: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"May be repeated: {', '.join(CORRUPTIONS)}. [default: all of them]",
            show_default=False,
        ),
    ] = None,
    severity: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="1 to 5, may be repeated. [default: each of them]", show_default=False),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="The split to corrupt. [default: test, else the only one]", show_default=False)
    ] = _CORRUPT.split,
    seed: Annotated[
        int, typer.Option(help="A result depends on this, the sample's id, the corruption and the severity only.")
    ] = _CORRUPT.seed,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Show each sample of the test split under fifteen corruptions, at five severities.

    Example: mnist-data corrupt data/mnist data/mnist-c --corruption fog --corruption stripe --severity 3
    """
    from mnist_data.cli.output import progress
    from mnist_data.cli.stages import print_dataset
    from mnist_data.parquet.dataset import open_dataset
    from pipelines.engine.execution import open_execution
    from pipelines.stages.corrupt import corrupt as run

    params = Corrupt(
        corruptions=tuple(corruption or CORRUPTIONS), severities=tuple(severity or SEVERITIES), split=split, seed=seed
    )
    with progress() as report, open_execution(workers, scheduler, report) as execution:
        written = run(open_dataset(dataset), out, params, execution=execution, overwrite=overwrite)
    print_dataset(f"{dataset} → {out}", written, json)


def print_robustness(robustness: pd.DataFrame) -> None:
    """Print a model's accuracy, a row a corruption and a column a severity, the mean of each at the end."""
    from mnist_data.cli.output import print_table

    grid = robustness[robustness["severity"] > 0].pivot_table(
        index="corruption", columns="severity", values="accuracy", sort=False
    )
    rows = [(name, *values, sum(values) / len(values)) for name, *values in grid.itertuples()]
    rows.append(("all", *grid.mean(), float(grid.to_numpy().mean())))
    written = [[name, *(f"{value:.2%}" for value in values)] for name, *values in rows]
    print_table("Accuracy under corruption", ["corruption", *map(str, grid.columns), "mean"], written)
