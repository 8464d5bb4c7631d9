"""Who may ask: only the browser that was given the token, and only for this page's own address.

A page of a stranger in the same browser can send requests to loopback too, under its own name (which Origin tells) or
under a name of its own that it lets point to 127.0.0.1 (which Host tells). Neither has the token, and both are refused.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug import Response

TOKEN = "token"  # noqa: S105  (the name of the parameter)

METHODS = ("GET", "HEAD", "POST")

MOST_BYTES = 1 << 20
"""Of the body of a request."""


@dataclass(frozen=True)
class Gate:
    """What a request must show. port: that the server is bound to. token: a secret of this start."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Values of the header Host that name this server."""
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"

    @property
    def cookie(self) -> str:
        """The name of the cookie; browsers send a cookie to all ports of a host, so it names the port."""
        return f"mnist-data-{self.port}"

    @property
    def address(self) -> str:
        """The address to open, with the token."""
        return f"http://{self.hosts[0]}/?{TOKEN}={self.token}"

    def is_token(self, text: str | None) -> bool:
        """Compare a text with the token, in a time that does not depend on it."""
        return text is not None and hmac.compare_digest(text.encode(errors="replace"), self.token.encode())

    def refusal(self, method: str, host: str, origin: str | None, site: str | None) -> str:
        """Say why a request is refused by where it comes from; empty where it is not.

        site: the header Sec-Fetch-Site, which browsers send.
        """
        if method not in METHODS:
            return f"The method {method:.20} is not answered here."
        if host not in self.hosts:
            return "This explorer answers only at the address that it has printed."
        if origin is not None and origin != f"http://{host}":
            return "This explorer does not answer other pages."
        if site == "cross-site" and method == "POST":
            return "This explorer does not answer other pages."
        return ""


def guard(app: Flask, gate: Gate, policy: str) -> None:
    """Let a Flask application answer only those who may ask, and send its headers. policy: of the content."""
    from flask import Response, redirect, request

    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES

    @app.before_request
    def require_permission() -> Response | None:
        sent = request.headers
        refusal = gate.refusal(request.method, sent.get("Host", ""), sent.get("Origin"), sent.get("Sec-Fetch-Site"))
        if refusal:
            return Response(f"{refusal}\n", 403, mimetype="text/plain")
        if request.method == "GET" and request.path == "/" and gate.is_token(request.args.get(TOKEN)):
            answer: Response = redirect("/")  # type: ignore[assignment]
            answer.set_cookie(gate.cookie, gate.token, httponly=True, samesite="Strict")
            return answer
        if not gate.is_token(request.cookies.get(gate.cookie)):
            return Response(
                "Open the address that mnist-data explore has printed; it holds the token of this start.\n",
                403,
                mimetype="text/plain",
            )
        return None

    @app.after_request
    def add_headers(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = policy
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["X-Frame-Options"] = "DENY"
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return answer
