"""drift: how far one dataset, split or class is from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_data.cli.options import Json, Overwrite, Scheduler, Workers
from pipelines.settings.analysis import Drift

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.parquet.dataset import Dataset
    from pipelines.drift.gather import Choice

_DRIFT = Drift()
_FIRST, _OTHERS = "wasserstein", ("kolmogorov_smirnov", "jensen_shannon")


def drift(
    a: Annotated[str, typer.Argument(metavar="A", help="A dataset.")],
    b: Annotated[
        str | None, typer.Argument(metavar="[B]", help="Another; left out with --between or --classes.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Of each dataset. [default: all]", show_default=False)] = None,
    between: Annotated[
        tuple[str, str] | None, typer.Option(help="Two splits of A.", metavar="SPLIT SPLIT", show_default=False)
    ] = None,
    classes: Annotated[
        tuple[int, int] | None, typer.Option(help="Two labels of A.", metavar="LABEL LABEL", show_default=False)
    ] = None,
    by_class: Annotated[bool, typer.Option("--by-class", help="Compare within each class.")] = _DRIFT.by_class,
    samples: Annotated[int, typer.Option(help="Of each side at most, chosen by the hash of their ids.")] = (
        _DRIFT.samples
    ),
    resamples: Annotated[int, typer.Option(help="Of the bootstrap.")] = _DRIFT.resamples,
    seed: Annotated[int, typer.Option(help="Of the resampling.")] = _DRIFT.seed,
    fail_above: Annotated[
        list[str] | None,
        typer.Option(metavar="BAR", help="Exit with 1 above it: auc=0.6, or thickness.wasserstein=0.2; repeatable."),
    ] = None,
    out: Annotated[str | None, typer.Option("--out", help="The folder for the tables.")] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Write a dashboard, too. [default OUT: A-drift]")] = False,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Say how far B is from A, feature by feature and as a whole, beside MNIST's train and test split.

    Example: mnist-data drift data/mnist data/mine --plot

    Example: mnist-data drift data/mnist --between train test --fail-above auc=0.6
    """
    from mnist_data.cli.output import print_json, progress, say
    from mnist_data.parquet.dataset import open_dataset
    from mnist_data.storage import require_free
    from pipelines.drift.compare import drift as run
    from pipelines.drift.compare import read_limits, require_below, save
    from pipelines.engine.execution import open_execution
    from pipelines.run.report import write_report

    params, limits = (
        Drift(samples=samples, resamples=resamples, seed=seed, by_class=by_class),
        read_limits(fail_above or []),
    )
    source = open_dataset(a)
    sides = _sides(source, open_dataset(b) if b else None, split, between, classes)
    folder = out or (f"{source.location}-drift" if plot else None)
    if folder:
        require_free(folder, overwrite)
    with progress() as report, open_execution(workers, scheduler, report) as execution:
        tables = run(*sides, params, execution=execution)
    page = None
    if folder:
        save(tables, folder, sides, params)
        page = write_report(tables, source, f"{folder}/dashboard.html") if plot else None
    if json:
        print_json({"a": sides[0].name, "b": sides[1].name, "tables": folder, "dashboard": page,
                    "drift": tables["drift"].to_dict("records")})  # fmt: skip
    else:
        _print(f"{sides[0].name} → {sides[1].name}", tables["drift"])
        for what, where in (("Tables", folder), ("Dashboard", page)):
            if where:
                say(f"{what}: {where}")
    require_below(tables["drift"], limits)


def _sides(
    a: Dataset, b: Dataset | None, split: str | None, between: tuple[str, str] | None, classes: tuple[int, int] | None
) -> tuple[Choice, Choice]:
    """Give the two sides that were asked for, by just one of B, --between and --classes."""
    from mnist_data.errors import WrongUse, unknown_name
    from pipelines.drift.gather import Choice

    if (b is not None) + (between is not None) + (classes is not None) != 1:
        raise WrongUse("Name what is compared by one of these: B, --between SPLIT SPLIT, --classes LABEL LABEL.")
    if between and split:
        raise WrongUse("--between names the splits already; leave --split out.")
    for dataset, name in [
        (dataset, name) for dataset in (a, b) if dataset for name in (split, *(between or ())) if name
    ]:
        if name not in dataset.splits:
            raise unknown_name("split", name, dataset.splits, dataset.location)
    chosen = [(split,) if split else tuple(dataset.splits) for dataset in (a, b or a)]
    if between:
        return Choice(a, between[:1], between[0]), Choice(a, between[1:], between[1])
    if classes:
        first, second = (Choice(a, chosen[0], f"class {label}", label) for label in classes)
        return first, second
    other = b or a
    return Choice(a, chosen[0], a.location), Choice(other, chosen[1], other.location)


def _print(title: str, table: pd.DataFrame) -> None:
    """Print the domain classifier, then a row a feature, the farthest by Wasserstein distance first."""
    from mnist_data.cli.output import print_table, say

    whole = table["measure"] == "auc"
    by_class = len(table["class"].unique()) > 1
    numbers = ["95 %", "chance", "MNIST", "times"]
    print_table(
        title,
        [*(["class"] if by_class else []), "told apart by", "AUC", *numbers],
        [
            (*([row["class"]] if by_class else []), row["feature"].removeprefix("all_"), *_numbers(row))
            for row in table[whole].to_dict("records")
        ],
    )
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in table[~whole].to_dict("records"):
        found.setdefault((row["class"], row["feature"]), {})[row["measure"]] = row
    rows = [
        (
            *([group] if by_class else []),
            feature.replace("_", " "),
            *(_numbers(measures[_FIRST]) if _FIRST in measures else [None] * 5),
            *(f"{measures[name]['value']:.3f}" if name in measures else None for name in _OTHERS),
        )
        for (group, feature), measures in sorted(found.items(), key=lambda item: (item[0][0], -_far(item[1])))
    ]
    print_table("", [*(["class"] if by_class else []), "feature", "W", *numbers, "KS", "JS"], rows)
    say(
        "W: Wasserstein distance in deviations; KS: Kolmogorov-Smirnov; JS: Jensen-Shannon; L-infinity is in the table."
    )
    say(
        "chance: what 95 in 100 pairs of equal samples stay below. MNIST: its train against its test split; times that."
    )


def _far(measures: Mapping[str, Any]) -> float:
    return float(measures[_FIRST]["value"]) if _FIRST in measures else -1.0


def _numbers(row: Mapping[Any, Any]) -> list[str]:
    """Write a value with its interval, its chance, MNIST's, and how many times that it is."""
    interval = f"{row['low']:.3f}–{row['high']:.3f}"
    others = (f"{row[name]:.3f}" for name in ("null_95", "reference"))
    return [f"{row['value']:.3f}", interval, *others, f"{row['ratio']:.1f}×"]
