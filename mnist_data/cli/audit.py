"""audit: what may be wrong with the samples of a dataset, and the self-test of that."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

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
from pipelines.settings.analysis import Audit, Selftest

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.api.results import Result

_AUDIT, _SELFTEST = Audit(), Selftest()


def audit(
    dataset: DatasetArgument,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="The folder for the tables. [default: DATASET-audit]", show_default=False
        ),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Look for label errors too, which takes minutes.")
    ] = _AUDIT.labels,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            metavar="NAME=VALUE",
            help="Flag samples of the check NAME from VALUE on, as in blurred=6; may be repeated. A TOML file with a "
            "table [thresholds] holds the same; see docs/audit.md.",
            show_default=False,
        ),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        fail_if_option("a check's; VALUE is a count, or a fraction below 1", "leaked=0 or label_error=0.01"),
    ] = None,
    plot: Plot = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    thumbnails: Annotated[
        int, typer.Option(help="Thumbnails of the worst samples of each check, for --plot.")
    ] = _AUDIT.thumbnails,
    selftest: Annotated[
        bool, typer.Option("--selftest", help="Plant faults into a copy, and report how many of them are found.")
    ] = False,
    faults: Annotated[
        int | None,
        typer.Option(
            help="Faults of each kind for --selftest. [default: 1 sample in 200, 350 at most]", show_default=False
        ),
    ] = _SELFTEST.faults,
    seed: Annotated[
        int, typer.Option(help="Seed of the models that find label errors, and of the planted faults.")
    ] = _AUDIT.seed,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Find duplicates, leaks, faulty images, label errors.

    Example: mnist-data audit data/mnist --plot

    Example: mnist-data audit data/mnist --fail-if leaked=0 --fail-if exact_duplicate=0.001
    """
    from mnist_data.api.analysis import audit as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        dataset,
        out,
        labels=labels,
        threshold=threshold,
        fail_if=fail_if,
        plot=plot,
        open=open,
        lang=lang,
        thumbnails=thumbnails,
        selftest=selftest,
        faults=faults,
        seed=seed,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, print_audit, json, ("findings", "checks", "order", "selftest"))


def print_audit(result: Result) -> None:
    """Print what was flagged, or how much of what was planted was found."""
    if "selftest" in result.tables:
        print_selftest(result.tables["selftest"])
    else:
        from mnist_data.cli.output import print_findings, say
        from pipelines.images.measures.background import describe_polarity

        say(describe_polarity(result.findings["polarity"]))
        print_checks(result.tables["checks"])
        print_findings(result.tables["findings"])


def print_checks(checks: pd.DataFrame) -> None:
    """Print how many samples each check flags in each split, its threshold, and what it measures."""
    from mnist_data.cli.output import print_table, say
    from pipelines.audit.findings import counted

    splits = list(checks["split"].unique())
    rows, undecided = [], ["left"] if "left" in checks else []
    for check, of_check in checks.groupby("check", sort=False):
        flagged, threshold = of_check.set_index("split")["flagged"], of_check["threshold"].iloc[0]
        number, samples, split = counted(of_check)
        fraction = f"{number / max(1, samples):.3%}" + (f" of {split}" if split else "")
        counts = [int(flagged[name]) for name in splits]
        left = [None if of_check[name].isna().all() else int(of_check[name].sum()) for name in undecided]
        rows.append([str(check), *counts, *left, fraction, None if threshold != threshold else threshold])
    print_table("Samples that are flagged", ["check", *splits, *undecided, "fraction", "threshold"], rows)
    if undecided:
        say("left: flagged samples that nobody has decided about, or that people are unsure of.")
    for check, of_check in checks[checks["flagged"] > 0].groupby("check", sort=False):
        for meaning in of_check["meaning"].unique():
            say(f"{check}: {meaning}.")


def print_selftest(table: pd.DataFrame) -> None:
    """Print how many of the planted faults each check has found."""
    from mnist_data.cli.output import print_table

    rows = [
        (row.check, row.planted, row.found, *map(_with_interval, _fractions(row)), row.alarms)
        for row in table[table["planted"] > 0].itertuples()
    ]
    header = ["check", "planted", "found", "recall, %", "precision, %", "alarms"]
    print_table("Faults planted and found, with 95 % intervals; alarms before", header, rows)


def _fractions(row: Any) -> tuple[tuple[float, float, float], ...]:
    return (row.recall, row.recall_low, row.recall_high), (row.precision, row.precision_low, row.precision_high)


def _with_interval(fraction: tuple[float, float, float]) -> str | None:
    """Write a fraction and the ends of its interval in percent."""
    value, low, high = (100 * end for end in fraction)
    return None if value != value else f"{value:.1f} ({low:.0f}–{high:.0f})"
