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
"""More rows than any dataset of this field has are not looked at: each takes 24 bytes of memory."""
BATCH = 10_000
LEAST = 3
"""Images in common with a sketch for a dataset to be named."""


@dataclass(frozen=True)
class Part:
    """Images to identify: a split or a file, that can be read more than once. shape: of an image."""

    name: str
    shape: tuple[int, ...]
    rows: int
    read: Callable[[], Stream]


@dataclass(frozen=True)
class Change:
    """A row that is not as published; `original_row` counts within the published split, None where it is not known."""

    id: int
    original_row: int | None


@dataclass(frozen=True)
class Relabelled:
    """A row whose image is as published and whose label is not."""

    id: int
    label: int
    original: int


@dataclass(frozen=True)
class Finding:
    """What some images are.

    part: which of what was looked at; empty for all of it. split: as published, "train and test" for both together.
    original_rows: how many the published split has. judged_by: rows of the sketch that decided, 0 where every row was
    compared. fraction: of our rows that are images of the original, exact where judged_by is 0. present: rows of the
    original that are there. differing: rows of ours that are not the original's. same_order: None where not known.
    missing_rows: of the original, those whose numbers are known. other_labels: how many labels differ, estimated where
    `labels` names none.
    """

    part: str
    dataset: str
    title: str
    split: str
    transposed: bool
    rows: int
    original_rows: int
    judged_by: int
    fraction: float
    present: int
    differing: int
    same_order: bool | None = None
    changed: tuple[Change, ...] = ()
    added: tuple[int, ...] = ()
    missing: int = 0
    missing_rows: tuple[int, ...] = ()
    labels: tuple[Relabelled, ...] = ()
    other_labels: int = 0

    @property
    def complete(self) -> bool:
        """Whether every row was compared, not a sample of them."""
        return self.judged_by == 0


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
    """Read labels, the first column of a table of them; None where they are not those of so many images."""
    with open_idx(path) as reader:
        if reader.header.items != items or reader.header.dtype.kind == "f":
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
        rows = _collect(part, transposed=False)
        known.append(fingerprints.fingerprint(dataset, part.name, part.shape, rows, start))
        start += part.rows
    return known


def identify(parts: Sequence[Part], known: Sequence[Fingerprint] | None = None) -> list[Finding]:
    """Name what each part is, or all of them together where only together they are a known dataset.

    known: what they can be, by default what comes with the package. Images that are nothing known are tried with
    rows and columns exchanged, too. Empty where nothing is found.
    """
    known = read_fingerprints() if known is None else known
    if sum(part.rows for part in parts) > MAX_ROWS:
        return []
    for transposed in (False, True):
        candidates = [one for one in known if all(_fits(part.shape, one.shape, transposed) for part in parts)]
        if candidates and (found := _identify(parts, candidates, transposed=transposed)):
            return found
    return []


def _fits(shape: tuple[int, ...], published: tuple[int, ...], transposed: bool) -> bool:
    shape = shape[:2] if len(shape) == 3 and shape[2] == 1 else shape
    return len(shape) > 1 and (shape[1], shape[0], *shape[2:]) == published if transposed else shape == published


def _identify(parts: Sequence[Part], known: Sequence[Fingerprint], *, transposed: bool) -> list[Finding]:
    rows = [_collect(part, transposed=transposed) for part in parts]
    found = [_best(part.name, one, known) for part, one in zip(parts, rows, strict=True)]
    if len(parts) > 1 and not all(one and one.complete for one in found):
        together = _best("", _join(rows), known)
        if together and together.complete:
            found = [together]
    return [replace(one, transposed=transposed) for one in found if one]


