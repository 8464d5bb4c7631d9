"""Two at once: one process writes a place, the other is told so; what a killed one has left is not taken for whole."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mnist_data import storage
from mnist_data.errors import WrongUse
from mnist_data.storage.temporary import sweep_temporary

UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems without locks answer; there the lock is left out."""

BETWEEN_TRIES = 0.005
"""Seconds between two tries to get a lock that is waited for."""


@contextmanager
def claimed(location: str | Path | None, overwrite: bool = False) -> Iterator[bool]:
    """Hold a place for this process while it is written, and say whether what lies there may be replaced.

    It may where that was asked for, and where a former process was killed over it, or failed, after it had begun to
    write: what it has left is not whole. A hidden file next to the place is held by a lock, which ends with the process
    that holds it; where the place is left unfinished the file stays, and says in what state the place was before.
    Stores have no locks. Raises WrongUse where another process holds the place.
    """
    if location is None or storage.is_remote(location) or not str(location).strip():
        yield overwrite
        return
    place = Path(location).absolute()
    with exclusive(place, storage.sibling(place, ".lock", hidden=True)) as lock:
        recorded, now = lock.text(), _state(place)
        unfinished = bool(recorded) and recorded != now
        if not unfinished:
            lock.write(now)
        try:
            yield overwrite or unfinished
        except BaseException:
            lock.stays = (unfinished or _state(place) != now) and storage.exists(place)
            raise


class Lock:
    """A file that this process holds. stays: whether it is there after the process has let it go."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self.stays = descriptor, False

    def text(self) -> str:
        """Read what a former process has written, which did not come to its end; empty where there was none."""
        return os.pread(self._descriptor, 1 << 10, 0).decode(errors="replace")

    def write(self, text: str) -> None:
        """Write what the next process is to know if this one does not come to its end."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)


@contextmanager
def exclusive(place: str | Path, file: str | Path, patience: float = 0.0) -> Iterator[Lock]:
    """Hold a lock file while a place is written. Raises WrongUse where another process holds it.

    patience: seconds to wait for the other process first.
    """
    parents = [folder for folder in Path(place).parents if not folder.exists()]
    descriptor = _acquire(Path(place), Path(file), time.monotonic() + patience)
    lock = Lock(descriptor)
    try:
        sweep_temporary()
        yield lock
    finally:
        if not lock.stays:
            Path(file).unlink(missing_ok=True)
        os.close(descriptor)
        for folder in parents:
            with suppress(OSError):  # something lies in it
                folder.rmdir()


def _acquire(place: Path, lock: Path, until: float) -> int:
    """Open and lock the file. until: the monotonic time to which another process is waited for."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
            if not _locked(descriptor):
                os.close(descriptor)
                if time.monotonic() < until:
                    time.sleep(BETWEEN_TRIES)
                    continue
                raise WrongUse(f"{place}: another process is writing it; wait for that one to end.")
            with suppress(FileNotFoundError):
                if lock.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
            os.close(descriptor)  # the process before has removed the file that was opened
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(place)) from error


def _locked(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return _locked_on_windows(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in UNSUPPORTED
    return True


def _locked_on_windows(descriptor: int) -> bool:
    import msvcrt

    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True


def _state(place: Path) -> str:
    """Tell one state of a file, or of the files in a folder, from another."""
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    known = []
    for file in files:
        with suppress(OSError):
            facts = file.stat()
            known.append((str(file), facts.st_size, facts.st_mtime_ns))
    return hashlib.sha256(repr(known).encode(errors="surrogateescape")).hexdigest()
