"""The files in a zip or tar archive, packed or not: listed, and read one after another.

A path may go on into an archive, as in downloads/mnist.zip/raw/train-images-idx3-ubyte.
"""

from __future__ import annotations

import re
import struct
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from tarfile import EOFHeaderError, HeaderError, ReadError, TarFile  # type: ignore[attr-defined]
from typing import IO, Self, cast

from mnist_data import storage
from mnist_data.errors import DamagedArchive, NoDataset, UnreadableInput
from mnist_data.idx.decoders import DAMAGE, PeekedStream, container_of, decoded
from mnist_data.idx.spool import spooled

PIECE_BYTES = 1 << 18
"""Bytes of a file in an archive that are read at a time."""

READS_AT_END = 8
"""Reads that may find nothing more: the last block of a tar takes one, and its header another."""

NAMED = 5
"""Files that a message names."""

MOST_WORDS = 160
"""Characters of a library's message that are quoted."""

INNER = re.compile(r"\.(zip|tar|tgz|tbz2|txz|tar\.\w+|zip\.(gz|bz2|xz|zst))$", re.IGNORECASE)
"""How the names of archives end that are read within another."""

MANY = 0xFFFF
"""What the end of a zip has as a number that needs more than 16 bits."""

LAST_PART, JOIN = "the last part of a split zip archive", "Join its parts: zip -s 0 PARTS.zip --out WHOLE.zip."


@dataclass(frozen=True)
class Member:
    """A file in an archive. name: with / between folders. place: in the archive, by which it is read.

    inner: the place in an archive that lies at `place`, and is the folder of that name; None where the file lies there.
    """

    name: str
    place: int
    inner: int | None = None


