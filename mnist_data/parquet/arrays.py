"""Numbers between NumPy and Arrow by their memory alone.

`pa.array` and `Array.to_numpy` import pandas to see whether they were given a Series: a third of a second, which a
command on a few hundred images waits for longer than for its work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""Arrow's names of types that NumPy calls otherwise."""


def to_arrow(values: npt.NDArray[Any]) -> pa.Array:
    """Give an array, (n,), as Arrow's: numbers share its memory, all else is copied."""
    if values.dtype.kind not in "iuf" or values.dtype.itemsize > 8 or values.ndim != 1:
        return pa.array(values)
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    return pa.Array.from_buffers(pa.from_numpy_dtype(native.dtype), len(native), [None, pa.py_buffer(native)])


def to_numpy(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Give a column, (n,), as an array: numbers without nulls and in one piece share Arrow's memory, and are read-only.

    What is no number or has nulls is what `ChunkedArray.to_numpy` makes of it.
    """
    if not _is_number(column.type) or column.null_count:
        return np.asarray(column.to_numpy())
    pieces = [_viewed(chunk) for chunk in column.chunks]
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if pieces else np.empty(0, _dtype_of(column.type))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _dtype_of(kind: pa.DataType) -> np.dtype[Any]:
    """Give the dtype of a type of numbers by its name: `to_pandas_dtype` imports pandas before pyarrow 24."""
    return np.dtype(FLOATS.get(str(kind), str(kind)))


def _viewed(chunk: pa.Array) -> npt.NDArray[Any]:
    dtype = _dtype_of(chunk.type)
    buffer = chunk.buffers()[1]
    if buffer is None or not len(chunk):
        return np.empty(0, dtype)
    return np.frombuffer(buffer, dtype, len(chunk), chunk.offset * dtype.itemsize)
