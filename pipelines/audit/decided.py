"""What of an audit's findings people have decided already, and what is left to decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Integers
from mnist_data.parquet.corrections import Corrections
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions import MatchedDecisions
from mnist_data.parquet.decisions_table import Decision

OPEN = "unsure"
"""The decision that leaves a sample undecided."""


@dataclass(frozen=True)
class Decided:
    """The decisions about the samples of a dataset as they are, by their ids. digest: of the history of all."""

    digest: str
    by_id: Mapping[int, Decision]
    matched: MatchedDecisions

    def mask(self, ids: Integers) -> npt.NDArray[np.bool_]:
        """Say which samples are decided, (n,) bool; those that people are unsure of are not."""
        closed = [sample for sample, decision in self.by_id.items() if decision.decision != OPEN]
        return np.isin(ids, np.array(closed, np.int64))

    def texts(self, ids: Integers) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
        """Give what is decided about each sample, as in "relabel to 3", and by whom; None where nothing is."""
        chosen = [self.by_id.get(sample) for sample in ids.tolist()]
        decisions = [None if decision is None else in_words(decision) for decision in chosen]
        people = [None if decision is None else decision.who for decision in chosen]
        return np.array(decisions, object), np.array(people, object)


def in_words(decision: Decision) -> str:
    """Say what is decided.

    >>> in_words(Decision(id=1, decision="relabel", label=3)), in_words(Decision(id=1, decision="keep"))
    ('relabel to 3', 'keep')
    """
    return f"relabel to {decision.label}" if decision.decision == "relabel" else decision.decision


def decided_about(source: Dataset, corrections: Corrections | None) -> Decided | None:
    """Give what is decided about samples as they are; None where nothing ever was."""
    if corrections is None:
        return None
    valid, matched = corrections.about(source)
    return Decided(corrections.digest, {decision.id: decision for decision in valid.decisions}, matched)


def with_decided(checks: pd.DataFrame, decided: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    """Add to the counts of an audit how many flagged samples are decided, and how many are left.

    decided: by check and split. What is no check of single samples has neither.
    """
    keys = list(zip(checks["check"], checks["split"], strict=True))
    numbers = pd.Series([decided.get(key) for key in keys], checks.index, dtype="Int64")
    return checks.assign(decided=numbers, left=checks["flagged"].astype("Int64") - numbers)
