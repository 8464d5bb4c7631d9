"""Unpacked copies of files that must be read at any place of theirs; they last as long as the process."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from functools import cache
from typing import Any

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.storage.temporary import TemporaryFolder

MAX_BYTES = 1 << 35
"""No file that takes more is unpacked."""

PIECE_BYTES = 1 << 20


def spooled(path: str, read: Callable[[int], bytes], suffix: str = "") -> str:
    """Copy what a function reads, some bytes at a time until there are no more, to a file; gives its path.

    path: for messages. suffix: of the copy's name. Raises UnreadableInput where it is too large.
    """
    copy: Any = tempfile.NamedTemporaryFile(dir=_folder(), suffix=suffix, delete=False)  # noqa: SIM115
    size = 0
    with copy, storage.naming(copy.name):
        while piece := read(PIECE_BYTES):
            size += len(piece)
            if size > MAX_BYTES:
                found = f"more than {MAX_BYTES:,} bytes once it is unpacked"
                raise UnreadableInput(path, found, "less", "Unpack it yourself, if it is right.")
            copy.write(piece)
    return str(copy.name)


@cache
def _folder() -> str:
    folder = TemporaryFolder()
    atexit.register(folder.cleanup)
    return folder.name
