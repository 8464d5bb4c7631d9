"""Downloads over real sockets from a server on this machine, which behaves well, badly, or differently each time."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.known import download
from mnist_data.known.catalog import CATALOG, CatalogEntry
from mnist_data.known.fetch import fetch
from tests.mnist_data.known.conftest import (
    Answer,
    Server,
    another_range,
    endless,
    in_chunks,
    instead,
    redirected,
    reset_after,
    slow,
    status,
    whole,
    without_ranges,
)

CONTENT = bytes(range(256)) * 800
"""More than one piece of a download."""

HUGE = bytes([0, 0, 8, 3, 0, 16, 0, 0, 0, 0, 16, 0, 0, 0, 16, 0])
"""The header of an IDX file of 17 TB."""

PATIENCE = 0.4
"""Seconds that an answer is waited for here: enough for a busy machine, where other tests run too."""

Offer = Callable[..., CatalogEntry]


def visible(folder: Path) -> list[str]:
    """Name the files of a folder that a user sees."""
    return sorted(path.name for path in folder.glob("[!.]*"))


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        pytest.param([whole], [None], id="right"),
        pytest.param([status(503), whole], [None, None], id="503 then right"),
        pytest.param([status(429), whole], [None, None], id="429 then right"),
        pytest.param([redirected("/elsewhere.bin")], [None, None], id="redirected"),
        pytest.param([reset_after(100_000), whole], [None, "a range"], id="reset midway, resumed"),
        pytest.param([reset_after(100_000), without_ranges], [None, "a range"], id="resumed without ranges"),
        pytest.param([reset_after(100_000), another_range, whole], [None, "a range", None], id="resumed elsewhere"),
        pytest.param([slow(PATIENCE + 0.4), whole], [None, None], id="slow then right"),
        pytest.param([in_chunks(100_000), whole], [None, "a range"], id="chunks without an end, resumed"),
    ],
)
def test_a_file_arrives_whole_however_it_comes(
    server: Server, cache: Path, offer: Offer, monkeypatch: pytest.MonkeyPatch, answers: list[Answer],
    requests: list[str | None],
) -> None:  # fmt: skip
    """After errors that pass, from where it broke off; and the second fetch asks for nothing."""
    monkeypatch.setattr(download, "TIMEOUT", (5.0, PATIENCE))
    server.files["/elsewhere.bin"] = CONTENT
    offer("tiny", {"a.bin": CONTENT}, *answers)
    heard: list[tuple[str, int, int | None]] = []

    folder = fetch("tiny", report=lambda *event: heard.append(event))

    assert (folder / "a.bin").read_bytes() == CONTENT
    assert [asked and "a range" for _, asked in server.requests] == requests
    assert folder == cache / "tiny"
    assert visible(folder) == ["a.bin"]
    assert heard[-1] == ("a.bin", len(CONTENT), len(CONTENT))
    server.requests.clear()
    assert fetch("tiny") == folder
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(
            instead(CONTENT[:-5]),
            "gave another content .204,795 bytes, of which there should be 204,800",
            id="truncated",
        ),
        pytest.param(instead(CONTENT + b"!"), "gave another content .204,801 bytes", id="longer"),
        pytest.param(endless, "gave another content", id="endless"),
        pytest.param(instead(gzip.compress(HUGE)), "gave another content", id="a header that announces too much"),
        pytest.param(instead(CONTENT[::-1]), "gave another content .204,800 bytes", id="wrong"),
        pytest.param(instead(b"<!DOCTYPE html><p>moved"), "gave a web page", id="a page"),
        pytest.param(instead(gzip.compress(b'{"error": 3}')), "gave JSON", id="a packed error"),
        pytest.param(instead(b"version https://git-lfs.github.com/spec/v1\n"), "gave a Git LFS pointer", id="LFS"),
        pytest.param(instead(b"the other's"), "gave b.bin of Other", id="another dataset's file"),
        pytest.param(status(503), "answered 503 Service Unavailable", id="503"),
        pytest.param(status(404), "answered 404 Not Found", id="404"),
        pytest.param(slow(PATIENCE + 0.4), "the connection broke off|no answer", id="slow"),
        pytest.param(reset_after(0), "the connection broke off", id="reset at once"),
        pytest.param(redirected("http://localhost:9/a.bin"), "redirects to an address without HTTPS", id="to http"),
        pytest.param(redirected("/tiny/a.bin"), "redirects", id="in circles"),
    ],
)
def test_what_is_not_the_published_file_is_refused_by_what_it_is(
    cache: Path, offer: Offer, monkeypatch: pytest.MonkeyPatch, command_line: Callable[..., tuple[int, str, str]],
    answer: Answer, message: str,
) -> None:  # fmt: skip
    """With exit code 2, the files to put by hand, and nothing left that looks whole."""
    monkeypatch.setattr(download, "TIMEOUT", (5.0, PATIENCE))
    offer("other", {"b.bin": b"the other's"})
    offer("tiny", {"a.bin": CONTENT}, answer)

    code, out, err = command_line("fetch", "tiny")

    assert (code, out) == (2, "")
    with pytest.raises(UnreadableInput, match=message):
        fetch("tiny")
    assert f"into the folder {cache / 'tiny'} and repeat the command:\nhttps://example.org/a.bin  204,800 bytes" in err
    assert f"{CATALOG['tiny'].files[0].checksum}\nThe checksums are published at https://example.org/checksums" in err
    assert "Traceback" not in err
    assert visible(cache / "tiny") == []


def test_what_is_refused_for_good_is_asked_for_once(server: Server, offer: Offer) -> None:
    """404 does not pass; the mirror's folder of that name is tried first, then the mirror itself."""
    offer("tiny", {"a.bin": CONTENT}, status(404))

    with pytest.raises(UnreadableInput):
        fetch("tiny")
    assert server.requests == [("/tiny/a.bin", None), ("/a.bin", None)]


