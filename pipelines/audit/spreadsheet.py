"""Decisions in a spreadsheet: out as CSV, and what was changed or added there back in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.corrections import decisions_of, read_csv
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions import read_decisions, record, standing
from mnist_data.parquet.decisions_table import CHOICES, Decision, to_table
from mnist_data.parquet.tables import for_csv

EXPECTED = "a CSV file with the columns id and decision, as --csv writes it"
ADVICE = f"Give each sample's id, and one of {', '.join(CHOICES[:4])}; rows without a decision are passed over."


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


def import_decisions(dataset: Dataset, path: str, who: str) -> tuple[Decision, ...]:
    """Record what a CSV file says that is not recorded yet, and give it as it was recorded.

    Rows without a decision are passed over, as are those that say what stands already. who: the person of rows that
    name none. A row that was changed in the spreadsheet is a new decision of its person, made now.

    Raises UnreadableInput for what is no table of decisions, and what `record` raises; nothing is recorded then.
    """
    table = read_csv(path, EXPECTED, ADVICE)
    if not {"id", "decision"} <= set(table):
        columns = ", ".join(map(str, table.columns))
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
