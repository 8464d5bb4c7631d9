"""The sections about how far an accuracy can be trusted: how sure a model may be believed, and where it errs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Chart, Number, Numbers, SideBySide, Table
from dashboards.figures.scores import accuracy_by_class, accuracy_by_thickness, reliability_diagram
from dashboards.formats import count, percent
from dashboards.sections.data import Tables


def calibration(tables: Tables) -> list[Block]:
    """Give by how much the model is surer than right, with and without a temperature, and the reliability diagram."""
    frame = tables["calibration"]
    cards = [_card(row) for row in frame.to_dict("records")]
    chart = Chart(
        "reliability",
        "How sure and how often right",
        reliability_diagram(tables["reliability"]),
        "A dot is the samples of about the same sureness, with the 95 % interval of how many are right. Below the "
        "dotted line the model is too sure. Most samples are in the uppermost dot.",
    )
    written = {
        "temperature": [f"{temperature:.2f}" for temperature in frame["temperature"]],
        "calibration error": [percent(share, 2) for share in frame["ece"]],
        "mean sureness": [percent(share, 2) for share in frame["confidence"]],
        "accuracy": [percent(share, 2) for share in frame["accuracy"]],
        "log-loss": [f"{loss:.4f}" for loss in frame["nll"]],
    }
    return [Numbers(cards), SideBySide([chart, Table(pd.DataFrame(written), "In numbers")], wide_first=True)]


def _card(row: dict[Any, Any]) -> Number:
    plain = row["temperature"] == 1
    label = "calibration error as it is" if plain else f"with the temperature {row['temperature']:.2f}"
    return Number(percent(row["ece"], 2), label, "mean distance between sureness and accuracy")


def breakdown(tables: Tables) -> list[Block]:
    """Give the accuracy in each class and in each tenth by thickness, side by side."""
    classes, thickness = tables["class_scores"], tables["thickness_scores"]
    line = "The bars are 95 % intervals, the dotted line is all samples together."
    return [
        SideBySide(
            [
                Chart("accuracy-class", "By class", accuracy_by_class(classes), line, _numbers(classes, "name")),
                Chart(
                    "accuracy-thickness",
                    "By thickness of the strokes",
                    accuracy_by_thickness(thickness),
                    f"Each dot is a tenth of the samples. {line}",
                    _numbers(thickness.assign(decile=thickness["decile"].astype(object)), "decile"),
                ),
            ]
        )
    ]


def _numbers(scores: pd.DataFrame, key: str) -> pd.DataFrame:
    between = [
        f"{percent(low, 2)} to {percent(high, 2)}" for low, high in zip(scores["low"], scores["high"], strict=True)
    ]
    return pd.DataFrame(
        {
            key: ["blank" if pd.isna(value) else str(value) for value in scores[key]],
            "samples": [count(value) for value in scores["samples"]],
            "accuracy": [percent(value, 2) for value in scores["accuracy"]],
            "95 % interval": between,
        }
    )
