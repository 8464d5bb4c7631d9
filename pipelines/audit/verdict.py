"""The verdict: what one check says of every sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
"""(n,) float32 from 0, worst, to 1; the convention of cleanlab's Datalab."""


@dataclass(frozen=True)
class Verdict:
    """What one check says of n samples, in the order of the dataset: its splits, and in each its files.

    check: its name; the audit's table has the columns is_CHECK and CHECK_score.
    flagged: (n,) bool. score: (n,).
    bar: what a sample is held against, in the unit of what was measured; NaN for a check without one.
    meaning: in words, what was measured and why the bar stands where it does, as in "fraction of ink cut off; …".
    details: columns that explain the findings, name -> (n,) array, as in near_duplicate_of.
    """

    check: str
    flagged: npt.NDArray[np.bool_]
    score: Scores
    threshold: float
    meaning: str
    details: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


def judge(
    check: str,
    values: npt.NDArray[Any],
    threshold: float,
    meaning: str,
    details: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Verdict:
    """Flag the samples whose value reaches the bar; the score is 1 at 0, a half at the bar, and falls towards 0.

    values: (n,), 0 or above, the worse the higher; NaN where a sample cannot be judged, which is not flagged and
    scores 1. bar: above 0.

    >>> found = judge("blur", np.array([0, 2, 4, np.nan]), 2.0, "")
    >>> found.flagged.tolist(), found.score.tolist()
    ([False, True, True, False], [1.0, 0.5, 0.25, 1.0])
    """
    known = np.nan_to_num(np.asarray(values, np.float64), nan=0.0)
    return Verdict(
        check, known >= threshold, (0.5 ** (known / threshold)).astype(np.float32), threshold, meaning, details or {}
    )
