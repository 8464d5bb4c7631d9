"""The report of a training, from the stage that writes it: its tables agree with each other and with the models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch", reason="the extra `train` is not installed")

from mnist_data.cli import app
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.tables import read_table, read_tables
from pipelines.networks.compare import compare
from pipelines.networks.data.division import training_samples
from pipelines.networks.evaluation.calibration import fit_temperature
from pipelines.networks.evaluation.predictions import predict
from pipelines.networks.evaluation.runs import together
from pipelines.networks.train import train
from pipelines.networks.training.model_file import load_model
from pipelines.settings.training import Train

PARAMS = Train(model="mlp", epochs=2, seeds=2)

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def trained(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tables]:
    """Give the folder of two seeds, with corrections that make all mistakes right, and its tables as they were read."""
    folder = tmp_path_factory.mktemp("report") / "mlp"
    first = train(digits, folder, PARAMS)
    wrong = together(first["predictions"]).query("not correct")
    table = folder.parent / "corrections.csv"
    wrong[["id", "predicted"]].rename(columns={"predicted": "label"}).to_csv(table, index=False)
    train(digits, folder, PARAMS, corrections=table, resume=True)
    return folder, read_tables(folder)


def test_the_parts_add_up_to_the_whole(trained: tuple[Path, Tables]) -> None:
    """Classes and tenths by thickness to what all seeds together have right on the test split."""
    _, tables = trained
    whole = tables["evaluation"].query("split == 'test' and seed.isna()").iloc[0]

    for name in ("class_scores", "thickness_scores"):
        assert tables[name][["samples", "correct"]].sum().tolist() == [whole["samples"], whole["correct"]]
        assert set(tables[name]["split"]) == {"test"}
    assert tables["calibration"]["accuracy"].tolist() == pytest.approx([whole["accuracy"]] * 2)
    assert tables["seeds"].set_index("split").loc["test", "ensemble"] == whole["accuracy"]


def test_the_temperature_is_that_of_the_validation_samples(digits: Dataset, trained: tuple[Path, Tables]) -> None:
    """Found again from the models' files, by the mean of their probabilities."""
    folder, tables = trained
    _, validation = training_samples(digits, PARAMS)
    mean = np.mean(
        [predict(load_model(folder / f"mlp-seed{seed}.safetensors")[0], validation.images) for seed in (0, 1)], 0
    )

    assert tables["calibration"]["temperature"].tolist() == [1, pytest.approx(fit_temperature(mean, validation.labels))]


def test_corrected_labels_count_beside_the_given_ones(trained: tuple[Path, Tables]) -> None:
    """Here every mistake was a label's."""
    scores = trained[1]["label_scores"].set_index("labels")

    assert scores.loc["corrected", "accuracy"] == 1
    assert scores.loc["corrected", "changed"] == scores.loc["given", "samples"] - scores.loc["given", "correct"]


def test_the_cost_of_the_perceptron_is_its_two_matrices(trained: tuple[Path, Tables]) -> None:
    """784 × 128 + 128 × 10 multiplications, twice as many for two networks."""
    evaluation = trained[1]["evaluation"]

    assert evaluation["multiply_adds"].tolist() == [101_632, 101_632, 203_264] * 2
    assert (evaluation["images_per_second"] > 0).all()


def test_a_run_without_test_split_scales_nothing_and_an_older_report_goes(
    digits: Dataset, trained: tuple[Path, Tables], tmp_path: Path
) -> None:
    """It is evaluated on the validation samples, so no temperature is fitted to them."""
    shutil.copytree(digits.location, tmp_path / "dataset")
    shutil.rmtree(tmp_path / "dataset/split=test")
    shutil.copytree(trained[0], tmp_path / "mlp")

    train(open_dataset(tmp_path / "dataset"), tmp_path / "mlp", Train(model="mlp", epochs=1), overwrite=True)
    tables = read_tables(tmp_path / "mlp")

    assert tables["calibration"]["temperature"].tolist() == [1]
    assert set(tables["class_scores"]["split"]) == {"validation"}
    assert not {"seeds", "label_scores"} & set(tables)


def test_runs_with_and_without_corrections_can_be_compared(
    digits: Dataset, trained: tuple[Path, Tables], tmp_path: Path
) -> None:
    """Corrections are no part of the training data."""
    train(digits, tmp_path / "b", Train(model="mlp", epochs=1, seed=1))

    comparison = compare(trained[0], tmp_path / "b")["comparison"]

    assert len(comparison) == 1
    assert comparison["samples"].tolist() == [digits.splits["test"]]


def test_a_table_of_corrections_that_is_none_is_refused_before_the_training(digits: Dataset, tmp_path: Path) -> None:
    """Not after an hour of it."""
    with pytest.raises(WrongUse, match="there is no such file"):
        train(digits, tmp_path / "out", PARAMS, corrections=tmp_path / "none.csv")

    assert not (tmp_path / "out").exists()


def test_the_command_prints_the_report(digits: Dataset, tmp_path: Path) -> None:
    """As text for people, and all of it as JSON."""
    table, call = tmp_path / "mine.csv", ["train", digits.location]
    table.write_text("id,label\n1500,3\n")
    flags = ["--model", "mlp", "--epochs", "1", "--seeds", "2", "--corrections", str(table)]

    printed = CliRunner().invoke(app, [*call, str(tmp_path / "a"), *flags]).stdout
    found = json.loads(CliRunner().invoke(app, [*call, str(tmp_path / "b"), *flags, "--json"]).stdout)

    for words in ("Mean of 2 seeds", "Calibration", "Lowest accuracy", "101,632 multiply-adds", "corrected"):
        assert words in printed
    assert len(found["seeds"]) == 2
    assert found["label_scores"][1]["changed"] == 1
    assert read_table(f"{tmp_path}/a/seeds.parquet")["seeds"].tolist() == [2, 2]
