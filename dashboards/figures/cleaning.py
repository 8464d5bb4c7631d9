"""What cleaning found."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.registry import draws
from dashboards.formats import plotly_text, spaced
from dashboards.language import mark, tr
from dashboards.theme import ACTIONS, GREY, figure

ACTION_WORDS = {"remove": mark("removed"), "repair": mark("repaired"), "keep": mark("kept as it was")}
"""What each action has done, in words."""


@draws("cleaning")
def cleaning_findings(cleaning: pd.DataFrame) -> go.Figure:
    """Bars of the samples found for each reason, coloured by what was done; the splits are added up.

    cleaning: the table `cleaning` of clean; split, reason, action, samples.
    """
    sums = cleaning.groupby(["reason", "action"], sort=False)["samples"].sum().reset_index()
    order = sums.groupby("reason")["samples"].sum().sort_values(kind="stable").index
    bars = [
        go.Bar(
            name=plotly_text(action_words(action)),
            y=[plotly_text(reason_words(reason)) for reason in rows["reason"]],
            x=rows["samples"].to_numpy(),
            orientation="h",
            text=[f"{samples:,}" for samples in rows["samples"]],
            textposition="auto",
            textangle=0,
            marker_color=ACTIONS.get(str(action), GREY),
            hovertemplate=tr("%{y}: %{x:,} samples<extra>%{fullData.name}</extra>"),
        )
        for action, rows in sums.groupby("action", sort=False)
    ]
    drawn = figure(*bars, height=130 + 36 * len(order), xaxis_title=tr("samples"), barmode="stack", showlegend=True)
    names = [plotly_text(reason_words(reason)) for reason in order]
    return drawn.update_yaxes(type="category", categoryorder="array", categoryarray=names, showgrid=False)


def reason_words(reason: object) -> str:
    """Write a reason as words.

    >>> reason_words("outlier_pixels")
    'outlier pixels'
    """
    return tr("label is no class") if reason == "label" else spaced(reason)


def action_words(action: object) -> str:
    """Write what an action has done.

    >>> action_words("keep")
    'kept as it was'
    """
    return tr(ACTION_WORDS[str(action)]) if str(action) in ACTION_WORDS else str(action)
