"""Corrected labels: a table of labels that are wrong, and a network's accuracy with them corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from mnist_data import storage
from mnist_data.batch import Integers
from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.parquet.dataset import first_line
from mnist_data.parquet.tables import read_table
from pipelines.networks.evaluation.predictions import Probabilities
from pipelines.networks.evaluation.scores import evaluate

CORRECTIONS = "corrections"
"""The name of a table of corrections among the inputs of a training's tables."""

SUGGESTED, FLAG = "suggested_label", "is_label_error"
"""The columns of `mnist-data audit` for the suggested label, and for whether the given one is flagged."""

EXACT = 2**53
"""A float below it is the whole number that was meant; the largest are none that int64 can hold."""

EXPECTED = f"columns id and label, or id, {FLAG} and {SUGGESTED} as mnist-data audit writes them"
ADVICE = "Give each sample's id and its correct label, or the audit.parquet of an audit with labels."


@dataclass(frozen=True)
class Corrections:
    """Labels that replace others. ids, labels: (n,) int64, each id once. digest: the SHA-256 of the table's file.

    given: what the table says the labels were, (n,) int64, if it does.
    """

    path: str
    digest: str
    ids: Integers
    labels: Integers
    given: Integers | None = None

    def apply(self, ids: Integers, labels: Integers) -> Integers:
        """Give the labels of samples with the corrections applied; samples that are not in the table keep theirs.

        Raises WrongUse where the table says that another label was given: it is of another dataset.
        """
        places = pd.Index(self.ids).get_indexer(pd.Index(ids))
        here = places >= 0
        if self.given is not None:
            wrong = np.flatnonzero(here & (self.given[places] != labels))
            if len(wrong):
                raise WrongUse(
                    f"{self.path}: sample {ids[wrong[0]]} has the label {self.given[places[wrong[0]]]} there and "
                    f"{labels[wrong[0]]} in the dataset; the table is of another dataset."
                )
        return np.where(here, self.labels[places], labels) if len(self.ids) else labels


def read_corrections(path: str | Path) -> Corrections:
    """Read a table of corrected labels, CSV or Parquet.

    It has the columns id and label, or it is the table of an audit, of which only the rows that are flagged as label
    errors and have a suggestion count. Raises UnreadableInput for another table, WrongUse where there is none.
    """
    table = _read(str(path))
    if {"id", FLAG, SUGGESTED} <= set(table):
        table = table[_flags(table, path) & table[SUGGESTED].notna()]
        given = _integers(table, "label", path) if "label" in table else None
        labels = _integers(table, SUGGESTED, path)
    elif {"id", "label"} <= set(table) and not any(str(name).startswith("is_") for name in table):
        labels, given = _integers(table, "label", path), None
    else:
        raise UnreadableInput(str(path), f"its columns are {_listed(table)}", EXPECTED, ADVICE)
    ids = _integers(table, "id", path)
    if len(np.unique(ids)) < len(ids):
        twice = pd.Index(ids)[pd.Index(ids).duplicated()][0]
        raise UnreadableInput(str(path), f"sample {twice} is in it twice", "one row for each id", ADVICE)
    return Corrections(str(path), storage.sha256_of(Path(path)), ids, labels, given)


def corrected_scores(probabilities: Probabilities, ids: Integers, labels: Integers, table: Corrections) -> pd.DataFrame:
    """Evaluate with the given labels and with the corrected ones, a row each.

    Columns: labels ("given" or "corrected"), changed, how many differ from the given ones, and those of `evaluate`.
    """
    corrected = table.apply(ids, labels)
    rows = [
        {"labels": name, "changed": int((by != labels).sum()), **asdict(evaluate(probabilities, by))}
        for name, by in (("given", labels), ("corrected", corrected))
    ]
    return pd.DataFrame(rows)


def _require_names(names: Sequence[str], path: str) -> None:
    """Raise UnreadableInput where two columns have one name: which of them is meant cannot be said."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UnreadableInput(path, f"several columns of the name {twice[:80]!r}", EXPECTED, ADVICE)


def _read(path: str) -> pd.DataFrame:
    if not storage.exists(path):
        raise WrongUse(f"{path}: there is no such file; --corrections names a table, CSV or Parquet.")
    if path.endswith(".parquet"):
        return read_table(path)
    storage.require_file(path, f"a CSV or Parquet table with {EXPECTED}", ADVICE)
    try:
        stored = pa_csv.read_csv(path)
        _require_names(stored.column_names, path)
        table: pd.DataFrame = stored.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    except (pa.ArrowException, OSError, ValueError) as error:  # also of names that are not UTF-8
        raise UnreadableInput(path, first_line(error), f"a CSV or Parquet table with {EXPECTED}", ADVICE) from error
    return table


def _flags(table: pd.DataFrame, path: str | Path) -> pd.Series[bool]:
    """Give the column of flags; a missing one is none."""
    try:
        if pd.api.types.is_numeric_dtype(table[FLAG]) and not table[FLAG].dropna().isin((0, 1)).all():
            raise ValueError("numbers")
        return table[FLAG].astype("boolean").fillna(False)
    except (TypeError, ValueError) as error:
        raise UnreadableInput(str(path), f"{FLAG} is not a column of true and false", EXPECTED, ADVICE) from error


def _integers(table: pd.DataFrame, name: str, path: str | Path) -> npt.NDArray[np.int64]:
    """Give a column as integers; one without rows has no type of its own."""
    try:
        if pd.api.types.is_float_dtype(table[name]) and not (table[name].abs() < EXACT).all():
            raise ValueError("too large, infinite or missing")
        return np.asarray(table[name].astype("Int64").to_numpy(np.int64), np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableInput(str(path), f"{name} is not a column of integers", EXPECTED, ADVICE) from error


def _listed(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))
