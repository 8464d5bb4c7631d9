"""The sections about the trained models: how they learned, how good they are, what they mistake."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Chart, Gallery, Note, Number, Numbers, SideBySide, Table
from dashboards.figures.confusion import confusion_matrix, frequent_confusions
from dashboards.figures.history import learning_curve
from dashboards.formats import count, duration, percent
from dashboards.pictures import Picture, decode, picture_uris, screen_size
from dashboards.sections.changes import MOST_PICTURES
from dashboards.sections.data import Tables

MOST_CARDS = 3


def results(tables: Tables) -> list[Block]:
    """Give the accuracy of the first models in large digits, and all of them in a table."""
    frame = tables["evaluation"]
    cards = [
        Number(
            percent(row["accuracy"], 2),
            f"accuracy of {row['model']} on {row['split']}",
            f"{count(row['correct'])} of {count(row['samples'])} right; 95 % interval "
            f"{percent(row['low'], 2)} to {percent(row['high'], 2)}",
        )
        for row in _headline(frame).head(MOST_CARDS).to_dict("records")
    ]
    table = pd.DataFrame([_result(row) for row in frame.to_dict("records")])
    return [Numbers(cards, strong=True), Table(table, "All models and splits")]


def _headline(evaluation: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of the test split; what was measured on samples that took part in the choice comes only after."""
    test = evaluation[evaluation["split"] == "test"]
    return evaluation if test.empty else test


def _result(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "model": str(row["model"]),
        "split": str(row["split"]),
        "accuracy": percent(row["accuracy"], 2),
        "95 % interval": f"{percent(row['low'], 2)} to {percent(row['high'], 2)}",
        "right": count(row["correct"]),
        "samples": count(row["samples"]),
        "parameters": count(row["parameters"]),
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
                    "Share of samples that are right after each epoch; the validation samples were not trained on.",
                ),
            ]
        ),
        Table(table, "Show the numbers of each epoch", folded=True),
    ]


def _diagnosis(findings: pd.DataFrame) -> list[Note]:
    """Give a note for each kind of finding, with the numbers of the first training that it was found in."""
    return [
        Note(
            f"{str(name).capitalize()} ({_seeds(found['seed'])})", [found["evidence"].iloc[0], found["advice"].iloc[0]]
        )
        for name, found in (findings.groupby("finding", sort=False) if len(findings) else ())
    ]


def _seeds(seeds: pd.Series[int]) -> str:
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
    table = worst.assign(share=[percent(share, 2) for share in worst["share"]])
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
