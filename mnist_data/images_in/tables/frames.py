"""A DataFrame, or any table that gives itself to Arrow: each row an image, as bytes, array, PIL image or columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.images_in.stream import Options
from mnist_data.images_in.tables.table_source import MemoryTable, TableSource
from mnist_data.images_in.tables.table_stream import FIRST_ROWS, TableStream, table_streams

if TYPE_CHECKING:
    import pandas as pd

NAME = "DataFrame"
"""How messages call a frame."""


class FrameTable(TableSource):
    """A DataFrame, brought to Arrow batch by batch. Cells may be arrays of any rank, PIL images or lists, too."""

    on_disk = False

    def __init__(self, frame: pd.DataFrame) -> None:
        if not frame.columns.is_unique:
            raise WrongUse("The DataFrame has several columns of one name; give each its own.")
        self.path = NAME
        self._frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
        attrs = {key: value for key, value in frame.attrs.items() if key in ("image_shape", "image_dtype", "classes")}
        first = self._batch(list(self._frame.columns), 0, FIRST_ROWS)
        metadata = {b"PANDAS_ATTRS": json.dumps(attrs, default=list).encode()} if attrs else None
        self.schema = first.schema.with_metadata(metadata)

    def batches(self, columns: Sequence[str], count: int) -> Iterator[pa.RecordBatch]:
        """Give the chosen columns in order."""
        for start in range(0, len(self._frame), count):
            yield self._batch(columns, start, count)

    def _batch(self, columns: Sequence[str], start: int, count: int) -> pa.RecordBatch:
        rows = self._frame.iloc[start : start + count]
        return pa.RecordBatch.from_arrays([_arrow(rows[name], name, start) for name in columns], names=list(columns))


def _arrow(values: pd.Series[Any], name: str, start: int) -> pa.Array:
    """Bring a column to Arrow. Raises UnreadableInput, which names the row, for cells that are of no use together."""
    cells = values.tolist() if values.dtype == object else []
    first = next((cell for cell in cells if cell is not None), None)
    if hasattr(first, "convert") or isinstance(first, np.ndarray | list):
        return _tensors(cells, name, start)
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as cause:
        why = str(cause).splitlines()[0]
        raise UnreadableInput(
            f"{NAME}, column {name!r}",
            f"cells that do not go together ({why})",
            "one type in a column",
            "Convert them.",
        ) from cause
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _tensors(cells: Sequence[Any], name: str, start: int) -> pa.Array:
    """Bring cells that are arrays, lists or PIL images to Arrow's tensors; all must be of one shape."""
    arrays: list[Any] = []
    for row, cell in enumerate(cells, start):
        try:
            array = np.asarray(cell)
        except (ValueError, TypeError) as cause:
            raise _unequal(row, name, f"a list that is no array ({cause})", "an array") from cause
        if cell is None or array.dtype.kind not in "buif":
            raise _unequal(row, name, "no array" if cell is None else f"an array of {array.dtype}", "numbers")
        if arrays and array.shape != arrays[0].shape:
            raise _unequal(row, name, f"an array of {array.shape}", f"{arrays[0].shape}, as the others have")
        arrays.append(array)
    stack = np.ascontiguousarray(np.stack(arrays))
    stack = stack.astype(np.uint8) if stack.dtype.kind == "b" else stack.astype(stack.dtype.newbyteorder("="))
    if stack.ndim == 1:
        return pa.array(stack)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(stack.reshape(-1)), int(np.prod(stack.shape[1:])))
    if stack.ndim == 2:
        return flat
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(flat.type.value_type, stack.shape[1:]), flat)


def _unequal(row: int, name: str, found: str, expected: str) -> UnreadableInput:
    return UnreadableInput(
        f"{NAME}, row {row:,}, column {name!r}", found, expected, "Rows count from 0; correct it, or take it out."
    )


def is_frame(source: object) -> bool:
    """Say whether a source is a table in memory: a pandas DataFrame, or what gives itself to Arrow, as Polars'."""
    if isinstance(source, str | PathLike):
        return False
    return hasattr(source, "__arrow_c_stream__") or (hasattr(source, "iloc") and hasattr(source, "columns"))


def frame_streams(source: Any, options: Options) -> list[TableStream]:
    """Open a table in memory as splits, by its column `split` where it has one. Raises what `table_streams` raises."""
    table: TableSource = FrameTable(source) if hasattr(source, "iloc") else MemoryTable(pa.table(source))
    streams = table_streams([table], options)
    if options.split is not None and len(streams) > 1:
        named = ", ".join(stream.split for stream in streams)
        raise WrongUse(f"The {NAME} holds the splits {named} by its column; leave split out.")
    if options.split is not None:
        streams[0].split = options.split
    return streams
