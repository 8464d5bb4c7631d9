"""Label tables such as QMNIST's, with the writer of each sample, joined to a dataset by its ids.

QMNIST (Yadav and Bottou, "Cold case: the lost MNIST digits", NeurIPS 2019) identified for each image of MNIST the image
of NIST it was made from: its first rows are MNIST's, in MNIST's order. Any folder with such tables can be joined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_data import storage
from mnist_data.batch import Batch, Integers
from mnist_data.errors import MismatchedPair, NoDataset, WrongUse
from mnist_data.idx.format import open_idx
from mnist_data.idx.pairing import find_label_tables
from mnist_data.parquet.dataset import Dataset, read_columns
from mnist_data.parquet.schema import Metadata

if TYPE_CHECKING:
    import pandas as pd

WRITER, SERIES = "writer_id", "hsf_series"
"""The columns for the writer of a sample, and for the one of NIST's collections (handwriting sample forms)."""

GROUPS = (SERIES, WRITER)
"""The columns by which samples are grouped, where they are known."""

QMNIST_COLUMNS = (
    SERIES, WRITER, "digit_index", "class_code", "global_index", "duplicate", "unused",
)  # fmt: skip
"""The columns of QMNIST's label tables after the label itself (Yadav and Bottou 2019, README)."""

Columns = Mapping[str, npt.NDArray[Any]]


def table_columns(table: npt.NDArray[Any]) -> Columns:
    """Name the columns of a label table, (n, columns), besides the label: as QMNIST does, else label_1, label_2."""
    known = QMNIST_COLUMNS if table.shape[1] == 1 + len(QMNIST_COLUMNS) else ()
    names = known or tuple(f"label_{number}" for number in range(1, table.shape[1]))
    return {name: np.ascontiguousarray(table[:, number]) for number, name in enumerate(names, start=1)}


def group_columns(batch: Batch) -> Columns:
    """Give the columns of a batch by which samples are grouped."""
    return {name: batch.columns[name] for name in GROUPS if name in batch.columns}


@dataclass(frozen=True)
class LabelTable:
    """The label table of one split of a dataset as it was converted.

    first_id: the id of its first sample. labels: (n,) int64 from 0. columns: the other columns, (n,) each.
    """

    path: str
    sha256: str
    split: str
    first_id: int
    labels: Integers
    columns: Columns

    def rows_of(self, ids: Integers, labels: Integers) -> tuple[npt.NDArray[np.bool_], Integers]:
        """Say which samples are of this split, (n,) bool, and give their rows in the table.

        Raises MismatchedPair where the table has another label for one of them.
        """
        rows = ids - self.first_id
        here = (rows >= 0) & (rows < len(self.labels))
        rows, labels = rows[here], labels[here]
        wrong = np.flatnonzero(self.labels[rows] != labels)
        if len(wrong):
            row = int(rows[wrong[0]])
            raise MismatchedPair(
                self.path,
                f"row {row} (counted from 0) has the label {self.labels[row]}",
                f"{labels[wrong[0]]}, the label of sample {row + self.first_id}, which is row {row} of {self.split}",
                "The table is of another dataset, or the dataset is not in its published order.",
            )
        return here, rows


