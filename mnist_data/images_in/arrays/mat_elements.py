"""Whether a MATLAB 5 file is made of what such files are made of: SciPy's reader, in C, crashes on some that are not.

The elements are those of "MAT-File Format" (The MathWorks, R2016a), chapter 1: a tag of type and size, then data; those
of a matrix are further elements.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import IO, Literal, Protocol

Order = Literal["<", ">"]

NUMBERS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18})
"""Types of elements that hold numbers or characters."""

TEXTS = frozenset({1, 2, 16})
INT32, UINT32, MATRIX, COMPRESSED = 5, 6, 14, 15
CELL, STRUCT, OBJECT, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 5, 16, 17
ARRAYS = frozenset(range(4, 16)) - {SPARSE}
"""Classes of matrices that are numbers or characters."""

COMPLEX = 0x0800
DEEPEST = 32
"""Matrices within each other, of cells and structs."""

LONGEST = 1 << 20
"""Bytes of the names of a struct's fields."""

PIECE = 1 << 16
BEYOND = "an element goes on after the end of what holds it"


class _Source(Protocol):
    """Bytes from front to back; `place` counts those that were read or skipped. Raises ValueError after their end."""

    place: int

    def read(self, size: int) -> bytes: ...

    def skip(self, size: int) -> None: ...


class _Plain:
    """The bytes of a file up to an end."""

    def __init__(self, file: IO[bytes], place: int, end: int) -> None:
        self._file, self.place, self.end = file, place, end

    def read(self, size: int) -> bytes:
        if size > self.end - self.place:
            raise ValueError(BEYOND)
        self.place += size
        return self._file.read(size)

    def skip(self, size: int) -> None:
        if size > self.end - self.place:
            raise ValueError(BEYOND)
        self.place += size
        self._file.seek(self.place)


class _Packed:
    """The bytes that a packed element of a file holds."""

    def __init__(self, packed: _Plain) -> None:
        self._packed, self._decoder, self._ready, self.place = packed, zlib.decompressobj(), b"", 0

    def read(self, size: int) -> bytes:
        while len(self._ready) < size:
            self._ready += self._more()
        taken, self._ready = self._ready[:size], self._ready[size:]
        self.place += size
        return taken

    def skip(self, size: int) -> None:
        while size:
            self._ready = self._ready or self._more()
            passed = min(len(self._ready), size)
            self._ready, size, self.place = self._ready[passed:], size - passed, self.place + passed

    def _more(self) -> bytes:
        while True:
            tail = self._decoder.unconsumed_tail
            left = min(PIECE, self._packed.end - self._packed.place)
            if self._decoder.eof or not (tail or left):
                raise ValueError(BEYOND)
            if content := self._decoder.decompress(tail or self._packed.read(left), PIECE):
                return content


def check_elements(file: IO[bytes], size: int) -> None:
    """Raise ValueError or zlib.error where a MATLAB 5 file of so many bytes is damaged; files of other versions pass.

    file: at its first byte. What it holds is passed over in pieces: memory is bounded, whatever it announces.
    """
    head = file.read(128)
    if len(head) < 128 or 0 in head[:4] or head[126:] not in (b"IM", b"MI"):
        return
    order: Order = "<" if head[126:] == b"IM" else ">"
    place = len(head)
    while place < size:
        source = _Plain(file, place, size)
        kind, length, _ = _tag(source, order)
        place = source.place + length
        if kind == COMPRESSED:
            packed = _Packed(_Plain(file, source.place, min(place, size)))
            kind, length, _ = _tag(packed, order)
            _check_matrix(packed, kind, length, order, 0)
            file.seek(place)
        else:
            _check_matrix(source, kind, length, order, 0)


def _tag(source: _Source, order: Order) -> tuple[int, int, bytes | None]:
    """Read a tag: type, size, and the data where they are so short that the tag holds them."""
    raw = source.read(8)
    kind, size = struct.unpack(f"{order}II", raw)
    if kind >> 16 == 0:
        return kind, size, None
    if kind >> 16 > 4:
        raise ValueError("an element in its own tag has more than four bytes")
    return kind & 0xFFFF, kind >> 16, raw[4 : 4 + (kind >> 16)]


def _content(source: _Source, order: Order, kinds: frozenset[int], most: int) -> bytes:
    """Read a short element of one of some types."""
    kind, size, content = _tag(source, order)
    if kind not in kinds or size > most:
        raise ValueError(f"an element of type {kind} and {size:,} bytes stands where there is none of that kind")
    if content is None:
        content = source.read(size)
        source.skip(-size % 8)
    return content


def _pass_numbers(source: _Source, order: Order) -> None:
    kind, size, content = _tag(source, order)
    if kind not in NUMBERS:
        raise ValueError(f"numbers are of type {kind}")
    if content is None:
        source.skip(size)
        source.skip(-size % 8)


def _check_matrix(source: _Source, kind: int, length: int, order: Order, depth: int) -> None:
    """Check an element that is to be a matrix, and pass over it. An empty one has no elements of its own."""
    if kind != MATRIX:
        raise ValueError(f"an element of type {kind} stands where a matrix should")
    if depth > DEEPEST:
        raise ValueError(f"more than {DEEPEST} matrices lie within each other")
    end = source.place + length
    if length:
        _check_parts(source, end, order, depth)
    if source.place > end:
        raise ValueError(BEYOND)
    source.skip(end - source.place)


def _check_parts(source: _Source, end: int, order: Order, depth: int) -> None:
    flags = _content(source, order, frozenset({UINT32}), 8).ljust(4, b"\0")
    (flag,) = struct.unpack(f"{order}I", flags[:4])
    of_class, parts = flag & 0xFF, 2 if flag & COMPLEX else 1
    if of_class == OPAQUE:  # MATLAB's own objects, of which nothing is known: they are not read
        raise ValueError("it holds objects of MATLAB's own, which only MATLAB reads; save the arrays alone")
    sizes = _content(source, order, frozenset({INT32}), 4 * 64)
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes[: len(sizes) // 4 * 4])
    if not shape or min(shape) < 0:
        raise ValueError(f"a matrix has the sizes {shape}")
    _content(source, order, TEXTS, LONGEST)  # its name
    if of_class in ARRAYS or of_class == SPARSE:
        for _ in range(parts + (2 if of_class == SPARSE else 0)):
            _pass_numbers(source, order)
        return
    within = math.prod(shape)
    if of_class in (STRUCT, OBJECT):
        if of_class == OBJECT:
            _content(source, order, TEXTS, LONGEST)
        width = int.from_bytes(_content(source, order, frozenset({INT32}), 4), "little" if order == "<" else "big")
        within *= len(_content(source, order, TEXTS, LONGEST)) // max(1, width)
    elif of_class == FUNCTION:
        within = 1
    elif of_class != CELL:
        raise ValueError(f"a matrix is of class {of_class}")
    if 8 * within > end - source.place:
        raise ValueError(f"a matrix announces {within:,} others, more than it can hold")
    for _ in range(within):
        kind, length, _inline = _tag(source, order)
        _check_matrix(source, kind, length, order, depth + 1)
