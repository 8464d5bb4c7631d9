"""One file from the first mirror that gives it: resumed, retried, and kept only if it has its published checksum."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mnist_data.errors import MnistDataError
from mnist_data.idx.compression import open_decoded
from mnist_data.idx.format import open_idx
from mnist_data.idx.unread import unread
from mnist_data.known.catalog import RemoteFile, by_checksum, by_content
from mnist_data.known.mirrors import session_for
from mnist_data.parquet.dataset import first_line
from mnist_data.storage.temporary import draft_folder

if TYPE_CHECKING:
    import requests

TIMEOUT = (10.0, 15.0)
"""Seconds to wait for a connection, and for the next bytes."""

WAITS = (0.5, 1.0, 2.0)
"""Seconds to wait before another attempt, while none brings a new byte."""

LONGEST_WAIT = 30.0
"""Seconds up to which a server may say that it wants to be left alone (Retry-After)."""

CHUNK_BYTES = 1 << 16

LARGEST_DESCRIBED = 1 << 26
"""Decoded bytes of an unexpected IDX file up to which its content is looked up: MNIST's images have 47 million."""

Report = Callable[[str, int, int | None], None]
"""Hears of a file how many of its bytes are there, and of how many, where that is known."""


class WrongContent(Exception):  # noqa: N818
    """A mirror gave another content than the published one. Its text says what it gave."""


class NoMirror(Exception):  # noqa: N818
    """No mirror gave a file. failures: what was wrong with each."""

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__(failures)
        self.failures = tuple(failures)


def download(file: RemoteFile, mirrors: Sequence[str], folder: Path, report: Report) -> None:
    """Download a file into a folder. Raises NoMirror; what had arrived by then is kept, and the next call goes on."""
    import requests

    failures, silent = [], set()
    for mirror, host in ((mirror, urlsplit(mirror).netloc) for mirror in mirrors):
        if host in silent:
            continue
        try:
            _from_mirror(f"{mirror}{file.name}", file, folder, report)
            return
        except WrongContent as failure:
            failures.append(f"{host} gave {failure}")
        except requests.RequestException as failure:
            failures.append(f"{host}: {_in_words(failure)}")
            if isinstance(failure, requests.ConnectionError | requests.Timeout):
                silent.add(host)
    raise NoMirror(failures)


def has_checksum(path: Path, checksum: str) -> bool:
    """Say whether a file has a checksum, as in "sha256:440f…"."""
    return checksum_of(path, checksum.partition(":")[0]) == checksum


def checksum_of(path: Path, algorithm: str) -> str:
    """Give the checksum of a file as the catalogue writes it, as in "sha256:440f…"; algorithm: sha256 or md5."""
    with path.open("rb") as file:
        # MD5 is what some publish; it is no signature here.
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{digest.hexdigest()}"


def _from_mirror(url: str, file: RemoteFile, folder: Path, report: Report) -> None:
    import pooch

    part = folder / f".{file.name}.part"
    downloader = partial(_download, file=file, part=part, report=report)
    with draft_folder(folder, file.name) as draft:  # pooch's own temporary file lies in it
        pooch.retrieve(url, file.checksum, file.name, draft, downloader=downloader)
        (draft / file.name).replace(folder / file.name)


def _download(url: str, output: str, _pooch: object, *, file: RemoteFile, part: Path, report: Report) -> None:
    """Download a URL as pooch asks for it, by way of a file that outlives an interruption."""
    with session_for(url) as session:
        resumed = _complete(session, url, file, part, report)
        if resumed and not has_checksum(part, file.checksum):
            part.unlink()  # its beginning may have been another file's
            _complete(session, url, file, part, report)
    if not has_checksum(part, file.checksum):
        description = _describe(part, file)
        part.unlink()
        raise WrongContent(description)
    part.replace(output)


