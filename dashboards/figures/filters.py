"""The filters of a network's first layer as small images."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.registry import draws
from dashboards.figures.sheets import sheet_figure, tile_images
from dashboards.language import tr
from dashboards.theme import BLUE_ORANGE

MOST = 48
"""Filters that are drawn: those of the largest weights, for an MLP has hundreds."""

PLACES = ("filter", "channel", "row", "column")


@draws("filters")
def first_layer_filters(filters: pd.DataFrame) -> go.Figure:
    """Sheet of the filters with the largest weights, in the order of their numbers, on a scale with 0 in the middle.

    filters: the table `filters` of explain; filter, channel, row, column, value, a row a weight. The channels of a
    filter stand side by side. The scale ends at the 99.5th percentile of the sizes, or one large weight would make
    all others pale.
    """
    weights, numbers = _strongest(filters)
    count, channels, height, width = weights.shape
    across = max(1, round(math.sqrt(2.5 * count * height / (channels * width))))
    sheet, owners = tile_images(weights.transpose(0, 2, 1, 3).reshape(count, height, channels * width), across)
    limit = float(np.quantile(np.abs(weights), 0.995)) or 1.0
    trace = go.Heatmap(
        z=sheet,
        customdata=np.where(owners < 0, -1, numbers[owners]),
        zmin=-limit,
        zmax=limit,
        colorscale=BLUE_ORANGE,
        colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 5},
        hoverongaps=False,
        hovertemplate=tr("filter %{customdata}: %{z:.3f}<extra></extra>"),
    )
    return sheet_figure(trace, 380)


def _strongest(filters: pd.DataFrame) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Give the filters that are drawn, (n, channels, height, width), and their numbers."""
    shape = [int(filters[name].max()) + 1 for name in PLACES]
    weights = np.zeros(shape, np.float32)
    weights[tuple(filters[name].to_numpy() for name in PLACES)] = filters["value"].to_numpy(np.float32)
    sizes = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
    chosen = np.sort(np.argsort(-sizes, kind="stable")[:MOST])
    return weights[chosen], chosen
