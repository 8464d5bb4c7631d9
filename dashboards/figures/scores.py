"""How far a model's accuracy can be trusted: its calibration, how it differs between seeds, and where it errs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.picks import between, of_classes, picks
from dashboards.figures.registry import draws, no_data
from dashboards.formats import axis_names, plotly_text
from dashboards.language import tr
from dashboards.theme import GREY, SPLITS, figure

BINS = 15
"""Bins of the confidence, of equal width from 0 to 1, as the table `reliability` numbers them from 1."""

MARKS = (("circle", SPLITS["train"]), ("diamond", SPLITS["test"]))
"""How the dots of the first and of the second series look."""


@draws("reliability")
def reliability_diagram(reliability: pd.DataFrame) -> go.Figure:
    """Dots of the accuracy by confidence, in percent, one for each bin that is not empty, with 95 % intervals.

    reliability: the table `reliability` of train; temperature (1 first), samples, confidence, accuracy, accuracy_low,
    accuracy_high (0 to 1). The dotted line is that of perfect calibration.
    """
    filled = reliability[reliability["samples"] > 0]
    if filled.empty:
        return no_data()
    traces = [go.Scatter(x=[0, 100], y=[0, 100], mode="lines", line={"dash": "dot", "width": 1.5, "color": GREY})]
    traces[0].update(showlegend=False, hoverinfo="skip")
    for (temperature, rows), (symbol, colour) in zip(filled.groupby("temperature", sort=False), MARKS, strict=False):
        name = tr("temperature {temperature:.2f}", temperature=temperature)
        name = tr("uncalibrated") if temperature == 1 else name
        traces.append(
            go.Scatter(
                name=name,
                x=(100 * rows["confidence"]).to_numpy(),
                mode="markers",
                marker={"size": 8, "symbol": symbol, "color": colour},
                customdata=rows["samples"].to_numpy(),
                hovertemplate=tr("confidence %{x:.1f} %, accuracy %{y:.1f} %<br>%{customdata:,} samples")
                + f"<extra>{name}</extra>",
                **_vertical(rows, "accuracy_low", "accuracy_high"),
            )
        )
    drawn = figure(
        *traces, height=360, xaxis_title=tr("confidence (%)"), yaxis_title=tr("accuracy (%)"), showlegend=True
    )
    low = 100 * float(filled["confidence"].min()) - 5
    uncalibrated = filled[filled["temperature"] == 1]
    bins = [between("confidence", (number - 1) / BINS, number / BINS) for number in uncalibrated["bin"].tolist()]
    picks(drawn, points=[[], bins])
    return drawn.update_xaxes(range=[max(0.0, low), 102]).update_yaxes(range=[-2, 102])


@draws("class_scores")
def accuracy_by_class(scores: pd.DataFrame) -> go.Figure:
    """Dots of the accuracy in each class, in percent, with 95 % intervals; the dotted line is that of all samples.

    scores: the table `class_scores` of train; label, name, samples, correct, accuracy, low, high (0 to 1).
    """
    names = {int(label): str(name) for label, name in zip(scores["label"], scores["name"], strict=True)}
    categories = dict(zip(names, axis_names(list(names), names), strict=True))
    drawn = _accuracies(scores, list(categories.values()), tr("class"), "%{x}")
    return picks(drawn, traces=[{"prediction": "any"}], x=of_classes(categories))


@draws("thickness_scores")
def accuracy_by_thickness(scores: pd.DataFrame) -> go.Figure:
    """Dots of the accuracy in each tenth of the samples by stroke thickness, in percent, with 95 % intervals.

    scores: the table `thickness_scores` of train; decile (missing: blank images), thinnest, thickest (pixels), samples,
    correct, accuracy, low, high (0 to 1).
    """
    blank = scores["decile"].isna()
    names = [tr("blank") if none else str(decile) for decile, none in zip(scores["decile"], blank, strict=True)]
    ends = [
        tr("{low:.2f} to {high:.2f} pixels", low=low, high=high)
        for low, high in zip(scores["thinnest"], scores["thickest"], strict=True)
    ]
    words = [tr("blank") if none else text for text, none in zip(ends, blank, strict=True)]
    drawn = _accuracies(scores, names, tr("decile of thickness (1: thinnest strokes)"), "%{customdata[1]}", words)
    tenths = [
        {"prediction": "any", **({} if none else between("thickness", low, float(np.nextafter(high, np.inf))))}
        for low, high, none in zip(scores["thinnest"], scores["thickest"], blank, strict=True)
    ]
    return picks(drawn, points=[tenths])


@draws("seeds")
def seed_accuracies(
    seeds: pd.DataFrame, evaluation: pd.DataFrame | None = None, *, split: str | None = None
) -> go.Figure:
    """Dots of each seed's accuracy in percent, a line a model, and the intervals of the mean and of the ensemble.

    seeds: the table `seeds` of train; model, split, mean, low, high, ensemble, ensemble_low, ensemble_high (0 to 1).
    evaluation: the table `evaluation` of train; model, split, seed, accuracy: without it the single seeds are left out.
    split: the last by default, which is the test split where there is one.
    """
    split = str(seeds["split"].iloc[-1]) if split is None else split
    seeds = seeds[seeds["split"] == split][::-1]  # the first model belongs to the top
    lines = {model: line for line, model in enumerate(seeds["model"])}
    traces = [
        _interval(seeds, tr("mean of the seeds"), ("mean", "low", "high"), 0.25, MARKS[0]),
        _interval(seeds, tr("ensemble of the seeds"), ("ensemble", "ensemble_low", "ensemble_high"), 0.5, MARKS[1]),
    ]
    if evaluation is not None:
        traces.insert(0, _seed_dots(evaluation[evaluation["split"] == split], lines))
    drawn = figure(*traces, height=140 + 80 * len(lines), xaxis_title=tr("accuracy (%)"), showlegend=True)
    ticks = {"tickvals": list(lines.values()), "ticktext": [plotly_text(model) for model in lines]}
    return drawn.update_yaxes(range=[-0.4, len(lines) - 0.2], showgrid=False, **ticks)


def _seed_dots(evaluation: pd.DataFrame, lines: dict[Any, int]) -> go.Scatter:
    each = evaluation[evaluation["seed"].notna() & evaluation["model"].isin(list(lines))]
    return go.Scatter(
        name=tr("one seed"),
        x=(100 * each["accuracy"]).to_numpy(np.float64),
        y=each["model"].map(lines).to_numpy(np.float64),
        mode="markers",
        marker={"size": 9, "color": GREY, "opacity": 0.7},
        customdata=each["seed"].to_numpy(np.int64),
        hovertemplate=tr("seed %{customdata}: %{x:.2f} %<extra></extra>"),
    )


def _interval(
    seeds: pd.DataFrame, name: str, columns: tuple[str, str, str], raised: float, shape: tuple[str, str]
) -> go.Scatter:
    values, low, high = (100 * seeds[list(columns)]).to_numpy(np.float64).T
    return go.Scatter(
        name=name,
        x=values,
        y=np.arange(len(seeds)) + raised,
        mode="markers",
        marker={"size": 10, "symbol": shape[0], "color": shape[1]},
        error_x={"array": high - values, "arrayminus": values - low, "thickness": 1.5, "width": 4},
        customdata=np.column_stack([low, high]),
        hovertemplate=tr("%{x:.2f} % (%{customdata[0]:.2f} to %{customdata[1]:.2f} %)") + f"<extra>{name}</extra>",
    )


def _accuracies(
    scores: pd.DataFrame, names: Sequence[str], title: str, hover: str, words: Sequence[str] | None = None
) -> go.Figure:
    counts = scores["samples"].to_numpy()
    dots = go.Scatter(
        x=list(names),
        mode="markers",
        marker={"size": 9, "color": MARKS[0][1]},
        customdata=list(zip(counts.tolist(), words or names, strict=True)),
        hovertemplate=tr("{place}: %{{y:.2f}} %<br>%{{customdata[0]:,}} samples<extra></extra>", place=hover),
        **_vertical(scores, "low", "high"),
    )
    drawn = figure(dots, height=320, xaxis_title=title, yaxis_title=tr("accuracy (%)"))
    overall = 100 * scores["correct"].sum() / scores["samples"].sum()
    drawn.add_hline(y=overall, line={"dash": "dot", "width": 1.5, "color": GREY})
    return drawn.update_xaxes(type="category", showgrid=False)


def _vertical(rows: pd.DataFrame, low: str, high: str) -> dict[str, Any]:
    """Give heights in percent and the bars of their intervals."""
    values = (100 * rows["accuracy"]).to_numpy(np.float64)
    bars = {"array": (100 * rows[high]).to_numpy(np.float64) - values}
    bars["arrayminus"] = values - (100 * rows[low]).to_numpy(np.float64)
    return {"y": values, "error_y": {**bars, "thickness": 1.3, "width": 3}}
