"""Label errors: labels that a model which has not seen the sample holds to be wrong, by confident learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.errors import MissingExtra
from mnist_data.parquet.dataset import Dataset
from pipelines.audit.check_result import CheckResult
from pipelines.audit.cross_validation import FEWEST, FOLDS, Judge, OutOfSample, out_of_sample_probabilities
from pipelines.engine.execution import Report, silent

CHECK = "label_error"


def find_label_errors(
    source: Dataset, *, model: Judge | None = None, folds: int = FOLDS, seed: int = 0, report: Report = silent
) -> CheckResult:
    """Judge the label of every sample of all splits; the arguments are those of `out_of_sample_probabilities`.

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


def check_labels(found: OutOfSample) -> CheckResult:
    """Flag label errors by confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068).

    Of each class as many samples are flagged as the joint distribution of given and true labels says are wrong, those
    whose given label is least likely. The score is the given label's probability; what is not judged is not flagged
    and scores 1. Details: suggested_label (Int64), the likeliest class where it is not the given one, else missing;
    label_probability (float32), of the given label, NaN where it is not judged.
    """
    judged, count = found.judged, len(found.labels)
    codes = np.searchsorted(found.classes, found.labels[judged])
    probabilities = found.probabilities[judged].astype(np.float64)
    flagged, score = np.zeros(count, np.bool_), np.ones(count, np.float32)
    own, suggested = np.full(count, np.nan, np.float32), np.full(count, -1, np.int64)
    if judged.any():
        flagged[judged], score[judged] = _by_confident_learning(codes, probabilities)
        own[judged] = probabilities[np.arange(len(codes)), codes]
        likeliest = probabilities.argmax(axis=1)
        suggested[judged] = np.where(likeliest == codes, -1, found.classes[likeliest])
    details: dict[str, Any] = {
        "suggested_label": pd.Series(suggested, dtype="Int64").mask(suggested < 0).array,
        "label_probability": own,
    }
    return CheckResult(CHECK, flagged, score, np.nan, _meaning(found), details)


def _by_confident_learning(codes: npt.NDArray[Any], probabilities: npt.NDArray[Any]) -> tuple[Any, Any]:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    flagged = find_label_issues(codes, probabilities, filter_by="prune_by_class", n_jobs=1)
    return flagged, get_label_quality_scores(codes, probabilities, method="self_confidence")


def _meaning(found: OutOfSample) -> str:
    """Say what made the probabilities, and what could not be judged."""
    if not found.judged.any():
        return f"no label is judged: it takes two classes of {FEWEST} originals or more"
    left = int((~found.judged).sum())
    beside = f"; {left:,} samples not judged (class too small, label unknown or pixels not finite)" if left else ""
    return f"probability of the given label by {found.model}; flagged by confident learning{beside}"