def _collect(part: Part, *, transposed: bool) -> Rows:
    hashes, labels, ids = [np.empty(0, np.uint64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    labelled = True
    for images, values, numbers in part.read():
        hashes.append(fingerprints.hash_images(images.swapaxes(1, 2) if transposed else images))
        ids.append(numbers)
        labelled = labelled and values is not None
        labels.append(np.empty(0, np.int64) if values is None else values)
    return Rows(np.concatenate(hashes), np.concatenate(labels) if labelled else None, np.concatenate(ids))


def _join(parts: Sequence[Rows]) -> Rows:
    labels = [part.labels for part in parts if part.labels is not None]
    return Rows(
        np.concatenate([part.hashes for part in parts]),
        np.concatenate(labels) if len(labels) == len(parts) else None,
        np.concatenate([part.ids for part in parts]),
    )


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


def _best(name: str, rows: Rows, known: Sequence[Fingerprint]) -> Finding | None:
    """Compare with each published split met and the sum of a dataset's; what explains most of our rows is taken."""
    met = [one for one in known if _overlap(rows, one).both >= min(LEAST, one.rows) > 0]
    for dataset in {one.dataset: None for one in met}:
        splits = [one for one in met if one.dataset == dataset]
        if len(splits) > 1:
            met.append(sum(splits[1:], splits[0]))
    found = [_compare(name, rows, one) for one in met]
    return max(found, key=lambda one: (one.complete, one.fraction, -one.original_rows), default=None)


def _compare(name: str, rows: Rows, known: Fingerprint) -> Finding:
    overlap = _overlap(rows, known)
    finding = Finding(
        part=name,
        dataset=known.dataset,
        title=CATALOG[known.dataset].title if known.dataset in CATALOG else known.dataset,
        split=known.split,
        transposed=False,
        rows=len(rows),
        original_rows=known.rows,
        judged_by=overlap.ours,
        fraction=overlap.both / overlap.ours,
        present=0,
        differing=0,
    )
    positions = np.arange(known.start, known.start + len(rows))
    placed = _reconcile(rows, known, positions)
    if placed is None:
        table = _difference(rows, known, positions)
        differing = _estimate(table, finding.fraction, rows)
        finding = replace(finding, differing=differing, present=_present(rows, known, overlap, differing))
    else:
        best = _by_ids(placed, rows, known)
        same = placed.ordered if len(best.extra) == len(best.missing) else None
        finding = replace(_with_rows(finding, rows, known, best), same_order=same)
    return finding if rows.labels is None else _with_labels(finding, rows, known, overlap)


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

    Later copies of a row of ours do not count. The table is believed only beyond three of its standard errors: of a
    small subset it says nothing.
    """
    surplus = int(table["count"][: len(table) // fingerprints.PLACES].view(np.int32).sum())
    total = fingerprints.differing(table)
    repeated = len(rows) - len(np.unique(rows.hashes))
    by_table, error = (total - surplus) / 2 - repeated, total * fingerprints.ERROR / 2
    return round(by_table if fraction > 0.9 and by_table > 3 * error else (1 - fraction) * len(rows))


@dataclass(frozen=True)
class _Reconciled:
    """The original rows that we lack, and where the rows stand that are ours only.

    numbers: (n,) by which our rows were counted. ordered: whether all other rows have the original's numbers.
    """

    missing: list[Element]
    extra: list[int]
    numbers: Integers
    ordered: bool

    @property
    def absent(self) -> set[int]:
        return {row.row for row in self.missing if row.row is not None}


def _reconcile(rows: Rows, known: Fingerprint, numbers: Integers) -> _Reconciled | None:
    """Find the rows that differ; None where they are too many.

    Of several equal rows of ours, those are the extra ones that stand where an original row is missing: they are
    counted last, and the numbers compared once more.
    """
    found = _read_off(rows, known, numbers)
    if found is None:
        return None
    chosen = _standing_in(rows, found)
    if chosen == found.extra:
        return found
    order = np.r_[np.delete(np.arange(len(rows)), chosen), chosen]
    again = _read_off(rows.take(order), known, numbers[order])
    return again and _Reconciled(again.missing, chosen, numbers, again.ordered)


def _by_ids(found: _Reconciled, rows: Rows, known: Fingerprint) -> _Reconciled:
    """Count our rows by their ids instead, if that tells the numbers of more of the missing rows."""
    if len(found.absent) == len(found.missing):
        return found
    others = [_reconcile(rows, known, numbers) for numbers in (rows.ids, rows.ids + known.start)]
    return max([found, *filter(None, others)], key=lambda one: len(one.absent))


def _read_off(rows: Rows, known: Fingerprint, numbers: Integers) -> _Reconciled | None:
    keys = rows.keys(labelled=False)
    decoded = fingerprints.decode(_difference(rows, known, numbers), keys, numbers)
    if decoded is None:
        return None
    missing, extra, ordered = decoded
    return _Reconciled(missing, _places(keys, extra), numbers, ordered)


def _places(keys: Hashes, elements: Iterable[Element]) -> list[int]:
    return sorted(int(np.flatnonzero(keys == np.uint64(row.key))[0]) for row in elements)


def _standing_in(rows: Rows, found: _Reconciled) -> list[int]:
    chosen: list[int] = []
    hashes, counts = np.unique(rows.hashes[found.extra], return_counts=True)
    for value, count in zip(hashes, counts, strict=True):
        equal = np.flatnonzero(rows.hashes == value).tolist()
        equal.sort(key=lambda index: (int(found.numbers[index]) not in found.absent, index not in found.extra))
        chosen += equal[:count]
    return sorted(chosen)


def _with_rows(finding: Finding, rows: Rows, known: Fingerprint, found: _Reconciled) -> Finding:
    """Say which rows differ: a row that is not the original's beside the one that should stand in its place."""
    absent = found.absent
    replaced = [index for index in found.extra if int(found.numbers[index]) in absent]
    rest = [index for index in found.extra if index not in replaced]
    absent -= {int(found.numbers[index]) for index in replaced}
    hidden = sum(row.row is None for row in found.missing)
    paired = min(len(rest), hidden)
    changed = [Change(int(rows.ids[index]), int(found.numbers[index]) - known.start) for index in replaced]
    changed += [Change(int(rows.ids[index]), None) for index in rest[:paired]]
    return replace(
        finding,
        judged_by=0,
        fraction=(len(rows) - len(found.extra)) / len(rows),
        present=known.rows - len(found.missing),
        differing=len(found.extra),
        changed=tuple(sorted(changed, key=lambda change: change.id)),
        added=tuple(int(rows.ids[index]) for index in rest[paired:]),
        missing=len(absent) + hidden - paired,
        missing_rows=tuple(sorted(row - known.start for row in absent)),
    )


def _with_labels(finding: Finding, rows: Rows, known: Fingerprint, overlap: _Overlap) -> Finding:
    """Say which labels differ of images that do not."""
    assert rows.labels is not None
    numbers = np.arange(known.start, known.start + len(rows))
    table = _difference(rows, known, numbers, labelled=True)
    keys = rows.keys(labelled=True)
    decoded = fingerprints.decode(table, keys, numbers)
    if decoded is None:
        fraction = overlap.other_labels / overlap.both
        few = finding.complete and fraction < 0.1
        count = (
            _estimate(table, 1.0, rows) - finding.differing if few else round(fraction * finding.fraction * len(rows))
        )
        return replace(finding, other_labels=max(0, count))
    originals = {row.hash: row.label for row in decoded[0]}
    labels = [
        Relabelled(int(rows.ids[index]), int(rows.labels[index]), originals[int(rows.hashes[index])])
        for index in _places(keys, decoded[1])
        if int(rows.hashes[index]) in originals
    ]
    return replace(finding, labels=tuple(labels), other_labels=len(labels))
