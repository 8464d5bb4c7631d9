"""Files that must be read at any place of theirs, as HDF5 and Parquet: unpacked first where they are packed."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, Any, cast

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.idx.archives import open_member, outer_file
from mnist_data.idx.compression import DecodedStream, open_decoded
from mnist_data.idx.decoders import DAMAGE, container_of, decoded

MAX_BYTES = 1 << 35
"""No file that takes more is unpacked."""


def local_file(path: str) -> str:
    """Give a file with the content of another: this itself, or an unpacked copy that lasts as long as the process.

    path: of a file, packed or not, or of one in an archive (x.zip/a.h5). An archive within it, as an .npz is one, is
    left as it is. Raises UnreadableInput where it is damaged, or too large.
    """
    if Path(path).is_file():
        with Path(path).open("rb") as file:
            if container_of(file.read(512)) == "raw":
                return path
    return _unpacked(path, storage.identity(path))


@lru_cache(maxsize=256)
def _unpacked(path: str, _: tuple[object, ...]) -> str:
    """Unpack a file. The second argument, the state of the file, makes a changed one another."""
    copy = tempfile.NamedTemporaryFile(dir=_folder(), suffix=Path(path).suffix, delete=False)  # noqa: SIM115
    outer = outer_file(path)
    with copy:
        if outer is None:
            with open_decoded(path) as stream:
                _copy(path, stream, copy)
        else:
            with open_member(*outer) as file:
                try:
                    content, containers = decoded(file)
                except DAMAGE as cause:
                    raise DecodedStream(path, "zip", file)._damaged() from cause
                packed = " in ".join(reversed(containers)) or "raw"
                _copy(path, DecodedStream(path, packed, cast(IO[bytes], content)), copy)
    return copy.name


def _copy(path: str, stream: DecodedStream, copy: Any) -> None:
    while chunk := stream.read(1 << 20):
        copy.write(chunk)
        if stream.position > MAX_BYTES:
            found = f"more than {MAX_BYTES:,} bytes once it is unpacked"
            raise UnreadableInput(path, found, "less", "Unpack it yourself, if it is right.")


@cache
def _folder() -> str:
    folder = tempfile.TemporaryDirectory(prefix="mnist-data-")
    atexit.register(folder.cleanup)
    return folder.name


def sha256_of(path: str) -> str:
    """Hash a file, or one in an archive as it is unpacked there."""
    return storage.sha256_of(Path(path if Path(path).is_file() else local_file(path)))
