"""How the samples vary, how far apart the classes are, and which measures go together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.formats import axis_names, plain
from dashboards.theme import figure, split_colour

BLUE_ORANGE = ["#0b5fa5", "#9cc3e6", "#f2f2f2", "#f0b27a", "#b85c00"]
"""From -1 to 1: told apart by every kind of colour-blind reader."""


def variance_shares(components: pd.DataFrame) -> go.Figure:
    """Lines of the fraction of all variance that the first components hold together, in percent; one line a split.

    components: split, component, cumulative.
    """
    lines = [
        go.Scatter(
            name=plain(split),
            x=rows["component"].to_numpy(),
            y=(100 * rows["cumulative"]).to_numpy(np.float32),
            mode="lines",
            line={"width": 1.5 if place else 4, "color": split_colour(str(split))},
            opacity=1 if place else 0.5,
            hovertemplate="first %{x}: %{y:.1f} %<extra>%{fullData.name}</extra>",
        )
        for place, (split, rows) in enumerate(components.groupby("split", sort=False))
    ]
    drawn = figure(*lines, xaxis_title="number of components", showlegend=True)
    return drawn.update_yaxes(title="fraction of the variance (%)", range=[0, 102])


def class_distances(separability: pd.DataFrame, names: Mapping[int, str]) -> go.Figure:
    """Heatmap of how close each two classes are: the closer, the stronger the colour.

    separability: rows of one split; label, other, bhattacharyya.
    """
    labels = sorted({*separability["label"].astype(int), *separability["other"].astype(int)})
    wide = separability.pivot_table(index="label", columns="other", values="bhattacharyya").reindex(
        index=labels, columns=labels
    )
    half = wide.to_numpy(np.float64)
    distances = np.where(np.isnan(half), half.T, half)
    axis = axis_names(labels, names)
    trace = go.Heatmap(
        z=-np.log10(np.maximum(distances, 1e-3)).astype(np.float32),
        x=axis,
        y=axis,
        customdata=distances,
        text=[["" if np.isnan(value) else f"{value:.1f}" for value in row] for row in distances.tolist()],
        texttemplate="%{text}" if len(labels) <= 12 else None,
        showscale=False,
        hovertemplate="%{x} and %{y}: %{customdata:.2f}<extra></extra>",
    )
    drawn = figure(trace, height=440, margin={"t": 12, "b": 8, "r": 8, "l": 8})
    drawn.update_xaxes(type="category", showgrid=False)
    return drawn.update_yaxes(type="category", showgrid=False, autorange="reversed")


def correlation_matrix(correlations: pd.DataFrame) -> go.Figure:
    """Heatmap of the correlation of each two features, from -1, blue, to 1, orange.

    correlations: rows of one split; feature, other, pearson.
    """
    turned = correlations.rename(columns={"feature": "other", "other": "feature"})
    both = pd.concat([correlations, turned])
    names = list(dict.fromkeys(both["feature"]))
    wide = both.pivot_table(index="feature", columns="other", values="pearson", dropna=False)
    words = [str(name).replace("_", " ") for name in names]
    trace = go.Heatmap(
        z=wide.reindex(index=names, columns=names).to_numpy(np.float32),
        x=words,
        y=words,
        zmin=-1,
        zmax=1,
        colorscale=BLUE_ORANGE,
        colorbar={"thickness": 10, "outlinewidth": 0},
        hovertemplate="%{x}, %{y}: %{z:.2f}<extra></extra>",
    )
    drawn = figure(trace, height=480, margin={"t": 12, "b": 8, "r": 8, "l": 8})
    drawn.update_xaxes(type="category", showgrid=False, tickangle=-60)
    return drawn.update_yaxes(type="category", showgrid=False, autorange="reversed")
