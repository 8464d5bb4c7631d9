"""Splitting: a dataset whose training samples are divided into train and validation, by writer or by label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Batch, Integers
from mnist_data.errors import WrongUse, unknown_name
from mnist_data.known.label_tables import WRITER, Columns, LabelTables, dataset_writers, label_tables_of, shared_writers
from mnist_data.parquet.dataset import Dataset, read_columns
from mnist_data.parquet.writer import require_free
from pipelines.engine.execution import Execution
from pipelines.engine.id_hash import hashes
from pipelines.engine.map_dataset import Position, apply_stage, positions, require_originals
from pipelines.settings.stages import Split
from pipelines.settings.training import Train
from pipelines.stages.validation import Mask, split_validation

VALIDATION = "validation"


@dataclass(frozen=True)
class SplitResult:
    """The new dataset, and the writers that its splits have in common (see `shared_writers`); None: none are known."""

    dataset: Dataset
    writers: pd.DataFrame | None


def split(
    source: Dataset,
    target: str | Path,
    params: Split | None = None,
    *,
    label_tables: str | Path | None = None,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> SplitResult:
    """Write a dataset of the same samples, with some of the training split as "validation"; others stay as they are.

    The training split becomes "train", whatever its name.
    label_tables: a folder of label tables whose columns are joined on the way (see `mnist_data.known.label_tables`).
    Raises WrongUse where writers are to be kept apart and none or one is known, where there is a validation split
    already or no such training split, and for a dataset of copies; and what `label_tables_of` raises.
    """
    params, execution = params or Split(), execution or Execution()
    require_free(target, overwrite)  # before the labels are read
    require_originals(source, "split")
    training = _training_split(source, params)
    if VALIDATION in source.splits and training != VALIDATION:
        raise WrongUse(f"{source.location} has a split 'validation' already; split the dataset it was made from.")
    tables = None if label_tables is None else label_tables_of(source.metadata, label_tables)
    joined = {name: _joined(source, name, tables) for name in source.splits} if tables else {}
    validation = held_out(
        {**read_columns(source, training, ("id", "label", WRITER)), **joined.get(training, {})}, params
    )
    view = _as_split(source, training, validation)
    parts = _parts(view, execution, validation, {"train": joined.pop(training), **joined} if tables else {})
    written = apply_stage(
        view,
        target,
        params.replace(tables=tables.digests if tables else {}),
        lambda position: partial(_take_part, part=parts[position]),
        execution=execution,
        overwrite=overwrite,
    )
    return SplitResult(written, shared_writers(dataset_writers(written)))


def _training_split(source: Dataset, params: Split) -> str:
    """Give the name of the split to divide. Raises WrongUse where there is none, or another is called train."""
    chosen = params.training_split
    if chosen is None:
        return source.training_split
    if chosen not in source.splits:
        raise unknown_name("split", chosen, source.splits, source.location)
    if chosen != "train" and "train" in source.splits:
        raise WrongUse(
            f"{source.location} has a split 'train' already, so {chosen} cannot become it; leave out --training-split."
        )
    return chosen


def _joined(source: Dataset, name: str, tables: LabelTables) -> Columns:
    """Give the columns that the tables have for the samples of one split, in its order."""
    columns = read_columns(source, name, ("id", "label", *tables.columns))
    there = [column for column in tables.columns if column in columns]
    if there:
        raise WrongUse(f"{source.location} has the columns {', '.join(there)} already; leave out --label-tables.")
    return tables.columns_of(columns["id"], columns["label"])


def held_out(columns: Columns, params: Split) -> Mask:
    """Choose the validation samples, (n,) bool. columns: id, label and, if it is known, writer_id of all samples.

    By label, the result is that of `train` with the same fraction and seed.
    Raises WrongUse where writers are to be kept apart and fewer than two are known.
    """
    if params.by == "label":
        settings = Train(validation_fraction=params.fraction, seed=params.seed)
        return split_validation(columns["id"], columns["label"], columns["id"], settings)[1]
    if WRITER not in columns:
        raise WrongUse(
            f"The writers of the samples are not known (there is no column {WRITER}); join label tables that have it "
            "with --label-tables DIR, or split --by label."
        )
    return np.isin(columns[WRITER], choose_writers(columns[WRITER], columns["label"], params.fraction, params.seed))


def choose_writers(writers: Integers, labels: Integers, fraction: float, seed: int = 0) -> Integers:
    """Choose whole writers whose samples make up about `fraction` of all, and of each class; give them, ascending.

    writers, labels: (n,) of each sample. In the order of their hashes, each writer is taken that brings the counts of
    the classes and of all samples nearer to the target; then chosen writers are dropped or exchanged as long as that
    improves the counts. So neither the samples' order nor the writers' numbers matter. At least one writer is chosen
    and one left. Raises WrongUse where there are fewer than two.
    """
    names, rows = np.unique(writers, return_inverse=True)
    if len(names) < 2:
        raise WrongUse(f"The training samples are by {len(names)} writer; it takes two to keep some apart.")
    classes, columns = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes) + 1))
    np.add.at(counts, (rows, columns), 1)
    counts[:, -1] = counts.sum(axis=1)
    order = np.argsort(hashes(names, seed))
    return np.sort(names[order[_near(counts[order], fraction * counts.sum(axis=0))]])


def _near(counts: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> Mask:
    """Choose rows of (n, k) counts, (n,) bool, whose sum is near the wanted counts, (k,); at least one."""
    chosen = np.zeros(len(counts), np.bool_)
    missing = wanted
    for place, row in enumerate(counts):
        if _far(missing - row) < _far(missing):
            chosen[place] = True
            missing = missing - row
    if not chosen.any():  # each has more than twice the wanted samples
        chosen[_far(counts - wanted).argmin()] = True
        return chosen
    nothing = np.zeros((1, counts.shape[1]))
    changed = True
    while changed:
        changed = False
        for place in np.flatnonzero(chosen).tolist():
            others = np.flatnonzero(~chosen)
            left = missing + counts[place] - np.concatenate([counts[others], nothing])
            best = int(_far(left).argmin())
            if _far(left[best]) < _far(missing):
                chosen[place], changed, missing = False, True, left[best]
                chosen[others[best : best + 1]] = True  # none where dropping it alone is best
    return chosen


def _far(missing: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the squared length of vectors along the last axis."""
    return np.asarray((missing**2).sum(axis=-1))


