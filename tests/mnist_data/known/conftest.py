"""A web server on this machine that serves files as the test says, and datasets that only it offers."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from mnist_data.known import download
from mnist_data.known.catalog import ARCHIVES, CATALOG, Archive, CatalogEntry, RemoteFile

Answer = Callable[["Handler", bytes], None]
"""How a request for a file is answered."""


class Handler(BaseHTTPRequestHandler):
    """Answer a request as the server was told, and remember it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the next of the answers for this path; the last one stays."""
        server: Server = self.server.owner  # type: ignore[attr-defined]
        server.requests.append((self.path, self.headers.get("Range")))
        answers = server.answers[self.path]
        answer = (answers.pop(0) if len(answers) > 1 else answers[0]) if answers else whole
        answer(self, server.files.get(self.path, b""))

    def begin(self, status: int, **headers: object) -> None:
        """Send the head of an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def whole(handler: Handler, content: bytes) -> None:
    """Answer as a good server does: 404 for what is not there, a range where one is asked for."""
    if not content:
        handler.begin(404, Content_Length=0)
        return
    start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
    if start >= len(content):
        handler.begin(416, Content_Length=0)
    elif start:
        handler.begin(
            206, Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}", Content_Length=len(content) - start
        )
        handler.wfile.write(content[start:])
    else:
        handler.begin(200, Content_Length=len(content))
        handler.wfile.write(content)


def without_ranges(handler: Handler, content: bytes) -> None:
    """Send the whole file, whatever was asked for."""
    handler.begin(200, Content_Length=len(content))
    handler.wfile.write(content)


def reset_after(count: int) -> Answer:
    """Send some bytes and reset the connection."""

    def answer(handler: Handler, content: bytes) -> None:
        handler.begin(200, Content_Length=len(content))
        handler.wfile.write(content[:count])
        handler.wfile.flush()
        time.sleep(0.05)  # a reset overtakes what has not been read
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return answer


def another_range(handler: Handler, content: bytes) -> None:
    """Answer a request for a range with another one, as a broken proxy does."""
    handler.begin(206, Content_Range=f"bytes 5-9/{len(content)}", Content_Length=5)
    handler.wfile.write(content[5:10])


def in_chunks(count: int) -> Answer:
    """Announce no length, send some bytes, and end without the last chunk."""

    def answer(handler: Handler, content: bytes) -> None:
        handler.begin(200, Transfer_Encoding="chunked")
        handler.wfile.write(b"%x\r\n%s\r\n" % (count, content[:count]))
        handler.close_connection = True

    return answer


def endless(handler: Handler, content: bytes) -> None:
    """Send bytes until the client has had enough."""
    handler.begin(200, Transfer_Encoding="chunked")
    while True:
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))


def slow(seconds: float) -> Answer:
    """Wait before the file is sent."""

    def answer(handler: Handler, content: bytes) -> None:
        time.sleep(seconds)
        whole(handler, content)

    return answer


def instead(other: bytes) -> Answer:
    """Send another content."""
    return lambda handler, _: without_ranges(handler, other)


def status(code: int, **headers: object) -> Answer:
    """Send an error."""
    return lambda handler, _: handler.begin(code, Content_Length=0, **headers)


def redirected(place: str) -> Answer:
    """Send the client elsewhere."""
    return lambda handler, _: handler.begin(302, Location=place, Content_Length=0)


class QuietServer(ThreadingHTTPServer):
    """A server that keeps to itself which clients have gone before it answered."""

    def handle_error(self, *_: object) -> None:
        """Print nothing."""


class Server:
    """Files by their paths, the answers for each in order, and the requests that came."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.requests: list[tuple[str, str | None]] = []
        self.http = QuietServer(("127.0.0.1", 0), Handler)
        self.http.owner = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self.http.server_port}/"

    def offer(self, name: str, files: dict[str, bytes], *answers: Answer) -> CatalogEntry:
        """Serve the files of a dataset below its name, each with these answers; give its entry in the catalogue."""
        for file, content in files.items():
            self.files[f"/{name}/{file}"] = content
            self.answers[f"/{name}/{file}"] = list(answers)
        return CatalogEntry(
            name=name,
            title=name.title(),
            classes=("zero", "one"),
            licence="CC0",
            citation="Nobody",
            page="https://example.org/",
            counts={"train": 2},
            mirrors=("https://example.org/",),
            checksum_source="https://example.org/checksums",
            files=tuple(
                RemoteFile(file, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
                for file, content in files.items()
            ),
        )


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Run a server on loopback as the user's mirror, with an empty cache and no waiting between attempts."""
    pytest.importorskip("pooch")
    server = Server()
    threading.Thread(target=server.http.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("MNIST_DATA_MIRROR", server.url)
    monkeypatch.setenv("MNIST_DATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01))
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def cache(server: Server, tmp_path: Path) -> Path:
    """Give the folder of the cache that a fetch from the server fills."""
    return tmp_path / "cache/mnist-data"


@pytest.fixture
def offer(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CatalogEntry]:
    """Give a function that serves files of a dataset and puts it into the catalogue."""

    def known(name: str, files: dict[str, bytes], *answers: Answer, archive: str = "") -> CatalogEntry:
        entry = msgspec.structs.replace(server.offer(name, files, *answers), archive=archive)
        monkeypatch.setitem(CATALOG, name, entry)
        return entry

    return known


@pytest.fixture
def offer_archive(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, bytes], None]:
    """Give a function that serves an archive and puts it into the catalogue."""

    def known(name: str, file: str, content: bytes) -> None:
        server.files[f"/{name}/{file}"] = content
        checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
        archive = Archive(
            name=file, checksum=checksum, bytes=len(content), checksum_source="https://example.org/checksums",
            mirrors=("https://example.org/",),
        )  # fmt: skip
        monkeypatch.setitem(ARCHIVES, name, archive)

    return known
