"""Engines: the same results in the same order, errors that arrive, and no port open to others."""

from __future__ import annotations

import operator
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from mnist_data.errors import IdleCluster, LostScheduler, LostWorkers, TruncatedIdx, WrongUse
from pipelines.engine.clusters import SAME_EVERYWHERE, _differences, _versions
from pipelines.engine.engine import Cluster, Serial, Threads
from pipelines.engine.execution import Execution, Progress, open_execution


def fail(number: int) -> int:
    """Fail as a damaged file would."""
    if number == 3:
        raise TruncatedIdx("a file", "found", "expected", "advice")
    return number


@pytest.fixture(params=["serial", "threads", "cluster"])
def engine(request: pytest.FixtureRequest) -> Serial | Threads | Cluster:
    """Give each engine in turn."""
    if request.param == "cluster":
        return request.getfixturevalue("cluster")  # type: ignore[no-any-return]
    return Serial() if request.param == "serial" else Threads(2)


def test_results_come_in_the_order_of_the_tasks(engine: Serial | Threads | Cluster) -> None:
    """Whichever ends first."""
    assert [2 * number for number in range(50)] == Execution(engine).run(partial(operator.mul, 2), range(50), "test")


def test_progress_counts_every_row_once(engine: Serial | Threads | Cluster) -> None:
    """From nothing to all of them."""
    heard: list[Progress] = []

    Execution(engine, heard.append).run(partial(operator.mul, 2), [5, 10, 20], "test", lambda task: task)

    assert Progress("test", 0, 35) == heard[0]
    assert Progress("test", 35, 35) == heard[-1]
    assert len(heard) == 4


def test_an_error_ends_the_run_and_arrives_as_it_was(engine: Serial | Threads | Cluster) -> None:
    """Its class and its facts survive the way from another process."""
    with pytest.raises(TruncatedIdx) as caught:
        Execution(engine).run(fail, range(6), "test")

    assert str(caught.value) == "a file: found; expected expected. advice"


def test_local_workers_listen_on_loopback_only(cluster: Cluster) -> None:
    """Dask's defaults would open ports to the whole network."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert {"127.0.0.1"} == listening


def test_a_running_cluster_is_used_by_its_address(cluster: Cluster) -> None:
    """The way to machines of one's own."""
    with open_execution(scheduler=cluster.client.scheduler.address) as execution:
        assert execution.run(abs, [-1, -2], "test") == [1, 2]


@pytest.mark.parametrize(
    "address",
    ["nonsense://x", "foo://bar", "tls://127.0.0.1:8786", "ucx://127.0.0.1:8786", "inproc://1", "tcp://", "127.0.0.1",
     "tcp://127.0.0.1:99999", "tcp://[::1", "", "8786"],
)  # fmt: skip
def test_an_address_of_no_scheduler_is_refused_with_the_form_that_one_has(address: str) -> None:
    """Whatever it is: unknown schemes, certificates that are missing, ports that do not exist."""
    with pytest.raises(WrongUse, match="tcp://host:8786"), open_execution(scheduler=address):
        pass


def test_an_address_where_nobody_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds; a worker's address is not its scheduler's."""
    monkeypatch.setattr("pipelines.engine.clusters.SECONDS_TO_ANSWER", 0.5)

    with pytest.raises(WrongUse, match=r"tcp://127.0.0.1:1 \(.*\); check the address"):
        _open(scheduler="tcp://127.0.0.1:1")


def test_a_scheduler_that_falls_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection stands, and then nobody says a word, as where its machine has just gone to sleep."""
    import asyncio
    from threading import Event, Thread

    from distributed.core import Server

    address, ended = [], Event()

    async def serve() -> None:
        async def silent() -> None:
            await asyncio.sleep(60)

        server = Server({"identity": silent})
        await server.listen("tcp://127.0.0.1:0")
        address.append(server.address)
        while not ended.is_set():
            await asyncio.sleep(0.05)
        await server.close()

    monkeypatch.setattr("pipelines.engine.clusters.SECONDS_TO_ANSWER", 1)
    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        while not address:
            time.sleep(0.05)
        with pytest.raises(WrongUse, match="it says nothing for 1 s"):
            _open(scheduler=address[0])
    finally:
        ended.set()
        thread.join()


def test_the_address_of_a_worker_is_told_from_a_schedulers(cluster: Cluster) -> None:
    """Both print theirs when they start, so one is easily taken for the other."""
    worker = next(iter(cluster.client.scheduler_info()["workers"]))

    with pytest.raises(WrongUse, match="answers a Dask Worker, not the scheduler"):
        _open(scheduler=worker)


def test_new_processes_and_a_running_cluster_exclude_each_other() -> None:
    """One of the two would be forgotten without a word."""
    with pytest.raises(WrongUse, match="exclude each other"):
        _open(workers=1, scheduler="tcp://x:1")


def _open(**where: Any) -> None:
    with open_execution(**where):
        pass


