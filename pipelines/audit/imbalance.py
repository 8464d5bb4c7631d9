"""Class imbalance: a finding about each split, not about samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist_data.batch import Integers

IMBALANCE = "class_imbalance"

BAR = 10.0
"""Times that a class may be rarer than if all were equal; the rule of cleanlab's Datalab."""


def find_imbalance(split: str, labels: Integers, classes: int, threshold: float | None) -> dict[str, Any]:
    """Give the split's row of the table of checks: flagged are the classes that are too rare.

    labels: (n,). classes: how many the metadata name; those of them that do not occur count as empty.
    """
    from scipy.stats import chisquare

    threshold = BAR if threshold is None else threshold
    _, present = np.unique(labels, return_counts=True)
    counts = np.concatenate([present, np.zeros(max(0, classes - len(present)), np.int64)])
    rare = counts * len(counts) * threshold < len(labels)
    words = "no samples"
    if len(labels):
        test = chisquare(counts)
        ratio = f"{counts.max() / counts.min():.2f}" if counts.min() else "infinite"
        words = (
            f"fraction of a class below 1 / bar of an equal share; χ² {test.statistic:,.1f} with {len(counts) - 1} "
            f"degrees of freedom, p {test.pvalue:.2g}; most frequent / rarest {ratio}"
        )
    return {
        "check": IMBALANCE,
        "split": split,
        "samples": len(counts),
        "flagged": int(rare.sum()),
        "fraction": float(rare.mean()) if len(counts) else 0.0,
        "threshold": threshold,
        "meaning": words,
    }
