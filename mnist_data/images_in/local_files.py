"""Files that must be read at any place of theirs, as HDF5 and Parquet: unpacked first where they are packed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import IO, cast

from mnist_data import storage
from mnist_data.idx.archives import open_member, outer_file
from mnist_data.idx.compression import DecodedStream, open_decoded
from mnist_data.idx.decoders import DAMAGE, container_of, decoded
from mnist_data.idx.spool import spooled


def local_file(path: str) -> str:
    """Give a file with the content of another: this itself, or an unpacked copy that lasts as long as the process.

    path: of a file, packed or not, or of one in an archive (x.zip/a.h5). An archive within it, as an .npz is one, is
    left as it is. Raises UnreadableInput where it is damaged, or too large.
    """
    if Path(path).is_file():
        with storage.reading(path) as file:
            if container_of(file.read(512)) == "raw":
                return path
    return _unpacked(path, storage.identity(path))


@lru_cache(maxsize=256)
def _unpacked(path: str, _: tuple[object, ...]) -> str:
    """Unpack a file. The second argument, the state of the file, makes a changed one another."""
    outer, suffix = outer_file(path), Path(path).suffix
    if outer is None:
        with open_decoded(path) as stream:
            return spooled(path, stream.read, suffix)
    with open_member(*outer) as file:
        try:
            content, containers = decoded(file)
        except DAMAGE as cause:
            raise DecodedStream(path, "zip", file)._damaged() from cause
        packed = " in ".join(reversed(containers)) or "raw"
        return spooled(path, DecodedStream(path, packed, cast(IO[bytes], content)).read, suffix)


def sha256_of(path: str) -> str:
    """Hash a file, or one in an archive as it is unpacked there."""
    return storage.sha256_of(Path(path if Path(path).is_file() else local_file(path)))
