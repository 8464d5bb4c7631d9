"""Label errors: labels that are unlikely to a model which has not seen the sample, by confident learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.errors import MissingExtra
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.messages import message
from pipelines.audit.check_result import CheckResult
from pipelines.audit.cross_validation import FEWEST, FOLDS, LabelModel, OutOfSample, out_of_sample_probabilities
from pipelines.engine.execution import Report, silent

CHECK = "label_error"


def find_label_errors(
    source: Dataset, *, model: LabelModel | None = None, folds: int = FOLDS, seed: int = 0, report: Report = silent
) -> CheckResult:
    """Evaluate the label of every sample of all splits; the arguments are those of `out_of_sample_probabilities`.

    Raises MissingExtra where cleanlab, or PyTorch for the CNN, is not installed.
    """
    require_cleanlab()
    return check_labels(out_of_sample_probabilities(source, model=model, folds=folds, seed=seed, report=report))


def require_cleanlab() -> None:
    """Raise MissingExtra where cleanlab is not installed."""
    try:
        import cleanlab  # noqa: F401
    except ImportError:
        raise MissingExtra("cleanlab", "audit", "The search for label errors") from None


def check_labels(predicted: OutOfSample) -> CheckResult:
    """Flag label errors by confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068).

    Of each class as many samples are flagged as the joint distribution of given and true labels says are wrong, those
    whose given label is least likely. The score is the given label's probability; what is not evaluated is not flagged
    and scores 1. Details: suggested_label (Int64), the likeliest class where it is not the given one, else missing;
    label_probability (float32), of the given label, NaN where it is not evaluated.
    """
    evaluated, count = predicted.evaluated, len(predicted.labels)
    codes = np.searchsorted(predicted.classes, predicted.labels[evaluated])
    probabilities = predicted.probabilities[evaluated].astype(np.float64)
    flagged, score = np.zeros(count, np.bool_), np.ones(count, np.float32)
    own, suggested = np.full(count, np.nan, np.float32), np.full(count, -1, np.int64)
    if evaluated.any():
        flagged[evaluated], score[evaluated] = _by_confident_learning(codes, probabilities)
        own[evaluated] = probabilities[np.arange(len(codes)), codes]
        likeliest = probabilities.argmax(axis=1)
        suggested[evaluated] = np.where(likeliest == codes, -1, predicted.classes[likeliest])
    details: dict[str, Any] = {
        "suggested_label": pd.Series(suggested, dtype="Int64").mask(suggested < 0).array,
        "label_probability": own,
    }
    return CheckResult(CHECK, flagged, score, np.nan, _meaning(predicted), details)


def _by_confident_learning(codes: npt.NDArray[Any], probabilities: npt.NDArray[Any]) -> tuple[Any, Any]:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    flagged = find_label_issues(codes, probabilities, filter_by="prune_by_class", n_jobs=1)
    return flagged, get_label_quality_scores(codes, probabilities, method="self_confidence")


def _meaning(predicted: OutOfSample) -> str:
    """Say what made the probabilities, and what could not be evaluated."""
    if not predicted.evaluated.any():
        return message("no label is evaluated: it takes two classes of {fewest} originals or more", fewest=FEWEST)
    words = message("probability of the given label by {model}; flagged by confident learning", model=predicted.model)
    if left := int((~predicted.evaluated).sum()):
        return message(
            "{measured}; {count:,} samples not evaluated (class too small, label unknown or pixels not finite)",
            measured=words,
            count=left,
        )
    return words
