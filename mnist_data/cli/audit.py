"""audit: what may be wrong with the samples of a dataset, and the self-test of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_data.cli.options import DatasetArgument, Json, Overwrite, Scheduler, Workers
from pipelines.settings.analysis import Audit, Selftest, read_thresholds

if TYPE_CHECKING:
    import pandas as pd


_AUDIT, _SELFTEST = Audit(), Selftest()


def audit(
    dataset: DatasetArgument,
    out: Annotated[
        str | None, typer.Option("--out", help="Where the tables go. [default: DATASET-audit]", show_default=False)
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Look for label errors too, which takes minutes.")
    ] = _AUDIT.labels,
    thresholds: Annotated[
        str | None,
        typer.Option("--thresholds", metavar="FILE", help="TOML with [thresholds] and [limits], see docs/audit.md."),
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Also write dashboard.html, with the worst samples.")] = False,
    thumbnails: Annotated[
        int, typer.Option(help="Thumbnails of the worst samples of each check, for --plot.")
    ] = _AUDIT.thumbnails,
    selftest: Annotated[
        bool, typer.Option("--selftest", help="Plant faults into a copy, and say how many of them are found.")
    ] = False,
    faults: Annotated[
        int | None,
        typer.Option(
            help="Faults of each kind for --selftest. [default: 1 sample in 200, 350 at most]", show_default=False
        ),
    ] = _SELFTEST.faults,
    seed: Annotated[
        int, typer.Option(help="Of the models that judge labels, and of the planted faults.")
    ] = _AUDIT.seed,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Find duplicates, leaks, faulty images, outliers, label errors; exit code 1 where a limit is exceeded.

    Example: mnist-data audit data/mnist --thresholds thresholds.toml --plot
    """
    from mnist_data.cli.output import print_json, progress, say
    from mnist_data.errors import WrongUse
    from mnist_data.parquet.dataset import open_dataset
    from mnist_data.storage import require_free
    from pipelines.audit.limits import require_limits
    from pipelines.audit.run import audit as run
    from pipelines.engine.execution import open_execution
    from pipelines.run.report import write_report

    given = read_thresholds(thresholds) if thresholds else {}
    params = Audit(labels=labels, thumbnails=thumbnails, seed=seed, **given)
    source = open_dataset(dataset)
    folder = out or f"{source.location}-{'selftest' if selftest else 'audit'}"
    if "/split=" in folder:
        raise WrongUse(f"{folder} lies within a dataset, which would no longer be one; choose another place by --out.")
    require_free(folder, overwrite)
    with progress() as report, open_execution(workers, scheduler, report) as execution:
        if selftest:
            from pipelines.audit.selftest import selftest as test

            found = test(source, folder, Selftest(faults=faults, seed=seed, audit=params), execution=execution)
            print_selftest(found, folder, json)
            return
        tables = run(source, folder, params, execution=execution)
    page = write_report(tables, source, f"{folder}/dashboard.html") if plot else None
    if json:
        print_json({"tables": folder, "dashboard": page, "checks": tables["checks"].to_dict("records")})
    else:
        print_checks(tables["checks"])
        say(f"Tables: {folder}")
        if page:
            say(f"Dashboard: {page}")
    require_limits(tables["checks"], params.limits)


def print_checks(checks: pd.DataFrame) -> None:
    """Print how many samples each check flags in each split, its bar, and what it measures."""
    from mnist_data.cli.output import print_table, say

    splits = list(checks["split"].unique())
    rows = []
    for check, found in checks.groupby("check", sort=False):
        flagged, threshold = found.set_index("split")["flagged"], found["threshold"].iloc[0]
        fraction = found["flagged"].sum() / max(1, found["samples"].sum())
        rows.append(
            [
                str(check),
                *(int(flagged[split]) for split in splits),
                f"{fraction:.3%}",
                None if threshold != threshold else threshold,
            ]
        )
    print_table("Samples that are flagged", ["check", *splits, "fraction", "threshold"], rows)
    for check, found in checks[checks["flagged"] > 0].groupby("check", sort=False):
        for meaning in found["meaning"].unique():
            say(f"{check}: {meaning}.")


def print_selftest(found: pd.DataFrame, folder: str, json: bool) -> None:
    """Print how many of the planted faults each check has found."""
    from mnist_data.cli.output import print_json, print_table, say

    if json:
        print_json({"tables": folder, "selftest": found.to_dict("records")})
        return
    rows = [
        (row.check, row.planted, row.found, *map(_with_interval, _fractions(row)), row.alarms)
        for row in found[found["planted"] > 0].itertuples()
    ]
    header = ["check", "planted", "found", "recall, %", "precision, %", "alarms"]
    print_table("Faults planted and found, with 95 % intervals; alarms before", header, rows)
    say(f"Tables: {folder}")


def _fractions(row: Any) -> tuple[tuple[float, float, float], ...]:
    return (row.recall, row.recall_low, row.recall_high), (row.precision, row.precision_low, row.precision_high)


def _with_interval(fraction: tuple[float, float, float]) -> str | None:
    """Write a fraction and the ends of its interval in percent."""
    value, low, high = (100 * one for one in fraction)
    return None if value != value else f"{value:.1f} ({low:.0f}–{high:.0f})"
