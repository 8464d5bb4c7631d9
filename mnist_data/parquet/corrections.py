"""Corrections: tables of what is to be done about samples, as people decided it, or as an audit suggests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from mnist_data import storage
from mnist_data.batch import Integers
from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.parquet.dataset import Dataset, first_line
from mnist_data.parquet.decided_samples import require_labels
from mnist_data.parquet.decisions import (
    MatchedDecisions,
    current,
    decisions_file,
    match_decisions,
    read_decisions_file,
)
from mnist_data.parquet.decisions_table import Decision, is_decisions, require_fields
from mnist_data.parquet.tables import read_table

CORRECTIONS = "corrections"
"""The name of a table of corrections among the inputs of a training's tables."""

SUGGESTED, FLAG = "suggested_label", "is_label_error"
"""The columns of `mnist-data audit` for the suggested label, and for whether the given one is flagged."""

EXACT = 2**53
"""A float below it is the whole number that was meant; the largest are none that int64 can hold."""

EXPECTED = f"columns id and label, id and decision, or id, {FLAG} and {SUGGESTED} as mnist-data audit writes them"
ADVICE = "Give decisions, each sample's id and its correct label, or the audit.parquet of an audit with labels."


@dataclass(frozen=True)
class Corrections:
    """What is to be done about samples. digest: of the history of decisions, or the SHA-256 of another table's file.

    decisions: the last about each sample. is_one_dataset: whether a label that is not the one given there means that
    the table is of another dataset, as for an audit's; a decision about another label is stale by itself.
    """

    path: str
    digest: str
    decisions: tuple[Decision, ...]
    is_one_dataset: bool = False

    @cached_property
    def _relabelled(self) -> tuple[Integers, Integers, list[int | None]]:
        """The ids and the new labels, (n,) int64 each, and the labels that were given."""
        own = [decision for decision in self.decisions if decision.decision == "relabel"]
        ids, labels = ([getattr(decision, name) for decision in own] for name in ("id", "label"))
        return np.array(ids, np.int64), np.array(labels, np.int64), [decision.given for decision in own]

    @property
    def removed(self) -> Integers:
        """The ids of samples to remove, (n,) int64."""
        return np.array([decision.id for decision in self.decisions if decision.decision == "remove"], np.int64)

    def apply(self, ids: Integers, labels: Integers) -> Integers:
        """Give the labels of samples with the corrections applied; samples that are not in the table keep theirs.

        Raises WrongUse where the table says that another label was given: it is of another dataset.
        """
        own, corrected, given = self._relabelled
        places = pd.Index(own).get_indexer(pd.Index(ids))
        here = np.flatnonzero(places >= 0)
        for row in here if self.is_one_dataset else ():
            if given[places[row]] not in (None, labels[row]):
                raise WrongUse(
                    f"{self.path}: sample {ids[row]} has the label {given[places[row]]} there and "
                    f"{labels[row]} in the dataset; the table is of another dataset."
                )
        return np.where(places >= 0, corrected[places], labels) if len(own) else labels

    def about(self, dataset: Dataset, originals: bool = False) -> tuple[Corrections, MatchedDecisions]:
        """Give those corrections that are about samples of a dataset as they are now, and which these are.

        originals: by the ids of the samples that copies were made from. Raises WrongUse for a label that is no class,
        and for an audit's table of another dataset.
        """
        if self.is_one_dataset:
            matched = MatchedDecisions({decision.id: decision for decision in self.decisions}, (), ())
        else:
            matched = match_decisions(dataset, self.decisions, originals)
        valid = tuple(matched.valid.values())
        require_labels(dataset, {decision.label for decision in valid if decision.label is not None})
        return replace(self, decisions=valid), matched


def corrections_file(place: str | PathLike[str]) -> str:
    """Give the file that is meant: the one named, the table of an audit's folder, or the decisions about a dataset.

    place: a table, the folder of an audit, a dataset or a workspace.
    """
    name = fspath(place)
    if storage.is_remote(name):
        return name if name.endswith((".parquet", ".csv")) else decisions_file(name)
    if not Path(name).is_dir():
        return name
    audit = Path(name, "audit.parquet")
    return str(audit) if audit.exists() else decisions_file(name)


