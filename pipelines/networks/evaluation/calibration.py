"""Calibration: whether a network's confidence agrees with its accuracy, before and after temperature scaling."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Integers
from pipelines.networks.evaluation.predictions import Probabilities
from pipelines.networks.evaluation.scores import wilson

BINS = 15
"""Bins of equal width from 0 to 1, as in Guo, Pleiss, Sun and Weinberger (ICML 2017, arXiv:1706.04599)."""

TEMPERATURES = (0.1, 10.0)
"""Bounds of the temperature: where every validation sample is correct, the likelihood has no optimum above 0."""

LEAST = float(np.finfo(np.float32).tiny)
"""Replaces a probability that float32 has rounded to 0, so that its logarithm is finite."""

DRAWS, SEED = 100, 0
"""How often outcomes are drawn to estimate the error by chance, and the seed."""

COLUMNS = ("temperature", "samples", "ece", "ece_by_chance", "nll", "confidence", "accuracy")


def fit_temperature(probabilities: Probabilities, labels: Integers) -> float:
    """Fit the temperature T of the highest likelihood; above 1 the network was overconfident.

    probabilities: (n, classes), of samples that were not trained on, and that are not those evaluated afterwards;
    labels: (n,), n at least 1. softmax(log p / T) divides the logits by T, for log p differs from them by a constant
    (Guo et al. 2017, section 4.2). The result is within TEMPERATURES.
    """
    from scipy.optimize import minimize_scalar

    logs = _logs(probabilities)
    optimum = minimize_scalar(
        lambda log_t: _likelihood_loss(logs / np.exp(log_t), labels), bounds=np.log(TEMPERATURES), method="bounded"
    )
    return float(np.exp(optimum.x))


def soften(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Give the probabilities, (n, classes) float32, of the logits divided by the temperature."""
    scaled = _logs(probabilities) / temperature
    return np.exp(scaled - _log_sums(scaled)).astype(np.float32)


def expected_error(reliability: pd.DataFrame) -> float:
    """Give the expected calibration error (ECE), 0 to 1, from a table of `reliability_table`."""
    filled = reliability[reliability["samples"] > 0]
    gaps = (filled["accuracy"] - filled["confidence"]).abs()
    return float((gaps * filled["samples"]).sum() / filled["samples"].sum())


def chance_error(probabilities: Probabilities) -> float:
    """Give the calibration error that these probabilities would have on average if they were exactly calibrated.

    In each of DRAWS draws every prediction is correct with its own probability. An error of this size is no evidence of
    miscalibration: with few samples in a bin the accuracy differs from the mean probability by chance.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    bins, rng = _bins(confidence), np.random.default_rng(SEED)
    expected = np.bincount(bins, confidence, BINS)
    gaps = [np.abs(np.bincount(bins, rng.random(len(bins)) < confidence, BINS) - expected).sum() for _ in range(DRAWS)]
    return float(np.mean(gaps)) / len(bins)


def reliability_table(probabilities: Probabilities, labels: Integers) -> pd.DataFrame:
    """Tabulate the accuracy of the most probable class by its probability, a row each of BINS bins.

    Columns: bin, from 1; low, high, its edges, of which the upper one belongs to it; samples; confidence, the mean
    probability of the most probable class; accuracy, and accuracy_low and accuracy_high, its 95 % Wilson interval.
    These four are NaN in an empty bin.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    hits = probabilities.argmax(axis=1) == labels
    bins, edges = _bins(confidence), np.linspace(0, 1, BINS + 1)
    samples, correct = np.bincount(bins, minlength=BINS), np.bincount(bins[hits], minlength=BINS)
    counts = np.where(samples > 0, samples, np.nan)
    ends = [
        wilson(*pair) if pair[1] else (np.nan, np.nan) for pair in zip(correct.tolist(), samples.tolist(), strict=True)
    ]
    return pd.DataFrame(
        {
            "bin": np.arange(1, BINS + 1),
            "low": edges[:-1],
            "high": edges[1:],
            "samples": samples,
            "confidence": np.bincount(bins, confidence, BINS) / counts,
            "accuracy": correct / counts,
            "accuracy_low": [low for low, _ in ends],
            "accuracy_high": [high for _, high in ends],
        }
    )


def calibration_tables(
    probabilities: Probabilities, labels: Integers, validation: Probabilities, validation_labels: Integers
) -> dict[str, pd.DataFrame]:
    """Evaluate the calibration of a network, as it is and with the temperature fitted to validation samples.

    probabilities: (n, classes), n at least 1. validation: of other samples, may be empty: then nothing is scaled.
    Gives the tables

    - calibration, a row for each temperature, first 1: temperature, samples, ece, ece_by_chance (`chance_error`), nll
      (the mean negative log-likelihood of the label, in nats), confidence, accuracy;
    - reliability, for each temperature the rows of `reliability_table`.
    """
    temperatures = [1.0]
    if len(validation_labels):
        temperatures.append(fit_temperature(validation, validation_labels))
    rows, bins = [], []
    for temperature in temperatures:
        scaled = soften(probabilities, temperature)
        table = reliability_table(scaled, labels)
        nll = _likelihood_loss(_logs(probabilities) / temperature, labels)
        accuracy = float((scaled.argmax(axis=1) == labels).mean())
        scores = (
            expected_error(table),
            chance_error(scaled),
            nll,
            float(scaled.max(axis=1).mean(dtype=np.float64)),
            accuracy,
        )
        rows.append((temperature, len(labels), *scores))
        bins.append(table.assign(temperature=temperature)[["temperature", *table.columns]])
    return {
        "calibration": pd.DataFrame(rows, columns=list(COLUMNS)),
        "reliability": pd.concat(bins, ignore_index=True),
    }


def _bins(confidence: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Give the bin of each, from 0; the upper edge belongs to it."""
    edges = np.linspace(0, 1, BINS + 1)
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, BINS - 1)


def _logs(probabilities: Probabilities) -> npt.NDArray[np.float64]:
    return np.log(np.maximum(probabilities, LEAST, dtype=np.float64))


def _log_sums(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the logarithm of the sum of exponentials of each row, (n, 1)."""
    highest = logits.max(axis=1, keepdims=True)
    sums: npt.NDArray[np.float64] = highest + np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))
    return sums


def _likelihood_loss(logits: npt.NDArray[np.float64], labels: Integers) -> float:
    own = logits[np.arange(len(labels)), labels]
    return float((_log_sums(logits)[:, 0] - own).mean())
