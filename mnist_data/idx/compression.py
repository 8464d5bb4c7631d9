"""Opening a file whatever its compression, alone or in an archive: detected by content, never by name."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from mnist_data import storage
from mnist_data.errors import DamagedArchive, NoDataset, NotIdx
from mnist_data.idx.archives import Member, member_files, members, open_member, outer_file
from mnist_data.idx.decoders import DAMAGE, HEAD_BYTES, container_of, decoded


class DecodedStream:
    """A decoded byte stream that counts and hashes what was read, and names its file in errors."""

    def __init__(self, path: str, container: str, stream: IO[bytes]) -> None:
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
    """Open a local file, a file in a local archive (x.zip/raw/images) or an fsspec URL for its decoded bytes.

    Raises NoDataset where there is no such regular file, DamagedArchive for a broken archive and NotIdx for a
    zip or tar archive that holds several files.
    """
    name = str(path)
    with _open_binary(name) as file:
        try:
            stream, containers = decoded(file)
            container = container_of(stream.peek())
            if container == "zip" and not containers and file.seekable():
                file.seek(0)
                stream, containers = decoded(_only_member(name, zipfile.ZipFile(file)))
                containers, container = ("zip", *containers), "raw"
        except DAMAGE as cause:
            raise DecodedStream(name, container_of(_head(file)), file)._damaged() from cause
        packed = " in ".join(reversed(containers)) or "raw"
        if container not in ("zip", "tar"):
            yield DecodedStream(name, packed, cast(IO[bytes], stream))
            return
        with _only_file(name, container) as inner_file:
            stream, inner = decoded(inner_file)
            packed = " in ".join((*reversed(inner), container, *reversed(containers)))
            yield DecodedStream(name, packed, cast(IO[bytes], stream))


def decoded_files(archive: Path, chosen: Collection[Member]) -> Iterator[tuple[Path, DecodedStream]]:
    """Open files of an archive one after another, each as `open_decoded` does; each path goes on into the archive."""
    for member, file in member_files(archive, chosen):
        path = archive / member.name
        stream, containers = decoded(file)
        yield path, DecodedStream(str(path), " in ".join(reversed(containers)) or "raw", cast(IO[bytes], stream))


def _head(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(HEAD_BYTES)


@contextmanager
def _only_file(name: str, container: str) -> Iterator[IO[bytes]]:
    """Open the only file of a tar archive. Raises NotIdx for several, for none, and for an archive in another."""
    if container == "zip" or "://" in name or outer_file(name):
        raise NotIdx(name, f"a {container} archive within another", "a file", "Unpack it and give the folder.")
    files = members(name)
    if len(files) != 1:
        raise _not_one(name, container, [file.name for file in files])
    with open_member(Path(name), files[0].name) as file:
        yield file


@contextmanager
def _open_binary(name: str) -> Iterator[IO[bytes]]:
    if "://" in name:
        fs, remote = storage.filesystem(name)
        with fs.open(remote, "rb") as file:
            yield file
        return
    if parts := outer_file(name):
        with open_member(*parts) as file:
            yield file
        return
    if reason := storage.not_a_file(name):
        raise NoDataset(name, reason, "an IDX file", "Name a file, or a folder of IDX files.")
    with Path(name).open("rb", buffering=1 << 20) as file:
        yield file


def _not_one(name: str, container: str, files: list[str]) -> NotIdx:
    listed = ", ".join(files[:4]) + (", …" if len(files) > 4 else "")
    return NotIdx(
        name,
        f"a {container} archive of {len(files)} files ({listed})" if files else f"an empty {container} archive",
        f"a {container} archive of one IDX file",
        f"Name one of them as {name}/{files[0]}, or give the archive to convert." if files else "Fetch it again.",
    )


def _only_member(name: str, archive: zipfile.ZipFile) -> IO[bytes]:
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    if len(entries) != 1:
        raise _not_one(name, "zip", [entry.filename for entry in entries])
    if entries[0].flag_bits & 1:
        raise NotIdx(name, "an encrypted zip archive", "one without a password", "Unpack it and give the folder.")
    try:
        return archive.open(entries[0])
    except NotImplementedError as cause:
        raise NotIdx(
            name, f"a zip archive of a rare kind ({cause})", "an ordinary one", "Unpack it yourself."
        ) from cause
