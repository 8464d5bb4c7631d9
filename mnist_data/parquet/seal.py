"""Files that carry a hash of themselves, so that no altered byte in them is believed: models, tables and their kin."""

from __future__ import annotations

import hashlib
from mmap import mmap
from pathlib import Path

UNSEALED = hashlib.sha256(b"mnist-data: in the place of a hash").hexdigest()
"""What stands in a file in the place of its hash while that is calculated."""


def sealed(content: bytes) -> bytes:
    """Put the hash of a file's content into it, where UNSEALED stands.

    >>> content = sealed(b"weights " + UNSEALED.encode())
    >>> [is_sealed(other, content[-64:].decode()) for other in (content, content.replace(b"w", b"v"))]
    [True, False]
    """
    return content.replace(UNSEALED.encode(), _hash(content))


def seal_file(path: Path) -> None:
    """Put the hash of a large file into it, where UNSEALED stands last; it is not read into memory."""
    with path.open("r+b") as file, mmap(file.fileno(), 0) as content:
        place = content.rfind(UNSEALED.encode())
        content[place : place + len(UNSEALED)] = _hash(content)


def is_sealed(content: bytes, recorded: str) -> bool:
    """Say whether a file's content has the hash that it records."""
    if len(recorded) != len(UNSEALED) or not recorded.isascii():
        return False  # and a short text would be found everywhere
    return _hash(content.replace(recorded.encode(), UNSEALED.encode())) == recorded.encode()


def _hash(content: bytes | mmap) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
