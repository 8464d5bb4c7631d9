"""What the page fetches besides Dash's own: windows of the grid, places of samples, decisions, style and scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from dashboards.explorer.query import read_query
from dashboards.templating import asset
from dashboards.theme import palettes
from mnist_data.errors import MnistDataError, WrongUse

if TYPE_CHECKING:
    from flask import Flask, Response

    from dashboards.explorer.explorer import Explorer


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision as the page sends it."""

    id: int
    decision: str
    label: int | None = None
    note: str = ""
    check: str = ""


def add_routes(app: Flask, explorer: Explorer) -> None:
    """Let a Flask application answer the scripts of the page."""
    from flask import Response, request

    files = {
        "/style.css": (palettes() + asset("page.css") + asset("explorer.css"), "text/css"),
        "/theme.js": (asset("theme.js"), "text/javascript"),
        "/explorer.js": (asset("explorer.js"), "text/javascript"),
    }
    for path, (text, kind) in files.items():
        app.add_url_rule(path, path[1:], lambda text=text, kind=kind: Response(text, mimetype=kind))

    @app.get("/window")
    def window() -> Response:
        query, asked = read_query(request.args.get("query")), request.args
        body = explorer.window(query, _whole(asked.get("start")), _whole(asked.get("count")))
        return Response(body, mimetype="application/octet-stream", headers={"Cache-Control": "no-store"})

    @app.get("/place")
    def place() -> Response:
        query, sample = read_query(request.args.get("query")), _whole(request.args.get("id"))
        row = explorer.samples.row_of(sample)
        found: dict[str, Any] = {"row": row, "place": None if row is None else explorer.samples.place_of(row, query)}
        return Response(json.dumps(found), mimetype="application/json")

    @app.post("/decide")
    def decide() -> Response:
        try:
            asked = msgspec.json.decode(request.get_data(), type=Asked)
        except (msgspec.MsgspecError, UnicodeError) as cause:
            raise WrongUse(f"The decision cannot be read: {cause}.") from None
        explorer.decided.decide(asked.id, asked.decision, asked.label, asked.note, asked.check)
        return Response("{}", mimetype="application/json")

    @app.post("/undo")
    def undo() -> Response:
        return Response(json.dumps({"id": explorer.decided.undo()}), mimetype="application/json")

    @app.errorhandler(MnistDataError)
    def refuse(error: MnistDataError) -> Response:
        return Response(f"{error}\n", 400, mimetype="text/plain")

    @app.errorhandler(OSError)
    def say_why(error: OSError) -> Response:
        return Response(f"Nothing was saved: {error.strerror or error}\n", 500, mimetype="text/plain")


def _whole(text: str | None) -> int:
    """Read a whole number. Raises WrongUse for what is none, or is larger than any id."""
    try:
        number = int(text or "")
    except ValueError:
        raise WrongUse(f"{text!r:.40} is no whole number.") from None
    if abs(number) >= 1 << 63:
        raise WrongUse(f"{text!r:.40} is too large.")
    return number
