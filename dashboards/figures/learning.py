"""How the training went, epoch by epoch."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.registry import draws
from dashboards.language import mark, tr
from dashboards.theme import figure, split_colour

TITLES = {"loss": mark("loss (cross-entropy)"), "accuracy": mark("accuracy (%)")}


@draws("history")
def learning_curves(history: pd.DataFrame, measure: str = "loss") -> go.Figure:
    """Lines of a measure on the training and the validation samples after each epoch.

    history: the table `history` of train; epoch, train_<measure>, validation_<measure>, and seed, where there are
    several: each draws a line of its own. measure: "loss", or "accuracy" (0 to 1, drawn in percent).
    """
    factor = 100 if measure == "accuracy" else 1
    history = _apart(history)
    form, unit = (".2f", " %") if measure == "accuracy" else (".4f", "")
    lines = [
        go.Scatter(
            name=tr(split),
            x=history["epoch"].to_numpy(),
            y=(factor * history[f"{split}_{measure}"]).to_numpy(),
            mode="lines+markers" if history["epoch"].max() <= 15 else "lines",
            marker_size=7,
            line={"width": 2.2, "color": split_colour(split), "dash": dash},
            hovertemplate=tr("epoch %{x}") + f": %{{y:{form}}}{unit}<extra>{tr(split)}</extra>",
        )
        for split, dash in (("train", "solid"), ("validation", "dash"))
    ]
    drawn = figure(*lines, height=320, yaxis_title=tr(TITLES[measure]), xaxis_title=tr("epoch"), showlegend=True)
    step = max(1, -(-int(history["epoch"].max()) // 10))
    ends = [history["epoch"].min() - 0.3, history["epoch"].max() + 0.3]
    return drawn.update_xaxes(dtick=step, tick0=1, range=ends, showgrid=False)


def _apart(history: pd.DataFrame) -> pd.DataFrame:
    """Put an empty row after each seed, at which a line breaks off."""
    if "seed" not in history:
        return history
    parts = [rows.reindex([*rows.index, -1]) for _, rows in history.groupby("seed", sort=False)]
    return pd.concat(parts, ignore_index=True)
