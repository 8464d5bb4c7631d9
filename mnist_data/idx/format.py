"""The IDX format: reading as a stream, writing, and errors that say what is wrong with a file.

The format (Yann LeCun, Corinna Cortes, Christopher Burges, "The MNIST database"): two zero bytes, a type code,
the rank, each dimension as a 32-bit big-endian number, then the values, big-endian, last dimension fastest.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from mnist_data import storage
from mnist_data.batch import array_shape, count_text, shape_text
from mnist_data.errors import DamagedArchive, NotIdx, TrailingBytes, TruncatedIdx, WrongUse
from mnist_data.idx.compression import DecodedStream, open_decoded
from mnist_data.idx.names import ByteOrder
from mnist_data.idx.unread import unread

TYPES: dict[int, str] = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
CODES: dict[str, int] = {name: code for code, name in TYPES.items()}
TYPE_NAMES: dict[str, str] = {
    "u1": "ubyte", "i1": "byte", "i2": "short", "i4": "int", "f4": "float", "f8": "double",
}  # fmt: skip

MAX_ITEM_BYTES = 1 << 28
"""The largest item accepted, 256 MiB: more is a damaged header, not an image."""

MAX_BATCH_BYTES = 1 << 26
"""The largest batch, 64 MiB, whatever number of rows was requested."""


FAR_TOO_LARGE = 1 << 27
"""A size that no file of this kind has; with its bytes exchanged, nearly every small one is as large."""


@dataclass(frozen=True)
class Header:
    """What the first bytes of an IDX file announce.

    dtype: the element type, big-endian as stored. shape: all dimensions, the first counts the items.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def items(self) -> int:
        """How many items the file should hold."""
        return self.shape[0]

    @property
    def item_shape(self) -> tuple[int, ...]:
        """The shape of one item: (28, 28) for MNIST's images, () for its labels."""
        return self.shape[1:]

    @property
    def array_shape(self) -> tuple[int, ...]:
        """The shape in which NumPy gets one item: flat where the rank is above NumPy's limit of 64."""
        return array_shape(self.item_shape)

    @property
    def item_bytes(self) -> int:
        """Bytes in one item."""
        return math.prod(self.item_shape) * self.dtype.itemsize

    @property
    def type_name(self) -> str:
        """The element type as file names spell it: ubyte, byte, short, int, float or double."""
        return TYPE_NAMES[self.dtype.str[1:]]

    def encode(self) -> bytes:
        """Give the bytes of this header.

        >>> Header(np.dtype("u1"), (60000, 28, 28)).encode().hex(" ", 4)
        '00000803 0000ea60 0000001c 0000001c'
        """
        if not 1 <= len(self.shape) <= 255 or any(not 0 <= size < 2**32 for size in self.shape):
            raise WrongUse(
                f"IDX holds arrays of 1 to 255 dimensions below 2**32, not of shape {shape_text(self.shape)}."
            )
        code = CODES.get(self.dtype.str[1:])
        if code is None:
            raise WrongUse(f"IDX has no type for {self.dtype.name} values; it has {', '.join(TYPE_NAMES.values())}.")
        return struct.pack(f">BBBB{len(self.shape)}I", 0, 0, code, len(self.shape), *self.shape)


