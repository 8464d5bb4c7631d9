"""Sources that are no form of labelled images, or none that is read: what they are, and what to do."""

from __future__ import annotations

from pathlib import Path

from mnist_data.errors import UnreadableInput
from mnist_data.idx.archives import JOIN, LAST_PART, is_last_part
from mnist_data.idx.unread import unread
from mnist_data.images_in.stream import Source


def error_of(source: Source, readable: str) -> UnreadableInput:
    """Say what a file is that has no form that is read. readable: the forms that are, in words."""
    if Path(source.path).is_file() and is_last_part(source.path):
        return UnreadableInput(source.path, LAST_PART, readable, JOIN)
    other = unread(source.head)
    if other is not None:
        return UnreadableInput(source.path, other.what, readable, other.advice)
    return UnreadableInput(
        source.path, "no lines of numbers, and nothing else that is known", readable, "Check which file it is."
    )
