"""The result of one check: what it says of every sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
"""(n,) float32 from 0, worst, to 1; the convention of cleanlab's Datalab."""


@dataclass(frozen=True)
class CheckResult:
    """What one check says of n samples, in the order of the dataset: its splits, and in each its files.

    check: its name; the audit's table has the columns is_CHECK and CHECK_score. flagged: (n,) bool. score: (n,).
    threshold: what a sample is compared with, in the unit of what was measured; NaN for a check without one.
    meaning: in words, what was measured and why the threshold is what it is, as in "fraction of ink cut off; …".
    details: columns that explain the findings, name -> (n,) array, as in near_duplicate_of.
    """

    check: str
    flagged: npt.NDArray[np.bool_]
    score: Scores
    threshold: float
    meaning: str
    details: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


def check_values(
    check: str,
    values: npt.NDArray[Any],
    threshold: float,
    meaning: str,
    details: Mapping[str, npt.NDArray[Any]] | None = None,
) -> CheckResult:
    """Flag the samples whose value reaches the threshold; the score is 1 at 0 and a half at the threshold.

    values: (n,), the worse the higher; those below 0 count as 0, and NaN as not evaluated: not flagged, with score 1.
    threshold: above 0.

    >>> result = check_values("blur", np.array([-1, 2, 4, np.nan]), 2.0, "")
    >>> result.flagged.tolist(), result.score.tolist()
    ([False, True, True, False], [1.0, 0.5, 0.25, 1.0])
    """
    known = np.maximum(np.nan_to_num(np.asarray(values, np.float64), nan=0.0), 0)
    scores = (0.5 ** (known / threshold)).astype(np.float32)
    return CheckResult(check, known >= threshold, scores, threshold, meaning, details or {})
