"""Writers: how many samples each has given, how each writes, and how often a model errs on each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.registry import draws, no_data
from dashboards.formats import plotly_text
from dashboards.language import tr
from dashboards.theme import figure, split_colour

MOST_BARS = 40
"""Bars of the histogram of samples per writer, at most."""

MOST_ERRORS = 10
"""The last bar of the histogram of errors stands for this many or more."""

MOST_DOTS = 4_000
"""Writers drawn as dots; of more, every nth."""

WRITER = "writer_id"
"""The group of the table `groups` whose rows are writers."""


@draws("writer_measures")
def samples_per_writer(writers: pd.DataFrame) -> go.Figure:
    """Histogram of the samples per writer.

    writers: the table `writer_measures` of stats; split, samples; a row a writer.
    """
    low, high = int(writers["samples"].min()), int(writers["samples"].max()) + 1
    step = -(-(high - low) // MOST_BARS)
    edges = np.arange(low, high + step, step)
    bars = []
    for split, rows in writers.groupby("split", sort=False):
        counts = np.histogram(rows["samples"], edges)[0]
        bars.append(
            go.Bar(
                name=plotly_text(split),
                x=edges[:-1] + (step - 1) / 2,
                y=counts,
                width=step * 0.9,
                opacity=0.75,
                marker_color=split_colour(str(split)),
                customdata=np.column_stack([edges[:-1], edges[1:] - 1]),
                hovertemplate=tr(
                    "%{customdata[0]} to %{customdata[1]} samples: %{y:,} writers<extra>%{fullData.name}</extra>"
                ),
            )
        )
    return figure(
        *bars, barmode="overlay", showlegend=True, xaxis_title=tr("samples per writer"), yaxis_title=tr("writers")
    )


@draws("writer_measures")
def writer_scatter(writers: pd.DataFrame) -> go.Figure:
    """Dots, one a writer: mean slant by mean thickness.

    writers: the table `writer_measures` of stats; split, writer_id, samples, slant (radians), thickness (pixels), the
    last two only where strokes were measured.
    """
    if not {"slant", "thickness"} <= {*writers}:
        return no_data()
    dots = []
    every = -(-len(writers) // MOST_DOTS) or 1
    for split, rows in writers.iloc[::every].groupby("split", sort=False):
        dots.append(
            go.Scatter(
                name=plotly_text(split),
                x=np.rad2deg(rows["slant"].to_numpy(float)).astype(np.float32),
                y=rows["thickness"].to_numpy(np.float32),
                customdata=rows[["writer_id", "samples"]].to_numpy(),
                mode="markers",
                marker={"size": 6, "opacity": 0.6, "color": split_colour(str(split))},
                hovertemplate=tr(
                    "writer %{customdata[0]}, %{customdata[1]} samples<br>slant %{x:.1f}°, thickness "
                    "%{y:.2f}<extra>%{fullData.name}</extra>"
                ),
            )
        )
    return figure(
        *dots, showlegend=True, xaxis_title=tr("mean slant (degrees)"), yaxis_title=tr("mean thickness (pixels)")
    )


@draws("groups")
def errors_per_writer(groups: pd.DataFrame) -> go.Figure:
    """Histogram of a model's errors per writer.

    groups: the table `groups` of train; group (rows of other groups than writer_id are left out), samples, correct.
    """
    writers = groups[groups["group"] == WRITER]
    if writers.empty:
        return no_data()
    errors = np.minimum((writers["samples"] - writers["correct"]).to_numpy(np.int64), MOST_ERRORS)
    counts = np.bincount(errors, minlength=2)
    names = [f"{number}+" if number == MOST_ERRORS else f"{number}" for number in range(len(counts))]
    bars = go.Bar(x=names, y=counts, hovertemplate=tr("%{x} errors: %{y:,} writers<extra></extra>"))
    drawn = figure(bars, xaxis_title=tr("errors per writer"), yaxis_title=tr("writers"))
    return drawn.update_xaxes(type="category")
