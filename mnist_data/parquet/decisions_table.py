"""The table of decisions: its columns, and its files, which are read strictly and carry a hash of themselves."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.errors import DamagedArchive, UnreadableInput, WrongUse
from mnist_data.parquet.files import damage_named
from mnist_data.parquet.records import in_short, read_record
from mnist_data.parquet.seal import UNSEALED, is_sealed, seal_file
from mnist_data.parquet.tables import KEY, SEAL_KEY, Provenance, provenance, table_provenance
from mnist_data.storage.footer import require_small_footer

Choice = Literal["keep", "remove", "relabel", "unsure", "undo"]
"""What can be decided; "undo" takes back the same person's last decision about the sample."""

CHOICES: tuple[Choice, ...] = get_args(Choice)

DECISIONS = "decisions"
"""The name of the table, of its file in a workspace, and of the stage that its metadata name."""

MOST_ROWS, MOST_CHARACTERS = 1_000_000, 10_000
"""Decisions in one file, and characters in a note or a name: people write less, and more would not fit in memory."""

ADVICE = "Put back a copy of it, or move it away to begin anew."

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("label", pa.int64()),
        pa.field("note", pa.string(), nullable=False),
        pa.field("who", pa.string(), nullable=False),
        pa.field("when", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("check", pa.string(), nullable=False),
        pa.field("given", pa.int64(), nullable=False),
        pa.field("image", pa.string(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
    ]
)

TEXTS = tuple(field.name for field in SCHEMA if pa.types.is_string(field.type))


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a person has decided about a sample; `record` fills in what is left out.

    id: of the sample. decision: keep, remove, relabel, unsure, or undo. label: the new one, of "relabel" only. note:
    for people. who: the person. when: the time, UTC. check: of the audit, which had flagged the sample; empty where
    none had.

    given: the label that the sample had. image: hash of its pixels. content: content hash of the dataset.
    """

    id: int
    decision: Choice
    label: int | None = None
    note: str = ""
    who: str = ""
    when: datetime | None = None
    check: str = ""
    given: int | None = None
    image: str = ""
    content: str = ""


def to_table(decisions: Iterable[Decision]) -> pa.Table:
    """Give decisions as a table with the columns of the file."""
    rows = [{field.name: getattr(decision, field.name) for field in fields(Decision)} for decision in decisions]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def to_decisions(table: pa.Table, location: str) -> tuple[Decision, ...]:
    """Give the rows of a table. location: of its file, for messages. Raises UnreadableInput for a row that is none."""
    columns = {name: _values(table[name]) for name in table.column_names}
    decisions = tuple(Decision(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True))
    for decision in decisions:
        try:
            require_fields(decision)
        except WrongUse as fault:
            raise UnreadableInput(location, str(fault).rstrip("."), "decisions as we write them", ADVICE) from None
    return decisions


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Give the values of a column, of which those that are equal texts are one object."""
    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    shared: dict[str, str] = {}
    values: list[Any] = []
    for chunk in column.chunks:
        texts = [shared.setdefault(text, text) for text in chunk.dictionary.to_pylist()]
        values += [texts[place] for place in chunk.indices.to_pylist()]
    return values


def require_fields(decision: Decision) -> None:
    """Refuse a decision that says too little, or what it cannot mean. Raises WrongUse."""
    subject = f"The decision about sample {decision.id}"
    if decision.decision not in CHOICES:
        raise WrongUse(f"{subject} is {in_short(decision.decision)}; it can be {', '.join(CHOICES)}.")
    if not decision.who:
        raise WrongUse(f"{subject} does not say who decided it.")
    if (decision.label is not None) != (decision.decision == "relabel"):
        problem = "has no new label" if decision.label is None else f"has a label, {decision.label}"
        raise WrongUse(f"{subject}, {decision.decision}, {problem}; a label belongs to relabel, and to that alone.")
    for name in TEXTS:
        value = getattr(decision, name)
        storage.require_utf8(value)
        if len(value) > MOST_CHARACTERS:
            raise WrongUse(f"{subject} has {len(value):,} characters as its {name}; at most {MOST_CHARACTERS:,} fit.")


def write_file(location: str, table: pa.Table) -> None:
    """Write a file of decisions, whole or not at all."""
    metadata = {KEY: json.dumps(provenance(DECISIONS, {}, {}), sort_keys=True)}
    with storage.new_file(location) as draft:
        with pq.ParquetWriter(
            draft, SCHEMA.with_metadata(metadata), compression="zstd", write_page_checksum=True
        ) as writer:
            writer.write_table(table.cast(SCHEMA).replace_schema_metadata(metadata))
            writer.add_key_value_metadata({SEAL_KEY: UNSEALED})
        seal_file(draft)


def read_file(location: str) -> pa.Table:
    """Read one file of decisions, its texts as dictionaries; a table without rows where there is no file.

    Raises UnreadableInput for a file of another make, DamagedArchive for one that was altered since it was written.
    """
    content = storage.read_bytes(location)
    if content is None:
        if not storage.is_remote(location) and Path(location).exists():
            storage.require_file(location, "a file of decisions", ADVICE)
        return to_table([])
    with damage_named(location, ADVICE):
        require_small_footer(io.BytesIO(content), location)
        with pq.ParquetFile(
            pa.BufferReader(content), page_checksum_verification=True, read_dictionary=list(TEXTS)
        ) as file:
            _require_ours(file, content, location)
            table = file.read(use_threads=False)
            table.validate(full=True)
    if any(table[field.name].null_count for field in SCHEMA if not field.nullable):
        raise UnreadableInput(location, "a value is missing in it", "all that a decision says", ADVICE)
    return table


def is_decisions(location: str) -> bool:
    """Say whether a Parquet file says of itself that it is a table of decisions."""
    with suppress(UnreadableInput):
        return bool(table_provenance(location)["stage"] == DECISIONS)
    return False


def _require_ours(file: pq.ParquetFile, content: bytes, location: str) -> None:
    """Refuse a file that is no table of decisions, or one that was altered since it was written."""
    metadata = file.metadata.metadata or {}

    def refuse(found: str, expected: str) -> UnreadableInput:
        return UnreadableInput(location, found, expected, ADVICE)

    stage = read_record(metadata[KEY], Provenance, refuse).stage if KEY in metadata else ""
    if stage != DECISIONS:
        what = (
            f"a table of the stage {in_short(stage)}" if stage else "a Parquet file that does not say how it was made"
        )
        raise refuse(what, "decisions, as mnist-data records them")
    if not is_sealed(content, metadata.get(SEAL_KEY, b"").decode(errors="replace")):
        raise DamagedArchive(location, "its bytes are not those that were written", "the hash that it records", ADVICE)
    columns = {field.name: (field.type, field.nullable) for field in SCHEMA}
    for field in file.schema_arrow:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if columns.pop(field.name, None) != (kind, field.nullable):
            what = f"{kind}, of which some may be missing" if field.nullable else kind
            raise refuse(f"a column {in_short(field.name)} ({what})", f"the columns {', '.join(SCHEMA.names)}")
    if columns:
        raise refuse(f"no column {next(iter(columns))}", f"the columns {', '.join(SCHEMA.names)}")
    if file.metadata.num_rows > MOST_ROWS:
        raise refuse(f"{file.metadata.num_rows:,} rows", f"at most {MOST_ROWS:,}")
