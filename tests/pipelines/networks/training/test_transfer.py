"""Training from a saved network on other data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")

import torch

from mnist_data.errors import WrongUse
from mnist_data.idx.format import write
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import table_provenance
from pipelines.networks.train import train
from pipelines.networks.training.model_file import load_model
from pipelines.settings.stages import Normalize
from pipelines.settings.training import Train, train_settings
from pipelines.stages.convert import convert
from pipelines.stages.normalize import normalize

QUICK = {"epochs": 1, "batch_size": 32}


@pytest.fixture(scope="module")
def start(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a tiny network, trained on the digits for a short time."""
    folder = tmp_path_factory.mktemp("start")
    train(digits, folder, Train(model="tiny", epochs=2))
    return str(folder / "tiny.safetensors")


def dataset(folder: Path, shape: tuple[int, ...], classes: int = 3) -> Dataset:
    """Make 60 images of noise, brighter with the class."""
    labels = (np.arange(60) % classes).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 60, (60, *shape), np.uint8)
    write(folder / "train-images-idx3-ubyte", noise + labels.reshape(-1, *[1] * len(shape)) * 60)
    write(folder / "train-labels-idx1-ubyte", labels)
    return convert(find_pairs(folder), folder / "dataset").dataset


def test_frozen_features_stay_to_the_last_bit(start: str, tmp_path: Path) -> None:
    """Weights and statistics of all but the last layer, with an average of the weights, too; free ones change."""
    source = dataset(tmp_path, (11, 9))
    settings = {**QUICK, "start": start, "ema_decay": 0.9}
    train(source, tmp_path / "frozen", train_settings({**settings, "freeze": "features"}))
    train(source, tmp_path / "free", train_settings(settings))
    before, frozen, free = (
        load_model(path)[0].state_dict()
        for path in (start, tmp_path / "frozen/tiny.safetensors", tmp_path / "free/tiny.safetensors")
    )
    last = list(before)[-2:]
    rest = [name for name in before if name not in last]

    assert all(torch.equal(before[name], frozen[name]) for name in rest)
    assert not any(torch.equal(before[name], free[name]) for name in rest)
    assert frozen[last[0]].shape[0] == 3


def test_a_start_decides_the_network_whatever_the_preset(start: str) -> None:
    """A preset's choice of a network gives way to the model's file, as a default does."""
    assert train_settings({"start": start}, "fast").model == "tiny"
    assert train_settings({}, "fast").model == "lenet5"


def test_a_model_goes_on_with_its_own_classes(digits: Dataset, start: str, tmp_path: Path) -> None:
    """The last layer is kept: a step of no size leaves the predictions as they were."""
    settings = train_settings({"epochs": 1, "start": start, "learning_rate": 1e-9, "freeze": "features"})
    train(digits, tmp_path, settings)
    before, after = load_model(start)[0], load_model(tmp_path / "tiny.safetensors")

    pairs = zip(before.parameters(), after[0].parameters(), strict=True)
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in pairs)
    assert after[1]["start"]["last_layer"] == "kept"
    assert table_provenance(str(tmp_path / "evaluation.parquet"))["inputs"]["start"] == after[1]["parameters"]["start"]


def test_another_start_is_another_training(digits: Dataset, start: str, tmp_path: Path) -> None:
    """What lies in the folder is not taken for a training from it."""
    train(digits, tmp_path, Train(model="tiny", epochs=1))

    with pytest.raises(WrongUse, match="is of another training: freeze is None there and 'none' here; start is None"):
        train(digits, tmp_path, train_settings({"epochs": 1, "start": start}), resume=True)


def test_what_does_not_fit_is_refused(digits: Dataset, start: str, tmp_path: Path) -> None:
    """Channels, range of pixels, another network's name, the run's own folder, freezing nothing."""
    params = train_settings({**QUICK, "start": start})
    (tmp_path / "colour").mkdir()
    colour = dataset(tmp_path / "colour", (8, 8, 3))
    standard = normalize(digits, tmp_path / "standard", Normalize(scale="standardize"))

    with pytest.raises(WrongUse, match="was trained on images of 1 channel, and these have 3"):
        train(colour, tmp_path / "m", params)
    with pytest.raises(WrongUse, match="trained on pixels from 0 to 1, and these are standardized"):
        train(standard, tmp_path / "m", params)
    with pytest.raises(WrongUse, match="is tiny, and train.model is 'small'; leave model out"):
        train(digits, tmp_path / "m", params.replace(model="small"))
    with pytest.raises(WrongUse, match="is in the output folder"):
        train(digits, Path(start).parent, params, overwrite=True)
    with pytest.raises(WrongUse, match="train.freeze is 'features', but no start is given"):
        Train(freeze="features")


def test_a_perceptron_is_bound_to_its_size(digits: Dataset, tmp_path: Path) -> None:
    """The message says which networks are not."""
    train(digits, tmp_path / "mlp", Train(model="mlp", epochs=1))
    source = dataset(tmp_path, (9, 9))

    with pytest.raises(WrongUse, match="28×28; these are 9×9. Start from tiny, small or large"):
        train(source, tmp_path / "m", train_settings({**QUICK, "start": str(tmp_path / "mlp/mlp.safetensors")}))
