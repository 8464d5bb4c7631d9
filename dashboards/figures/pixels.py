"""What the images look like on average, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from dashboards.theme import figure

LONGEST_SIDE = 64
"""Cells along a heatmap; larger images are averaged over blocks, which the eye cannot tell apart."""


def grids(pixels: pd.DataFrame, value: str) -> npt.NDArray[np.float64]:
    """Give a column of one split and class as an image, (height, width, channels).

    pixels: row, column, channel and the column named by `value`, one row a pixel and channel.
    """
    shape = [int(pixels[name].max()) + 1 for name in ("row", "column", "channel")]
    grid = np.full(shape, np.nan)
    grid[tuple(pixels[name].to_numpy() for name in ("row", "column", "channel"))] = pixels[value].to_numpy(float)
    return grid


def all_classes(pixels: pd.DataFrame, split: str) -> pd.DataFrame:
    """Give the rows of a split that are of all classes together: those without a label."""
    return pixels[(pixels["split"] == split) & pixels["label"].isna()]


def pixel_heatmap(pixels: pd.DataFrame, value: str, unit: str) -> go.Figure:
    """Heatmap of one column over the image, channels averaged.

    pixels: rows of one split and class. value: mean, deviation or nonzero_share. unit: how the hover names it.
    """
    grid = grids(pixels, value).mean(axis=2)
    step = -(-max(grid.shape) // LONGEST_SIDE)
    cells = _blocks(grid, step).astype(np.float32)
    trace = go.Heatmap(
        z=cells,
        x0=(step - 1) / 2,
        dx=step,
        y0=(step - 1) / 2,
        dy=step,
        coloraxis="coloraxis",
        hovertemplate=f"row %{{y}}, column %{{x}}<br>{unit} %{{z:.3f}}<extra></extra>",
    )
    bar = {"orientation": "h", "y": -0.12, "yanchor": "top", "thickness": 8, "nticks": 4, "len": 1, "xpad": 0}
    drawn = figure(trace, height=300, margin={"l": 4, "r": 4, "t": 4, "b": 4}, coloraxis_colorbar=bar)
    low, high = min(0.0, float(np.nanmin(cells))), float(np.nanmax(cells))
    drawn.update_coloraxes(cmin=low, cmax=high if high > low else low + 1)
    drawn.update_xaxes(constrain="domain", showgrid=False, nticks=4, range=_ends(grid.shape[1]))
    drawn.update_yaxes(constrain="domain", showgrid=False, nticks=4, range=_ends(grid.shape[0])[::-1])
    drawn.update_yaxes(scaleanchor="x", constraintoward="top")
    return drawn


def _blocks(grid: npt.NDArray[Any], step: int) -> npt.NDArray[Any]:
    if step == 1:
        return grid
    height, width = (-(-side // step) * step for side in grid.shape)
    padded = np.full((height, width), np.nan)
    padded[: grid.shape[0], : grid.shape[1]] = grid
    result: npt.NDArray[Any] = np.nanmean(padded.reshape(height // step, step, width // step, step), axis=(1, 3))
    return result


def _ends(side: int) -> list[float]:
    return [-0.5, side - 0.5]
