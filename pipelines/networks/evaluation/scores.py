"""Scores: accuracy with confidence intervals, confusion matrix, and predictions by sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Integers
from mnist_data.errors import WrongUse
from pipelines.networks.evaluation.predictions import Probabilities
from pipelines.networks.training.fit import check_labels


@dataclass(frozen=True)
class Evaluation:
    """How many predictions are correct; low and high: the 95 % Wilson interval of the accuracy."""

    samples: int
    correct: int
    accuracy: float
    low: float
    high: float


def evaluate(probabilities: Probabilities, labels: Integers) -> Evaluation:
    """Compare the most probable class with the label; the interval is Wilson's (JASA 22, 1927), for 95 %.

    >>> result = evaluate(np.array([[0.9, 0.1], [0.6, 0.4]], np.float32), np.array([0, 1]))
    >>> result.correct, result.accuracy, round(result.low, 4), round(result.high, 4)
    (1, 0.5, 0.0945, 0.9055)
    """
    samples = len(labels)
    if not samples:
        raise WrongUse("There are no samples to evaluate the model with.")
    correct = int((probabilities.argmax(1) == labels).sum())
    return Evaluation(samples, correct, correct / samples, *wilson(correct, samples))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Give the 95 % interval of a fraction by Wilson; trials: at least one.

    >>> [round(end, 4) for end in wilson(1, 2)]
    [0.0945, 0.9055]
    """
    fraction, z2 = successes / trials, NormalDist().inv_cdf(0.975) ** 2
    middle = (fraction + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = math.sqrt(z2 * (fraction * (1 - fraction) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def group_table(probabilities: Probabilities, labels: Integers, groups: Mapping[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """Evaluate each group of samples, a row a group: group, value, and the fields of Evaluation.

    groups: writer or series of the samples, name -> (n,) integers.
    """
    rows: list[dict[str, Any]] = []
    for name, values in groups.items():
        for value in np.unique(values):
            of = values == value
            rows.append({"group": name, "value": int(value), **asdict(evaluate(probabilities[of], labels[of]))})
    return pd.DataFrame(rows, columns=["group", "value", *(field.name for field in fields(Evaluation))])


def confusion_table(labels: Integers, predicted: Integers, names: Sequence[str]) -> pd.DataFrame:
    """Count each pair of label and prediction, a row a pair, including pairs that never occur.

    labels, predicted: (n,) from 0 to K - 1; names: of the K classes. Columns: label, name, predicted,
    predicted_name, samples.
    """
    classes = len(names)
    check_labels("evaluation", labels, classes)
    counts = np.bincount(np.asarray(labels, np.int64) * classes + predicted, minlength=classes**2)
    label, guess = np.divmod(np.arange(classes**2), classes)
    named = np.array(names, dtype=object)
    return pd.DataFrame(
        {
            "label": label,
            "name": named[label],
            "predicted": guess,
            "predicted_name": named[guess],
            "samples": counts,
        }
    )


def prediction_table(ids: Integers, labels: Integers, probabilities: Probabilities) -> pd.DataFrame:
    """Tabulate the predictions, a row a sample: id, label, predicted, probability, correct, p_0, p_1, ...

    probability: of the predicted class, float32, as each p_k is of class k.
    """
    predicted = probabilities.argmax(1)
    return pd.DataFrame(
        {
            "id": ids,
            "label": labels,
            "predicted": predicted,
            "probability": probabilities.max(1),
            "correct": predicted == labels,
            **{f"p_{label}": column for label, column in enumerate(probabilities.T)},
        }
    )
