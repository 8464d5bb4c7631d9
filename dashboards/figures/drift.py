"""How far two sets of samples are apart, feature by feature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.registry import draws, no_data
from dashboards.formats import plotly_text, spaced
from dashboards.language import mark, tr
from dashboards.theme import GREY, SPLITS, figure

FIRST, SECOND = SPLITS["train"], SPLITS["test"]

UNITS = {
    "wasserstein": mark("Wasserstein distance (pooled std)"),
    "jensen_shannon": mark("Jensen-Shannon distance"),
}
"""Measure -> title of its axis."""


@draws("drift")
def drift_distances(drift: pd.DataFrame, measure: str = "wasserstein") -> go.Figure:
    """Bars of the distance of B from A, a feature each, the farthest on top, with 95 % intervals.

    drift: the table `drift` of drift; class, feature, measure, value, low, high, null_95, reference. Rows of single
    classes are left out. Marks show what chance alone gives (`null_95`, the 95th percentile of distances between
    random halves) and MNIST's test split from its train split (`reference`). measure: wasserstein or jensen_shannon.
    """
    rows = drift[(drift["class"] == "all") & (drift["measure"] == measure)].sort_values("value", kind="stable")
    if rows.empty:
        return no_data()
    names = [plotly_text(spaced(feature)) for feature in rows["feature"]]
    value = rows["value"].to_numpy(np.float64)
    bars = go.Bar(
        name=tr("A to B"),
        x=value,
        y=names,
        orientation="h",
        marker_color=FIRST,
        error_x={
            "array": rows["high"].to_numpy(np.float64) - value,
            "arrayminus": value - rows["low"].to_numpy(np.float64),
            "thickness": 1.5,
            "width": 3,
            "color": GREY,
        },
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )
    marks = [
        go.Scatter(
            name=name,
            x=rows[column].to_numpy(np.float64),
            y=names,
            mode="markers",
            marker={"symbol": symbol, "size": 9, "color": colour, "line": {"width": 2, "color": colour}},
            hovertemplate="%{y}: %{x:.4f}<extra>" + name + "</extra>",
        )
        for name, column, symbol, colour in (
            ("MNIST", "reference", "diamond", SECOND),
            (tr("chance"), "null_95", "line-ns", GREY),
        )
    ]
    title = tr(UNITS[measure]) if measure in UNITS else spaced(measure)
    drawn = figure(bars, *marks, height=130 + 24 * len(rows), xaxis_title=title, showlegend=True)
    return drawn.update_xaxes(rangemode="tozero").update_yaxes(type="category", showgrid=False)


@draws("drift_histograms")
def drift_histogram(histograms: pd.DataFrame, feature: str | None = None) -> go.Figure:
    """Histograms of one feature of A and of B over each other, in percent of the samples.

    histograms: the table `drift_histograms` of drift; feature, at (value), a, b (fractions, 0 to 1).
    feature: the first by default.
    """
    feature = str(histograms["feature"].iloc[0]) if feature is None else feature
    rows = histograms[histograms["feature"] == feature]
    lines = [
        go.Scatter(
            name=name,
            x=rows["at"].to_numpy(np.float64),
            y=100 * rows[side].to_numpy(np.float64),
            mode="lines",
            line={"shape": "hvh", "width": 2, "color": colour, "dash": dash},
            fill="tozeroy",
            hovertemplate="%{x:.3f}: %{y:.1f} %<extra>" + name + "</extra>",
        )
        for name, side, colour, dash in (("A", "a", FIRST, "solid"), ("B", "b", SECOND, "dot"))
    ]
    title = plotly_text(spaced(feature))
    return figure(*lines, height=260, xaxis_title=title, yaxis_title=tr("samples (%)"), showlegend=True)
