"""Opening a file whatever its compression: gzip, xz, zstd, zip or none, detected by content, never by name."""

from __future__ import annotations

import hashlib
import importlib
import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal, cast

from mnist_data.errors import DamagedArchive, NoDataset, NotIdx

Container = Literal["gzip", "xz", "zstd", "zip", "raw"]

MAGIC: dict[bytes, Container] = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # an empty archive
}

# What the decoders raise on damage. EOFError: cut off; OSError: gzip.BadGzipFile and pyarrow's zstd.
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def container_of(head: bytes) -> Container:
    """Name the compression that the first bytes of a file announce.

    >>> container_of(bytes.fromhex("1f8b0808"))
    'gzip'
    >>> container_of(bytes.fromhex("00000803"))
    'raw'
    """
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), "raw")


class DecodedStream:
    """A decoded byte stream that counts and hashes what was read, and names its file in errors."""

    def __init__(self, path: str, container: Container, stream: IO[bytes]) -> None:
        self.path, self.container = path, container
        self.position = 0
        self._stream = stream
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """SHA-256 of the decoded bytes read so far, in hexadecimal."""
        return self._hash.hexdigest()

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer as far as the stream goes; fewer bytes than requested means that it has ended.

        Raises DamagedArchive where the compressed stream is broken.
        """
        filled = 0
        while filled < len(buffer):
            try:
                count = self._stream.readinto(buffer[filled:])  # type: ignore[attr-defined]
            except DAMAGE as cause:
                self._advance(buffer[:filled])
                raise self._damaged() from cause
            if not count:
                break
            filled += count
        self._advance(buffer[:filled])
        return filled

    def read(self, size: int) -> bytes:
        """Give the next `size` bytes, or fewer where the stream ends."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def _advance(self, given: memoryview) -> None:
        self._hash.update(given)
        self.position += len(given)

    def _damaged(self) -> DamagedArchive:
        if self.container == "raw":
            return DamagedArchive(
                self.path,
                "it cannot be read to its end",
                "a readable file",
                "Check the disk or the connection.",
            )
        return DamagedArchive(
            self.path,
            f"its {self.container} stream is cut off or altered after {self.position:,} decoded bytes",
            f"a whole {self.container} file",
            "Fetch it again: the most common cause is a broken download.",
        )


@contextmanager
def open_decoded(path: str | Path) -> Iterator[DecodedStream]:
    """Open a local file or an fsspec URL for reading its decoded bytes.

    Raises NoDataset where there is no such regular file, DamagedArchive for a broken archive and NotIdx for a
    zip archive that holds several files.
    """
    name = str(path)
    with _open_binary(name) as file:
        container = container_of(file.read(6))
        file.seek(0)
        try:
            stream = _decoder(name, container, file)
        except DAMAGE as cause:
            raise DecodedStream(name, container, file)._damaged() from cause
        yield DecodedStream(name, container, stream)


@contextmanager
def _open_binary(name: str) -> Iterator[IO[bytes]]:
    if "://" in name:
        import fsspec

        with fsspec.open(name, "rb") as file:
            yield file
        return
    path = Path(name)
    if not path.exists():
        raise NoDataset(name, "there is no such file", "an IDX file", "Check the path.")
    if not stat.S_ISREG(path.stat().st_mode):
        # Reading a pipe or a device could block forever.
        raise NoDataset(name, "it is not a regular file", "an IDX file", "Give a file, or a folder of IDX files.")
    with path.open("rb", buffering=1 << 20) as file:
        yield file


def _decoder(name: str, container: Container, file: IO[bytes]) -> IO[bytes]:
    if container == "gzip":
        return gzip_stream(file)
    if container == "xz":
        return cast(IO[bytes], lzma.LZMAFile(file))
    if container == "zstd":
        import pyarrow as pa

        return cast(IO[bytes], pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd"))
    if container == "zip":
        return _only_member(name, zipfile.ZipFile(file))
    return file


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


def _only_member(name: str, archive: zipfile.ZipFile) -> IO[bytes]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        listed = ", ".join(member.filename for member in members[:4]) + (", …" if len(members) > 4 else "")
        raise NotIdx(
            name,
            f"a zip archive of {len(members)} files ({listed})" if members else "an empty zip archive",
            "a zip archive of one IDX file",
            "Unpack it and give the folder.",
        )
    if members[0].flag_bits & 1:
        raise NotIdx(name, "an encrypted zip archive", "one without a password", "Unpack it and give the folder.")
    try:
        member = archive.open(members[0])
    except NotImplementedError as cause:
        raise NotIdx(
            name, f"a zip archive of a rare kind ({cause})", "an ordinary one", "Unpack it yourself."
        ) from cause
    head = member.read(6)
    member.seek(0)
    return gzip_stream(member) if container_of(head) == "gzip" else member
