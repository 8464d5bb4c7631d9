"""What the audit flags."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboards.formats import plain
from dashboards.theme import figure


def flagged_samples(checks: pd.DataFrame) -> go.Figure:
    """Bars of the samples that each check flags, a bar a split, on a logarithmic scale.

    checks: check, split, flagged; the checks in the order of the table, from the top.
    """
    bars = [
        go.Bar(
            name=plain(str(split)),
            y=[plain(str(check).replace("_", " ")) for check in rows["check"]],
            x=rows["flagged"].to_numpy(),
            orientation="h",
            text=[f"{flagged:,}" for flagged in rows["flagged"]],
            textposition="auto",
            textangle=0,
            hovertemplate="%{y}: %{x:,}<extra>%{fullData.name}</extra>",
        )
        for split, rows in checks.groupby("split", sort=False)
    ]
    names = [plain(str(check).replace("_", " ")) for check in checks["check"].unique()]
    height = 130 + 24 * len(bars) * len(names)
    drawn = figure(*bars, height=height, xaxis_title="samples", barmode="group", showlegend=True)
    drawn.update_xaxes(type="log", dtick=1)
    return drawn.update_yaxes(type="category", categoryorder="array", categoryarray=names[::-1], showgrid=False)
