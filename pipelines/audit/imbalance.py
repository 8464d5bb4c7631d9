"""Class imbalance: a finding about each split, not about samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist_data.batch import Integers
from mnist_data.parquet.messages import message

IMBALANCE = "class_imbalance"


def find_imbalance(split: str, labels: Integers, classes: int, threshold: float) -> dict[str, Any]:
    """Give the split's row of the table of checks: flagged are the classes that are too rare.

    labels: (n,). classes: how many the metadata name; those of them that do not occur count as empty. threshold: times
    that a class may be rarer than if all were equal.
    """
    from scipy.stats import chisquare

    _, present = np.unique(labels, return_counts=True)
    counts = np.concatenate([present, np.zeros(max(0, classes - len(present)), np.int64)])
    rare = counts * len(counts) * threshold < len(labels)
    words = message("no samples")
    if len(labels):
        test = chisquare(counts)
        ratio = f"{counts.max() / counts.min():.2f}" if counts.min() else message("infinite")
        words = message(
            "fraction of a class below 1 / threshold of an equal one; χ² {square:,.1f} with {freedom} degrees of "
            "freedom, p {p:.2g}; most frequent / rarest {ratio}",
            square=test.statistic,
            freedom=len(counts) - 1,
            p=test.pvalue,
            ratio=ratio,
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
