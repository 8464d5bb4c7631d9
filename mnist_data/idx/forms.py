"""What a pair of files holds, decided by their first rows before anything is converted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput
from mnist_data.idx.byte_order import seems_swapped
from mnist_data.idx.column_major import require_row_major
from mnist_data.idx.format import Reader, open_idx
from mnist_data.idx.labels import LabelForm, form_of
from mnist_data.idx.layout import Layout, as_announced, layout_of
from mnist_data.idx.names import ByteOrder
from mnist_data.idx.pairing import Pair

ROWS = 1_000
"""Rows that decide."""

VALUES = 1 << 20
"""Values that decide: of large items fewer rows are read for it, at least one."""


@dataclass(frozen=True)
class Forms:
    """How a pair's images lie, how its labels are written, and in which byte order the values of both are read."""

    layout: Layout
    labels: LabelForm
    byte_order: ByteOrder = "big"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided for the user, who reads of it."""
        return (self.layout.note,) if self.layout.note else ()

    def recorded(self, item_shape: tuple[int, ...]) -> dict[str, Any]:
        """Give what a file of this form needs to be written again; nothing where its header says it all."""
        values: dict[str, Any] = {}
        if self.layout != as_announced(item_shape):
            values |= {"stored": list(self.layout.stored), "axes": list(self.layout.axes)}
        return values | ({"labels": self.labels} if self.labels == "one-hot" else {})


def forms_of(pair: Pair, byte_order: ByteOrder = "big", size: str | None = None) -> Forms:
    """Decide the forms of a pair. size: of an image as the user gives it, as in "28x28"; None leaves it to the files.

    Raises UnreadableInput for values that seem to be in the other byte order, MismatchedPair for labels that are none,
    WrongUse where nothing decides how a flat item becomes an image.
    """
    with open_idx(pair.images, byte_order) as images, open_idx(pair.labels, byte_order) as labels:
        items, rows = _first(images), _first(labels)
        shape = images.header.item_shape
        _require_byte_order(images, items, byte_order)
        _require_byte_order(labels, rows[:, 0] if rows.ndim == 2 and rows.shape[1] else rows.reshape(-1), byte_order)
        whole = items.shape[1:] != shape or not len(items)
        if not whole:
            _require_row_major(pair.images, byte_order, items)
        layout = as_announced(shape) if whole and size is None else layout_of(shape, items, pair.images, size)
        return Forms(layout, form_of(labels.header, rows, pair.labels), byte_order)


def _first(reader: Reader) -> npt.NDArray[Any]:
    empty = np.empty((0, *reader.header.array_shape), reader.header.dtype.newbyteorder("="))
    rows = max(1, min(ROWS, VALUES // max(1, math.prod(reader.header.item_shape))))
    return next(reader.batches(rows), empty)


def _require_row_major(path: str, byte_order: ByteOrder, items: npt.NDArray[Any]) -> None:
    with open_idx(path, byte_order) as reader:
        require_row_major(path, reader.header.shape, items, reader.batches(ROWS))


def _require_byte_order(reader: Reader, values: npt.NDArray[Any], byte_order: ByteOrder) -> None:
    if not seems_swapped(values):
        return
    distinct = np.unique(values)
    shown = ", ".join(f"{value:,.6g}" for value in (*distinct[:2], distinct[-1]))
    other = "little" if byte_order == "big" else "big"
    raise UnreadableInput(
        reader.path,
        f"values that look {other}-endian, such as {shown}",
        "values with the most significant byte first, as IDX has them",
        f"Read them with --byte-order {other}.",
    )
