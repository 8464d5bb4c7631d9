"""Numbers go to Arrow and come back as they were, by their memory alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import hypothesis.extra.numpy as drawn
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_data.parquet.arrays import to_arrow, to_numpy

NUMBERS = drawn.integer_dtypes(endianness="?") | drawn.unsigned_integer_dtypes(endianness="?") | st.sampled_from(
    [np.dtype(np.float32), np.dtype(np.float64), np.dtype(">f8"), np.dtype(bool)]
)  # fmt: skip


@given(drawn.arrays(NUMBERS, st.integers(0, 20)), st.integers(0, 20), st.integers(1, 3))
def test_numbers_are_those_of_pyarrow(values: npt.NDArray[np.generic], cut: int, step: int) -> None:
    """Of any type and byte order, contiguous or not, in one piece or several."""
    values = values[::step]
    native = values.astype(values.dtype.newbyteorder("="))

    column = pa.chunked_array([to_arrow(values[:cut]), to_arrow(values[cut:])])

    expected = pa.chunked_array([pa.array(native[:cut]), pa.array(native[cut:])])
    np.testing.assert_array_equal(np.array(column.to_pylist()), np.array(expected.to_pylist()))  # NaN equals NaN
    assert column.type == expected.type
    back = to_numpy(column.slice(min(1, len(values))))
    assert back.dtype == native.dtype
    np.testing.assert_array_equal(back, native[min(1, len(values)) :])


def test_what_is_no_number_or_missing_is_as_pyarrow_gives_it() -> None:
    """Texts, and numbers of which some are missing."""
    assert to_arrow(np.array(["a", "bc"])).to_pylist() == ["a", "bc"]
    assert to_numpy(pa.chunked_array([["a"], ["bc"]])).tolist() == ["a", "bc"]
    np.testing.assert_array_equal(to_numpy(pa.chunked_array([[1, None]])), [1.0, np.nan])
    assert to_numpy(pa.chunked_array([], pa.int16())).dtype == np.int16


@pytest.mark.parametrize("command", [("convert", ".", "out"), ("info", "t10k-images-idx3-ubyte")], ids=" ".join)
def test_a_small_file_loads_no_library_that_it_does_not_need(command: tuple[str, ...], tmp_path: Path) -> None:
    """Each takes longer to load than a few hundred images take to read."""
    for name, items in (("images-idx3", np.zeros((5, 4, 4), np.uint8)), ("labels-idx1", np.zeros(5, np.uint8))):
        (tmp_path / f"t10k-{name}-ubyte").write_bytes(
            bytes([0, 0, 8, items.ndim]) + np.array(items.shape, ">i4").tobytes() + items.tobytes()
        )
    code = f"""
import sys
from mnist_data.cli import main
sys.argv = ["mnist-data", *{command!r}]
try:
    main()
except SystemExit as end:
    assert not end.code
print(*sorted({{"pandas", "dask", "scipy", "numba", "pyarrow.compute"}} & {{*sys.modules}}), file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert ended.stderr.strip() == ""
