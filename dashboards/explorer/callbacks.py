"""What changes on the page when one of its parts does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from dashboards.explorer.charts import (
    MAP,
    histogram,
    scatter,
    selected_in_histogram,
    selected_in_scatter,
)
from dashboards.explorer.decided import COLUMN
from dashboards.explorer.detail import detail, hint
from dashboards.explorer.explorer import MAP_COLUMNS
from dashboards.explorer.extras import extras
from dashboards.explorer.layout import charts, checks_of, condition_of, filter_row
from dashboards.explorer.query import Condition, Query, read_query
from mnist_data.errors import MnistDataError

if TYPE_CHECKING:
    from dash import Dash

    from dashboards.explorer.explorer import Explorer


def add_callbacks(page: Dash, explorer: Explorer) -> None:
    """Connect the parts of the page."""
    _connect_filters(page, explorer)
    _connect_query(page, explorer)
    _connect_grid(page)
    _connect_detail(page, explorer)
    _connect_queue(page, explorer)
    _connect_charts(page, explorer)
    _connect_selections(page, explorer)


def _connect_filters(page: Dash, explorer: Explorer) -> None:
    """Let filters be added and removed. The store `filters` holds those that the controls are made of."""
    from dash import ALL, Input, Output, State, ctx, no_update

    columns = explorer.samples.columns

    def change(added: str | None, _clear: int | None, removed: list[int | None], query: Any) -> tuple[Any, Any]:
        where = {} if query is None else {condition["column"]: condition for condition in query["conditions"]}
        match ctx.triggered_id:
            case "clear":
                return [], None
            case {"remove": name} if any(removed):
                return [condition for column, condition in where.items() if column != name], no_update
            case "add" if added in columns and added not in where:
                return [*where.values(), {"column": added}], None
        return no_update, no_update

    def show(filters: list[dict[str, Any]]) -> list[Any]:
        conditions = msgspec.convert(filters, list[Condition])
        return [filter_row(columns[each.column], each, explorer) for each in conditions if each.column in columns]

    def turn(clicks: int | None) -> str:
        return "Descending" if (clicks or 0) % 2 else "Ascending"

    page.callback(
        Output("filters", "data"),
        Output("add", "value"),
        Input("add", "value"),
        Input("clear", "n_clicks"),
        Input({"remove": ALL}, "n_clicks"),
        State("query", "data"),
        prevent_initial_call=True,
    )(change)
    page.callback(Output("filter-rows", "children"), Input("filters", "data"))(show)
    page.callback(Output("direction", "children"), Input("direction", "n_clicks"))(turn)


def _connect_query(page: Dash, explorer: Explorer) -> None:
    """Ask what the controls say. The store `query` holds all conditions, also empty ones, and how many meet them."""
    from dash import ALL, Input, Output

    columns = explorer.samples.columns

    def ask(values: list[Any], ids: list[dict[str, str]], sort: str | None, direction: str) -> dict[str, Any]:
        parts: dict[str, dict[str, Any]] = {}
        for name, value in zip(ids, values, strict=True):
            if name["filter"] in columns:
                parts.setdefault(name["filter"], {})[name["part"]] = value
        conditions = tuple(condition_of(columns[name], of_column) for name, of_column in parts.items())
        asking = tuple(condition for condition in conditions if condition != Condition(condition.column))
        ordered = sort if sort in columns else None
        query = Query(asking, ordered, direction == "Descending", explorer.samples.version)
        return {
            "text": query.to_json(),
            "conditions": msgspec.to_builtins(conditions),
            "total": len(explorer.samples.select(query)),
            "count": explorer.samples.count,
            "check": _check_of(query),
        }

    page.callback(
        Output("query", "data"),
        Input({"filter": ALL, "part": ALL}, "value"),
        Input({"filter": ALL, "part": ALL}, "id"),
        Input("sort", "value"),
        Input("direction", "children"),
    )(ask)


def _check_of(query: Query) -> str:
    """Name the check of the audit whose flagged samples a query asks for, the worst first; empty for other queries."""
    check = (query.sort or "").removesuffix("_score")
    return check if any(condition.column == f"is_{check}" for condition in query.where) else ""


def _connect_queue(page: Dash, explorer: Explorer) -> None:
    """Queue what a check has flagged and nobody has decided yet, the worst first."""
    from dash import Input, Output, no_update

    def queue(check: str | None) -> tuple[Any, Any, Any]:
        if check not in checks_of(explorer):
            return no_update, no_update, no_update
        conditions = [Condition(f"is_{check}", any_of=(True,)), Condition(COLUMN, any_of=(None,))]
        return msgspec.to_builtins(conditions), f"{check}_score", None

    page.callback(
        Output("filters", "data", allow_duplicate=True),
        Output("sort", "value"),
        Output("queue", "value"),
        Input("queue", "value"),
        prevent_initial_call=True,
    )(queue)


def _connect_grid(page: Dash) -> None:
    """Let the grid show what was asked for; it is drawn by a script of ours."""
    from dash import ClientsideFunction, Input, Output

    show = ClientsideFunction("explorer", "show")
    page.clientside_callback(show, Output("count", "children"), Input("query", "data"))


def _connect_detail(page: Dash, explorer: Explorer) -> None:
    from dash import Input, Output, html

    def show(chosen: dict[str, Any] | None) -> Any:
        row = (chosen or {}).get("row")
        return detail(explorer, row) if isinstance(row, int) and 0 <= row < explorer.samples.count else hint()

    def compute(chosen: dict[str, Any] | None, wanted: list[str] | None) -> Any:
        row = (chosen or {}).get("row")
        known = isinstance(row, int) and 0 <= row < explorer.samples.count
        try:
            return extras(explorer, int(row or 0), wanted) if known and wanted else []
        except MnistDataError as error:  # as where PyTorch is not installed
            return html.P(str(error), className="hint")

    chosen = Input("chosen", "data")
    page.callback(Output("detail", "children"), chosen)(show)
    page.callback(Output("extra", "children"), chosen, Input("extras", "data"))(compute)


def _connect_charts(page: Dash, explorer: Explorer) -> None:
    """Draw the charts once they are wanted, and whenever the filters change."""
    from dash import Input, Output, no_update

    columns = explorer.samples.columns

    def toggle(clicks: int | None) -> tuple[Any, str]:
        shown = bool((clicks or 0) % 2)
        return (charts(explorer), "true") if shown else ([], "false")

    def draw_histogram(column: str | None, query: dict[str, Any] | None, theme: str) -> Any:
        if column not in columns or query is None:
            return no_update
        return histogram(explorer, column, read_query(query["text"]), theme)

    def draw_scatter(x: str | None, y: str | None, query: dict[str, Any] | None, theme: str) -> tuple[Any, bool]:
        if query is None:
            return no_update, no_update
        if x == MAP:
            explorer.add_map()
        across, up = MAP_COLUMNS if x == MAP else (x, y)
        if across not in columns or up not in columns:
            return no_update, x == MAP
        return scatter(explorer, across, up, read_query(query["text"]), theme), x == MAP

    by_query = Input("query", "data"), Input("colours", "data")
    clicks = Input("show-charts", "n_clicks")
    page.callback(Output("charts", "children"), Output("show-charts", "aria-expanded"), clicks)(toggle)
    page.callback(Output("histogram", "figure"), Input("histogram-column", "value"), *by_query)(draw_histogram)
    page.callback(
        Output("scatter", "figure"),
        Output("scatter-y", "disabled"),
        Input("scatter-x", "value"),
        Input("scatter-y", "value"),
        *by_query,
    )(draw_scatter)


def _connect_selections(page: Dash, explorer: Explorer) -> None:
    """Make a filter of what is selected in a chart, and choose a sample that is clicked there."""
    from dash import Input, Output, State, no_update

    columns = explorer.samples.columns

    def filters(query: dict[str, Any], conditions: list[Condition]) -> list[dict[str, Any]]:
        replaced = {condition.column for condition in conditions}
        kept = [condition for condition in query["conditions"] if condition["column"] not in replaced]
        return [*kept, *msgspec.to_builtins(conditions)]

    def by_histogram(selected: dict[str, Any] | None, name: str, query: dict[str, Any]) -> Any:
        if not selected or name not in columns:
            return no_update
        values = explorer.samples.histogram(name, read_query(query["text"])).values
        condition = selected_in_histogram(columns[name], values, selected)
        return no_update if condition is None else filters(query, [condition])

    def by_scatter(selected: dict[str, Any] | None, x: str, y: str, query: dict[str, Any]) -> Any:
        across, up = MAP_COLUMNS if x == MAP else (x, y)
        conditions = selected_in_scatter(across, up, selected or {})
        return filters(query, conditions) if conditions and {across, up} <= set(columns) else no_update

    def choose(clicked: dict[str, Any] | None) -> Any:
        points = (clicked or {}).get("points") or [{}]
        row = points[0].get("customdata")
        return {"row": row} if isinstance(row, int) else no_update

    query = State("query", "data")
    again = {"allow_duplicate": True}
    settings = {"prevent_initial_call": True}
    page.callback(
        Output("filters", "data", **again),
        Input("histogram", "selectedData"),
        State("histogram-column", "value"),
        query,
        **settings,
    )(by_histogram)
    page.callback(
        Output("filters", "data", **again),
        Input("scatter", "selectedData"),
        State("scatter-x", "value"),
        State("scatter-y", "value"),
        query,
        **settings,
    )(by_scatter)
    page.callback(Output("chosen", "data", **again), Input("scatter", "clickData"), **settings)(choose)
