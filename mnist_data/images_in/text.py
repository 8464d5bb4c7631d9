"""Text that is read from front to back: its decoded bytes in pieces, each of which ends with a line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput
from mnist_data.idx.compression import DecodedStream

Bytes = npt.NDArray[np.uint8]

SKIPPED, TEXT_LABEL, LABEL = -1, -2, -3
"""Where a cell goes that is no pixel: a pixel has its place from 0."""

UNFINISHED, CELLS, NO_NUMBER, ORDER, OUTSIDE = 1, 2, 3, 4, 5
"""Why a parser stopped before its rows were full or its text was used up: in a row, which it has not used.

A quote goes on behind the text; too few or too many cells; no number; indices that do not ascend, or are too large.
"""

PIECE_BYTES = 1 << 22
"""Bytes that are read at a time."""

LONGEST_LINE = 1 << 25
"""Bytes of the longest line that is read: an image of 2,048×2,048 in three channels has fewer."""

UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""How text in UTF-16 begins."""


class TextReader:
    """The pieces of a text. lines: how many come before what is not used yet. blanks: bytes to be read as blanks."""

    def __init__(self, stream: DecodedStream, blanks: bytes = b"") -> None:
        self.lines = 0
        self._blanks = bytes.maketrans(blanks, b" " * len(blanks)) if blanks else None
        self._stream = stream
        self._buffer = bytearray()
        self._begin = self._cut = self._end = 0
        self._started = self._ended = False

    def text(self, more: bool = False) -> Bytes:
        """Give what is not used yet up to the end of a line; nothing where the text has ended.

        more: read on, for a line that ends within quotes is none. Raises UnreadableInput for UTF-16 and for a line of
        more than LONGEST_LINE bytes.
        """
        while (more or self._begin == self._cut) and not self._ended:
            self._read()
            more = False
        return np.frombuffer(self._buffer, np.uint8, self._cut - self._begin, self._begin)

    def use(self, count: int, lines: int) -> None:
        """Mark bytes and lines as used."""
        self._begin += count
        self.lines += lines

    def skip(self, count: int, lines: int) -> None:
        """Pass over the first bytes and lines."""
        while count:
            step = min(count, len(self.text()))
            self.use(step, 0)
            count = count - step if step else 0
        self.lines += lines

    def _read(self) -> None:
        """Move what is left to the front, and fill the rest of the buffer."""
        left = self._end - self._begin
        # A view of the old buffer may be in use, so that it can neither be resized nor be written to.
        buffer = bytearray(max(PIECE_BYTES, 2 * left) + 1)
        buffer[:left] = memoryview(self._buffer)[self._begin : self._end]
        with memoryview(buffer) as view:
            count = self._stream.readinto(view[left:-1])
        if self._blanks:
            buffer[left : left + count] = buffer[left : left + count].translate(self._blanks)
        self._ended = count < len(buffer) - 1 - left
        self._buffer, self._begin, self._end = buffer, 0, left + count
        if not self._started:
            self._start()
        cut = buffer.rfind(b"\n", 0, self._end)
        if cut < 0:  # a return that is the last byte may be half of a line's end
            cut = buffer.rfind(b"\r", 0, self._end if self._ended else self._end - 1)
        if cut < 0 and self._end > LONGEST_LINE:
            raise self._too_long()
        if self._ended and self._end > cut + 1:
            buffer[self._end] = 0x0A
            cut, self._end = self._end, self._end + 1
        self._cut = cut + 1

    def _start(self) -> None:
        """Pass over the mark with which Windows begins UTF-8."""
        self._started = True
        head = bytes(self._buffer[: min(64, self._end)])
        if head.startswith(UTF_16) or is_utf_16(head):
            raise UnreadableInput(
                self._stream.path,
                "text in UTF-16, as Excel and PowerShell save it",
                "text in UTF-8",
                "Save it as UTF-8, or: iconv -f UTF-16 -t UTF-8 FILE > NEW.",
            )
        if head.startswith(b"\xef\xbb\xbf"):
            del self._buffer[:3]
            self._end -= 3

    def _too_long(self) -> UnreadableInput:
        return UnreadableInput(
            f"{self._stream.path}, line {self.lines + 1:,}",
            f"a line of more than {LONGEST_LINE >> 20} MiB",
            "a line for each image",
            "Check which file it is: its line ends may be lost, or a quote may have no end.",
        )


def is_utf_16(head: bytes) -> bool:
    """Say whether every second byte is 0, as of English text in UTF-16."""
    return len(head) >= 8 and any(not any(head[first::2]) and all(head[1 - first :: 2]) for first in (0, 1))


def decoded(raw: bytes) -> str:
    """Decode text that is UTF-8, or else Latin-1."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
