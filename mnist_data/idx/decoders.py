"""Undoing compression as a stream: gzip, bzip2, xz, lzma, zstd and lz4, also one in another, detected by content."""

from __future__ import annotations

import bz2
import importlib
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, cast

MAGIC: dict[bytes, str] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x5d\x00\x00": "lzma",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # an empty archive
}

HEAD_BYTES = 512
"""First bytes of a stream that say what it is: as many as a tar archive's first header."""

LAYERS = 3
"""How often a file can be packed: as .tar.gz, or by a browser that packs what is packed already."""

# What the decoders raise on damage, and the standard library for a zip or tar that is damaged. EOFError: cut off;
# OSError: gzip.BadGzipFile and pyarrow's zstd and lz4; NotImplementedError: a zip of a later version.
DAMAGE = (
    *(EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
    *(struct.error, ValueError, OverflowError, RuntimeError, NotImplementedError),
)


def container_of(head: bytes) -> str:
    """Name the compression or archive that the first bytes of a file announce.

    >>> container_of(bytes.fromhex("1f8b0808"))
    'gzip'
    >>> container_of(bytes.fromhex("00000803"))
    'raw'
    """
    if head[257:262] == b"ustar":
        return "tar"
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), "raw")


class PeekedStream(io.RawIOBase):
    """A stream whose first bytes can be looked at before it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream, self._head = stream, b""
        self._damage: Exception | None = None

    def peek(self, size: int = HEAD_BYTES) -> bytes:
        """Give the first bytes, fewer where the stream ends or is damaged; reading begins with them."""
        while len(self._head) < size and self._damage is None:
            buffer = bytearray(size - len(self._head))
            try:
                count = self._stream.readinto(buffer)  # type: ignore[attr-defined]
            except DAMAGE as cause:
                self._damage = cause  # raised when the reader comes to it
                break
            if not count:
                break
            self._head += buffer[:count]
        return self._head[:size]

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, first with what was looked at."""
        if self._head:
            view = memoryview(buffer)
            count = min(len(view), len(self._head))
            view[:count] = self._head[:count]
            self._head = self._head[count:]
            return count
        if self._damage is not None:
            raise self._damage
        return int(self._stream.readinto(buffer))  # type: ignore[attr-defined]


def decoded(file: IO[bytes]) -> tuple[PeekedStream, tuple[str, ...]]:
    """Undo the compression of a file: the stream, and the names of what was undone, the outermost first.

    What is left may be an archive. Raises one of DAMAGE where a header is broken.
    """
    stream = PeekedStream(file)
    names: list[str] = []
    while len(names) < LAYERS and (decoder := DECODERS.get(name := container_of(stream.peek()))):
        stream = PeekedStream(decoder(cast(IO[bytes], stream)))
        names.append(name)
    return stream, tuple(names)


def gzip_stream(file: IO[bytes]) -> IO[bytes]:
    """Decode gzip by isal where it is installed (half the time), else by the standard library."""
    for name in ("isal.isal_zlib", "zlib"):
        with suppress(ImportError):
            return cast(IO[bytes], _GzipStream(file, importlib.import_module(name)))
    raise AssertionError("the standard library always has zlib")


class _GzipStream:
    """The members of a gzip file as one stream, by any module with zlib's `decompressobj`.

    The libraries' own gzip files differ in what they raise on damage, and in how much they return before that.
    """

    def __init__(self, file: IO[bytes], library: Any) -> None:
        self._file, self._library = file, library
        self._decoder = self._new_member()
        self._pending = b""

    def _new_member(self) -> Any:
        return self._library.decompressobj(wbits=16 + 15)  # 16: a gzip header, its CRC and its length are checked

    def readinto(self, buffer: memoryview) -> int:
        """Decode one step into the buffer; 0 at the end. Raises EOFError or zlib.error on damage."""
        while True:
            if self._decoder.eof and not self._next_member():
                return 0
            chunk = self._pending or self._file.read(1 << 17)
            try:
                decoded = self._decoder.decompress(chunk, min(len(buffer), 1 << 18))
            except self._library.error as cause:
                raise zlib.error(str(cause)) from cause
            self._pending = self._decoder.unconsumed_tail
            if decoded:
                buffer[: len(decoded)] = decoded
                return len(decoded)
            if not chunk and not self._decoder.eof:
                raise EOFError("the gzip stream has no end")

    def _next_member(self) -> bool:
        """Begin the next member, after the zero bytes that may pad a gzip file; False where there is none."""
        rest = self._decoder.unused_data.lstrip(b"\0")
        while not rest:
            more = self._file.read(1 << 17)
            if not more:
                return False
            rest = more.lstrip(b"\0")
        self._decoder, self._pending = self._new_member(), rest
        return True


class _LzmaStream(lzma.LZMAFile):
    """An xz or lzma file; its header says how much memory is needed, up to 4 GiB, before anything is decoded."""

    def readinto(self, buffer: Any) -> int:
        """Decode into the buffer. Raises LZMAError on damage, and where that memory is not to be had."""
        try:
            return super().readinto(buffer)
        except MemoryError:
            raise lzma.LZMAError("its header asks for more memory than there is") from None


def _lzma_stream(file: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], _LzmaStream(file))


def _arrow_stream(codec: str) -> Callable[[IO[bytes]], IO[bytes]]:
    def stream(file: IO[bytes]) -> IO[bytes]:
        import pyarrow as pa

        return cast(IO[bytes], pa.CompressedInputStream(pa.PythonFile(file, "r"), codec))

    return stream


DECODERS: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
    "gzip": gzip_stream,
    "bzip2": lambda file: cast(IO[bytes], bz2.BZ2File(file)),
    "xz": _lzma_stream,
    "lzma": _lzma_stream,
    "zstd": _arrow_stream("zstd"),
    "lz4": _arrow_stream("lz4"),
}
"""What undoes each compression."""
