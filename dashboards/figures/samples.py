"""What the samples look like."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.registry import draws
from dashboards.figures.sheets import sheet_figure, tile_images
from dashboards.formats import plotly_text
from dashboards.thumbnails import decode_images, png_uris

MOST_ACROSS = 20
"""Samples of a class that are drawn."""


@draws("sample_grid")
def sample_grid(samples: pd.DataFrame) -> go.Figure:
    """Grid of samples, a row a class, as one image.

    samples: the table `sample_grid` of stats; label, name, and image with its shape and type in the attributes.
    """
    rows = samples[samples.groupby("label").cumcount() < MOST_ACROSS].sort_values("label", kind="stable")
    rows.attrs = samples.attrs
    images = decode_images(rows)
    grey = images if images.ndim == 3 else images.mean(axis=-1)
    counts = rows.groupby("label").size()
    across = int(counts.max())
    lines = np.full((len(counts) * across, *grey.shape[1:]), np.nan, np.float32)
    line_of = rows["label"].map({label: line for line, label in enumerate(counts.index)}).to_numpy(np.int64)
    lines[line_of * across + rows.groupby("label").cumcount().to_numpy()] = grey
    sheet, _ = tile_images(lines, across)
    # Gaps are white as paper in either theme, so that the edges of black images are seen.
    (uri,) = png_uris([np.nan_to_num(sheet, nan=255).astype(np.uint8)], budget=1_000_000)
    height, width = sheet.shape
    trace = go.Image(source=uri, x0=0, y0=0, dx=1, dy=1, hoverinfo="skip")
    drawn = sheet_figure(trace, max(120, math.ceil(min(4.0, 900 / width) * height)))
    side = height / len(counts)
    ticks = {"tickvals": [(line + 0.5) * side - 1 for line in range(len(counts))]}
    titles = [plotly_text(name) for name in rows.drop_duplicates("label")["name"]]
    return drawn.update_yaxes(visible=True, showgrid=False, ticktext=titles, **ticks)
