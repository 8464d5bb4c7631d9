"""The sections about the trained models: their accuracy, their learning curves, what they confuse."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Chart, Gallery, Note, SideBySide, Table
from dashboards.figures.confusion import confusion_matrix, frequent_confusions
from dashboards.figures.learning import learning_curves
from dashboards.figures.scores import seed_accuracies
from dashboards.formats import MISSING, capitalized, count, duration, interval, percent, spaced
from dashboards.language import mark, sentences, tr
from dashboards.sections.changes import MOST_THUMBNAILS
from dashboards.sections.data import Tables
from dashboards.thumbnails import Thumbnail, decode_images, png_uris, screen_size

MOST_CARDS = 3

MOST_ROWS = 8
"""Results that are shown without a click."""


def results(tables: Tables) -> list[Block]:
    """Give the accuracy of the first models in large digits, how much it differs between seeds, and all in a table."""
    frame = tables["evaluation"]
    headline = _headline(frame)
    split = headline["split"].iloc[0]
    seeds = tables["seeds"][tables["seeds"]["split"] == split] if "seeds" in tables else pd.DataFrame()
    labels, leaks = tables.get("label_scores", pd.DataFrame()), tables.get("leak_scores", pd.DataFrame())
    shown = headline.head(MOST_CARDS).to_dict("records")
    cards = [card for row in shown for card in [*_cards(row, seeds, labels), *_without_leaks(row, leaks)]]
    blocks: list[Block] = [Cards(cards, strong=True)]
    if not seeds.empty:
        blocks.append(_seeds(frame, seeds, split))
    table = pd.DataFrame([_result(row) for row in frame.to_dict("records")])
    return [*blocks, Table(table, tr("All models and splits"), folded=len(table) > MOST_ROWS)]


def _seeds(evaluation: pd.DataFrame, seeds: pd.DataFrame, split: str) -> Chart:
    """Give the chart of the seeds of one split."""
    return Chart(
        "seeds",
        tr("Accuracy by seed"),
        seed_accuracies(seeds, evaluation, split=split),
        tr(
            "Each grey dot is a network trained from another seed. The interval of the mean is over seeds, on these "
            "same samples; that of the ensemble is over samples."
        ),
        pd.DataFrame([_spread(row) for row in seeds.to_dict("records")]),
    )


def _headline(evaluation: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of the test split; what was measured on samples that took part in the choice comes only after.

    Of a model with several seeds only the row of all of them together.
    """
    test = evaluation[evaluation["split"] == "test"]
    rows = evaluation if test.empty else test
    several = rows.groupby("model")["seed"].transform("size") > 1
    return rows[rows["seed"].isna() | ~several]


def _cards(row: dict[Any, Any], seeds: pd.DataFrame, labels: pd.DataFrame) -> list[Card]:
    """Give the accuracy of a model, and where they are known its mean over the seeds and that by corrected labels."""

    def of(table: pd.DataFrame) -> list[dict[Any, Any]]:
        return [] if table.empty else table[table["model"] == row["model"]].to_dict("records")

    whole = Card(
        percent(row["accuracy"], 2),
        tr("accuracy of {model} (ensemble of all seeds) on {split}", model=row["model"], split=row["split"])
        if _is_ensemble(row)
        else tr("accuracy of {model} on {split}", model=row["model"], split=row["split"]),
        tr(
            "{correct} of {samples} correct; 95 % interval {interval}",
            correct=count(row["correct"]),
            samples=count(row["samples"]),
            interval=interval(row["low"], row["high"]),
        ),
    )
    means = [_mean(of_seeds) for of_seeds in of(seeds)]
    return [whole, *means, *(_corrected(scores) for scores in of(labels) if scores["labels"] == "corrected")]


def _without_leaks(row: dict[Any, Any], leaks: pd.DataFrame) -> list[Card]:
    """Give the accuracy of a model on the samples that it has not seen in training, where it has seen some."""
    if leaks.empty:
        return []
    parts = leaks[(leaks["model"] == row["model"]) & (leaks["split"] == row["split"])].set_index("part")
    if parts.empty or not parts.loc["leaked", "samples"]:
        return []
    leaked, others = parts.loc["leaked"], parts.loc["others"]
    seen = tr(
        "{leaked} of {samples} samples ({fraction}) have the pixels of a training sample; {accuracy} of these are "
        "correct",
        leaked=count(leaked["samples"]),
        samples=count(row["samples"]),
        fraction=percent(leaked["fraction"], 2),
        accuracy=percent(leaked["accuracy"], 2),
    )
    label = tr(
        "accuracy of {model} on {split} without samples of the training data", model=row["model"], split=row["split"]
    )
    if not others["samples"]:
        return [Card(MISSING, label, tr("; ").join([seen, tr("there are no others")]))]
    between = tr("95 % interval {interval}", interval=interval(others["low"], others["high"]))
    return [Card(percent(others["accuracy"], 2), label, tr("; ").join([seen, between]))]


def _corrected(row: dict[Any, Any]) -> Card:
    return Card(
        percent(row["accuracy"], 2),
        tr("accuracy of {model} with corrected labels", model=row["model"]),
        tr("{changed} of {samples} labels are corrected", changed=count(row["changed"]), samples=count(row["samples"])),
    )


def _mean(row: dict[Any, Any]) -> Card:
    return Card(
        percent(row["mean"], 2),
        tr(
            "mean accuracy of {model} over {seeds} seeds on {split}",
            model=row["model"],
            seeds=count(row["seeds"]),
            split=row["split"],
        ),
        tr(
            "std {std:.2f} points; 95 % interval {interval}",
            std=100 * row["std"],
            interval=interval(row["low"], row["high"]),
        ),
    )


