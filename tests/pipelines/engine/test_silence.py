"""A scheduler that falls silent, at any word of the conversation: no command waits for it without end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Thread

import pytest

from mnist_data.errors import LostScheduler, WrongUse
from pipelines.engine import clusters
from pipelines.engine.execution import open_execution

SECONDS = 0.5
"""How long an answer is waited for in these tests."""


class Relay:
    """Passes on what a client and a scheduler say, until the client has said a word so many times.

    Then nobody hears anything any more: connections stand and new ones are taken, as by the kernel for a process that
    was stopped. word: of Dask's protocol. times: counted over all connections.
    """

    def __init__(self, scheduler: str, word: bytes, times: int) -> None:
        self.address = ""
        self.silent = False
        self._host, _, port = scheduler.removeprefix("tcp://").rpartition(":")
        self._port, self._word, self._times = int(port), word, times
        self._ended, self._ready = Event(), Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Relay:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        while not self._ended.is_set():
            await asyncio.sleep(0.02)
        server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(self._host, self._port)
        answers = asyncio.create_task(self._pass_on(there, writer, counted=False))
        await asyncio.gather(self._pass_on(reader, to_there, counted=True), answers)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        with suppress(OSError):
            while content := await reader.read(1 << 16):
                if counted:
                    self._times -= content.count(self._word)
                    self.silent = self.silent or self._times <= 0
                if not self.silent:
                    writer.write(content)
                    await writer.drain()
            writer.close()


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the address of a scheduler with a worker, in this process."""
    from distributed import LocalCluster

    monkeypatch.setattr(clusters, "SECONDS_TO_ANSWER", SECONDS)
    monkeypatch.setattr(clusters, "SECONDS_WITHOUT_WORK", 1)
    monkeypatch.setattr(clusters, "SECONDS_BETWEEN_LOOKS", 0.1)
    place = {"host": "127.0.0.1", "protocol": "tcp://", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with LocalCluster(n_workers=1, processes=False, threads_per_worker=1, **place) as cluster:
        yield cluster.scheduler_address


def double(number: int) -> int:
    return 2 * number


WORDS = (
    *((b"pickle-protocol", times) for times in (1, 2, 3)),  # the greeting of each connection
    *((b"identity", times) for times in (1, 2, 3)),
    (b"register-client", 1),
    (b"versions", 2),  # the first is a part of the registration
    (b"broadcast", 1),
    (b"broadcast", 2),
    (b"update-graph", 1),
    (b"gather", 1),
)


@pytest.mark.parametrize(("word", "times"), WORDS, ids=lambda part: part.decode() if isinstance(part, bytes) else part)
def test_no_word_is_the_last_that_is_waited_for(word: bytes, times: int, scheduler: str) -> None:
    """The error comes within the time for connecting, or that without work, and that for closing."""
    begin = time.monotonic()

    with Relay(scheduler, word, times) as relay:
        with pytest.raises((LostScheduler, WrongUse)), open_execution(scheduler=relay.address) as execution:
            execution.run(double, list(range(5)), "test")
        silent, seconds = relay.silent, time.monotonic() - begin

    assert silent
    assert seconds < 10


def test_a_relay_that_passes_all_on_changes_nothing(scheduler: str) -> None:
    """The same conversation, to its end."""
    with Relay(scheduler, b"no such word", 1) as relay, open_execution(scheduler=relay.address) as execution:
        assert execution.run(double, list(range(5)), "test") == [0, 2, 4, 6, 8]
