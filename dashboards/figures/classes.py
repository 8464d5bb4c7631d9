"""How many samples each class has."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.picks import of_classes, of_splits, picks
from dashboards.figures.registry import draws
from dashboards.formats import axis_names, plotly_text
from dashboards.language import tr
from dashboards.theme import GREY, figure, split_colour


def class_names(classes: pd.DataFrame) -> dict[int, str]:
    """Give the name of each class by its label. classes: the table `classes` of stats; label, name."""
    return {int(label): str(name) for label, name in zip(classes["label"], classes["name"], strict=True)}


@draws("classes")
def class_counts(classes: pd.DataFrame, *, normalize: bool = False) -> go.Figure:
    """Bars of the samples of each class, next to each other by split.

    classes: the table `classes` of stats; split, label, name, samples, fraction (0 to 1).
    normalize: draw each class's fraction of its split in percent, so that splits of any size can be compared; the
    dotted line is the fraction if all classes were equal.
    """
    names = class_names(classes)
    labels = sorted(names)
    categories = dict(zip(labels, axis_names(labels, names), strict=True))
    bars = [
        go.Bar(
            name=plotly_text(split),
            x=[categories[int(label)] for label in rows["label"]],
            y=(100 * rows["fraction"] if normalize else rows["samples"]).to_numpy(),
            customdata=rows[["samples", "fraction"]].to_numpy(),
            marker_color=split_colour(str(split)),
            hovertemplate=tr("%{x}: %{customdata[0]:,} samples, %{customdata[1]:.2%}<extra>%{fullData.name}</extra>"),
        )
        for split, rows in classes.groupby("split", sort=False)
    ]
    title = tr("fraction of the split (%)") if normalize else tr("samples")
    drawn = figure(*bars, xaxis_title=tr("class"), yaxis_title=title, showlegend=True)
    drawn.update_xaxes(type="category", categoryorder="array", categoryarray=list(categories.values()))
    if normalize:
        drawn.add_hline(y=100 / len(labels), line={"dash": "dot", "width": 1.5, "color": GREY})
    return picks(drawn, traces=of_splits(list(classes["split"].unique())), x=of_classes(categories))
