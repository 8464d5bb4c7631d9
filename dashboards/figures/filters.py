"""The filters of a network's first layer as small pictures side by side."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.structure import BLUE_ORANGE
from dashboards.theme import figure

MOST = 48
"""Filters that are drawn: those of the largest weights, for a perceptron has hundreds."""

PLACES = ("filter", "channel", "row", "column")


def filter_sheet(filters: pd.DataFrame) -> go.Figure:
    """Heatmap of the filters with the largest weights, in the order of their numbers, on a scale with 0 in the middle.

    filters: filter, channel, row, column, value, a row a weight. The channels of a filter stand side by side. The scale
    ends at the 99.5th percentile of the sizes, or one large weight would make all others pale.
    """
    weights, numbers = _strongest(filters)
    across = max(1, round(math.sqrt(2.5 * len(weights) * weights.shape[2] / (weights.shape[1] * weights.shape[3]))))
    sheet, told = _sheet(weights, numbers, across)
    reach = float(np.quantile(np.abs(weights), 0.995)) or 1.0
    trace = go.Heatmap(
        z=sheet,
        customdata=told,
        zmin=-reach,
        zmax=reach,
        colorscale=BLUE_ORANGE,
        colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 5},
        hoverongaps=False,
        hovertemplate="filter %{customdata}: %{z:.3f}<extra></extra>",
    )
    drawn = figure(trace, height=380, margin={"t": 8, "b": 8, "l": 8, "r": 8})
    drawn.update_xaxes(visible=False, constrain="domain")
    return drawn.update_yaxes(visible=False, autorange="reversed", scaleanchor="x", constrain="domain")


def _strongest(filters: pd.DataFrame) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Give the filters that are drawn, (n, channels, height, width), and their numbers."""
    shape = [int(filters[name].max()) + 1 for name in PLACES]
    weights = np.zeros(shape, np.float32)
    weights[tuple(filters[name].to_numpy() for name in PLACES)] = filters["value"].to_numpy(np.float32)
    sizes = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
    chosen = np.sort(np.argsort(-sizes, kind="stable")[:MOST])
    return weights[chosen], chosen


def _sheet(
    weights: npt.NDArray[np.float32], numbers: npt.NDArray[np.int64], across: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int16]]:
    """Lay the filters out, so many in a line and a gap between two, and give the number of each cell's filter."""
    count, channels, height, width = weights.shape
    gap, wide = 1 if height < 8 else 2, channels * width
    sheet = np.full((-(-count // across) * (height + gap) - gap, across * (wide + gap) - gap), np.nan, np.float32)
    told = np.zeros(sheet.shape, np.int16)
    for place, (one, number) in enumerate(zip(weights, numbers.tolist(), strict=True)):
        top, left = place // across * (height + gap), place % across * (wide + gap)
        cells = np.s_[top : top + height, left : left + wide]
        sheet[cells], told[cells] = one.transpose(1, 0, 2).reshape(height, wide), number
    return sheet, told
