"""Cleaning: finding samples that cannot be what they should be, and keeping, repairing or removing them by rule.

The faults are found first, by the measures of all samples. Then each partition is written as the rules say; every
sample removed, changed or flagged goes to the quarantine table with the reason and its pixels as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mnist_data import storage
from mnist_data.batch import Batch, Images
from mnist_data.parquet.corrections import Corrections
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from mnist_data.parquet.decisions import MatchedDecisions
from mnist_data.parquet.tables import merge_tables, provenance, write_table
from mnist_data.parquet.writer import require_free
from pipelines.engine.execution import Execution
from pipelines.engine.map_dataset import apply_stage, positions, require_images, require_other_place
from pipelines.engine.memory import require_memory
from pipelines.images.measures.background import Polarity
from pipelines.images.measures.faults import SharedFaults, describe_values, find_faults
from pipelines.images.measures.table import MeasureTable, measure_dataset
from pipelines.settings.stages import Clean
from pipelines.stages.decided import RELABELLED, REMOVED, corrections_for, decided_rows, new_findings, overrule
from pipelines.stages.losses import require_enough_left

TABLES = {"quarantine": "quarantine", "cleaning": "cleaning", "cleaning-totals": "cleaning_totals"}
"""The tables beside a cleaned dataset: the ending of the file -> what the dashboard calls it."""

REASONS = (
    "not_finite", "blank", "constant", "inverted", "bright_background", "transposed", "label", "duplicate",
    "outlier_pixels", REMOVED, RELABELLED,
)  # fmt: skip
"""In the order in which a sample's findings are listed."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CleanResult:
    """dataset: the cleaned one. quarantine: where its table lies, without the ending. totals, reasons: counts by split.

    polarity: whether the background of the dataset is dark or bright, or undecided: then no sample counts as inverted.
    undecided: samples of which it is not known whether they are inverted. decided: what people have decided about
    these samples; None where no decisions were given.
    """

    dataset: Dataset
    quarantine: str
    totals: pd.DataFrame
    reasons: pd.DataFrame
    polarity: Polarity
    undecided: int
    decided: MatchedDecisions | None = None


@dataclass(frozen=True)
class Findings:
    """What is found in some samples, in their order.

    rows: (findings,) int64, of which sample each is. reason, action, detail: (findings,) texts. label: (findings,)
    int64, the corrected one, of those that relabel.
    """

    rows: npt.NDArray[np.int64]
    reason: npt.NDArray[np.object_]
    action: npt.NDArray[np.object_]
    detail: npt.NDArray[np.object_]
    label: npt.NDArray[np.int64]

    def between(self, first: int, after: int) -> Findings:
        """Give those of the samples from `first` on, before `after`, whose rows are counted from `first`."""
        chosen = slice(*np.searchsorted(self.rows, (first, after)))
        reason, action, detail = self.reason[chosen], self.action[chosen], self.detail[chosen]
        return Findings(self.rows[chosen] - first, reason, action, detail, self.label[chosen])

    def mask(self, count: int, reason: str | None = None, action: str | None = None) -> Flags:
        """Say which of `count` samples have a finding of this reason and this action."""
        chosen = np.ones(len(self.rows), bool)
        if reason is not None:
            chosen &= self.reason == reason
        if action is not None:
            chosen &= self.action == action
        flags = np.zeros(count, bool)
        flags[self.rows[chosen]] = True
        return flags


@dataclass(frozen=True)
class PixelLimits:
    """The darkest and the brightest value that a pixel of the dataset can have; inverting exchanges them."""

    low: float
    high: float


