"""Standard streams that are closed, whose reader has gone, or whose disk is full: the work goes on, or says why not."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

NAMES = {1: "standard output", 2: "standard error"}


class _Output(io.FileIO):
    """A standard stream; once its reader has gone (head, less), what is written to it goes nowhere."""

    def write(self, data: Any) -> int:
        """Write bytes, and say how many. Raises OSError once, which names the stream, where its disk is full."""
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # what is still held back would fail again at the end of Python
            os.close(nowhere)
            if isinstance(error, BrokenPipeError):
                return len(memoryview(data).cast("B"))
            raise OSError(error.errno, error.strerror, NAMES[self.fileno()]) from error


def prepare_streams() -> None:
    """Make stdout and stderr streams that can be written to, whatever they were when the process began.

    A descriptor that is closed would be given to the next file that is opened, and what is printed would go into it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the lowest number that is free
    sys.stdout, sys.stderr = _output(1, sys.stdout), _output(2, sys.stderr)


def _output(descriptor: int, stream: Any) -> io.TextIOWrapper:
    """Open a standard stream anew, in its encoding; a terminal without × or → gets a question mark."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    raw = _Output(descriptor, "wb", closefd=False)
    buffer = io.BufferedWriter(raw)
    lines = descriptor == 2 or raw.isatty()
    return io.TextIOWrapper(buffer, encoding, "replace", line_buffering=lines, write_through=lines)


def flush() -> None:
    """Write what is still held back. Raises OSError, which names the stream, where its disk is full."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
