"""Tables: written as Parquet and as CSV, whole or not at all, with what they were made from in their metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.parquet.dataset import first_line, holds_dataset, open_parquet, require_outside
from mnist_data.parquet.former_names import TABLES, VALUES, rename_parameters, renamed_columns
from mnist_data.parquet.records import in_short, read_json, read_record
from mnist_data.parquet.schema import ATTRS_KEY
from mnist_data.parquet.seal import UNSEALED, seal_file
from mnist_data.version import __version__

if TYPE_CHECKING:
    import pandas as pd

KEY = b"mnist_data_table"
"""The schema key under which a table says how it was made; a dataset's is another."""

SEAL_KEY, CSV_KEY = b"mnist_data_sha256", b"mnist_data_csv"
"""The keys under which a Parquet table has a hash of itself, and that of the same table as CSV."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a text cell that begins with one of these; a quote before it makes it text (OWASP)."""


def provenance(stage: str, inputs: Mapping[str, str], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Describe how a table was made: the stage, the content hashes of its inputs, parameters and version."""
    return {"stage": stage, "inputs": dict(inputs), "parameters": dict(parameters), "version": __version__}


def require_folder(folder: str | Path, overwrite: bool) -> None:
    """Refuse a folder for tables that holds anything, unless that is to be replaced, and one that is no place for them.

    Every function that writes tables asks here before it begins its work. Raises OutputExists, or WrongUse for a place
    within a dataset, for a dataset itself and for no name at all.
    """
    if not str(folder).strip():
        raise WrongUse("The output has no name.")
    require_outside(folder)
    storage.absolute(folder)  # refuses a name that is not UTF-8
    storage.require_free(folder, overwrite)
    if overwrite and holds_dataset(folder):
        raise WrongUse(f"{folder} is a dataset, which tables do not replace; choose another place by --out.")


def write_table(frame: pd.DataFrame, target: str, made: Mapping[str, Any]) -> None:
    """Write `target`.parquet and `target`.csv; `frame.attrs` are kept in the Parquet file.

    target: path or URL without an ending. Columns of bytes (images) are left out of the CSV.
    """
    attrs = {str(name): value for name, value in frame.attrs.items()}
    merge_tables([pa.Table.from_pandas(frame, preserve_index=False)], target, made, attrs)


def remove_table(target: str) -> None:
    """Remove what `write_table` has written to `target`, if it is there."""
    for ending in ("parquet", "csv"):
        storage.remove(f"{target}.{ending}")


def merge_tables(
    pieces: Iterable[pa.Table], target: str, made: Mapping[str, Any], attrs: Mapping[str, Any] | None = None
) -> None:
    """Write tables of one schema, at least one, one after another as one; memory is bounded by one of them.

    The Parquet file carries the hashes of itself and of the CSV file.
    """
    metadata = {KEY: json.dumps(made, sort_keys=True), ATTRS_KEY: json.dumps(dict(attrs or {}))}
    with (
        storage.new_file(f"{target}.parquet") as parquet,
        storage.new_file(f"{target}.csv") as text,
        ExitStack() as stack,
    ):
        writer: pq.ParquetWriter | None = None
        lines: pa_csv.CSVWriter | None = None
        for piece in pieces:
            plain = for_csv(piece)
            if writer is None or lines is None:
                schema = piece.schema.with_metadata(metadata)
                writer = stack.enter_context(
                    pq.ParquetWriter(parquet, schema, compression="zstd", write_page_checksum=True)
                )
                lines = stack.enter_context(pa_csv.CSVWriter(text, plain.schema))
            writer.write_table(piece.replace_schema_metadata(metadata))
            lines.write_table(plain)
        if writer is None or lines is None:
            raise AssertionError("a table has at least one piece, if an empty one")
        lines.close()
        writer.add_key_value_metadata({CSV_KEY: storage.sha256_of(text), SEAL_KEY: UNSEALED})
        writer.close()
        seal_file(parquet)


def write_csv(parquet: str, target: Path) -> None:
    """Write a Parquet table as the CSV file next to it."""
    with open_parquet(parquet) as file, ExitStack() as stack:
        lines: pa_csv.CSVWriter | None = None
        for group in range(max(1, file.metadata.num_row_groups)):
            whole = file.metadata.num_row_groups > 0
            plain = for_csv(file.read_row_group(group) if whole else file.schema_arrow.empty_table())
            if lines is None:
                lines = stack.enter_context(pa_csv.CSVWriter(target, plain.schema))
            lines.write_table(plain)


def csv_hash(parquet: str) -> str:
    """Give the SHA-256 of the CSV file next to a Parquet table, as the table records it; empty where it does not."""
    with open_parquet(parquet) as file:
        return str((file.metadata.metadata or {}).get(CSV_KEY, b"").decode(errors="replace"))


def with_columns_of(parquet: str, csv: str, names: Iterable[str]) -> None:
    """Write a table of ours anew, with those of the columns named that it has as its CSV file holds them.

    For columns of floats that were measured, and would be others if they were measured again.
    """
    kept = [name for name in names if name in pq.read_schema(parquet).names]
    types = pa_csv.ConvertOptions(column_types=dict.fromkeys(kept, pa.float64()), include_columns=kept)
    text = pa_csv.read_csv(csv, convert_options=types)
    table = pq.read_table(parquet, partitioning=None)
    metadata = table.schema.metadata
    for name in kept:
        table = table.set_column(table.column_names.index(name), table.field(name), text[name])
    made, attrs = json.loads(metadata[KEY]), json.loads(metadata[ATTRS_KEY])
    merge_tables([table.combine_chunks()], parquet.removesuffix(".parquet"), made, attrs)


def for_csv(table: pa.Table) -> pa.Table:
    """Drop what a CSV cannot hold, and keep spreadsheets from running text that looks like a formula."""
    import pyarrow.compute as pc

    for name in table.column_names:
        kind = table[name].type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
            table = table.drop_columns([name])
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            risky = pc.is_in(pc.utf8_slice_codeunits(table[name], 0, 1), pa.array(FORMULA_STARTS, kind))
            quoted = pc.binary_join_element_wise(pa.scalar("'", kind), table[name], pa.scalar("", kind))
            table = table.set_column(table.column_names.index(name), name, pc.if_else(risky, quoted, table[name]))
    return table


def read_tables(folder: str | Path) -> dict[str, pd.DataFrame]:
    """Read every Parquet table of a folder or fsspec URL, by its file's name."""
    names = ((Path(path).stem, path) for path in storage.files_in(folder, ".parquet"))
    return {TABLES.get(name, name): read_table(path) for name, path in names}


def read_table(path: str) -> pd.DataFrame:
    """Read one table; integers stay integers where some are missing, which plain pandas turns into floats."""
    import pandas as pd

    with open_parquet(path) as file:  # whatever is wrong with the file, also with what pandas takes from it, is named
        _require_attrs(file, path)
        try:
            frame = pd.read_parquet(path)
            kinds = dict(zip(frame.columns, frame.dtypes, strict=True))
            whole = [field.name for field in file.schema_arrow if pa.types.is_integer(field.type)]
            gaps = [name for name in whole if kinds[name].kind == "f"]
            frame = frame.astype(dict.fromkeys(gaps, "Int64")) if gaps else frame  # copies all columns
        except (
            TypeError,
            AttributeError,
            LookupError,
            RuntimeError,
            SyntaxError,
        ) as cause:  # of what it says to pandas
            raise ValueError(f"pandas: {first_line(cause)}") from cause
    frame = frame.rename(columns=renamed_columns(frame.columns))
    return frame.assign(**{name: frame[name].replace(values) for name, values in VALUES.items() if name in frame})


def _require_attrs(file: pq.ParquetFile, path: str) -> None:
    """Raise UnreadableInput where the attributes of a table, which pandas reads, are no object of JSON."""

    def refuse(found: str, expected: str) -> UnreadableInput:
        return UnreadableInput(path, f"its metadata hold {found}", expected, "Write the table again.")

    stored = (file.schema_arrow.metadata or {}).get(ATTRS_KEY)
    if stored is not None and not isinstance(values := read_json(stored, refuse), dict):
        raise refuse(f"{in_short(values)} as its attributes", "an object")


def table_provenance(path: str) -> dict[str, Any]:
    """Read how a table was made, as `provenance` described it; nothing is known of a table of another make."""
    with open_parquet(path) as file:
        made = (file.schema_arrow.metadata or {}).get(KEY)
    if not made:
        return {"stage": "", "inputs": {}, "parameters": {}, "version": ""}

    def refuse(found: str, expected: str) -> UnreadableInput:
        return UnreadableInput(path, f"its metadata hold {found}", expected, "Write the table again.")

    recorded = read_record(made, Provenance, refuse)
    return {**asdict(recorded), "parameters": rename_parameters(recorded.stage, recorded.parameters)}


@dataclass(frozen=True)
class Provenance:
    """How a table was made, as `provenance` describes it."""

    stage: str
    inputs: dict[str, str]
    parameters: dict[str, Any]
    version: str
