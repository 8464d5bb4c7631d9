"""Many small images as one: tiles laid out line by line."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from dashboards.theme import figure

GAP = 2
"""Cells between two tiles, where they bear no titles."""


def tile_images(
    images: npt.NDArray[Any], across: int, gap: int = GAP
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int16]]:
    """Lay out images, (n, height, width), so many in a line, with gaps of NaN, `gap` cells wide.

    Gives the sheet and, of the same shape, the place among `images` of the one that each cell belongs to; -1 in gaps.
    """
    count, height, width = images.shape
    lines = -(-count // across)
    sheet = np.full((lines * (height + gap) - gap, across * (width + gap) - gap), np.nan, np.float32)
    owners = np.full(sheet.shape, -1, np.int16)
    for place, image in enumerate(images):
        top, left = tile_corner(place, across, (height, width), gap)
        cells = np.s_[top : top + height, left : left + width]
        sheet[cells], owners[cells] = image, place
    return sheet, owners


def tile_corner(place: int, across: int, shape: tuple[int, ...], gap: int = GAP) -> tuple[int, int]:
    """Give the row and column of a tile's upper left cell. shape: height and width of a tile."""
    return place // across * (shape[0] + gap), place % across * (shape[1] + gap)


def sheet_figure(trace: go.Heatmap | go.Image, height: int, *more: go.Scatter) -> go.Figure:
    """Give a figure of a sheet: square cells, row 0 on top, no axes. height: pixels."""
    drawn = figure(trace, *more, height=height, margin={"t": 8, "b": 8, "l": 8, "r": 8})
    drawn.update_xaxes(visible=False, constrain="domain")
    return drawn.update_yaxes(visible=False, autorange="reversed", scaleanchor="x", constrain="domain")
