"""An object store that fails in the middle: the old dataset or the new one, and a message that names why.

A real S3 server, with a door before it that answers some requests as a store in trouble does.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest

from mnist_data import storage
from mnist_data.errors import NoDataset
from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.frames import load
from mnist_data.parquet.manifest import part_sizes
from pipelines.settings.stages import Augment
from pipelines.stages.augment import augment

Cli = Callable[..., tuple[int, str, str]]

SOURCE = Path(__file__).parents[1] / "fixtures/0.1.0/dataset"

RESET = 0
"""Stands for a connection that is closed without an answer."""


@dataclass
class Trouble:
    """What the door does: from the Nth request of a method on, answers with a status instead of passing it on.

    method: "any" for all. last: the last request that is answered so; None for ever. copies: whether only uploads or
    only copies within the store count. seen: the requests of the method so far.
    """

    method: str = ""
    first: int = 1
    status: int = 500
    last: int | None = None
    copies: bool | None = None
    seen: list[str] = field(default_factory=list)

    def strikes(self, environ: dict[str, Any]) -> bool:
        """Count a request, and say whether it is one to fail."""
        if self.method not in (environ["REQUEST_METHOD"], "any"):
            return False
        if self.copies is not None and ("HTTP_X_AMZ_COPY_SOURCE" in environ) != self.copies:
            return False
        self.seen.append(environ["PATH_INFO"])
        return self.first <= len(self.seen) <= (self.last or len(self.seen))


@pytest.fixture(scope="module")
def door() -> Iterator[Callable[[Trouble | None], None]]:
    """Start an S3 server behind a door, and give a function that says what the door does."""
    s3fs = pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    s3fs.S3FileSystem.clear_instance_cache()  # connections that other tests have opened lead to their own servers
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    store = DomainDispatcherApplication(create_backend_app)
    current: list[Trouble] = [Trouble()]

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        trouble = current[0]
        if not trouble.strikes(environ):
            return store(environ, start)  # type: ignore[no-any-return]
        if trouble.status == RESET:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return []
        with suppress(OSError):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start(f"{trouble.status} trouble", [("Content-Type", "application/xml")])
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        return [b"<Error><Code>Trouble</Code><Message>the store is in trouble</Message></Error>"]

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


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let s3fs try each request twice, without waiting between."""
    import s3fs.core

    monkeypatch.setattr(s3fs.core.S3FileSystem, "retries", 2)


TROUBLES = [
    *(Trouble("PUT", number, 500) for number in range(1, 7)),
    Trouble("PUT", 3, 503),
    Trouble("PUT", 2, 403),
    Trouble("PUT", 4, RESET),
    Trouble("PUT", 2, 500, copies=True),
    Trouble("POST", 1, 500),
    Trouble("HEAD", 9, 500),
    Trouble("GET", 9, 503),
    *(Trouble("any", number, 500) for number in (1, 6, 18, 24, 30, 34, 38)),
    Trouble("any", 36, RESET),
]


def called(trouble: Trouble) -> str:
    return f"{trouble.method}-{trouble.first}-{trouble.status}{'-copies' if trouble.copies else ''}"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("trouble", TROUBLES, ids=called)
def test_a_reader_sees_the_old_or_the_new_whatever_fails(
    trouble: Trouble, door: Callable[[Trouble | None], None], command_line: Cli, tmp_path: Path
) -> None:
    """With --overwrite, from any request on: exit 2 with URL and status; when the store is well again, all is well."""
    door(None)
    name = f"s3://trouble/{called(trouble)}/d"
    before = augment(open_dataset(SOURCE), name, Augment(seed=1)).content
    after = augment(open_dataset(SOURCE), tmp_path / "local", Augment(seed=2)).content

    door(trouble)
    code, _, err = command_line("augment", SOURCE, name, "--seed", 2, "--overwrite")
    door(None)

    assert trouble.seen[trouble.first - 1 :], "the trouble never came"
    assert code == 2
    assert "s3://trouble/" in err
    assert trouble.status == RESET or f"HTTP {trouble.status}" in err
    seen = open_dataset(name)
    assert seen.content in (before, after)
    assert len(load(name)) == len(seen)
    assert command_line("augment", SOURCE, name, "--seed", 2, "--overwrite")[0] == 0
    assert open_dataset(name).content == after
    assert len(pd.read_parquet(name)) == len(seen)
    assert len(objects(name.removesuffix("/d"))) == len(part_sizes(name)) + 1


def objects(location: str) -> list[str]:
    """List all objects below a URL, as they are now."""
    fs, folder = storage.filesystem(location)
    fs.invalidate_cache()
    return list(fs.find(folder))


def test_a_first_attempt_that_failed_is_no_obstacle(
    door: Callable[[Trouble | None], None], command_line: Cli, quick: None
) -> None:
    """Where there was nothing before, nothing counts after a failure, and the same command succeeds without a flag."""
    name = "s3://trouble/first/d"
    for number in (1, 3, 5, 6):
        door(Trouble("PUT", number, 503))
        assert command_line("augment", SOURCE, name)[0] == 2
        door(None)
        with pytest.raises(NoDataset):
            open_dataset(name)

    assert command_line("augment", SOURCE, name)[0] == 0
    assert sorted(part_sizes(name)) == ["split=test/part-00000.parquet", "split=train/part-00000.parquet"]


def test_a_trouble_that_passes_is_none(
    door: Callable[[Trouble | None], None], command_line: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request that fails and succeeds when it is repeated changes nothing."""
    import s3fs

    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    s3fs.S3FileSystem.clear_instance_cache()
    door(None)
    name = "s3://trouble/passing/d"
    trouble = Trouble("PUT", 2, 503, last=2)

    door(trouble)
    code, _, err = command_line("augment", SOURCE, name)
    door(None)

    s3fs.S3FileSystem.clear_instance_cache()
    assert (code, err) == (0, "")
    assert len(trouble.seen) > 2


@pytest.mark.usefixtures("quick")
def test_a_download_that_fails_names_url_and_status(
    door: Callable[[Trouble | None], None], command_line: Cli, tmp_path: Path
) -> None:
    """A reader of a store in trouble is told which object, and how the store answered; it writes nothing."""
    door(None)
    name = "s3://trouble/read/d"
    augment(open_dataset(SOURCE), name)

    for status in (500, 503, 403, RESET):
        for first in (1, 2, 4):
            door(Trouble("GET", first, status))
            code, _, err = command_line("stats", name, "--out", tmp_path / "stats")
            door(None)

            assert code == 2
            assert "s3://trouble/read/" in err
            assert status == RESET or f"HTTP {status}" in err
            assert not list(tmp_path.iterdir())


def test_stores_that_cannot_be_are_named(command_line: Cli, tmp_path: Path) -> None:
    """A protocol that nobody knows, and one whose library is not installed."""
    for name, expected in (("foo://bar/d", "no store for foo://"), ("abfs://x/d", "pip install")):
        code, out, err = command_line("info", name)

        assert (code, out) == (2, "")
        assert expected in err


def test_only_a_dataset_is_replaced_on_a_store(door: Callable[[Trouble | None], None], command_line: Cli) -> None:
    """As on a disk: what else lies there is not removed, with --overwrite or without."""
    door(None)
    fs, folder = storage.filesystem("s3://trouble/home")
    fs.pipe_file(f"{folder}/thesis.txt", b"months of work")

    code, _, err = command_line("augment", SOURCE, "s3://trouble/home", "--overwrite")

    assert code == 2
    assert "holds more than a dataset" in err
    assert fs.cat_file(f"{folder}/thesis.txt") == b"months of work"