def clean(
    source: Dataset,
    target: str | Path,
    params: Clean | None = None,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> CleanResult:
    """Clean a dataset into a new one; tables next to it hold the quarantine and the counts.

    Where there are decisions, a sample that a person wants removed is, one that is relabelled gets its new label, and
    one that is to be kept is, whatever a rule says.

    Raises CheckFailed, before anything is written, where a split or a class would lose more than half of its samples
    and `params.allow_loss` is not set.
    """
    params, execution = params or Clean(), execution or Execution()
    require_images(source)
    require_other_place(source, target)
    require_free(target, overwrite)  # before the work, not after it
    storage.require_short(target, f".{max(TABLES, key=len)}.parquet")
    require_memory(params.stage, source, execution)
    corrections, decided = None, None
    if params.decisions is not None:
        corrections, decided = corrections_for(source, params.decisions).about(source)
        params = params.replace(decisions=corrections.digest)  # as they are now: somebody may go on deciding
    table = measure_dataset(source, execution)
    faults = find_faults(table, execution)
    findings = _findings(table, faults, params, corrections)
    if not params.allow_loss:
        removing = findings.action == "remove"
        require_enough_left(table, findings.rows[removing], findings.reason[removing])
    counted: list[tuple[str, pd.DataFrame, pd.DataFrame]] = []
    partitions = [part for split in source.splits for part in execution.partitions(source, [split])]

    def tabulate(records: list[pd.DataFrame]) -> None:
        # Before the dataset stands in its place, so that it never stands there without its quarantine.
        if params.outlier_pixels == "remove" and not params.allow_loss:
            _require_enough_left(table, partitions, records)
        attrs = {"polarity": table.background.polarity}
        counted.append(_tabulate(source, str(target), params, list(zip(partitions, records, strict=True)), attrs))

    dataset = apply_stage(
        source,
        target,
        params,
        _function_for(partitions, findings, _pixel_limits(table), params),
        execution=execution,
        overwrite=overwrite,
        before_commit=tabulate,
    )
    undecided = int(faults.inversion.undecided.sum())
    return CleanResult(dataset, *counted[0], table.background.polarity, undecided, decided)


def _require_enough_left(table: MeasureTable, partitions: Sequence[Partition], records: Sequence[pd.DataFrame]) -> None:
    starts = np.cumsum([0, *(partition.rows for partition in partitions)])
    removed = [record[record["action"] == "remove"] for record in records]
    rows = [record["row"].to_numpy(np.int64) + start for record, start in zip(removed, starts, strict=False)]
    reasons = [record["reason"].to_numpy(object) for record in removed]
    require_enough_left(table, np.concatenate(rows), np.concatenate(reasons))


def _function_for(
    partitions: Sequence[Partition], findings: Findings, limits: PixelLimits, params: Clean
) -> Callable[[Any], Any]:
    """Give each partition, by its position, the function that cleans it with the findings in it."""
    starts = np.cumsum([0, *(partition.rows for partition in partitions)]).tolist()
    by_position = {
        position: findings.between(start, start + partition.rows)
        for position, partition, start in zip(positions(partitions), partitions, starts, strict=False)
    }
    return lambda position: partial(
        _clean_partition, split=position.split, findings=by_position[position], limits=limits, params=params
    )


def has_quarantine(location: str | Path) -> bool:
    """Say whether the tables that `clean` writes stand beside a dataset."""
    return all(storage.exists(storage.sibling(location, f".{ending}.parquet")) for ending in TABLES)


def _pixel_limits(table: MeasureTable) -> PixelLimits:
    dtype = np.dtype(table.source.metadata.dtype)
    lowest, highest = table.columns("lowest", "highest")
    # The background is 0: a signed type's own middle would lie below it, so there the values found count.
    low, high = float(lowest.min(initial=0.0)), float(highest.max(initial=-np.inf))
    return PixelLimits(low, float(np.iinfo(dtype).max) if dtype.kind == "u" else high)


def _findings(
    table: MeasureTable, faults: SharedFaults, params: Clean, corrections: Corrections | None = None
) -> Findings:
    """List what is found in each sample, but for outlier pixels, which only their repair finds; and what is decided."""
    masks = {"not_finite": ~table.finite, **faults.masks}
    to_dark = params.background == "dark" and table.background.polarity == "bright"
    masks["bright_background"] = np.full(len(table), to_dark) & ~masks["inverted"]
    actions_of = {reason: getattr(params, reason, "repair") for reason in masks}
    if to_dark:  # what is inverted among these has a dark background already
        actions_of["inverted"] = "keep"
    details = {
        "blank": lambda rows: describe_values(table, rows),
        "constant": lambda rows: describe_values(table, rows),
        "inverted": lambda rows: [f"log odds {value:.1f}" for value in faults.inversion.log_odds[rows]],
        "transposed": lambda rows: [f"log odds {value:.1f}" for value in faults.transposition.log_odds[rows]],
        "label": lambda rows: [f"label {label} is no class" for label in table.labels[rows]],
        "duplicate": lambda rows: _describe_copies(table, rows, faults.original[rows]),
    }
    parts = []
    for reason in REASONS:
        if reason in masks:
            rows = np.flatnonzero(masks[reason])
            actions = np.full(len(rows), actions_of[reason], object)
            if reason == "transposed" and params.transposed == "repair":  # what a person should look at may be right
                actions[faults.transposition.log_odds[rows] <= faults.transposition.likelier] = "keep"
            words = details[reason](rows) if reason in details else [""] * len(rows)
            parts.append((rows, np.full(len(rows), reason, object), actions, np.array(words, object)))
    rows, reasons, actions, texts = (np.concatenate(values) for values in zip(*parts, strict=True))
    findings = Findings(rows, reasons, actions, texts, np.zeros(len(rows), np.int64))
    if corrections is not None:
        findings = _with_decisions(findings, table, faults, corrections)
    order = np.argsort(findings.rows, kind="stable")
    return Findings(*(getattr(findings, field.name)[order] for field in fields(Findings)))


def _with_decisions(
    findings: Findings, table: MeasureTable, faults: SharedFaults, corrections: Corrections
) -> Findings:
    """Let people's decisions override the rules, and add what they remove and relabel."""
    decided = decided_rows(table, corrections)
    rules = findings.rows, findings.reason, findings.action
    actions, added = overrule(decided, *rules, faults.original, corrections.path)
    details = np.array(["; ".join(filter(None, both)) for both in zip(findings.detail, added, strict=True)], object)
    rows, reasons, new_actions, new_details = new_findings(decided, table.labels, corrections.path)
    labels = [decided[row].label or 0 for row in rows.tolist()]
    return Findings(
        np.concatenate([findings.rows, rows]),
        np.concatenate([findings.reason, reasons]),
        np.concatenate([actions, new_actions]),
        np.concatenate([details, new_details]),
        np.concatenate([findings.label, np.array(labels, np.int64)]),
    )


def _describe_copies(table: MeasureTable, rows: npt.NDArray[np.int64], originals: npt.NDArray[np.int64]) -> list[str]:
    return [
        f"same pixels as {table.ids[original]}"
        + (f", whose label is {table.labels[original]}" if table.labels[original] != table.labels[row] else "")
        for row, original in zip(rows, originals, strict=True)
    ]


def clean_batch(batch: Batch, findings: Findings, limits: PixelLimits, params: Clean) -> tuple[Batch, pd.DataFrame]:
    """Clean one batch by what is found in it. Gives the samples that stay, and a row for each finding.

    The columns of the findings: row, reason, action, detail.
    """
    images = batch.images
    inverted = findings.mask(len(batch), "inverted", "repair") | findings.mask(len(batch), "bright_background")
    if inverted.any():
        images = _inverted(images, inverted, limits)
    transposed = findings.mask(len(batch), "transposed", "repair")
    if transposed.any():
        images = images.copy()
        images[transposed] = images[transposed].swapaxes(1, 2)
    counts = np.zeros(len(batch), np.int64)
    if params.outlier_pixels != "keep":
        from pipelines.kernels.outliers import repair_outliers

        mended, counts = repair_outliers(images, (limits.high - limits.low) / 2)
        images = mended if params.outlier_pixels == "repair" else images
    removed = findings.mask(len(batch), action="remove")
    if params.outlier_pixels == "remove":
        removed |= counts > 0
    labels, relabelling = batch.labels, findings.reason == RELABELLED
    if relabelling.any():
        labels = labels.copy()
        labels[findings.rows[relabelling]] = findings.label[relabelling]
    cleaned = Batch(batch.ids, labels, images, batch.columns).take(~removed)
    return cleaned, _tabulate_findings(findings, counts, params)


def _inverted(images: Images, rows: Flags, limits: PixelLimits) -> Images:
    """Exchange dark and bright in some images."""
    inverted = images.copy()
    inverted[rows] = (limits.low + limits.high) - images[rows].astype(np.float64)
    return inverted


def _tabulate_findings(findings: Findings, outliers: npt.NDArray[np.int64], params: Clean) -> pd.DataFrame:
    """Give row, reason, action and detail of each finding; outliers: (n,) isolated pixels in each sample."""
    isolated = np.flatnonzero(outliers)
    table = pd.DataFrame(
        {
            "row": np.concatenate([findings.rows, isolated]),
            "reason": [*findings.reason, *["outlier_pixels"] * len(isolated)],
            "action": [*findings.action, *[params.outlier_pixels] * len(isolated)],
            "detail": [*findings.detail, *(f"{count} isolated pixels" for count in outliers[isolated])],
        }
    )
    return table.sort_values("row", kind="stable")


def _clean_partition(
    batch: Batch, split: str, findings: Findings, limits: PixelLimits, params: Clean
) -> tuple[tuple[Batch], pd.DataFrame]:
    cleaned, table = clean_batch(batch, findings, limits, params)
    return (cleaned,), table.assign(split=split, id=batch.ids[table["row"].to_numpy(np.int64)])


def _tabulate(
    source: Dataset,
    target: str,
    params: Clean,
    records: Sequence[tuple[Partition, pd.DataFrame]],
    attrs: Mapping[str, Any],
) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    """Write the quarantine and the counts; only partitions with findings are read again, for their pixels.

    Gives the quarantine's path without its ending, the totals and the counts by reason.
    """
    made = provenance(params.stage, {source.metadata.dataset: source.content}, params.recorded())

    def pieces() -> Iterator[pa.Table]:
        yield _quarantine(read_partition(records[0][0]).take(slice(0, 0)), "", records[0][1].iloc[:0])  # the columns
        for partition, findings in records:
            if len(findings):
                yield _quarantine(read_partition(partition), partition.split, findings)

    shape = {"image_shape": list(source.metadata.shape), "image_dtype": source.metadata.dtype}
    quarantine = storage.sibling(target, ".quarantine")
    merge_tables(pieces(), quarantine, made, {**shape, **attrs})
    totals, reasons = count_up(source.splits, pd.concat([findings for _, findings in records]))
    totals.attrs.update(attrs)
    write_table(totals, storage.sibling(target, ".cleaning-totals"), made)
    write_table(reasons, storage.sibling(target, ".cleaning"), made)
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


def count_up(splits: Mapping[str, int], findings: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count samples by what became of them, and findings by reason.

    findings: split, id, reason, action. In the totals samples_in = kept + changed + removed for each split: a sample
    with several findings counts once, as removed if any of them removed it, else as changed if any repaired it.
    """
    worst = (
        findings.assign(rank=findings["action"].map({"keep": 0, "repair": 1, "remove": 2}))
        .groupby(["split", "id"])["rank"]
        .max()
    )
    rows = []
    for split, samples in splits.items():
        ranks = worst.loc[split] if split in worst.index.get_level_values(0) else pd.Series(dtype=int)
        removed, changed = int((ranks == 2).sum()), int((ranks == 1).sum())
        rows.append((split, samples, samples - removed - changed, changed, removed))
    totals = pd.DataFrame(rows, columns=["split", "samples_in", "kept", "changed", "removed"])
    reasons = findings.groupby(["split", "reason", "action"], sort=True).size().rename("samples").reset_index()
    return totals, reasons.astype({"samples": "int64"})
