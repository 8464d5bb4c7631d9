"""Records of anybody's making: what is not as we write it is refused by name, briefly, by an error of ours."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_data.errors import MnistDataError, UnreadableInput, WrongUse, unknown_name
from mnist_data.parquet.corrections import read_corrections
from mnist_data.parquet.schema import ATTRS_KEY, stage_of
from mnist_data.parquet.seal import UNSEALED, is_sealed
from mnist_data.parquet.tables import read_table


@pytest.mark.parametrize("attrs", [b"5", b"[1, 2]", b"null", b"true", b"[" * 2_000, b"\xff", b"nan"])
def test_attributes_of_a_table_that_are_no_object_are_refused(tmp_path: Path, attrs: bytes) -> None:
    """Pandas takes them from the metadata, and fails with a TypeError of its own."""
    place = tmp_path / "table.parquet"
    pq.write_table(pa.table({"id": [1]}).replace_schema_metadata({ATTRS_KEY: attrs}), place)

    with pytest.raises(UnreadableInput, match=r"table\.parquet"):
        read_table(str(place))


def test_what_a_table_says_to_pandas_is_no_reason_to_crash(tmp_path: Path) -> None:
    """It may name columns that are not there, and index columns that are."""
    place = tmp_path / "table.parquet"
    odd = (
        b'{"index_columns": [], "columns": [{"name": "id", "field_name": "id", "pandas_type": "x", "numpy_type": ",", '
    )
    odd += b'"metadata": null}]}'
    for said in (
        odd,
        b'{"index_columns": ["id"], "columns": []}',
        b'{"index_columns": [5], "columns": 5}',
        b"5",
        b"[]",
    ):
        pq.write_table(pa.table({"id": [1]}).replace_schema_metadata({b"pandas": said}), place)
        with suppress(UnreadableInput):  # any other error fails
            read_table(str(place))


@pytest.mark.parametrize(
    "content",
    [
        b"id,label\n1,inf\n",
        b"id,label\n1,1e400\n",
        b"id,label\n1,99999999999999999999999\n",
        b"\xff,label\n1,2\n",
        b"id,is_label_error,suggested_label\n1,2,3\n",
        b"id,is_label_error,suggested_label\n1,maybe,3\n",
        b"id," + b"a" * 100_000 + b"\n1,2\n",
        b"id,label,label\nNone,0,\n1,x,3\n",
    ],
)
def test_corrections_of_other_kinds_are_refused_briefly(tmp_path: Path, content: bytes) -> None:
    """Infinite labels, names that are not UTF-8, flags that are none, names without end, and twice the same."""
    place = tmp_path / "corrections.csv"
    place.write_bytes(content)

    with pytest.raises(UnreadableInput, match=r"corrections\.csv") as refused:
        read_corrections(place)

    assert len(str(refused.value)) < 2_000


@pytest.mark.parametrize("fitted", [5, "x", [1], None, True])
def test_what_a_former_stage_has_fitted_is_an_object(fitted: object) -> None:
    """Former versions had it among the parameters, which may hold anything."""
    parameters = {"scale": "standardize", "dtype": "float32", "statistics": fitted, "fitted": fitted, "forms": fitted}
    for stage in ("convert", "normalize"):
        with pytest.raises(ValueError, match="expected"):
            stage_of({"stage": stage, "parameters": parameters, "version": "0", "input": "", "fitted": fitted or 1})


@pytest.mark.parametrize("recorded", ["", "a", "\ud800" * 64, "ß" * 64, UNSEALED + "0"])
def test_what_is_no_hash_seals_nothing(recorded: str) -> None:
    """A text of one letter would be replaced all over the file, which swells it 64 times."""
    assert not is_sealed(b"a" * 1_000, recorded)


@pytest.mark.parametrize(
    "error",
    [
        UnreadableInput("file", "a" * 10**7, "b" * 10**7, "Write it again."),
        WrongUse("file: " + "a" * 10**7),
        unknown_name("preset", "a" * 10**7, ["light", "heavy"], "file"),
    ],
)
def test_messages_are_short_whatever_a_file_holds(error: MnistDataError) -> None:
    """The file stays named, and what is said at the end is there."""
    assert "file" in str(error)
    assert len(str(error)) < 2_000
