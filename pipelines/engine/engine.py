"""Where work runs: this thread, threads here, processes on loopback, or a Dask cluster that exists already.

Only this file and clusters.py know Dask. A task takes paths, row groups and parameters and gives a small record of
what it wrote: image arrays never pass through a scheduler.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from mnist_data.errors import LostScheduler, LostWorkers, WrongUse
from pipelines.engine.clusters import Watch, connected, local_cluster, watching

Task = TypeVar("Task")
Result = TypeVar("Result")

SECONDS_BETWEEN_RESULTS = 0.1
"""How long a result is waited for before the cluster's state is looked at again."""


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
        if len(tasks) < 2:  # nothing runs side by side, and Dask takes longer to load than a few hundred images
            with one_core():
                return Serial().map(function, tasks, done)
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
        from distributed import KilledWorker

        if self.client.status == "closed":  # lost between two passes, and no longer looked for
            raise LostScheduler(self.address)
        futures = self.client.map(function, tasks, pure=False)
        position = {future.key: number for number, future in enumerate(futures)}
        results: list[Any] = [None] * len(futures)
        try:
            with watching(self.client, self.address, futures) as watch:
                for future, result in _completed(futures, watch):
                    if future.cancelled():  # the result is then an error, which Dask gives instead of raising it
                        raise watch.failure or LostScheduler(self.address)
                    results[position[future.key]] = result
                    watch.finished += 1
                    done(tasks[position[future.key]])
        except KilledWorker as cause:
            raise LostWorkers(str(cause.last_worker.address if cause.last_worker else "unknown")) from None
        finally:
            with suppress(Exception):  # a client that is closed has nothing left to cancel, and says so by an error
                self.client.cancel(futures)
        return results


def _completed(futures: list[Any], watch: Watch) -> Iterator[tuple[Any, Any]]:
    """Give the futures as they end, each with its result.

    Raises what the watch has noticed: where the scheduler falls silent when it is asked for a result, Dask waits for it
    for ever, also when the future has been cancelled.
    """
    from distributed import as_completed

    completed = as_completed(futures, with_results=True)
    while not completed.is_empty():
        if completed.has_ready():
            yield next(completed)
        elif watch.failure is not None:
            raise watch.failure
        else:
            with completed.thread_condition:
                completed.thread_condition.wait(SECONDS_BETWEEN_RESULTS)


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
        with connected(scheduler) as client:
            yield Cluster(client, client.scheduler.address)
    elif workers:
        with local_cluster(workers) as client:
            yield Cluster(client, client.scheduler.address)
    else:
        yield Serial() if workers == 0 else Threads(cores())
