"""Run the command line in processes that are forked with everything imported: a try takes a second, not ten.

What is forked then begins as `python -m mnist_data` does, in a session of its own, and ends as Python ends.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.symlink"})
"""Audit events of what changes a folder; a file that is opened to be written is one more."""

PATIENCE = 300.0
"""Seconds after which a command counts as hanging."""


@dataclass(frozen=True)
class Start:
    """How a command begins.

    words: after `mnist-data`. folder: where it works. environment: variables to set; None removes one. known: datasets
    for the catalogue. deadly: the change of the file system, counted from 1, before which the process is killed; 0 for
    none. whole_group: whether its children are killed with it. changes: a file that gets the number of changes. rights:
    False takes from root what other users do not have, to write where the mode of a folder forbids it. umask: the mode
    bits that new files lack. files: a limit for the size of files, in bytes. forked: whether it is forked; a process of
    its own knows only words, folder and environment.
    """

    words: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str | None] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)
    deadly: int = 0
    whole_group: bool = True
    changes: Path | None = None
    rights: bool = True
    umask: int = 0o022
    files: int | None = None
    forked: bool = True


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, negative for a signal; None where it had to be stopped."""

    code: int | None
    out: str
    err: str

    @property
    def is_refusal(self) -> bool:
        """Say whether it ended with 2 and one message."""
        return self.code == 2 and self.err.startswith("mnist-data: ") and "Traceback" not in self.err


class Running:
    """A command that has begun. output: the folder that gets what it prints."""

    def __init__(self, start: Start, output: Path) -> None:
        output.mkdir(parents=True, exist_ok=True)
        self._output = output
        self._process = _fork(start, output) if start.forked else _spawn(start, output)
        self.pid: int = self._process.pid or 0

    def kill(self, whole_group: bool) -> None:
        """End the process at once, with its children or without."""
        with suppress(ProcessLookupError):
            (os.killpg if whole_group else os.kill)(self.pid, signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds: float = PATIENCE) -> Ended:
        """Wait for its end; kill it when it takes longer."""
        code = _code(self._process, seconds)
        if code is None:
            self.kill(whole_group=True)
            _code(self._process, PATIENCE)
        return Ended(code, _text(self._output / "out"), _text(self._output / "err"))

    def ends_within(self, seconds: float) -> bool:
        """Wait for some seconds, and say whether it has ended."""
        return _code(self._process, seconds) is not None

    def children(self, seconds: float = 20.0) -> list[str]:
        """Give what still runs of its session after some seconds at most."""
        end = time.monotonic() + seconds
        while (left := _in_session(self.pid)) and time.monotonic() < end:
            time.sleep(0.05)
        return left


def _fork(start: Start, output: Path) -> ForkServerProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.torture.preloaded"])
    process = context.Process(target=_begin, args=(start, output))
    process.start()
    return process


def _spawn(start: Start, output: Path) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in {**os.environ, **start.environment}.items() if value is not None}
    with (output / "out").open("wb") as out, (output / "err").open("wb") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "mnist_data", *start.words],
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=start.folder, env=environment, start_new_session=True,
        )  # fmt: skip


def _code(process: ForkServerProcess | subprocess.Popen[bytes], seconds: float) -> int | None:
    """Give the exit code of a process that ends within some seconds."""
    if isinstance(process, subprocess.Popen):
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.returncode
    process.join(seconds)
    return process.exitcode


@contextmanager
def running(start: Start, output: Path) -> Iterator[Running]:
    """Begin a command, and see that nothing of it outlives the block."""
    process = Running(start, output)
    try:
        yield process
    finally:
        process.kill(whole_group=True)


def call(start: Start, output: Path) -> Ended:
    """Run a command to its end."""
    with running(start, output) as process:
        return process.wait()


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.exists() else ""


def _in_session(session: int) -> list[str]:
    """List the processes of a session that are alive."""
    alive = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                alive.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
    return alive


def _begin(start: Start, output: Path) -> None:
    os.setsid()
    for descriptor, name in ((1, "out"), (2, "err")):
        stream = os.open(output / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(stream, descriptor)
        os.close(stream)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    _surround(start)
    sys.argv = ["mnist-data", *start.words]
    counter = count_changes(start)
    code: Any = 0
    try:
        runpy.run_module("mnist_data", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as Python ends
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    if start.changes:
        start.changes.write_text(str(counter[0]), "utf-8")
    os._exit(int(code or 0))


def _surround(start: Start) -> None:
    """Give the process its folder, variables, limits and user."""
    import resource

    from mnist_data.known.catalog import CATALOG

    CATALOG.update(start.known)
    for name, value in start.environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    tempfile.tempdir = None
    os.umask(start.umask)
    os.chdir(start.folder)
    if start.files is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (start.files, resource.RLIM_INFINITY))
    if not start.rights:
        _drop_rights()


def _drop_rights() -> None:
    """Give up root's right to write anywhere; it goes on reading everywhere, as Python's library may be its own."""
    import ctypes

    version, chown, override, owner = 0x20080522, 0, 1, 3
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(version, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, sets)
    for place in range(3):  # effective, permitted, inheritable
        sets[place] &= ~(1 << chown | 1 << override | 1 << owner) & 0xFFFFFFFF
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


def count_changes(start: Start) -> list[int]:
    """Count the changes of the file system, and kill the process before the deadly one."""
    counter, thread_of = [0], os.getpid()

    def hear(event: str, arguments: Sequence[Any]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in CHANGES or writes) and os.getpid() == thread_of:
            counter[0] += 1
            if counter[0] == start.deadly:
                os.kill(-thread_of if start.whole_group else thread_of, signal.SIGKILL)
                signal.pause()

    if start.deadly or start.changes:
        sys.addaudithook(hear)
    return counter
