"""Decisions: what people have decided about samples, in `decisions.parquet` next to a dataset.

The file is a history. A row says who decided what about which sample, when, and on which content; rows are added and
never altered, and an undo is a row, too. On a disk the file is replaced as a whole under a lock, so that of two writers
neither loses a row and a kill loses none. An object store has no lock: there each call adds a file of its own to a
folder, and all of them are read.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import PathLike, fspath
from pathlib import Path

import pyarrow as pa

from mnist_data import storage
from mnist_data.errors import WrongUse, first_few
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.decided_samples import (
    describe_samples,
    is_copied,
    labels_of,
    lineage,
    require_labels,
    require_unchanged,
)
from mnist_data.parquet.decisions_table import (
    CHOICES,
    DECISIONS,
    MOST_ROWS,
    Decision,
    read_file,
    require_fields,
    to_decisions,
    to_table,
    write_file,
)
from mnist_data.parquet.locks import exclusive

WORKSPACE = ("convert", "clean", "normalize")
"""The datasets of a workspace that share their ids, and so their decisions; those of copies are others."""

PATIENCE = 60.0
"""Seconds to wait for another process that is writing decisions."""

_PART = re.compile(r"/split=[^/]*(/[^/]*\.parquet)?$")
"""The end of a path within a dataset: of a split, or of a part of it."""


@dataclass(frozen=True)
class MatchedDecisions:
    """The decisions that stand, laid to the samples of a dataset.

    valid: by id, those about samples as they are. stale: those about samples that have other pixels or another label
    now, which are undecided. missing: those about ids that the dataset does not have.
    """

    valid: dict[int, Decision]
    stale: tuple[Decision, ...]
    missing: tuple[Decision, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Count the valid decisions by what was decided, and those that are stale or missing."""
        chosen = Counter(decision.decision for decision in self.valid.values())
        counts: dict[str, int] = {choice: chosen[choice] for choice in CHOICES if choice != "undo"}
        return counts | {"stale": len(self.stale), "missing": len(self.missing)}

    @property
    def notes(self) -> tuple[str, ...]:
        """Say which decisions were not applied, and why; empty where all were."""
        texts = (
            (self.stale, "about samples that have other pixels or another label now, which are undecided again"),
            (self.missing, "about ids that the dataset does not have"),
        )
        return tuple(
            f"Not applied: {len(rows):,} decision{'s' * (len(rows) > 1)} {what}: "
            f"{first_few([str(decision.id) for decision in rows])}."
            for rows, what in texts
            if rows
        )


def decisions_file(place: str | PathLike[str]) -> str:
    """Give the path of the decisions about a dataset, which need not be there yet.

    It is DATASET.decisions.parquet; the datasets of a workspace share decisions.parquet in its folder. On an object
    store it is the folder DATASET.decisions. place: a dataset, a part of one, or a workspace.
    """
    name = _PART.sub("", storage.absolute(fspath(place)))
    if storage.is_remote(name):
        return storage.sibling(name, f".{DECISIONS}")
    folder = Path(name)
    for workspace in (folder, *([folder.parent] if folder.name in WORKSPACE else [])):
        if (workspace / "convert.manifest.json").exists():
            return str(workspace / f"{DECISIONS}.parquet")
    return storage.sibling(name, f".{DECISIONS}.parquet")


def read_decisions(place: str | PathLike[str]) -> tuple[Decision, ...]:
    """Read all decisions about a dataset in the order in which they were made; none where there is no file.

    place: a dataset, or a workspace. Raises UnreadableInput for a file that is none of ours, DamagedArchive for one
    that was altered.
    """
    return read_decisions_file(decisions_file(place))


def read_decisions_file(location: str) -> tuple[Decision, ...]:
    """Read a file of decisions, or on an object store the folder of them, as `read_decisions` does."""
    return tuple(decision for path in files_of_decisions(location) for decision in to_decisions(read_file(path), path))


