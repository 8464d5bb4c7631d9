"""Files that are no form of labelled images, or none that is read: what they are, and what to do."""

from __future__ import annotations

from mnist_data.errors import UnreadableInput
from mnist_data.images_in.stream import Source

BY_FIRST_BYTES: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "Fetch it with: git lfs pull."),
    (b"<", "a web page or an error message in XML", "The download failed: fetch the file again."),
    (b"{", "JSON, as error messages are", "The download failed: fetch the file again."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it first."),
    (b"Rar!", "a rar archive", "Unpack it first."),
    (b"PAR1", "a Parquet file of another make", "Save its images by numpy.savez(FILE, images=…, labels=…)."),
)
"""First bytes of what is not read, what it is, and what to do."""


def error_of(source: Source, readable: str) -> UnreadableInput:
    """Say what a file is that has no form that is read. readable: the forms that are, in words."""
    for magic, what, advice in BY_FIRST_BYTES:
        if source.head.lstrip().startswith(magic):
            return UnreadableInput(source.path, what, readable, advice)
    return UnreadableInput(
        source.path, "no lines of numbers, and nothing else that is known", readable, "Check which file it is."
    )
