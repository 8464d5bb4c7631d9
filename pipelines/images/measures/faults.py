"""The faults that cleaning and audit both look for, each by one rule: they flag the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.engine.execution import Execution
from pipelines.images.digests import Digests, first_with_same
from pipelines.images.measures.inversion import Inversion, find_inverted
from pipelines.images.measures.labels import unlikely_labels
from pipelines.images.measures.orientation import Transposition, find_transposed
from pipelines.images.measures.pixels import DIGEST
from pipelines.images.measures.table import MeasureTable
from pipelines.settings.checks import THRESHOLDS

FLAT = THRESHOLDS["blank"].default
"""Of the usual range of values, that a blank or constant sample lacks: less than a twentieth of it cannot be seen."""

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Flatness:
    """1 - contrast / the usual one, (n,), of the samples that are blank (at the background) or constant (elsewhere).

    0 in the one that a sample is not, NaN in both for samples with NaN or infinite pixels.
    """

    blank: Floats
    constant: Floats


@dataclass(frozen=True)
class SharedFaults:
    """What cleaning and audit flag alike, (n,) each, in the order of the dataset.

    original: the position of the sample that each one repeats, its own where it repeats none. bad_label: whether the
    label is no class.
    """

    flatness: Flatness
    inversion: Inversion
    transposition: Transposition
    original: Integers
    bad_label: Flags

    @property
    def masks(self) -> dict[str, Flags]:
        """The samples that each rule flags, by its name in the cleaning."""
        return {
            "blank": self.flatness.blank >= FLAT,
            "constant": self.flatness.constant >= FLAT,
            "inverted": self.inversion.flagged,
            "transposed": self.transposition.flagged,
            "label": self.bad_label,
            "duplicate": self.original != np.arange(len(self.original)),
        }


def find_faults(
    table: MeasureTable, execution: Execution, thresholds: Mapping[str, float] | None = None
) -> SharedFaults:
    """Apply all rules to a measured dataset.

    thresholds: of blank, constant and inverted, where a user sets others; samples beyond them are not looked at for
    being transposed.
    """
    limits = {"blank": FLAT, "constant": FLAT, **(thresholds or {})}
    flatness, inversion = find_flat(table), find_inverted(table, execution)
    flat = (flatness.blank >= limits["blank"]) | (flatness.constant >= limits["constant"])
    inverted = inversion.log_odds >= limits["inverted"] if "inverted" in limits else inversion.flagged
    bad = find_bad_labels(table)
    return SharedFaults(
        flatness,
        inversion,
        find_transposed(table.source, table.varied & ~flat & ~inverted, execution),
        find_originals(table, keep_order(table, bad)),
        bad,
    )


def find_flat(table: MeasureTable) -> Flatness:
    """Say how little each sample's values differ, compared with the usual contrast of the dataset."""
    contrast, mean = table.columns("contrast", "mean")
    flat = np.where(table.finite, 1 - contrast / table.background.contrast, np.nan)
    level = np.where(table.finite, mean * table.limits.unit, np.nan)
    at_background = np.abs(level - table.background.value) < (1 - FLAT) * table.background.contrast
    return Flatness(np.where(at_background, flat, 0 * flat), np.where(at_background, 0, flat))


def find_bad_labels(table: MeasureTable) -> Flags:
    """Say which samples have a label that is no class."""
    labels, counts = np.unique(table.labels, return_counts=True)
    bad = unlikely_labels(dict(zip(labels.tolist(), counts.tolist(), strict=True)), len(table.source.metadata.classes))
    return np.isin(table.labels, list(bad))


def keep_order(table: MeasureTable, bad_label: Flags) -> Integers:
    """Give (n,) int64: of copies the one of lowest rank is kept.

    It has a label that is a class, where one of them has; it is outside the training split, so that a published test
    split stays whole and what leaks into it leaves the training data; and it comes first by id.
    """
    training = table.splits == table.source.main_split
    rank = np.empty(len(table), np.int64)
    rank[np.lexsort((table.ids, training, bad_label))] = np.arange(len(table))
    return rank


def find_originals(table: MeasureTable, rank: Integers) -> Integers:
    """Give for each sample the position of the one with the same pixels that is kept, (n,) int64, or its own.

    Samples of one value, and those with NaN or infinite pixels, are copies of none.
    """
    original = np.arange(len(table))
    rows = np.flatnonzero(table.varied)
    digests: Digests = np.stack(table.columns(*DIGEST), axis=1)
    original[rows] = rows[first_with_same(digests[rows], rank[rows])]
    return original


def describe_values(table: MeasureTable, rows: Integers) -> list[str]:
    """Say of blank or constant samples which values they hold, and how far these usually lie apart."""
    lowest, highest = (values[rows] for values in table.columns("lowest", "highest"))
    usual = f"usually {table.background.contrast:g} apart"
    return [f"values {low:g} to {high:g}, {usual}" for low, high in zip(lowest, highest, strict=True)]
