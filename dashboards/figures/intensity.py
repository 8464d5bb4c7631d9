"""How bright the pixels are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.registry import draws
from dashboards.formats import plotly_text
from dashboards.language import tr
from dashboards.theme import figure, split_colour

MOST_BINS = 256
"""Bins of a line; finer counts are added up, since a chart has no more pixels to show them."""

SPARSE = 0.5
"""Where fewer of the bins hold a pixel, a line would be all gaps, and dots are drawn."""


@draws("intensity")
def intensity_histogram(intensity: pd.DataFrame) -> go.Figure:
    """Lines of the fraction of pixels at each intensity, in percent on a logarithmic axis; one line a split.

    intensity: the table `intensity` of stats; split, label (rows with one are left out), low, high (bounds of a bin,
    on the scale 0 to 1), pixels (how many).
    """
    intensity = _all_classes(intensity)
    lines = []
    for place, (split, rows) in enumerate(intensity.groupby("split", sort=False)):
        bins = _coarser(rows)
        fraction = 100 * bins["pixels"] / max(1, bins["pixels"].sum())
        sparse = (bins["pixels"] > 0).mean() < SPARSE
        lines.append(
            go.Scatter(
                name=plotly_text(split),
                x=((bins["low"] + bins["high"]) / 2).to_numpy(np.float32),
                y=fraction.where(fraction > 0).to_numpy(np.float32),  # a logarithmic axis has no place for 0
                mode="markers" if sparse else "lines",
                marker={"size": 6 if place else 10, "color": split_colour(str(split))},
                # Splits of one dataset nearly coincide: the first is broad and pale, so that it shows below the others.
                line={"shape": "hvh", "width": 1.5 if place else 4, "color": split_colour(str(split))},
                opacity=1 if place else 0.5,
                hovertemplate=tr("intensity %{x:.3f}: %{y:.3g} % of the pixels<extra>%{fullData.name}</extra>"),
            )
        )
    ends = [intensity["low"].min() - 0.02, intensity["high"].max() + 0.02]
    on_unit_scale = ends[0] > -0.03 and ends[1] < 1.03  # standardized pixels are not
    scale = tr("intensity (0: black, 1: white)") if on_unit_scale else tr("intensity")
    drawn = figure(*lines, xaxis_title=scale, xaxis_range=ends, showlegend=True)
    return drawn.update_yaxes(type="log", title=tr("fraction of pixels (%)"), dtick=1, tickformat="~g")


def zero_fraction(intensity: pd.DataFrame, split: str) -> float:
    """Give the fraction of a split's pixels that lie in the bin of 0; NaN where there are none."""
    rows = _all_classes(intensity[intensity["split"] == split])
    at_zero = (rows["low"] <= 0) & (rows["high"] > 0)
    total = rows["pixels"].sum()
    return float(rows.loc[at_zero, "pixels"].sum() / total) if total else float("nan")


def _all_classes(intensity: pd.DataFrame) -> pd.DataFrame:
    return intensity[intensity["label"].isna()] if "label" in intensity else intensity


def _coarser(rows: pd.DataFrame) -> pd.DataFrame:
    together = -(-len(rows) // MOST_BINS)
    groups = rows.groupby(np.arange(len(rows)) // together)
    return groups.agg(low=("low", "min"), high=("high", "max"), pixels=("pixels", "sum"))