@dataclass(frozen=True)
class _Part:
    """The part of a partition in a split. rows: (n,) bool, those written. columns: the joined columns, (n,) each."""

    rows: Mask
    columns: Columns


def _as_split(source: Dataset, training: str, validation: Mask) -> Dataset:
    """Give the dataset with its new splits: the training files appear under train and under validation."""
    names = {split: "train" if split == training else split for split in source.splits}
    splits = {names[split]: rows for split, rows in source.splits.items()}
    splits |= {"train": int((~validation).sum()), VALIDATION: int(validation.sum())}
    files = [(names[split], path) for split, path in source.files]
    return replace(
        source, splits=splits, files=(*files, *((VALIDATION, path) for split, path in files if split == "train"))
    )


def _parts(
    view: Dataset, execution: Execution, validation: Mask, joined: Mapping[str, Columns]
) -> dict[Position, _Part]:
    """Give each partition its own rows and joined columns, so that only these are sent to its task."""
    chosen = {"train": ~validation, VALIDATION: validation}
    parts = {}
    for split in view.splits:
        first = 0
        columns = joined.get("train" if split == VALIDATION else split, {})
        partitions = execution.partitions(view, [split])
        for position, partition in zip(positions(partitions), partitions, strict=True):
            rows = slice(first, first + partition.rows)
            mask = chosen[split][rows] if split in chosen else np.ones(partition.rows, np.bool_)
            parts[position] = _Part(mask, {name: values[rows] for name, values in columns.items()})
            first += partition.rows
    return parts


def _take_part(batch: Batch, part: _Part) -> tuple[list[Batch], None]:
    return [batch.with_columns(part.columns).take(part.rows)], None