class _CheckedHeader(tarfile.TarInfo):
    """A tar header whose damage is an error; tarfile takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile: TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:
            raise
        except HeaderError as cause:
            raise ReadError(str(cause)) from cause


class _EndingStream:
    """What a tar is read from. tarfile skips a file of any size step by step, also long after the archive has ended."""

    def __init__(self, stream: PeekedStream) -> None:
        self._stream, self._at_end = stream, 0

    def read(self, size: int) -> bytes:
        """Read some bytes. Raises EOFError where more is read after the end than the last block takes."""
        content = self._stream.read(size) or b""
        self._at_end = 0 if content else self._at_end + 1
        if self._at_end > READS_AT_END:
            raise EOFError("it ends within a file that it announces")
        return content


def outer_file(path: str | Path) -> tuple[Path, str] | None:
    """Take a path apart that goes on into a file: the file, and the name in it; None for any other path.

    >>> outer_file("no/such/file") is None
    True
    """
    whole = Path(path)
    if "://" in str(path) or whole.exists():
        return None
    for parent in whole.parents:
        if parent.is_file():
            return parent, whole.relative_to(parent).as_posix()
        if parent.exists():
            return None
    return None


def is_archive(path: str | Path) -> bool:
    """Say whether a local file is a zip or tar archive, packed or not, by its content."""
    if not Path(path).is_file():
        return False
    try:
        with storage.reading(path) as file:
            return container_of(decoded(file)[0].peek()) in ("zip", "tar")
    except DAMAGE:
        return False


def is_last_part(path: str | Path) -> bool:
    """Say whether a file is the last of a split zip: its end record has the number of its part, from 0."""
    part, _ = _end_record(path)
    return 0 < part < MANY


def _end_record(path: str | Path) -> tuple[int, int]:
    """Give the number of the part and of all files, as the end of a zip has them; (0, MANY) where there is no end."""
    with storage.reading(path) as file:
        file.seek(max(0, Path(path).stat().st_size - (1 << 16)))
        end = file.read()
    record = end[end.rfind(b"PK\x05\x06") :] if b"PK\x05\x06" in end else b""
    return struct.unpack_from("<4xH4xH", record) if len(record) >= 22 else (0, MANY)


def members(path: str | Path) -> list[Member]:
    """List the files of an archive in their order; of two with one name the last, as unpacking would keep it.

    An archive within it is a folder of its name, as in all.zip/train.tar.gz/5/0001.png; one within that is a file.
    Raises DamagedArchive for one that is cut off or altered, UnreadableInput for a part of a split one.
    """
    listed: dict[str, Member] = {}
    for place, name in enumerate(_names(str(path))):
        if INNER.search(name) and (inner := _inner(str(path), place)) is not None:
            below = enumerate(_names(inner, f"{path}/{name}"))
            listed |= {f"{name}/{own}": Member(f"{name}/{own}", place, number) for number, own in below if own}
        elif name:
            listed[name] = Member(name, place)
    return list(listed.values())


def member_files(path: str | Path, chosen: Collection[Member]) -> Iterator[tuple[Member, IO[bytes]]]:
    """Open files of an archive one after another: of a zip as they are asked for, of a tar in its own order.

    Each can be read until the next is asked for; links within a tar are left out. Raises what `members` raises, and
    UnreadableInput, which names the file, for one that cannot be opened.
    """
    for inner, own in _by_inner(str(path), chosen):
        yield from ((own[member], file) for member, file in member_files(inner, list(own)))
    chosen = [member for member in chosen if member.inner is None]
    if not chosen:
        return
    with _opened(str(path)) as archive:
        if isinstance(archive, zipfile.ZipFile):
            entries = archive.infolist()
            for member in chosen:
                yield member, _open_entry(path, archive, entries[member.place])
            return
        wanted = {member.place: member for member in chosen}
        for place, entry in enumerate(archive):
            if place in wanted and (file := archive.extractfile(entry)) is not None:
                yield wanted[place], file


def member_contents(path: str | Path, chosen: Collection[Member], limit: int) -> Iterator[tuple[Member, bytes | str]]:
    """Read files of an archive one after another: the bytes of each, or in words why it cannot be read.

    limit: of the bytes of one file, so that no memory is taken by what was packed a thousandfold. Raises DamagedArchive
    where a tar is damaged, as nothing after that can be read.
    """
    for inner, own in _by_inner(str(path), chosen):
        yield from ((own[member], content) for member, content in member_contents(inner, list(own), limit))
    chosen = [member for member in chosen if member.inner is None]
    if not chosen:
        return
    with _opened(str(path)) as archive:
        if isinstance(archive, tarfile.TarFile):
            wanted = {member.place: member for member in chosen}
            for place, entry in enumerate(archive):
                if place in wanted:
                    yield wanted[place], _content(archive.extractfile(entry) if entry.isreg() else None, limit)
            return
        entries = archive.infolist()
        for member in chosen:
            try:
                with _open_entry(path, archive, entries[member.place]) as file:
                    yield member, _content(file, limit)
            except UnreadableInput as cause:
                yield member, cause.found
            except DAMAGE as cause:
                yield member, f"its part of the archive is damaged ({_words(cause)})"


def _content(file: IO[bytes] | None, limit: int) -> bytes | str:
    if file is None:
        return "it is a link"
    content = bytearray()
    while len(content) <= limit and (piece := file.read(PIECE_BYTES)):  # which takes the memory that it is asked for
        content += piece
    return bytes(content) if len(content) <= limit else f"it has more than {limit:,} bytes"


@contextmanager
def open_member(path: Path, name: str) -> Iterator[IO[bytes]]:
    """Open one file of an archive. Raises NoDataset where there is none of that name, and what `members` raises."""
    found = [member for member in members(path) if member.name == name]
    with closing(member_files(path, found)) as files:  # type: ignore[type-var]
        for _, file in files:
            yield file
            return
    raise NoDataset(
        f"{path}/{name}",
        "there is no such file in the archive",
        "the name of a file in it",
        f"{Path(path).name} holds {', '.join(member.name for member in members(path)[:NAMED]) or 'none'}.",
    )


def _by_inner(path: str, chosen: Collection[Member]) -> Iterator[tuple[str, dict[Member, Member]]]:
    """Give each archive within one that chosen files lie in, and for each of its files which of the chosen it is."""
    groups: dict[int, dict[Member, Member]] = {}
    for member in chosen:
        if member.inner is not None:
            groups.setdefault(member.place, {})[Member(member.name, member.inner)] = member
    for place, own in groups.items():
        inner = _inner(path, place)
        if inner is not None:
            yield inner, own


def _inner(path: str, place: int) -> str | None:
    """Unpack the archive at a place in another; None where it is no archive."""
    return _unpacked_inner(path, place, storage.identity(path))


@lru_cache(maxsize=256)
def _unpacked_inner(path: str, place: int, _: tuple[object, ...]) -> str | None:
    """Unpack an archive within another. The third argument, the state of the file, makes a changed one another."""
    with closing(member_files(path, [Member("", place)])) as files:  # type: ignore[type-var]
        for _member, file in files:
            try:
                stream = decoded(file)[0]
                is_inner = container_of(stream.peek()) in ("zip", "tar")
                return spooled(path, stream.read) if is_inner else None
            except DAMAGE as cause:
                raise _damaged(path, cause) from cause
    return None


def unpacked_zip(path: str) -> str | None:
    """Give a file with the zip archive that a local file is: itself, or a copy where it is packed; None for no zip."""
    with storage.reading(path) as file:
        stream, packed = decoded(file)
        if container_of(stream.peek()) != "zip":
            return None
    return _unpacked_zip(path, storage.identity(path)) if packed else path


@lru_cache(maxsize=256)
def _unpacked_zip(path: str, _: tuple[object, ...]) -> str:
    """Unpack a zip. The second argument, the state of the file, makes a changed one another."""
    with storage.reading(path) as file:
        return spooled(path, decoded(file)[0].read)


@contextmanager
def _opened(path: str, name: str = "") -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    """Open an archive for reading from front to back; what is wrong with it is an error that names it.

    name: as messages call it, where that is not its path.
    """
    with storage.reading(path) as file:
        try:
            stream, _ = decoded(file)
            if container_of(stream.peek()) == "tar":
                with tarfile.open(
                    fileobj=cast(IO[bytes], _EndingStream(stream)), mode="r|", tarinfo=_CheckedHeader
                ) as tar:
                    yield tar
                while stream.read(1 << 16):  # the end, where it shows whether what is packed was cut off
                    pass
                return
            plain = unpacked_zip(path) or path
            with zipfile.ZipFile(plain) as archive:
                _, count = _end_record(plain)
                if count not in (MANY, len(archive.infolist())):
                    raise zipfile.BadZipFile(f"its list has {len(archive.infolist()):,} files of {count:,}")
                yield archive
        except DAMAGE as cause:
            raise _damaged(name or path, cause) from cause


def _damaged(path: str, cause: Exception) -> UnreadableInput:
    if Path(path).is_file() and is_last_part(path):
        return UnreadableInput(path, LAST_PART, "a whole archive", JOIN)
    return DamagedArchive(
        path,
        f"the archive is cut off or altered ({_words(cause)})",
        "a whole zip or tar archive",
        "Fetch it again: the most common cause is a broken download.",
    )


def _words(cause: Exception) -> str:
    """Give what a library says; not all of it where it quotes what was damaged."""
    words = str(cause) or type(cause).__name__
    return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}…"


def _names(path: str, name: str = "") -> list[str]:
    """Give the name of each entry of an archive, in its order; empty for what is no file. name: of it, for messages."""
    with _opened(path, name) as archive:
        if isinstance(archive, zipfile.ZipFile):
            names = (info.filename for info in archive.infolist())
            return ["" if not name or name.endswith("/") else _with_slashes(name) for name in names]
        return [
            _with_slashes(entry.name) if entry.isreg() or entry.islnk() or entry.issym() else "" for entry in archive
        ]


def _with_slashes(name: str) -> str:
    """Write a member's name as a path; some programs of Windows put backslashes into archives."""
    return PurePosixPath(name if "/" in name else name.replace("\\", "/")).as_posix().lstrip("/")


def _open_entry(path: str | Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
    if entry.flag_bits & 1:
        found, advice = "it is encrypted", "Unpack the archive with its password, and give the folder."
    else:
        try:
            return archive.open(entry)
        except NotImplementedError as cause:
            found, advice = f"it is packed in a rare way ({cause})", "Unpack the archive yourself, and give the folder."
        except DAMAGE as cause:
            found, advice = f"its part of the archive is damaged ({_words(cause)})", "Fetch the archive again."
    raise UnreadableInput(f"{path}/{entry.filename}", found, "a file that can be read", advice)
