"""The sections about the trained models: their accuracy, their learning curves, what they confuse."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Chart, Gallery, Note, SideBySide, Table
from dashboards.figures.confusion import confusion_matrix, frequent_confusions
from dashboards.figures.learning import learning_curves
from dashboards.figures.scores import seed_accuracies
from dashboards.formats import count, duration, percent, spaced
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
    return [*blocks, Table(table, "All models and splits", folded=len(table) > MOST_ROWS)]


def _seeds(evaluation: pd.DataFrame, seeds: pd.DataFrame, split: str) -> Chart:
    """Give the chart of the seeds of one split."""
    return Chart(
        "seeds",
        "Accuracy by seed",
        seed_accuracies(seeds, evaluation, split=split),
        "Each grey dot is a network trained from another seed. The interval of the mean is over seeds, on these same "
        "samples; that of the ensemble is over samples.",
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
        f"accuracy of {row['model']}{' (ensemble of all seeds)' if _is_ensemble(row) else ''} on {row['split']}",
        f"{count(row['correct'])} of {count(row['samples'])} correct; 95 % interval "
        f"{percent(row['low'], 2)} to {percent(row['high'], 2)}",
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
    seen = (
        f"{count(leaked['samples'])} of {count(row['samples'])} samples ({percent(leaked['fraction'], 2)}) have the "
        f"pixels of a training sample; {percent(leaked['accuracy'], 2)} of these are correct"
    )
    label = f"accuracy of {row['model']} on {row['split']} without samples of the training data"
    if not others["samples"]:
        return [Card("–", label, f"{seen}; there are no others")]
    interval = f"95 % interval {percent(others['low'], 2)} to {percent(others['high'], 2)}"
    return [Card(percent(others["accuracy"], 2), label, f"{seen}; {interval}")]


def _corrected(row: dict[Any, Any]) -> Card:
    return Card(
        percent(row["accuracy"], 2),
        f"accuracy of {row['model']} with corrected labels",
        f"{count(row['changed'])} of {count(row['samples'])} labels are corrected",
    )


def _mean(row: dict[Any, Any]) -> Card:
    return Card(
        percent(row["mean"], 2),
        f"mean accuracy of {row['model']} over {count(row['seeds'])} seeds on {row['split']}",
        f"std {100 * row['std']:.2f} points; 95 % interval {percent(row['low'], 2)} to {percent(row['high'], 2)}",
    )


def _is_ensemble(row: dict[Any, Any]) -> bool:
    """Say whether a row of the evaluation is of several seeds together."""
    return bool(pd.isna(row["seed"]))


def _spread(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "model": str(row["model"]),
        "seeds": count(row["seeds"]),
        "mean": percent(row["mean"], 2),
        "std": f"{100 * row['std']:.3f} points",
        "95 % interval of the mean": f"{percent(row['low'], 2)} to {percent(row['high'], 2)}",
        "lowest": percent(row["lowest"], 2),
        "highest": percent(row["highest"], 2),
        "ensemble": percent(row["ensemble"], 2),
    }


def _result(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "model": str(row["model"]),
        "seed": "all" if _is_ensemble(row) else str(row["seed"]),
        "split": str(row["split"]),
        "accuracy": percent(row["accuracy"], 2),
        "95 % interval": f"{percent(row['low'], 2)} to {percent(row['high'], 2)}",
        "correct": count(row["correct"]),
        "samples": count(row["samples"]),
        "parameters": count(row["parameters"]),
        "multiply-adds": count(row["multiply_adds"]),
        "images/s": count(row["images_per_second"]),
        "epochs": count(row["epochs"]),
        "training time": duration(row["seconds"]),
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
                    "Loss",
                    learning_curves(history, "loss"),
                    "Lower is better. A training loss that falls while the validation loss rises is overfitting. "
                    "Smoothed labels and augmented copies make the training loss harder to lower, so it may be the "
                    "higher of the two.",
                ),
                Chart(
                    "accuracy",
                    "Accuracy",
                    learning_curves(history, "accuracy"),
                    "The fraction of samples classified correctly after each epoch; the validation samples were not "
                    "trained on.",
                ),
            ]
        ),
        Table(table, "Show the numbers of each epoch", folded=True),
    ]


def _diagnosis(findings: pd.DataFrame) -> list[Note]:
    """Give a note for each kind of finding, with the numbers of the first training that has it."""
    if findings.empty:
        return []
    return [
        Note(
            f"{str(name).capitalize()} ({_of_seeds(rows['seed'])})",
            [rows["evidence"].iloc[0], rows["advice"].iloc[0]],
        )
        for name, rows in findings.groupby("finding", sort=False)
    ]


def _of_seeds(seeds: pd.Series[int]) -> str:
    first, *others = seeds
    return f"seed {first}, and {count(len(others))} more" if others else f"seed {first}"


def confusions(tables: Tables) -> list[Block]:
    """Give the confusion matrix, and the most frequent errors next to it."""
    frame = tables["confusion"]
    matrix = Chart(
        "confusion",
        "True and predicted class",
        confusion_matrix(frame),
        "A row is the true class, a column the predicted class. Correct predictions lie on the diagonal; only errors "
        "are coloured, the stronger the more there are.",
    )
    worst = frequent_confusions(frame)
    if worst.empty:
        return [matrix]
    table = worst.assign(fraction=[percent(fraction, 2) for fraction in worst["fraction"]])
    table.columns = pd.Index(["true", "predicted", "samples", "of the class"])
    return [SideBySide([matrix, Table(table, "Most frequent errors")], wide_first=True)]


def mistakes(tables: Tables) -> list[Block]:
    """Give thumbnails of the misclassified samples, the most confident errors first."""
    errors = tables["misclassified"]
    frame = errors.sort_values("probability", ascending=False, kind="stable").head(MOST_THUMBNAILS)
    frame.attrs = errors.attrs
    images = decode_images(frame)
    size = screen_size(images.shape[1:3], side=84)
    thumbnails = [
        Thumbnail(
            uri,
            *size,
            alt=f"a {row['name']} classified as {row['predicted_name']}",
            title=f"sample {row['id']}: true {row['name']}, predicted {row['predicted_name']}",
            lines=(f"{row['name']} → {row['predicted_name']}", _confidence(row["probability"])),
        )
        for row, uri in zip(frame.to_dict("records"), png_uris(images), strict=True)
    ]
    of = f" The first {len(frame)} of {count(len(errors))}." if len(errors) > len(frame) else ""
    caption = f"True → predicted class, and the model's confidence; the most confident errors come first.{of}"
    return [Gallery("Most confident errors", thumbnails, caption)]


def _confidence(probability: float) -> str:
    """Write a probability; one below 1 is never rounded to certainty."""
    return f"> {percent(0.99, 0)}" if 0.995 <= probability < 1 else percent(probability, 0)