def _complete(session: requests.Session, url: str, file: RemoteFile, part: Path, report: Report) -> bool:
    """Append what is missing of a file, in as many attempts as it takes; say whether something was there before."""
    import requests

    attempts, resumed = 0, False
    while True:
        before = _bytes_of(part)
        resumed |= before > 0
        try:
            _append(session, url, file, part, report)
            return resumed
        except requests.RequestException as failure:
            attempts = 1 if _bytes_of(part) > before else attempts + 1
            if attempts > len(WAITS) or not _may_pass(failure):
                raise
            time.sleep(max(WAITS[attempts - 1], min(_wanted_wait(failure), LONGEST_WAIT)))


def _append(session: requests.Session, url: str, file: RemoteFile, part: Path, report: Report) -> None:
    """Request what is still missing of a file, and append it; begin anew where the server cannot send a range."""
    import requests

    there = _bytes_of(part)
    headers = {"Range": f"bytes={there}-"} if there else {}
    with session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == 416 and there:
            return  # There is nothing after what is there; its checksum says whether it is whole.
        response.raise_for_status()
        if not (
            response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {there}-")
        ):
            there = 0
        length = response.headers.get("Content-Length", "")
        total = there + int(length) if length.isdigit() else file.bytes or None
        with part.open("ab" if there else "wb") as output:
            report(file.name, there, total)
            for chunk in response.iter_content(CHUNK_BYTES):
                output.write(chunk)
                there += len(chunk)
                report(file.name, there, total)
                if file.bytes and there > file.bytes:
                    return  # it is another file, of perhaps no end
        if length and total and there < total:
            raise requests.ConnectionError(f"{there:,} of {total:,} bytes arrived")


def _bytes_of(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _may_pass(failure: requests.RequestException) -> bool:
    """Say whether a repeated request may succeed: not where there is no connection at all, nor after a refusal."""
    import requests
    from urllib3.exceptions import NewConnectionError

    if isinstance(failure, requests.HTTPError):
        status: int = failure.response.status_code
        return status == 429 or status >= 500
    if type(failure) is requests.ConnectionError:
        return not isinstance(_reason(failure), NewConnectionError)
    return isinstance(failure, requests.ReadTimeout | requests.exceptions.ChunkedEncodingError)


def _wanted_wait(failure: requests.RequestException) -> float:
    """Give the seconds that a server asks to wait; a date instead of a number asks for nothing here."""
    seconds = "" if failure.response is None else failure.response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else 0.0


def _reason(failure: requests.RequestException) -> object:
    """Give what urllib3 states as the reason of a failure."""
    return getattr(failure.args[0] if failure.args else None, "reason", None)


def _in_words(failure: requests.RequestException) -> str:
    import requests
    from urllib3.exceptions import NewConnectionError

    if isinstance(failure, requests.HTTPError):
        return f"answered {failure.response.status_code} {failure.response.reason}"
    if isinstance(failure, requests.exceptions.InvalidSchema):
        return "redirects to an address without HTTPS"
    if isinstance(failure, requests.Timeout):
        return "no answer"
    if isinstance(failure, requests.exceptions.SSLError):
        return "no secure connection"
    if isinstance(failure, requests.exceptions.ProxyError):
        return "no connection through the proxy"
    if isinstance(_reason(failure), NewConnectionError):
        return "no connection"
    if isinstance(failure, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    return first_line(failure)


def _describe(path: Path, file: RemoteFile) -> str:
    """Say what a file is that has not the checksum it should have."""
    for algorithm in ("sha256", "md5"):
        known = by_checksum(checksum_of(path, algorithm))
        if known:
            return f"{known[1].name} of {known[0].title}"
    try:
        with open_idx(path) as reader:
            small = math.prod(reader.header.shape) * reader.header.dtype.itemsize <= LARGEST_DESCRIBED
            content = by_content(reader.content()) if small else None
        if content:
            return f"the {content[1]} of {content[0].title}, packed anew"
    except MnistDataError:
        pass
    other = unread(_head(path))
    size = f"{path.stat().st_size:,} bytes" + (f", of which there should be {file.bytes:,}" if file.bytes else "")
    return other.what if other else f"another content ({size})"


def _head(path: Path) -> bytes:
    try:
        with open_decoded(path) as stream:
            return stream.read(1 << 12)
    except MnistDataError:
        return b""
