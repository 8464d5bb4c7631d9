"""How many samples each class has."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboards.formats import axis_names, plain
from dashboards.theme import figure, split_colour


def class_names(classes: pd.DataFrame) -> dict[int, str]:
    """Give the name of each class by its label; `classes` is the table of that name."""
    return {int(label): str(name) for label, name in zip(classes["label"], classes["name"], strict=True)}


def class_fractions(classes: pd.DataFrame) -> go.Figure:
    """Bars of each class's fraction of its split, in percent, so that splits of any size can be compared.

    classes: split, label, name, samples, share (0 to 1). The dotted line is the fraction if all were equal.
    """
    names = class_names(classes)
    labels = sorted(names)
    categories = dict(zip(labels, axis_names(labels, names), strict=True))
    bars = [
        go.Bar(
            name=plain(split),
            x=[categories[int(label)] for label in rows["label"]],
            y=(100 * rows["fraction"]).to_numpy(),
            customdata=rows["samples"].to_numpy(),
            marker_color=split_colour(str(split)),
            hovertemplate="%{x}: %{customdata:,} samples, %{y:.2f} %<extra>%{fullData.name}</extra>",
        )
        for split, rows in classes.groupby("split", sort=False)
    ]
    drawn = figure(*bars, xaxis_title="class", yaxis_title="fraction of the split (%)", showlegend=True)
    drawn.update_xaxes(type="category", categoryorder="array", categoryarray=list(categories.values()))
    if labels:
        drawn.add_hline(y=100 / len(labels), line={"dash": "dot", "width": 1.5, "color": "#7d8694"})
    return drawn
