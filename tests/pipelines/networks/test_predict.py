"""Predictions: the same by every way that images come in, and an error where the network was trained on others."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mnist_data.errors import MismatchedPair, NoDataset, UnreadableInput, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx import sample
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.networks.predict import predict, save_predictions
from pipelines.networks.train import train
from pipelines.settings.stages import Normalize
from pipelines.settings.training import Train
from pipelines.stages.normalize import normalize
from pipelines.stages.prepare import prepare
from tests.conftest import real_folder

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def standardized(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give the sample with the training split's mean 0 and deviation 1."""
    return normalize(digits, tmp_path_factory.mktemp("predict") / "scaled", Normalize(scale="standardize"))


@pytest.fixture(scope="module")
def model(standardized: Dataset) -> Path:
    """Give a network trained on standardized pixels for a few epochs."""
    folder = Path(standardized.location).parent / "model"
    train(standardized, folder, Train(epochs=8))
    return folder / "small.safetensors"


def test_predictions_are_those_of_the_training_stage(model: Path, standardized: Dataset) -> None:
    """On the test split, sample by sample."""
    expected = pd.read_parquet(model.parent / "predictions.parquet").set_index("id")

    found = predict(model, standardized.location, ["test"]).set_index("id").loc[expected.index]

    assert (found["predicted"] == expected["predicted"]).all()
    np.testing.assert_allclose(expected["probability"], found["probability"], atol=1e-5)
    assert found["correct"].mean() > 0.9


def test_a_folder_of_networks_predicts_by_their_mean(digits: Dataset, tmp_path: Path) -> None:
    """As the training's own tables have the ensemble; a folder without any is named."""
    tables = train(digits, tmp_path / "series", Train(model="mlp", epochs=1, seeds=2))
    ensemble = tables["evaluation"].set_index("split").loc["test"].iloc[-1]

    found = predict(tmp_path / "series", digits.location, ["test"])

    assert found["correct"].sum() == ensemble["correct"]
    with pytest.raises(NoDataset, match="no .safetensors file lies in it"):
        predict(tmp_path, digits.location)


def test_raw_images_are_normalized_as_the_training_data_was(
    model: Path, standardized: Dataset, digits: Dataset, sample_idx: Path
) -> None:
    """Dataset or IDX file, the same samples get the same answers; only a dataset knows labels."""
    ready = predict(model, standardized.location, ["test"])
    raw = predict(model, digits.location, ["test"])
    file = predict(model, next(sample_idx.glob("*test-images*")))

    np.testing.assert_allclose(ready["probability"], raw["probability"], atol=1e-5)
    np.testing.assert_allclose(ready["probability"], file["probability"], atol=1e-5)
    assert set(raw["split"]) == {"test"}
    assert (file["label"] == -1).all()
    assert file["correct"].isna().all()


def test_pictures_give_what_their_prepared_dataset_gives(model: Path, tmp_path: Path) -> None:
    """Digits are found first; each row names its file."""
    images, labels = sample.digits()
    for number in range(12):
        Image.fromarray(255 - np.kron(images[number], np.ones((5, 5), np.uint8))).save(tmp_path / f"{number:02}.png")

    found = predict(model, tmp_path)
    prepared = predict(model, prepare(tmp_path, tmp_path.parent / f"{tmp_path.name}-out").dataset.location)

    assert found["file"].tolist() == [f"{number:02}.png" for number in range(12)]
    assert found["predicted"].tolist() == prepared["predicted"].tolist()
    assert (found["predicted"].to_numpy() == labels[:12]).mean() > 0.9


def test_pictures_with_a_table_of_labels_are_scored(model: Path, tmp_path: Path) -> None:
    """A table next to photos gives their labels, as in convert; one that lacks a photo is refused."""
    images, labels = sample.digits()
    for number in range(3):
        Image.fromarray(255 - np.kron(images[number], np.ones((5, 5), np.uint8))).save(tmp_path / f"{number}.png")
    rows = [f'{{"file_name": "{number}.png", "label": {label}}}' for number, label in enumerate(labels[:3])]
    (tmp_path / "metadata.jsonl").write_text("\n".join(rows))

    found = predict(model, tmp_path)

    assert found["label"].tolist() == labels[:3].tolist()
    assert found["correct"].tolist() == (found["predicted"] == found["label"]).tolist()
    (tmp_path / "metadata.jsonl").write_text("\n".join(rows[:2]))
    with pytest.raises(MismatchedPair, match=r"1 image without a row \(2\.png\)"):
        predict(model, tmp_path)


def test_what_the_network_has_not_learnt_from_is_refused(
    model: Path, digits: Dataset, standardized: Dataset, sample_idx: Path, tmp_path: Path
) -> None:
    """Another size, another normalization, another type of pixels, an image too large, no model."""
    idx.write(tmp_path / "small-idx3-ubyte", np.zeros((3, 8, 8), np.uint8))
    other = normalize(digits, tmp_path / "unit", Normalize())
    (tmp_path / "no.safetensors").write_bytes(b"no model at all")
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0), b"IDAT", b"IEND")
    parts = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))

    with pytest.raises(WrongUse, match="The images are 8×8, and small was trained on 28×28"):
        predict(model, tmp_path / "small-idx3-ubyte")
    with pytest.raises(WrongUse, match="The images are single numbers"):
        predict(model, next(sample_idx.glob("*test-labels*")))
    with pytest.raises(NoDataset, match="nowhere: there is no such file or folder"):
        predict(model, "nowhere")
    with pytest.raises(WrongUse, match="normalized differently"):
        predict(model, other.location)
    with pytest.raises(WrongUse, match="has no split 'tset'"):
        predict(model, standardized.location, ["tset"])
    with pytest.raises(UnreadableInput, match=r"bomb\.png: .*exceeds limit"):
        predict(model, tmp_path / "bomb.png")
    with pytest.raises(UnreadableInput, match=r"no.safetensors"):
        predict(tmp_path / "no.safetensors", digits.location)


def test_saved_predictions_are_read_by_pandas(model: Path, digits: Dataset, tmp_path: Path) -> None:
    """As Parquet and as CSV, the same rows."""
    table = predict(model, digits.location, ["test"])

    save_predictions(table, tmp_path, model, digits.location)

    assert pd.read_parquet(tmp_path / "predictions.parquet")["predicted"].tolist() == table["predicted"].tolist()
    assert pd.read_csv(tmp_path / "predictions.csv")["name"].astype(str).tolist() == table["name"].tolist()
    assert open_dataset(digits.location).splits["test"] == len(table)


@pytest.mark.slow
def test_a_network_of_the_sample_reads_the_digits_of_other_people(digits: Dataset, tmp_path: Path) -> None:
    """At least sixteen of the seventeen real pictures, whose labels stand in their names."""
    from pipelines.stages.augment import augment

    pictures = real_folder("own-digits")
    more = augment(digits, tmp_path / "more")
    train(more, tmp_path / "model")

    found = predict(tmp_path / "model/small.safetensors", pictures)
    labels = found["file"].str.extract(r"(\d)\.png$")[0].fillna("3")  # the one without a digit in its name is a 3

    assert len(found) == 17
    assert (labels == found["predicted"].astype(str)).sum() >= 16
