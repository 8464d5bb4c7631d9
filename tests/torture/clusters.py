"""A cluster that fails: workers and schedulers killed at random, out of memory, of other versions, or none at all."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import psutil

from mnist_data.idx.sample import write_sample
from tests.torture.attack import Attack

COMMAND_LINE = """
import sys
from mnist_data import cli
from pipelines.engine import clusters, execution
clusters.SECONDS_WITHOUT_WORK = 4
execution.Execution.rows_per_task = lambda *_: 60
sys.argv[0] = "mnist-data"
cli.main()
"""
"""The command line, with more tasks than a small dataset has and less patience than a user's."""

QUICK = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "3s", "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s"}
"""Dask's own patience with workers that say nothing, of minutes otherwise."""

SECONDS = 90
"""After which a command is taken to wait for ever."""

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("clean", "DATA", "OUT"),
    ("normalize", "DATA", "OUT", "--scale", "standardize"),
    ("augment", "DATA", "OUT", "--copies", "8", "--seed", "3"),
    ("split", "DATA", "OUT", "--by", "label"),
    ("stats", "DATA", "--out", "OUT"),
    ("convert", "IDX", "OUT"),
)


def free_port() -> int:
    """Give a port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Processes:
    """A scheduler and workers, each a process of its own. folder: where they write."""

    folder: Path
    address: str = field(default_factory=lambda: f"tcp://127.0.0.1:{free_port()}")
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_scheduler(self) -> None:
        """Start the scheduler, whose address is known before."""
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", path="")

    def start_worker(self, *options: str, path: str = "") -> None:
        """Start a worker. path: a folder to import from before all others."""
        place = ("--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1", "--local-directory", str(self.folder))
        options = options or ("--no-nanny",)
        self.workers.append(self._start("worker", self.address, *place, *options, path=path))

    def _start(self, name: str, *options: str, path: str) -> subprocess.Popen[bytes]:
        known = os.pathsep.join(filter(None, (path, os.environ.get("PYTHONPATH", ""))))
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{name}", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,  # what lies there is imported before all else
            env=os.environ | QUICK | {"PYTHONPATH": known},
            start_new_session=True,  # a nanny and its worker end together
        )

    def send(self, number: int, processes: Sequence[subprocess.Popen[bytes] | None]) -> None:
        """Send a signal to processes that still run."""
        for process in processes:
            if process is not None and process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)

    def end(self) -> None:
        """Kill all, and wait for their end."""
        everything = [self.scheduler, *self.workers]
        self.send(signal.SIGKILL, everything)
        for process in everything:
            if process is not None:
                process.wait()


@contextmanager
def processes(folder: Path, workers: int = 2) -> Iterator[Processes]:
    """Start a scheduler and plain workers, and end all that was started."""
    started = Processes(folder)
    try:
        started.start_scheduler()
        for _ in range(workers):
            started.start_worker()
        yield started
    finally:
        started.end()


@dataclass
class Run:
    """One command on a cluster. name: of the trouble. command: its words. folder: for what it writes."""

    attack: Attack
    number: int
    chance: random.Random
    command: tuple[str, ...]
    folder: Path

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start the command, on threads if no option says otherwise."""
        places = {"DATA": self.attack.folder / "data", "IDX": self.attack.folder / "idx", "OUT": self.folder / "out/d"}
        words = [str(places.get(word, word)) for word in self.command]
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND_LINE, *words, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | QUICK,
        )

    def ended(self, process: subprocess.Popen[str], trouble: str) -> None:
        """Wait for a command, and note how it ended: done with the right bytes, or refused by name and then resumed."""
        try:
            err = process.communicate(timeout=SECONDS)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.attack.find(self.number, f"{trouble}: {' '.join(self.command)} waits for ever")
            return
        wrong = self.fault(process.returncode, err)
        if wrong:
            self.attack.find(self.number, f"{trouble}: {' '.join(self.command)}: {wrong}")
        else:
            self.attack.count(f"{trouble}: {'done' if process.returncode == 0 else 'refused by name, then resumed'}")

    def fault(self, code: int, err: str) -> str:
        """Say what is wrong with how a command has ended; empty for nothing."""
        if code not in (0, 2) or re.search(r"Traceback|distributed\.|Exception", err):
            return f"exit code {code}, {err[-700:]!r}"
        if code == 2 and not err.startswith("mnist-data: "):
            return f"no error of ours: {err[-700:]!r}"
        if code == 2:
            again = self.start()
            again_err = again.communicate(timeout=SECONDS)[1]
            if again.returncode != 0:
                return f"after {err!r} the same command on threads ends with {again.returncode}: {again_err[-500:]!r}"
        return different(self.folder / "out", expected(self.attack, self.command))


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Read all files below a folder, hidden ones, too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def different(folder: Path, wanted: dict[str, bytes]) -> str:
    """Say which files are other than on threads, missing or left over; empty for none."""
    there = bytes_below(folder)
    names = sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))
    return f"other than on threads, missing or left: {', '.join(names[:5])}" if names else ""


