"""The scores of a run's networks: on the validation samples, and in detail on the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from mnist_data.parquet.corrections import Corrections
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.schema import Metadata
from pipelines.engine.execution import Report
from pipelines.images.thumbnails import thumbnail_table
from pipelines.networks.data.samples import Samples, open_samples
from pipelines.networks.data.trained_on import TrainedOn, joined
from pipelines.networks.evaluation.cost import with_cost
from pipelines.networks.evaluation.predictions import Probabilities, predict
from pipelines.networks.evaluation.report import SplitPredictions, report_tables, seed_tables
from pipelines.networks.evaluation.robustness import robustness_tables
from pipelines.networks.evaluation.scores import confusion_table, evaluate, group_table, prediction_table
from pipelines.networks.evaluation.slice_report import slice_tables
from pipelines.networks.training.fit import Fit
from pipelines.settings.training import Train

MISTAKES = 60
"""Most misclassified samples kept with their images, the most confident first."""


def score(
    source: Dataset,
    fits: Sequence[Fit],
    params: Train,
    validation: Samples,
    corrections: Corrections | None,
    trained_on: Mapping[str, TrainedOn],
    report: Report,
) -> dict[str, pd.DataFrame]:
    """Evaluate on the validation samples and, now that all networks are fixed, on the test split in detail.

    trained_on: what the networks have seen, by its role, "training" and "validation".
    """
    parts = [("validation", validation)]
    if "test" in source.splits:
        test = open_samples(source, "test")
        parts.append(("test", test.take(test.copies == 0)))
    rows: list[dict[str, Any]] = []
    evaluated: list[SplitPredictions] = []
    for split, samples in parts:
        each = [predict(result.model, samples.images) for result in fits]
        evaluated.append(SplitPredictions(split, samples, np.mean(each, axis=0)))
        if len(samples.ids):
            rows += _evaluations(each, samples, fits, params, split)
    # In detail the last of them: the test split, where there is one.
    predicted = [prediction_table(samples.ids, samples.labels, own).assign(**samples.groups) for own in each]
    tables = {"evaluation": pd.DataFrame(rows), "predictions": by_seed(predicted, params)}
    if rows:
        images = next(part.samples.images for part in evaluated if len(part.samples.ids))
        tables["evaluation"] = with_cost(tables["evaluation"].astype({"seed": "Int64"}), fits[0].model, images)
    tables |= seed_tables(tables["evaluation"])
    seen = trained_on["training"] if evaluated[-1].split == "validation" else joined([*trained_on.values()])
    tables |= report_tables(params.model, evaluated[-1], evaluated[0], source.metadata, corrections, seen)
    return tables | _details(evaluated[-1], fits, params, source.metadata, report)


def by_seed(tables: Sequence[pd.DataFrame], params: Train) -> pd.DataFrame:
    """Concatenate the networks' tables, with the seed as the first column."""
    seeds = range(params.seed, params.seed + params.seeds)
    return pd.concat(
        [table.assign(seed=seed)[["seed", *table.columns]] for seed, table in zip(seeds, tables, strict=True)],
        ignore_index=True,
    )


def _evaluations(
    each: Sequence[Probabilities], samples: Samples, fits: Sequence[Fit], params: Train, split: str
) -> list[dict[str, Any]]:
    """Evaluate each network, and the ensemble of several, whose seed is missing."""
    rows: list[dict[str, Any]] = []
    seconds = [sum(record.seconds for record in result.history) for result in fits]
    for place, probabilities in enumerate(each):
        scored = {"model": params.model, "split": split, "seed": params.seed + place}
        cost = {"parameters": fits[place].parameters, "epochs": len(fits[place].history), "seconds": seconds[place]}
        rows.append({**scored, **asdict(evaluate(probabilities, samples.labels)), **cost})
    if len(each) > 1:
        scored = {"model": params.model, "split": split, "seed": None}
        cost = {
            "parameters": sum(result.parameters for result in fits),
            "epochs": sum(len(result.history) for result in fits),
            "seconds": sum(seconds),
        }
        rows.append({**scored, **asdict(evaluate(np.mean(each, axis=0), samples.labels)), **cost})
    return rows


def _details(
    evaluated: SplitPredictions, fits: Sequence[Fit], params: Train, metadata: Metadata, report: Report
) -> dict[str, pd.DataFrame]:
    """Tabulate the confusion matrix, the mistakes, and scores by group and corruption."""
    samples, probabilities = evaluated.samples, evaluated.probabilities
    names = [metadata.class_name(label) for label in range(probabilities.shape[1])]
    tables = {
        "confusion": confusion_table(samples.labels, probabilities.argmax(axis=1), names),
        "misclassified": _misclassified(samples, probabilities, metadata),
    }
    if samples.groups and len(samples.ids):
        groups = group_table(probabilities, samples.labels, samples.groups)
        tables["groups"] = groups.assign(model=params.model, split=evaluated.split)[["model", "split", *groups.columns]]
    if len(samples.ids):
        slices = slice_tables(samples, probabilities, metadata, params.seed)
        tables |= {
            name: table.assign(model=params.model, split=evaluated.split)[["model", "split", *table.columns]]
            for name, table in slices.items()
        }
    if params.corruptions and len(samples.ids):
        arrays = samples.images, samples.ids, samples.labels
        networks = [result.model for result in fits]
        tables |= robustness_tables(networks, params.model, *arrays, metadata, report)
    return tables


def _misclassified(samples: Samples, probabilities: Probabilities, metadata: Metadata) -> pd.DataFrame:
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != samples.labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    columns = {
        "id": samples.ids[wrong],
        "label": samples.labels[wrong],
        "name": [metadata.class_name(int(label)) for label in samples.labels[wrong]],
        "predicted": predicted[wrong],
        "predicted_name": [metadata.class_name(int(label)) for label in predicted[wrong]],
        "probability": confidence[wrong],
    }
    return thumbnail_table(columns, samples.images[wrong], metadata)
