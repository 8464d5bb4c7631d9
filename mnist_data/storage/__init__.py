"""Files and folders, on a local disk or behind an fsspec URL. Every file appears whole or not at all.

Locally a file is written to a temporary one in the same folder, flushed to the disk and moved. On an object store it is
written to a local temporary file and sent by one call, so that an exception on the way publishes nothing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from mnist_data.errors import MissingExtra, MnistDataError, OutputExists, StoreFailed, UnreadableInput, WrongUse
from mnist_data.storage.temporary import DRAFT, TemporaryFolder, draft_file, draft_folder

CACHE_OFF = "off"

LONGEST_NAME, LONG_NAME = 255, 200
"""Bytes in a file's name: the most that file systems take, and the most to which we add endings of our own."""

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What a path can be besides a regular file."""


def is_remote(location: str | Path) -> bool:
    """Say whether a location is an fsspec URL (s3://…, memory://…) rather than a local path."""
    if str(location).startswith("file://"):
        raise WrongUse(f"{location}: give a local path without file://.")
    return "://" in str(location)


def absolute(location: str | Path) -> str:
    """Give a URL as it is, and a local path from the root, so that it means the same to another process.

    Raises WrongUse for one that is not UTF-8, which neither Arrow nor JSON can hold.
    """
    place = str(location).rstrip("/") if is_remote(location) else str(Path(location).absolute())
    require_utf8(place)
    return place


def require_utf8(text: str) -> None:
    """Raise WrongUse for a name that is not UTF-8; Python holds its bytes as halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode(errors="backslashreplace").decode()
        raise WrongUse(f"{shown}: the name is not UTF-8; rename the file or folder, or choose another name.") from None


def shortened(name: str) -> str:
    """Give a file's name, or of a long one its beginning and a hash, so that endings can be added to it."""
    raw = os.fsencode(name)
    if len(raw) <= LONG_NAME:
        return name
    return f"{raw[: LONG_NAME - 13].decode(errors='ignore')}-{hashlib.sha256(raw).hexdigest()[:12]}"


def require_short(location: str | Path, ending: str) -> None:
    """Raise WrongUse for a name so long that no file can have it with this ending."""
    name = str(location).rstrip("/").rpartition("/")[2]
    most = LONGEST_NAME - len(ending)
    if len(os.fsencode(name)) > most:
        raise WrongUse(f"{location}: its name is longer than {most} bytes, which leaves no room for NAME{ending}.")


def filesystem(location: str | Path) -> tuple[Any, str]:
    """Give the fsspec filesystem of a URL, whose failures are our errors, and the path on it.

    Raises WrongUse for a store that is not known, MissingExtra where its library is not installed.
    """
    import fsspec

    protocol = str(location).partition("://")[0]
    try:
        fs, path = fsspec.core.url_to_fs(str(location))
    except ImportError as cause:
        raise MissingExtra(f"the library for {protocol}://", protocol, f"Reading and writing {location}") from cause
    except ValueError as cause:
        raise WrongUse(f"{location}: there is no store for {protocol}:// ({cause}).") from None
    return _Store(fs, str(location)), path


class _Store:
    """An fsspec filesystem, or a file on one, each failure of which names its URL and, where there is one, the status.

    Stores raise what their libraries raise: OSError, errors of botocore, of aiohttp and others without a common base.
    """

    def __init__(self, wrapped: Any, location: str) -> None:
        self._wrapped, self._location = wrapped, location

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._wrapped, name)
        return partial(self._call, value) if callable(value) else value

    def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        try:
            result = function(*args, **options)
        except MnistDataError:
            raise
        except Exception as cause:
            raise StoreFailed(self._location, failure_in_words(cause)) from cause
        return _Store(result, self._location) if hasattr(result, "readinto") else result

    def __enter__(self) -> _Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._wrapped.close()


def failure_in_words(error: BaseException) -> str:
    """Say why a store failed: the HTTP status, wherever its library keeps it, and the first line of the reason.

    >>> failure_in_words(PermissionError("Access Denied"))
    'Access Denied'
    """
    reason = (str(error).splitlines() or [""])[0].strip() or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        known = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
        named = (getattr(cause, "status", None), getattr(cause, "status_code", None), vars(cause).get("code"))
        for status in (known, *named):
            if isinstance(status, int) and 300 <= status < 600:
                return f"HTTP {status}: {reason}"
        cause = cause.__cause__ or cause.__context__
    return reason


