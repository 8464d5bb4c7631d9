"""What changes on the page when one of its parts does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from dashboards.explorer.layout import condition_of, detail, filter_row, hint
from dashboards.explorer.query import Condition, Query

if TYPE_CHECKING:
    from dash import Dash

    from dashboards.explorer.explorer import Explorer


def add_callbacks(page: Dash, explorer: Explorer) -> None:
    """Connect the parts of the page."""
    _connect_filters(page, explorer)
    _connect_query(page, explorer)
    _connect_grid(page)
    _connect_detail(page, explorer)


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
        query = Query(asking, sort if sort in columns else None, direction == "Descending")
        return {
            "text": query.to_json(),
            "conditions": msgspec.to_builtins(conditions),
            "total": len(explorer.samples.select(query)),
            "count": explorer.samples.count,
        }

    page.callback(
        Output("query", "data"),
        Input({"filter": ALL, "part": ALL}, "value"),
        Input({"filter": ALL, "part": ALL}, "id"),
        Input("sort", "value"),
        Input("direction", "children"),
    )(ask)


def _connect_grid(page: Dash) -> None:
    """Let the grid show what was asked for; it is drawn by a script of ours."""
    from dash import ClientsideFunction, Input, Output

    show, search = ClientsideFunction("explorer", "show"), ClientsideFunction("explorer", "search")
    page.clientside_callback(show, Output("count", "children"), Input("query", "data"))
    page.clientside_callback(search, Output("unused", "children"), Input("search", "value"))


def _connect_detail(page: Dash, explorer: Explorer) -> None:
    from dash import Input, Output

    def show(chosen: dict[str, Any] | None) -> Any:
        row = (chosen or {}).get("row")
        return detail(explorer, row) if isinstance(row, int) and 0 <= row < explorer.samples.count else hint()

    page.callback(Output("detail", "children"), Input("chosen", "data"))(show)
