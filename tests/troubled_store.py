"""A real S3 server on loopback, behind a door that answers some requests as a store in trouble does."""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any, Literal

import pytest

from mnist_data import storage

Kind = Literal["status", "reset", "half up", "half down", "cut", "slow"]
"""What the door does: answers with a status; closes without an answer, in the middle of what is sent to it, or in the
middle of what it sends, the last by a reset or as if that were all; or waits a second before it passes a request on."""


@dataclass
class Trouble:
    """What the door does, and to which requests: from the Nth of a method on.

    method: "any" for all. last: the last request that is answered so; None for ever. copies: whether only uploads or
    only copies within the store count. status: of the kind "status". seen: the requests of the method so far.
    """

    method: str = ""
    first: int = 1
    status: int = 500
    last: int | None = None
    copies: bool | None = None
    kind: Kind = "status"
    seen: list[str] = field(default_factory=list)
    counting: Lock = field(default_factory=Lock)

    def strikes(self, environ: dict[str, Any]) -> bool:
        """Count a request, and say whether it is one to fail."""
        if self.method not in (environ["REQUEST_METHOD"], "any"):
            return False
        if self.copies is not None and ("HTTP_X_AMZ_COPY_SOURCE" in environ) != self.copies:
            return False
        with self.counting:
            self.seen.append(environ["PATH_INFO"])
            return self.first <= len(self.seen) <= (self.last or len(self.seen))


@contextmanager
def troubled_store() -> Iterator[Callable[[Trouble | None], None]]:
    """Start the server, and give a function that says what its door does; without a trouble it passes all on."""
    s3fs = pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    s3fs.S3FileSystem.clear_instance_cache()  # connections that other tests have opened lead to their own servers
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    store = DomainDispatcherApplication(create_backend_app)
    current: list[Trouble] = [Trouble()]

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        trouble = current[0]
        return _failed(trouble, store, environ, start) if trouble.strikes(environ) else store(environ, start)

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # it would print each request
    server = make_server("127.0.0.1", 0, answer, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        storage.filesystem("s3://trouble")[0].mkdir("trouble")
        yield lambda trouble: current.__setitem__(0, trouble or Trouble())
    server.shutdown()
    s3fs.S3FileSystem.clear_instance_cache()


def _failed(trouble: Trouble, store: Any, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """Answer a request as a store in trouble does."""
    size = int(environ.get("CONTENT_LENGTH") or 0)
    if trouble.kind == "slow":
        time.sleep(1)
        return store(environ, start)  # type: ignore[no-any-return]
    if trouble.kind in ("half down", "cut"):
        return _half(trouble, b"".join(store(environ, start)), environ)
    if trouble.kind == "half up":
        environ["wsgi.input"].read(size // 2)
    if trouble.kind != "status":
        reset(environ["werkzeug.socket"])
        return []
    with suppress(OSError):
        environ["wsgi.input"].read(size)
    start(f"{trouble.status} trouble", [("Content-Type", "application/xml")])
    if environ["REQUEST_METHOD"] == "HEAD":
        return []
    return [b"<Error><Code>Trouble</Code><Message>the store is in trouble</Message></Error>"]


def _half(trouble: Trouble, body: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
    """Send half of an answer whose header announced all of it, and end the connection."""
    yield body[: len(body) // 2]
    if trouble.kind == "cut":
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    else:
        reset(environ["werkzeug.socket"])


def reset(connection: socket.socket) -> None:
    """End a connection as a machine that has gone does, so that the other side reads an error and not an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)