def sibling(location: str | Path, suffix: str, hidden: bool = False) -> str:
    """Name a sibling of a file or folder by adding a suffix to its name; a hidden one of a long name is shortened.

    >>> sibling("data/mnist/", ".draft", hidden=True)
    'data/.mnist.draft'
    """
    parent, _, name = str(location).rstrip("/").rpartition("/")
    name = f".{shortened(name)}" if hidden else name
    return (f"{parent}/" if parent or str(location).startswith("/") else "") + name + suffix


def exists(location: str | Path) -> bool:
    """Say whether a file or a folder that is not empty is there."""
    if is_remote(location):
        fs, path = filesystem(location)
        with naming(location):
            return bool(fs.exists(path))
    folder = Path(location)
    try:
        return any(folder.iterdir()) if folder.is_dir() else folder.exists()
    except OSError as cause:
        if cause.errno == errno.ENAMETOOLONG:
            return False
        raise


def not_a_file(path: str | Path) -> str:
    """Say why a local path is no file that can be read, as a message puts it; empty where it is one.

    Nothing is opened: a pipe that nobody writes to would be waited for, and a device has no end.
    """
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "there is no such file"
    except (OSError, ValueError) as cause:  # a circle of links, a name too long, a zero byte in it
        return f"it cannot be reached ({getattr(cause, 'strerror', None) or cause})"
    return "" if stat.S_ISREG(mode) else f"it is {KINDS.get(stat.S_IFMT(mode), 'no regular file')}"


def require_file(path: str | Path, expected: str, advice: str) -> None:
    """Raise UnreadableInput where a local path is no file that can be read. expected, advice: for the message."""
    if reason := not_a_file(path):
        raise UnreadableInput(str(path), reason, expected, advice)


def require_free(location: str | Path, overwrite: bool) -> None:
    """Raise OutputExists where something is there that was not to be replaced."""
    if not overwrite and exists(location):
        raise OutputExists(str(location))


def remove(location: str | Path) -> None:
    """Remove a file or a folder with all in it; one that is not there is no error."""
    if is_remote(location):
        fs, path = filesystem(location)
        with naming(location):
            fs.invalidate_cache()  # a request whose answer was lost may have put there what no listing has
            if fs.exists(path):
                fs.rm(path, recursive=True)
    elif Path(location).is_dir() and not Path(location).is_symlink():
        shutil.rmtree(location)
    else:
        Path(location).unlink(missing_ok=True)


@contextmanager
def naming(location: str | Path) -> Iterator[None]:
    """Name the file in what goes wrong with it: a full disk says no name, a store says neither URL nor status."""
    try:
        yield
    except MnistDataError:
        raise
    except OSError as error:
        if error.filename is not None:
            raise
        status, number = _status(error), error.errno or errno.EIO
        reason = (f"HTTP status {status}: " if status else "") + (error.strerror or str(error))
        # The same error, which others may hold already; `args` is what travels between processes.
        error.errno, error.strerror, error.filename = number, reason, str(location)
        error.args = (number, reason, str(location))
        raise
    except Exception as error:  # a store's library has errors of its own
        if (status := _status(error)) is None:
            raise
        raise OSError(errno.EIO, f"HTTP status {status}: {error}", str(location)) from error


def _status(error: BaseException | None) -> int | None:
    """Find the HTTP status in an error of a store's library, or in what caused it."""
    while error is not None:
        response = getattr(error, "response", None)
        known = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
        for status in (known, *(getattr(error, name, None) for name in ("status", "status_code", "code"))):
            if isinstance(status, int) and 400 <= status < 600:
                return status
        error = error.__cause__ or error.__context__
    return None


@contextmanager
def new_file(location: str | Path, parents: bool = True) -> Iterator[Path]:
    """Give a temporary local path to write to; what was written becomes `location` when the block ends well.

    After an exception `location` is as it was, and the temporary file is gone. parents: make the folders above.
    """
    if is_remote(location):
        with TemporaryFolder() as folder:
            draft = Path(folder) / "draft"
            yield draft
            fs, path = filesystem(location)
            with naming(location):
                fs.pipe_file(path, draft.read_bytes())
        return
    target = Path(location)
    target.parent.mkdir(parents=parents, exist_ok=True)
    with draft_file(target.parent, shortened(target.name)) as draft:
        with naming(target):
            yield draft
        draft.chmod(0o666 & ~_umask())  # drafts are for their owner only
        sync(draft)
        draft.replace(target)
    sync(target.parent)


