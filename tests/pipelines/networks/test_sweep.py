"""Sweeps: the grid of a file, what comes of it, and going on after an interruption."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")

from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.engine.execution import Progress
from pipelines.networks.sweep import read_grid, sweep
from pipelines.networks.train import train
from pipelines.settings.training import Train

GRID = 'model = "mlp"\nepochs = 1\nlearning_rate = [0.0001, 0.01]\nweight_decay = [0.0, 0.1]\nseeds = 2\n'


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """Give a file of four points."""
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


def test_a_sweep_is_the_trainings_of_its_points(digits: Dataset, grid: Path, tmp_path: Path) -> None:
    """Each run has the score of the same training alone; points are sorted, and effects are means over them."""
    tables = sweep(digits, tmp_path / "sweep", read_grid(grid))
    alone = train(digits, tmp_path / "one", Train(model="mlp", epochs=1, learning_rate=0.01, weight_decay=0.1, seeds=2))
    runs, points, effects = tables["runs"], tables["sweep"], tables["effects"]
    of_one = runs[(runs["learning_rate"] == 0.01) & (runs["weight_decay"] == 0.1)]
    slow = effects[(effects["setting"] == "learning_rate") & (effects["value"] == "0.0001")].iloc[0]

    assert of_one["validation_accuracy"].tolist() == alone["history"]["validation_accuracy"].tolist()
    assert points["validation_accuracy"].is_monotonic_decreasing
    assert (points["low"] <= points["validation_accuracy"]).all()
    assert points["learning_rate"].tolist() == [0.01, 0.01, 0.0001, 0.0001]
    assert slow["validation_accuracy"] == pytest.approx(
        runs.loc[runs["learning_rate"] == 0.0001, "validation_accuracy"].mean()
    )
    assert slow["below_best"] > 0.1
    for _, rows in effects.groupby("setting"):
        assert rows["validation_accuracy"].is_monotonic_decreasing
        assert rows["below_best"].iloc[0] == 0
    assert pd.read_parquet(tmp_path / "sweep/sweep.parquet")["point"].tolist() == points["point"].tolist()


def test_a_sweep_does_not_need_the_test_split(digits: Dataset, grid: Path, tmp_path: Path) -> None:
    """With a test split that cannot be read all is as with a whole one."""
    shutil.copytree(digits.location, tmp_path / "dataset")
    for path in (tmp_path / "dataset/split=test").glob("*.parquet"):
        content = bytearray(path.read_bytes())
        content[len(content) // 4 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 4)  # of images
        path.write_bytes(content)
    damaged = sweep(open_dataset(tmp_path / "dataset"), tmp_path / "a", read_grid(grid, {"seeds": 1}))
    whole = sweep(digits, tmp_path / "b", read_grid(grid, {"seeds": 1}))

    assert damaged["sweep"].drop(columns="seconds").equals(whole["sweep"].drop(columns="seconds"))


def test_an_interrupted_sweep_goes_on_where_it_was(digits: Dataset, grid: Path, tmp_path: Path) -> None:
    """What stands in the table of runs is not trained again, and a grid may grow."""
    points = read_grid(grid)

    def interrupt(event: Progress) -> None:
        if event.rows >= event.total_rows // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(digits, tmp_path / "sweep", points, report=interrupt)
    before = pd.read_parquet(tmp_path / "sweep/runs.parquet")
    after = sweep(digits, tmp_path / "sweep", points, resume=True)["runs"]

    assert 0 < len(before) < len(after) == 8
    assert after["seconds"].tolist()[: len(before)] == before["seconds"].tolist()


def test_a_training_that_breaks_down_does_not_end_the_sweep(digits: Dataset, grid: Path, tmp_path: Path) -> None:
    """Its point has no score, and stands last."""
    over = {"learning_rate": [10.0, 0.01], "weight_decay": 1.0, "seeds": 1, "optimizer": "sgd", "epochs": 6}
    tables = sweep(digits, tmp_path / "sweep", read_grid(grid, over))

    assert tables["sweep"]["learning_rate"].tolist() == [0.01, 10.0]
    assert tables["sweep"]["validation_accuracy"].isna().tolist() == [False, True]
    assert tables["effects"]["points"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rat = 1", "grid.toml: there is no setting 'learning_rat'. Did you mean 'learning_rate'"),
        ("epochs = []", "grid.toml: epochs is an empty list"),
        ('model = ["tiny", "huge"]', "grid.toml: train.model is 'huge'; it can be mlp, lenet5"),
        ("epochs = [1, 2, 1]", "grid.toml: epochs names 1 twice"),
        ("seed = [1, 2]", "grid.toml: seed is .*must be one value"),
        ("corruptions = true", "grid.toml: there is no setting 'corruptions'"),
        (f"epochs = {list(range(1, 31))}\nbatch_size = {list(range(2, 32))}", "30 × 30 are 900 points; .* 500 at most"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With the file, the key, and what it can be."""
    (tmp_path / "grid.toml").write_text(text)

    with pytest.raises(WrongUse, match=message):
        read_grid(tmp_path / "grid.toml")