def expected(attack: Attack, command: tuple[str, ...]) -> dict[str, bytes]:
    """Give the bytes that a command writes on threads; made once."""
    folder = attack.folder / "expected" / command[0]
    if not folder.exists():
        run = Run(attack, 0, random.Random(0), command, folder)
        err = run.start().communicate()[1]
        assert folder.exists(), err
    return bytes_below(folder / "out")


def some_workers(run: Run) -> None:
    """Kill one worker, all of them, or all and start others, at any time."""
    with processes(run.folder) as cluster:
        command = run.start("--scheduler", cluster.address)
        time.sleep(run.chance.uniform(1, 6))
        killed = run.chance.choice((1, 2, 2))
        cluster.send(signal.SIGKILL, cluster.workers[:killed])
        others = killed == 2 and run.chance.random() < 0.5
        if others:
            time.sleep(run.chance.uniform(0, 1))
            cluster.start_worker()
        run.ended(
            command, "one worker killed" if killed == 1 else f"all killed, {'another' if others else 'none'} comes"
        )


def again_and_again(run: Run) -> None:
    """Kill a worker every second or so, and start another."""
    with processes(run.folder) as cluster:
        command = run.start("--scheduler", cluster.address)
        pauses = [run.chance.uniform(0.3, 2) for _ in range(50)]

        def kill() -> None:
            for number, pause in enumerate(pauses):
                time.sleep(pause)
                if command.poll() is not None:
                    return
                cluster.send(signal.SIGKILL, [cluster.workers[number]])
                cluster.start_worker()

        killer = Thread(target=kill)
        killer.start()
        run.ended(command, "workers killed again and again")
        killer.join()


def local_workers(run: Run) -> None:
    """Kill processes of --workers 2: they are started again by themselves."""
    command = run.start("--workers", "2")
    deadline = time.monotonic() + run.chance.uniform(2, 6)
    while time.monotonic() < deadline and command.poll() is None:
        time.sleep(run.chance.uniform(0.1, 1.5))
        with suppress(psutil.NoSuchProcess):
            spawned = [one for one in psutil.Process(command.pid).children() if "spawn_main" in " ".join(one.cmdline())]
            for process in spawned if run.chance.random() < 0.3 else spawned[:1]:
                process.kill()
    run.ended(command, "--workers killed")


def scheduler(run: Run) -> None:
    """Kill the scheduler, or let it stop without a word, as on a machine that sleeps."""
    with processes(run.folder) as cluster:
        command = run.start("--scheduler", cluster.address)
        time.sleep(run.chance.uniform(1, 6))
        kill = run.chance.random() < 0.6
        cluster.send(signal.SIGKILL if kill else signal.SIGSTOP, [cluster.scheduler])
        run.ended(command, "scheduler killed" if kill else "scheduler silent")


def silent_workers(run: Run) -> None:
    """Let a worker, or both, stop without a word."""
    with processes(run.folder) as cluster:
        command = run.start("--scheduler", cluster.address)
        time.sleep(run.chance.uniform(1, 6))
        cluster.send(signal.SIGSTOP, cluster.workers[: run.chance.choice((1, 2))])
        run.ended(command, "workers silent")


def little_memory(run: Run) -> None:
    """Give workers less memory than the work takes, or than they take themselves."""
    with processes(run.folder, workers=0) as cluster:
        for _ in range(2):
            cluster.start_worker("--memory-limit", f"{run.chance.randint(40, 400)}MB")
        run.ended(run.start("--scheduler", cluster.address), "little memory")


