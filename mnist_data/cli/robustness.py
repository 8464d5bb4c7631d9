"""corrupt: the samples to test by, under the corruptions of MNIST-C."""

from __future__ import annotations

from typing import Annotated

import typer

from mnist_data.cli.options import DatasetArgument, Json, OutArgument, Overwrite, Scheduler, Workers
from pipelines.parameters import CORRUPTIONS, SEVERITIES, Corrupt

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
    from mnist_data.store import open_dataset
    from pipelines.corrupt import corrupt as run
    from pipelines.engine import open_engine

    params = Corrupt(tuple(corruption or CORRUPTIONS), tuple(severity or SEVERITIES), split, seed)
    with open_engine(workers, scheduler) as engine, progress() as report:
        written = run(open_dataset(dataset), out, params, engine=engine, overwrite=overwrite, report=report)
    print_dataset(f"{dataset} → {out}", written, json)
