"""Which known dataset some images are, by their pixels: whatever the names, the order, the compression, the split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mnist_data.batch import Images, Integers
from mnist_data.idx.format import open_idx
from mnist_data.idx.pairing import Pair
from mnist_data.known import fingerprints
from mnist_data.known.catalog import CATALOG
from mnist_data.known.fingerprints import Cells, Element, Fingerprint, Hashes, Rows, read_fingerprints
from mnist_data.parquet.dataset import Dataset, read_batches

Stream = Iterator[tuple[Images, Integers | None, Integers]]
"""Images, labels where there are any, and ids."""

MAX_ROWS = 1_000_000
"""Larger inputs, beyond every dataset of this field, are not identified: each row takes 24 bytes of memory."""
BATCH = 10_000
LEAST = 3
"""Images in common with a sketch for a dataset to be named."""


@dataclass(frozen=True)
class Part:
    """Images to identify: a split or a file, which can be read more than once. shape: of an image."""

    name: str
    shape: tuple[int, ...]
    rows: int
    read: Callable[[], Stream]

    def hashed(self, *, transposed: bool) -> Rows:
        """Reduce the rows to what is compared. transposed: with rows and columns of the images exchanged."""
        rows = [
            hashed_rows(images, labels, ids, transposed=transposed) for images, labels, ids in (_NOTHING, *self.read())
        ]
        return joined_rows(rows)


_NOTHING: tuple[Images, Integers | None, Integers] = (
    np.empty((0, 1, 1), np.uint8),
    np.empty(0, np.int64),
    np.empty(0, np.int64),
)


def hashed_rows(images: Images, labels: Integers | None, ids: Integers, *, transposed: bool) -> Rows:
    """Reduce some rows to what is compared."""
    return Rows(fingerprints.hash_images(images.swapaxes(1, 2) if transposed else images), labels, ids)


def joined_rows(parts: Sequence[Rows]) -> Rows:
    """Join rows; they have labels where all parts have."""
    labels = [part.labels for part in parts if part.labels is not None]
    return Rows(
        np.concatenate([part.hashes for part in parts]),
        np.concatenate(labels) if len(labels) == len(parts) else None,
        np.concatenate([part.ids for part in parts]),
    )


@dataclass(frozen=True)
class Change:
    """A row that is not as published; `original_row` counts within the published split, None where it is not known."""

    id: int
    original_row: int | None


@dataclass(frozen=True)
class LabelChange:
    """A row whose image is as published and whose label is not."""

    id: int
    label: int
    original: int


@dataclass(frozen=True)
class Match:
    """A published split that images were identified as.

    part: which part of the input; empty for all of it. split: as published, "train and test" for both together.
    original_rows: how many the published split has. sketch_rows: rows of the sketch that the result was estimated from,
    0 where every row was compared. fraction: of our rows that are images of the original, exact where sketch_rows is 0.
    present: rows of the original that are there. differing: rows of ours that are not the original's. same_order: None
    where not known. missing_rows: of the original, those whose numbers are known. other_labels: how many labels differ,
    estimated where `labels` names none.
    """

    part: str
    dataset: str
    title: str
    split: str
    transposed: bool
    rows: int
    original_rows: int
    sketch_rows: int
    fraction: float
    present: int
    differing: int
    same_order: bool | None = None
    changed: tuple[Change, ...] = ()
    added: tuple[int, ...] = ()
    missing: int = 0
    missing_rows: tuple[int, ...] = ()
    labels: tuple[LabelChange, ...] = ()
    other_labels: int = 0

    @property
    def complete(self) -> bool:
        """Whether every row was compared, not a sample of them."""
        return self.sketch_rows == 0


def parts_of_pairs(pairs: Iterable[Pair]) -> list[Part]:
    """Give the splits of a folder of IDX files."""
    return [idx_part(pair.images, pair.labels, pair.split) for pair in pairs]


def idx_part(images: str, labels: str | None = None, name: str = "") -> Part:
    """Give an IDX file of images, with its labels where there are any; ids are positions."""
    with open_idx(images) as reader:
        header = reader.header

    def read() -> Stream:
        done = 0
        values = None if labels is None else _idx_labels(labels, header.items)
        with open_idx(images) as reader:
            for batch in reader.batches(BATCH):
                rows = slice(done, done + len(batch))
                yield batch, None if values is None else values[rows], np.arange(rows.start, rows.stop)
                done += len(batch)

    return Part(name, header.item_shape, header.items, read)


def _idx_labels(path: str, items: int) -> Integers | None:
    """Read labels, of a label table the first column; None where there is not one for each image."""
    with open_idx(path) as reader:
        if reader.header.items != items or reader.header.dtype.kind == "f" or 0 in reader.header.item_shape:
            return None
        batches = [batch if batch.ndim == 1 else batch[:, 0] for batch in reader.batches(1 << 20)]
    return np.concatenate([np.empty(0, np.int64), *batches]).astype(np.int64)


def parts_of(dataset: Dataset) -> list[Part]:
    """Give the splits of a dataset."""

    def reader(split: str) -> Callable[[], Stream]:
        return lambda: ((batch.images, batch.labels, batch.ids) for batch in read_batches(dataset, split, BATCH))

    shape = dataset.metadata.shape
    return [Part(split, shape, rows, reader(split)) for split, rows in dataset.splits.items()]


def fingerprints_of(dataset: str, parts: Iterable[Part]) -> list[Fingerprint]:
    """Take the fingerprints of a dataset as published, the training split first."""
    known, start = [], 0
    for part in parts:
        rows = part.hashed(transposed=False)
        known.append(fingerprints.fingerprint(dataset, part.name, part.shape, rows, start))
        start += part.rows
    return known


def identify(parts: Sequence[Part], known: Sequence[Fingerprint] | None = None) -> list[Match]:
    """Identify each part, or all parts together where only together they are a known dataset.

    known: the candidates, by default those that ship with the package. Images that match none are tried with rows and
    columns exchanged, too. Empty where nothing matches.
    """
    known = read_fingerprints() if known is None else known
    if sum(part.rows for part in parts) > MAX_ROWS:
        return []
    for transposed in (False, True):
        candidates = [
            split for split in known if all(fits(part.shape, split.shape, transposed=transposed) for part in parts)
        ]
        if candidates and (matches := _identify(parts, candidates, transposed=transposed)):
            return matches
    return []


def fits(shape: tuple[int, ...], published: tuple[int, ...], *, transposed: bool) -> bool:
    """Say whether images of a shape, or the same transposed, can be published ones."""
    shape = shape[:2] if len(shape) == 3 and shape[2] == 1 else shape
    return len(shape) > 1 and (shape[1], shape[0], *shape[2:]) == published if transposed else shape == published


def _identify(parts: Sequence[Part], known: Sequence[Fingerprint], *, transposed: bool) -> list[Match]:
    rows = [part.hashed(transposed=transposed) for part in parts]
    matches = [_best(part.name, own, known) for part, own in zip(parts, rows, strict=True)]
    if len(parts) > 1 and not all(match and match.complete for match in matches):
        together = _best("", joined_rows(rows), known)
        if together and together.complete:
            matches = [together]
    return [replace(match, transposed=transposed) for match in matches if match]


@dataclass(frozen=True)
class _Overlap:
    """Distinct rows with small hashes: how many we have, the sketch has, and both have."""

    ours: int
    theirs: int
    both: int
    other_labels: int


def _overlap(rows: Rows, known: Fingerprint) -> _Overlap:
    small = rows.hashes <= known.bound
    ours, first = np.unique(rows.hashes[small], return_index=True)
    theirs, their_first = np.unique(known.sketch["hash"], return_index=True)
    _, mine, other = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    labels = 0
    if rows.labels is not None:
        labels = int((rows.labels[small][first[mine]] != known.sketch["label"][their_first[other]]).sum())
    return _Overlap(len(ours), len(theirs), len(mine), labels)


def _best(name: str, rows: Rows, known: Sequence[Fingerprint]) -> Match | None:
    """Compare with each published split that overlaps, and with all of a dataset together; take what explains most."""
    candidates = [split for split in known if _overlap(rows, split).both >= min(LEAST, split.rows) > 0]
    for dataset in {split.dataset: None for split in candidates}:
        splits = [split for split in candidates if split.dataset == dataset]
        if len(splits) > 1:
            candidates.append(sum(splits[1:], splits[0]))
    matches = [_compare(name, rows, candidate) for candidate in candidates]
    return max(matches, key=lambda match: (match.complete, match.fraction, -match.original_rows), default=None)


def _compare(name: str, rows: Rows, known: Fingerprint) -> Match:
    overlap = _overlap(rows, known)
    match = Match(
        part=name,
        dataset=known.dataset,
        title=CATALOG[known.dataset].title if known.dataset in CATALOG else known.dataset,
        split=known.split,
        transposed=False,
        rows=len(rows),
        original_rows=known.rows,
        sketch_rows=overlap.ours,
        fraction=overlap.both / overlap.ours,
        present=0,
        differing=0,
    )
    positions = np.arange(known.start, known.start + len(rows))
    placed = _reconcile(rows, known, positions)
    if placed is None:
        table = _difference(rows, known, positions)
        differing = _estimate(table, match.fraction, rows)
        match = replace(match, differing=differing, present=_present(rows, known, overlap, differing))
    else:
        best = _by_ids(placed, rows, known)
        same = placed.ordered if len(best.extra) == len(best.missing) else None
        match = replace(_with_rows(match, rows, known, best), same_order=same)
    return match if rows.labels is None else _with_labels(match, rows, known, overlap)


def _present(rows: Rows, known: Fingerprint, overlap: _Overlap, differing: int) -> int:
    """Count the different rows of ours where all are the original's; else estimate how many of its rows we have."""
    if overlap.both == overlap.ours:
        return len(np.unique(rows.hashes)) - differing
    return round(overlap.both / overlap.theirs * known.rows)


