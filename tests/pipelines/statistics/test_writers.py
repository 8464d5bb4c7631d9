"""Tables by writer and series: small examples worked out by hand, and pandas' own numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.known.label_tables import shared_writers
from mnist_data.parquet.dataset import Dataset
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.networks.evaluation.scores import group_table
from pipelines.settings.analysis import Stats
from pipelines.settings.stages import Split
from pipelines.settings.training import Train
from pipelines.stages.convert import convert
from pipelines.stages.split import split
from pipelines.statistics.morphometrics import MEASURES
from pipelines.statistics.stats import stats
from pipelines.statistics.writers import TABLES


@pytest.fixture(scope="module")
def written(digits: Dataset, sample_idx: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give the embedded sample with planted writers: forty in train, of whom the test split has ten; series 0 and 4."""
    folder = tmp_path_factory.mktemp("written")
    for name, writers in (("train", 40), ("test", 10)):
        labels = mnist_data.load(digits.location, name)["label"].to_numpy()
        table = np.zeros((len(labels), 8), np.int32)
        table[:, 0], table[:, 2] = labels, np.arange(len(labels)) % writers
        table[:, 1] = 4 * (table[:, 2] % 2)
        idx.write(folder / f"digits-{name}-labels-idx2-int", table)
    return convert(find_pairs(sample_idx), folder / "out", label_tables=folder).dataset


def test_shared_writers_are_counted_both_ways() -> None:
    """Writer 2 is on both sides: two of three samples here, one of four there."""
    samples = pd.DataFrame({"split": ["a"] * 3 + ["b"] * 4, "writer_id": [1, 2, 2, 2, 3, 3, 4]})
    found = shared_writers(samples)

    assert found is not None
    assert found.to_dict("list") == {
        "split": ["a", "b"],
        "samples": [3, 4],
        "writers": [2, 3],
        "other": ["b", "a"],
        "shared_writers": [1, 1],
        "shared_samples": [pytest.approx(2 / 3), 0.25],
    }


def test_a_split_alone_shares_nothing() -> None:
    """It has a row, so that its writers are counted."""
    found = shared_writers(pd.DataFrame({"split": ["all"] * 3, "writer_id": [1, 1, 2]}))

    assert found is not None
    assert found[["writers", "other", "shared_writers"]].to_numpy().tolist() == [[2, None, 0]]


def test_nothing_is_known_without_the_column() -> None:
    """Not that nothing is shared."""
    assert shared_writers(pd.DataFrame({"split": ["train"], "id": [0]})) is None


def test_stats_measures_each_writer_and_series(written: Dataset, tmp_path: Path) -> None:
    """As pandas does from the per-sample table, which tells writer and series of each sample."""
    tables = stats(written, tmp_path / "tables", Stats(grid=1), execution=Execution(Threads(2)))
    samples = pd.read_parquet(tmp_path / "tables/samples.parquet")
    keys = ["split", "writer_id"]
    means = samples.groupby(keys)[list(MEASURES)].mean().astype(float)
    found = tables["writer_measures"].set_index(keys).sort_index()
    series = tables["series_measures"].query("measure == 'thickness' and hsf_series == 4").set_index("split")

    assert not {"writer_id", "hsf_series"} & {*tables["correlations"]["feature"], *tables["correlations"]["other"]}
    assert tables["writers"]["shared_writers"].tolist() == [10, 10]
    assert tables["writers"]["shared_samples"].tolist() == [pytest.approx(360 / 1437), 1]
    pd.testing.assert_frame_equal(means, found[list(MEASURES)])
    assert found["samples"].tolist() == samples.groupby(keys).size().tolist()
    expected = samples[samples["hsf_series"] == 4].groupby("split")["thickness"].median()
    assert series["median"].to_dict() == expected.to_dict()
    assert pd.read_csv(tmp_path / "tables/writers.csv")["other"].tolist() == ["test", "train"]


def test_tables_by_writer_do_not_outlive_their_dataset(written: Dataset, digits: Dataset, tmp_path: Path) -> None:
    """A second run in the same folder, on a dataset that tells no writers, leaves none of another's."""
    plain = Stats(grid=1, morphometrics=False)
    first = stats(written, tmp_path, plain)
    second = stats(digits, tmp_path, plain, overwrite=True)

    assert set(TABLES) & set(first) == {"writers", "writer_measures"}
    assert not set(TABLES) & set(second)
    assert not [name for name in TABLES if (tmp_path / f"{name}.parquet").exists()]


def test_each_group_is_scored_by_itself() -> None:
    """Three of four right in one series, none of one in the other."""
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]]
    table = group_table(probabilities, np.array([0, 1, 2, 1, 2]), {"hsf_series": np.array([0, 0, 0, 0, 4])})

    assert table[["group", "value", "samples", "correct", "accuracy"]].to_numpy().tolist() == [
        ["hsf_series", 0, 4, 3, 0.75],
        ["hsf_series", 4, 1, 0, 0.0],
    ]
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()


def test_training_scores_each_writer_and_series(written: Dataset, digits: Dataset, tmp_path: Path) -> None:
    """On the validation split that keeps writers apart; the groups add up to the whole, and nothing is left behind."""
    pytest.importorskip("torch")
    from pipelines.networks.train import train

    parted = split(written, tmp_path / "split", Split(fraction=0.2)).dataset
    tables = train(parted, tmp_path / "model", Train(model="mlp", epochs=1))
    groups, predictions = tables["groups"], tables["predictions"]
    test = tables["evaluation"].set_index("split").loc["test"]
    right = predictions.groupby("writer_id")["correct"].mean()

    assert tables["evaluation"].set_index("split").loc["validation", "samples"] == parted.splits["validation"]
    for name, count in (("hsf_series", 2), ("writer_id", 10)):
        rows = groups[groups["group"] == name]
        assert (len(rows), rows["samples"].sum(), rows["correct"].sum()) == (count, 360, test["correct"])
    assert groups[groups["group"] == "writer_id"].set_index("value")["accuracy"].to_dict() == right.to_dict()
    train(digits, tmp_path / "model", Train(model="mlp", epochs=1), overwrite=True)
    assert not (tmp_path / "model/groups.parquet").exists()
