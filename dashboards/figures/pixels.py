"""What the images look like on average, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.registry import draws, no_data, of_split
from dashboards.figures.sheets import sheet_figure, tile_corner, tile_images
from dashboards.formats import axis_names
from dashboards.language import mark, tr
from dashboards.theme import figure

LONGEST_SIDE = 64
"""Cells along a heatmap; larger images are averaged over blocks, which the eye cannot tell apart."""

ACROSS = 5
"""Mean images in a line of a sheet."""

UNITS: Mapping[str, str] = {
    "mean": mark("mean"),
    "std": mark("std"),
    "nonzero_fraction": mark("fraction above 0"),
}
"""Column of the table `pixels` -> what a hover calls it."""


def pixel_grid(pixels: pd.DataFrame, value: str) -> npt.NDArray[np.float64]:
    """Give a column of one split and class as an image, (height, width, channels).

    pixels: row, column, channel and the column named by `value`, one row a pixel and channel.
    """
    shape = [int(pixels[name].max()) + 1 for name in ("row", "column", "channel")]
    grid = np.full(shape, np.nan)
    grid[tuple(pixels[name].to_numpy() for name in ("row", "column", "channel"))] = pixels[value].to_numpy(float)
    return grid


def all_classes(pixels: pd.DataFrame, split: str | None = None) -> pd.DataFrame:
    """Give the rows of a split, the first by default, that are of all classes together: those without a label."""
    rows = of_split(pixels, split)
    return rows[rows["label"].isna()]


@draws("pixels")
def pixel_heatmap(
    pixels: pd.DataFrame, value: str = "mean", *, split: str | None = None, label: int | None = None
) -> go.Figure:
    """Heatmap of the mean image, or of another statistic of each pixel, with channels averaged.

    pixels: the table `pixels` of stats; split, label, row, column, channel and the column named by `value`.
    value: mean, std or nonzero_fraction. split: the first by default. label: a class; all together by default.
    """
    rows = of_split(pixels, split)
    rows = rows[rows["label"].isna() if label is None else (rows["label"] == label).fillna(False)]
    if rows.empty:
        return no_data()
    grid = pixel_grid(rows, value).mean(axis=2)
    step = -(-max(grid.shape) // LONGEST_SIDE)
    cells = _blocks(grid, step).astype(np.float32)
    trace = go.Heatmap(
        z=cells,
        x0=(step - 1) / 2,
        dx=step,
        y0=(step - 1) / 2,
        dy=step,
        coloraxis="coloraxis",
        hovertemplate=tr(
            "row %{{y}}, column %{{x}}<br>{measure} %{{z:.3f}}<extra></extra>", measure=tr(UNITS.get(value, value))
        ),
    )
    bar = {"orientation": "h", "y": -0.12, "yanchor": "top", "thickness": 8, "nticks": 4, "len": 1, "xpad": 0}
    drawn = figure(trace, height=300, margin={"l": 4, "r": 4, "t": 4, "b": 4}, coloraxis_colorbar=bar)
    low, high = min(0.0, float(np.nanmin(cells))), float(np.nanmax(cells))
    drawn.update_coloraxes(cmin=low, cmax=high if high > low else low + 1)
    drawn.update_xaxes(constrain="domain", showgrid=False, nticks=4, range=_ends(grid.shape[1]))
    drawn.update_yaxes(constrain="domain", showgrid=False, nticks=4, range=_ends(grid.shape[0])[::-1])
    return drawn.update_yaxes(scaleanchor="x", constraintoward="top")


@draws("pixels")
def mean_images(pixels: pd.DataFrame, *, split: str | None = None, names: Mapping[int, str] | None = None) -> go.Figure:
    """Sheet of the mean image of each class, with channels averaged.

    pixels: the table `pixels` of stats; split, label, row, column, channel, mean. split: the first by default.
    names: of the classes, by label, as `class_names` gives them.
    """
    rows = of_split(pixels, split).dropna(subset="label")
    means = {int(str(label)): pixel_grid(of_class, "mean").mean(axis=2) for label, of_class in rows.groupby("label")}
    if not means:
        return no_data()
    images = np.stack(list(means.values()))
    across = min(ACROSS, len(images))
    gap = max(2, images.shape[1] // 4)  # room for a title above each
    sheet, owners = tile_images(images, across, gap)
    titles = axis_names(list(means), names or {})
    corners = [tile_corner(place, across, images.shape[1:3], gap) for place in range(len(images))]
    trace = go.Heatmap(
        z=sheet,
        customdata=np.array([*titles, ""], object)[owners],
        coloraxis="coloraxis",
        hoverongaps=False,
        hovertemplate=tr("class %{customdata}: mean %{z:.3f}<extra></extra>"),
    )
    words = go.Scatter(
        x=[column for _, column in corners],
        y=[row for row, _ in corners],
        text=titles,
        mode="text",
        textposition="top right",
        hoverinfo="skip",
    )
    drawn = sheet_figure(trace, 20 + 150 * -(-len(images) // across), words)
    drawn.update_coloraxes(showscale=False)
    return drawn.update_yaxes(range=[len(sheet) - 0.5, -gap - 0.5])


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
