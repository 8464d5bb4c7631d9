"""MATLAB's files: named variables, the images along the last axis (SVHN), or EMNIST's struct."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import count_text
from mnist_data.errors import UnreadableInput
from mnist_data.images_in.arrays.array_sets import ArraySet, sets_of
from mnist_data.images_in.arrays.array_stream import ArrayStream, array_streams
from mnist_data.images_in.arrays.mat_elements import check_elements
from mnist_data.images_in.arrays.stored import DAMAGE, MAX_WHOLE_BYTES, OpenArray, StoredArray, damaged
from mnist_data.images_in.local_files import local_file
from mnist_data.images_in.stream import Form, Options, Source

MAGIC = b"MATLAB 5.0"

MOST_UNPACKED = 1_040
"""Bytes that a byte of a file can be unpacked to, at most: deflate has 1,032."""

EMNIST = "dataset"
"""The struct that holds all of an EMNIST file: train and test, each with images, labels and writers; and a mapping."""


def open_mat(path: str) -> dict[str, StoredArray]:
    """Open the variables of a MATLAB 5 file; the fields of a struct as dataset/train/images.

    Such a file is read as a whole. Raises UnreadableInput for a damaged one, and for one that is too large for memory.
    """
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError

    file = local_file(path)
    # NameError: SciPy's own reader can leave a variable without a value.
    broken = (*DAMAGE, MatReadError, LookupError, TypeError, AttributeError, MemoryError, NameError, struct.error)
    try:
        with Path(file).open("rb") as opened:
            check_elements(opened, Path(file).stat().st_size)
        values = sum(math.prod(shape) for _, shape, _ in whosmat(file))
        if values > MOST_UNPACKED * Path(file).stat().st_size:
            raise ValueError(f"its headers announce {count_text(values)} values, more than it can hold")
        if values > MAX_WHOLE_BYTES:
            raise UnreadableInput(
                path,
                f"variables of {count_text(values)} values, which would all be read at once",
                f"at most {MAX_WHOLE_BYTES:,}",
                "Save it as MATLAB 7.3 (save -v7.3), which is read piece by piece.",
            )
        variables = loadmat(file, chars_as_strings=True)
    except broken as cause:
        raise damaged(path, cause) from cause
    arrays: dict[str, StoredArray] = {}
    for name, value in variables.items():
        if not name.startswith("__"):
            arrays |= {full: OpenArray(path, array) for full, array in _fields(name, value)}
    return arrays


def _fields(name: str, value: Any) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Give the arrays of a variable, those of a struct with its fields' names."""
    if not isinstance(value, np.ndarray):
        return
    if value.dtype.names and value.size == 1:
        for field in value.dtype.names:
            yield from _fields(f"{name}/{field}", value.reshape(-1)[0][field])
    elif value.dtype.kind in "buifUS" and value.ndim:
        yield name, value


class ColumnMajorArray(StoredArray):
    """Images that are stored flat and column by column, as MATLAB does: (n, side²) is read as (n, side, side)."""

    def __init__(self, flat: StoredArray) -> None:
        side = math.isqrt(flat.shape[1])
        self.path, self.dtype, self.shape, self._flat = flat.path, flat.dtype, (flat.shape[0], side, side), flat

    def blocks(self, count: int) -> Iterator[npt.NDArray[Any]]:
        """Give the images upright."""
        for block in self._flat.blocks(count):
            yield block.reshape(len(block), *self.shape[1:]).swapaxes(1, 2)


def struct_sets(files: Mapping[str, Mapping[str, StoredArray]]) -> list[ArraySet]:
    """Find the splits of a single file that holds EMNIST's struct; none where it does not.

    Its images are flat and column by column; its mapping gives the label and the character code of each class, by
    which labels are numbered from 0 here; the writers become the column `writer`.
    """
    ((path, arrays), *others) = files.items()
    splits = {"train", "test"} & {name.split("/")[1] for name in arrays if name.count("/") == 2}
    named = {split: {part: arrays.get(f"{EMNIST}/{split}/{part}") for part in ("images", "labels", "writers")}
             for split in sorted(splits)}  # fmt: skip
    mapping = arrays.get(f"{EMNIST}/mapping")
    flat = [parts["images"] for parts in named.values()]
    if others or mapping is None or not named or len(mapping.shape) != 2:
        return []
    if not all(
        images and len(images.shape) == 2 and math.isqrt(images.shape[1]) ** 2 == images.shape[1] for images in flat
    ):
        return []
    codes = _upright(mapping).astype(np.int64)
    names = tuple(chr(code) for code in codes[:, 1].tolist() if 0 <= code < 0x110000)
    sets = []
    for split, parts in named.items():
        labels, writers = parts["labels"], parts["writers"]
        assert parts["images"] is not None
        if labels is not None:
            labels = OpenArray(path, _numbered(path, labels.whole().reshape(-1), codes[:, 0]))
        columns = {} if writers is None else {"writer": writers}
        sets.append(ArraySet((path,), split, ColumnMajorArray(parts["images"]), labels, names, columns))
    return sets


def _upright(mapping: StoredArray) -> npt.NDArray[Any]:
    values = mapping.whole()
    return values if values.shape[1] in (2, 3) and values.shape[0] > 3 else values.T


def _numbered(path: str, labels: npt.NDArray[Any], values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give labels from 0 on, in the order of the mapping. Raises UnreadableInput for one that it does not have."""
    order = np.argsort(values)
    places = np.clip(np.searchsorted(values[order], labels), 0, len(values) - 1)
    numbers = order[places]
    wrong = values[numbers] != labels
    if wrong.any():
        raise UnreadableInput(
            path, f"the label {labels[wrong][0]}", "a label that its mapping names", "Fetch the file again."
        )
    return numbers.astype(np.int64)


def _recognises(source: Source) -> bool:
    return source.head.startswith(MAGIC)


def _streams(sources: Sequence[Source], options: Options) -> list[ArrayStream]:
    files = {source.path: open_mat(source.path) for source in sources}
    return array_streams(struct_sets(files) or sets_of(files), options)


FORM = Form("MATLAB", (".mat",), _recognises, _streams)