@dataclass(frozen=True)
class LabelTables:
    """The label tables of all splits of a dataset, which have the same columns."""

    folder: str
    tables: tuple[LabelTable, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns besides the label."""
        return tuple(self.tables[0].columns)

    @property
    def digests(self) -> dict[str, str]:
        """File name -> SHA-256 of the decoded bytes of each table."""
        return {Path(table.path).name: table.sha256 for table in self.tables}

    def columns_of(self, ids: Integers, labels: Integers) -> Columns:
        """Give the columns of some samples, (n,) each, by their ids as first converted.

        Raises MismatchedPair where a label differs, WrongUse for an id that no table has.
        """
        columns = {name: np.zeros(len(ids), values.dtype) for name, values in self.tables[0].columns.items()}
        unknown = np.ones(len(ids), np.bool_)
        for table in self.tables:
            here, rows = table.rows_of(ids, labels)
            unknown &= ~here
            for name, values in columns.items():
                values[here] = table.columns[name][rows]
        if unknown.any():
            raise WrongUse(f"{self.folder}: its label tables have no row for the sample {ids[unknown][0]}.")
        return columns

    def join(self, batch: Batch) -> Batch:
        """Add the columns to a batch."""
        return batch.with_columns(self.columns_of(batch.ids, batch.labels))


def label_tables_of(metadata: Metadata, folder: str | Path) -> LabelTables:
    """Read the label tables of a dataset that was converted from IDX.

    Raises WrongUse for a dataset of another origin, and what `read_label_tables` raises.
    """
    splits = [(source.split, source.shape[0]) for source in metadata.sources if source.role == "labels"]
    if not splits:
        raise WrongUse(f"{metadata.dataset} was not converted from IDX files, so no label table can fit its rows.")
    parameters = next((stage.parameters for stage in metadata.stages if stage.stage == "convert"), {})
    return read_label_tables(folder, splits, parameters.get("first_label") or 0)


def read_label_tables(folder: str | Path, splits: Sequence[tuple[str, int]], first_label: int = 0) -> LabelTables:
    """Read the label tables of a folder, one a split.

    splits: each split and its rows, in the order of the ids. A table may have more rows, as QMNIST's test split has
    more than MNIST's. first_label: the smallest label in the files.

    Raises NoDataset where the table of a split is missing, MismatchedPair for one of too few rows or different columns.
    """
    paths = find_label_tables(folder)
    tables: list[LabelTable] = []
    first = 0
    for split, rows in splits:
        if split not in paths:
            raise NoDataset(
                str(folder),
                f"no label table of the split {split!r} lies in it (found: {', '.join(paths) or 'none'})",
                f"an IDX table whose name says the split, as in qmnist-{split}-labels-idx2-int.gz",
                "Add it, or name the folder that holds it.",
            )
        tables.append(_read_table(paths[split], split, rows, first, first_label))
        first += rows
    for table in tables[1:]:
        if len(table.columns) != len(tables[0].columns):
            raise MismatchedPair(
                table.path,
                f"{len(table.columns)} columns besides the label",
                f"{len(tables[0].columns)}, as in {tables[0].path}",
                "The two tables are not of one dataset.",
            )
    return LabelTables(str(folder), tuple(tables))


def _read_table(path: str, split: str, rows: int, first_id: int, first_label: int) -> LabelTable:
    with open_idx(path) as reader:
        if reader.header.items < rows:
            raise MismatchedPair(
                path,
                f"{reader.header.items:,} rows",
                f"at least {rows:,}, one for each sample of {split}",
                "The table is cut off, or of another dataset.",
            )
        table = np.concatenate([np.empty((0, *reader.header.item_shape), "i4"), *reader.batches(1 << 16)])[:rows]
        digest = reader.sha256
    return LabelTable(
        storage.absolute(path),
        digest,
        split,
        first_id,
        table[:, 0].astype(np.int64) - first_label,
        table_columns(table),
    )


def dataset_writers(source: Dataset) -> pd.DataFrame:
    """Read the writer of each sample of a dataset: id, split and, where it is known, writer_id."""
    import pandas as pd

    parts = [pd.DataFrame(read_columns(source, split, ["id", WRITER])).assign(split=split) for split in source.splits]
    return pd.concat(parts, ignore_index=True)


def shared_writers(samples: pd.DataFrame) -> pd.DataFrame | None:
    """Count the writers of each split, and those in common with each other split; None where none are known.

    samples: a row a sample, with split and writer_id. Gives a row for each ordered pair of splits, or one for a split
    alone: split, samples, writers, other, shared_writers, and shared_samples, the fraction of the split's samples that
    are by writers of the other, 0 where nothing leaks.
    """
    import pandas as pd

    if WRITER not in samples:
        return None
    writers = {split: rows[WRITER] for split, rows in samples.groupby("split", sort=False, observed=True)}
    rows = []
    for split, other in permutations(writers, 2) if len(writers) > 1 else [(split, None) for split in writers]:
        own = writers[split]
        shared = own[own.isin(writers[other])] if other is not None else own[:0]
        rows.append(
            {
                "split": split,
                "samples": len(own),
                "writers": own.nunique(),
                "other": other,
                "shared_writers": shared.nunique(),
                "shared_samples": len(shared) / len(own),
            }
        )
    names = ["split", "samples", "writers", "other", "shared_writers", "shared_samples"]
    return pd.DataFrame(rows, columns=names).astype({"other": object})