def test_a_server_that_wants_to_be_left_alone_is(offer: Offer) -> None:
    """Zenodo and GitHub answer 429 with the seconds to wait to whom has asked for much."""
    offer("tiny", {"a.bin": CONTENT}, status(429, Retry_After=1), whole)
    started = time.monotonic()

    fetch("tiny")

    assert 1.0 <= time.monotonic() - started < 5.0


def test_the_next_mirror_is_tried(server: Server, offer: Offer) -> None:
    """One that has lost the file, or serves another, is passed over."""
    offer("tiny", {"a.bin": CONTENT}, instead(b"<html>"))
    server.files["/a.bin"] = CONTENT

    assert (fetch("tiny") / "a.bin").read_bytes() == CONTENT


def test_a_later_fetch_goes_on_where_one_broke_off(server: Server, cache: Path, offer: Offer) -> None:
    """What has arrived outlives the command, under a hidden name."""
    offer("tiny", {"a.bin": CONTENT}, reset_after(150_000), status(500))

    with pytest.raises(UnreadableInput):
        fetch("tiny")
    assert visible(cache / "tiny") == []
    server.requests.clear()
    server.answers["/tiny/a.bin"] = [whole]

    assert (fetch("tiny") / "a.bin").read_bytes() == CONTENT
    (path, asked), *others = server.requests
    assert (path, others) == ("/tiny/a.bin", [])
    assert 0 < int(str(asked)[6:-1]) <= 150_000


@pytest.mark.parametrize("spoilt", [b"?" * 500, CONTENT + b"more"], ids=["another beginning", "too long"])
def test_what_was_left_and_does_not_fit_is_thrown_away(cache: Path, offer: Offer, spoilt: bytes) -> None:
    """The whole has the published checksum, or the download begins anew."""
    offer("tiny", {"a.bin": CONTENT})
    (cache / "tiny").mkdir(parents=True)
    (cache / "tiny/.a.bin.part").write_bytes(spoilt)

    assert (fetch("tiny") / "a.bin").read_bytes() == CONTENT


def test_two_processes_at_once_download_once(server: Server, offer: Offer) -> None:
    """Projects share one cache; who comes second waits, and finds the file there."""
    entry = offer("tiny", {"a.bin": CONTENT, "b.bin": CONTENT[::-1]}, slow(0.5), whole)
    script = (
        "import sys, msgspec\n"
        "from mnist_data.known.catalog import CATALOG, CatalogEntry\n"
        "from mnist_data.known.fetch import fetch\n"
        "CATALOG['tiny'] = msgspec.json.decode(sys.argv[1], type=CatalogEntry)\n"
        "print(fetch('tiny'))\n"
    )
    command = [sys.executable, "-c", script, msgspec.json.encode(entry).decode()]

    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    folders = {process.communicate()[0].strip() for process in processes}

    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(server.requests) == [("/tiny/a.bin", None), ("/tiny/b.bin", None)]
    assert [visible(Path(folder)) for folder in folders] == [["a.bin", "b.bin"]]


@pytest.mark.parametrize("mirror", ["http://example.org/", "ftp://127.0.0.1/", "mirror", "http://127.0.0.1.org/"])
def test_a_mirror_that_others_can_alter_is_refused(
    offer: Offer, monkeypatch: pytest.MonkeyPatch, command_line: Callable[..., tuple[int, str, str]], mirror: str
) -> None:
    """HTTPS only; HTTP is for this machine and private networks."""
    offer("tiny", {"a.bin": CONTENT})
    monkeypatch.setenv("MNIST_DATA_MIRROR", mirror)

    code, _, err = command_line("fetch", "tiny")

    assert code == 2
    assert f"MNIST_DATA_MIRROR is {mirror}; it must be an https:// address" in err
    with pytest.raises(WrongUse):
        fetch("tiny")


def test_without_a_network_nothing_is_waited_for(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection is no fault that passes while one waits."""
    offer("tiny", {"a.bin": CONTENT})
    monkeypatch.setattr(download, "WAITS", (60.0,))
    monkeypatch.setenv("MNIST_DATA_MIRROR", "http://127.0.0.1:9/")

    with pytest.raises(UnreadableInput, match=r"no mirror gave it \(127.0.0.1:9: no connection\); expected"):
        fetch("tiny")
