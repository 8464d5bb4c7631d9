"""What a click on a chart's mark shows: filters that lie in the figure, which the script of the samples reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

Filters = Mapping[str, Any]
"""labels: a list of classes. split. finding: "c:" and the name of a check. prediction: "right", "wrong" or "any".

predicted: a class. ranges: dictionaries of measure, low and high, which is outside; either may be None.
"""


def picks(
    figure: go.Figure,
    *,
    traces: Sequence[Filters] = (),
    x: Mapping[str, Filters] | None = None,
    y: Mapping[str, Filters] | None = None,
    points: Sequence[Sequence[Filters]] = (),
    bins: Sequence[Sequence[Filters]] = (),
    rows: Filters | None = None,
) -> go.Figure:
    """Say which samples each mark of a figure stands for; the filters of all that holds of it are set together.

    traces: filters of each trace. x, y: by the text of a category. points: for each trace those of each of its points.
    bins: for each trace, or for all, dictionaries of axis, measure, below and above: the samples from so much below the
    place of the mark to so much above it. rows: of `measure_histograms`.
    """
    given = {"traces": list(traces), "x": x, "y": y, "points": points, "bins": bins, "rows": rows}
    return figure.update_layout(meta={"pick": {name: value for name, value in given.items() if value}})


def of_splits(splits: Sequence[Any]) -> list[Filters]:
    """Give the filters of traces that are splits."""
    return [{"split": str(split)} for split in splits]


def of_classes(categories: Mapping[int, str]) -> dict[str, Filters]:
    """Give the filters of an axis of classes. categories: label -> its text on the axis."""
    return {text: {"labels": [label]} for label, text in categories.items()}


def between(measure: str, low: float | None, high: float | None) -> Filters:
    """Give the filter of a range of a measure, from `low` to below `high`."""
    return {"ranges": [{"measure": measure, "low": low, "high": high}]}


def has_picks(figure: go.Figure) -> bool:
    """Say whether a click on the figure's marks shows samples."""
    return bool(isinstance(figure.layout.meta, Mapping) and figure.layout.meta.get("pick"))
