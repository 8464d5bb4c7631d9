"""The parts of the page. Every text becomes a text node in the browser, whatever it holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dashboards.explorer.charts import HEIGHT, MAP
from dashboards.explorer.columns import Column, Value
from dashboards.explorer.explorer import MAP_COLUMNS
from dashboards.explorer.extras import EXTRAS
from dashboards.explorer.query import Condition, Query

if TYPE_CHECKING:
    from dashboards.explorer.explorer import Explorer

MISSING = "\0missing"
"""Stands for a missing value among the choices of a filter."""

SIZES = {"Small": 1, "Medium": 2, "Large": 3}
"""Screen pixels for a pixel of a sprite."""

KEYS = (
    ("arrows", "move"), ("0–9", "relabel"), ("space", "keep"), ("d", "remove"), ("u", "unsure"), ("z", "undo"),
    ("n", "note"), ("/", "id"),
)  # fmt: skip


def layout(explorer: Explorer) -> Any:
    """Give the whole page."""
    from dash import dcc, html

    stores = [
        dcc.Store(id=name, data=value)
        for name, value in (("filters", []), ("query", None), ("chosen", None), ("colours", "light"))
    ]
    return html.Div(
        [
            html.A("Skip to the samples", href="#grid", className="skip"),
            _header(explorer),
            html.Div(
                [_filters(explorer), _grid(), _about()],
                className="work",
            ),
            *stores,
        ],
        id="explorer",
    )


def _header(explorer: Explorer) -> Any:
    from dash import html

    sizes = [html.Button(name, className="size", **{"data-scale": str(scale)}) for name, scale in SIZES.items()]
    return html.Header(
        [
            html.Div([html.H1(explorer.title), html.P(explorer.subtitle, className="subtitle")]),
            html.Div(
                [
                    html.Div(id="search-box", className="search"),
                    html.Div(sizes, className="sizes", role="group", **{"aria-label": "Size of the samples"}),
                    html.Button("Dark", id="theme"),
                ],
                className="tools",
            ),
        ],
        className="bar",
    )


def _filters(explorer: Explorer) -> Any:
    from dash import dcc, html

    columns = column_options(explorer.samples.columns.values())
    return html.Aside(
        [
            html.Details(
                [
                    html.Summary("Filter and sort"),
                    *_queue(explorer),
                    html.Label("Sort by", id="sort-label"),
                    html.Div(
                        [
                            dcc.Dropdown(columns, id="sort", placeholder="the dataset's order"),
                            html.Button("Ascending", id="direction", **{"aria-label": "Direction of the order"}),
                        ],
                        className="sort",
                    ),
                    html.Div(id="filter-rows"),
                    html.Label("Add a filter"),
                    dcc.Dropdown(columns, id="add", placeholder="a column"),
                    html.Button("Clear all filters", id="clear", className="clear"),
                ],
                open=True,
            )
        ],
        className="filters",
        **{"aria-label": "Filter and sort"},
    )


def checks_of(explorer: Explorer) -> list[str]:
    """Name the checks of the audit that have flagged samples of this dataset and scored them."""
    columns = explorer.samples.columns
    names = [name.removeprefix("is_") for name, column in columns.items() if column.kind == "flag"]
    return [name for name in names if f"is_{name}" in columns and f"{name}_score" in columns]


def _queue(explorer: Explorer) -> list[Any]:
    """Give the choice of a queue, where an audit lies next to the dataset."""
    from dash import dcc, html

    checks = checks_of(explorer)
    flagged = {
        check: len(explorer.samples.select(Query((Condition(f"is_{check}", any_of=(True,)),)))) for check in checks
    }
    options = [
        {"label": f"{check.replace('_', ' ')} ({count:,})", "value": check} for check, count in flagged.items() if count
    ]
    choice = dcc.Dropdown(
        options, id="queue", placeholder="what a check has flagged" if options else "no check has flagged any"
    )
    return [html.Label("Decide in a queue"), choice]


def _about() -> Any:
    """Give what is said of the chosen sample, and the choice of what is computed of it, too."""
    from dash import dcc, html

    wanted = [
        html.Button(words, className="extra", **{"data-extra": name, "aria-pressed": "false"})
        for name, words in EXTRAS.items()
    ]
    group = html.Div(wanted, className="wanted", role="group", **{"aria-label": "What is computed of it"})
    parts = [
        html.Div(id="note-box"),
        html.Div(id="detail"),
        group,
        dcc.Store(id="extras", data=[]),
        html.Div(id="extra"),
    ]
    return html.Aside(parts, className="about", **{"aria-label": "The chosen sample"})


def _grid() -> Any:
    from dash import html

    keys = [part for key, does in KEYS for part in (html.Kbd(key), f" {does}  ")]
    return html.Main(
        [
            html.Div(
                [
                    html.P(id="count", role="status"),
                    html.P(keys, className="keys"),
                    html.Button("Charts", id="show-charts"),
                ],
                className="line",
            ),
            html.Div(id="charts"),
            html.Div(
                id="grid",
                tabIndex="0",
                role="application",
                **{"aria-label": "Samples; the arrow keys move from one to the next", "aria-describedby": "said"},
            ),
            html.P(id="said", className="unseen", **{"aria-live": "polite"}),
        ]
    )


def charts(explorer: Explorer) -> Any:
    """Give the charts above the grid; they are drawn by a script that is fetched only now."""
    from dash import dcc, html

    numbers = [
        column for column in explorer.samples.columns.values() if column.kind == "number" and column.name != "id"
    ]
    counted = [column for column in explorer.samples.columns.values() if column.kind != "text" and column.name != "id"]
    options = [
        {"label": MAP, "value": MAP},
        *(each for each in column_options(numbers) if each["value"] not in MAP_COLUMNS),
    ]
    config = {"displayModeBar": False, "responsive": True, "doubleClick": "reset"}
    first = next((column.name for column in numbers), None)
    return html.Div(
        [
            html.Figure(
                [
                    dcc.Dropdown(column_options(counted), first or "label", id="histogram-column", clearable=False),
                    dcc.Graph(id="histogram", config=config, style={"height": f"{HEIGHT}px"}),
                ],
            ),
            html.Figure(
                [
                    html.Div(
                        [
                            dcc.Dropdown(options, MAP, id="scatter-x", clearable=False),
                            dcc.Dropdown(
                                column_options(numbers), first, id="scatter-y", clearable=False, disabled=True
                            ),
                        ],
                        className="axes",
                    ),
                    dcc.Graph(id="scatter", config=config, style={"height": f"{HEIGHT}px"}),
                ],
            ),
        ],
        className="charts",
    )


def column_options(columns: Any) -> list[dict[str, str]]:
    """Give columns to choose from, each with the table that it comes from."""
    return [
        {
            "label": column.name if column.table in column.name else f"{column.name}  ({column.table})",
            "value": column.name,
        }
        for column in columns
    ]


def filter_row(column: Column, condition: Condition, explorer: Explorer) -> Any:
    """Give the controls of one filter, set to a condition."""
    from dash import html

    name = column.name
    remove = html.Button(
        "×",
        id={"remove": name},
        className="remove",
        title="Remove this filter",
        **{"aria-label": f"Remove the filter on {name}"},
    )
    return html.Div(
        [html.Div([html.Span(name), remove], className="name"), *_controls(column, condition, explorer)],
        className="filter",
    )


def _controls(column: Column, condition: Condition, explorer: Explorer) -> Sequence[Any]:
    from dash import dcc, html

    name = column.name
    if column.kind == "text":
        box = dcc.Input(
            id={"filter": name, "part": "contains"},
            type="text",
            value=condition.contains,
            placeholder="contains …",
            debounce=True,
        )
        return [html.Div(box, className="whole")]
    if column.kind == "number":
        ends = {"low": condition.low, "high": condition.high}
        hints = {"low": column.low, "high": column.high}
        boxes = [
            dcc.Input(
                id={"filter": name, "part": part}, type="text", inputMode="decimal", debounce=True,
                value=None if value is None else f"{value:.6g}",
                placeholder="none" if hints[part] is None else f"{hints[part]:.4g}",
            )
            for part, value in ends.items()
        ]  # fmt: skip
        return [html.Div([boxes[0], html.Span("to"), boxes[1]], className="range")]
    options = [{"label": explorer.written(column, value), "value": _key(value)} for value in column.choices]
    if column.has_missing:
        options.append({"label": "no value", "value": MISSING})
    chosen = [_key(value) for value in condition.any_of or ()]
    return [dcc.Dropdown(options, chosen, id={"filter": name, "part": "any_of"}, multi=True, placeholder="any")]


def _key(value: Value) -> Any:
    """Give a value as the choices of a filter hold it: flags as texts, as Dash has no others."""
    if value is None:
        return MISSING
    return str(value) if isinstance(value, bool) else value


def condition_of(column: Column, parts: Mapping[str, Any]) -> Condition:
    """Read the controls of a filter; those that are empty ask for nothing."""
    chosen = parts.get("any_of")
    flags: dict[Any, Value] = {MISSING: None, **({"True": True, "False": False} if column.kind == "flag" else {})}
    values = tuple(flags.get(value, value) for value in chosen) if chosen else None
    return Condition(
        column.name, _number(parts.get("low")), _number(parts.get("high")), values, parts.get("contains") or None
    )


def _number(text: str | float | None) -> float | None:
    """Read a bound that somebody types; what is no number (yet) bounds nothing.

    >>> _number("1.5"), _number("1,000"), _number("-"), _number(None)
    (1.5, 1000.0, None, None)
    """
    try:
        number = float(str(text).replace(",", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
