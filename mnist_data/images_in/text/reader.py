"""Text that is read from front to back: its decoded bytes in pieces, each of which ends with a line."""

from __future__ import annotations

import codecs

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

HEAD_BYTES = 64
"""First bytes that say the encoding."""

UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""How text in UTF-16 begins."""


class TextReader:
    """The pieces of a text. lines: how many come before what is not used yet. blanks: bytes to be read as blanks."""

    def __init__(self, stream: DecodedStream, blanks: bytes = b"") -> None:
        self.lines = 0
        self._blanks = bytes.maketrans(blanks, b" " * len(blanks)) if blanks else None
        self._raw, self._stream = stream, _Utf8(stream, b"", None)
        self._buffer = bytearray()
        self._begin = self._cut = self._end = 0
        self._started = self._ended = False

    def text(self, more: bool = False) -> Bytes:
        """Give what is not used yet up to the end of a line; nothing where the text has ended.

        more: read on, for a line that ends within quotes is none. UTF-16 and UTF-32, as Excel and PowerShell save text,
        are given as UTF-8. Raises UnreadableInput for a line of more than LONGEST_LINE bytes.
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
        if not self._started:
            self._stream = _as_utf8(self._raw)
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


class _Utf8:
    """A stream whose first bytes have been read; text in another encoding is given in UTF-8."""

    def __init__(self, stream: DecodedStream, head: bytes, encoding: str | None) -> None:
        self.path, self._stream, self._head = stream.path, stream, head
        self._decoder = None if encoding is None else codecs.getincrementaldecoder(encoding)("replace")
        self._ended = False

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer as far as the stream goes; fewer bytes than requested mean that it has ended."""
        filled = 0
        while filled < len(buffer):
            if not self._head and self._decoder is None:
                return filled + self._stream.readinto(buffer[filled:])
            if not self._head:
                if self._ended:
                    break
                self._head = self._text(self._stream.read(PIECE_BYTES >> 2))
            count = min(len(self._head), len(buffer) - filled)
            buffer[filled : filled + count] = self._head[:count]
            self._head = self._head[count:]
            filled += count
        return filled

    def _text(self, raw: bytes) -> bytes:
        assert self._decoder is not None
        self._ended = not raw
        return self._decoder.decode(raw, final=self._ended).encode("utf-8", "replace")


def _as_utf8(stream: DecodedStream) -> _Utf8:
    head = stream.read(HEAD_BYTES)
    encoding = _encoding_of(head)
    given = _Utf8(stream, b"" if encoding else head, encoding)
    if encoding:
        given._head = given._text(head)
    return given


def _encoding_of(head: bytes) -> str | None:
    """Name the encoding of text whose first bytes are no UTF-8; None for UTF-8 and what is like it."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith(UTF_16):
        return "utf-16"
    return ("utf-16-be" if head[0] == 0 else "utf-16-le") if is_utf_16(head) else None


def is_utf_16(head: bytes) -> bool:
    """Say whether every second byte is 0, as of English text in UTF-16."""
    return len(head) >= 8 and any(not any(head[first::2]) and all(head[1 - first :: 2]) for first in (0, 1))


def decoded(raw: bytes) -> str:
    """Decode text that is UTF-8, or else Latin-1."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