def _is_ensemble(row: dict[Any, Any]) -> bool:
    """Say whether a row of the evaluation is of several seeds together."""
    return bool(pd.isna(row["seed"]))


def _spread(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "model": str(row["model"]),
        "seeds": count(row["seeds"]),
        "mean": percent(row["mean"], 2),
        "std": tr("{std:.3f} points", std=100 * row["std"]),
        mark("95 % interval of the mean"): interval(row["low"], row["high"]),
        "lowest": percent(row["lowest"], 2),
        "highest": percent(row["highest"], 2),
        "ensemble": percent(row["ensemble"], 2),
    }


def _result(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "model": str(row["model"]),
        "seed": tr("all") if _is_ensemble(row) else str(row["seed"]),
        "split": str(row["split"]),
        "accuracy": percent(row["accuracy"], 2),
        "95 % interval": interval(row["low"], row["high"]),
        "correct": count(row["correct"]),
        "samples": count(row["samples"]),
        "parameters": count(row["parameters"]),
        mark("multiply-adds"): count(row["multiply_adds"]),
        mark("images/s"): count(row["images_per_second"]),
        "epochs": count(row["epochs"]),
        mark("training time"): duration(row["seconds"]),
    }


def training(tables: Tables) -> list[Block]:
    """Give what went wrong, if anything did, and the learning curves."""
    history = tables["history"]
    table = history.rename(columns=spaced)
    return [
        *_diagnosis(tables.get("diagnosis", pd.DataFrame())),
        SideBySide(
            [
                Chart(
                    "loss",
                    tr("Loss"),
                    learning_curves(history, "loss"),
                    tr(
                        "Lower is better. A training loss that falls while the validation loss rises is overfitting. "
                        "Smoothed labels and augmented copies make the training loss harder to lower, so it may be the "
                        "higher of the two."
                    ),
                ),
                Chart(
                    "accuracy",
                    tr("Accuracy"),
                    learning_curves(history, "accuracy"),
                    tr(
                        "The fraction of samples classified correctly after each epoch; the validation samples were "
                        "not trained on."
                    ),
                ),
            ]
        ),
        Table(table, tr("Show the numbers of each epoch"), folded=True),
    ]


def _diagnosis(findings: pd.DataFrame) -> list[Note]:
    """Give a note for each kind of finding, with the numbers of the first training that has it."""
    if findings.empty:
        return []
    said = sentences(findings)
    return [
        Note(
            tr("{finding} ({seeds})", finding=capitalized(said(name)), seeds=_of_seeds(rows["seed"])),
            [said(rows["evidence"].iloc[0]), said(rows["advice"].iloc[0])],
        )
        for name, rows in findings.groupby("finding", sort=False)
    ]


def _of_seeds(seeds: pd.Series[int]) -> str:
    first, *others = seeds
    if others:
        return tr("seed {seed}, and {count} more", seed=first, count=count(len(others)))
    return tr("seed {seed}", seed=first)


def confusions(tables: Tables) -> list[Block]:
    """Give the confusion matrix, and the most frequent errors next to it."""
    frame = tables["confusion"]
    matrix = Chart(
        "confusion",
        tr("True and predicted class"),
        confusion_matrix(frame),
        tr(
            "A row is the true class, a column the predicted class. Correct predictions lie on the diagonal; only "
            "errors are coloured, the stronger the more there are."
        ),
    )
    worst = frequent_confusions(frame)
    if worst.empty:
        return [matrix]
    table = worst.assign(fraction=[percent(fraction, 2) for fraction in worst["fraction"]])
    table.columns = pd.Index(["true", "predicted", "samples", mark("of the class")])
    return [SideBySide([matrix, Table(table, tr("Most frequent errors"))], wide_first=True)]


def mistakes(tables: Tables) -> list[Block]:
    """Give thumbnails of the misclassified samples, the most confident errors first."""
    errors = tables["misclassified"]
    frame = errors.sort_values("probability", ascending=False, kind="stable").head(MOST_THUMBNAILS)
    frame.attrs = errors.attrs
    caption = tr("True → predicted class, and the model's confidence; the most confident errors come first.")
    if len(errors) > len(frame):
        first = tr("The first {shown} of {count}.", shown=len(frame), count=count(len(errors)))
        caption = tr("{sentence} {next}", sentence=caption, next=first)
    return [Gallery(tr("Most confident errors"), mistaken(frame), caption)]


def mistaken(frame: pd.DataFrame) -> list[Thumbnail]:
    """Give thumbnails of misclassified samples: id, name, predicted_name, probability, image."""
    images = decode_images(frame)
    size = screen_size(images.shape[1:3], side=84)
    return [
        Thumbnail(
            uri,
            *size,
            alt=tr("a {name} classified as {predicted}", name=row["name"], predicted=row["predicted_name"]),
            title=tr(
                "sample {id}: true {name}, predicted {predicted}",
                id=row["id"],
                name=row["name"],
                predicted=row["predicted_name"],
            ),
            sample=int(row["id"]),
            lines=(f"{row['name']} → {row['predicted_name']}", _confidence(row["probability"])),
        )
        for row, uri in zip(frame.to_dict("records"), png_uris(images), strict=True)
    ]


def _confidence(probability: float) -> str:
    """Write a probability; one below 1 is never rounded to certainty."""
    return f"> {percent(0.99, 0)}" if 0.995 <= probability < 1 else percent(probability, 0)
