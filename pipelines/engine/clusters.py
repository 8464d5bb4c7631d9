"""Clusters: reaching one, starting one here, and noticing when one does no work any more."""

from __future__ import annotations

import ast
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from types import FrameType
from typing import Any, TypeVar

from mnist_data.errors import IdleCluster, LostScheduler, MnistDataError, WorkersNotStarted, WrongUse
from mnist_data.version import __version__

Result = TypeVar("Result")

SECONDS_TO_ANSWER = 10
"""How long a scheduler is waited for."""

SECONDS_WITHOUT_WORK = 30
"""How long tasks are waited for while no worker runs any, or the scheduler does not answer."""

SECONDS_BETWEEN_LOOKS = 1

SAME_EVERYWHERE = ("dask", "distributed", "numpy", "pandas", "pyarrow", "numba", "scipy")
"""Packages of which workers need the version that is here: what they calculate and write depends on them."""


@dataclass
class Watch:
    """What came of watching a cluster.

    finished: how many tasks are done, which the owner of the tasks counts. failure: why the others were cancelled; None
    while all is well.
    """

    finished: int = 0
    failure: MnistDataError | None = None
    ended: Event = field(default_factory=Event)


@contextmanager
def watching(client: Any, address: str, futures: list[Any]) -> Iterator[Watch]:
    """Cancel the tasks of a cluster that does no work for SECONDS_WITHOUT_WORK; Dask itself would wait for ever."""
    watch = Watch()
    watcher = Thread(target=_look, args=(watch, client, address, futures), daemon=True, name="watch")
    watcher.start()
    try:
        yield watch
    finally:
        watch.ended.set()


def _look(watch: Watch, client: Any, address: str, futures: list[Any]) -> None:
    worked, finished = monotonic(), 0
    while not watch.ended.wait(SECONDS_BETWEEN_LOOKS):
        error: MnistDataError = LostScheduler(address)
        with suppress(Exception):  # no answer, in whatever way: the scheduler is lost, if it stays so
            timeout = min(SECONDS_TO_ANSWER, SECONDS_WITHOUT_WORK)
            workers = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=timeout)["workers"]
            if watch.finished > finished or any(map(_works, workers.values())):
                worked, finished = monotonic(), watch.finished
            error = IdleCluster(address, len(workers), SECONDS_WITHOUT_WORK)
        if monotonic() - worked > SECONDS_WITHOUT_WORK and not watch.ended.is_set():
            watch.failure = error
            with suppress(Exception):  # a client that is closed has cancelled them itself
                client.cancel(futures)
            return


def _works(worker: Mapping[str, Any]) -> bool:
    """Say whether a worker runs a task. One whose memory is full pauses, and keeps those that it was given."""
    return bool(worker["metrics"].get("task_counts", {}).get("executing"))


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect to a running cluster, and give the client. Raises WrongUse where it is none, or cannot do our work."""
    # Its loss is an error of ours; Dask would also log it, with a traceback.
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        try:
            client = _within(3 * SECONDS_TO_ANSWER, partial(_client, address), _close)
        except MnistDataError:
            raise
        except Exception as cause:  # of any class: scheduler or workers ended just now, or do not answer
            raise LostScheduler(address) from cause
        try:
            yield client
        finally:
            _close(client)
    finally:
        logger.setLevel(level)


def _within(seconds: float, work: Callable[[], Result], undo: Callable[[Result], None]) -> Result:
    """Do something that may wait for ever, as Dask does for the greeting of a scheduler that falls silent.

    undo: for what comes of it when nobody waits any more. Raises TimeoutError after so many seconds.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
            outcome.set_exception(error)

    def discard(late: Future[Result]) -> None:
        if late.exception() is None:
            undo(late.result())

    # A daemon: unlike a pool's threads, it does not keep the process from ending.
    Thread(target=run, daemon=True, name="connect").start()
    try:
        return outcome.result(seconds)
    except BaseException:  # Ctrl-C, too
        outcome.add_done_callback(discard)
        raise


def _close(client: Any) -> None:
    """Close a client, but do not wait for a scheduler that does not answer."""
    with suppress(Exception):  # it is lost, or closed already
        client.close(timeout=SECONDS_TO_ANSWER)


def _client(address: str) -> Any:
    """Connect to a scheduler; raises WrongUse where it has no workers, or others than those that can do our work."""
    from distributed import Client
    from distributed.exceptions import WorkerStartTimeoutError
    from distributed.versions import VersionMismatchWarning

    _require_scheduler(address)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)  # a table; `_require_same_versions` says it better
        client = Client(address, timeout=SECONDS_TO_ANSWER)
    try:
        client.wait_for_workers(1, timeout=SECONDS_TO_ANSWER)
        _require_same_versions(client, address)
    except BaseException as error:
        _close(client)
        if not isinstance(error, WorkerStartTimeoutError):
            raise
        raise WrongUse(
            f"The Dask scheduler at {address} has no workers, so nobody would do the work; start one: "
            f"dask worker {address}"
        ) from None
    return client


