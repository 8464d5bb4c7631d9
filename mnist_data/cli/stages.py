"""clean, normalize, augment and stats: one stage each, from a dataset to a new one or to tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_data.cli.options import DatasetArgument, Json, OutArgument, Overwrite, Scheduler, Workers
from pipelines.settings.analysis import Stats
from pipelines.settings.stages import Action, Augment, Clean, DType, Normalize, Scale

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.parquet.dataset import Dataset

_CLEAN, _NORMALIZE, _AUGMENT, _STATS = Clean(), Normalize(), Augment(), Stats()


def clean(
    dataset: DatasetArgument,
    out: OutArgument,
    not_finite: Annotated[Action, typer.Option(help="Samples with pixels that are no numbers.")] = _CLEAN.not_finite,
    blank: Annotated[Action, typer.Option(help="Samples without any ink.")] = _CLEAN.blank,
    constant: Annotated[Action, typer.Option(help="Samples of one value that is not 0.")] = _CLEAN.constant,
    inverted: Annotated[Action, typer.Option(help="Dark ink on a bright background.")] = _CLEAN.inverted,
    transposed: Annotated[Action, typer.Option(help="Rows and columns exchanged.")] = _CLEAN.transposed,
    label: Annotated[Action, typer.Option(help="Labels that are no class.")] = _CLEAN.label,
    duplicate: Annotated[Action, typer.Option(help="Exact copies; one of them stays.")] = _CLEAN.duplicate,
    outlier_pixels: Annotated[
        Action, typer.Option(help="Isolated pixels far from all neighbours; 'keep' does not look for them.")
    ] = _CLEAN.outlier_pixels,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Find faulty samples and keep, repair or remove them; each stands in OUT.quarantine.parquet with its reason.

    Example: mnist-data clean data/mnist data/mnist-clean --duplicate keep
    """
    from mnist_data.cli.output import print_frame, print_json, progress, say
    from mnist_data.parquet.dataset import open_dataset
    from pipelines.engine.execution import open_execution
    from pipelines.stages.clean import clean as run

    params = Clean(
        not_finite=not_finite,
        blank=blank,
        constant=constant,
        inverted=inverted,
        transposed=transposed,
        label=label,
        duplicate=duplicate,
        outlier_pixels=outlier_pixels,
    )
    source = open_dataset(dataset)
    with progress() as report, open_execution(workers, scheduler, report) as execution:
        outcome = run(source, out, params, execution=execution, overwrite=overwrite)
    if json:
        totals, reasons = outcome.totals.to_dict("records"), outcome.reasons.to_dict("records")
        print_json(
            {
                "path": out,
                "totals": totals,
                "findings": reasons,
                "quarantine": f"{outcome.quarantine}.parquet",
            }
        )
        return
    print_frame(f"{dataset} → {out}", outcome.totals)
    if len(outcome.reasons):
        print_frame("Findings", outcome.reasons)
        say(f"Each of them, with its reason: {outcome.quarantine}.parquet")
    else:
        say("Nothing was found.")


