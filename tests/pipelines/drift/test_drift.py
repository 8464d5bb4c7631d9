"""Drift: the distances are those of other implementations, planted drift is found, and chance is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import roc_auc_score

import mnist_data
from mnist_data.cli.drift import drift as command
from mnist_data.errors import CheckFailed, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, read_batches
from pipelines.drift.compare import (
    Distance,
    _one_hot,
    compare_sides,
    drift,
    measure,
    require_limit_name,
    with_reference,
)
from pipelines.drift.distances import BINS, distances, interval, resample, shuffle, support_of
from pipelines.drift.domain import Auc, cross_validated_auc, domain_auc
from pipelines.drift.gather import Choice, Side, gather
from pipelines.drift.significance import LEVEL, adjusted_by_shuffles
from pipelines.drift.verdict import verdict_table
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.settings.analysis import Drift
from pipelines.stages.convert import convert

Cli = Callable[..., tuple[int, str, str]]
FAST = Drift(resamples=20, samples=300)


def sides(data: Dataset) -> tuple[Choice, Choice]:
    """Give the train and the test split."""
    return Choice(data, ("train",), "train"), Choice(data, ("test",), "test")


def between(first: np.ndarray, second: np.ndarray, draws: int = 100, seed: int = 0) -> dict[str, Distance]:
    """Measure two samples of one feature."""
    points = np.unique(np.concatenate([first, second]))
    sizes = (len(first), len(second))
    hot = (_one_hot(first, points), _one_hot(second, points))
    return measure(points, hot, resample(sizes, draws, seed), shuffle(sizes, draws, seed))


def test_the_distances_are_scipys() -> None:
    """Kolmogorov-Smirnov, Wasserstein and Jensen-Shannon, on samples of unequal size with ties."""
    generator = np.random.default_rng(1)
    first, second = generator.normal(0, 1, 300).round(1), generator.normal(0.4, 1.3, 500).round(1)
    points = np.unique(np.concatenate([first, second]))
    p, q = (np.array([(values == point).sum() for point in points], float) for values in (first, second))
    support = support_of(points, p, q)
    in_bins = [np.bincount(support.bins, counts, BINS) for counts in (p, q)]

    found = distances(p, q, support)

    assert found[0] == pytest.approx(jensenshannon(*in_bins, base=2))
    assert found[1] == pytest.approx(np.abs(in_bins[0] / 300 - in_bins[1] / 500).max())
    assert found[2] == pytest.approx(stats.ks_2samp(first, second).statistic)
    assert found[3] * support.scale == pytest.approx(stats.wasserstein_distance(first, second))


def test_a_shift_is_found_at_its_size() -> None:
    """A feature moved by half a deviation has a Wasserstein distance of just that before scaling."""
    values = np.random.default_rng(2).normal(0, 1, 2000)
    pooled = np.concatenate([values, values + 0.5]).std()

    assert between(values, values + 0.5, 20)["wasserstein"].value == pytest.approx(0.5 / pooled)


def test_the_auc_is_scikit_learns() -> None:
    """In each fold, weighted by its pairs; with ties; an offset of one fold's scores changes nothing."""
    generator = np.random.default_rng(3)
    truth, scores, folds = generator.integers(0, 2, 500), generator.integers(0, 64, 500) / 64, np.arange(500) % 3
    pairs = [np.prod(np.bincount(truth[folds == fold])) for fold in range(3)]
    each = [roc_auc_score(truth[folds == fold], scores[folds == fold]) for fold in range(3)]

    auc = cross_validated_auc(truth, scores, folds)

    assert auc.value == pytest.approx(np.average(each, weights=pairs))
    assert auc.low < auc.value < auc.high
    assert auc == cross_validated_auc(truth, scores + folds, folds)


@pytest.mark.parametrize(
    ("truth", "scores"), [([0, 0, 1, 1], [0.5] * 4), ([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4]), ([0, 0, 0, 0], [0.5] * 4)]
)
def test_where_nothing_can_be_learnt_of_the_scores_the_interval_says_so(truth: list[int], scores: list[float]) -> None:
    """All are equal, one side has a single sample or none: the AUC may still be 0.5."""
    auc = cross_validated_auc(np.array(truth), np.array(scores), np.zeros(4))

    assert auc.low < 0.5 < auc.high
    assert auc.p_value > 0.05


