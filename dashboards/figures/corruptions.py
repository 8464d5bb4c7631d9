"""How a model's accuracy falls as its images get worse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.registry import draws, no_data
from dashboards.formats import plotly_text, spaced
from dashboards.language import tr
from dashboards.theme import OTHER_SPLITS, SPLITS, figure


def corrupted_rows(robustness: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of real corruptions; severity 0 is the uncorrupted samples."""
    return robustness[robustness["severity"] > 0]


@draws("robustness")
def corruption_accuracy(robustness: pd.DataFrame, *, model: str | None = None) -> go.Figure:
    """Heatmap of one model's accuracy in percent under each corruption (rows) at each severity (columns).

    robustness: the table `robustness` of train; model, corruption, severity, accuracy (0 to 1). model: the first by
    default. Coloured by the errors, so that high accuracy stays pale; corruptions with the fewest errors come first.
    """
    model = str(robustness["model"].iloc[0]) if model is None else model
    rows = corrupted_rows(robustness[robustness["model"] == model])
    if rows.empty:
        return no_data()
    grid = rows.pivot_table(index="corruption", columns="severity", values="accuracy", sort=False)
    grid = grid.loc[grid.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    percents = 100 * grid.to_numpy(np.float64)
    trace = go.Heatmap(
        z=(100 - percents).astype(np.float32),
        x=[f"{severity}" for severity in grid.columns],
        y=[plotly_text(spaced(name)) for name in grid.index],
        customdata=percents.astype(np.float32),
        text=[["" if np.isnan(value) else f"{value:.1f}" for value in line] for line in percents.tolist()],
        texttemplate="%{text}",
        textfont_size=12,
        xgap=2,
        ygap=2,
        zmin=0,
        zmax=100,
        showscale=False,
        hovertemplate=tr("%{y}, severity %{x}<br>accuracy %{customdata:.2f} %<extra></extra>"),
    )
    drawn = figure(trace, height=90 + 28 * max(4, len(grid)), margin={"t": 12, "b": 8, "r": 8, "l": 8})
    drawn.update_xaxes(type="category", title=tr("severity"), showgrid=False)
    return drawn.update_yaxes(type="category", showgrid=False, autorange="reversed")


@draws("robustness")
def accuracy_by_severity(robustness: pd.DataFrame) -> go.Figure:
    """Lines of each model's mean accuracy over all corruptions at each severity; 0: the uncorrupted samples.

    robustness: the table `robustness` of train; model, severity, accuracy (0 to 1).
    """
    colours = (*SPLITS.values(), *OTHER_SPLITS)
    lines = []
    for number, (model, rows) in enumerate(robustness.groupby("model", sort=False)):
        means = 100 * rows.groupby("severity")["accuracy"].mean()
        dash = ("solid", "dash", "dot")[number % 3]
        lines.append(
            go.Scatter(
                name=plotly_text(model),
                x=means.index.to_numpy(),
                y=means.to_numpy(np.float64),
                mode="lines+markers",
                marker_size=7,
                line={"width": 2.2, "color": colours[number % len(colours)], "dash": dash},
                hovertemplate=tr("severity %{x}: %{y:.2f} %<extra>%{fullData.name}</extra>"),
            )
        )
    drawn = figure(*lines, height=320, yaxis_title=tr("accuracy (%)"), xaxis_title=tr("severity"), showlegend=True)
    return drawn.update_yaxes(range=[0, 102]).update_xaxes(dtick=1, tick0=0, showgrid=False)
