"""Slices: planted ones are found and named in words, and where mistakes are chance hardly any is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from pipelines.networks.evaluation import slices
from pipelines.networks.evaluation.slices import CLASS, Condition, find_slices

Lots = np.random.Generator


def samples(lots: Lots, count: int) -> dict[str, Any]:
    """Give samples of ten classes with measures and writers, none of which has to do with the others."""
    measures: dict[str, npt.NDArray[Any]] = {name: lots.normal(size=count) for name in ("thickness", "slant", "length")}
    measures["holes"] = lots.integers(0, 3, count)
    return {
        "labels": lots.integers(0, 10, count),
        "ids": lots.permutation(10 * count)[:count],
        "measures": measures,
        "groups": {"writer_id": lots.integers(0, 30, count)},
    }


def search(wrong: npt.NDArray[np.bool_], given: dict[str, Any]) -> pd.DataFrame:
    """Look for the slices of some mistakes."""
    return find_slices(wrong, given["labels"], given["ids"], given["measures"], given["groups"])


def test_a_planted_slice_is_found_with_what_lies_elsewhere() -> None:
    """Of the class 7 the thick ones are read badly; the numbers are those of counting."""
    lots = np.random.default_rng(1)
    given = samples(lots, 6_000)
    seven, thick = given["labels"] == 7, given["measures"]["thickness"]
    wrong = lots.random(6_000) < np.where(seven & (thick > 1), 0.3, 0.01)

    found = search(wrong, given)

    row = found[found["feature"] == "thickness"].iloc[0]
    inside = seven & (thick > row["limit"])
    assert (row["label"], row["relation"]) == (7, "above")
    assert row["limit"] == pytest.approx(1, abs=0.45)
    assert (row["samples"], row["correct"]) == (inside.sum(), (inside & ~wrong).sum())
    assert row["other_accuracy"] == pytest.approx((~wrong[seven & ~inside]).mean())
    assert row["p_value"] <= slices.ALPHA


@pytest.mark.parametrize(("feature", "value"), [("writer_id", 4), ("", 3)])
def test_a_writer_and_a_class_are_found(feature: str, value: int) -> None:
    """By one condition, and nothing else besides."""
    lots = np.random.default_rng(2)
    given = samples(lots, 4_000)
    hard = given["groups"]["writer_id"] == value if feature else given["labels"] == value
    found = search(lots.random(4_000) < np.where(hard, 0.25, 0.01), given)

    assert found["feature"].tolist() == [feature]
    assert (found["limit"] if feature else found["label"]).tolist() == [value]


@pytest.mark.slow
def test_chance_shows_a_slice_in_few_networks() -> None:
    """Of 60 whose mistakes depend on nothing, where one in twenty is allowed; more than 8 come once in 200."""
    lots = np.random.default_rng(3)
    shown = [len(search(lots.random(800) < 0.05, samples(lots, 800))) > 0 for _ in range(60)]

    assert sum(shown) <= 8


def test_the_order_of_the_samples_changes_nothing() -> None:
    """Only their ids decide how mistakes are dealt."""
    lots = np.random.default_rng(4)
    given = samples(lots, 3_000)
    wrong = lots.random(3_000) < np.where(given["measures"]["slant"] > 1, 0.1, 0.01)
    order = lots.permutation(3_000)
    turned = {
        name: {key: values[order] for key, values in of.items()} if isinstance(of, dict) else of[order]
        for name, of in given.items()
    }

    pd.testing.assert_frame_equal(search(wrong, given), search(wrong[order], turned))


def test_probabilities_are_those_of_fishers_exact_test() -> None:
    """Of so many mistakes or more in a slice, by SciPy."""
    lots = np.random.default_rng(5)
    wrong = lots.random(300) < 0.1
    members = (lots.random((300, 4)) < [0.1, 0.2, 0.4, 0.5]).astype(np.float32)
    candidates = slices._Candidates(-1, wrong, [Condition(CLASS, "is", place) for place in range(4)], members)

    values = slices._p_values(candidates, wrong[:, None])[:, 0]

    for place, value in enumerate(values):
        inside = members[:, place] > 0
        assert value == pytest.approx(stats.hypergeom.sf((wrong & inside).sum() - 1, 300, wrong.sum(), inside.sum()))


@pytest.mark.parametrize("wrong", [np.zeros(50, np.bool_), np.ones(50, np.bool_), np.zeros(0, np.bool_)])
def test_without_mistakes_or_without_samples_there_is_none(wrong: npt.NDArray[np.bool_]) -> None:
    """Nor where all is wrong."""
    assert search(wrong, samples(np.random.default_rng(6), len(wrong))).empty
