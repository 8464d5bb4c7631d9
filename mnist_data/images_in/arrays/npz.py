"""NumPy's .npz: images and labels of one or more splits, or one array a file in pairs. Pickles are never loaded.

Keras' mnist.npz has x_train, y_train, x_test, y_test; MedMNIST's train_images, train_labels, val_images, …; K49 and
Kannada-MNIST have a file for each array, which is called arr_0.
"""

from __future__ import annotations

import importlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from mnist_data.batch import count_text
from mnist_data.errors import UnreadableInput
from mnist_data.idx.archives import unpacked_zip
from mnist_data.images_in.arrays.array_sets import partners_of, sets_of
from mnist_data.images_in.arrays.array_stream import ArrayStream, array_streams
from mnist_data.images_in.arrays.npy import read_header, streamed
from mnist_data.images_in.arrays.stored import DAMAGE, StoredArray, damaged
from mnist_data.images_in.local_files import local_file
from mnist_data.images_in.stream import Form, Options, Source

LOCAL_HEADER = 30
"""Bytes of the header before a member's name."""

CHUNK, STEP = 1 << 17, 1 << 18
"""Bytes that are read, and decoded, at a time."""

HEAD_BYTES = 300
"""Bytes of an archive in which the name of its first file stands."""


def open_npz(path: str) -> dict[str, StoredArray]:
    """Open the arrays of an .npz, by name. Raises UnreadableInput for a damaged one, and for arrays of objects."""
    arrays = {}
    file = _plain(path)
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".npy"):
                    name = member.filename.removesuffix(".npy")
                    arrays[name] = _member(path, file, archive, member, name)
    except DAMAGE as cause:
        raise damaged(path, cause) from cause
    return arrays


def _plain(path: str) -> str:
    """Give the file itself where it is a zip; a copy that is one where it is packed, or lies in an archive."""
    return (unpacked_zip(path) if Path(path).is_file() else local_file(path)) or path


def _member(path: str, file: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> StoredArray:
    with archive.open(member) as stream:
        shape, fortran, dtype = read_header(stream, path, name)
        offset = stream.tell()
    announced = dtype.itemsize
    for side in shape:
        announced *= side
    if offset + announced != member.file_size:
        raise UnreadableInput(
            path,
            f"{member.file_size - offset:,} bytes in {name!r}, whose header announces {count_text(announced)}",
            "a whole .npz file",
            "Fetch it again.",
        )
    return streamed(path, partial(_stream, path, file, member), offset, shape, dtype, fortran=fortran)


@contextmanager
def _stream(path: str, file: str, member: zipfile.ZipInfo) -> Iterator[Any]:
    """Open a member of an archive for reading; by isal where it is installed, which takes half the time."""
    try:
        with suppress(ImportError):
            library: Any = importlib.import_module("isal.isal_zlib")
            if member.compress_type in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
                with Path(file).open("rb") as content:
                    yield _Member(content, member, library)
                return
        with zipfile.ZipFile(file) as archive, archive.open(member) as stream:
            yield stream
    except DAMAGE as cause:
        raise damaged(path, cause) from cause


class _Member:
    """A member of an archive as a stream, by a library with zlib's functions; its checksum is checked."""

    def __init__(self, file: IO[bytes], member: zipfile.ZipInfo, library: Any) -> None:
        self._file, self._member, self._library = file, member, library
        file.seek(member.header_offset + LOCAL_HEADER - 4)  # the lengths of name and extra field stand at its end
        name, extra = struct.unpack("<HH", file.read(4))
        file.seek(name + extra, os.SEEK_CUR)
        self._left, self._pending = member.compress_size, b""
        self._decoder = library.decompressobj(wbits=-15)
        self._position, self._crc = 0, 0

    def readinto(self, buffer: memoryview) -> int:
        """Decode one step; 0 at the end. Raises zlib.error or BadZipFile on damage."""
        if self._member.compress_type == zipfile.ZIP_STORED:
            count = self._file.readinto(buffer[: min(STEP, self._left)])  # type: ignore[attr-defined]
            self._left -= count
            self._count(buffer[:count])
            return int(count)
        decoded = b""
        while not decoded and not self._decoder.eof:
            chunk = self._pending or self._file.read(min(CHUNK, self._left))
            self._left -= 0 if self._pending else len(chunk)
            try:
                decoded = self._decoder.decompress(chunk, min(len(buffer), STEP))
            except self._library.error as cause:
                raise zlib.error(str(cause)) from cause
            self._pending = self._decoder.unconsumed_tail
            if not chunk and not decoded:
                break
        buffer[: len(decoded)] = decoded
        self._count(decoded)
        return len(decoded)

    def _count(self, decoded: bytes | memoryview) -> None:
        self._position += len(decoded)
        self._crc = self._library.crc32(decoded, self._crc)
        if self._position >= self._member.file_size and self._crc != self._member.CRC:
            raise zipfile.BadZipFile(f"the checksum of {self._member.filename} is another")


def _recognises(source: Source) -> bool:
    if not Path(source.path).is_file():  # it lies in an archive
        return source.head.startswith(b"PK\x03\x04") and b".npy" in source.head[:HEAD_BYTES]
    try:
        with zipfile.ZipFile(_plain(source.path)) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except DAMAGE:
        return False


def _streams(sources: Sequence[Source], options: Options) -> list[ArrayStream]:
    files = {source.path: open_npz(source.path) for source in sources}
    ((path, arrays), *others) = files.items()
    if not others and len(arrays) == 1:
        siblings = [other for other in sorted(Path(path).parent.glob("*.npz")) if other != Path(path)]
        partners = partners_of(path, siblings)
        files |= {partner: held for partner in partners if len(held := open_npz(partner)) == 1}
    return array_streams(sets_of(files), options)


FORM = Form(".npz", (".npz",), _recognises, _streams)