def other_version(run: Run) -> None:
    """Let a worker have another version of our package, of a library, or no package of ours."""
    folder = run.folder / "other"
    folder.mkdir(parents=True)
    kind = run.chance.choice(("ours", "none", "pyarrow", "numpy", "dask"))
    if kind == "ours":
        shutil.copytree(Path(__file__).parents[2] / "mnist_data", folder / "mnist_data")
        version = folder / "mnist_data/version.py"
        version.write_text(re.sub(r'"\d[^"]*"', '"0.0.7"', version.read_text()))
    elif kind == "none":
        (folder / "mnist_data").mkdir()
        (folder / "mnist_data/__init__.py").touch()
    else:
        (folder / f"{kind}-0.0.7.dist-info").mkdir()
        (folder / f"{kind}-0.0.7.dist-info/METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {kind}\nVersion: 0.0.7\n"
        )
    with processes(run.folder, workers=0) as cluster:
        cluster.start_worker("--no-nanny", path=str(folder))
        command = run.start("--scheduler", cluster.address)
        err = command.communicate(timeout=SECONDS)[1]
    named = "no mnist-data" if kind == "none" else f"{'mnist-data' if kind == 'ours' else kind} 0.0.7"
    if command.returncode != 2 or named not in err or "Traceback" in err or (run.folder / "out").exists():
        run.attack.find(run.number, f"a worker with another {kind}: exit code {command.returncode}, {err[-700:]!r}")
    else:
        run.attack.count("other versions: refused by name")


ADDRESSES = (
    "", " ", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:99999", "tcp://nowhere.invalid:8786",
    "127.0.0.1", "8786", ":8786", "tls://127.0.0.1:8786", "ucx://127.0.0.1:8786", "ucxx://127.0.0.1:8786", "ws://x:1",
    "inproc://1", "foo://bar", "foo://bar:1", "http://127.0.0.1:8786", "tcp://[::1", "tcp://\x00:1", "tcp://ü:1",
    "scheduler.json", "/etc/passwd", "tcp://127.0.0.1:8786:9", "tcp://user@host:1", "--", "tcp://127.0.0.1:-1",
)  # fmt: skip
"""Texts that are no scheduler's address, or one at which nobody answers."""


def answer(listening: socket.socket, says: bytes | None) -> None:
    """Answer each connection with the same bytes and close it, or with nothing and leave it open."""
    kept = []
    with suppress(OSError):
        while True:
            connection = listening.accept()[0]
            if says is None:
                kept.append(connection)
                continue
            with suppress(OSError), connection:
                connection.sendall(says)
                connection.recv(1 << 16)


def address(run: Run) -> None:
    """Name what is no scheduler: texts of all kinds, a closed port, servers of other protocols, a silent one."""
    says: bytes | None = run.chance.choice(
        (None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", run.chance.randbytes(200), b"\0" * 64)
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=answer, args=(listening, says), daemon=True).start()
        scheme = run.chance.choice(("tcp", "tcp", "tls", "ws"))
        server = f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"
        name = run.chance.choice((*ADDRESSES, *[server] * 15, f"tcp://127.0.0.1:{free_port()}"))
        if "\0" in name:
            name = name.replace("\0", "\x01")  # no process takes a zero byte as an argument
        command = run.start(f"--scheduler={name}")
        begin = time.monotonic()
        err = command.communicate(timeout=SECONDS)[1]
    if command.returncode != 2 or "Traceback" in err or not err.startswith("mnist-data: ") or err.count("\n") > 3:
        run.attack.find(run.number, f"{name!r}, {says!r}: exit code {command.returncode}, {err[-700:]!r}")
    elif time.monotonic() - begin > 40 or (run.folder / "out").exists():
        run.attack.find(run.number, f"{name!r}, {says!r}: {time.monotonic() - begin:.0f} s, or something was written")
    else:
        run.attack.count("no scheduler: refused by name")


def nobody(run: Run) -> None:
    """Name a scheduler that has no workers."""
    with processes(run.folder, workers=0) as cluster:
        run.ended(run.start("--scheduler", cluster.address), "no workers")


TROUBLES: tuple[Callable[[Run], None], ...] = (
    some_workers, scheduler, address, other_version, local_workers, some_workers, again_and_again, little_memory,
    address, silent_workers, nobody,
)  # fmt: skip


def fail_clusters(attack: Attack) -> None:
    """Run commands on clusters that fail: the bytes of threads, or an error by name after which they can be had."""
    write_sample(attack.folder / "idx")
    made = Run(attack, 0, random.Random(0), ("convert", "IDX", str(attack.folder / "data")), attack.folder).start()
    err = made.communicate()[1]
    assert made.returncode == 0, err
    for number in attack.numbers():
        chance = attack.chance(number)
        folder = attack.folder / str(number)
        folder.mkdir()
        run = Run(attack, number, chance, chance.choice(COMMANDS), folder)
        TROUBLES[number % len(TROUBLES)](run)
        shutil.rmtree(folder, ignore_errors=True)
