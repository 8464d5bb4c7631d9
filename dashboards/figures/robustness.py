"""How a model's accuracy falls as its images get worse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.formats import plain
from dashboards.theme import OTHER_SPLITS, SPLITS, figure


def words(corruption: object) -> str:
    """Write the name of a corruption as a reader should see it.

    >>> words("shot_noise")
    'shot noise'
    """
    return str(corruption).replace("_", " ")


def corrupted(robustness: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of real corruptions; severity 0 is the samples as they are."""
    return robustness[robustness["severity"] > 0]


def accuracy_map(robustness: pd.DataFrame) -> go.Figure:
    """Heatmap of one model's accuracy in percent under each corruption (rows) at each severity (columns).

    robustness: corruption, severity, accuracy (0 to 1). Coloured by the errors, so that what is right stays pale; the
    corruptions in which the model errs least come first.
    """
    rows = corrupted(robustness)
    grid = rows.pivot_table(index="corruption", columns="severity", values="accuracy", sort=False)
    grid = grid.loc[grid.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    percents = 100 * grid.to_numpy(np.float64)
    trace = go.Heatmap(
        z=(100 - percents).astype(np.float32),
        x=[f"{severity}" for severity in grid.columns],
        y=[plain(words(name)) for name in grid.index],
        customdata=percents.astype(np.float32),
        text=[["" if np.isnan(value) else f"{value:.1f}" for value in line] for line in percents.tolist()],
        texttemplate="%{text}",
        textfont_size=12,
        xgap=2,
        ygap=2,
        zmin=0,
        zmax=100,
        showscale=False,
        hovertemplate="%{y}, severity %{x}<br>%{customdata:.2f} % right<extra></extra>",
    )
    drawn = figure(trace, height=90 + 28 * max(4, len(grid)), margin={"t": 12, "b": 8, "r": 8, "l": 8})
    drawn.update_xaxes(type="category", title="severity", showgrid=False)
    return drawn.update_yaxes(type="category", showgrid=False, autorange="reversed")


def mean_accuracy(robustness: pd.DataFrame) -> go.Figure:
    """Lines of each model's accuracy at each severity, the mean of all corruptions; 0: the samples as they are.

    robustness: model, severity, accuracy (0 to 1).
    """
    colours = (*SPLITS.values(), *OTHER_SPLITS)
    lines = []
    for number, (model, rows) in enumerate(robustness.groupby("model", sort=False)):
        means = 100 * rows.groupby("severity")["accuracy"].mean()
        lines.append(
            go.Scatter(
                name=plain(model),
                x=means.index.to_numpy(),
                y=means.to_numpy(np.float64),
                mode="lines+markers",
                marker_size=7,
                line={
                    "width": 2.2,
                    "color": colours[number % len(colours)],
                    "dash": ("solid", "dash", "dot")[number % 3],
                },
                hovertemplate="severity %{x}: %{y:.2f} %<extra>" + plain(model) + "</extra>",
            )
        )
    drawn = figure(*lines, height=320, yaxis_title="accuracy (%)", xaxis_title="severity", showlegend=True)
    drawn.update_yaxes(range=[0, 102])
    return drawn.update_xaxes(dtick=1, tick0=0, showgrid=False)
