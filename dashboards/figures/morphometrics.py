"""What shape the strokes of each class have. All are counted first: a page never holds a row a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.picks import between, of_classes, of_splits, picks
from dashboards.figures.registry import draws, of_split
from dashboards.formats import axis_names, plotly_text, spaced
from dashboards.language import mark, tr
from dashboards.theme import figure, split_colour

MANY_CLASSES = 20
"""Above this, two splits in a row are too small to tell apart, and only the first split is drawn."""

BINS, ENDS = 40, (0.005, 0.995)
"""Bins of a histogram, and the quantiles between which it lies: one odd sample must not squeeze all others."""

MOST_COUNT = 4
"""The last column of a chart of counts stands for this many or more."""

UNITS: Mapping[str, str] = {
    "thickness": mark("thickness (pixels)"),
    "length": mark("length (pixels)"),
    "slant": mark("slant (degrees)"),
    "area": mark("area (pixels)"),
    "width": mark("width (pixels)"),
    "height": mark("height (pixels)"),
    "ink": mark("ink (sum of pixels, 0 to 1 each)"),
}
"""Measure -> title of its axis. Slants are radians in the tables and drawn in degrees."""


@draws("samples")
def measure_histograms(
    samples: pd.DataFrame,
    measure: str = "thickness",
    *,
    names: Mapping[int, str] | None = None,
    by: str = "label",
) -> go.Figure:
    """Histograms of one measure, a row a class, the splits of a class on one base line.

    samples: the table `samples` of stats; split, label and the measure, missing where a sample has none. measure:
    thickness, length, slant (radians; drawn in degrees), area, width, height, ink or another column of numbers.
    names: of the classes, by label. by: another column of whole numbers to divide the samples by. Each row is as high
    as its own highest bin.
    """
    degrees = 180 / np.pi if measure == "slant" else 1.0
    values = np.asarray(degrees * samples[measure].to_numpy(float, na_value=np.nan), np.float64)
    keys, split_of = samples[by].to_numpy(), samples["split"].to_numpy()
    labels = sorted(int(label) for label in samples[by].unique())
    splits = list(samples["split"].unique())[: 1 if len(labels) > MANY_CLASSES else None]
    edges = _edges(values[np.isfinite(values)])
    fractions = np.stack([_fractions(values[of], keys[of], labels, edges) for of in (split_of == s for s in splits)])
    scale = 0.86 / np.maximum(fractions.max(axis=(0, 2), keepdims=True), 1e-9)
    of = tr("of the class") if by == "label" else tr("of the group")
    traces = [
        _rows(str(split), fraction, fraction * scale[0], edges, of, filled=not place)
        for place, (split, fraction) in enumerate(zip(splits, fractions, strict=True))
    ]
    drawn = figure(*traces, height=96 + max(240, (30 if len(labels) <= MANY_CLASSES else 18) * len(labels)))
    drawn.update_layout(showlegend=len(splits) > 1, margin={"l": 8, "t": 36, "r": 8, "b": 44})
    title = tr(UNITS[measure]) if measure in UNITS else plotly_text(spaced(measure))
    drawn.update_xaxes(title=title, range=[edges[0], edges[-1]], nticks=6)
    ticks = {"tickvals": list(range(len(labels))), "ticktext": axis_names(labels, names or {})}
    drawn.update_yaxes(range=[len(labels) - 0.9, -1.05], **ticks)
    if by != "label":
        return drawn
    rows = {"length": BINS + 3, "labels": labels, "measure": measure, "edges": edges.tolist()}
    return picks(drawn, traces=of_splits(splits), rows=rows)


def _edges(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the edges of the bins: from the lowest to the highest value, but for one in two hundred at each end."""
    low, high = np.quantile(values, ENDS) if len(values) else (0.0, 1.0)
    if high <= low:
        low, high = low - 0.5, low + 0.5
    return np.linspace(low, high, BINS + 1)


