"""Charts above the grid: the histogram of a column, and samples by two columns or on a map. A selection is a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from dashboards.explorer.columns import Column, Value
from dashboards.explorer.explorer import MAP_COLUMNS
from dashboards.explorer.query import Condition, Query
from dashboards.formats import plotly_text
from dashboards.theme import figure, template

if TYPE_CHECKING:
    from dashboards.explorer.explorer import Explorer

HEIGHT = 216
"""Pixels of a chart."""

POINTS = 2_500
"""Samples in a scatter plot at most, drawn evenly from those that the filters leave."""

MANY_CLASSES = 20
"""Above this, points are of one colour."""

MAP = "2-D map (PCA)"
"""The choice of the map among the columns."""

CLASS_COLOURS = (
    "#2f7fc1", "#d9730d", "#1a9a72", "#c25b78", "#a566b8", "#8b8f3a", "#7d8694", "#b98600", "#4f9d9d", "#c0513a",
)  # fmt: skip

Figure = dict[str, Any]


def histogram(explorer: Explorer, name: str, query: Query, theme: str) -> Figure:
    """Draw how a column is distributed under all filters but its own."""
    column = explorer.samples.columns[name]
    counted = explorer.samples.histogram(name, query)
    if counted.edges:
        middles = [(low + high) / 2 for low, high in zip(counted.edges[:-1], counted.edges[1:], strict=True)]
        width = counted.edges[1] - counted.edges[0]
        bars = go.Bar(x=middles, y=counted.counts, width=width, hovertemplate="%{x:.4g}: %{y:,}<extra></extra>")
    else:
        texts = [plotly_text(explorer.written(column, value)) for value in counted.values]
        places = list(range(len(texts)))
        bars = go.Bar(
            x=places, y=counted.counts, customdata=texts, hovertemplate="%{customdata}: %{y:,}<extra></extra>"
        )
    drawn = _drawn(bars, theme=theme, name=name, bargap=0.04 if counted.edges else 0.28)
    drawn.update_layout(selectdirection="h")
    if not counted.edges:
        drawn.update_xaxes(tickvals=places, ticktext=[text if len(text) < 14 else f"{text[:12]}…" for text in texts])
    drawn.update_xaxes(title=plotly_text(name))
    return dict(drawn.to_plotly_json())


def scatter(explorer: Explorer, x: str, y: str, query: Query, theme: str) -> Figure:
    """Draw samples by two columns under all filters but those on the two, each class in its colour."""
    rows, across, up = explorer.samples.points(x, y, query, POINTS)
    labels = explorer.samples.values(rows, ["label"])["label"] if len(rows) else []
    column = explorer.samples.columns["label"]
    classes = sorted(set(labels), key=str) if len(set(labels)) <= MANY_CLASSES else [None]
    traces = []
    for place, value in enumerate(classes):
        chosen = [index for index, label in enumerate(labels) if value is None or label == value]
        traces.append(
            go.Scatter(
                x=[across[index] for index in chosen],
                y=[up[index] for index in chosen],
                customdata=[int(rows[index]) for index in chosen],
                mode="markers",
                name=plotly_text(explorer.written(column, value)) if value is not None else "samples",
                marker={"size": 4, "color": CLASS_COLOURS[place % len(CLASS_COLOURS)], "opacity": 0.75},
                hovertemplate="%{x:.4g}, %{y:.4g}<extra>%{fullData.name}</extra>",
            )
        )
    drawn = _drawn(*traces, theme=theme, name=f"{x} {y}", showlegend=1 < len(classes) <= 10)
    drawn.update_layout(
        legend={"orientation": "v", "x": 1.0, "xanchor": "left", "y": 1.0, "yref": "paper", "font": {"size": 10}}
    )
    on_map = (x, y) == MAP_COLUMNS
    if on_map:
        drawn.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 8})
    drawn.update_xaxes(title=None if on_map else plotly_text(x), showticklabels=not on_map)
    drawn.update_yaxes(title=None if on_map else plotly_text(y), showticklabels=not on_map)
    return dict(drawn.to_plotly_json())


def _drawn(*traces: Any, theme: str, name: str, **layout: Any) -> go.Figure:
    """Make a chart in which one selects by drawing; zoom and selection stay while filters elsewhere change."""
    shown = figure(*traces, height=HEIGHT, **layout)
    shown.update_layout(
        template=template(theme if theme in ("light", "dark") else "light"),
        dragmode="select",
        uirevision=name,
        margin={"l": 48, "r": 8, "t": 8, "b": 40},
    )
    return shown


def selected_in_histogram(column: Column, values: list[Value], selected: dict[str, Any]) -> Condition | None:
    """Give the filter that a selection in a histogram stands for. values: of the bars, where they are no numbers."""
    ends = (selected.get("range") or {}).get("x")
    if not ends:
        return None
    low, high = sorted(float(end) for end in ends)
    if column.kind == "number":
        return Condition(column.name, low, high)
    chosen = tuple(value for place, value in enumerate(values) if low <= place <= high)
    return Condition(column.name, any_of=chosen) if chosen else None


def selected_in_scatter(x: str, y: str, selected: dict[str, Any]) -> list[Condition]:
    """Give the filters that a rectangle in a scatter plot stands for."""
    ranges = selected.get("range") or {}
    if not ranges.get("x") or not ranges.get("y"):
        return []
    ends = {name: sorted(float(end) for end in ranges[axis]) for name, axis in ((x, "x"), (y, "y"))}
    return [Condition(name, low, high) for name, (low, high) in ends.items()]