def record(dataset: str | PathLike[str], decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Add decisions to those about a dataset, all of them or none, and give them as they were recorded.

    dataset: an open one, or its place. What a decision leaves out is filled in: the time, and label, pixels and content
    of the sample as they are now. Another process that is recording is waited for.

    Raises WrongUse, and records nothing, for an id that is not in the dataset, a label that is none of its classes, a
    decision without a person, and where the dataset was replaced since it was opened.
    """
    source = open_dataset(dataset)
    require_unchanged(source)
    new = [replace(decision, when=_in_utc(decision.when), who=decision.who.strip()) for decision in decisions]
    for decision in new:
        require_fields(decision)
    require_labels(source, {decision.label for decision in new if decision.label is not None})
    samples = describe_samples(source, {decision.id for decision in new})
    if missing := [str(decision.id) for decision in new if decision.id not in samples]:
        raise WrongUse(f"{source.location} has no samples with these ids: {first_few(missing)}. Nothing was recorded.")
    recorded = tuple(
        replace(
            decision,
            given=samples[decision.id].label if decision.given is None else decision.given,
            image=decision.image or samples[decision.id].image,
            content=decision.content or source.content,
        )
        for decision in new
    )
    _append(decisions_file(source), lambda _: recorded)
    return recorded


def undo(dataset: str | PathLike[str], who: str, id: int | None = None) -> Decision | None:  # noqa: A002
    """Take back the last decision of a person that stands, by a row that says so, and give that decision.

    id: the last about this sample. None where there is nothing to take back.
    """
    undone: list[Decision] = []

    def reverse(history: Callable[[], Iterable[Decision]]) -> tuple[Decision, ...]:
        own = (decision for decision in standing(history()) if decision.who == who.strip())
        undone[:] = [decision for decision in own if id in (None, decision.id)][-1:]
        return tuple(replace(decision, decision="undo", label=None, note="", when=_in_utc()) for decision in undone)

    place = decisions_file(dataset)
    if files_of_decisions(place):
        _append(place, reverse)
    return undone[0] if undone else None


def standing(history: Iterable[Decision]) -> list[Decision]:
    """Give the decisions that nobody has taken back, in their order."""
    kept: list[Decision | None] = []
    places: dict[tuple[int, str], list[int]] = {}
    for decision in history:
        own = places.setdefault((decision.id, decision.who), [])
        if decision.decision != "undo":
            own.append(len(kept))
            kept.append(decision)
        elif own:
            kept[own.pop()] = None
    return [decision for decision in kept if decision is not None]


def current(history: Iterable[Decision], who: str | None = None) -> dict[int, Decision]:
    """Give the last decision about each sample that stands, by the sample's id. who: only those of this person."""
    return {decision.id: decision for decision in standing(history) if who in (None, decision.who)}


def match_decisions(dataset: Dataset, history: Iterable[Decision], originals: bool = False) -> MatchedDecisions:
    """Compare the decisions that stand with the samples of a dataset as they are now.

    A decision is valid for the same sample as in the dataset that it was made about, or in one that this was made into,
    and for a sample of the same id and the same pixels; and only where the label is the one that was decided about, or
    the new one. What says neither, as a spreadsheet may, is valid for its id.

    originals: by the ids of the samples that copies were made from.
    """
    decided = current(history)
    same, labels = lineage(dataset, originals), labels_of(dataset, decided, originals)
    unknown = [sample for sample, decision in decided.items() if sample in labels and decision.content not in same]
    pixels = {} if originals and is_copied(dataset) else describe_samples(dataset, unknown)
    valid: dict[int, Decision] = {}
    stale: list[Decision] = []
    missing: list[Decision] = []
    for sample, decision in decided.items():
        if sample not in labels:
            missing.append(decision)
            continue
        is_same = decision.content in same or not (decision.image or decision.content)
        is_same = is_same or (sample in pixels and pixels[sample].image == decision.image)
        is_of_label = decision.given is None or labels[sample] in (decision.given, decision.label)
        if is_same and is_of_label:
            valid[sample] = decision
        else:
            stale.append(decision)
    return MatchedDecisions(valid, tuple(stale), tuple(missing))


def _in_utc(when: datetime | None = None) -> datetime:
    return datetime.now(UTC) if when is None else when.astimezone(UTC)


def files_of_decisions(location: str) -> list[str]:
    """List the files of decisions in their order: the one on a disk, or those in a folder of an object store."""
    if not storage.is_remote(location):
        return [location] if Path(location).exists() else []  # an empty folder in its place is not passed over
    if location.endswith(".parquet"):
        return [location] if storage.exists(location) else []
    fs, folder = storage.filesystem(location)
    fs.invalidate_cache()  # another process may have written there since
    return storage.files_in(location, ".parquet") if fs.exists(folder) else []


def _append(location: str, new: Callable[[Callable[[], Iterable[Decision]]], tuple[Decision, ...]]) -> None:
    """Add decisions to those that are there. new: makes them, and may read those."""
    if storage.is_remote(location):
        if rows := new(lambda: read_decisions_file(location)):
            # Such a name sorts by its time, and nobody else has it.
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:12]}.parquet"
            write_file(f"{location}/{name}", to_table(rows))
        return
    storage.require_short(location, "")
    with exclusive(location, storage.sibling(location, ".lock", hidden=True), PATIENCE):
        before = read_file(location)
        if rows := new(lambda: to_decisions(before, location)):
            if before.num_rows + len(rows) > MOST_ROWS:
                raise WrongUse(f"{location} would have more than {MOST_ROWS:,} decisions.")
            write_file(location, pa.concat_tables([before.cast(to_table([]).schema), to_table(rows)]))
