"""Cleaning: finding samples that cannot be what they should be, and keeping, repairing or removing them by rule.

Two passes. The first looks at each partition for what only the whole dataset can tell: exact duplicates, the
labels that occur, the range of the pixels. The second applies the rules and writes the cleaned dataset; every
sample removed, changed or flagged goes to the quarantine table with the reason and its pixels as they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mnist_data import storage
from mnist_data.batch import Batch, Images, Integers
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from mnist_data.parquet.tables import merge_tables, provenance, write_table
from pipelines.engine.execution import Execution
from pipelines.engine.id_hash import drawn
from pipelines.engine.map_dataset import Position, apply_stage, positions, require_images, require_other_place
from pipelines.images.border import outermost
from pipelines.images.digests import Digests, digest, first_with_same, varied
from pipelines.images.transposition import NOT_FITTED, Orientations, can_be_transposed, fit_orientations
from pipelines.settings.stages import Clean
from pipelines.stages.convert import unlikely_labels

FIT_SAMPLES = 60_000
"""Training samples from which each class's orientation is learnt."""

TABLES = {"quarantine": "quarantine", "cleaning": "cleaning", "cleaning-totals": "cleaning_totals"}
"""The tables beside a cleaned dataset: the ending of the file -> what the dashboard calls it."""


@dataclass(frozen=True)
class Cleaned:
    """The outcome. dataset: the cleaned one. quarantine: where its table lies. totals, reasons: counts by split."""

    dataset: Dataset
    quarantine: str
    totals: pd.DataFrame
    reasons: pd.DataFrame


@dataclass(frozen=True)
class Survey:
    """What the first pass learns; merging is associative, so the cut into partitions does not matter.

    digests: (n, 2), of each sample that is finite and not of one value. low, high: of all pixels.
    """

    ids: Integers
    labels: Integers
    training: npt.NDArray[np.bool_]
    digests: Digests
    counts: Mapping[int, int]
    low: float
    high: float

    def merge(self, other: Survey) -> Survey:
        """Join the surveys of two partitions."""
        counts = dict(self.counts)
        for label, count in other.counts.items():
            counts[label] = counts.get(label, 0) + count
        return Survey(
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.training, other.training]),
            np.concatenate([self.digests, other.digests]),
            counts,
            min(self.low, other.low),
            max(self.high, other.high),
        )


@dataclass(frozen=True)
class Knowledge:
    """What the second pass knows of the whole dataset.

    duplicates: id -> what it repeats, in words. low, high: the darkest and brightest value a pixel can have.
    """

    bad_labels: frozenset[int]
    low: float
    high: float
    orientations: Orientations = NOT_FITTED
    duplicates: Mapping[int, str] = field(default_factory=dict)


