"""The sections about how far an accuracy can be trusted: how sure a model may be believed, and where it errs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Chart, Number, Numbers, SideBySide
from dashboards.figures.scores import accuracy_by_class, accuracy_by_thickness, reliability_diagram
from dashboards.formats import count, percent
from dashboards.sections.data import Tables


def calibration(tables: Tables) -> list[Block]:
    """Give by how much the model's sureness is off, with and without a temperature, and the reliability diagram."""
    frame, reliability = tables["calibration"], tables["reliability"]
    bins = reliability[reliability["samples"] > 0]
    numbers = pd.DataFrame(
        {
            "temperature": [f"{temperature:.2f}" for temperature in bins["temperature"]],
            "sureness": [percent(fraction, 1) for fraction in bins["confidence"]],
            "right": [percent(fraction, 1) for fraction in bins["accuracy"]],
            "95 % interval": _intervals(bins, "accuracy_low", "accuracy_high"),
            "samples": [count(samples) for samples in bins["samples"]],
        }
    )
    chart = Chart(
        "reliability-diagram",
        "How sure and how often right",
        reliability_diagram(reliability),
        "A dot is the samples of about the same sureness, with the 95 % interval of how many are right. Below the "
        "dotted line the model is too sure, above it too modest. Most samples are in the uppermost dot.",
        numbers,
    )
    return [Numbers([_card(row) for row in frame.to_dict("records")]), chart]


def _card(row: dict[Any, Any]) -> Number:
    """Give the calibration error at one temperature."""
    given = "as it is" if row["temperature"] == 1 else f"with the temperature {row['temperature']:.2f}"
    means = f"{percent(row['confidence'], 2)} sure on average, {percent(row['accuracy'], 2)} right"
    return Number(
        percent(row["ece"], 2),
        f"calibration error {given}",
        f"{percent(row['ece_by_chance'], 2)} would be chance; {means}; log-loss {row['nll']:.4f}",
    )


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
    return pd.DataFrame(
        {
            key: ["blank" if pd.isna(value) else str(value) for value in scores[key]],
            "samples": [count(value) for value in scores["samples"]],
            "accuracy": [percent(value, 2) for value in scores["accuracy"]],
            "95 % interval": _intervals(scores, "low", "high"),
        }
    )


def _intervals(rows: pd.DataFrame, low: str, high: str) -> list[str]:
    return [f"{percent(a, 2)} to {percent(b, 2)}" for a, b in zip(rows[low], rows[high], strict=True)]