def read_corrections(place: str | PathLike[str]) -> Corrections:
    """Read decisions, or a table of corrected labels, CSV or Parquet.

    Another table than decisions has the columns id and label, or id and decision, or it is the table of an audit, of
    which only the rows that are flagged as label errors and have a suggestion count. place: as `corrections_file` takes
    it. Raises UnreadableInput for another table, WrongUse where there is none.
    """
    path = corrections_file(place)
    if not storage.exists(path) and storage.not_a_file(path):
        what = "nothing has been decided about it" if path != fspath(place) else "there is no such file"
        raise WrongUse(
            f"{fspath(place)}: {what}; name a table, CSV or Parquet, or a dataset about whose samples something has "
            "been decided."
        )
    if not path.endswith((".parquet", ".csv")) or (path.endswith(".parquet") and is_decisions(path)):
        history = read_decisions_file(path)
        return Corrections(path, history_digest(history), tuple(current(history).values()))
    table = _read(path)
    digest = hashlib.sha256(storage.read_bytes(path) or b"").hexdigest()
    if {"id", FLAG, SUGGESTED} <= set(table):
        return Corrections(path, digest, _of_audit(table, path), is_one_dataset="label" in table)
    if {"id", "decision"} <= set(table):
        return Corrections(path, digest, tuple(current(decisions_of(table, path)).values()))
    if {"id", "label"} <= set(table) and not any(str(name).startswith("is_") for name in table):
        return Corrections(path, digest, _of_labels(table, path))
    raise UnreadableInput(path, f"its columns are {_listed(table)}", EXPECTED, ADVICE)


def corrections_now(dataset: Dataset) -> Corrections | None:
    """Give the decisions about a dataset as they are; None where nothing ever was decided."""
    path = decisions_file(dataset)
    history = read_decisions_file(path)
    return Corrections(path, history_digest(history), tuple(current(history).values())) if history else None


def corrections_then(dataset: Dataset, digest: str) -> Corrections | None:
    """Give the decisions about a dataset as they were when something was made by them; None where there are none such.

    Decisions are only ever added, so that the beginning of their history is what they were. digest: of that beginning.
    """
    path = decisions_file(dataset)
    history = history_of(digest, read_decisions_file(path))
    return None if history is None else Corrections(path, digest, tuple(current(history).values()))


def history_digest(history: Iterable[Decision]) -> str:
    """Hash a history of decisions, in hexadecimal; it is the same wherever its files lie, and however they are cut."""
    hasher = hashlib.sha256()
    for decision in history:
        hasher.update(_line(decision))
    return hasher.hexdigest()


def history_of(digest: str, history: Sequence[Decision]) -> tuple[Decision, ...] | None:
    """Give the beginning of a history that has a digest: as it was when something was made by it; None for none."""
    hasher = hashlib.sha256()
    for place in range(len(history) + 1):
        if hasher.hexdigest() == digest:
            return tuple(history[:place])
        if place < len(history):
            hasher.update(_line(history[place]))
    return None


def _line(decision: Decision) -> bytes:
    when = decision.when.astimezone(UTC).isoformat() if decision.when else None
    return json.dumps({**asdict(decision), "when": when}, sort_keys=True).encode() + b"\n"


def decisions_of(table: pd.DataFrame, path: str) -> tuple[Decision, ...]:
    """Read decisions from a table of text, as a spreadsheet has it: id, decision, and what else is known of each.

    Raises UnreadableInput, which names the row, for one that is none.
    """
    ids = _integers(table, "id", path)
    optional = {name: _optional(table, name, path) for name in ("label", "given")}
    texts = {
        name: [_text(value) for value in table[name]] if name in table else [""] * len(table)
        for name in ("decision", "note", "who", "check", "image", "content")
    }
    times = [_time(value, path) for value in table["when"]] if "when" in table else [None] * len(table)
    decisions = []
    for row, sample in enumerate(ids.tolist()):
        known: dict[str, Any] = {name: values[row] for name, values in texts.items()}
        decision = Decision(
            id=sample, label=optional["label"][row], given=optional["given"][row], when=times[row], **known
        )
        if decision.decision != "relabel" and decision.label is not None:
            decision = replace(decision, label=None)  # a spreadsheet may fill in the label of each sample
        try:
            require_fields(replace(decision, who=decision.who or "?"))
        except WrongUse as fault:
            raise UnreadableInput(path, str(fault).rstrip("."), EXPECTED, ADVICE) from None
        decisions.append(decision)
    return tuple(decisions)


def _of_audit(table: pd.DataFrame, path: str) -> tuple[Decision, ...]:
    table = table[_flags(table, path) & table[SUGGESTED].notna()]
    given = _integers(table, "label", path).tolist() if "label" in table else [None] * len(table)
    return _relabels(table, _integers(table, SUGGESTED, path), given, path)


