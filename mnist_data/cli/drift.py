"""drift: how far one dataset, split or class is from another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.language import ENGLISH
from mnist_data.cli.options import Json, Lang, Open, Overwrite, Plot, Scheduler, Workers, fail_if_option
from pipelines.settings.analysis import Drift

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.api.results import Result

_DRIFT = Drift()
_FIRST, _OTHERS = "wasserstein", ("kolmogorov_smirnov", "jensen_shannon")


def drift(
    a: Annotated[str, typer.Argument(metavar="A", help="A dataset.")],
    b: Annotated[str | None, typer.Argument(metavar="B", help="Another; left out with --between or --classes.")] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="OUT", help="A folder for the tables. [default with --plot: A-drift]"),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="The split of each dataset. [default: all]", show_default=False)
    ] = None,
    between: Annotated[
        tuple[str, str] | None, typer.Option(help="Two splits of A.", metavar="SPLIT SPLIT", show_default=False)
    ] = None,
    classes: Annotated[
        tuple[int, int] | None, typer.Option(help="Two labels of A.", metavar="LABEL LABEL", show_default=False)
    ] = None,
    by_class: Annotated[bool, typer.Option("--by-class", help="Compare within each class.")] = _DRIFT.by_class,
    samples: Annotated[
        int, typer.Option(help="Samples of each side at most, chosen by the hash of their ids.")
    ] = _DRIFT.samples,
    resamples: Annotated[int, typer.Option(help="Number of bootstrap resamples.")] = _DRIFT.resamples,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = _DRIFT.seed,
    fail_if: Annotated[
        list[str] | None,
        fail_if_option(
            "auc, wasserstein, kolmogorov_smirnov, jensen_shannon, l_infinity, or one of these of one feature",
            "auc=0.6 or thickness.wasserstein=0.2",
        ),
    ] = None,
    plot: Plot = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Measure how far B is from A, feature by feature and as a whole; MNIST's train and test split are the reference.

    Example: mnist-data drift data/mnist data/mine --plot

    Example: mnist-data drift data/mnist --between train test --fail-if auc=0.6
    """
    from mnist_data.api.comparisons import drift as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        a,
        b,
        out,
        split=split,
        between=between,
        classes=classes,
        by_class=by_class,
        samples=samples,
        resamples=resamples,
        seed=seed,
        fail_if=fail_if,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, print_drift, json, ("findings", "drift"))


def print_drift(result: Result) -> None:
    """Print the verdict, the classifiers, then a row a feature, the farthest by Wasserstein distance first."""
    from mnist_data.cli.output import say

    say(result.findings["verdict"])
    _print(f"{result.findings['a']} → {result.findings['b']}", result.tables["drift"])


def _print(title: str, table: pd.DataFrame) -> None:
    from mnist_data.cli.output import print_table, say

    whole = table["measure"] == "auc"
    by_class = len(table["class"].unique()) > 1
    numbers = ["95 %", "p", "MNIST", "times"]
    print_table(
        title,
        [*(["class"] if by_class else []), "classifier of", "AUC", *numbers],
        [
            (*([row["class"]] if by_class else []), row["feature"].removeprefix("all_"), *_numbers(row, [row]))
            for row in table[whole].to_dict("records")
        ],
    )
    by_feature: dict[tuple[str, str], dict[str, Any]] = {}
    for row in table[~whole].to_dict("records"):
        by_feature.setdefault((row["class"], row["feature"]), {})[row["measure"]] = row
    rows = [
        (
            *([group] if by_class else []),
            feature.replace("_", " "),
            *(
                _numbers(measures[_FIRST], measures.values())
                if _FIRST in measures
                else [None, None, _p(measures.values()), None, None]
            ),
            *(f"{measures[name]['value']:.3f}" if name in measures else None for name in _OTHERS),
        )
        for (group, feature), measures in sorted(by_feature.items(), key=lambda item: (item[0][0], -_far(item[1])))
    ]
    print_table("", [*(["class"] if by_class else []), "feature", "W", *numbers, "KS", "JS"], rows)
    say(
        "W: Wasserstein distance in deviations; KS: Kolmogorov-Smirnov; JS: Jensen-Shannon; L-infinity is in the table."
    )
    say("MNIST: its train against its test split; times that.")
    say(
        "p: the least of the row's measures, adjusted for all rows: at most 5 of 100 comparisons of equal data have a *"
    )


def _far(measures: Mapping[str, Any]) -> float:
    return float(measures[_FIRST]["value"]) if _FIRST in measures else -1.0


def _p(rows: Iterable[Mapping[Any, Any]]) -> str:
    """Write the least adjusted p-value of some rows, with a star where it is significant."""
    least = min(rows, key=lambda row: row["p_adjusted"])
    value = f"{least['p_adjusted']:.3f}" if least["p_adjusted"] >= 0.001 else "<0.001"
    return f"{value}{'*' if least['significant'] else ''}"


def _numbers(row: Mapping[Any, Any], rows: Iterable[Mapping[Any, Any]]) -> list[str]:
    """Write a value with its interval, the p-value of all measures of its row, MNIST's value, and times that it is."""
    interval = f"{row['low']:.3f}–{row['high']:.3f}"
    return [f"{row['value']:.3f}", interval, _p(rows), f"{row['reference']:.3f}", f"{row['ratio']:.1f}×"]
