"""The compression stage on the embedded sample: files that are smaller, and a table that says what they are worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")

from mnist_data.errors import WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.networks.compress import compress
from pipelines.networks.export.onnx_file import without_training
from pipelines.networks.export.pruning import prune
from pipelines.networks.predict import predict
from pipelines.networks.train import train
from pipelines.networks.training.model_file import load_model, save_model
from pipelines.settings.stages import Normalize
from pipelines.settings.training import Compress, Train
from pipelines.stages.convert import convert
from pipelines.stages.normalize import normalize

QUICK = Compress(calibration=100, epochs=2)


@pytest.fixture(scope="module")
def model(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a perceptron trained on the sample for a few epochs."""
    folder = tmp_path_factory.mktemp("compress")
    train(digits, folder, Train(model="mlp", epochs=4))
    return folder / "mlp.safetensors"


@pytest.fixture(scope="module")
def table(model: Path, digits: Dataset) -> pd.DataFrame:
    """Give the table of its compression."""
    return compress(model, digits, model.parent / "out", QUICK).set_index("variant")


def test_every_variant_is_a_file_and_a_row_beside_the_original(model: Path, table: pd.DataFrame) -> None:
    """Six of them, the original first, with the bytes that the files have."""
    names = ["mlp.onnx", "mlp-int8.onnx", "mlp-pruned-50.safetensors", "mlp-pruned-50.onnx"]
    sizes = [(model.parent / "out" / name).stat().st_size for name in table.index[1:]]

    assert list(table.index) == ["mlp.safetensors", *names, "mlp-pruned-50-int8.onnx"]
    assert table["bytes"].tolist() == [model.stat().st_size, *sizes]
    assert table["parameters"].tolist() == [101_770] * 3 + [50_890] * 3
    assert table["multiply_adds"].tolist() == [784 * 128 + 128 * 10] * 3 + [784 * 64 + 64 * 10] * 3
    assert (table[["latency_1", "latency_256"]] > 0).all(axis=None)
    assert (table["split"] == "test").all()
    assert table["ratio"].tolist() == pytest.approx([size / model.stat().st_size for size in table["bytes"]])


def test_whole_numbers_are_a_third_of_the_bytes_and_as_right(table: pd.DataFrame) -> None:
    """And the same network as ONNX gives the very same answers."""
    int8 = table.loc["mlp-int8.onnx"]

    assert int8["ratio"] < 1 / 3
    assert abs(int8["difference"]) < 1
    assert int8["agreement"] > 0.99
    assert table.loc["mlp.onnx", "agreement"] == 1
    assert table.loc["mlp.safetensors", "accuracy"] > 0.85
    assert table.loc["mlp-pruned-50-int8.onnx", "accuracy"] > 0.85


def test_the_accuracies_are_those_of_predict(model: Path, table: pd.DataFrame, digits: Dataset) -> None:
    """Which reads every file that is written, pruned ones too."""
    for name in ("mlp-int8.onnx", "mlp-pruned-50.safetensors"):
        found = predict(model.parent / "out" / name, digits.location, ["test"])

        assert found["correct"].mean() == table.loc[name, "accuracy"]


def test_what_the_network_cannot_know_is_refused(model: Path, digits: Dataset, tmp_path: Path) -> None:
    """Images of another size, otherwise normalized, labels outside its classes; nothing is written then."""
    for name, shape, top in (("size", (40, 8, 8), 2), ("labels", (40, 28, 28), 12)):
        folder = tmp_path / name
        folder.mkdir()
        idx.write(folder / "train-images-idx3-ubyte", np.zeros(shape, np.uint8))
        idx.write(folder / "train-labels-idx1-ubyte", (np.arange(40) % top).astype(np.uint8))
    size, labels = (
        convert(find_pairs(tmp_path / name), tmp_path / f"{name}-data").dataset for name in ("size", "labels")
    )
    scaled = normalize(digits, tmp_path / "scaled", Normalize())

    with pytest.raises(WrongUse, match="The images are 8×8, and mlp was trained on 28×28"):
        compress(model, size, tmp_path / "out", QUICK)
    with pytest.raises(WrongUse, match="labels go from 0 to 11; with 10 classes"):
        compress(model, labels, tmp_path / "out", QUICK)
    with pytest.raises(WrongUse, match="normalized differently"):
        compress(model, scaled, tmp_path / "out", QUICK)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_small_network_of_mnist_in_whole_numbers(mnist: Dataset, tmp_path: Path) -> None:
    """At most a third of the bytes and within 0.05 points; half of the channels cost a point at most."""
    train(mnist, tmp_path / "model", Train(epochs=1))

    table = compress(tmp_path / "model/small.safetensors", mnist, tmp_path / "out", Compress(epochs=1))
    table = table.set_index("variant")

    assert table.loc["small.safetensors", "accuracy"] > 0.98
    assert table.loc["small-int8.onnx", "ratio"] <= 1 / 3
    assert abs(table.loc["small-int8.onnx", "difference"]) <= 0.05
    assert table.loc["small-pruned-50.safetensors", "difference"] > -1
    # By hand: 25·24·14² + 9·24·40·14² + 9·40²·14² + 9·40·64·7² + 9·64²·7² + 64·10
    assert table.loc["small.onnx", "multiply_adds"] == 7_569_376


def test_a_pruned_network_can_be_gone_on_from(digits: Dataset, tmp_path: Path) -> None:
    """Its widths are those of the network that comes of it."""
    train(digits, tmp_path / "first", Train(model="tiny", epochs=1))
    network, configuration = load_model(tmp_path / "first/tiny.safetensors")
    smaller, described = prune(network, without_training(configuration), 0.5)
    save_model(smaller, tmp_path / "pruned.safetensors", described)

    train(digits, tmp_path / "second", Train(model="tiny", epochs=1, start=str(tmp_path / "pruned.safetensors")))

    assert load_model(tmp_path / "second/tiny.safetensors")[1]["widths"] == described["widths"]
