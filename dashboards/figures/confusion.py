"""Which classes a model confuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.picks import of_classes, picks
from dashboards.figures.registry import draws
from dashboards.formats import axis_names
from dashboards.language import tr
from dashboards.theme import figure

MANY_CLASSES = 20
"""Above this, a number in each cell can no longer be read."""


@draws("confusion")
def confusion_matrix(confusion: pd.DataFrame) -> go.Figure:
    """Heatmap of the predicted class (columns) for each true class (rows), the counts written in the cells.

    confusion: the table `confusion` of train; label, name, predicted, predicted_name, samples; pairs that never occur
    may be missing. Only errors are coloured, on a logarithmic scale: correct predictions outnumber them a hundred to
    one and would hide them.
    """
    names = {
        **dict(zip(confusion["predicted"], confusion["predicted_name"], strict=True)),
        **dict(zip(confusion["label"], confusion["name"], strict=True)),
    }
    labels = sorted(int(label) for label in names)
    counts = confusion.pivot_table(index="label", columns="predicted", values="samples", aggfunc="sum", fill_value=0)
    matrix = counts.reindex(index=labels, columns=labels, fill_value=0).to_numpy(np.int64)
    errors = matrix * (1 - np.eye(len(labels), dtype=np.int64))
    most = int(errors.max(initial=0))
    few = len(labels) <= MANY_CLASSES
    axis = axis_names(labels, {int(label): str(name) for label, name in names.items()})
    trace = go.Heatmap(
        z=np.log10(1 + errors).astype(np.float32),
        x=axis,
        y=axis,
        customdata=matrix,
        text=[[f"{value:,}" if value else "" for value in row] for row in matrix.tolist()] if few else None,
        texttemplate="%{text}" if few else None,
        textfont_size=12,
        xgap=2 if few else 0,
        ygap=2 if few else 0,
        zmin=0,
        zmax=float(np.log10(1 + max(1, most))),
        showscale=not few,
        colorbar={"title": {"text": tr("errors")}, **_ticks(most)},
        hovertemplate=tr("true: %{y}<br>predicted: %{x}<br>%{customdata:,} samples<extra></extra>"),
    )
    drawn = figure(trace, height=540 if few else 640, margin={"t": 12, "b": 8, "r": 8, "l": 8})
    drawn.update_xaxes(type="category", title=tr("predicted class"), showgrid=False, constrain="domain")
    drawn.update_yaxes(type="category", title=tr("true class"), showgrid=False, autorange="reversed")
    predicted = {text: {"predicted": label} for label, text in zip(labels, axis, strict=True)}
    return picks(drawn, x=predicted, y=of_classes(dict(zip(labels, axis, strict=True))))


def _ticks(highest: int) -> dict[str, list[float] | list[str]]:
    values = [value for value in (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000) if value <= max(1, highest)]
    return {"tickvals": [float(np.log10(1 + value)) for value in values], "ticktext": [f"{v:,}" for v in values]}


def frequent_confusions(confusion: pd.DataFrame, most: int = 10) -> pd.DataFrame:
    """Give the most frequent errors: name, predicted_name, samples, fraction (of the true class's samples)."""
    totals = confusion.groupby("label")["samples"].sum()
    errors = confusion[(confusion["label"] != confusion["predicted"]) & (confusion["samples"] > 0)]
    errors = errors.assign(fraction=errors["samples"] / errors["label"].map(totals))
    ordered = errors.sort_values(["samples", "fraction"], ascending=False, kind="stable").head(most)
    return ordered[["name", "predicted_name", "samples", "fraction"]].reset_index(drop=True)
