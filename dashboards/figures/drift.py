"""How far two sets of samples are apart, feature by feature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.formats import plain
from dashboards.theme import OTHER_SPLITS, SPLITS, figure

FIRST, SECOND, REFERENCE = SPLITS["train"], SPLITS["test"], OTHER_SPLITS[2]


def distance_bars(rows: pd.DataFrame, title: str) -> go.Figure:
    """Bars of one measure, a feature each, the farthest on top, with 95 % intervals, chance, and MNIST's yardstick.

    rows: feature, value, low, high, null_95, yardstick.
    """
    rows = rows.sort_values("value", kind="stable")
    names = [plain(str(feature).replace("_", " ")) for feature in rows["feature"]]
    value = rows["value"].to_numpy(np.float64)
    bars = go.Bar(
        name="A to B",
        x=value,
        y=names,
        orientation="h",
        marker_color=FIRST,
        error_x={
            "array": rows["high"].to_numpy(np.float64) - value,
            "arrayminus": value - rows["low"].to_numpy(np.float64),
            "thickness": 1.5,
            "width": 3,
            "color": REFERENCE,
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
            ("MNIST train to test", "reference", "diamond", SECOND),
            ("chance", "null_95", "line-ns", REFERENCE),
        )
    ]
    drawn = figure(bars, *marks, height=120 + 24 * len(rows), xaxis_title=title, showlegend=True)
    return drawn.update_yaxes(type="category", showgrid=False)


def overlaid(rows: pd.DataFrame, title: str) -> go.Figure:
    """Histograms of one feature of both sides over each other. rows: at, a, b (shares, 0 to 1)."""
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
    return figure(*lines, height=260, xaxis_title=title, yaxis_title="samples (%)", showlegend=True)
