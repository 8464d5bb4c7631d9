"""What the audit flags."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.picks import of_splits, picks
from dashboards.figures.registry import draws, no_data
from dashboards.formats import plotly_text, spaced
from dashboards.language import tr
from dashboards.theme import figure, split_colour


@draws("checks")
def flagged_samples(checks: pd.DataFrame) -> go.Figure:
    """Bars of the samples that each check flags, a bar a split, on a logarithmic scale.

    checks: the table `checks` of audit; check, split, flagged. Checks that flag nothing are left out; the others are
    drawn in the order of the table, from the top.
    """
    checks = checks[checks["flagged"] > 0]
    if checks.empty:
        return no_data(tr("no sample is flagged"))
    bars = [
        go.Bar(
            name=plotly_text(split),
            y=[plotly_text(spaced(check)) for check in rows["check"]],
            x=rows["flagged"].to_numpy(),
            orientation="h",
            marker_color=split_colour(str(split)),
            text=[f"{flagged:,}" for flagged in rows["flagged"]],
            textposition="auto",
            textangle=0,
            hovertemplate=tr("%{y}: %{x:,} samples<extra>%{fullData.name}</extra>"),
        )
        for split, rows in checks.groupby("split", sort=False)
    ]
    names = [plotly_text(spaced(check)) for check in checks["check"].unique()]
    height = 130 + 24 * len(bars) * len(names)
    drawn = figure(*bars, height=height, xaxis_title=tr("flagged samples"), barmode="group", showlegend=True)
    drawn.update_xaxes(type="log", dtick=1)
    drawn.update_yaxes(type="category", categoryorder="array", categoryarray=names[::-1], showgrid=False)
    findings = {plotly_text(spaced(check)): {"finding": f"c:{check}"} for check in checks["check"].unique()}
    return picks(drawn, traces=of_splits(list(checks["split"].unique())), y=findings)
