"""Splitting, and what is printed of writers and series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mnist_data.cli.options import DatasetArgument, Json, OutArgument, Overwrite, Provenance, Scheduler, Workers
from pipelines.settings.stages import Split, SplitBy

if TYPE_CHECKING:
    import pandas as pd

_SPLIT = Split()


def split(
    dataset: DatasetArgument,
    out: OutArgument,
    by: Annotated[
        SplitBy, typer.Option(help="writer: whole writers, so that no split shares any; label: of each class alike.")
    ] = _SPLIT.by,
    fraction: Annotated[float, typer.Option(help="Of the training samples, for validation.")] = _SPLIT.fraction,
    seed: Annotated[int, typer.Option(help="Another one chooses others.")] = _SPLIT.seed,
    provenance: Provenance = None,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Divide the training split into train and validation, and say what writers the splits share.

    Example: mnist-data split data/mnist data/mnist-split --by writer --provenance downloads/qmnist
    """
    from mnist_data.cli.output import print_json, progress
    from mnist_data.cli.stages import print_dataset
    from mnist_data.known.info import describe_dataset
    from mnist_data.parquet.dataset import open_dataset
    from pipelines.engine.execution import open_execution
    from pipelines.stages.split import split as run

    with progress() as report, open_execution(workers, scheduler, report) as execution:
        outcome = run(
            open_dataset(dataset),
            out,
            Split(by=by, fraction=fraction, seed=seed),
            provenance=provenance,
            execution=execution,
            overwrite=overwrite,
        )
    if json:
        writers = None if outcome.writers is None else outcome.writers.to_dict("records")
        print_json({**describe_dataset(outcome.dataset), "writers": writers})
        return
    print_dataset(f"{dataset} → {out}", outcome.dataset, json)
    print_writers(outcome.writers)


def print_writers(writers: pd.DataFrame | None) -> None:
    """Print what writers the splits share, or that nothing is known of them."""
    from mnist_data.cli.output import print_table, say

    if writers is None:
        say("Who wrote the samples is not known, so the splits may share writers; --provenance joins what is known.")
        return
    rows = [
        (
            row["split"],
            row["samples"],
            row["writers"],
            None if row["other"] is None else f"{row['shared_writers']:,} of {row['other']}",
            f"{row['shared_samples']:.1%}",
        )
        for row in writers.to_dict("records")
    ]
    print_table("Writers", ["split", "samples", "writers", "shared writers", "samples by them"], rows)


def print_groups(groups: pd.DataFrame) -> None:
    """Print a model's accuracy in each series, and how it is spread over the writers."""
    from mnist_data.cli.output import print_table, say

    series, writers = (groups[groups["group"] == name] for name in ("hsf_series", "writer_id"))
    if len(series):
        rows = [
            (
                row["split"],
                row["value"],
                row["samples"],
                f"{row['accuracy']:.2%}",
                f"{row['low']:.2%} – {row['high']:.2%}",
            )
            for row in series.to_dict("records")
        ]
        print_table("Accuracy in each series", ["split", "series", "samples", "right", "95 % interval"], rows)
    if len(writers):
        worst = writers.sort_values(["accuracy", "samples"], ascending=[True, False], kind="stable").iloc[0]
        say(
            f"{len(writers):,} writers: no mistake with {(writers['accuracy'] == 1).sum():,} of them; a tenth have "
            f"{writers['accuracy'].quantile(0.1):.1%} right or less; worst is writer {worst['value']} with "
            f"{worst['correct']:,} of {worst['samples']:,}."
        )
