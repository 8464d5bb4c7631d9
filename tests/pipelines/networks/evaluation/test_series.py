"""A series of seeds: mean, deviation and interval against scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipelines.networks.evaluation.series import summarize_seeds

ACCURACIES = [0.9952, 0.9961, 0.9949, 0.9957, 0.9960]


def evaluated(seeds: list[int | None], accuracies: list[float], split: str = "test") -> pd.DataFrame:
    """Give rows of an evaluation; a seed of None is the ensemble's."""
    table = pd.DataFrame({"model": "small", "split": split, "seed": seeds, "samples": 10_000, "accuracy": accuracies})
    return table.assign(low=table["accuracy"] - 0.001, high=table["accuracy"] + 0.001).astype({"seed": "Int64"})


def test_five_seeds_are_summed_up_as_scipy_does() -> None:
    """The interval is Student's; that of the ensemble is its own."""
    table = evaluated([0, 1, 2, 3, 4, None], [*ACCURACIES, 0.997])

    (row,) = summarize_seeds(table).to_dict("records")
    interval = stats.ttest_1samp(ACCURACIES, 0).confidence_interval(0.95)

    assert row["mean"] == pytest.approx(np.mean(ACCURACIES))
    assert row["std"] == pytest.approx(stats.tstd(ACCURACIES))
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert (row["lowest"], row["highest"], row["seeds"], row["samples"]) == (0.9949, 0.9961, 5, 10_000)
    assert (row["ensemble"], row["ensemble_low"], row["ensemble_high"]) == pytest.approx((0.997, 0.996, 0.998))


def test_each_split_has_its_row_and_one_seed_has_none() -> None:
    """Without an ensemble there is no figure of it; the interval stays within 0 and 1."""
    table = pd.concat([evaluated([0, 1], [0.5, 1.0], "validation"), evaluated([0], [0.9])])

    found = summarize_seeds(table)

    assert found["split"].tolist() == ["validation"]
    assert found[["low", "high"]].to_numpy().tolist() == [[0, 1]]
    assert found[["ensemble", "ensemble_low", "ensemble_high"]].isna().all(axis=None)
    assert summarize_seeds(evaluated([0], [0.9])).empty