def _fractions(
    values: npt.NDArray[np.float64],
    keys: npt.NDArray[np.int64],
    labels: Sequence[int],
    edges: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Give what fraction of each class lies in each bin: (classes, bins)."""
    counts = np.stack([np.histogram(values[keys == label], edges)[0] for label in labels])
    measured = np.array([[np.isfinite(values[keys == label]).sum()] for label in labels])
    return np.asarray(counts / np.maximum(measured, 1))


def _rows(
    split: str,
    fractions: npt.NDArray[np.float64],
    heights: npt.NDArray[np.float64],
    edges: npt.NDArray[np.float64],
    of: str,
    filled: bool,
) -> go.Scatter:
    """Draw all classes of a split as one line that is interrupted between them; row 0 is above."""
    row, gap = np.arange(len(heights))[:, None], np.full((len(heights), 1), np.nan)
    nothing = np.zeros((len(heights), 1))
    x = np.hstack([np.tile(np.concatenate([edges[:1], edges]), (len(heights), 1)), gap])
    y = row - np.hstack([nothing, heights, nothing, gap])
    percent = 100 * np.hstack([nothing, fractions, nothing, gap])
    colour = split_colour(split)
    return go.Scatter(
        name=plotly_text(split),
        x=x.reshape(-1).astype(np.float32),
        y=y.reshape(-1).astype(np.float32),
        customdata=percent.reshape(-1).astype(np.float32),
        mode="lines",
        line={"shape": "hv", "width": 1.5, "color": colour},
        fill="toself" if filled else "none",
        fillcolor=_pale(colour),
        hoveron="points",
        hovertemplate=tr("from %{x:.3g}: %{customdata:.1f} %") + f" {of}<extra>%{{fullData.name}}</extra>",
    )


def _pale(colour: str) -> str:
    """Let a third of a colour, #rrggbb, through: on a light and on a dark surface."""
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red},{green},{blue},0.33)"


@draws("samples")
def measure_counts(
    samples: pd.DataFrame, measure: str = "holes", *, split: str | None = None, names: Mapping[int, str] | None = None
) -> go.Figure:
    """Heatmap of what fraction of each class (rows) has 0, 1, 2 … of something (columns), in percent.

    samples: the table `samples` of stats; split, label and the measure, a whole number: components, holes or
    end_points. split: the first by default. names: of the classes, by label.
    """
    samples = of_split(samples, split)
    labels = sorted(int(label) for label in samples["label"].unique())
    values, of = np.minimum(samples[measure].to_numpy(int), MOST_COUNT), samples["label"].to_numpy()
    counts = np.array([np.bincount(values[of == label], minlength=MOST_COUNT + 1) for label in labels])
    percent = 100 * counts.reshape(-1, MOST_COUNT + 1) / np.maximum(1, counts.sum(axis=1, keepdims=True))
    few = len(labels) <= MANY_CLASSES
    trace = go.Heatmap(
        z=percent.astype(np.float32),
        x=[*map(str, range(MOST_COUNT)), f"{MOST_COUNT}+"],
        y=axis_names(labels, names or {}),
        coloraxis="coloraxis",
        text=[[f"{value:.0f}" if value >= 0.5 else "" for value in row] for row in percent] if few else None,
        texttemplate="%{text}" if few else None,
        textfont_size=12,
        xgap=2 if few else 0,
        ygap=2 if few else 0,
        hovertemplate=tr("%{y}: %{x}<br>%{z:.1f} % of the class<extra></extra>"),
    )
    drawn = figure(trace, height=96 + max(240, (30 if few else 18) * len(labels)))
    drawn.update_layout(margin={"l": 8, "t": 8, "r": 8, "b": 44}, coloraxis_showscale=not few)
    drawn.update_coloraxes(cmin=0, cmax=100, colorbar_title_text="%")
    drawn.update_xaxes(
        type="category", title=tr("{measure} (% of the class)", measure=plotly_text(spaced(measure))), showgrid=False
    )
    drawn.update_yaxes(type="category", showgrid=False, autorange="reversed")
    numbers = {str(number): between(measure, number, number + 1) for number in range(MOST_COUNT)}
    numbers[f"{MOST_COUNT}+"] = between(measure, MOST_COUNT, None)
    categories = dict(zip(labels, axis_names(labels, names or {}), strict=True))
    first = of_splits(list(samples["split"].unique()[:1]))
    return picks(drawn, traces=first, x=numbers, y=of_classes(categories))
