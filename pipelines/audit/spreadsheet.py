"""Decisions out of the house and back: as CSV for a spreadsheet, and what other programs write about samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.corrections import decisions_of
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions import read_decisions, record, standing
from mnist_data.parquet.decisions_table import Choice, Decision, to_table
from mnist_data.parquet.tables import for_csv
from pipelines.audit.tags import ADVICE, EXPECTED, read_tags


def export_decisions(history: Iterable[Decision], path: str, overwrite: bool = False) -> None:
    """Write the decisions that stand as CSV, in UTF-8 with the mark by which Excel knows it.

    Texts that a spreadsheet would run as a formula begin with a quote, which `import_decisions` takes away again.
    Raises OutputExists for a file that is not to be replaced.
    """
    write_spreadsheet(to_table(standing(history)), path, overwrite)


def write_spreadsheet(table: pa.Table | pd.DataFrame, path: str, overwrite: bool = False) -> None:
    """Write a table as `export_decisions` does."""
    arrow = pa.Table.from_pandas(table, preserve_index=False) if isinstance(table, pd.DataFrame) else table
    storage.require_free(path, overwrite)
    with storage.new_file(path) as draft, draft.open("wb") as file:
        file.write("\ufeff".encode())
        pa_csv.write_csv(for_csv(arrow), file)


def import_decisions(dataset: Dataset, path: str, who: str, choice: Choice | None = None) -> tuple[Decision, ...]:
    """Record what a file says that is not recorded yet, and give it as it was recorded.

    path: CSV, Parquet or JSON Lines, or FiftyOne's JSON, see `read_tags`. Rows without a decision are passed over, as
    are those that say what stands already. who: the person of rows that name none. A row that was changed is a new
    decision of its person, made now. choice: what is decided about every sample of the file, by `who`, whatever else
    stands there: a selection has no other column.

    Raises UnreadableInput for what is no table of decisions, and what `record` raises; nothing is recorded then.
    """
    table = read_tags(path, dataset)
    if choice is not None:
        table = table[["id"]].assign(decision=choice)
    if "decision" not in table:
        columns = ", ".join(map(str, table.columns[:20]))
        raise UnreadableInput(path, f"its columns are {columns}", EXPECTED, ADVICE)
    filled = table["decision"].notna() & (table["decision"].astype(str).str.strip() != "")
    history = read_decisions(dataset)
    stands = {_said(decision) for decision in standing(history)}
    times = {(decision.id, decision.who, decision.when) for decision in history}
    new = []
    for decision in decisions_of(table[filled].reset_index(drop=True), path):
        own = replace(decision, who=decision.who or who)
        if _said(own) in stands:
            continue
        new.append(replace(own, when=None) if (own.id, own.who, own.when) in times else own)
    return record(dataset, new) if new else ()


def _said(decision: Decision) -> tuple[object, ...]:
    """Give what a person says about a sample, without when and on which content."""
    values = asdict(decision)
    return tuple(values[name] for name in ("id", "decision", "label", "note", "who"))
