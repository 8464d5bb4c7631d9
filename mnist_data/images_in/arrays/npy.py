"""NumPy's .npy: one array a file, so images and labels are a pair of files. Pickles are never loaded."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from mnist_data.batch import MAX_NUMPY_RANK, shape_text
from mnist_data.errors import UnreadableInput
from mnist_data.idx.compression import open_decoded
from mnist_data.images_in.arrays.array_sets import partners_of, sets_of
from mnist_data.images_in.arrays.array_stream import ArrayStream, array_streams
from mnist_data.images_in.arrays.stored import DAMAGE, OpenArray, StoredArray, StreamedArray, damaged, of_objects
from mnist_data.images_in.stream import Form, Options, Source

MAGIC = b"\x93NUMPY"

MOST_HEADER = 10_000
"""Bytes of a header, as NumPy allows."""

MOST_BYTES = 1 << 60
"""Of an array: more than any file holds, and the most that NumPy can count."""


def read_header(stream: Any, path: str, name: str = "") -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of an array: its shape, whether it is in Fortran order, and its type.

    name: of the array within its file. Raises UnreadableInput for what is no such array, or one of Python objects.
    """
    try:
        version = np.lib.format.read_magic(stream)
        length = stream.read(2 if version == (1, 0) else 4)
        if int.from_bytes(length, "little") > MOST_HEADER:  # NumPy would read it first
            raise ValueError(f"its header announces {int.from_bytes(length, 'little'):,} bytes of itself")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(io.BytesIO(length + stream.read(int.from_bytes(length, "little"))))
    except (*DAMAGE, SyntaxError, TokenError, TypeError, MemoryError, RecursionError) as cause:
        raise damaged(path, cause) from cause
    if dtype.hasobject:
        raise of_objects(path, name)
    size = math.prod(max(1, side) for side in shape) * dtype.itemsize
    if any(side < 0 for side in shape) or dtype.itemsize == 0 or len(shape) > MAX_NUMPY_RANK or size > MOST_BYTES:
        raise damaged(path, ValueError(f"its header announces {shape_text(shape)} of {dtype}"))
    return tuple(shape), bool(fortran), dtype


def open_npy(path: str) -> StoredArray:
    """Open a .npy file: memory-mapped, or where it is packed as a stream. Raises UnreadableInput for a single value."""
    with open_decoded(path) as stream:
        shape, fortran, dtype = read_header(stream, path)
        if not shape:
            raise UnreadableInput(
                path,
                f"a single value of {dtype}",
                "an array of images, or of a label for each",
                "Save the array itself: numpy.save(FILE, images).",
            )
        packed, offset = stream.container != "raw" or not Path(path).is_file(), stream.position
    if not packed and 0 not in shape:
        try:
            mapped = np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")
        except DAMAGE as cause:
            raise _cut_off(path, shape, dtype) from cause
        return OpenArray(path, mapped)
    return streamed(path, lambda: open_decoded(path), offset, shape, dtype, fortran=fortran)


def streamed(
    path: str, open_stream: Any, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], *, fortran: bool
) -> StoredArray:
    """Give an array behind a stream; one in Fortran order is read as a whole, since its items lie all over it."""
    if not fortran or len(shape) < 2:
        return StreamedArray(path, open_stream, offset, shape, dtype)
    reverse = StreamedArray(path, open_stream, offset, shape[::-1], dtype)
    return OpenArray(path, reverse.whole().T)


def _cut_off(path: str, shape: Sequence[int], dtype: np.dtype[Any]) -> UnreadableInput:
    size = Path(path).stat().st_size
    return UnreadableInput(
        path,
        f"{size:,} bytes, too few for {shape_text(shape)} values of {dtype}",
        "as many values as its header announces",
        "Fetch the file again.",
    )


def _recognises(source: Source) -> bool:
    return source.head.startswith(MAGIC)


def _streams(sources: Sequence[Source], options: Options) -> list[ArrayStream]:
    paths = [source.path for source in sources]
    if len(paths) == 1:
        paths += partners_of(paths[0], _siblings(paths[0]))
    return array_streams(sets_of({path: {"": open_npy(path)} for path in paths}), options)


def _siblings(path: str) -> list[Path]:
    return [other for other in sorted(Path(path).parent.glob("*.npy*")) if other != Path(path)]


FORM = Form(".npy", (".npy",), _recognises, _streams)
