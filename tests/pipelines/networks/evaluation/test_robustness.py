"""A model's accuracy under corruption: the same images as those of the stage, and no files but two tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.errors import WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import read_tables
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.networks.train import train
from pipelines.run.report import collect_tables
from pipelines.run.run import run
from pipelines.settings.run import Config
from pipelines.settings.stages import CORRUPTIONS, SEVERITIES, Corrupt, Normalize
from pipelines.settings.training import Train
from pipelines.stages.augment import augment
from pipelines.stages.convert import convert
from pipelines.stages.corrupt import corrupt
from pipelines.stages.normalize import normalize

pytest.importorskip("torch")
PARAMS = Train(model="mlp", epochs=12, corruptions=True)


@pytest.fixture(scope="module")
def trained(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pd.DataFrame]]:
    """Give the folder and the tables of a perceptron trained on the sample, scored under corruption."""
    folder = tmp_path_factory.mktemp("robust") / "mlp"
    return folder, train(digits, folder, PARAMS)


def test_there_is_a_row_for_each_corruption_and_severity(trained: tuple[Path, dict[str, pd.DataFrame]]) -> None:
    """And one for the samples as they are, which says what the evaluation says."""
    folder, tables = trained
    robustness = tables["robustness"]
    clean, test = robustness.iloc[0], tables["evaluation"].query("split == 'test'").iloc[0]
    pairs = [(name, severity) for name in CORRUPTIONS for severity in SEVERITIES]

    assert list(robustness[["corruption", "severity"]].itertuples(index=False, name=None))[1:] == pairs
    assert (clean["corruption"], clean["severity"]) == ("identity", 0)
    assert [clean[name] for name in ("samples", "correct", "accuracy", "low", "high")] == [
        test[name] for name in ("samples", "correct", "accuracy", "low", "high")
    ]
    assert (robustness["low"] <= robustness["accuracy"]).all()
    assert (robustness["accuracy"] <= robustness["high"]).all()
    assert {"robustness", "corrupted"} <= set(read_tables(folder))


def test_corruption_costs_accuracy_and_more_of_it_costs_more(trained: tuple[Path, dict[str, pd.DataFrame]]) -> None:
    """On average over the corruptions at each severity, and for each corruption at its strongest."""
    robustness = trained[1]["robustness"]
    means = robustness.groupby("severity")["accuracy"].mean().tolist()
    strongest = robustness[robustness["severity"] == 5]

    assert means == sorted(means, reverse=True)
    assert means[0] > 0.9
    assert (strongest["accuracy"] < means[0]).all()


def test_the_images_are_those_that_corrupt_writes(
    digits: Dataset, trained: tuple[Path, dict[str, pd.DataFrame]], tmp_path: Path
) -> None:
    """The sample's images in the table equal the rows of the dataset, byte for byte."""
    images = trained[1]["corrupted"]
    frame = mnist_data.load(corrupt(digits, tmp_path / "c").location)
    written = frame[frame["source_id"] == images["id"].iloc[0]]

    np.testing.assert_array_equal(mnist_data.images(written), mnist_data.images(images.iloc[1:]))
    assert images["corruption"].tolist()[1:] == written["corruption"].tolist()


def test_the_pictures_are_of_a_sample_that_is_right_as_it_is(trained: tuple[Path, dict[str, pd.DataFrame]]) -> None:
    """A sample that is never right would say nothing about corruption; this one is often misled."""
    images = trained[1]["corrupted"]

    assert images["predicted"].iloc[0] == images["label"].iloc[0]
    assert (images["predicted"] != images["label"]).sum() > 30
    assert len(images) == 76


def test_without_being_asked_nothing_is_scored_and_old_tables_go(
    digits: Dataset, trained: tuple[Path, dict[str, pd.DataFrame]], tmp_path: Path
) -> None:
    """A later training into the same folder must not keep another model's robustness."""
    trained[1]["robustness"].to_parquet(tmp_path / "robustness.parquet")
    (tmp_path / "robustness.csv").write_text("old")

    tables = train(digits, tmp_path, PARAMS.replace(epochs=1, corruptions=False), overwrite=True)

    assert not {"robustness", "corrupted"} & set(tables)
    assert not list(tmp_path.glob("robustness.*"))


@pytest.mark.slow
def test_only_originals_are_corrupted(digits: Dataset, tmp_path: Path) -> None:
    """Trained on copies, a model is tested on the same corrupted samples as one trained without."""
    more = augment(digits, tmp_path / "more")
    images = train(more, tmp_path / "m", PARAMS.replace(epochs=1))["corrupted"]
    frame = mnist_data.load(digits.location, "test").set_index("id")
    original = mnist_data.images(images.iloc[:1])[0]

    assert frame.loc[images["id"].iloc[0], "image"] == original.tobytes()


def test_where_full_ink_is_not_known_training_does_not_begin(tmp_path: Path) -> None:
    """Refused at once with what to do, and nothing is left behind."""
    values = np.arange(60 * 25, dtype=">i2").reshape(60, 5, 5)
    idx.write(tmp_path / "train-images-idx3-short", values)
    idx.write(tmp_path / "train-labels-idx1-ubyte", np.arange(60, dtype=np.uint8) % 3)
    source = convert(find_pairs(tmp_path), tmp_path / "out").dataset

    with pytest.raises(WrongUse, match="The white level"):
        train(source, tmp_path / "model", PARAMS)
    assert not (tmp_path / "model").exists()
    assert "robustness" in train(
        normalize(source, tmp_path / "unit", Normalize()), tmp_path / "model", PARAMS.replace(epochs=1)
    )


@pytest.mark.slow
def test_a_run_brings_the_robustness_of_all_models_to_the_dashboard(sample_idx: Path, tmp_path: Path) -> None:
    """One setting in the file; the page then has the section, with a line for each model."""
    config = Config(source=str(sample_idx), out=str(tmp_path / "w"), train=PARAMS.replace(epochs=1))
    outcome = run(config, execution=Execution(Threads(2)))

    assert outcome.dashboard is not None
    assert '<section id="robustness">' in outcome.dashboard.read_text(encoding="utf-8")
    twice: dict[str, Any] = collect_tables(
        tmp_path / "w/stats", outcome.dataset, models=[tmp_path / "w/train/mlp", tmp_path / "w/train/mlp"]
    )
    assert len(twice["robustness"]) == 2 * 76
    assert len(twice["corrupted"]) == 76


def test_the_suite_is_that_of_the_default_seed() -> None:
    """Whatever a model was seeded with, it is compared on the same images."""
    from pipelines.networks.evaluation.robustness import SEED

    assert Corrupt().seed == SEED
