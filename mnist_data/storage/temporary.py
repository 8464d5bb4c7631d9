"""Temporary files and folders, each held by a lock: what a killed process has left has no holder, and is removed.

The lock ends with the process, so that the next one that writes in the same place can tell what is left from what is
being written. Where there are no locks (Windows, some network disks), what is left stays.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from glob import escape
from pathlib import Path

DRAFT = ".tmp"
"""How the names of drafts end."""

_PREFIX = "mnist-data-held-"
"""Of folders that are held: those of 0.1.0 were not, and one that runs at the same time must keep its own."""
_OWN = re.compile(r"[a-z0-9_]{8}")
"""What tempfile puts into a name to make it one that is not there yet."""


@contextmanager
def draft_file(folder: Path, name: str) -> Iterator[Path]:
    """Give an empty file to write to, .NAME.xxxxxxxx.tmp in a folder; it is gone at the end, unless it was moved.

    A name of its own: two writers of one file must not share a draft. name: of the file that it is to become.
    """
    draft, descriptor = _drafted(folder, name, partial(_new_file, folder, name))
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def draft_folder(folder: Path, name: str) -> Iterator[Path]:
    """Give an empty folder to write to, as `draft_file` gives a file."""
    draft, descriptor = _drafted(folder, name, lambda: (Path(tempfile.mkdtemp(DRAFT, f".{name}.", folder)), None))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=not draft.exists())
        if descriptor is not None:
            os.close(descriptor)


class TemporaryFolder(tempfile.TemporaryDirectory[str]):
    """A folder in TMPDIR, as `tempfile.TemporaryDirectory`, that `sweep_temporary` knows from those of killed ones."""

    def __init__(self) -> None:
        while True:
            super().__init__(prefix=_PREFIX)
            descriptor, is_ours = _held(Path(self.name))
            if is_ours:
                break
            self.cleanup()
        if descriptor is not None:
            weakref.finalize(self, os.close, descriptor)


@contextmanager
def temporary_files_in(folder: str) -> Iterator[None]:
    """Let libraries put their own temporary files into a folder of ours, so that a kill leaves none of them."""
    before = tempfile.tempdir
    tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = before


def sweep_temporary() -> None:
    """Remove the temporary folders of killed processes."""
    with suppress(OSError):  # there is no TMPDIR
        _sweep(Path(tempfile.gettempdir()), _PREFIX, "")


def sweep_drafts(folder: Path) -> None:
    """Remove the drafts of files in a folder, whatever their names, that nobody holds."""
    for path in folder.glob(f".*{DRAFT}"):
        with suppress(OSError):  # held, of another user, or just removed
            _remove_left(path)


def _new_file(folder: Path, name: str) -> tuple[Path, int]:
    descriptor, path = tempfile.mkstemp(DRAFT, f".{name}.", folder)
    return Path(path), descriptor


def _drafted(folder: Path, name: str, create: Callable[[], tuple[Path, int | None]]) -> tuple[Path, int | None]:
    """Create a draft and hold it; another process may have taken it for one that was left, before it was held."""
    _sweep(folder, f".{name}.", DRAFT)
    while True:
        path, opened = create()
        descriptor, is_ours = _held(path)
        if opened is not None:
            os.close(opened)
        if is_ours:
            return path, descriptor


def _held(path: Path) -> tuple[int | None, bool]:
    """Lock a file or folder; give the descriptor that holds it, and whether it is there and ours.

    The descriptor is None where there are no locks.
    """
    try:
        import fcntl
    except ImportError:
        return None, True
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None, False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = path.stat().st_ino == os.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        is_ours = False
    except OSError:  # a file system without locks
        is_ours = True
    if not is_ours:
        os.close(descriptor)
        return None, False
    return descriptor, True


def _sweep(folder: Path, begin: str, end: str) -> None:
    """Remove the drafts of one name that nobody holds."""
    for path in folder.glob(f"{escape(begin)}*{end}"):
        if _OWN.fullmatch(path.name.removeprefix(begin).removesuffix(end)):
            with suppress(OSError):  # of another user, or just removed
                _remove_left(path)


def _remove_left(path: Path) -> None:
    try:
        import fcntl
    except ImportError:
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        os.close(descriptor)
