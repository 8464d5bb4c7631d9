"""From two versions of a dataset to tables: which samples were added, removed, relabelled, altered or moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mnist_data.batch import Integers, shape_text
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.messages import joined, message
from mnist_data.parquet.tables import merge_tables, provenance, require_folder, write_table
from pipelines.audit.read_rows import read_rows
from pipelines.drift.versions.digests import DigestedSamples, digest_samples, require_memory_for
from pipelines.drift.versions.matching import Matching, match_samples
from pipelines.engine.execution import Execution
from pipelines.images.thumbnails import thumbnail_table
from pipelines.settings.analysis import Diff
from pipelines.statistics.findings import NOTE, Finding, findings_table

REMOVED, ADDED = "removed", "added"
OF_PAIRS = ("altered", "relabelled", "moved", "renumbered")
"""What may have happened to a sample of both: other pixels, another label, another split, another id."""

CHANGES = (REMOVED, ADDED, *OF_PAIRS)
UNCHANGED = "unchanged"

ROWS = 100_000
"""Of the table of samples, written at once."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Differences:
    """The k samples in which two datasets differ: those removed, then those added, then those of both.

    first, second: (k,) rows of A and of B, -1 where there is none. kinds: change -> (k,) flags; the changes of a sample
    of both may be several. unchanged: (m,) rows of A of the samples without any.
    """

    first: Integers
    second: Integers
    kinds: Mapping[str, Flags]
    unchanged: Integers

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class Compared:
    """What a comparison gives. tables: by name. ids_kept: see `Matching`. notes: what a reader must know of it."""

    tables: dict[str, pd.DataFrame]
    ids_kept: bool
    notes: tuple[str, ...]


def diff(a: Dataset, b: Dataset, params: Diff | None = None, *, execution: Execution | None = None) -> Compared:
    """Compare two datasets sample by sample, by ids and pixels.

    params: how many thumbnails of each change are kept; 0 for none, which saves reading the images again. It gives the
    tables

    changes: change, split (of A; of what was added that of B), samples, of (samples of that split), fraction.
    diff: a row a sample that differs: change, id_a, id_b, split_a, split_b, label_a, label_b, and a flag for each of
    OF_PAIRS; ids, splits and labels are missing where a side does not have the sample.
    relabelled: label_a, name_a, label_b, name_b, samples, the most frequent first.
    findings: the verdict, and what a reader must know of it.
    diff_a, diff_b: the thumbnails of either side, of the first samples of each change.

    Labels are compared by the names of their classes, where both datasets name them. Raises WrongUse where the items of
    one are no images.
    """
    params, execution = params or Diff(), execution or Execution()
    require_memory_for((a, b), execution)
    left, right = digest_samples(a, execution), digest_samples(b, execution)
    splits = tuple(dict.fromkeys((*a.splits, *b.splits)))
    shared = _numbered_alike(left, splits), _numbered_alike(right, splits)
    by_name = replace(shared[1], labels=labels_of_a(right.labels, a.metadata.classes, b.metadata.classes))
    matching = match_samples(shared[0], by_name)
    found = find_differences(shared[0], by_name, matching)
    tables = {
        "changes": count_changes(shared[0], shared[1], found, splits),
        "diff": sample_table(shared[0], shared[1], found, splits),
    }
    tables["relabelled"] = count_relabelled(tables["diff"], a, b)
    notes = _notes(a, b, matching)
    said = Finding(verdict(tables["changes"]), severity=NOTE, section="versions")
    tables["findings"] = findings_table([said, *(Finding(note, section="versions") for note in notes)])
    if params.thumbnails:
        chosen = first_of_each(found, params.thumbnails)
        tables |= {"diff_a": _thumbnails(a, found.first, chosen), "diff_b": _thumbnails(b, found.second, chosen)}
    return Compared(tables, matching.ids_kept, notes)


def _numbered_alike(samples: DigestedSamples, splits: Sequence[str]) -> DigestedSamples:
    """Give the samples with their splits numbered by their places in `splits`."""
    places = np.array([splits.index(name) for name in samples.names], np.int8)
    return replace(samples, names=tuple(splits), splits=places[samples.splits])


