"""The server: bound to loopback before anything else, so that a port in use is met at once."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socketserver import BaseServer
from typing import TYPE_CHECKING, Any

from dashboards.explorer.guard import Gate
from mnist_data.errors import WrongUse

if TYPE_CHECKING:
    from dashboards.explorer.explorer import Explorer

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Serving:
    """An explorer that has an address. gate: whom it lets in."""

    gate: Gate
    _server: Any

    @property
    def address(self) -> str:
        """The address to open in a browser, with the token."""
        return self.gate.address

    def forever(self) -> None:
        """Answer until `stop` is called from another thread, or until an exception ends it."""
        BaseServer.serve_forever(self._server, poll_interval=0.2)  # werkzeug's own would keep an interruption to itself

    def stop(self) -> None:
        """Let `forever` end."""
        self._server.shutdown()


def bind(port: int) -> socket.socket:
    """Take a port of loopback; 0 for any that is free. Raises WrongUse where it is taken or not allowed."""
    if not 0 <= port < 1 << 16:
        raise WrongUse(f"There is no port {port}; a port is a number from 1 to 65535, and 0 for any that is free.")
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, port))
        bound.listen(128)
    except OSError as cause:
        bound.close()
        taken = cause.errno == errno.EADDRINUSE
        reason = "in use by another program" if taken else f"not to be had ({cause.strerror})"
        raise WrongUse(f"The port {port} is {reason}; name another by --port, or leave it out.") from None
    return bound


@contextmanager
def serving(explorer: Explorer, bound: socket.socket) -> Iterator[Serving]:
    """Give a server for an explorer at a port that has been taken; it is closed afterwards."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    from dashboards.explorer.page import application

    class Quiet(WSGIRequestHandler):
        """Keeps connections open, and prints no line a request."""

        protocol_version = "HTTP/1.1"

        def version_string(self) -> str:
            """Name no version to a stranger."""
            return "mnist-data"

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Print nothing."""

    gate = Gate(bound.getsockname()[1])
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(
        LOOPBACK, gate.port, application(explorer, gate), threaded=True, request_handler=Quiet, fd=bound.fileno()
    )
    try:
        yield Serving(gate, server)
    finally:
        server.server_close()
