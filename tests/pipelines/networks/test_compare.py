"""Two trainings compared: against published figures, and in what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mnist_data.cli import app
from mnist_data.errors import NoDataset, UnreadableInput, WrongUse
from mnist_data.parquet.tables import provenance, read_table, table_provenance, write_table
from pipelines.claims.check import read_predictions
from pipelines.networks.compare import compare, verdict, write_comparison
from pipelines.networks.evaluation.paired import compare_correct, mcnemar, paired_interval
from pipelines.networks.evaluation.runs import together
from pipelines.networks.evaluation.scores import prediction_table

Array = npt.NDArray[Any]

SAMPLES = 200
LABELS = np.arange(SAMPLES) % 4


def predictions(wrong: Array, seed: int | None = None, confidence: float = 0.7) -> pd.DataFrame:
    """Give the table of a classifier of four classes that takes these samples, (n,) bool, for the next class."""
    predicted = np.where(wrong, (LABELS + 1) % 4, LABELS)
    probabilities = np.full((SAMPLES, 4), (1 - confidence) / 3, np.float32)
    probabilities[np.arange(SAMPLES), predicted] = confidence
    table = prediction_table(np.arange(1000, 1000 + SAMPLES), LABELS, probabilities)
    if seed is not None:
        table.insert(1, "seed", seed)
    return table


def written(folder: Path, *tables: pd.DataFrame, content: str = "abc") -> Path:
    """Write predictions as a training does."""
    table = pd.concat(tables, ignore_index=True)
    write_table(table, str(folder / "predictions"), provenance("train", {"mnist": content}, {}))
    return folder


def first(count: int) -> Array:
    """Say that the first samples are wrong."""
    return np.arange(SAMPLES) < count


@pytest.mark.parametrize(
    ("counts", "interval"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table II, method 10.
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        # Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables (2017), chapter 8, and the R package
        # contingencytables: airway hyper-responsiveness (Bentur 2009), and response to a therapy (Cavo 2012).
        ((1, 1, 7, 12), (-0.507, -0.026)),
        ((59, 6, 16, 80), (-0.1186, -0.0046)),
    ],
)
def test_the_interval_of_a_paired_difference_is_the_published_one(
    counts: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    """Method 10 of Newcombe, to the digits that are printed."""
    digits = 3 if counts[3] == 12 else 4

    assert [round(end, digits) for end in paired_interval(*counts)] == list(interval)


def test_mcnemars_test_is_exact() -> None:
    """1 against 7 (Bentur 2009): 2 · (1 + 8) / 2⁸, published as 0.070; no disagreement says nothing."""
    assert mcnemar(1, 7) == mcnemar(7, 1) == 18 / 256
    assert mcnemar(6, 16) == pytest.approx(0.0525, abs=5e-5)
    assert mcnemar(5, 5) == 1
    assert mcnemar(0, 0) == 1


@given(st.tuples(*[st.integers(0, 3_000)] * 4).filter(lambda counts: sum(counts) > 0))
def test_an_interval_holds_its_difference_and_turns_with_the_sides(counts: tuple[int, int, int, int]) -> None:
    """For any counts, empty margins and perfect classifiers among them."""
    both, one, other, neither = counts
    low, high = paired_interval(both, one, other, neither)
    turned = paired_interval(both, other, one, neither)

    assert -1 - 1e-9 <= low <= (one - other) / sum(counts) + 1e-9
    assert (one - other) / sum(counts) - 1e-9 <= high <= 1 + 1e-9
    assert turned == pytest.approx((-high, -low), abs=1e-12)


def test_counts_and_difference_are_of_the_samples() -> None:
    """A wrong on 20, B on 5 of those and on 4 others."""
    wrong_b = (np.arange(SAMPLES) < 5) | (np.arange(SAMPLES) >= SAMPLES - 4)

    found = compare_correct(~first(20), ~wrong_b)

    assert (found.both, found.only_a, found.only_b, found.neither) == (176, 4, 15, 5)
    assert found.difference == pytest.approx(11 / SAMPLES)
    assert found.low < found.difference < found.high


def test_runs_of_one_seed_are_compared_whatever_the_order_of_their_rows(tmp_path: Path) -> None:
    """Older tables have no column seed, newer ones do."""
    a = written(tmp_path / "a", predictions(first(20)).sample(frac=1, random_state=0))
    b = written(tmp_path / "b", predictions(first(5), seed=3))

    tables = compare(a, b)
    (row,) = tables["comparison"].to_dict("records")

    assert (row["only_a"], row["only_b"], row["neither"]) == (0, 15, 5)
    assert tables["disagreements"]["id"].tolist() == list(range(1005, 1020))
    assert set(tables["disagreements"]["correct"]) == {"B"}
    assert tables["disagreements"]["predicted_b"].tolist() == LABELS[5:20].tolist()


def test_several_seeds_are_compared_together_and_one_by_one(tmp_path: Path) -> None:
    """Together they predict the class of the highest mean probability: the surer seed outvotes the other."""
    a = written(tmp_path / "a", predictions(first(40), 0, 0.9), predictions(first(10), 1, 0.5))
    b = written(tmp_path / "b", predictions(first(4), 0), predictions(first(8), 1), predictions(first(9), 7))

    table = compare(a, b)["comparison"]

    assert table["seed"].tolist() == [pd.NA, 0, 1]
    assert table["accuracy_a"].tolist() == [160 / SAMPLES, 160 / SAMPLES, 190 / SAMPLES]
    assert table["only_b"].tolist() == [32, 36, 2]


def test_predictions_of_several_seeds_are_one_a_sample_for_the_claims(tmp_path: Path) -> None:
    """In the order of the table, by the mean of the probabilities, without the column."""
    folder = written(tmp_path / "a", predictions(first(40), 0, 0.9), predictions(first(10), 1, 0.5))

    predicted = read_predictions(folder / "predictions.parquet")

    assert predicted["id"].tolist() == list(range(1000, 1000 + SAMPLES))
    assert "seed" not in predicted
    assert int((~predicted["correct"]).sum()) == 40
    assert predicted["p_0"].iloc[-4] == pytest.approx((0.9 + 0.5) / 2)
    assert together(predictions(first(3), 0))["correct"].sum() == SAMPLES - 3


def test_the_verdict_says_which_is_better_or_that_none_is() -> None:
    """By p, in points of accuracy."""
    better = pd.Series({"difference": 0.0012, "low": 0.0003, "high": 0.0021, "p": 0.0102})
    worse = pd.Series({"difference": -0.0012, "low": -0.0021, "high": -0.0003, "p": 0.0102})
    open_ = pd.Series({"difference": -0.0002, "low": -0.0009, "high": 0.0005, "p": 0.61})

    assert verdict(better, "A", "B") == "B is better than A by 0.12 points (95 % interval 0.03 … 0.21), p = 0.01."
    assert verdict(worse, "A", "B") == "A is better than B by 0.12 points (95 % interval 0.03 … 0.21), p = 0.01."
    assert verdict(open_, "A", "B").startswith(
        "No significant difference: B minus A is -0.02 points (95 % interval -0.09"
    )


def test_other_samples_labels_or_data_are_refused_by_name(tmp_path: Path) -> None:
    """With both folders in the message; data that differ may be allowed."""
    a = written(tmp_path / "a", predictions(first(3)))
    fewer = written(tmp_path / "fewer", predictions(first(3))[1:])
    other = written(tmp_path / "other", predictions(first(3)).assign(label=0))
    augmented = written(tmp_path / "augmented", predictions(first(2)), content="def")

    with pytest.raises(WrongUse, match=r"a has predicted 200 samples, .*fewer 199, and 199 of them are the same"):
        compare(a, fewer)
    with pytest.raises(WrongUse, match=r"different labels for 150 samples \(sample 1001: 1 and 0\)"):
        compare(a, other)
    with pytest.raises(WrongUse, match=r"a was trained and tested on mnist \(abc\), .*augmented on mnist \(def\)"):
        compare(a, augmented)

    assert compare(a, augmented, across_datasets=True)["comparison"]["only_b"].tolist() == [1]


def test_a_folder_without_predictions_is_named(tmp_path: Path) -> None:
    """And one whose table is of another kind, or has a sample twice."""
    a = written(tmp_path / "a", predictions(first(3)))
    twice = written(tmp_path / "twice", predictions(first(3)), predictions(first(3)))
    write_table(pd.DataFrame({"id": [1], "label": [1]}), str(tmp_path / "poor/predictions"), {})

    with pytest.raises(NoDataset, match=r"no predictions\.parquet lies in it"):
        compare(a, tmp_path / "none")
    with pytest.raises(UnreadableInput, match="a sample is in it twice"):
        compare(twice, a)
    with pytest.raises(UnreadableInput, match="it lacks predicted, correct, p_0"):
        compare(a, tmp_path / "poor")


def test_the_command_prints_the_verdict_and_writes_what_differs(tmp_path: Path) -> None:
    """As text and as JSON; a second run does not overwrite."""
    a = written(tmp_path / "a", predictions(first(20), 0), predictions(first(22), 1))
    b = written(tmp_path / "b", predictions(first(5), 0), predictions(first(5), 1))
    out, runner = tmp_path / "out", CliRunner()

    printed = runner.invoke(app, ["compare", str(a), str(b), "--out", str(out)])
    again = runner.invoke(app, ["compare", str(a), str(b), "--out", str(out)])
    found = json.loads(runner.invoke(app, ["compare", str(a), str(b), "--json"]).stdout)

    assert "is better than A" in " ".join(printed.stdout.split())
    assert type(again.exception).__name__ == "OutputExists"
    assert [row["seed"] for row in found["comparison"]] == [None, 0, 1]
    assert found["verdict"] in " ".join(printed.stdout.split())
    assert read_table(f"{out}/disagreements.parquet")["id"].is_unique
    assert set(table_provenance(f"{out}/comparison.parquet")["inputs"]) == {str(a), str(b)}


def test_what_was_written_is_what_was_found(tmp_path: Path) -> None:
    """The tables survive their way through Parquet."""
    a, b = (written(tmp_path / name, predictions(first(count))) for name, count in (("a", 9), ("b", 5)))
    tables = compare(a, b)

    write_comparison(tables, tmp_path / "out", a, b)

    pd.testing.assert_frame_equal(read_table(f"{tmp_path}/out/comparison.parquet"), tables["comparison"])