def normalize(
    dataset: DatasetArgument,
    out: OutArgument,
    scale: Annotated[
        Scale, typer.Option(help="unit: 0 … 1; standardize: training mean 0, deviation 1; none: as they are.")
    ] = _NORMALIZE.scale,
    deskew: Annotated[bool, typer.Option("--deskew", help="Shear each sample upright.")] = _NORMALIZE.deskew,
    center: Annotated[bool, typer.Option("--center", help="Put the centre of mass in the middle.")] = _NORMALIZE.center,
    dtype: Annotated[DType, typer.Option(help="uint8 holds the unit scale as 0 … 255.")] = _NORMALIZE.dtype,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Scale pixel values, and set digits upright and in the middle; statistics come from the training split only.

    Example: mnist-data normalize data/mnist data/mnist-upright --deskew --center
    """
    from mnist_data.cli.output import progress
    from mnist_data.parquet.dataset import open_dataset
    from pipelines.engine.execution import open_execution
    from pipelines.stages.normalize import normalize as run

    params = Normalize(scale=scale, deskew=deskew, center=center, dtype=dtype)
    with progress() as report, open_execution(workers, scheduler, report) as execution:
        written = run(open_dataset(dataset), out, params, execution=execution, overwrite=overwrite)
    print_dataset(f"{dataset} → {out}", written, json)


def augment(
    dataset: DatasetArgument,
    out: OutArgument,
    copies: Annotated[int, typer.Option(help="Of each training sample, besides the original.")] = _AUGMENT.copies,
    seed: Annotated[int, typer.Option(help="Copy c of sample s depends on this, s and c only.")] = _AUGMENT.seed,
    recipe: Annotated[
        str, typer.Option(help="light, handwriting, heavy, or a TOML file; see docs/augmentation.md.")
    ] = "handwriting",
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Only write a page of some originals and copies; OUT is then its file."),
    ] = False,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Add deformed copies of each training sample, with the parameters of each copy as columns.

    Example: mnist-data augment data/mnist data/mnist-more --copies 4 --seed 7

    Example: mnist-data augment data/mnist preview.html --recipe heavy --preview
    """
    from mnist_data.cli.output import progress
    from mnist_data.parquet.dataset import open_dataset
    from pipelines.engine.execution import open_execution
    from pipelines.settings.recipe import load_recipe
    from pipelines.stages.augment import augment as run

    params = Augment(copies=copies, seed=seed, recipe=load_recipe(recipe))
    if preview:
        _preview(open_dataset(dataset), out, params, overwrite, json)
        return
    with progress() as report, open_execution(workers, scheduler, report) as execution:
        written = run(open_dataset(dataset), out, params, execution=execution, overwrite=overwrite)
    print_dataset(f"{dataset} → {out}", written, json)


def _preview(source: Dataset, out: str, params: Augment, overwrite: bool, json: bool) -> None:
    from mnist_data.cli.output import print_json, say
    from mnist_data.storage import require_free
    from pipelines.run.report import write_report
    from pipelines.settings.base import settings_in_words
    from pipelines.stages.preview import preview_tables

    page = out if out.endswith((".html", ".htm")) else f"{out}.html"
    require_free(page, overwrite)
    write_report(preview_tables(source, params), source, page, {"Preview": settings_in_words(params.recorded())})
    if json:
        print_json({"page": page})
    else:
        say(f"Page: {page}")


def print_dataset(title: str, written: Dataset, json: bool) -> None:
    """Print the splits of a dataset that was written, or all that it says of itself as JSON."""
    from mnist_data.cli.output import print_json, print_table
    from mnist_data.known.info import describe_dataset

    if json:
        print_json(describe_dataset(written))
        return
    size = "×".join(map(str, written.metadata.shape))
    rows = [(split, samples, size, written.metadata.dtype) for split, samples in written.splits.items()]
    print_table(title, ["split", "samples", "size", "type"], rows)


def stats(
    dataset: DatasetArgument,
    out: Annotated[
        str | None,
        typer.Option("--out", help="The folder for the tables. [default: DATASET-stats]", show_default=False),
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Write a dashboard, too.")] = False,
    bins: Annotated[int, typer.Option(help="Of the intensity histogram.")] = _STATS.bins,
    grid: Annotated[int, typer.Option(help="Samples of each class in the sample grid.")] = _STATS.grid,
    morphometrics: Annotated[
        bool, typer.Option("--morphometrics/--no-morphometrics", help="Measure the strokes of each sample.")
    ] = _STATS.morphometrics,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Count a dataset: tables printed and saved as Parquet and CSV, and with --plot a dashboard.

    Example: mnist-data stats data/mnist --plot
    """
    from mnist_data.cli.output import print_json, progress, say
    from mnist_data.errors import WrongUse
    from mnist_data.parquet.dataset import open_dataset
    from mnist_data.storage import require_free
    from pipelines.engine.execution import open_execution
    from pipelines.run.report import collect_tables, write_report
    from pipelines.statistics.stats import stats as run

    params = Stats(bins=bins, grid=grid, morphometrics=morphometrics)
    source = open_dataset(dataset)
    folder = out or f"{source.location}-stats"
    if "/split=" in folder:
        raise WrongUse(f"{folder} lies within a dataset, which would no longer be one; choose another place by --out.")
    require_free(folder, overwrite)
    with progress() as report, open_execution(workers, scheduler, report) as execution:
        tables = run(source, folder, params, execution=execution)
    page = None
    if plot:
        page = write_report(collect_tables(folder, source, source), source, f"{folder}/dashboard.html")
    summary, classes = tables["summary"], tables["classes"]
    if json:
        records = {"summary": summary.to_dict("records"), "classes": classes.to_dict("records")}
        print_json({"tables": folder, "dashboard": page, **records})
        return
    print_statistics(source, tables)
    say(f"Tables: {folder}")
    if page:
        say(f"Dashboard: {page}")


def print_statistics(source: Dataset, tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the summary, a column a split, and the class counts of a dataset."""
    from mnist_data.cli.output import print_frame, print_table, say

    summary = tables["summary"]
    rows = [[name.replace("_", " "), *summary[name]] for name in summary.columns if name != "split"]
    print_table(source.metadata.title or source.metadata.dataset, ["", *summary["split"]], rows)
    counts = tables["classes"].pivot_table(
        index=["label", "name"], columns="split", values="samples", sort=False, fill_value=0
    )
    print_frame("Samples in each class", counts.astype(int).reset_index())
    if source.metadata.note:
        say(source.metadata.note)
