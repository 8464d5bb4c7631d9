"""The page as a Dash application: its parts, what changes when one of them does, and the policy it keeps to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.explorer.callbacks import add_callbacks
from dashboards.explorer.guard import Gate, guard
from dashboards.explorer.layout import layout
from dashboards.explorer.routes import add_routes
from mnist_data.errors import MissingExtra

if TYPE_CHECKING:
    from flask import Flask

    from dashboards.explorer.explorer import Explorer

INDEX = """<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<meta name="viewport" content="width=device-width, initial-scale=1"><title>{%title%}</title>
<script src="/theme.js"></script>{%css%}<link rel="stylesheet" href="/style.css"></head>
<body>{%app_entry%}{%config%}<script src="/explorer.js"></script>{%scripts%}{%renderer%}</body>
</html>"""


def application(explorer: Explorer, gate: Gate) -> Flask:
    """Give the WSGI application of an explorer. Raises MissingExtra where Dash is not installed."""
    try:
        from dash import Dash
        from flask import Flask
    except ImportError:
        raise MissingExtra("Dash", "explore", "the explorer") from None
    app = Flask("mnist-data")
    page = Dash(
        "mnist-data explore",
        server=app,
        title="mnist-data explore",
        update_title="",
        serve_locally=True,
        assets_ignore=".*",
        suppress_callback_exceptions=True,  # filters come and go
        index_string=INDEX,
        meta_tags=[],
    )
    page.layout = layout(explorer)
    add_callbacks(page, explorer)
    add_routes(app, explorer)
    guard(app, gate, _policy(page))
    return app


def _policy(page: Any) -> str:
    """Give the Content-Security-Policy: scripts and data of this server alone, and Dash's one line by its hash."""
    own = " ".join(page.csp_hashes())
    return (
        f"default-src 'none'; script-src 'self' {own}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self'; font-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