def labels_of_a(labels: Integers, of_a: Sequence[str], of_b: Sequence[str]) -> Integers:
    """Give labels of B, (n,), as the numbers that A has for their classes; others get numbers that A has not.

    of_a, of_b: the names of the classes, by label. Where one has no names, labels are taken as they are.

    >>> labels_of_a(np.array([0, 1, 2, -1]), ("cat", "dog"), ("dog", "cat", "bird"))
    array([ 1,  0,  4, -1])
    """
    if not of_a or not of_b or tuple(of_a) == tuple(of_b):
        return labels
    numbers = np.array([of_a.index(name) if name in of_a else len(of_a) + place for place, name in enumerate(of_b)])
    named = (labels >= 0) & (labels < len(of_b))
    return np.where(named, numbers[np.where(named, labels, 0)], labels)


def find_differences(a: DigestedSamples, b: DigestedSamples, matching: Matching) -> Differences:
    """Say of matched samples what has changed. a, b: with splits and labels that are numbered alike."""
    first, second = matching.first, matching.second
    of_pairs = {
        "altered": a.digests[first] != b.digests[second],
        "relabelled": a.labels[first] != b.labels[second],
        "moved": a.splits[first] != b.splits[second],
        "renumbered": a.ids[first] != b.ids[second],
    }
    changed = np.any(list(of_pairs.values()), axis=0)
    rows = np.flatnonzero(changed)
    rows = rows[np.lexsort((first[rows], *(~of_pairs[kind][rows] for kind in reversed(OF_PAIRS))))]
    removed, added = matching.removed, matching.added
    none = len(removed) + len(added)
    kinds = {kind: np.concatenate([np.zeros(none, np.bool_), of_pairs[kind][rows]]) for kind in OF_PAIRS}
    places = np.arange(none + len(rows))
    return Differences(
        np.concatenate([removed, np.full(len(added), -1), first[rows]]),
        np.concatenate([np.full(len(removed), -1), added, second[rows]]),
        {REMOVED: places < len(removed), ADDED: (places >= len(removed)) & (places < none), **kinds},
        first[~changed],
    )


def count_changes(a: DigestedSamples, b: DigestedSamples, found: Differences, splits: Sequence[str]) -> pd.DataFrame:
    """Count the samples of each change, a row a change and split: change, split, samples, of, fraction."""
    rows: list[dict[str, Any]] = []
    of_a, of_b = _taken(a.splits, found.first), _taken(b.splits, found.second)
    counted = {kind: (of_b if kind == ADDED else of_a)[flags] for kind, flags in found.kinds.items()}
    for kind, of_split in {UNCHANGED: a.splits[found.unchanged], **counted}.items():
        side = b if kind == ADDED else a
        for place, split in enumerate(splits):
            samples, of = int((of_split == place).sum()), int((side.splits == place).sum())
            fraction = samples / max(1, of)
            rows.append({"change": kind, "split": split, "samples": samples, "of": of, "fraction": fraction})
    return pd.DataFrame(rows)


def _taken(values: npt.NDArray[Any], rows: Integers) -> npt.NDArray[Any]:
    """Take rows, (k,), of values; -1 where there is no row."""
    taken, there = np.full(len(rows), -1, values.dtype), rows >= 0
    taken[there] = values[rows[there]]
    return taken


def sample_table(a: DigestedSamples, b: DigestedSamples, found: Differences, splits: Sequence[str]) -> pd.DataFrame:
    """Tabulate the samples that differ, as `diff` describes it; texts are categories, for there may be millions."""
    columns: dict[str, Any] = {}
    for side, samples, rows in (("a", a, found.first), ("b", b, found.second)):
        for name, values in (("id", samples.ids), ("label", samples.labels)):
            columns[f"{name}_{side}"] = pd.arrays.IntegerArray(_taken(values, rows).astype(np.int64), rows < 0)
        places = _taken(samples.splits, rows)
        columns[f"split_{side}"] = pd.Categorical.from_codes(places, pd.Index(list(splits), dtype=object))
    ordered = {f"{name}_{side}": columns[f"{name}_{side}"] for name in ("id", "split", "label") for side in "ab"}
    flags = {kind: found.kinds[kind] for kind in OF_PAIRS}
    return pd.DataFrame({"change": _named_changes(found), **ordered, **flags})


def _named_changes(found: Differences) -> Any:
    """Name what happened to each sample, as in "altered, relabelled", as categories."""
    codes = np.zeros(len(found), np.int64)
    for bit, kind in enumerate(CHANGES):
        codes += found.kinds[kind].astype(np.int64) << bit
    numbers, places = np.unique(codes, return_inverse=True)
    names = [", ".join(kind for bit, kind in enumerate(CHANGES) if number >> bit & 1) for number in numbers.tolist()]
    return pd.Categorical.from_codes(places.reshape(-1), pd.Index(names, dtype=object))


