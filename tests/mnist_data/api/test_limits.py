"""Limits for a CI: read from anywhere, refused before the work, and kept or not after all is written."""

from __future__ import annotations

from pathlib import Path

import pytest

import mnist_data
from mnist_data.api.limits import Measured, Named, checked, count_of, named_values, one_of
from mnist_data.api.results import Result
from mnist_data.errors import CheckFailed, WrongUse
from mnist_data.parquet.dataset import Dataset

FORMER = Path(__file__).parents[2] / "fixtures/0.1.0"
NAMES = ("auc", "thickness.wasserstein")


def test_limits_are_read_from_mappings_texts_and_files(tmp_path: Path) -> None:
    """All to the same; a dotted name may be one in TOML."""
    file = tmp_path / "ci.toml"
    file.write_text("[thresholds]\nblurred = 6\n[fail-if]\nauc = 0.6\nthickness.wasserstein = 0.2\n")
    given: list[Named] = [
        {"auc": 0.6, "thickness.wasserstein": 0.2},
        ["auc=0.6", "thickness.wasserstein=0.2"],
        file,
        str(file),
        [str(file)],
    ]

    for one in given:
        assert named_values(one, "fail_if", one_of(NAMES)) == {"auc": 0.6, "thickness.wasserstein": 0.2}
    assert named_values("auc=1", "fail_if", one_of(NAMES)) == {"auc": 1}
    assert named_values(None, "fail_if", one_of(NAMES)) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("auc", "has no number"),
        ("auc=much", "has no number"),
        ("auc=nan", "it must be a number"),
        ({"auc": True}, "auc is True; it must be a number"),
        ({"auk": 0.5}, "Did you mean 'auc'"),
    ],
)
def test_what_is_no_limit_is_refused(given: Named, message: str) -> None:
    """With the name and what it can be."""
    with pytest.raises(WrongUse, match=message):
        named_values(given, "fail_if", one_of(NAMES))


def test_a_limit_below_one_is_a_fraction_and_a_whole_number_a_count() -> None:
    """Of 200 samples a hundredth is two; a count of 1 is one sample and not all of them."""
    measured = {"leaked": Measured(2, 200)}
    result = Result("audit")

    for limit in (0.01, 2, 3):
        assert checked(result, {"leaked": limit}, measured) is result
    for limit, words in ((0.009, "at most 0.009 of them"), (1, "at most 1 is"), (0, "at most 0 is")):
        with pytest.raises(CheckFailed, match=f"leaked is 2 of 200, {words}") as failure:
            checked(result, {"leaked": limit}, measured)
        assert failure.value.result is result
    with pytest.raises(WrongUse, match="a whole number of samples, or a fraction below 1"):
        named_values({"leaked": 1.5}, "fail_if", count_of(("leaked",), "check"))


def test_what_could_not_be_measured_does_not_pass() -> None:
    """A CI that compares with nothing must not be green."""
    for measured in ({}, {"ece": Measured(float("nan"))}):
        with pytest.raises(CheckFailed, match="ece could not be measured"):
            checked(Result("train"), {"ece": 0.1}, measured)


def test_each_exceeded_limit_is_named_and_others_are_not() -> None:
    """So that one look at the log is enough."""
    measured = {"a": Measured(1.0), "b": Measured(1.0, where="ink"), "c": Measured(1.0)}

    with pytest.raises(CheckFailed) as failure:
        checked(Result("drift"), {"a": 0.5, "b": 0.9, "c": 1.0}, measured)

    assert str(failure.value) == "drift: a is 1, at most 0.5 is allowed; b is 1 (ink), at most 0.9 is allowed."


def test_a_failure_leaves_the_tables_and_gives_the_result(digits: Dataset, tmp_path: Path) -> None:
    """From Python as from the command line: what was found can be looked at."""
    with pytest.raises(CheckFailed, match=r"claims: true is \d of 5, at most 0 is allowed") as failure:
        mnist_data.claims(digits, tmp_path / "claims", fail_if={"true": 0})

    assert (tmp_path / "claims/claims.parquet").is_file()
    assert len(failure.value.result["claims"]) == 5


def test_compare_fails_where_b_is_worse_by_more_than_is_allowed() -> None:
    """The accuracy of A minus that of B, whichever is better."""
    a, b = FORMER / "models", FORMER / "models-lenet5"
    difference = mnist_data.compare(a, b)["comparison"]["difference"].iloc[0]
    worse, better = (a, b) if difference > 0 else (b, a)

    assert mnist_data.compare(worse, better, fail_if={"accuracy_drop": 0})
    if difference:
        with pytest.raises(CheckFailed, match="accuracy_drop is "):
            mnist_data.compare(better, worse, fail_if={"accuracy_drop": 0})


def test_a_training_fails_above_its_limit_after_it_is_written(digits: Dataset, tmp_path: Path) -> None:
    """By the error on the test split, or by calibration; the network is kept."""
    pytest.importorskip("torch")
    with pytest.raises(CheckFailed, match=r"train: error is 0\.\d+, at most 0 is allowed") as failure:
        mnist_data.train(digits, tmp_path / "m", model="mlp", epochs=1, fail_if={"error": 0, "ece": 1})

    evaluation = failure.value.result["evaluation"].set_index("split")["accuracy"]
    assert f"error is {1 - evaluation['test']:.4g}" in str(failure.value)
    assert (tmp_path / "m/mlp.safetensors").is_file()


def test_predictions_fail_above_an_error_of_what_is_labelled() -> None:
    """Of a dataset; the fraction that is wrong."""
    pytest.importorskip("torch")
    model, dataset = FORMER / "models/tiny.safetensors", FORMER / "dataset"
    table = mnist_data.predict(model, dataset)["predictions"]

    with pytest.raises(CheckFailed, match=f"error is {1 - table['correct'].mean():.4g}"):
        mnist_data.predict(model, dataset, fail_if={"error": 0})
