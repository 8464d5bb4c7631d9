"""How much of a score rests on samples that the network has seen in training, and the score without them."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.parquet.messages import message
from pipelines.networks.evaluation.scores import Evaluation, wilson
from pipelines.statistics.findings import PROBLEM, Finding

Flags = npt.NDArray[np.bool_]

ALL, LEAKED, OTHERS = "all", "leaked", "others"
"""The parts that are evaluated: all samples, those that have the pixels of a training sample, and the others."""


def leak_scores(correct: Flags, leaked: Flags) -> pd.DataFrame:
    """Evaluate all samples, the leaked ones and the others, a row each.

    correct, leaked: (n,). Columns: part, fraction of all samples, and those of `evaluate`; the accuracy and its
    interval are missing where there are no samples.

    >>> leak_scores(np.array([True, True, False, True]), np.array([True, True, False, False]))["accuracy"].tolist()
    [0.75, 1.0, 0.5]
    """
    parts = {ALL: np.ones(len(correct), np.bool_), LEAKED: leaked, OTHERS: ~leaked}
    rows = [_row(part, correct[chosen], len(correct)) for part, chosen in parts.items()]
    return pd.DataFrame(rows, columns=["part", "fraction", *(field.name for field in fields(Evaluation))])


def _row(part: str, correct: Flags, of: int) -> dict[str, Any]:
    samples, hits = len(correct), int(correct.sum())
    low, high = wilson(hits, samples) if samples else (np.nan, np.nan)
    accuracy = hits / samples if samples else np.nan
    evaluation = {"samples": samples, "correct": hits, "accuracy": accuracy, "low": low, "high": high}
    return {"part": part, "fraction": samples / max(1, of), **evaluation}


def find_leak(scores: pd.DataFrame, dataset: str) -> list[Finding]:
    """Report leaked samples, where they are a larger part of the split than half the width of the accuracy's interval.

    scores: of one split, as a training has them. dataset: its path, for the advice.
    """
    whole, leaked, others = scores.to_dict("records")
    split = whole["split"]
    if not leaked["samples"] or leaked["fraction"] <= (whole["high"] - whole["low"]) / 2:
        return []
    rest = message("there are no others")
    if others["samples"]:
        rest = message("{accuracy:.2%} of the others", accuracy=others["accuracy"])
    return [
        Finding(
            message("{split} samples in the training data", split=split),
            message(
                "{leaked:,} of {samples:,} {split} samples ({fraction:.2%}) have the pixels of a training sample: "
                "{accuracy:.2%} of these are correct, {rest}, {all:.2%} of all.",
                leaked=leaked["samples"],
                samples=whole["samples"],
                split=split,
                fraction=leaked["fraction"],
                accuracy=leaked["accuracy"],
                rest=rest,
                all=whole["accuracy"],
            ),
            message(
                "Only the score of the others says how well new samples are read. Train on OUT, without the copies, "
                "after: mnist-data clean {dataset} OUT",
                dataset=shlex.quote(dataset),
            ),
            PROBLEM,
        )
    ]


def leaks_in_words(scores: pd.DataFrame, split: str) -> str:
    """Say in one sentence how much of a split's score rests on leaked samples.

    scores: of the split, as `leak_scores` gives them.
    """
    whole, leaked, others = scores.to_dict("records")
    samples, of = leaked["samples"], f" of {split}" if split else ""
    if not samples:
        return f"Of the {whole['samples']:,} samples{of} none has the pixels of a training sample."
    counted = (
        f"{samples:,} of the {whole['samples']:,} samples{of} ({leaked['fraction']:.2%}) have the pixels of a training "
        f"sample: {leaked['accuracy']:.2%} correct"
    )
    if not others["samples"]:
        return f"{counted}; there are no others."
    interval = f"95 % interval {others['low']:.2%} – {others['high']:.2%}"
    return f"{counted}; of the others {others['accuracy']:.2%} ({interval})."