def count_relabelled(table: pd.DataFrame, a: Dataset, b: Dataset) -> pd.DataFrame:
    """Count from which label to which the relabelled samples went, the most frequent first."""
    pairs = table.loc[table["relabelled"], ["label_a", "label_b"]].astype(np.int64)
    counts = pairs.value_counts(sort=False).rename("samples").reset_index()
    counts = counts.sort_values("samples", ascending=False, kind="stable", ignore_index=True)
    for side, dataset in (("a", a), ("b", b)):
        counts[f"name_{side}"] = [dataset.metadata.class_name(label) for label in counts[f"label_{side}"].tolist()]
    return counts[["label_a", "name_a", "label_b", "name_b", "samples"]]


def first_of_each(found: Differences, most: int) -> list[tuple[str, int]]:
    """Choose the first samples of each change but renumbered ones, which look as they did: (change, place) of each."""
    return [
        (kind, place)
        for kind in CHANGES
        if kind != "renumbered"
        for place in np.flatnonzero(found.kinds[kind])[:most].tolist()
    ]


def _thumbnails(source: Dataset, rows: Integers, chosen: Sequence[tuple[str, int]]) -> pd.DataFrame:
    """Take the chosen samples that a side has: change, place (in the table `diff`), id, split, label, name, image."""
    there = [(kind, place) for kind, place in chosen if rows[place] >= 0]
    positions = rows[[place for _, place in there]].astype(np.int64)
    batch = read_rows(source, positions)
    ends = np.cumsum(list(source.splits.values()))
    columns = {
        "change": [kind for kind, _ in there],
        "place": [place for _, place in there],
        "id": batch.ids,
        "split": np.array(list(source.splits), object)[np.searchsorted(ends, positions, side="right")],
        "label": batch.labels,
        "name": [source.metadata.class_name(label) for label in batch.labels.tolist()],
    }
    return thumbnail_table(columns, batch.images, source.metadata)


def _notes(a: Dataset, b: Dataset, matching: Matching) -> tuple[str, ...]:
    notes: list[str] = []
    forms = [f"{shape_text(dataset.metadata.shape)} {dataset.metadata.dtype}" for dataset in (a, b)]
    if forms[0] != forms[1]:
        notes.append(
            message(
                "The images of A are {a}, those of B {b}: no pixels are equal, ids alone are.", a=forms[0], b=forms[1]
            )
        )
    if not matching.ids_kept:
        notes.append(
            message("Most samples that are found again by their pixels have other ids, so ids say nothing here.")
        )
    if a.metadata.classes and b.metadata.classes and a.metadata.classes != b.metadata.classes:
        notes.append(message("The datasets name their classes differently; labels are compared by the names."))
    return tuple(notes)


def verdict(changes: pd.DataFrame) -> str:
    """Say in one sentence how B differs from A.

    changes: the table of that name.
    """
    counts = changes.groupby("change", sort=False)["samples"].sum()
    differing = [
        message("{count:,} {change}", count=count, change=message(str(kind)))
        for kind, count in counts.items()
        if count and kind != UNCHANGED
    ]
    same = int(counts[UNCHANGED])
    if not differing:
        return message("B has the samples of A, all {count:,} of them, and no others.", count=same)
    return message("From A to B: {changes}; {same:,} unchanged.", changes=joined(differing), same=same)


def save(
    compared: Compared, folder: str | Path, a: Dataset, b: Dataset, params: Diff, *, overwrite: bool = False
) -> None:
    """Write the tables into a folder. Raises OutputExists where it holds anything that is not to be replaced."""
    require_folder(folder, overwrite)
    made = provenance(params.stage, {"a": a.content, "b": b.content}, params.recorded())
    for name, table in compared.tables.items():
        if name == "diff":
            merge_tables(_pieces(table), f"{folder}/{name}", made)
        else:
            write_table(table, f"{folder}/{name}", made)


def _pieces(table: pd.DataFrame) -> Iterator[pa.Table]:
    """Give a table in pieces, its categories as texts."""
    texts = {name: pa.string() for name in table if isinstance(table[name].dtype, pd.CategoricalDtype)}
    for first in range(0, max(1, len(table)), ROWS):
        piece = pa.Table.from_pandas(table.iloc[first : first + ROWS], preserve_index=False).replace_schema_metadata()
        for name, kind in texts.items():
            piece = piece.set_column(piece.column_names.index(name), name, piece[name].cast(kind))
        yield piece
