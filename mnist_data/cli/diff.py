"""diff: what has changed from one version of a dataset to another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.language import ENGLISH
from mnist_data.cli.options import Json, Lang, Open, Overwrite, Plot, Scheduler, Workers, fail_if_option
from pipelines.settings.analysis import Diff

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.api.results import Result

_DIFF = Diff()
_SHOWN = 20
"""Samples and pairs of labels that are printed."""


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A dataset: the earlier version.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another: the later version.")],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="OUT", help="A folder for the tables. [default with --plot: A-diff]"),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        fail_if_option(
            "removed, added, altered, relabelled, moved or renumbered; VALUE is a count, or a fraction below 1",
            "removed=0 or relabelled=0.01",
        ),
    ] = None,
    plot: Plot = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    thumbnails: Annotated[int, typer.Option(help="Thumbnails of each change, for --plot.")] = _DIFF.thumbnails,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Say which samples were added, removed, relabelled, altered or moved from A to B, by ids and pixels.

    Example: mnist-data diff data/mnist data/mnist-clean --plot

    Example: mnist-data diff data/v1 data/v2 --out changes --fail-if removed=0
    """
    from mnist_data.api.comparisons import diff as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        a,
        b,
        out,
        fail_if=fail_if,
        plot=plot,
        open=open,
        lang=lang,
        thumbnails=thumbnails,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, print_diff, json, ("findings", "changes", "relabelled"))


def print_diff(result: Result) -> None:
    """Print the verdict, how many samples of each split have changed in which way, and the first of them."""
    from mnist_data.cli.output import print_table, say

    changes, rows = result.tables["changes"], []
    splits = list(changes["split"].unique())
    for change, of_change in changes.groupby("change", sort=False):
        counts, whole = of_change.set_index("split")["samples"], int(of_change["of"].sum())
        total = int(counts.sum())
        rows.append([str(change), *(int(counts[name]) for name in splits), total, f"{total / max(1, whole):.3%}"])
    for line in (result.findings["verdict"], *result.findings["notes"]):
        say(line)
    title = f"{result.findings['a']} → {result.findings['b']}"
    print_table(title, ["change", *splits, "samples", "fraction"], rows)
    _print_samples(result.tables["diff"], result.out is not None)
    _print_labels(result.tables["relabelled"])


def _print_samples(table: pd.DataFrame, written: bool) -> None:
    """Print the first samples that differ by more than their ids."""
    from mnist_data.cli.output import print_table, say

    listed = table[table["change"].astype(str) != "renumbered"]
    if listed.empty:
        return
    rows = [
        (row["change"], *(_from_to(row[f"{name}_a"], row[f"{name}_b"]) for name in ("id", "split", "label")))
        for row in listed.head(_SHOWN).to_dict("records")
    ]
    print_table("Samples that differ", ["change", "id", "split", "label"], rows)
    if len(listed) > _SHOWN:
        say(f"These are the first {_SHOWN} of {len(listed):,}" + ("." if written else "; --out writes all of them."))


def _from_to(first: object, second: object) -> str:
    """Write a value of A and of B, and once where they are the same or there is but one."""
    there = [str(value) for value in (first, second) if value is not None and str(value) not in ("<NA>", "nan")]
    return " → ".join(dict.fromkeys(there))


def _print_labels(relabelled: pd.DataFrame) -> None:
    from mnist_data.cli.output import print_table

    if len(relabelled):
        rows = [(row["name_a"], row["name_b"], row["samples"]) for row in relabelled.head(_SHOWN).to_dict("records")]
        print_table("Relabelled", ["from", "to", "samples"], rows)
