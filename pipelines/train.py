"""The training stage: a dataset in; a model, its learning curves, and its score on the test split out.

`fit` never sees the test split: it is read here, once, after the network is fixed.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.errors import WrongUse
from mnist_data.schema import Metadata
from mnist_data.store import Dataset
from pipelines.engine import Progress, Report, silent
from pipelines.gallery import picture_table
from pipelines.levels import levels_of
from pipelines.parameters import Train
from pipelines.robustness import TABLES as ROBUSTNESS
from pipelines.robustness import robustness_tables
from pipelines.stage import require_pictures
from pipelines.tables import provenance, remove_table, write_table
from pipelines.training.fit import EpochDone, Fit, fit, history_table, predict, require_torch, split_validation
from pipelines.training.model_file import save_model
from pipelines.training.samples import Samples, read_samples
from pipelines.training.scores import confusion_table, evaluate, group_table, prediction_table

if TYPE_CHECKING:
    from torch import nn

MISTAKES = 60
"""Misclassified samples kept with their pictures, the surest of them first."""


def train(
    source: Dataset, folder: str | Path, params: Train | None = None, *, report: Report = silent
) -> dict[str, pd.DataFrame]:
    """Train a network on a dataset's training split, and score it on its test split, if it has one.

    Validation is the split "validation" where there is one, else a share of the training samples; of an augmented
    dataset only originals are validated and tested with, and copies of validation samples are not learnt from.

    Writes MODEL.safetensors and the tables history, evaluation, predictions, confusion and misclassified into the
    folder, with `params.corruptions` also robustness and corrupted, where writers or series are known also groups, and
    gives the tables. Raises MissingExtra without
    PyTorch, WrongUse for a dataset of one class and for corruptions of one whose full ink is not known.
    """
    require_torch()
    require_pictures(source)
    params = params or Train()
    if params.corruptions:
        levels_of(source.metadata).width()  # refused now, and not after an hour of training
    learn, hold = training_samples(source, params)
    classes = max(len(source.metadata.classes), int(learn.labels.max(initial=-1)) + 1)
    if len(np.unique(learn.labels)) < 2:
        found = "of one class" if len(learn.ids) else "none"
        raise WrongUse(f"{source.location}: its training samples are {found}; there is nothing to learn.")

    def epoch_done(event: EpochDone) -> None:
        report(Progress(f"train {params.model}", event.epoch * len(learn.ids), event.epochs * len(learn.ids)))

    outcome = fit(learn.images, learn.labels, hold.images, hold.labels, classes, params, epoch_done)
    _save(outcome.model, str(folder), source.metadata, params, classes)  # first: whatever follows, the work is kept
    tables = {"history": history_table(outcome.history)}
    tables |= _score(source, outcome, params, classes, hold, report)
    made = provenance(params.stage, {source.metadata.dataset: source.content}, asdict(params))
    for name in {"groups", *ROBUSTNESS} - set(tables):  # of an earlier training into this folder
        remove_table(f"{folder}/{name}")
    for name, table in tables.items():
        write_table(table, f"{folder}/{name}", made)
    return tables


def training_samples(source: Dataset, params: Train) -> tuple[Samples, Samples]:
    """Give what is learnt from and what is validated with."""
    samples = read_samples(source, source.training_split)
    if "validation" in source.splits:
        held = read_samples(source, "validation")
        return samples, held.take(held.copies == 0)
    rows = split_validation(samples.ids, samples.labels, samples.ids, params, samples.copies)
    return samples.take(rows[0]), samples.take(rows[1])


def _score(
    source: Dataset, outcome: Fit, params: Train, classes: int, validation: Samples, report: Report
) -> dict[str, pd.DataFrame]:
    """Evaluate on the validation samples and, now that all is fixed, on the test split; detail the latter."""
    names = [source.metadata.class_name(label) for label in range(classes)]
    parts = [("validation", validation)]
    if "test" in source.splits:
        test = read_samples(source, "test")
        parts.append(("test", test.take(test.copies == 0)))
    rows: list[dict[str, Any]] = []
    for split, samples in parts:
        probabilities = predict(outcome.model, samples.images)
        if len(samples.ids):
            rows.append(
                {
                    "model": params.model,
                    "split": split,
                    **asdict(evaluate(probabilities, samples.labels)),
                    "parameters": outcome.parameters,
                    "epochs": len(outcome.history),
                    "seconds": sum(done.seconds for done in outcome.history),
                }
            )
    # In detail the last of them: the test split, where there is one.
    predicted = probabilities.argmax(axis=1)
    tables = {
        "evaluation": pd.DataFrame(rows),
        "predictions": prediction_table(samples.ids, samples.labels, probabilities).assign(**samples.groups),
        "confusion": confusion_table(samples.labels, predicted, names),
        "misclassified": _misclassified(samples, probabilities, source.metadata),
    }
    if samples.groups and len(samples.ids):
        groups = group_table(probabilities, samples.labels, samples.groups)
        tables["groups"] = groups.assign(model=params.model, split=split)[["model", "split", *groups.columns]]
    if params.corruptions and len(samples.ids):
        arrays = samples.images, samples.ids, samples.labels
        tables |= robustness_tables(outcome.model, params.model, *arrays, source.metadata, report)
    return tables


def _misclassified(samples: Samples, probabilities: npt.NDArray[np.float32], metadata: Metadata) -> pd.DataFrame:
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != samples.labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:MISTAKES]
    columns = {
        "id": samples.ids[wrong],
        "label": samples.labels[wrong],
        "name": [metadata.class_name(int(label)) for label in samples.labels[wrong]],
        "predicted": predicted[wrong],
        "predicted_name": [metadata.class_name(int(label)) for label in predicted[wrong]],
        "probability": sure[wrong],
    }
    return picture_table(columns, samples.images[wrong], metadata)


def _save(model: nn.Module, folder: str, metadata: Metadata, params: Train, classes: int) -> None:
    configuration = {
        "name": params.model,
        "shape": list(metadata.shape),
        "classes": classes,
        "class_names": list(metadata.classes),
        "dataset": metadata.dataset,
        "dtype": metadata.dtype,
        "stages": [asdict(stage) for stage in metadata.stages],
        "parameters": asdict(params),
    }
    save_model(model, f"{folder}/{params.model}.safetensors", configuration)