@pytest.mark.parametrize(("shift", "truth"), [(0.0, 0.0), (0.5, 2 * stats.norm.cdf(0.25) - 1)])
def test_the_intervals_cover_the_truth(shift: float, truth: float) -> None:
    """The Kolmogorov-Smirnov distance of two normal laws, in at least 88 of 100 simulations."""
    generator = np.random.default_rng(4)
    covered = 0
    for seed in range(100):
        found = between(generator.normal(0, 1, 200), generator.normal(shift, 1, 200), 60, seed)
        distance = found["kolmogorov_smirnov"]
        covered += distance.low <= truth <= distance.high

    assert covered >= 88


def test_an_interval_holds_its_value() -> None:
    """Also where the bootstrap lies wholly above it."""
    low, high = interval(0.1, np.array([0.3, 0.31, 0.32]))

    assert low <= 0.1 <= high


def test_sides_that_are_wholly_separated_have_an_interval_that_their_number_allows() -> None:
    """Of 20 samples without an error the AUC may be 0.83; of 2,000, 0.998."""
    for count, low in ((20, 0.8316), (2000, 0.99816)):
        truth = np.repeat([0, 1], count)
        apart = cross_validated_auc(truth, truth.astype(float), np.arange(2 * count) % 5)
        swapped = cross_validated_auc(truth, 1.0 - truth, np.arange(2 * count) % 5)

        assert (apart.value, apart.high, swapped.value, swapped.low) == (1, 1, 0, 0)
        assert apart.low == pytest.approx(low, abs=1e-4)
        assert swapped.high == pytest.approx(1 - low, abs=1e-4)


def cross_validated(values: np.ndarray, truth: np.ndarray) -> Auc:
    """Distinguish two sides by the difference of their means, in five folds."""
    folds, scores = np.arange(len(truth)) % 5, np.zeros(len(truth))
    for fold in range(5):
        train = folds != fold
        means = [values[train & (truth == side)].mean(axis=0) for side in (0, 1)]
        scores[~train] = values[~train] @ (means[1] - means[0])
    return cross_validated_auc(truth, scores, folds)


@pytest.mark.parametrize("shift", [0.0, 0.25])
def test_the_intervals_of_the_auc_cover_what_its_mean_is(shift: float) -> None:
    """In 95 of 100 cases, whether the sides differ or not; DeLong's variance alone would reach 83."""
    generator = np.random.default_rng(5)
    aucs = []
    for _ in range(400):
        truth = generator.permutation(np.repeat([0, 1], 100))
        aucs.append(cross_validated(generator.normal(0, 1, (200, 10)) + shift * truth[:, None], truth))
    mean = 0.5 if shift == 0 else np.mean([auc.value for auc in aucs])

    coverage = np.mean([auc.low <= mean <= auc.high for auc in aucs])

    assert 0.92 <= coverage <= 0.98
    if shift == 0:
        assert np.mean([auc.p_value <= 0.05 for auc in aucs]) <= 0.08


def test_of_100_comparisons_of_equal_data_5_have_a_significant_row() -> None:
    """Of 60 rows of unlike scale and skew, some of which move together; one row that moves far is found."""
    generator = np.random.default_rng(6)
    scale = generator.lognormal(0, 2, (60, 1))

    def draws() -> np.ndarray:
        together = generator.normal(0, 1, (60, 100)) + generator.normal(0, 1, 100)
        return np.asarray(scale * np.where(np.arange(60)[:, None] < 30, np.abs(together), np.exp(together / 3)))

    flagged = [
        adjusted_by_shuffles(table[:, 0], table[:, 1:]).min() <= LEVEL for table in (draws() for _ in range(600))
    ]
    moved = draws()
    moved[7, 0] += 20 * scale[7, 0]

    assert 0.03 <= np.mean(flagged) <= 0.075
    assert np.flatnonzero(adjusted_by_shuffles(moved[:, 0], moved[:, 1:]) <= LEVEL).tolist() == [7]


def test_the_verdict_names_both_sides_and_what_differs(digits: Dataset) -> None:
    """Halves of one split do not differ; where the slant of one is planted, that and nothing else is named."""
    side = gather(sides(digits)[0], 400, Execution())
    half = np.arange(len(side)) % 2 == 0  # the order is that of the hashes
    first, second = side.take(half), side.take(~half)
    leaning = replace(second, features={**second.features, "slant": second.features["slant"] + 0.5})

    def verdict(other: Side) -> pd.Series[Any]:
        return verdict_table(compare_sides(first, other, FAST), sides(digits), (200, 200)).iloc[0]

    equal, differing = verdict(second), verdict(leaning)
    names = "train and test of digits"
    assert equal["verdict"].startswith(f"No difference between {names} was found: of 200 and 200 samples, no feature")
    assert not equal["significant"]
    assert differing["verdict"].startswith(f"{names} differ: 1 of 20 features does, most of all slant (by ")
    assert "a classifier says which is which in" in differing["verdict"]
    assert (differing["significant"], differing["significant_features"]) == (True, 1)


