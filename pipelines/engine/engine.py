"""Where work runs: this thread, threads here, processes on loopback, or a Dask cluster that exists already.

The only file that knows Dask. A task takes paths, row groups and parameters and gives a small record of what it
wrote: image arrays never pass through a scheduler.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mnist_data.errors import LostScheduler, LostWorkers, WrongUse

SECONDS_TO_ANSWER = 10
"""How long a scheduler is waited for."""

Task = TypeVar("Task")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs a function over tasks, in any order, and gives the results in the order of the tasks."""

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], done: Callable[[Task], None]
    ) -> list[Result]:
        """Run them all; `done` hears of each as it ends. The first error ends the whole."""
        ...


@dataclass(frozen=True)
class Serial:
    """One task after another in this thread: the definition of right."""

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], done: Callable[[Task], None]
    ) -> list[Result]:
        """Run them all, in order."""
        results = []
        for task in tasks:
            results.append(function(task))
            done(task)
        return results


@dataclass(frozen=True)
class Threads:
    """Dask's threads in this process: no ports, no pickling. The kernels and Arrow release the GIL."""

    count: int

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], done: Callable[[Task], None]
    ) -> list[Result]:
        """Run them all."""
        import dask
        from dask.threaded import get  # the scheduler's name as a text would load all of distributed: half a second

        def run(task: Task) -> Result:
            result = function(task)
            done(task)
            return result

        # traverse=False: a task is data to Dask, not a place to look for further graphs.
        calls = [dask.delayed(run, pure=False, traverse=False)(task) for task in tasks]
        # A pool of our own: leaving it waits for tasks that still run beside one that has failed.
        with one_core(), ThreadPoolExecutor(self.count) as pool, dask.config.set(scheduler=get, pool=pool):
            return list(dask.compute(*calls, traverse=False))


@dataclass(frozen=True)
class Cluster:
    """A distributed client: worker processes on loopback, or a cluster somewhere else. address: its scheduler's."""

    client: Any
    address: str

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], done: Callable[[Task], None]
    ) -> list[Result]:
        """Run them all; a lost worker's task is run again, bad input is not."""
        from distributed import KilledWorker, as_completed

        if self.client.status == "closed":  # lost between two passes, and no longer looked for
            raise LostScheduler(self.address)
        futures = self.client.map(function, tasks, pure=False)
        position = {future.key: number for number, future in enumerate(futures)}
        results: list[Any] = [None] * len(futures)
        try:
            for future, result in as_completed(futures, with_results=True):
                if future.cancelled():  # the result is then an error, which Dask gives instead of raising it
                    raise LostScheduler(self.address)
                results[position[future.key]] = result
                done(tasks[position[future.key]])
        except KilledWorker as cause:
            raise LostWorkers(str(cause.last_worker.address if cause.last_worker else "unknown")) from None
        finally:
            with suppress(Exception):  # a client that is closed has nothing left to cancel, and says so by an error
                self.client.cancel(futures)
        return results


@contextmanager
def one_core() -> Iterator[None]:
    """Keep each product of matrices on the thread that asks for it.

    Threads side by side fill the cores already; were each product to start as many again, they would wait for one
    another: three times as long on two busy cores.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield


def cores() -> int:
    """Count the cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def open_engine(workers: int | None = None, scheduler: str | None = None) -> Iterator[Engine]:
    """Open the engine that was asked for, and close it after.

    workers: that many processes on this machine, loopback only. scheduler: the address of a running cluster.
    Neither: threads, one a core; `workers=0` runs all in this thread.
    """
    if workers is not None and scheduler is not None:
        raise WrongUse("--workers and --scheduler exclude each other: either new processes here, or a cluster there.")
    if scheduler is not None:
        with _connected(scheduler) as client:
            yield Cluster(client, client.scheduler.address)
    elif workers:
        with _local_cluster(workers) as client:
            yield Cluster(client, client.scheduler.address)
    else:
        yield Serial() if workers == 0 else Threads(cores())


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    from distributed import Client

    _require_scheduler(address)
    # Its loss is an error of ours; Dask would also log it, with a traceback.
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with Client(address, timeout=SECONDS_TO_ANSWER) as client:
            try:
                client.wait_for_workers(1, timeout=SECONDS_TO_ANSWER)
            except TimeoutError:
                raise WrongUse(
                    f"The Dask scheduler at {address} has no workers, so nobody would do the work; start one: "
                    f"dask worker {address}"
                ) from None
            yield client
    finally:
        logger.setLevel(level)


def _require_scheduler(address: str) -> None:
    """Raise WrongUse where no Dask scheduler answers at an address; a client that meets none leaves tracebacks."""
    import asyncio

    # Dask would take a port of 99999 for 34463.
    scheme, _, place = address.rpartition("://")
    port = re.fullmatch(r"\S+:(\d+)/?", place)
    if scheme in ("", "tcp", "tls", "ws", "wss") and not (port and 0 < int(port[1]) < 2**16):
        raise WrongUse(f"{address!r} is no address of a Dask scheduler; write it as in tcp://host:8786.")
    try:
        with ThreadPoolExecutor(1) as pool:  # a notebook's own thread runs a loop already
            answer = pool.submit(asyncio.run, _identity(address)).result()
    except Exception as cause:  # of any class, by the kind of address: a missing library, a certificate, a closed door
        reason = (str(cause).splitlines() or [""])[0] or type(cause).__name__
        raise WrongUse(
            f"No Dask scheduler answers at {address} ({reason}); check the address, as in tcp://host:8786."
        ) from cause
    if answer.get("type") != "Scheduler":
        raise WrongUse(
            f"At {address} answers a Dask {answer.get('type')}, not the scheduler; give the scheduler's address."
        )


async def _identity(address: str) -> dict[str, Any]:
    """Ask who answers at an address."""
    from distributed.core import rpc
    from distributed.security import Security

    async with rpc(
        address, timeout=SECONDS_TO_ANSWER, connection_args=Security().get_connection_args("client")
    ) as other:
        return dict(await other.identity())


@contextmanager
def _local_cluster(workers: int) -> Iterator[Any]:
    _require_main_guard()
    from distributed import Client, LocalCluster

    # Dask's defaults would listen on every interface of the machine.
    cluster = LocalCluster(
        n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    )
    with cluster, Client(cluster) as client:
        yield client


def _require_main_guard() -> None:
    """Raise WrongUse where the program's own script would start workers again in each worker.

    A worker imports the script anew, under another name than "__main__", to find the functions in it. Notebooks,
    `python -c` and `python -m package` have no such script.
    """
    main = sys.modules.get("__main__")
    spec, path = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if path is None or (spec is not None and spec.name.rpartition(".")[2] == "__main__"):
        return
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if "__main__" not in text:
        raise WrongUse(
            f"{path} starts worker processes, and each of them runs the script again; put what it does into a function "
            'main(), and at its end: if __name__ == "__main__": main()'
        )
