"""stats: what is in a dataset."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.language import ENGLISH
from mnist_data.cli.options import DatasetArgument, Json, Lang, Open, Overwrite, Plot, Scheduler, Workers
from pipelines.settings.analysis import Stats

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.api.results import Result

_STATS = Stats()


def stats(
    dataset: DatasetArgument,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="The folder for the tables. [default: DATASET-stats]", show_default=False
        ),
    ] = None,
    plot: Plot = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    bins: Annotated[int, typer.Option(help="Number of bins of the intensity histogram.")] = _STATS.bins,
    grid: Annotated[int, typer.Option(help="Samples of each class in the sample grid.")] = _STATS.grid,
    morphometrics: Annotated[
        bool, typer.Option("--morphometrics/--no-morphometrics", help="Measure the strokes of each sample.")
    ] = _STATS.morphometrics,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Count a dataset: tables printed and saved as Parquet and CSV, and with --plot a page.

    Example: mnist-data stats data/mnist --plot
    """
    from mnist_data.api.analysis import stats as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        dataset,
        out,
        plot=plot,
        open=open,
        lang=lang,
        bins=bins,
        grid=grid,
        morphometrics=morphometrics,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, print_statistics, json, ("findings", "summary", "classes"))


STRIP = 20
"""Classes of which a sample is drawn."""


def print_statistics(result: Result) -> None:
    """Print the summary of a dataset, a column a split, its class counts, and what stands out."""
    from mnist_data.cli.output import print_findings, print_frame, print_table, say

    summary = result.tables["summary"]
    rows = [[name.replace("_", " "), *summary[name]] for name in summary.columns if name != "split"]
    print_table(result.findings["title"], ["", *summary["split"]], rows)
    counts = result.tables["classes"].pivot_table(
        index=["label", "name"], columns="split", values="samples", sort=False, fill_value=0
    )
    print_frame("Samples in each class", counts.astype(int).reset_index())
    if result.findings["note"]:
        say(result.findings["note"])
    print_findings(result.tables["findings"])
    if "sample_grid" in result.tables:  # of a run only the page has it
        _print_strip(result.tables["sample_grid"])


def _print_strip(grid: pd.DataFrame) -> None:
    """Draw a sample of each class, where people look on."""
    import sys

    if sys.stdout.isatty() and len(grid):
        from dashboards.thumbnails import decode_images
        from mnist_data.cli.pictures import print_images

        first = grid.drop_duplicates("label").head(STRIP)
        first.attrs = grid.attrs
        print_images(decode_images(first), [str(name) for name in first["name"]], widest=14)
