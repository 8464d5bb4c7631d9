"""What train prints of its report: seeds, calibration, thickness of strokes and corrected labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def print_report(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print what there is of the report's tables; accuracies in percent with their 95 % intervals."""
    for name, print_one in (
        ("evaluation", _print_cost),
        ("seeds", _print_seeds),
        ("label_scores", print_labels),
        ("leak_scores", print_leaks),
        ("calibration", _print_calibration),
        ("class_scores", _print_weakest),
        ("thickness_scores", _print_thickness),
    ):
        if name in tables:
            print_one(tables[name])


def _print_cost(evaluation: pd.DataFrame) -> None:
    from mnist_data.cli.output import say

    for row in evaluation.drop_duplicates("model").to_dict("records"):
        say(
            f"{row['model']}: {row['parameters']:,} parameters, {row['multiply_adds']:,} multiply-adds an image, "
            f"{row['images_per_second']:,.0f} images/s predicted on this machine."
        )


def _print_seeds(seeds: pd.DataFrame) -> None:
    from mnist_data.cli.output import print_table

    rows = [
        (
            row["split"],
            f"{row['mean']:.2%}",
            f"{100 * row['std']:.3f}",
            _between(row["low"], row["high"]),
            _between(row["lowest"], row["highest"]),
        )
        for row in seeds.to_dict("records")
    ]
    title = f"Mean of {seeds['seeds'].iloc[0]} seeds; its interval is about other seeds, not about other samples"
    print_table(title, ["split", "mean", "±", "95 % interval", "lowest – highest"], rows)


def print_labels(scores: pd.DataFrame) -> None:
    """Print the accuracy by given and by corrected labels."""
    from mnist_data.cli.output import print_table

    counted = [name for name in ("labels", "changed", "removed") if name in scores]
    rows = [
        (
            row["labels"],
            row["changed"],
            row.get("removed", 0),
            f"{row['accuracy']:.2%}",
            _between(row["low"], row["high"]),
        )
        for row in scores.to_dict("records")
    ]
    print_table("Accuracy by given and by corrected labels", [*counted, "accuracy", "95 % interval"], rows)


def print_leaks(scores: pd.DataFrame) -> None:
    """Print of each split how much of its score rests on samples with the pixels of a training sample."""
    from mnist_data.cli.output import say
    from pipelines.networks.evaluation.leaks import leaks_in_words

    for split, rows in scores.groupby("split", sort=False):
        say(leaks_in_words(rows, str(split)))


def _print_calibration(calibration: pd.DataFrame) -> None:
    from mnist_data.cli.output import print_table

    rows = [
        (
            f"{row['temperature']:.3f}",
            f"{row['ece']:.2%}",
            f"{row['ece_by_chance']:.2%}",
            f"{row['nll']:.4f}",
            f"{row['confidence']:.2%}",
            f"{row['accuracy']:.2%}",
        )
        for row in calibration.to_dict("records")
    ]
    print_table(
        "Calibration", ["temperature", "error (ECE)", "by chance", "log-loss", "mean confidence", "accuracy"], rows
    )


def _print_weakest(scores: pd.DataFrame) -> None:
    from mnist_data.cli.output import say

    worst = scores.sort_values("accuracy", kind="stable").head(3).to_dict("records")
    say("Lowest accuracy: " + ", ".join(f"{row['name']} {row['accuracy']:.2%}" for row in worst) + ".")


def _print_thickness(scores: pd.DataFrame) -> None:
    from mnist_data.cli.output import say

    tenths = scores.dropna(subset="decile")
    if len(tenths) > 1:
        thin, thick = tenths.iloc[0], tenths.iloc[-1]
        say(
            f"The thinnest strokes (up to {thin['thickest']:.1f} pixels) {thin['accuracy']:.2%}, the thickest (from "
            f"{thick['thinnest']:.1f}) {thick['accuracy']:.2%}."
        )


def _between(low: float, high: float) -> str:
    return f"{low:.2%} – {high:.2%}"


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
        print_table("Accuracy in each series", ["split", "series", "samples", "accuracy", "95 % interval"], rows)
    if len(writers):
        worst = writers.sort_values(["accuracy", "samples"], ascending=[True, False], kind="stable").iloc[0]
        say(
            f"{len(writers):,} writers: no mistake with {(writers['accuracy'] == 1).sum():,} of them; a tenth have "
            f"{writers['accuracy'].quantile(0.1):.1%} or less; worst is writer {worst['value']} with "
            f"{worst['correct']:,} of {worst['samples']:,}."
        )
