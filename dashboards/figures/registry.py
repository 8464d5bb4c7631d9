"""What every figure shares: the table that it draws, and what it gives for a table without rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import pandas as pd
import plotly.graph_objects as go

from dashboards.language import tr
from dashboards.theme import figure

P = ParamSpec("P")

TABLES: dict[str, str] = {}
"""Figure -> the table that it draws, by the name under which a command writes it."""


def draws(
    table: str,
) -> Callable[[Callable[Concatenate[pd.DataFrame, P], go.Figure]], Callable[Concatenate[pd.DataFrame, P], go.Figure]]:
    """Enter a figure under the table that it draws; for a table without rows it says that there are no data."""

    def enter(
        draw: Callable[Concatenate[pd.DataFrame, P], go.Figure],
    ) -> Callable[Concatenate[pd.DataFrame, P], go.Figure]:
        TABLES[draw.__name__] = table

        @wraps(draw)
        def drawn(frame: pd.DataFrame, /, *args: P.args, **keywords: P.kwargs) -> go.Figure:
            return no_data() if frame.empty else draw(frame, *args, **keywords)

        return drawn

    return enter


def no_data(text: str = "") -> go.Figure:
    """Give a figure without axes that says that there is nothing to draw."""
    empty = figure().update_xaxes(visible=False).update_yaxes(visible=False)
    return empty.add_annotation(text=text or tr("no data"), showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)


def of_split(table: pd.DataFrame, split: str | None) -> pd.DataFrame:
    """Give the rows of one split; without a name, those of the split that comes first."""
    return table[table["split"] == (table["split"].iloc[0] if split is None else split)]