def clean(
    source: Dataset,
    target: str | Path,
    params: Clean | None = None,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> Cleaned:
    """Clean a dataset into a new one; the quarantine and the counts stand in tables beside it."""
    params, execution = params or Clean(), execution or Execution()
    require_images(source)
    require_other_place(source, target)
    storage.require_free(target, overwrite)  # before the survey, not after it
    partitions = execution.partitions(source)
    scan = partial(survey_partition, training_split=source.main_split)
    surveys = execution.run(scan, partitions, "clean: scan")
    whole = reduce(Survey.merge, surveys)
    knowledge = _know(source, whole, execution)
    repeats = find_duplicates(whole, knowledge.bad_labels)
    known = {
        position: replace(knowledge, duplicates=_chosen(repeats, survey.ids))
        for position, survey in zip(positions(partitions), surveys, strict=True)
    }
    counted: list[tuple[str, pd.DataFrame, pd.DataFrame]] = []

    def tabulate(findings: list[pd.DataFrame]) -> None:
        # Before the dataset stands in its place, so that it never stands there without its quarantine.
        counted.append(_tabulate(source, str(target), params, list(zip(partitions, findings, strict=True))))

    dataset = apply_stage(
        source,
        target,
        params,
        lambda position: partial(_clean_partition, position=position, knowledge=known[position], params=params),
        execution=execution,
        overwrite=overwrite,
        before_commit=tabulate,
    )
    return Cleaned(dataset, *counted[0])


def has_quarantine(location: str | Path) -> bool:
    """Say whether the tables that `clean` writes stand beside a dataset."""
    return all(storage.exists(storage.beside(location, f".{ending}.parquet")) for ending in TABLES)


def survey_partition(partition: Partition, training_split: str) -> Survey:
    """Look at one partition."""
    batch = read_partition(partition)
    flat = batch.flat
    sound = batch.finite
    values = flat if sound.all() else flat[sound]
    rows = np.flatnonzero(varied(flat))
    labels, counts = np.unique(batch.labels, return_counts=True)
    return Survey(
        batch.ids[rows],
        batch.labels[rows],
        np.full(len(rows), partition.split == training_split),
        digest(batch.images[rows]),
        dict(zip(labels.tolist(), counts.tolist(), strict=True)),
        float(values.min()) if values.size else np.inf,
        float(values.max()) if values.size else -np.inf,
    )


def find_duplicates(survey: Survey, bad_labels: frozenset[int] = frozenset()) -> dict[int, str]:
    """Find the samples to give up because others have the same pixels: id -> which, in words.

    Of several the one kept has a label that is a class, where one has; is outside the training split, so that a
    published test split stays whole and what leaks into it leaves the training data; and comes first.
    """
    bad = np.isin(survey.labels, list(bad_labels))
    rank = np.argsort(np.lexsort((survey.ids, survey.training, bad)))
    first = first_with_same(survey.digests, rank)
    found = {}
    for row in np.flatnonzero(first != np.arange(len(first))):
        kept = first[row]
        words = f"same pixels as {survey.ids[kept]}"
        if survey.labels[row] != survey.labels[kept]:
            words += f", whose label is {survey.labels[kept]}"
        found[int(survey.ids[row])] = words
    return found


def _chosen(repeats: Mapping[int, str], ids: Integers) -> dict[int, str]:
    return {int(row): repeats[int(row)] for row in ids if int(row) in repeats} if repeats else {}


def _know(source: Dataset, survey: Survey, execution: Execution) -> Knowledge:
    dtype = np.dtype(source.metadata.dtype)
    # The background is 0: a signed type's own middle would lie below it, so there the values found count.
    low, high = min(0.0, survey.low), survey.high
    if dtype.kind == "u":
        high = float(np.iinfo(dtype).max)
    orientations = NOT_FITTED
    if can_be_transposed(source.metadata.shape, dtype):
        orientations = fit_orientations(*orientation_samples(source, execution))
    bad = unlikely_labels(survey.counts, len(source.metadata.classes))
    return Knowledge(frozenset(bad), low, high, orientations)


def orientation_samples(source: Dataset, execution: Execution) -> tuple[Images, Integers, Integers]:
    """Take training samples by a hash of their ids, so that the choice does not depend on how the files are cut."""
    split = source.main_split
    fraction = min(1.0, FIT_SAMPLES / max(1, source.splits[split]))
    chosen = []
    for partition in execution.partitions(source, [split]):
        batch = read_partition(partition)
        rows = drawn(batch.ids, fraction) & batch.finite
        chosen.append(batch.take(rows))
    columns = ([getattr(batch, name) for batch in chosen] for name in ("images", "labels", "ids"))
    images, labels, ids = map(np.concatenate, columns)
    return images, labels, ids


def is_inverted(images: Images, low: float, high: float) -> npt.NDArray[np.bool_]:
    """Say of each image whether its background is bright, (n,) bool: where the border is, there is the background.

    The mean of the outermost ring lies above the middle of low … high. On MNIST and Fashion-MNIST, whose clothes
    touch the border in 99.97 % of the images, this flags none of 140,000, and all of them once inverted. Images
    with fewer than three rows or columns have no ring and are not judged.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(ring_level(images) > (low + high) / 2)


def ring_level(images: Images) -> npt.NDArray[np.float64]:
    """Give the mean of each image's outermost rows and columns, (n,); NaN with fewer than three of either."""
    height, width = images.shape[1:3]
    if min(height, width) < 3:
        return np.full(len(images), np.nan)
    border = images[:, outermost(height, width)]  # (n, ring) or (n, ring, channels)
    return np.asarray(border.mean(axis=tuple(range(1, border.ndim)), dtype=np.float64))


def find_faults(batch: Batch, knowledge: Knowledge) -> dict[str, npt.NDArray[np.bool_]]:
    """Give a (n,) mask for each reason except outlier pixels, which only the repair finds."""
    finite = batch.finite
    # Nothing else can be said of a sample with pixels that are no numbers; blank ones stand in for them.
    sound = batch if finite.all() else replace(batch, images=np.where(_each(finite, batch), batch.images, 0))
    flat = sound.flat
    lowest, highest = flat.min(axis=1, initial=knowledge.high), flat.max(axis=1, initial=knowledge.low)
    one_value = (lowest == highest) & finite
    inverted = is_inverted(sound.images, knowledge.low, knowledge.high) & ~one_value
    upright = _repaired(sound.images, inverted, knowledge)
    return {
        "not_finite": ~finite,
        "blank": one_value & (lowest == 0),
        "constant": one_value & (lowest != 0),
        "inverted": inverted,
        "transposed": knowledge.orientations.transposed(upright, batch.labels, batch.ids) & ~one_value & finite,
        "label": np.isin(batch.labels, list(knowledge.bad_labels)),
        "duplicate": np.isin(batch.ids, list(knowledge.duplicates)),
    }


def _each(rows: npt.NDArray[np.bool_], batch: Batch) -> npt.NDArray[np.bool_]:
    """Spread a mask of samples over their pixels."""
    return rows.reshape(-1, *[1] * (batch.images.ndim - 1))


def _repaired(images: Images, inverted: npt.NDArray[np.bool_], knowledge: Knowledge) -> Images:
    if not inverted.any():
        return images
    repaired = images.copy()
    repaired[inverted] = (knowledge.low + knowledge.high) - images[inverted].astype(np.float64)
    return repaired


def clean_batch(batch: Batch, knowledge: Knowledge, params: Clean) -> tuple[Batch, pd.DataFrame]:
    """Clean one batch. Gives the samples that stay, and a row for each finding: row, reason, action, detail."""
    faults = find_faults(batch, knowledge)
    actions: dict[str, str] = params.recorded()
    images = batch.images
    if actions["inverted"] == "repair":
        images = _repaired(images, faults["inverted"], knowledge)
    if actions["transposed"] == "repair" and faults["transposed"].any():
        images = images.copy()
        images[faults["transposed"]] = images[faults["transposed"]].swapaxes(1, 2)
    counts = np.zeros(len(batch), np.int64)
    if actions["outlier_pixels"] != "keep":
        from pipelines.kernels.outliers import repair_outliers

        mended, counts = repair_outliers(images, (knowledge.high - knowledge.low) / 2)
        images = mended if actions["outlier_pixels"] == "repair" else images
    faults["outlier_pixels"] = counts > 0
    removed = np.zeros(len(batch), bool)
    for reason, rows in faults.items():
        if actions[reason] == "remove":
            removed |= rows
    findings = _findings(batch, faults, actions, knowledge, counts)
    return Batch(batch.ids, batch.labels, images, batch.columns).take(~removed), findings


def _findings(
    batch: Batch,
    faults: Mapping[str, npt.NDArray[np.bool_]],
    actions: Mapping[str, str],
    knowledge: Knowledge,
    counts: npt.NDArray[np.int64],
) -> pd.DataFrame:
    detail = {
        "label": lambda row: f"label {batch.labels[row]} is no class",
        "duplicate": lambda row: knowledge.duplicates[int(batch.ids[row])],
        "outlier_pixels": lambda row: f"{counts[row]} isolated pixels",
    }
    rows = [
        (int(row), reason, actions[reason], detail.get(reason, lambda _: "")(int(row)))
        for reason, mask in faults.items()
        for row in np.flatnonzero(mask)
    ]
    return pd.DataFrame(rows, columns=["row", "reason", "action", "detail"]).sort_values("row", kind="stable")


def _clean_partition(
    batch: Batch, position: Position, knowledge: Knowledge, params: Clean
) -> tuple[tuple[Batch], pd.DataFrame]:
    cleaned, findings = clean_batch(batch, knowledge, params)
    return (cleaned,), findings.assign(split=position.split, id=batch.ids[findings["row"].to_numpy(np.int64)])


def _tabulate(
    source: Dataset, target: str, params: Clean, found: Sequence[tuple[Partition, pd.DataFrame]]
) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    """Write the quarantine and the counts; only partitions with findings are read again, for their pixels.

    Gives the quarantine's path without its ending, the totals and the counts by reason.
    """
    made = provenance(params.stage, {source.metadata.dataset: source.content}, params.recorded())

    def pieces() -> Iterator[pa.Table]:
        yield _quarantine(read_partition(found[0][0]).take(slice(0, 0)), "", found[0][1].iloc[:0])  # the columns
        for partition, findings in found:
            if len(findings):
                yield _quarantine(read_partition(partition), partition.split, findings)

    attrs = {"image_shape": list(source.metadata.shape), "image_dtype": source.metadata.dtype}
    quarantine = storage.beside(target, ".quarantine")
    merge_tables(pieces(), quarantine, made, attrs)
    totals, reasons = count_up(source.splits, pd.concat([findings for _, findings in found]))
    write_table(totals, storage.beside(target, ".cleaning-totals"), made)
    write_table(reasons, storage.beside(target, ".cleaning"), made)
    return quarantine, totals, reasons


def _quarantine(batch: Batch, split: str, findings: pd.DataFrame) -> pa.Table:
    rows = findings["row"].to_numpy(np.int64)
    pixels = np.ascontiguousarray(batch.images[rows], batch.images.dtype.newbyteorder("<"))
    columns: dict[str, Any] = {
        "id": pa.array(batch.ids[rows]),
        "split": pa.array([split] * len(rows), pa.string()),
        "label": pa.array(batch.labels[rows]),
    }
    for name in ("reason", "action", "detail"):
        columns[name] = pa.array(list(findings[name]), pa.string())
    width = batch.images.dtype.itemsize * int(np.prod(batch.images.shape[1:]))
    columns["image"] = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(rows), [None, pa.py_buffer(pixels)])
    return pa.table(columns)


def count_up(splits: Mapping[str, int], found: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count samples by what became of them, and findings by reason.

    found: split, id, reason, action. In the totals samples_in = kept + changed + removed for each split: a sample
    with several findings counts once, as removed if any of them removed it, else as changed if any repaired it.
    """
    worst = (
        found.assign(rank=found["action"].map({"keep": 0, "repair": 1, "remove": 2}))
        .groupby(["split", "id"])["rank"]
        .max()
    )
    rows = []
    for split, samples in splits.items():
        ranks = worst.loc[split] if split in worst.index.get_level_values(0) else pd.Series(dtype=int)
        removed, changed = int((ranks == 2).sum()), int((ranks == 1).sum())
        rows.append((split, samples, samples - removed - changed, changed, removed))
    totals = pd.DataFrame(rows, columns=["split", "samples_in", "kept", "changed", "removed"])
    reasons = found.groupby(["split", "reason", "action"], sort=True).size().rename("samples").reset_index()
    return totals, reasons.astype({"samples": "int64"})