class Reader:
    """One IDX file, read from front to back in batches. Memory is bounded by a batch, whatever the header claims."""

    def __init__(self, stream: DecodedStream, byte_order: ByteOrder = "big") -> None:
        self._stream = stream
        self.path = stream.path
        self.header = _read_header(stream, byte_order)

    @property
    def container(self) -> str:
        """The compression of the file."""
        return self._stream.container

    @property
    def sha256(self) -> str:
        """SHA-256 of the decoded bytes read so far; of the whole file once `batches` has ended."""
        return self._stream.sha256

    def content(self) -> str:
        """Read the rest of the file, and give the SHA-256 of all its decoded bytes. Raises what `batches` raises."""
        for _ in self.batches(1 << 16):
            pass
        return self.sha256

    def rows_at_once(self, rows: int) -> int:
        """Give the most items that `batches(rows)` yields at a time, at least one."""
        return max(1, min(rows, MAX_BATCH_BYTES // max(1, self.header.item_bytes)))

    def batches(self, rows: int) -> Iterator[npt.NDArray[Any]]:
        """Give all items in order, at most `rows` at a time, in native byte order.

        Raises TruncatedIdx or TrailingBytes where the content does not agree with the header; an iteration that ends
        without an error has checked the whole file.
        """
        done = 0
        rows = self.rows_at_once(rows)
        while done < self.header.items:
            count = min(rows, self.header.items - done)
            yield self._batch(count, done)
            done += count
        if self._stream.read(1):
            raise TrailingBytes(
                self.path,
                f"more bytes follow the last of the {_items(self.header)} that its header announces",
                "nothing after them",
                "Fetch the file again, or find out what was appended to it.",
            )

    def _batch(self, count: int, done: int) -> npt.NDArray[Any]:
        header = self.header
        batch = np.empty((count, *header.array_shape), header.dtype)
        view = memoryview(batch.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        try:
            filled = self._stream.readinto(view)
        except DamagedArchive as error:
            raise self._truncated(f"; {error.found}", complete=None) from error
        if filled < len(view):
            raise self._truncated("", complete=done + filled // max(1, header.item_bytes))
        return batch if header.dtype.itemsize == 1 else batch.astype(header.dtype.newbyteorder("="))

    def _truncated(self, why: str, complete: int | None) -> TruncatedIdx:
        header = self.header
        if complete is None:
            complete = (self._stream.position - len(header.encode())) // max(1, header.item_bytes)
        return TruncatedIdx(
            self.path,
            f"holds {complete:,} whole items{why}",
            f"{_items(header)}, as its header announces",
            "Fetch the file again: it was cut off, or its header is wrong.",
        )


def _items(header: Header) -> str:
    size = shape_text(header.item_shape)
    return f"{header.items:,} items" + (f" of {size}" if size else "")


def _read_header(stream: DecodedStream, byte_order: ByteOrder = "big") -> Header:
    start = stream.read(4)
    reverse = len(start) == 4 and start[2:] == b"\0\0" and start[1] in TYPES and 1 <= start[0] <= 4
    if reverse:
        if byte_order == "big":
            raise _little_endian(stream.path, f"a little-endian header ({start.hex(' ')})")
        start = start[::-1]
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or start[3] == 0:
        raise _not_idx(stream, start)
    sizes = stream.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise TruncatedIdx(
            stream.path,
            f"ends within its header, after {4 + len(sizes)} bytes",
            f"{4 + 4 * start[3]} bytes of header for {start[3]} dimensions",
            "Fetch the file again.",
        )
    shape, exchanged = (struct.unpack(f"{order}{start[3]}I", sizes) for order in "><")
    if reverse or _far_too_large(shape, exchanged):
        if byte_order == "big":
            found = f"sizes {shape_text(shape)}, which are {shape_text(exchanged)} if little-endian"
            raise _little_endian(stream.path, found)
        shape = exchanged
    header = Header(np.dtype(TYPES[start[2]]).newbyteorder(">" if byte_order == "big" else "<"), shape)
    # A size of 0 hides the others, but not from NumPy.
    size = math.prod(max(1, side) for side in shape[1:]) * header.dtype.itemsize
    if size > MAX_ITEM_BYTES:
        raise NotIdx(
            stream.path,
            f"its header announces items of {count_text(size)} bytes ({shape_text(shape[1:])})",
            f"items of at most {MAX_ITEM_BYTES:,} bytes",
            "Fetch the file again if its header is damaged; cut the images, or make them smaller, if it is right.",
        )
    return header


def _far_too_large(shape: Sequence[int], exchanged: Sequence[int]) -> bool:
    """Say whether sizes make sense only with their bytes exchanged: 28 is then 469,762,048."""
    return max(shape) >= FAR_TOO_LARGE and max(exchanged) < FAR_TOO_LARGE and math.prod(exchanged) > 0


def _little_endian(path: str, found: str) -> NotIdx:
    return NotIdx(path, found, "big-endian numbers, as IDX has them", "Read it with --byte-order little.")


def _not_idx(stream: DecodedStream, start: bytes) -> NotIdx:
    """Say what a file is whose first four bytes are no IDX header's."""
    other = unread(start + stream.read(1 << 12))
    if other is not None and len(start) in (0, 4):
        return NotIdx(stream.path, other.what, "an IDX file", other.advice)
    advice = "IDX begins with two zero bytes, a type code and the number of dimensions; check what was downloaded."
    found = f"content that begins with {start.hex(' ')}"
    if len(start) < 4:
        found = f"a file of {len(start)} bytes"
    elif start[:2] == b"\0\0":
        advice = f"Known type codes: {', '.join(f'0x{code:02X} {TYPE_NAMES[name]}' for code, name in TYPES.items())}."
        if start[3]:
            found = f"the type code 0x{start[2]:02X}, which IDX does not have"
    return NotIdx(stream.path, found, "an IDX file", advice)


@contextmanager
def open_idx(path: str | Path, byte_order: ByteOrder = "big") -> Iterator[Reader]:
    """Open an IDX file, compressed or not, and read its header.

    byte_order: of the values, and of the header where it shows; "big" is IDX's own.

    Raises NotIdx, TruncatedIdx, DamagedArchive or NoDataset, each naming the file.
    """
    with open_decoded(path) as stream:
        yield Reader(stream, byte_order)


def read(path: str | Path) -> npt.NDArray[Any]:
    """Read a whole IDX file into one array of its own shape and type, native byte order.

    Items of a file whose rank is above 64, NumPy's limit, are flat. Memory grows with what the file holds, not with
    what its header claims.
    """
    with open_idx(path) as reader:
        header = reader.header
        batches = list(reader.batches(MAX_BATCH_BYTES))
    native = header.dtype.newbyteorder("=")
    return np.concatenate(batches) if batches else np.empty((header.items, *header.array_shape), native)


class Writer:
    """Writes an IDX file batch by batch; `header` announces the items, `close` checks that all were written."""

    def __init__(self, file: IO[bytes], header: Header) -> None:
        self._file, self._header, self._rows = file, header, 0
        self._dtype = header.dtype.newbyteorder(">")
        file.write(header.encode())

    def write(self, batch: npt.NDArray[Any]) -> None:
        """Append items, (n, *item_shape). Raises WrongUse where the values do not fit the file's type."""
        if batch.shape[1:] != self._header.array_shape:
            raise WrongUse(f"Items of shape {batch.shape[1:]} cannot follow a header of {self._header.item_shape}.")
        stored = batch.astype(self._dtype)
        if not np.array_equal(stored, batch, equal_nan=batch.dtype.kind == "f"):
            raise WrongUse(f"Some values do not fit the IDX type {self._header.type_name}; choose a wider one.")
        self._file.write(stored.tobytes())
        self._rows += len(batch)

    def close(self) -> None:
        """Check that as many items were written as the header announces."""
        if self._rows != self._header.items:
            raise WrongUse(f"{self._rows} items were written after a header that announces {self._header.items}.")


def write(path: str | Path, array: npt.NDArray[Any]) -> None:
    """Write an array as one raw IDX file, whole or not at all.

    Raises WrongUse for a type that IDX does not have (bool, 64-bit integers, …); the path is then as it was.
    """
    header = Header(array.dtype.newbyteorder(">"), array.shape)
    header.encode()
    with storage.new_file(path) as draft, draft.open("wb") as file:
        writer = Writer(file, header)
        if array.size:
            writer.write(array)
            writer.close()
