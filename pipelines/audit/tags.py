"""What other programs write about samples, as a table of decisions: tags, labels that were changed, and selections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.corrections import read_csv
from mnist_data.parquet.dataset import Dataset, open_parquet, read_columns
from mnist_data.parquet.decisions_table import CHOICES
from mnist_data.parquet.records import read_json

EXPECTED = (
    "a table with the columns id and decision, as CSV, Parquet or JSON Lines, or FiftyOne's samples.json or labels.json"
)
ADVICE = f"Give each sample's id, and one of {', '.join(CHOICES[:4])}; rows without a decision are passed over."

TAGS = CHOICES[:4]
"""Tags that are decisions; others are passed over."""

OURS = {"decided_label": "label", "decided_by": "who", "decision_note": "note"}
"""Columns of an export for a viewer, in which `label` is the one given, and what they are called in decisions."""

COLUMNS = ("id", "decision", "label", "note", "who", "when", "check", "given", "image", "content", *OURS, "file_name")


def read_tags(path: str, dataset: Dataset) -> pd.DataFrame:
    """Read a file of tags: a row a sample, with the columns id and decision, and others of decisions that it has.

    Raises UnreadableInput for a file that is none.
    """
    if not storage.is_remote(path):
        storage.require_file(path, EXPECTED, ADVICE)
    ending = Path(path).suffix.lower()
    if ending == ".json":
        values = read_json(storage.read_bytes(path) or b"", _refusing(path))
        if not isinstance(values, list) or not all(isinstance(row, dict) for row in values):
            return _of_fiftyone(values, path, dataset)
        table = pd.DataFrame([_plain(row) for row in values])
    elif ending in (".jsonl", ".ndjson"):
        table = pd.DataFrame([_plain(row) for row in _json_lines(path)])
    elif ending == ".parquet":
        table = _of_parquet(path)
    else:
        table = read_csv(path, EXPECTED, ADVICE)
    return _as_decisions(table, path)


def _as_decisions(table: pd.DataFrame, path: str) -> pd.DataFrame:
    """Give a table the names of decisions; the ids are taken from the names of image files where there are none."""
    if set(OURS) & set(table):
        table = table.drop(columns=["image", "given"], errors="ignore").rename(columns={"label": "given"})
        table = table.rename(columns=OURS)
    if "id" not in table and "file_name" in table:
        table = table.assign(id=[_id_of(name, path) for name in table["file_name"]])
    if "id" not in table:
        columns = ", ".join(map(str, table.columns[:20])) or "none"
        raise UnreadableInput(path, f"its columns are {columns}", EXPECTED, ADVICE)
    return table


def _of_parquet(path: str) -> pd.DataFrame:
    with open_parquet(path) as file:
        names = [name for name in file.schema_arrow.names if name in COLUMNS]
        kept = [name for name in names if name != "image" or pa.types.is_string(file.schema_arrow.field(name).type)]
        frame: pd.DataFrame = file.read(columns=kept).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame


def _json_lines(path: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate((storage.read_bytes(path) or b"").splitlines(), 1):
        if line.strip():
            row = read_json(line, _refusing(path, f"line {number}: "))
            if not isinstance(row, dict):
                raise UnreadableInput(path, f"line {number} is no object", EXPECTED, ADVICE)
            yield row


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in COLUMNS and not isinstance(value, dict | list)}


def _of_fiftyone(values: Any, path: str, dataset: Dataset) -> pd.DataFrame:
    """Take a FiftyOneDataset's samples.json, or a FiftyOneImageClassificationDataset's labels.json."""
    samples = values.get("samples") if isinstance(values, dict) else None
    labels = values.get("labels") if isinstance(values, dict) else None
    if isinstance(samples, list) and all(isinstance(sample, dict) for sample in samples):
        named = [(sample.get("filepath"), sample.get("tags"), _label_in(sample)) for sample in samples]
    elif isinstance(labels, dict):
        named = [(name, (), _text_of(value)) for name, value in labels.items()]
    else:
        raise UnreadableInput(path, "neither 'samples' nor 'labels' in it", EXPECTED, ADVICE)
    given = {
        int(sample): int(label)
        for split in dataset.splits
        for columns in [read_columns(dataset, split, ["id", "label"])]
        for sample, label in zip(columns["id"], columns["label"], strict=True)
    }
    rows = [_decided(_id_of(name, path), tags, label, given, dataset, path) for name, tags, label in named]
    columns = ["id", "decision", "label"]
    return pd.DataFrame([row for row in rows if row], columns=columns).astype({"id": "int64", "label": "Int64"})


def _decided(
    sample: int, tags: object, name: str | None, given: Mapping[int, int], dataset: Dataset, path: str
) -> tuple[int, str, int | None] | None:
    """Give what a sample's tags and label decide; None where it has no tag of ours, and the label that it had."""
    chosen = [tag for tag in TAGS if isinstance(tags, list | tuple) and tag in tags]
    if len(chosen) > 1:
        raise UnreadableInput(path, f"sample {sample} has the tags {' and '.join(chosen)}", "one of them", ADVICE)
    before = dataset.metadata.class_name(given[sample]) if sample in given else None
    is_changed = name is not None and before is not None and name != before
    if is_changed and chosen in ([], ["relabel"]):
        classes = list(dataset.metadata.classes)
        label = classes.index(name) if name in classes else _number(name)
        if label is None:
            raise UnreadableInput(path, f"sample {sample} has the label {name!r}", f"one of {classes[:20]}", ADVICE)
        return sample, "relabel", label
    return (sample, chosen[0], None) if chosen else None


def _number(name: str | None) -> int | None:
    return int(name) if name is not None and name.isdecimal() and name.isascii() and len(name) < 10 else None


def _label_in(sample: Mapping[str, Any]) -> str | None:
    return _text_of(sample.get("ground_truth"))


def _text_of(value: Any) -> str | None:
    label = value.get("label") if isinstance(value, dict) else value
    return label if isinstance(label, str) else None


def _id_of(name: object, path: str) -> int:
    """Give the id in an image file's name, as in data/7.png."""
    stem = Path(str(name)).stem
    if not (stem.isdecimal() and stem.isascii() and len(stem) < 19):
        raise UnreadableInput(path, f"a file {str(name)[:80]!r}", "names that are ids, as in 7.png", ADVICE)
    return int(stem)


def _refusing(path: str, where: str = "") -> Any:
    return lambda found, expected: UnreadableInput(path, f"{where}{found}", expected, ADVICE)
