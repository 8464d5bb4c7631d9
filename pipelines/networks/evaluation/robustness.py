"""Robustness of a trained model: its accuracy under each corruption and severity, without files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Images, Integers
from mnist_data.parquet.schema import Metadata
from pipelines.engine.execution import Progress, Report, silent
from pipelines.images.levels import levels_of
from pipelines.images.thumbnails import thumbnail_table
from pipelines.networks.data.stored import StoredImages, parts_of
from pipelines.networks.evaluation.predictions import Probabilities, predict_mean
from pipelines.networks.evaluation.scores import evaluate
from pipelines.settings.stages import CORRUPTIONS, SEVERITIES, Corrupt

if TYPE_CHECKING:
    from torch import nn

TABLES = ("robustness", "corrupted")

IDENTITY = "identity"
"""MNIST-C's name for uncorrupted images; their severity here is 0."""

SEED = Corrupt().seed
"""The suite is the same for every model, whatever the model's seed."""

ROWS = 2_000
"""Images corrupted and predicted at once."""


def robustness_tables(
    models: Sequence[nn.Module],
    name: str,
    images: Images | StoredImages,
    ids: Integers,
    labels: Integers,
    metadata: Metadata,
    report: Report = silent,
) -> dict[str, pd.DataFrame]:
    """Score the mean of the networks' probabilities on the images and under each corruption and severity.

    images, ids, labels: of the test originals, at least one. Gives the tables

    - robustness, a row for each corruption and severity, first the identity with severity 0: model, corruption,
      severity, samples, correct, accuracy, low, high;
    - corrupted, the same rows for one sample with its images: id, label, name, corruption, severity, predicted,
      predicted_name, probability, image. It is the one that is correct uncorrupted and misclassified most often.
    """
    rows: list[dict[str, Any]] = []
    misled = np.zeros(len(labels), np.int64)
    for corruption, severity in _suite():
        report(Progress(f"robustness {name}", len(rows) * len(labels), len(_suite()) * len(labels)))
        probabilities = _predict(models, images, ids, metadata, corruption, severity)
        wrong = probabilities.argmax(axis=1) != labels
        # A sample that is misclassified uncorrupted must rank after all others.
        misled += wrong * (-len(_suite()) if corruption == IDENTITY else 1)
        scored = {"model": name, "corruption": corruption, "severity": severity}
        rows.append({**scored, **asdict(evaluate(probabilities, labels))})
    report(Progress(f"robustness {name}", len(rows) * len(labels), len(rows) * len(labels)))
    worst = slice(int(misled.argmax()), int(misled.argmax()) + 1)
    corrupted = _corrupted_sample(models, images[worst], ids[worst], int(labels[worst][0]), metadata)
    return {"robustness": pd.DataFrame(rows), "corrupted": corrupted}


def _suite() -> list[tuple[str, int]]:
    return [(IDENTITY, 0), *((corruption, severity) for corruption in CORRUPTIONS for severity in SEVERITIES)]


def _predict(
    models: Sequence[nn.Module],
    images: Images | StoredImages,
    ids: Integers,
    metadata: Metadata,
    corruption: str,
    severity: int,
) -> Probabilities:
    """Predict images under a corruption, block by block, so that memory does not grow with their number."""
    blocks = _blocks(images, ids, metadata, corruption, severity)
    return np.concatenate([predict_mean(models, block) for block in blocks])


def _blocks(
    images: Images | StoredImages, ids: Integers, metadata: Metadata, corruption: str, severity: int
) -> Iterator[npt.NDArray[Any]]:
    from pipelines.images.corruptions import corrupt_images

    levels = levels_of(metadata)
    for part in parts_of(images, ROWS):
        if corruption == IDENTITY:
            yield images[part]
        else:
            yield corrupt_images(images[part], ids[part], corruption, severity, SEED, levels)


def _corrupted_sample(
    models: Sequence[nn.Module], images: Images, ids: Integers, label: int, metadata: Metadata
) -> pd.DataFrame:
    """Tabulate one sample, (1, h, w[, c]), under every corruption and severity."""
    variants = np.concatenate([block for pair in _suite() for block in _blocks(images, ids, metadata, *pair)])
    probabilities = predict_mean(models, variants)
    predicted = probabilities.argmax(axis=1)
    columns = {
        "id": int(ids[0]),
        "label": label,
        "name": metadata.class_name(label),
        "corruption": [corruption for corruption, _ in _suite()],
        "severity": [severity for _, severity in _suite()],
        "predicted": predicted,
        "predicted_name": [metadata.class_name(int(guess)) for guess in predicted],
        "probability": probabilities.max(axis=1),
    }
    return thumbnail_table(columns, variants, metadata)
