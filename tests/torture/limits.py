"""What one try may take: processor time, memory, and a way out of a hang."""

from __future__ import annotations

import gc
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SECONDS = 1.0
"""Processor time that a small file may take."""

HANG_SECONDS = 10.0
"""Time after which a try that waits, or works, is ended."""

BYTES = 64 << 20
"""Memory beyond what the process had before, resident, that a small file may take."""

ADDRESSES = 4 << 30
"""Memory that may be asked for, whether it is used or not: a header must not reserve a machine."""

_PAGE = resource.getpagesize()


class Hangs(BaseException):
    """A try that has not ended in time; no `except Exception` holds it up."""


class OverLimitError(AssertionError):
    """A try that took more time or memory than it may."""


def _raise(number: int, frame: FrameType | None) -> None:
    raise Hangs(f"no end after {HANG_SECONDS:g} s")


def _statm(field: int) -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123  (a million times)
        return int(file.read().split()[field]) * _PAGE


def _reset_peak() -> int:
    """Forget the highest resident memory where Linux lets us, and give what counts as the highest now."""
    with suppress(OSError), open("/proc/self/clear_refs", "wb", buffering=0) as file:  # noqa: PTH123  (one call)
        file.write(b"5")
    return _peak()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def bounded() -> Iterator[None]:
    """Bound the addresses of this process, and end what hangs; both are as they were afterwards."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, _raise)
    resource.setrlimit(resource.RLIMIT_AS, (_statm(0) + ADDRESSES, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def within_limits(work: Callable[[], object], allowed: int = BYTES) -> None:
    """Do something. Raises OverLimitError where it took more than SECONDS of processor time, or memory than allowed.

    Within `bounded`, so that Hangs is raised where it does not end. Memory is the highest that was resident, by the
    kernel's own count. Where that cannot be reset, a try is noticed that takes more than every one before it.
    """
    peak, resident, begin = _reset_peak(), _statm(1), time.process_time()
    signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
    try:
        work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if (seconds := time.process_time() - begin) > SECONDS:
        raise OverLimitError(f"{seconds:.2f} s of processor time")
    if (now := _peak()) > peak and now - resident > allowed:
        gc.collect()
        raise OverLimitError(f"{(now - resident) >> 20} MiB of memory")