def _difference(rows: Rows, known: Fingerprint, numbers: Integers, *, labelled: bool = False) -> Cells:
    published = known.labelled if labelled else known.images
    return fingerprints.subtract(published, fingerprints.table_of(rows, numbers, labelled=labelled))


def _estimate(table: Cells, fraction: float, rows: Rows) -> int:
    """Estimate how many of our rows differ: by the table where few do, by the fraction of the sketch where many do.

    Repeated rows of ours do not count. The table is used only beyond three of its standard errors: for a small subset
    it says nothing.
    """
    surplus = int(table["count"][: len(table) // fingerprints.PLACES].view(np.int32).sum())
    total = fingerprints.differing(table)
    repeated = len(rows) - len(np.unique(rows.hashes))
    by_table, error = (total - surplus) / 2 - repeated, total * fingerprints.ERROR / 2
    return round(by_table if fraction > 0.9 and by_table > 3 * error else (1 - fraction) * len(rows))


@dataclass(frozen=True)
class _Reconciliation:
    """The original rows that we lack, and the positions of the rows that only we have.

    numbers: (n,) assigned to our rows. ordered: whether all other rows have the original's numbers.
    """

    missing: list[Element]
    extra: list[int]
    numbers: Integers
    ordered: bool

    @property
    def absent(self) -> set[int]:
        return {row.row for row in self.missing if row.row is not None}


def _reconcile(rows: Rows, known: Fingerprint, numbers: Integers) -> _Reconciliation | None:
    """Find the rows that differ; None where they are too many.

    Of several equal rows of ours, those at the position of a missing original row are the extra ones: they are counted
    last, and the numbers compared once more.
    """
    first = _read_off(rows, known, numbers)
    if first is None:
        return None
    chosen = _replacements(rows, first)
    if chosen == first.extra:
        return first
    order = np.r_[np.delete(np.arange(len(rows)), chosen), chosen]
    again = _read_off(rows.take(order), known, numbers[order])
    return again and _Reconciliation(again.missing, chosen, numbers, again.ordered)


def _by_ids(placed: _Reconciliation, rows: Rows, known: Fingerprint) -> _Reconciliation:
    """Count our rows by their ids instead, if that recovers the numbers of more of the missing rows."""
    if len(placed.absent) == len(placed.missing):
        return placed
    others = [_reconcile(rows, known, numbers) for numbers in (rows.ids, rows.ids + known.start)]
    return max([placed, *filter(None, others)], key=lambda candidate: len(candidate.absent))


def _read_off(rows: Rows, known: Fingerprint, numbers: Integers) -> _Reconciliation | None:
    keys = rows.keys(labelled=False)
    decoded = fingerprints.decode(_difference(rows, known, numbers), keys, numbers)
    if decoded is None:
        return None
    missing, extra, ordered = decoded
    return _Reconciliation(missing, _places(keys, extra), numbers, ordered)


def _places(keys: Hashes, elements: Iterable[Element]) -> list[int]:
    return sorted(int(np.flatnonzero(keys == np.uint64(row.key))[0]) for row in elements)


def _replacements(rows: Rows, placed: _Reconciliation) -> list[int]:
    chosen: list[int] = []
    hashes, counts = np.unique(rows.hashes[placed.extra], return_counts=True)
    for value, count in zip(hashes, counts, strict=True):
        equal = np.flatnonzero(rows.hashes == value).tolist()
        equal.sort(key=lambda index: (int(placed.numbers[index]) not in placed.absent, index not in placed.extra))
        chosen += equal[:count]
    return sorted(chosen)


def _with_rows(match: Match, rows: Rows, known: Fingerprint, placed: _Reconciliation) -> Match:
    """Add which rows differ: each row that is not the original's with the original row that it replaces."""
    absent = placed.absent
    replaced = [index for index in placed.extra if int(placed.numbers[index]) in absent]
    rest = [index for index in placed.extra if index not in replaced]
    absent -= {int(placed.numbers[index]) for index in replaced}
    hidden = sum(row.row is None for row in placed.missing)
    paired = min(len(rest), hidden)
    changed = [Change(int(rows.ids[index]), int(placed.numbers[index]) - known.start) for index in replaced]
    changed += [Change(int(rows.ids[index]), None) for index in rest[:paired]]
    return replace(
        match,
        sketch_rows=0,
        fraction=(len(rows) - len(placed.extra)) / len(rows),
        present=known.rows - len(placed.missing),
        differing=len(placed.extra),
        changed=tuple(sorted(changed, key=lambda change: change.id)),
        added=tuple(int(rows.ids[index]) for index in rest[paired:]),
        missing=len(absent) + hidden - paired,
        missing_rows=tuple(sorted(row - known.start for row in absent)),
    )


def _with_labels(match: Match, rows: Rows, known: Fingerprint, overlap: _Overlap) -> Match:
    """Add which labels differ, of images that do not."""
    assert rows.labels is not None
    numbers = np.arange(known.start, known.start + len(rows))
    table = _difference(rows, known, numbers, labelled=True)
    keys = rows.keys(labelled=True)
    decoded = fingerprints.decode(table, keys, numbers)
    if decoded is None:
        fraction = overlap.other_labels / overlap.both
        few = match.complete and fraction < 0.1
        count = _estimate(table, 1.0, rows) - match.differing if few else round(fraction * match.fraction * len(rows))
        return replace(match, other_labels=max(0, count))
    originals = {row.hash: row.label for row in decoded[0]}
    labels = [
        LabelChange(int(rows.ids[index]), int(rows.labels[index]), originals[int(rows.hashes[index])])
        for index in _places(keys, decoded[1])
        if int(rows.hashes[index]) in originals
    ]
    return replace(match, labels=tuple(labels), other_labels=len(labels))