@contextmanager
def new_folder(location: str | Path) -> Iterator[Path]:
    """Give a temporary local folder to write to, which becomes `location` when the block ends well.

    After an exception `location` is as it was, and the temporary folder is gone. The files in it may be many, so that
    only the move is flushed to the disk.
    """
    target = Path(location)
    target.parent.mkdir(parents=True, exist_ok=True)
    with draft_folder(target.parent, shortened(target.name)) as draft:
        with naming(target):
            yield draft
        draft.chmod(0o777 & ~_umask())
        replace_folder(draft, target)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sweep(folder: Path) -> None:
    """Remove the drafts of files in a folder and below, which nobody else writes to."""
    for draft in list(folder.rglob(f".*{DRAFT}")):
        remove(draft)


def write_text(location: str | Path, text: str) -> None:
    """Write a whole text file in UTF-8."""
    with new_file(location) as draft:
        draft.write_text(text, encoding="utf-8")


@contextmanager
def reading(path: str | Path) -> Iterator[BinaryIO]:
    """Open a local file to read it; what goes wrong with it names it, also where a disk fails in its middle."""
    with naming(path), Path(path).open("rb") as file:
        yield file


def read_text(location: str | Path) -> str | None:
    """Read a text file in UTF-8; None where there is none. What is not UTF-8 in it is marked and no error."""
    content = read_bytes(location)
    return None if content is None else content.decode(errors="replace")


def read_bytes(location: str | Path) -> bytes | None:
    """Read a whole file; None where there is none."""
    if is_remote(location):
        fs, path = filesystem(location)
        return bytes(fs.cat_file(path)) if fs.exists(path) else None
    if not Path(location).is_file():
        return None
    with reading(location) as file:
        return file.read()


def sync(path: Path) -> None:
    """Flush a file or folder to the disk, so that a move that follows cannot outrun its content."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no handles on folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_folder(draft: Path, target: Path) -> None:
    """Replace a folder by a finished one: a reader sees the old one, none for a moment, or the new one."""
    recover_folder(target)
    old = _replaced(target)
    if target.exists():
        target.rename(old)
    try:
        draft.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    sync(target.parent)
    remove(old)


def recover_folder(target: Path) -> None:
    """Finish what a writer killed within `replace_folder` has begun: put the old folder back, or throw it away."""
    old = _replaced(target)
    if old.exists() and not target.exists():
        old.rename(target)
    remove(old)


def _replaced(target: Path) -> Path:
    return Path(sibling(target, ".old", hidden=True))


def files_in(folder: str | Path, ending: str) -> list[str]:
    """List the files right in a folder or URL whose names have this ending, by name."""
    if is_remote(folder):
        fs, path = filesystem(folder)
        return sorted(str(fs.unstrip_protocol(file)) for file in fs.ls(path, detail=False) if file.endswith(ending))
    return sorted(str(path) for path in Path(folder).glob(f"*{ending}"))


def cache_folder() -> Path:
    """Give the user's cache folder of this package, which need not be there yet.

    MNIST_DATA_CACHE names the folder that it lies in; else XDG_CACHE_HOME does, else it is ~/.cache.
    """
    named = os.environ.get("MNIST_DATA_CACHE", "")
    base = os.environ.get("XDG_CACHE_HOME") if named.lower() in ("", CACHE_OFF) else named
    return Path(base or Path.home() / ".cache") / "mnist-data"


def results_folder(name: str) -> Path | None:
    """Give a folder of the cache for results that can be had again, which need not be there yet.

    None where MNIST_DATA_CACHE=off forbids it (downloads are kept even so), and where the user has no home folder.
    """
    if os.environ.get("MNIST_DATA_CACHE", "").lower() == CACHE_OFF:
        return None
    try:
        return cache_folder() / name
    except RuntimeError:  # of Path.home
        return None


def identity(location: str) -> tuple[object, ...]:
    """Tell one state of a file from another without reading it: its place, size and time, or the store's own mark."""
    if is_remote(location):
        fs, path = filesystem(location)
        return (location, str(fs.ukey(path)))
    # A path may go on into an archive, which is then the file.
    file = next((path for path in (Path(location), *Path(location).parents) if path.exists()), Path(location))
    stat = file.stat()
    return (str(Path(location).resolve()), stat.st_size, stat.st_mtime_ns)


def size_of(location: str) -> int:
    """Give the bytes of a file."""
    if is_remote(location):
        fs, path = filesystem(location)
        return int(fs.size(path))
    return Path(location).stat().st_size


def sha256_of(path: Path) -> str:
    """Hash a local file, in hexadecimal."""
    with naming(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