@pytest.fixture
def scheduler() -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Give a scheduler of its own, with one worker: its process and its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    place = ["--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"]
    commands = [["scheduler", *place], ["worker", address, "--no-dashboard", "--no-nanny", "--nthreads", "1"]]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [
        subprocess.Popen([sys.executable, "-m", f"distributed.cli.dask_{name}", *rest], **quiet)  # type: ignore[call-overload]
        for name, *rest in commands
    ]
    yield processes[0], address
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_scheduler_that_is_lost_ends_the_run_by_name(
    scheduler: tuple[subprocess.Popen[bytes], str], capfd: pytest.CaptureFixture[str]
) -> None:
    """In the middle of the work and before the next pass: with its address and what to do, and no traceback."""
    process, address = scheduler

    with open_execution(scheduler=address, report=lambda event: event.rows > 1 and process.kill()) as execution:  # type: ignore[arg-type,return-value]
        for _ in range(2):
            with pytest.raises(LostScheduler, match=f"{address} was lost .* repeat the command"):
                execution.run(time.sleep, [0.2] * 50, "test")

    assert "Traceback" not in capfd.readouterr().err


SCRIPTS = {
    "if __name__ == '__main__':\n    {call}\n": True,
    "{call}\n": False,
    "def main():\n    {call}\n# __main__ is named here, and in 'if __name__ == \"__main__\"'\nmain()\n": False,
    "{call}\nif __name__ == '__main__':\n    pass\n": False,
}
"""Scripts that call, and whether the call is guarded."""


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_without_a_main_guard_is_told_what_is_missing(script: str, tmp_path: Path) -> None:
    """Each worker would run it again and start workers, too; with the guard around the call it works."""
    call = "with open_execution(workers=1) as e: print(e.run(abs, [-1], 'test'))"
    path = tmp_path / "script.py"
    path.write_text("from pipelines.engine.execution import open_execution\n" + script.format(call=call))

    ended = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)

    if SCRIPTS[script]:
        assert (ended.returncode, ended.stdout) == (0, "[1]\n")
    else:
        assert 'if __name__ == "__main__": main()' in ended.stderr.splitlines()[-1]
        assert ended.stderr.count("Traceback") == 1  # of the script, not of each worker


def test_threads_do_not_pay_for_the_cluster() -> None:
    """The default engine takes Dask's threads by their function: distributed costs half a second to import."""
    code = (
        "import sys; from pipelines.engine.engine import Threads\n"
        "assert Threads(2).map(abs, [-1, -2], print) == [1, 2]; sys.exit('distributed' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0


def die(_: int) -> None:
    """End the worker's process, as the system does when memory runs out."""
    os._exit(1)


def test_workers_that_die_over_a_task_end_the_run_with_advice() -> None:
    """Not with a traceback of the scheduler's."""
    with open_execution(workers=1) as execution, pytest.raises(LostWorkers, match="Use fewer --workers"):
        execution.run(die, [1], "test")


def test_a_scheduler_without_workers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would do the work; the message says how to start a worker."""
    from distributed import LocalCluster

    from pipelines.engine import clusters, engine

    monkeypatch.setattr(clusters, "SECONDS_TO_ANSWER", 1)
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50) as cluster,
        pytest.raises(WrongUse, match="has no workers.* dask worker tcp://"),
        engine.open_engine(scheduler=cluster.scheduler_address),
    ):
        pass


@pytest.fixture
def started(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Give a cluster without workers, and close it after; the parameter is the memory of those that come."""
    from distributed import LocalCluster

    place = {"host": "127.0.0.1", "protocol": "tcp://", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    memory = getattr(request, "param", "auto")
    with LocalCluster(n_workers=0, processes=False, threads_per_worker=1, memory_limit=memory, **place) as cluster:
        yield cluster


def test_a_cluster_that_loses_all_workers_is_not_waited_for(started: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask would wait for ever for somebody to do the rest; what is finished is kept."""
    monkeypatch.setattr("pipelines.engine.clusters.SECONDS_WITHOUT_WORK", 0.5)
    monkeypatch.setattr("pipelines.engine.clusters.SECONDS_BETWEEN_LOOKS", 0.1)
    started.scale(1)

    with (
        open_execution(
            scheduler=started.scheduler_address, report=lambda event: event.rows and started.scale(0)
        ) as run,
        pytest.raises(
            IdleCluster, match=r"all of its workers are gone.*dask worker tcp://.*repeat the command"
        ) as lost,
    ):
        run.run(time.sleep, [0.3] * 20, "test")
    assert lost.value.resumable


@pytest.mark.parametrize("started", ["1MB"], indirect=True)
def test_workers_that_run_no_task_are_not_waited_for(started: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose memory is full pauses, for as long as that is so."""
    monkeypatch.setattr("pipelines.engine.clusters.SECONDS_WITHOUT_WORK", 0.5)
    monkeypatch.setattr("pipelines.engine.clusters.SECONDS_BETWEEN_LOOKS", 0.1)
    started.scale(1)

    with (
        open_execution(scheduler=started.scheduler_address) as execution,
        pytest.raises(IdleCluster, match="none of its 1 workers runs a task, as where their memory is full"),
    ):
        execution.run(time.sleep, [0.1] * 100, "test")


@pytest.mark.parametrize(
    ("package", "version", "expected"),
    [
        ("pyarrow", "1.0", "pyarrow 1.0, where"),
        ("python", "3.9.1", "Python 3.9, where"),
        ("numba", None, "of no known"),
    ],
)
def test_workers_with_another_library_are_known(package: str, version: str | None, expected: str) -> None:
    """They would fail in the middle, or write other bytes; a last number of Python's alone is no difference."""
    here = dict.fromkeys(SAME_EVERYWHERE, "2.0") | {"python": "3.11.7"}
    there = here | {"python": "3.11.2"} | {package: version}

    assert expected in _differences(_versions({"packages": there}), _versions({"packages": here}))
    assert _differences(_versions({"packages": here | {"python": "3.11.2"}}), _versions({"packages": here})) == ""
