"""Where a network makes mistakes: its accuracy by class and by stroke thickness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Images, Integers
from pipelines.networks.data.stored import StoredImages, parts_of
from pipelines.networks.evaluation.predictions import Probabilities
from pipelines.networks.evaluation.scores import evaluate

PARTS = 10
"""The number of equal-sized groups by thickness: tenths of the samples."""

ROWS = 10_000
"""Images measured at once."""


def class_scores(probabilities: Probabilities, labels: Integers, names: Sequence[str]) -> pd.DataFrame:
    """Evaluate the samples of each label that occurs: label, name, samples, correct, accuracy, low, high.

    names: of the classes, by label. The intervals are Wilson's, as those of `evaluate`.
    """
    rows = []
    for label in np.unique(labels):
        of = labels == label
        rows.append({"label": int(label), "name": names[label], **asdict(evaluate(probabilities[of], labels[of]))})
    return pd.DataFrame(rows)


def thickness_scores(probabilities: Probabilities, labels: Integers, images: Images | StoredImages) -> pd.DataFrame:
    """Measure stroke thickness, and evaluate each tenth of the images, the thinnest first.

    images: (n, h, w) or (n, h, w, c), n at least 1. The columns are those of `decile_scores`.
    """
    from pipelines.kernels.morphometry import measure_morphometrics

    parts = (images[part] for part in parts_of(images, ROWS))
    return decile_scores(
        probabilities, labels, np.concatenate([measure_morphometrics(part).thickness for part in parts])
    )


def decile_scores(probabilities: Probabilities, labels: Integers, thickness: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Evaluate each tenth of the samples by thickness, (n,) pixels.

    Columns: decile, from 1; thinnest, thickest, of its samples; samples, correct, accuracy, low, high. Equal values
    fall into one tenth, so there may be fewer than ten. Blank images have no strokes: their row is the one without a
    decile.
    """
    measured = ~np.isnan(thickness)
    deciles = np.zeros(len(thickness), np.int64)
    if measured.any():
        edges = np.quantile(thickness[measured], np.arange(1, PARTS) / PARTS)
        deciles[measured] = 1 + np.searchsorted(edges, thickness[measured], side="left")
    rows: list[dict[str, Any]] = []
    for decile in sorted(np.unique(deciles).tolist(), key=lambda number: number or PARTS + 1):
        of = deciles == decile
        ends = {"thinnest": thickness[of].min(), "thickest": thickness[of].max()}
        rows.append({"decile": decile or pd.NA, **ends, **asdict(evaluate(probabilities[of], labels[of]))})
    return pd.DataFrame(rows).astype({"decile": "Int64"})
