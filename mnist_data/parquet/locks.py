"""Two at once: one process writes a place, the other is told so; what a killed one has left is not taken for whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mnist_data import storage
from mnist_data.errors import WrongUse

UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems without locks answer; there the lock is left out."""


@contextmanager
def claimed(location: str | Path | None, overwrite: bool = False) -> Iterator[bool]:
    """Hold a place for this process while it is written, and say whether what lies there may be replaced.

    It may where that was asked for, and where a former process was killed over it, or failed after it had begun to
    write: what it has left is not whole. A hidden file next to the place is held by a lock, which ends with the process
    that holds it; where the place is left unfinished the file stays. Stores have no locks. Raises WrongUse where
    another process holds the place.
    """
    if location is None or storage.is_remote(location) or not str(location).strip():
        yield overwrite
        return
    place = Path(location).absolute()
    parents = [folder for folder in place.parents if not folder.exists()]
    lock = Path(storage.sibling(place, ".lock", hidden=True))
    descriptor, unfinished = _acquire(place, lock)
    before = _state(place)
    try:
        yield overwrite or unfinished
    except BaseException:
        unfinished = unfinished or _state(place) != before
        raise
    else:
        unfinished = False
    finally:
        if not unfinished or not storage.exists(place):
            lock.unlink(missing_ok=True)
        os.close(descriptor)
        for folder in parents:
            with suppress(OSError):  # something lies in it
                folder.rmdir()


def _acquire(place: Path, lock: Path) -> tuple[int, bool]:
    """Lock the file, and say whether it was there before: left by a process that did not come to its end."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        while True:
            left = lock.exists()
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
            if not _locked(descriptor):
                os.close(descriptor)
                raise WrongUse(f"{place}: another process is writing it; wait for that one to end.")
            with suppress(FileNotFoundError):
                if lock.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor, left
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


def _state(place: Path) -> list[tuple[str, int, int]]:
    """Tell one state of a file, or of the files in a folder, from another."""
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    found = []
    for file in files:
        with suppress(OSError):
            known = file.stat()
            found.append((str(file), known.st_size, known.st_mtime_ns))
    return found
