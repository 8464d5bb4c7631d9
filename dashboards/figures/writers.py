"""Writers: how many samples each has given, how each writes, and how often a model errs on each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.formats import plain
from dashboards.theme import figure, split_colour

MOST_BARS = 40
"""Bars of the histogram of samples per writer, at most."""

MOST_MISTAKES = 10
"""The last bar of the histogram of mistakes stands for this many or more."""

MOST_DOTS = 4_000
"""Writers drawn as dots; of more, every so-manieth."""


def samples_per_writer(writers: pd.DataFrame) -> go.Figure:
    """Bars of how many writers have given how many samples. writers: split, samples; a row a writer."""
    low, high = int(writers["samples"].min()), int(writers["samples"].max()) + 1
    step = -(-(high - low) // MOST_BARS)
    edges = np.arange(low, high + step, step)
    bars = []
    for split, rows in writers.groupby("split", sort=False):
        counts = np.histogram(rows["samples"], edges)[0]
        bars.append(
            go.Bar(
                name=plain(split),
                x=edges[:-1] + (step - 1) / 2,
                y=counts,
                width=step * 0.9,
                opacity=0.75,
                marker_color=split_colour(str(split)),
                customdata=np.column_stack([edges[:-1], edges[1:] - 1]),
                hovertemplate="%{customdata[0]} to %{customdata[1]} samples: %{y:,} writers"
                "<extra>%{fullData.name}</extra>",
            )
        )
    drawn = figure(*bars, xaxis_title="samples of a writer", yaxis_title="writers", barmode="overlay")
    return drawn.update_layout(showlegend=True)


def writer_cloud(writers: pd.DataFrame) -> go.Figure:
    """Dots, one a writer: mean slant by mean thickness. writers: split, writer_id, samples, slant, thickness."""
    dots = []
    every = -(-len(writers) // MOST_DOTS) or 1
    for split, rows in writers.iloc[::every].groupby("split", sort=False):
        dots.append(
            go.Scatter(
                name=plain(split),
                x=np.rad2deg(rows["slant"].to_numpy(float)).astype(np.float32),
                y=rows["thickness"].to_numpy(np.float32),
                customdata=rows[["writer_id", "samples"]].to_numpy(),
                mode="markers",
                marker={"size": 6, "opacity": 0.6, "color": split_colour(str(split))},
                hovertemplate="writer %{customdata[0]}, %{customdata[1]} samples<br>slant %{x:.1f}°, thickness "
                "%{y:.2f}<extra>%{fullData.name}</extra>",
            )
        )
    drawn = figure(*dots, xaxis_title="mean slant (degrees)", yaxis_title="mean thickness (pixels)")
    return drawn.update_layout(showlegend=True)


def mistakes_per_writer(writers: pd.DataFrame) -> go.Figure:
    """Bars of with how many writers the model makes how many mistakes. writers: samples, correct; a row a writer."""
    mistakes = np.minimum((writers["samples"] - writers["correct"]).to_numpy(np.int64), MOST_MISTAKES)
    counts = np.bincount(mistakes, minlength=2)
    names = [f"{number}+" if number == MOST_MISTAKES else f"{number}" for number in range(len(counts))]
    bars = go.Bar(x=names, y=counts, hovertemplate="%{x} mistakes: %{y:,} writers<extra></extra>")
    drawn = figure(bars, xaxis_title="mistakes", yaxis_title="writers", showlegend=False)
    return drawn.update_xaxes(type="category")
