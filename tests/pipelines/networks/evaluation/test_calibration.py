"""Calibration: against scikit-learn, against a temperature that was planted, and at the edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.calibration import calibration_curve

from pipelines.networks.evaluation.calibration import (
    BINS,
    TEMPERATURES,
    calibration_tables,
    chance_error,
    expected_error,
    fit_temperature,
    reliability_table,
    soften,
)

Array = npt.NDArray[Any]


def softmax(logits: Array) -> Array:
    """Give the probabilities of logits, float32."""
    fractions = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(fractions / fractions.sum(axis=1, keepdims=True), np.float32)


def drawn(samples: int, temperature: float, seed: int = 0) -> tuple[Array, Array]:
    """Give probabilities of ten classes and labels drawn by them, the logits then multiplied by the temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2.5, (samples, 10))
    labels = (softmax(logits).cumsum(axis=1) < rng.random((samples, 1))).sum(axis=1).clip(0, 9)
    return softmax(logits * temperature), labels


def test_the_reliability_of_each_bin_is_that_of_scikit_learn() -> None:
    """Its calibration_curve of the likeliest class, with as many bins; it leaves empty ones out."""
    probabilities, labels = drawn(5_000, 1.5)
    right = probabilities.argmax(axis=1) == labels

    table = reliability_table(probabilities, labels)
    filled = table[table["samples"] > 0]
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=BINS)

    assert filled["accuracy"].to_numpy() == pytest.approx(accuracy)
    assert filled["confidence"].to_numpy() == pytest.approx(confidence, rel=1e-6)
    assert table["samples"].sum() == 5_000
    assert table["accuracy"].isna().equals(table["samples"] == 0)


def test_the_error_of_four_samples_is_that_by_hand() -> None:
    """Two at 0.9, one of them right; two at 0.5 and 0.52, both right: ½·|0.5 - 0.9| + ½·|1 - 0.51|."""
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5], [0.48, 0.52]], np.float32)

    table = reliability_table(probabilities, np.array([0, 0, 0, 1]))

    assert expected_error(table) == pytest.approx(0.5 * 0.4 + 0.5 * 0.49, abs=1e-7)
    assert table.loc[table["samples"] > 0, "bin"].tolist() == [8, 14]


def test_what_chance_makes_is_the_error_of_labels_drawn_by_the_probabilities() -> None:
    """Two hundred sets of them, of 500 samples each: too few for an error of nothing."""
    probabilities, _ = drawn(500, 1.0)
    rng, errors = np.random.default_rng(5), []
    for _ in range(200):
        labels = (probabilities.cumsum(axis=1) < rng.random((500, 1))).sum(axis=1).clip(0, 9)
        errors.append(expected_error(reliability_table(probabilities, labels)))

    assert chance_error(probabilities) == pytest.approx(np.mean(errors), rel=0.06)
    assert chance_error(np.eye(3, dtype=np.float32)) == 0


def test_the_upper_edge_of_a_bin_belongs_to_it() -> None:
    """Guo et al.: ((m - 1) / M, m / M]; 1 is in the last bin, and in float32 it may lie a step above."""
    probabilities = np.array([[9 / 15, 6 / 15], [1, 0], [1 + 1e-7, 0]])

    assert reliability_table(probabilities, np.zeros(3, int))["samples"].to_numpy().nonzero()[0].tolist() == [8, 14]


@pytest.mark.parametrize("planted", [0.5, 1.0, 3.0])
def test_a_planted_temperature_is_found_and_taken_away(planted: float) -> None:
    """Of validation samples; on others the error falls to what chance makes, and the answers stay."""
    validation, validation_labels = drawn(20_000, planted, seed=1)
    probabilities, labels = drawn(20_000, planted, seed=2)

    tables = calibration_tables(probabilities, labels, validation, validation_labels)
    plain, scaled = tables["calibration"].to_dict("records")

    assert plain["temperature"] == 1
    assert scaled["temperature"] == pytest.approx(planted, rel=0.05)
    assert scaled["ece"] < 1.5 * scaled["ece_by_chance"]
    assert plain["ece"] > 0.05 or planted == 1
    assert scaled["nll"] <= plain["nll"] + 1e-4
    assert scaled["accuracy"] == plain["accuracy"]
    assert tables["reliability"].groupby("temperature")["samples"].sum().tolist() == [20_000, 20_000]


def test_softening_divides_the_logits() -> None:
    """So the softmax of halved logits is that of temperature 2."""
    logits = np.random.default_rng(0).normal(0, 3, (50, 4))

    assert soften(softmax(logits), 2.0) == pytest.approx(softmax(logits / 2), abs=1e-6)


def test_without_validation_nothing_is_scaled() -> None:
    """The network is evaluated without scaling."""
    probabilities, labels = drawn(100, 1.0)

    tables = calibration_tables(probabilities, labels, probabilities[:0], labels[:0])

    assert tables["calibration"]["temperature"].tolist() == [1.0]
    assert len(tables["reliability"]) == BINS


def test_a_network_that_is_always_right_or_always_wrong_keeps_the_temperature_in_bounds() -> None:
    """The likelihood alone would go to certainty, or to none."""
    probabilities, _ = drawn(200, 1.0)
    best, worst = probabilities.argmax(axis=1), probabilities.argmin(axis=1)

    assert fit_temperature(probabilities, best) == pytest.approx(TEMPERATURES[0], rel=1e-3)
    assert fit_temperature(probabilities, worst) == pytest.approx(TEMPERATURES[1], rel=1e-3)


def test_a_probability_of_zero_costs_much_but_is_a_number() -> None:
    """float32 rounds the least likely class to 0, which may be the label."""
    probabilities = np.array([[1, 0], [1, 0]], np.float32)

    table = calibration_tables(probabilities, np.array([0, 1]), probabilities, np.array([0, 1]))["calibration"]

    assert np.isfinite(table.to_numpy(float)).all()
    assert table["nll"].iloc[0] == pytest.approx(87.3 / 2, abs=0.1)
