"""HDF5: datasets named as arrays are elsewhere, also in groups (train/data); MATLAB 7.3 writes it, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnist_data.errors import MissingExtra, UnreadableInput
from mnist_data.images_in.arrays.array_sets import sets_of
from mnist_data.images_in.arrays.array_stream import ArrayStream, array_streams
from mnist_data.images_in.arrays.matlab import struct_sets
from mnist_data.images_in.arrays.stored import DAMAGE, OpenArray, StoredArray, damaged
from mnist_data.images_in.local_files import local_file
from mnist_data.images_in.stream import Form, Options, Source

MAGIC = b"\x89HDF\r\n\x1a\n"
MATLAB = b"MATLAB 7.3"


def open_hdf5(path: str) -> dict[str, StoredArray]:
    """Open the datasets of a file, by their names with those of their groups; MATLAB's have their axes reversed.

    Raises MissingExtra without h5py, UnreadableInput for a damaged file, or a dataset that lies in another file.
    """
    try:
        import h5py
    except ImportError as cause:
        raise MissingExtra("h5py", "hdf5", f"Reading {path}, an HDF5 file,") from cause
    arrays: dict[str, StoredArray] = {}
    local = local_file(path)
    with Path(local).open("rb") as beginning:
        reverse = beginning.read(len(MATLAB)) == MATLAB

    def add(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or name.startswith("#") or not item.shape:
            return
        if item.external or item.is_virtual:
            raise UnreadableInput(
                path, f"a dataset {name!r} that lies in other files", "all data in the file itself", "Copy it into one."
            )
        text = h5py.check_string_dtype(item.dtype) is not None
        if text or item.dtype.kind in "buifSU":
            arrays[name] = OpenArray(path, item)
            arrays[name].reversed_axes = reverse

    try:
        file = h5py.File(local, "r")
        file.visititems(add)
    except (*DAMAGE, KeyError, TypeError) as cause:
        raise damaged(path, cause) from cause
    return arrays


def _recognises(source: Source) -> bool:
    return source.head.startswith((MAGIC, MATLAB))


def _streams(sources: Sequence[Source], options: Options) -> list[ArrayStream]:
    files = {}
    for source in sources:
        files[source.path] = open_hdf5(source.path)
    return array_streams(struct_sets(files) or sets_of(files), options)


FORM = Form("HDF5", (".h5", ".hdf5", ".hdf"), _recognises, _streams)
