"""NumPy's .npz: images and labels of one or more splits, or one array a file in pairs. Pickles are never loaded.

Keras' mnist.npz has x_train, y_train, x_test, y_test; MedMNIST's train_images, train_labels, val_images, …; K49 and
Kannada-MNIST have a file for each array, which is called arr_0.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from mnist_data.errors import UnreadableInput
from mnist_data.images_in.array_sets import partners_of, sets_of
from mnist_data.images_in.arrays import ArrayStream, array_streams
from mnist_data.images_in.local_files import local_file
from mnist_data.images_in.npy import read_header, streamed
from mnist_data.images_in.stored import DAMAGE, StoredArray, damaged
from mnist_data.images_in.stream import Form, Options, Source

HEAD_BYTES = 300
"""Bytes of an archive in which the name of its first file stands."""


def open_npz(path: str) -> dict[str, StoredArray]:
    """Open the arrays of an .npz, by name. Raises UnreadableInput for a damaged one, and for arrays of objects."""
    arrays = {}
    file = path if Path(path).is_file() else local_file(path)
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".npy"):
                    name = member.filename.removesuffix(".npy")
                    arrays[name] = _member(path, file, archive, member, name)
    except DAMAGE as cause:
        raise damaged(path, cause) from cause
    return arrays


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
            f"{member.file_size - offset:,} bytes in {name!r}, whose header announces {announced:,}",
            "a whole .npz file",
            "Fetch it again.",
        )
    return streamed(path, partial(_stream, path, file, member), offset, shape, dtype, fortran=fortran)


@contextmanager
def _stream(path: str, file: str, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    try:
        with zipfile.ZipFile(file) as archive, archive.open(member) as stream:
            yield stream
    except DAMAGE as cause:
        raise damaged(path, cause) from cause


def _recognises(source: Source) -> bool:
    if not Path(source.path).is_file():  # it lies in an archive
        return source.head.startswith(b"PK\x03\x04") and b".npy" in source.head[:HEAD_BYTES]
    try:
        with zipfile.ZipFile(source.path) as archive:
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