def _of_labels(table: pd.DataFrame, path: str) -> tuple[Decision, ...]:
    return _relabels(table, _integers(table, "label", path), [None] * len(table), path)


def _relabels(table: pd.DataFrame, labels: Integers, given: Sequence[int | None], path: str) -> tuple[Decision, ...]:
    ids = _integers(table, "id", path)
    if len(np.unique(ids)) < len(ids):
        twice = pd.Index(ids)[pd.Index(ids).duplicated()][0]
        raise UnreadableInput(path, f"sample {twice} is in it twice", "one row for each id", ADVICE)
    rows = zip(ids.tolist(), labels.tolist(), given, strict=True)
    return tuple(Decision(id=sample, decision="relabel", label=label, given=before) for sample, label, before in rows)


def _read(path: str) -> pd.DataFrame:
    if path.endswith(".parquet"):
        return read_table(path)
    return read_csv(path, f"a CSV or Parquet table with {EXPECTED}", ADVICE)


def read_csv(path: str, expected: str, advice: str) -> pd.DataFrame:
    """Read a CSV file; whole numbers stay so where some are missing. Raises UnreadableInput for what is none."""
    if not storage.is_remote(path):
        storage.require_file(path, expected, advice)
    try:
        content = storage.read_bytes(path) or b""
        options = pa_csv.ParseOptions(delimiter=_delimiter(content), newlines_in_values=True)
        stored = pa_csv.read_csv(pa.BufferReader(content), parse_options=options)
        _require_names(stored.column_names, path)
        table: pd.DataFrame = stored.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    except (pa.ArrowException, OSError, ValueError) as error:  # also of names that are not UTF-8
        raise UnreadableInput(path, first_line(error), expected, advice) from error
    return table


def _delimiter(content: bytes) -> str:
    """Give what separates the columns: a comma, or the semicolon or tab of spreadsheets in other countries."""
    header = content.partition(b"\n")[0]
    return max((",", ";", "\t"), key=lambda mark: header.count(mark.encode()))


def _require_names(names: Sequence[str], path: str) -> None:
    """Raise UnreadableInput where two columns have one name: which of them is meant cannot be said."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UnreadableInput(path, f"several columns of the name {twice[:80]!r}", EXPECTED, ADVICE)


def _flags(table: pd.DataFrame, path: str) -> pd.Series[bool]:
    """Give the column of flags; a missing one is none."""
    try:
        if pd.api.types.is_numeric_dtype(table[FLAG]) and not table[FLAG].dropna().isin((0, 1)).all():
            raise ValueError("numbers")
        return table[FLAG].astype("boolean").fillna(False)
    except (TypeError, ValueError) as error:
        raise UnreadableInput(path, f"{FLAG} is not a column of true and false", EXPECTED, ADVICE) from error


def _integers(table: pd.DataFrame, name: str, path: str) -> npt.NDArray[np.int64]:
    """Give a column as integers; one without rows has no type of its own."""
    try:
        if pd.api.types.is_float_dtype(table[name]) and not (table[name].abs() < EXACT).all():
            raise ValueError("too large, infinite or missing")
        return np.asarray(table[name].astype("Int64").to_numpy(np.int64), np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableInput(path, f"{name} is not a column of integers", EXPECTED, ADVICE) from error


def _optional(table: pd.DataFrame, name: str, path: str) -> list[int | None]:
    """Give a column of integers of which some, or all, may be missing."""
    values: list[int | None] = [None] * len(table)
    if name in table:
        known = np.flatnonzero(table[name].notna() & (table[name].astype(str) != ""))
        for row, value in zip(known.tolist(), _integers(table.iloc[known], name, path).tolist(), strict=True):
            values[row] = value
    return values


def _text(value: Any) -> str:
    """Give a cell as text, without the quote that keeps a spreadsheet from running it."""
    text = "" if value is None or value is pd.NA or value != value else str(value)
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "\t", "\r") else text


def _time(value: Any, path: str) -> datetime | None:
    """Give a cell as a time; one without a zone is UTC."""
    if (text := _text(value)) in ("", "NaT"):
        return None
    try:
        when: datetime = value.to_pydatetime() if isinstance(value, pd.Timestamp) else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        expected = "ISO 8601, as in 2026-11-27T20:31:00Z"
        raise UnreadableInput(path, f"{text[:80]!r} as a time", expected, ADVICE) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _listed(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))
