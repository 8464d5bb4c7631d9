"""Engines: the same results in the same order, errors that arrive, and no port open to others."""

from __future__ import annotations

import operator
import os
from functools import partial
from pathlib import Path

import psutil
import pytest

from mnist_data.errors import LostWorkers, TruncatedIdx, WrongUse
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


def test_an_address_where_nobody_answers_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the form that an address has."""
    with pytest.raises(WrongUse, match="tcp://host:8786"), open_execution(scheduler="nonsense://x"):
        pass
    with pytest.raises(WrongUse, match="exclude each other"), open_execution(workers=1, scheduler="tcp://x:1"):
        pass


def die(_: int) -> None:
    """End the worker's process, as the system does when memory runs out."""
    os._exit(1)


def test_workers_that_die_over_a_task_end_the_run_with_advice() -> None:
    """Not with a traceback of the scheduler's."""
    with open_execution(workers=1) as execution, pytest.raises(LostWorkers, match="Use fewer --workers"):
        execution.run(die, [1], "test")
