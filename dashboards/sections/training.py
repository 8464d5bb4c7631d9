"""The sections about the trained models: how they learned, how good they are, what they mistake."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Chart, Gallery, Note, Number, Numbers, SideBySide, Table
from dashboards.figures.confusion import confusion_matrix, frequent_confusions
from dashboards.figures.history import learning_curve
from dashboards.figures.scores import seed_dots
from dashboards.formats import count, duration, percent
from dashboards.pictures import Picture, decode, picture_uris, screen_size
from dashboards.sections.changes import MOST_PICTURES
from dashboards.sections.data import Tables

MOST_CARDS = 3

MOST_ROWS = 8
"""Of results that are shown without a click."""


def results(tables: Tables) -> list[Block]:
    """Give the accuracy of the first models in large digits, how much it differs between seeds, and all in a table."""
    frame = tables["evaluation"]
    headline = _headline(frame)
    split = headline["split"].iloc[0]
    seeds = tables["seeds"][tables["seeds"]["split"] == split] if "seeds" in tables else pd.DataFrame()
    labels = tables.get("label_scores", pd.DataFrame())
    cards = [card for row in headline.head(MOST_CARDS).to_dict("records") for card in _cards(row, seeds, labels)]
    blocks: list[Block] = [Numbers(cards, strong=True)]
    if not seeds.empty:
        blocks.append(_seeds(frame[frame["split"] == split], seeds))
    table = pd.DataFrame([_result(row) for row in frame.to_dict("records")])
    return [*blocks, Table(table, "All models and splits", folded=len(table) > MOST_ROWS)]


def _seeds(evaluation: pd.DataFrame, seeds: pd.DataFrame) -> Chart:
    """Give the chart of the seeds of one split."""
    return Chart(
        "seeds",
        "How much of it is chance",
        seed_dots(evaluation, seeds),
        "A grey dot is a network trained from a seed of its own. The mean's interval is about other seeds, on these "
        "same samples; that of all of them together is about other samples.",
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


def _cards(row: dict[Any, Any], seeds: pd.DataFrame, labels: pd.DataFrame) -> list[Number]:
    """Give the accuracy of a model, and where they are known its mean over the seeds and that by corrected labels."""

    def of(table: pd.DataFrame) -> list[dict[Any, Any]]:
        return [] if table.empty else table[table["model"] == row["model"]].to_dict("records")

    whole = Number(
        percent(row["accuracy"], 2),
        f"accuracy of {row['model']}{', all seeds together,' if _together(row) else ''} on {row['split']}",
        f"{count(row['correct'])} of {count(row['samples'])} right; 95 % interval "
        f"{percent(row['low'], 2)} to {percent(row['high'], 2)}",
    )
    means = [_mean(found) for found in of(seeds)]
    return [whole, *means, *(_corrected(found) for found in of(labels) if found["labels"] == "corrected")]


def _corrected(row: dict[Any, Any]) -> Number:
    return Number(
        percent(row["accuracy"], 2),
        f"accuracy of {row['model']} by corrected labels",
        f"{count(row['changed'])} of {count(row['samples'])} labels are corrected",
    )


def _mean(row: dict[Any, Any]) -> Number:
    return Number(
        percent(row["mean"], 2),
        f"mean of {count(row['seeds'])} {row['model']} on {row['split']}",
        f"standard deviation {100 * row['std']:.2f} points; 95 % interval {percent(row['low'], 2)} to "
        f"{percent(row['high'], 2)}",
    )


def _together(row: dict[Any, Any]) -> bool:
    """Say whether a row of the evaluation is of several seeds together."""
    return bool(pd.isna(row["seed"]))


def _spread(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "model": str(row["model"]),
        "seeds": count(row["seeds"]),
        "mean": percent(row["mean"], 2),
        "standard deviation": f"{100 * row['std']:.3f} points",
        "95 % interval of the mean": f"{percent(row['low'], 2)} to {percent(row['high'], 2)}",
        "lowest": percent(row["lowest"], 2),
        "highest": percent(row["highest"], 2),
        "together": percent(row["ensemble"], 2),
    }


def _result(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "model": str(row["model"]),
        "seed": "all" if _together(row) else str(row["seed"]),
        "split": str(row["split"]),
        "accuracy": percent(row["accuracy"], 2),
        "95 % interval": f"{percent(row['low'], 2)} to {percent(row['high'], 2)}",
        "right": count(row["correct"]),
        "samples": count(row["samples"]),
        "parameters": count(row["parameters"]),
        "multiply-adds": count(row["multiply_adds"]),
        "images per second": count(row["images_per_second"]),
        "epochs": count(row["epochs"]),
        "training time": duration(row["seconds"]),
    }


def training(tables: Tables) -> list[Block]:
    """Give what went wrong, if anything did, and the learning curves."""
    history = tables["history"]
    table = history.rename(columns=lambda name: str(name).replace("_", " "))
    return [
        *_diagnosis(tables.get("diagnosis", pd.DataFrame())),
        SideBySide(
            [
                Chart(
                    "loss",
                    "Loss",
                    learning_curve(history, "loss"),
                    "Lower is better. Training that falls while validation rises is learning by heart. Smoothed labels "
                    "and deformed copies make training the harder of the two, so it may lie above.",
                ),
                Chart(
                    "accuracy",
                    "Accuracy",
                    learning_curve(history, "accuracy"),
                    "Fraction of samples that are right after each epoch; the validation samples were not trained on.",
                ),
            ]
        ),
        Table(table, "Show the numbers of each epoch", folded=True),
    ]


def _diagnosis(findings: pd.DataFrame) -> list[Note]:
    """Give a note for each kind of finding, with the numbers of the first training that it was found in."""
    notes = []
    for name, found in findings.groupby("finding", sort=False) if len(findings) else ():
        title = f"{str(name).capitalize()} ({_of_seeds(found['seed'])})"
        notes.append(Note(title, [found["evidence"].iloc[0], found["advice"].iloc[0]]))
    return notes


def _of_seeds(seeds: pd.Series[int]) -> str:
    first, *others = seeds
    return f"seed {first}, and {count(len(others))} more" if others else f"seed {first}"


def confusions(tables: Tables) -> list[Block]:
    """Give the confusion matrix, and the most frequent mistakes beside it."""
    frame = tables["confusion"]
    matrix = Chart(
        "confusion",
        "True and predicted class",
        confusion_matrix(frame),
        "A row is the true class, a column what the model said. The right answers lie on the diagonal; only mistakes "
        "are coloured, stronger the more there are.",
    )
    worst = frequent_confusions(frame)
    if worst.empty:
        return [matrix]
    table = worst.assign(fraction=[percent(fraction, 2) for fraction in worst["fraction"]])
    table.columns = pd.Index(["true", "predicted", "samples", "of the class"])
    return [SideBySide([matrix, Table(table, "Most frequent mistakes")], wide_first=True)]


def mistakes(tables: Tables) -> list[Block]:
    """Give pictures of the mistakes, those that the model was surest of first."""
    every = tables["misclassified"]
    frame = every.sort_values("probability", ascending=False, kind="stable").head(MOST_PICTURES)
    frame.attrs = every.attrs
    images = decode(frame)
    width, height = screen_size(images.shape[1:3], side=84)
    pictures = [
        Picture(
            uri,
            width,
            height,
            alt=f"a {row['name']} taken for {row['predicted_name']}",
            title=f"sample {row['id']}: true {row['name']}, predicted {row['predicted_name']}",
            lines=(f"{row['name']} → {row['predicted_name']}", _sureness(row["probability"])),
        )
        for row, uri in zip(frame.to_dict("records"), picture_uris(images), strict=True)
    ]
    of = f" The first {len(frame)} of {count(len(every))}." if len(every) > len(frame) else ""
    caption = f"True → predicted class, and how sure the model was of its answer; the surest mistakes come first.{of}"
    return [Gallery("What the model got wrong", pictures, caption)]


def _sureness(probability: float) -> str:
    """Write a probability; one below 1 is never rounded to certainty."""
    return f"> {percent(0.99, 0)}" if 0.995 <= probability < 1 else percent(probability, 0)
