"""What former versions have written still opens: datasets, tables, models."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.frames import load, to_numpy
from mnist_data.parquet.tables import read_tables, table_provenance

FIXTURES = Path(__file__).parent / "fixtures"
VERSIONS = ("0.1.0",)
DATASETS = {"dataset": 260, "cleaned": 260, "augmented": 460, "normalized": 260, "splits": 260, "corrupted": 60}
TABLES = ("stats", "audit", "drift", "claims", "models", "models-lenet5", "compare", "explained")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_of_a_former_version_opens(version: str, name: str) -> None:
    """With its samples, its classes and the stages that it went through."""
    dataset = open_dataset(FIXTURES / version / name)

    assert len(dataset) == DATASETS[name]
    assert dataset.metadata.stages[0].stage == "convert"
    assert {stage.version for stage in dataset.metadata.stages} == {version}
    assert len(load(dataset.location)) == DATASETS[name]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_former_versions_pixels_are_what_they_were(version: str) -> None:
    """The first training sample's ink, and the mean that its statistics tell."""
    images, labels = to_numpy(FIXTURES / version / "dataset", split="train")

    assert images.shape == (200, 28, 28)
    assert labels.tolist().count(7) == 20
    mean = read_tables(FIXTURES / version / "stats")["summary"].set_index("split")["mean"]["train"]
    assert images.mean() / 255 == pytest.approx(mean)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", TABLES)
def test_the_tables_of_a_former_version_open(version: str, name: str) -> None:
    """Each with rows, and with what it was made from."""
    folder = FIXTURES / version / name
    tables = read_tables(folder)

    assert len(tables) == len(list(folder.glob("*.parquet"))) > 0
    for table in tables:
        assert table_provenance(f"{folder}/{table}.parquet")["version"] == version


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("model", ["models/tiny.safetensors", "models-lenet5/lenet5.safetensors", "tiny.onnx"])
def test_a_model_of_a_former_version_predicts(version: str, model: str) -> None:
    """The class of every sample of a former version's dataset."""
    pytest.importorskip("torch")
    if model.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
    from pipelines.networks.predict import predict

    predicted = predict(str(FIXTURES / version / model), str(FIXTURES / version / "dataset"))

    assert len(predicted) == 260
    assert predicted["probability"].between(0.1, 1).all()
