"""How much ink the samples have and where it lies. All are counted first: a page never holds a row a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.picks import of_classes, of_splits, picks
from dashboards.figures.registry import draws
from dashboards.formats import axis_names, plotly_text
from dashboards.language import tr
from dashboards.theme import SPLITS, figure, split_colour

MANY_CLASSES = 20
"""Above this, boxes of two splits side by side are too thin to read, and only the first split is drawn."""

CELLS, SHORTEST_SPAN = 40, 6.0
"""Cells along each axis of the centres of mass, and the least pixels they span: well-centred samples show as a dot."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@draws("samples")
def ink_by_class(samples: pd.DataFrame, *, names: Mapping[int, str] | None = None) -> go.Figure:
    """Boxes of the ink of each class: quartiles and median, whiskers from the 5th to the 95th percentile.

    samples: the table `samples` of stats; split, label, ink (sum of the pixels on the scale 0 to 1). names: of the
    classes, by label.
    """
    labels = sorted(int(label) for label in samples["label"].unique())
    categories = dict(zip(labels, axis_names(labels, names or {}), strict=True))
    splits = list(samples["split"].unique())[: 1 if len(labels) > MANY_CLASSES else None]
    traces = [_boxes(samples[samples["split"] == split], str(split), categories) for split in splits]
    drawn = figure(
        *traces, xaxis_title=tr("class"), yaxis_title=tr("ink (sum of pixels, 0 to 1 each)"), showlegend=True
    )
    drawn.update_layout(boxmode="group", boxgap=0.3, boxgroupgap=0.15)
    drawn.update_xaxes(type="category", categoryorder="array", categoryarray=list(categories.values()))
    return picks(drawn, traces=of_splits(splits), x=of_classes(categories))


def _boxes(samples: pd.DataFrame, split: str, categories: Mapping[int, str]) -> go.Box:
    inks = {int(str(label)): ink.dropna() for label, ink in samples.groupby("label")["ink"]}
    labels = [label for label, ink in inks.items() if len(ink)]
    quantiles = np.array([np.quantile(inks[label], QUANTILES) for label in labels], np.float32).reshape(-1, 5)
    low, first, median, third, high = quantiles.T
    return go.Box(
        name=plotly_text(split),
        x=[categories[label] for label in labels],
        lowerfence=low,
        q1=first,
        median=median,
        q3=third,
        upperfence=high,
        marker_color=split_colour(split),
        line_width=1.5,
        hoverinfo="x+y+name",
    )


@draws("samples")
def centre_of_mass(samples: pd.DataFrame) -> go.Figure:
    """Heatmap of where the centre of mass of the samples lies; blank samples have none.

    samples: the table `samples` of stats; centre_row, centre_column (pixels from the upper left). The chart is square,
    at least six pixels wide around the medians, and leaves out the outermost thousandth.
    """
    centres = samples[["centre_row", "centre_column"]].astype(float).dropna()
    rows, columns = _square(centres)
    counts, _, _ = np.histogram2d(centres["centre_row"], centres["centre_column"], bins=(rows, columns))
    trace = go.Heatmap(
        z=counts.astype(np.int32),
        x=((columns[:-1] + columns[1:]) / 2).astype(np.float32),
        y=((rows[:-1] + rows[1:]) / 2).astype(np.float32),
        coloraxis="coloraxis",
        hovertemplate=tr("row %{y:.2f}, column %{x:.2f}<br>%{z:,} samples<extra></extra>"),
    )
    bar = {"title": {"text": tr("samples")}, "tickformat": ","}
    drawn = figure(trace, height=360, coloraxis_colorbar=bar)
    drawn.update_xaxes(title=tr("column (pixels)"), showgrid=False, constrain="domain")
    drawn.update_yaxes(
        title=tr("row (pixels)"), showgrid=False, autorange="reversed", scaleanchor="x", constrain="domain"
    )
    ends = (("x", "centre_column", columns), ("y", "centre_row", rows))
    halves = [(axis, measure, float(edges[1] - edges[0]) / 2) for axis, measure, edges in ends]
    return picks(drawn, bins=[[{"axis": a, "measure": m, "below": half, "above": half} for a, m, half in halves]])


def _square(centres: pd.DataFrame) -> tuple[Any, Any]:
    """Give the edges of the cells along rows and columns: both axes span the same length, so that cells are square."""
    if centres.empty:
        return np.linspace(0, SHORTEST_SPAN, CELLS + 1), np.linspace(0, SHORTEST_SPAN, CELLS + 1)
    low, middle, high = np.quantile(centres.to_numpy(), (0.001, 0.5, 0.999), axis=0)
    half = max(SHORTEST_SPAN / 2, *(high - middle), *(middle - low))
    row, column = (np.linspace(centre - half, centre + half, CELLS + 1) for centre in middle)
    return row, column


@draws("samples")
def bounding_boxes(samples: pd.DataFrame) -> go.Figure:
    """Lines of how wide and how high the bounding box of the ink is: that of the pixels above 0.

    samples: the table `samples` of stats; top, left, bottom, right (pixels, ends inclusive; missing for blank samples).
    """
    boxes = samples[["top", "left", "bottom", "right"]].astype(float).dropna()
    sides = {tr("width"): boxes["right"] - boxes["left"] + 1, tr("height"): boxes["bottom"] - boxes["top"] + 1}
    colours, dashes = (SPLITS["train"], SPLITS["test"]), ("solid", "dash")
    traces = []
    for (side, values), colour, dash in zip(sides.items(), colours, dashes, strict=True):
        counts = values.astype(int).value_counts(normalize=True).sort_index()
        counts = counts.reindex(range(int(counts.index.max()) + 2), fill_value=0.0) if len(counts) else counts
        traces.append(
            go.Scatter(
                name=side,
                x=counts.index.to_numpy(),
                y=(100 * counts).to_numpy(np.float32),
                mode="lines",
                line={"shape": "hvh", "color": colour, "width": 2, "dash": dash},
                hovertemplate=tr("{side} %{{x}} pixels: %{{y:.1f}} % of the samples<extra></extra>", side=side),
            )
        )
    drawn = figure(*traces, height=360, showlegend=True, xaxis_title=tr("size of the bounding box (pixels)"))
    drawn.update_yaxes(title=tr("fraction of samples (%)"), rangemode="tozero")
    return picks(
        drawn,
        bins=[[{"axis": "x", "measure": f"box_{side}", "below": 0.5, "above": 0.5}] for side in ("width", "height")],
    )
