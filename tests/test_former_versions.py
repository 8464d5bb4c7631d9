"""What former versions have written still opens: datasets, tables, models."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.frames import load, to_numpy
from mnist_data.parquet.tables import read_tables, table_provenance
from pipelines.settings.model_header import read_configuration

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
    files = sorted(folder.glob("*.parquet"))

    assert len(read_tables(folder)) == len(files) > 0
    assert {table_provenance(str(file))["version"] for file in files} == {version}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_has_another_name_today_is_read_under_it(version: str) -> None:
    """Tables, columns, and parameters that a dataset or a model records."""
    folder = FIXTURES / version
    statistics = read_tables(folder / "stats")

    assert "sample_grid" in statistics
    assert {"std", "zero_fraction"} <= set(statistics["summary"])
    assert "threshold" in read_tables(folder / "audit")["checks"]
    assert {"null_95", "reference"} <= set(read_tables(folder / "drift")["drift"])
    parameters = {stage.stage: stage.parameters for stage in open_dataset(folder / "splits").metadata.stages}
    assert parameters["split"]["fraction"] == 0.1
    assert "fitted" in open_dataset(folder / "normalized").metadata.stages[-1].parameters
    assert read_configuration(folder / "models/tiny.safetensors")["parameters"]["validation_fraction"] == 0.1


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