def test_large_images_are_told_apart_by_blocks(digits: Dataset) -> None:
    """The covariance of their pixels would take half a terabyte; brighter ones are still told apart."""
    side = gather(sides(digits)[0], 40, Execution())
    large = side.images.repeat(22, axis=1).repeat(22, axis=2)
    half = np.arange(len(side)) % 2 == 0
    darker = replace(side, images=large // 3).take(~half)

    assert domain_auc(replace(side, images=large).take(half), darker, 0)["pixels"].value > 0.9


def test_planted_ink_is_what_drifts(digits: Dataset, tmp_path: Path) -> None:
    """The same images, half as bright as they were: the ink drifts, the shape of the strokes does not."""
    batch = next(read_batches(digits, "test"))
    for name, values in (("images-idx3-ubyte", batch.images // 2), ("labels-idx1-ubyte", batch.labels)):
        idx.write(tmp_path / f"test-{name}", values.astype(np.uint8))
    darker = convert(find_pairs(tmp_path), tmp_path / "darker").dataset
    before, after = (
        gather(Choice(dataset, ("test",), dataset.location), len(batch), Execution()) for dataset in (digits, darker)
    )

    def moved(name: str) -> float:
        return between(before.features[name], after.features[name], 20)["wasserstein"].value

    assert moved("ink") > 0.5
    assert max(moved(name) for name in ("thickness", "slant", "centre_row", "height")) < 0.1


def test_the_command_prints_its_tables_and_then_fails_above_a_limit(
    digits: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables and a page are written before the failure."""
    out = tmp_path / "drift"
    asked = {"between": ("train", "test"), "samples": 300, "resamples": 20, "out": str(out), "plot": True}

    with pytest.raises(CheckFailed, match=r"auc is 0\.\d+ \(all_"):
        command(digits.location, fail_if=["auc=0.1"], **asked)  # type: ignore[arg-type]

    table = pd.read_parquet(out / "drift.parquet")
    verdict = pd.read_parquet(out / "drift_verdict.parquet")["verdict"].iloc[0]
    printed = capsys.readouterr().out
    assert printed.startswith(f"{verdict}\n")  # before any number
    assert "train and test of digits" in verdict
    assert "JS" in printed
    page = (out / "dashboard.html").read_text()
    assert escape(verdict) in page
    assert "A is train of digits, 300 samples; B is test of digits, 300 samples." in page
    assert set(table.loc[table["measure"] == "auc", "feature"]) == {"all_features", "all_pixels"}
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    assert 'id="drift"' in (out / "dashboard.html").read_text()


def test_each_value_is_given_in_multiples_of_mnists_own(command_line: Cli, digits: Dataset) -> None:
    """Of its train against its test split; an AUC counts from 0.5, which says that nothing differs."""
    asked = ("--between", "train", "test", "--samples", 300, "--resamples", 20, "--json")

    code, printed, _ = command_line("drift", digits.location, *asked)

    table = pd.DataFrame(json.loads(printed)["drift"])
    auc = table["measure"] == "auc"
    assert code == 0
    assert "train and test of digits" in json.loads(printed)["verdict"]
    assert auc.sum() == 2
    for row in table[auc].to_dict("records"):
        assert row["ratio"] == pytest.approx((row["value"] - 0.5) / (row["reference"] - 0.5))
    known = table[~auc & table["reference"].gt(0)]
    assert len(known) > 50
    np.testing.assert_allclose(known["ratio"], known["value"] / known["reference"])


def test_no_difference_at_all_is_nought_times_mnists_own() -> None:
    """Also for a classifier that by chance does worse than guessing."""
    columns = ["class", "feature", "measure", "value", "low", "high", "null_95"]
    rows = [("all", "all_pixels", "auc", value, 0.0, 1.0, 0.1) for value in (0.5, 0.4)]
    rows.append(("all", "ink", "wasserstein", 0.0, 0.0, 1.0, 0.1))

    assert with_reference(pd.DataFrame(rows, columns=columns))["ratio"].tolist() == [0, 0, 0]


def printed_rows(text: str) -> list[list[str]]:
    """Give the cells of the tables in a terminal's output, a list a row."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]


def test_classes_are_printed_in_their_order_and_the_farthest_feature_first(command_line: Cli, digits: Dataset) -> None:
    """Within each class; what is farthest is what a user came for."""
    asked = ("--between", "train", "test", "--samples", 300, "--resamples", 20, "--by-class")

    code, printed, _ = command_line("drift", digits.location, *asked)

    rows = printed_rows(printed)
    whole, features = [[row for row in rows if (row[1] in ("features", "pixels")) == kind] for kind in (True, False)]
    classes = pd.Series([row[0] for row in features])
    assert {len(row) for row in whole} == {7}
    assert {len(row) for row in features} == {9}
    assert code == 0
    assert [row[0] for row in whole[::2]] == ["all", *map(str, range(10))]
    assert sorted(classes.unique()) == sorted(["all", *map(str, range(10))])
    assert classes.ne(classes.shift()).sum() == 11  # each class is one block
    assert [label for label in classes.unique() if label != "all"] == [str(label) for label in range(10)]
    for label in classes.unique():
        distances = [-1.0 if row[2] == "–" else float(row[2]) for row in features if row[0] == label]
        assert distances == sorted(distances, reverse=True)


def test_what_is_compared_must_be_said_once(digits: Dataset) -> None:
    """Neither nothing nor two ways at once; a split that is not there is named."""
    with pytest.raises(WrongUse, match="by one of these"):
        command(digits.location)
    with pytest.raises(WrongUse, match="no split 'tset'"):
        command(digits.location, between=("train", "tset"))


def test_neither_the_engine_nor_the_cut_changes_a_number(digits: Dataset) -> None:
    """Partitions of any size, in one thread or more."""
    first = gather(sides(digits)[0], 300, Execution())
    again = gather(sides(digits)[0], 300, Execution(Threads(2), task_rows=100))

    assert len(first) == 300
    assert (first.ids == again.ids).all()
    assert (first.levels == again.levels).all()
    for name, values in first.features.items():
        np.testing.assert_array_equal(values, again.features[name])


def test_few_samples_are_refused_by_name(digits: Dataset) -> None:
    """A class that is not there."""
    first = replace(sides(digits)[0], label=77, name="class 77")

    with pytest.raises(WrongUse, match="class 77 has 0 samples"):
        drift(first, sides(digits)[1], FAST)


def test_names_of_limits_are_known_before_the_work() -> None:
    """A measure, or one of a feature; each that is computed is known."""
    require_limit_name("thickness.wasserstein", 0.2, "x")
    require_limit_name("all_pixels.auc", 0.6, "x")

    for name, message in (
        ("aux", "no measure 'aux'"),
        ("slent.wasserstein", "Did you mean 'slant'"),
        ("ink.auc", "no"),
    ):
        with pytest.raises(WrongUse, match=message):
            require_limit_name(name, 0.2, "x")


def test_every_feature_that_is_compared_can_have_a_limit(digits: Dataset) -> None:
    """So that no row of the table is out of a CI's reach."""
    table = drift(*sides(digits), FAST)["drift"]

    for row in table.itertuples():
        require_limit_name(f"{row.feature}.{row.measure}", 1.0, "x")


def test_two_datasets_are_compared_split_by_split_or_whole(command_line: Cli, digits: Dataset, tmp_path: Path) -> None:
    """Of one with itself nothing differs; of one with half its ink, the ink does."""
    halved = tmp_path / "halved"
    images, labels = mnist_data.to_numpy(digits.location, "test")
    idx.write(tmp_path / "test-images", (images + 1) // 2)
    idx.write(tmp_path / "test-labels", labels.astype(np.uint8))
    convert(find_pairs(tmp_path), halved)
    options = ("--samples", 2000, "--resamples", 20, "--json")

    same = json.loads(command_line("drift", digits.location, digits.location, *options)[1])["drift"]
    apart = json.loads(command_line("drift", digits.location, halved, "--split", "test", *options)[1])["drift"]

    assert {row["value"] for row in same if row["measure"] == "wasserstein"} == {0}
    far = {row["feature"]: row["value"] for row in apart if row["measure"] == "wasserstein"}
    assert far["ink"] > 0.5
    assert max(far[name] for name in ("top", "left", "bottom", "right")) == 0


def test_values_below_the_background_count_as_the_lowest_level(tmp_path: Path) -> None:
    """Of standardized images; each sample's levels add up to its pixels, and none is another sample's."""
    images = np.random.default_rng(0).normal(0, 1, (30, 6, 5)).astype(np.float32)
    idx.write(tmp_path / "train-images", images)
    idx.write(tmp_path / "train-labels", np.zeros(30, np.uint8))
    source = convert(find_pairs(tmp_path), tmp_path / "data").dataset

    side = gather(Choice(source, ("train",), "train"), 30, Execution())

    below = (images.reshape(30, -1)[side.ids] <= 0).sum(axis=1)
    np.testing.assert_array_equal(side.levels.sum(axis=1), 30)
    assert (side.levels[:, 0] >= below).all()
    assert (side.levels >= 0).all()
