"""The sections about how far an accuracy can be trusted: calibration, and accuracy by class and stroke thickness."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Chart, SideBySide
from dashboards.figures.scores import accuracy_by_class, accuracy_by_thickness, reliability_diagram
from dashboards.formats import count, interval, percent
from dashboards.language import tr
from dashboards.sections.data import Tables


def calibration(tables: Tables) -> list[Block]:
    """Give the calibration error with and without a temperature, and the reliability diagram."""
    frame, reliability = tables["calibration"], tables["reliability"]
    bins = reliability[reliability["samples"] > 0]
    numbers = pd.DataFrame(
        {
            "temperature": [f"{temperature:.2f}" for temperature in bins["temperature"]],
            "confidence": [percent(fraction, 1) for fraction in bins["confidence"]],
            "accuracy": [percent(fraction, 1) for fraction in bins["accuracy"]],
            "95 % interval": _intervals(bins, "accuracy_low", "accuracy_high"),
            "samples": [count(samples) for samples in bins["samples"]],
        }
    )
    chart = Chart(
        "reliability-diagram",
        tr("Reliability diagram"),
        reliability_diagram(reliability),
        tr(
            "Each dot is a bin of samples of similar confidence, with the 95 % interval of their accuracy. Below the "
            "dotted line the model is overconfident, above it underconfident. Most samples are in the uppermost bin."
        ),
        numbers,
    )
    return [Cards([_card(row) for row in frame.to_dict("records")]), chart]


def _card(row: dict[Any, Any]) -> Card:
    """Give the calibration error at one temperature."""
    label = tr("expected calibration error (ECE), uncalibrated")
    if row["temperature"] != 1:
        label = tr(
            "expected calibration error (ECE), with temperature {temperature:.2f}", temperature=row["temperature"]
        )
    detail = tr(
        "{chance} expected by chance; mean confidence {confidence}, accuracy {accuracy}; log-loss {loss:.4f}",
        chance=percent(row["ece_by_chance"], 2),
        confidence=percent(row["confidence"], 2),
        accuracy=percent(row["accuracy"], 2),
        loss=row["nll"],
    )
    return Card(percent(row["ece"], 2), label, detail)


def breakdown(tables: Tables) -> list[Block]:
    """Give the accuracy in each class and in each tenth by thickness, side by side."""
    classes, thickness = tables["class_scores"], tables["thickness_scores"]
    line = tr("Bars are 95 % intervals; the dotted line is the accuracy on all samples.")
    deciles = thickness.assign(decile=thickness["decile"].astype(object))
    return [
        SideBySide(
            [
                Chart("accuracy-class", tr("By class"), accuracy_by_class(classes), line, _numbers(classes, "name")),
                Chart(
                    "accuracy-thickness",
                    tr("By stroke thickness"),
                    accuracy_by_thickness(thickness),
                    tr("Each dot is a tenth of the samples. {sentence}", sentence=line),
                    _numbers(deciles, "decile"),
                ),
            ]
        )
    ]


def _numbers(scores: pd.DataFrame, key: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            key: [tr("blank") if pd.isna(value) else str(value) for value in scores[key]],
            "samples": [count(value) for value in scores["samples"]],
            "accuracy": [percent(value, 2) for value in scores["accuracy"]],
            "95 % interval": _intervals(scores, "low", "high"),
        }
    )


def _intervals(rows: pd.DataFrame, low: str, high: str) -> list[str]:
    return [interval(*ends) for ends in zip(rows[low], rows[high], strict=True)]
