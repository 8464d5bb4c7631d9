"""Arrays in files, read from front to back in blocks, so that memory is bounded by a block."""

from __future__ import annotations

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from mnist_data.batch import count_text
from mnist_data.errors import UnreadableInput

BLOCK_BYTES = 1 << 26
"""No block is larger than this, unless it is a single item."""

MAX_WHOLE_BYTES = 1 << 32
"""The largest array that is read as a whole, where its items do not lie one after the other."""

DAMAGE = (ValueError, OSError, EOFError, OverflowError, BadZipFile, zlib.error, NotImplementedError, RuntimeError)
"""What reading an altered file of arrays raises; RuntimeError of an encrypted archive."""


class StoredArray(ABC):
    """An array in a file. shape, dtype: of all of it.

    reversed_axes: its axes are in the opposite of the order that its writer sees, as MATLAB writes HDF5.
    """

    path: str
    reversed_axes = False
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @abstractmethod
    def blocks(self, count: int) -> Iterator[npt.NDArray[Any]]:
        """Give the items in order, at most `count` at a time and no more than BLOCK_BYTES."""

    def whole(self) -> npt.NDArray[Any]:
        """Give all of it. Raises UnreadableInput where it is too large for that."""
        size = math.prod(self.shape) * self.dtype.itemsize
        if size > MAX_WHOLE_BYTES:
            raise UnreadableInput(
                self.path,
                f"an array of {count_text(size)} bytes whose items do not lie one after the other",
                f"at most {MAX_WHOLE_BYTES:,} bytes of such an array",
                "Save it by numpy.save with the images along the first axis, in C order.",
            )
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        return np.concatenate(list(self.blocks(self.shape[0])))

    def first(self, count: int) -> npt.NDArray[Any]:
        """Give the first items, at most `count` of them and no more than a block."""
        return next(self.blocks(count), np.empty((0, *self.shape[1:]), self.dtype))

    def rows_at_once(self, count: int) -> int:
        """Give how many items a block may have."""
        return max(1, min(count, BLOCK_BYTES // max(1, math.prod(self.shape[1:]) * self.dtype.itemsize)))


class OpenArray(StoredArray):
    """What can be sliced along its first axis: an array in memory or memory-mapped, or a dataset of HDF5."""

    def __init__(self, path: str, values: Any) -> None:
        self.path, self._values = path, values
        self.shape, self.dtype = tuple(values.shape), values.dtype

    def blocks(self, count: int) -> Iterator[npt.NDArray[Any]]:
        """Give slices; of an array in memory without a copy. Raises UnreadableInput where the file is damaged."""
        step = self.rows_at_once(count)
        for start in range(0, self.shape[0], step):
            try:
                block = np.asarray(self._values[start : start + step])
            except DAMAGE as cause:
                raise damaged(self.path, cause) from cause
            yield block


class ReversedItems(StoredArray):
    """An array whose axes, but for the first, are turned round."""

    def __init__(self, array: StoredArray) -> None:
        self.path, self.dtype, self._array = array.path, array.dtype, array
        self.shape = (array.shape[0], *array.shape[:0:-1])

    def blocks(self, count: int) -> Iterator[npt.NDArray[Any]]:
        """Give the items in order, with their axes turned round."""
        for block in self._array.blocks(count):
            yield block.transpose(0, *range(block.ndim - 1, 0, -1))


class StreamedArray(StoredArray):
    """An array in C order behind a stream that can only be read from front to back, as a member of an archive.

    open_stream: gives the stream anew, at its beginning. offset: of the first item in it.
    """

    def __init__(
        self,
        path: str,
        open_stream: Callable[[], AbstractContextManager[Any]],
        offset: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype
        self._open, self._offset = open_stream, offset

    def blocks(self, count: int) -> Iterator[npt.NDArray[Any]]:
        """Give the items in order. Raises UnreadableInput where the stream is damaged or ends before the last one."""
        step = self.rows_at_once(count)
        with self._open() as stream:
            self._fill(stream, memoryview(bytearray(self._offset)), 0)
            for start in range(0, self.shape[0], step):
                block = np.empty((min(step, self.shape[0] - start), *self.shape[1:]), self.dtype)
                self._fill(stream, block.reshape(-1).view(np.uint8).data if block.size else memoryview(b""), start)
                yield block

    def _fill(self, stream: Any, buffer: memoryview, start: int) -> None:
        filled = 0
        while filled < len(buffer):
            try:
                count = stream.readinto(buffer[filled:])
            except DAMAGE as cause:
                raise damaged(self.path, cause) from cause
            if not count:
                raise UnreadableInput(
                    self.path,
                    f"it ends after item {start:,} of {self.shape[0]:,}",
                    "as many items as its header announces",
                    "Fetch the file again.",
                )
            filled += count


def damaged(path: str, cause: BaseException) -> UnreadableInput:
    """Say that a file of arrays is damaged."""
    why = " ".join(str(cause).split())[:200] or type(cause).__name__
    return UnreadableInput(path, f"it cannot be read ({why})", "a whole file of plain arrays", "Fetch it again.")


def of_objects(path: str, name: str = "") -> UnreadableInput:
    """Say that an array holds Python objects, which only a pickle can."""
    where = f"in {name!r} " if name else ""
    return UnreadableInput(
        path,
        f"arrays of Python objects {where}which only a pickle holds".replace("objects which", "objects, which"),
        "plain arrays of numbers or text",
        "A pickle can run code when it is loaded. If you trust it: numpy.load(FILE, allow_pickle=True), make arrays of "
        "numbers of it, and save these by numpy.savez(FILE, images=…, labels=…).",
    )
