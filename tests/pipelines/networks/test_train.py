"""The training stage: series of seeds, what they are validated with, and going on after an interruption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")

from mnist_data.errors import OutputExists, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.networks.data.division import training_samples
from pipelines.networks.train import train
from pipelines.settings.training import Train, train_settings
from pipelines.stages.convert import convert
from tests.pipelines.statistics.test_writers import written  # noqa: F401

QUICK = Train(model="mlp", epochs=1)


def test_a_series_gives_each_seed_and_their_ensemble(digits: Dataset, tmp_path: Path) -> None:
    """Each seed is the network that it is alone; the ensemble is the mean of their probabilities."""
    tables = train(digits, tmp_path / "series", Train(model="mlp", epochs=1, seed=4, seeds=3))
    alone = train(digits, tmp_path / "alone", Train(model="mlp", epochs=1, seed=4))
    predictions, evaluation = tables["predictions"], tables["evaluation"]

    columns = [name for name in predictions if name.startswith("p_")]
    mean = predictions.groupby("id")[columns].mean().to_numpy().argmax(axis=1)
    labels = predictions.groupby("id")["label"].first().to_numpy()
    test = evaluation[evaluation["split"] == "test"]
    assert sorted(path.name for path in (tmp_path / "series").glob("*.safetensors")) == [
        f"mlp-seed{seed}.safetensors" for seed in (4, 5, 6)
    ]
    assert test["seed"].astype(object).where(test["seed"].notna(), None).tolist() == [4, 5, 6, None]
    assert test["correct"].tolist()[-1] == (mean == labels).sum()
    assert test["correct"].tolist()[0] == alone["evaluation"].set_index("split").loc["test", "correct"]
    assert tables["confusion"]["samples"].sum() == len(labels)
    assert pd.read_parquet(tmp_path / "series/predictions.parquet")["seed"].unique().tolist() == [4, 5, 6]


def test_a_series_goes_on_at_the_seed_it_had_reached(digits: Dataset, tmp_path: Path) -> None:
    """Finished networks stay as they are, and a series may become longer."""
    train(digits, tmp_path, Train(model="mlp", epochs=1, seeds=2))
    before = (tmp_path / "mlp-seed0.safetensors").stat().st_mtime_ns
    (tmp_path / "mlp-seed1.safetensors").unlink()

    tables = train(digits, tmp_path, Train(model="mlp", epochs=1, seeds=3), resume=True)

    fresh = train(digits, tmp_path / "fresh", Train(model="mlp", epochs=1, seeds=3))
    assert (tmp_path / "mlp-seed0.safetensors").stat().st_mtime_ns == before
    assert tables["predictions"].equals(fresh["predictions"])
    assert not list(tmp_path.glob("*.checkpoint"))


def test_two_trainings_of_one_seed_are_the_same_file(digits: Dataset, tmp_path: Path) -> None:
    """To the last byte: what a training took lies next to it. A network without its times is resumed, too."""
    for name in ("a", "b"):
        train(digits, tmp_path / name, QUICK)
    model = (tmp_path / "a/mlp.safetensors").read_bytes()

    assert (tmp_path / "b/mlp.safetensors").read_bytes() == model
    kept = train(digits, tmp_path / "a", QUICK, resume=True)["history"]
    assert (kept["seconds"] > 0).all()
    (tmp_path / "a/mlp.seconds.json").unlink()
    assert train(digits, tmp_path / "a", QUICK, resume=True)["history"]["seconds"].isna().all()
    assert (tmp_path / "a/mlp.safetensors").read_bytes() == model


def test_networks_of_an_earlier_training_make_room(digits: Dataset, tmp_path: Path) -> None:
    """A folder holds the networks of one training; a file that no training wrote stays."""
    train(digits, tmp_path, Train(model="mlp", epochs=1, seeds=2))
    (tmp_path / "another.safetensors").write_bytes(b"not ours")

    with pytest.raises(OutputExists, match="exists already"):
        train(digits, tmp_path, QUICK)
    assert len(list(tmp_path.glob("mlp-seed*.safetensors"))) == 2
    train(digits, tmp_path, QUICK, overwrite=True)

    assert {path.name for path in tmp_path.glob("*.safetensors")} == {"mlp.safetensors", "another.safetensors"}


def test_a_network_of_other_settings_is_not_taken_for_ours(digits: Dataset, tmp_path: Path) -> None:
    """The message names what differs."""
    train(digits, tmp_path, QUICK)

    with pytest.raises(WrongUse, match=r"mlp\.safetensors is of another training: epochs is 1 there and 2 here"):
        train(digits, tmp_path, Train(model="mlp", epochs=2), resume=True)


def test_known_writers_are_kept_apart_in_validation(written: Dataset) -> None:  # noqa: F811
    """Without a validation split in the dataset, too: no writer is on both sides."""
    learn, hold = training_samples(written, Train(validation_fraction=0.2))

    assert not set(learn.groups["writer_id"]) & set(hold.groups["writer_id"])
    assert 0.1 < len(hold.ids) / (len(hold.ids) + len(learn.ids)) < 0.3


def test_the_test_split_does_not_touch_the_training(digits: Dataset, tmp_path: Path) -> None:
    """Without one the same network comes out, to the last bit."""
    import shutil

    shutil.copytree(digits.location, tmp_path / "dataset")
    shutil.rmtree(tmp_path / "dataset/split=test")
    (tmp_path / "dataset.manifest.json").unlink(missing_ok=True)
    train(digits, tmp_path / "with", QUICK)
    tables = train(open_dataset(tmp_path / "dataset"), tmp_path / "without", QUICK)

    names = [
        pd.read_parquet(tmp_path / name / "history.parquet").drop(columns="seconds") for name in ("with", "without")
    ]
    assert names[0].equals(names[1])
    assert tables["evaluation"]["split"].tolist() == ["validation"]


def test_a_preset_gives_way_to_what_is_said_beside_it() -> None:
    """And one that is not there is named with those that are."""
    assert train_settings({"epochs": 2}, "thorough").epochs == 2
    assert train_settings({}, "thorough").ema_decay > 0
    with pytest.raises(WrongUse, match="no preset 'thorow'. Did you mean 'thorough'"):
        train_settings({}, "thorow")


def test_samples_deformed_on_the_way_are_learnt_from(digits: Dataset, tmp_path: Path) -> None:
    """The history tells a loss of deformed samples, which is higher than that of the originals."""
    plain = train(digits, tmp_path / "plain", QUICK)["history"]
    deformed = train(digits, tmp_path / "deformed", train_settings({"model": "mlp", "epochs": 1, "recipe": "heavy"}))

    assert deformed["history"]["train_loss"].iloc[0] > plain["train_loss"].iloc[0]
    assert np.isfinite(deformed["history"]["validation_loss"]).all()


@pytest.mark.parametrize("label", [50_000_000, -1])
def test_labels_that_are_no_classes_are_refused_before_anything_is_built(label: int, tmp_path: Path) -> None:
    """A network with an output for each number up to 50,000,000 would ask for all memory."""
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    idx.write(tmp_path / "train-images-idx3-ubyte", images)
    idx.write(tmp_path / "train-labels-idx1-int", np.array([0, 1, 2, label] * 10, np.int32))
    source = convert(find_pairs(tmp_path), tmp_path / "set").dataset

    with pytest.raises(WrongUse, match="--relabel"):
        train(source, tmp_path / "models", Train(model="mlp", epochs=1))