def _require_same_versions(client: Any, address: str) -> None:
    """Raise WrongUse where a worker has another Python, mnist-data or library: it would fail, or write other bytes."""
    from distributed.versions import get_versions

    here = _versions(get_versions(SAME_EVERYWHERE))
    message = {"op": "versions", "packages": SAME_EVERYWHERE}
    seen = client.sync(client.scheduler.broadcast, msg=message, on_error="ignore", callback_timeout=SECONDS_TO_ANSWER)
    there = {worker: _versions(described) for worker, described in seen.items()}
    faults = {worker: other for worker, found in there.items() if (other := _differences(found, here))}
    if not faults:  # only a Python that is like this one is given a function to run
        # `client.run` has no timeout, and would wait for ever for a scheduler that has fallen silent.
        ask = {"on_error": "return", "callback_timeout": SECONDS_TO_ANSWER}
        ours = client.sync(client._run, _function_that_gives_our_version(), **ask)
        faults = {worker: _our_version(found) for worker, found in ours.items() if found != __version__}
    for worker, fault in sorted(faults.items()):
        raise WrongUse(
            f"The worker {worker} of the cluster at {address} has {fault}, so it would fail or write other bytes; "
            "give all workers the environment of this process."
        )


def _versions(described: Mapping[str, Any]) -> dict[str, str | None]:
    """Give the versions that matter of what Dask says of a process, of Python without the last number."""
    packages = described["packages"]
    python = ".".join((packages["python"] or "").split(".")[:2])
    return {"Python": python, **{name: packages.get(name) for name in SAME_EVERYWHERE}}


def _differences(found: Mapping[str, str | None], here: Mapping[str, str | None]) -> str:
    return ", ".join(
        f"{name} {found[name] or 'of no known version'}, where this process has {version}"
        for name, version in here.items()
        if found[name] != version
    )


def _function_that_gives_our_version() -> Any:
    """Give a function that travels as code, not by its name: a worker may have no mnist-data at all."""

    def our_version() -> str:
        from mnist_data.version import __version__ as there

        return there

    return our_version


def _our_version(found: object) -> str:
    if isinstance(found, BaseException):
        return f"no mnist-data ({found})"
    return f"mnist-data {found}, where this process has {__version__}"


def _require_scheduler(address: str) -> None:
    """Raise WrongUse where no Dask scheduler answers at an address; a client that meets none leaves tracebacks."""
    import asyncio

    # Dask would take a port of 99999 for 34463.
    scheme, _, place = address.rpartition("://")
    port = re.fullmatch(r"\S+:(\d+)/?", place)
    if scheme in ("", "tcp", "tls", "ws", "wss") and not (port and 0 < int(port[1]) < 2**16):
        raise WrongUse(f"{address!r} is no address of a Dask scheduler; write it as in tcp://host:8786.")
    try:
        answer = asyncio.run(_identity(address))  # not in a notebook's own thread, which runs a loop already
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
    """Ask who answers at an address. Raises TimeoutError where the connection stands and nobody says a word."""
    import asyncio

    from distributed.core import rpc
    from distributed.security import Security

    async with rpc(
        address, timeout=SECONDS_TO_ANSWER, connection_args=Security().get_connection_args("client")
    ) as other:
        try:
            return dict(await asyncio.wait_for(other.identity(), SECONDS_TO_ANSWER))
        except TimeoutError:
            raise TimeoutError(f"it says nothing for {SECONDS_TO_ANSWER:g} s") from None


@contextmanager
def local_cluster(workers: int) -> Iterator[Any]:
    """Start worker processes on this machine, which listen on loopback only, and give the client."""
    _require_main_guard()
    from distributed import Client, LocalCluster

    # Dask's defaults would listen on every interface of the machine.
    place = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(LocalCluster(n_workers=workers, threads_per_worker=1, **place))
            client = stack.enter_context(Client(cluster))
        except Exception as cause:  # RuntimeError with whatever ended a worker as its text
            raise WorkersNotStarted(workers) from cause
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
        script = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return
    line = _line_of_the_script()
    guards = [node for node in ast.walk(script) if isinstance(node, ast.If) and _asks_for_main(node.test)]
    if not any(line is None or guard.lineno <= line <= (guard.end_lineno or line) for guard in guards):
        raise WrongUse(
            f"{path} starts worker processes, and each of them runs the script again; put what it does into a function "
            'main(), and at its end: if __name__ == "__main__": main()'
        )


def _line_of_the_script() -> int | None:
    """Give the line of the program's own script that is running; None in another thread, where it is not known."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "__main__" and frame.f_code.co_name == "<module>":
            return frame.f_lineno
        frame = frame.f_back
    return None


def _asks_for_main(test: ast.expr) -> bool:
    """Say whether a condition compares `__name__` with "__main__"."""
    parts = list(ast.walk(test))
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    return "__name__" in names and any(isinstance(part, ast.Constant) and part.value == "__main__" for part in parts)
