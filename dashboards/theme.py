"""Colours and type: one palette for light and one for dark, from which the CSS and the Plotly templates are made."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from dashboards.templating import asset, render

FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Noto Sans, Liberation Sans, sans-serif"

PALETTES: Mapping[str, Mapping[str, str]] = {
    "light": {
        "page": "#f5f6f8",
        "surface": "#ffffff",
        "ink": "#1b1f27",
        "muted": "#586272",
        "line": "#dfe3e8",
        "grid": "#e9ecf0",
        "accent": "#22639f",
        "accent-soft": "#e6eff8",
        "note": "#fff3d6",
        "note-line": "#d99a00",
        "note-ink": "#533c00",
        "problem": "#b3261e",
    },
    "dark": {
        "page": "#0f1216",
        "surface": "#171b21",
        "ink": "#e6e9ee",
        "muted": "#9ba5b3",
        "line": "#2b323b",
        "grid": "#262c35",
        "accent": "#77b6ee",
        "accent-soft": "#1b2c3d",
        "note": "#2d2510",
        "note-line": "#c39016",
        "note-ink": "#f3e1b3",
        "problem": "#f2827a",
    },
}

# Middle tones, at least 3:1 against both surfaces, so that a trace keeps its colour when the theme changes.
# Blue, orange and green as in Okabe and Ito's set for colour-blind readers.
SPLITS = {"train": "#2f7fc1", "test": "#d9730d", "validation": "#1a9a72"}
GREY = "#7d8694"
OTHER_SPLITS = ("#a566b8", "#8b8f3a", GREY, "#c25b78")
ACTIONS = {"remove": "#c03a68", "repair": "#b98600", "keep": GREY}

BLUE_ORANGE = ["#0b5fa5", "#9cc3e6", "#f2f2f2", "#f0b27a", "#b85c00"]
"""From negative to positive: distinct to every kind of colour-blind reader."""

INK: Mapping[str, list[str]] = {
    "light": ["#f3f6fa", "#c3daee", "#72add8", "#2a74b4", "#0b3566"],
    "dark": ["#1d232b", "#17436b", "#2375b5", "#67b3e8", "#e2f2ff"],
}
"""From nothing to much; always begins near the surface, so that an empty region looks empty."""

ERRORS: Mapping[str, list[str]] = {
    "light": ["#f3f5f7", "#fde0c4", "#f6b070", "#dc7014", "#8f3d00"],
    "dark": ["#20262e", "#4a2c12", "#8d4708", "#d9730d", "#ffc48a"],
}


def split_colour(split: str) -> str:
    """Give the colour of a split: the same one in every figure, whatever other splits there are."""
    return SPLITS.get(split, OTHER_SPLITS[zlib.crc32(split.encode()) % len(OTHER_SPLITS)])


def template(name: str) -> go.layout.Template:
    """Make the Plotly template "light" or "dark".

    A figure's colour axis is on the INK scale; a heatmap that has none of its own is on the ERRORS scale.
    """
    colours = PALETTES[name]
    bar = {"thickness": 10, "outlinewidth": 0, "tickfont": {"color": colours["muted"], "size": 12}, "ypad": 0}
    layout: dict[str, Any] = {
        "font": {"family": FONT, "size": 13, "color": colours["ink"]},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": [*SPLITS.values(), *OTHER_SPLITS],
        "margin": {"l": 56, "r": 12, "t": 40, "b": 48},
        "xaxis": _axis(colours),
        "yaxis": _axis(colours),
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "top", "yref": "container"},
        "hoverlabel": {
            "bgcolor": colours["surface"],
            "bordercolor": colours["line"],
            "font": {"family": FONT, "size": 13, "color": colours["ink"]},
            "align": "left",
        },
        "bargap": 0.28,
        "bargroupgap": 0.06,
        "dragmode": False,
        "coloraxis": {"colorscale": _scale(INK[name]), "colorbar": bar},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": colours["muted"], "activecolor": colours["accent"]},
    }
    data = {"heatmap": [{"colorscale": _scale(ERRORS[name]), "colorbar": bar}]}
    return go.layout.Template(layout=layout, data=data)


def _axis(colours: Mapping[str, str]) -> dict[str, Any]:
    return {
        "gridcolor": colours["grid"],
        "linecolor": colours["line"],
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 6,
        "tickcolor": "rgba(0,0,0,0)",  # room between the labels and the axis
        "tickfont": {"color": colours["muted"], "size": 12},
        "title": {"font": {"color": colours["muted"], "size": 13}, "standoff": 10},
        "automargin": True,
    }


def _scale(colours: list[str]) -> list[list[Any]]:
    return [[place / (len(colours) - 1), colour] for place, colour in enumerate(colours)]


def figure(*traces: Any, height: int = 340, showlegend: bool = False, **layout: Any) -> go.Figure:
    """Make a figure of traces in the light template. height: pixels; the width is that of the page."""
    margin = {} if showlegend else {"t": 12}  # the legend is above the axes
    layout = {"margin": margin, "showlegend": showlegend, **layout}
    return go.Figure(list(traces)).update_layout(template=template("light"), height=height, **layout)


def palettes() -> Markup:
    """Give the palettes and the font as custom properties of a style sheet."""
    return render("palettes.css", font=FONT, palettes=PALETTES)


def css() -> Markup:
    """Give the style sheet of the page."""
    return palettes() + asset("page.css")
