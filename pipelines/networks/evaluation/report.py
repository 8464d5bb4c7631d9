"""The report of a training as tables: confidence intervals, calibration, accuracy by class and by thickness."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mnist_data.parquet.corrections import Corrections
from mnist_data.parquet.schema import Metadata
from pipelines.networks.data.samples import Samples
from pipelines.networks.data.trained_on import TrainedOn
from pipelines.networks.evaluation.breakdown import class_scores, thickness_scores
from pipelines.networks.evaluation.calibration import calibration_tables
from pipelines.networks.evaluation.corrections import corrected_scores
from pipelines.networks.evaluation.leaks import leak_scores
from pipelines.networks.evaluation.predictions import Probabilities
from pipelines.networks.evaluation.series import summarize_seeds

TABLES = ("seeds", "calibration", "reliability", "class_scores", "thickness_scores", "label_scores", "leak_scores")


@dataclass(frozen=True)
class SplitPredictions:
    """The samples of a split, and a run's predictions for them, (n, classes)."""

    split: str
    samples: Samples
    probabilities: Probabilities


def report_tables(
    model: str,
    evaluated: SplitPredictions,
    validation: SplitPredictions,
    metadata: Metadata,
    corrections: Corrections | None = None,
    trained_on: TrainedOn | None = None,
) -> dict[str, pd.DataFrame]:
    """Report on a run's predictions for the evaluated split; no tables where that has no samples.

    validation: the samples that the temperature is fitted to; where they are the evaluated split, there is none.
    trained_on: what the networks have seen that the evaluated split should not hold. Gives the tables calibration,
    reliability, class_scores, thickness_scores, with corrections label_scores and with trained_on leak_scores, each
    with the columns model and split first.
    """
    samples, probabilities = evaluated.samples, evaluated.probabilities
    if not len(samples.ids):
        return {}
    rows = slice(None) if validation.split != evaluated.split else slice(0)
    names = [metadata.class_name(label) for label in range(probabilities.shape[1])]
    tables = calibration_tables(
        probabilities, samples.labels, validation.probabilities[rows], validation.samples.labels[rows]
    )
    tables["class_scores"] = class_scores(probabilities, samples.labels, names)
    tables["thickness_scores"] = thickness_scores(probabilities, samples.labels, samples.images)
    if corrections is not None:
        tables["label_scores"] = corrected_scores(probabilities, samples.ids, samples.labels, corrections)
    if trained_on is not None:
        leaked = trained_on.holds_each(samples.images)
        tables["leak_scores"] = leak_scores(probabilities.argmax(axis=1) == samples.labels, leaked)
    return {
        name: table.assign(model=model, split=evaluated.split)[["model", "split", *table.columns]]
        for name, table in tables.items()
    }


def seed_tables(evaluation: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Give the table seeds, where several have been evaluated."""
    seeds = summarize_seeds(evaluation) if len(evaluation) else evaluation
    return {"seeds": seeds} if len(seeds) else {}
