"""A network's accuracy by corrected labels."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from mnist_data.batch import Integers
from mnist_data.parquet.corrections import Corrections
from mnist_data.parquet.schema import Metadata
from pipelines.networks.evaluation.predictions import Probabilities
from pipelines.networks.evaluation.scores import evaluate, wilson


def corrected_scores(probabilities: Probabilities, ids: Integers, labels: Integers, table: Corrections) -> pd.DataFrame:
    """Evaluate with the given labels and with the corrected ones, a row each.

    There is no row of the corrected ones where all samples are to be removed. Columns: labels ("given" or "corrected"),
    changed, how many differ from the given ones, removed, how many samples are left out as they are to be removed, and
    those of `evaluate`.
    """
    corrected, kept = table.apply(ids, labels), ~np.isin(ids, table.removed)
    everything = np.ones(len(ids), np.bool_)
    rows = [
        {
            "labels": name,
            "changed": int((by != labels)[chosen].sum()),
            "removed": int((~chosen).sum()),
            **asdict(evaluate(probabilities[chosen], by[chosen])),
        }
        for name, by, chosen in (("given", labels, everything), ("corrected", corrected, kept))
        if name == "given" or chosen.any()
    ]
    return pd.DataFrame(rows)


def corrected_predictions(table: pd.DataFrame, metadata: Metadata, corrections: Corrections) -> pd.DataFrame:
    """Score predictions by given and by corrected labels, as `corrected_scores` does: accuracy with its interval.

    table: of `predict`, whose labels are the model's numbers; a class is known by its name. metadata: of the images.
    """
    known = table[table["label"] >= 0]
    numbers = dict(zip(known["label_name"], known["label"], strict=True))
    labels = {one.id: one.label for one in corrections.decisions if one.decision == "relabel" and one.label is not None}
    given = known["correct"].to_numpy(bool)
    correct, changed = given.copy(), np.zeros(len(known), bool)
    for place, row in enumerate(known[["id", "label_name", "name", "predicted"]].itertuples(index=False, name=None)):
        sample, before, predicted_name, predicted = row
        if sample in labels and (name := metadata.class_name(labels[sample])) != before:
            changed[place] = True
            correct[place] = name == predicted_name or numbers.get(name) == predicted
    kept = ~np.isin(known["id"], corrections.removed)
    rows = [_scored("given", given, 0, 0)] if len(given) else []
    if kept.any():
        rows.append(_scored("corrected", correct[kept], int(changed[kept].sum()), int((~kept).sum())))
    columns = ["labels", "changed", "removed", "samples", "correct", "accuracy", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _scored(
    labels: str, correct: np.ndarray[tuple[int], np.dtype[np.bool_]], changed: int, removed: int
) -> dict[str, object]:
    number, samples = int(correct.sum()), len(correct)
    low, high = wilson(number, samples)
    counts = {"labels": labels, "changed": changed, "removed": removed, "samples": samples, "correct": number}
    return {**counts, "accuracy": number / samples, "low": low, "high": high}
