"""What the explorer finds near a dataset, and what it computes of samples."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from dashboards.explorer.explorer import Explorer
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.frames import to_numpy
from mnist_data.parquet.tables import provenance, write_table
from pipelines.run.explore import known_of, open_explorer

pytest.importorskip("duckdb")

FIXTURES = Path(__file__).parents[2] / "fixtures/0.1.0"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a workspace as a run leaves it: a dataset, copies of its samples, a network with its predictions."""
    folder = tmp_path_factory.mktemp("work")
    shutil.copytree(FIXTURES / "dataset", folder / "convert")
    shutil.copy(FIXTURES / "dataset.manifest.json", folder / "convert.manifest.json")
    (folder / "train/tiny").mkdir(parents=True)
    shutil.copy(FIXTURES / "models/tiny.safetensors", folder / "train/tiny")
    mnist_data.augment(folder / "convert", folder / "augment", copies=2, progress=False)
    return folder


@pytest.fixture(scope="module")
def dataset(workspace: Path) -> Dataset:
    """Give the dataset of the workspace."""
    return open_dataset(workspace / "convert")


@pytest.fixture(scope="module")
def explorer(workspace: Path, dataset: Dataset) -> Iterator[Explorer]:
    """Open the workspace with predictions of two seeds, of the copies' dataset, and a table of another dataset."""
    ids = np.arange(len(dataset))
    predicted = np.repeat([1, 2], len(ids))
    table = pd.DataFrame({"seed": np.repeat([3, 4], len(ids)), "id": np.tile(ids, 2), "predicted": predicted})
    augmented = open_dataset(workspace / "augment").content
    write_table(table, f"{workspace}/train/tiny/predictions", provenance("train", {"digits": augmented}, {}))
    write_table(table, f"{workspace}/train/tiny/old", provenance("train", {"digits": "0" * 64}, {}))
    known = known_of(str(workspace))
    assert list(known.left_out) == [f"{workspace}/train/tiny/old.parquet"]
    opened = open_explorer(known, str(workspace), "me")
    yield opened
    opened.close()


def test_a_workspace_gives_its_dataset_and_what_was_made_of_it(explorer: Explorer, dataset: Dataset) -> None:
    """Of several seeds the first; a class is written by its name."""
    assert explorer.dataset.content == dataset.content
    assert explorer.facts(4)["tiny"] == [("predicted", dataset.metadata.class_name(1))]
    assert explorer.samples.columns["predicted"].kind == "class"


def test_neighbours_are_those_of_all_pixels(explorer: Explorer, dataset: Dataset) -> None:
    """As NumPy finds them, over both splits, without the sample itself; and those of a copy are found first."""
    images = np.concatenate([to_numpy(dataset, split)[0] for split in dataset.splits]).astype(float)

    for row in (0, len(images) - 1):
        near = explorer.analyses.neighbours(row, 5)
        distances = np.sqrt(((images - images[row]) ** 2).sum(axis=(1, 2)))
        expected = [place for place in np.argsort(distances, kind="stable") if place != row][:5]
        assert near.rows.tolist() == expected
        np.testing.assert_allclose(near.distances, distances[expected], rtol=1e-5)
        assert near.compared == len(images) - 1


def test_the_map_keeps_what_varies_most(explorer: Explorer, dataset: Dataset) -> None:
    """The variances along its sides are the two largest of the pixels' covariance, and filters find its columns."""
    images = np.concatenate([to_numpy(dataset, split)[0] for split in dataset.splits]).reshape(len(dataset), -1) / 255

    explorer.add_map()
    explorer.add_map()  # once more changes nothing

    places = explorer.analyses.places()
    largest = np.linalg.eigvalsh(np.cov(images.T))[::-1][:2]
    np.testing.assert_allclose(places.var(axis=0, ddof=1), largest, rtol=0.02)
    column = explorer.samples.columns["map: x"]
    assert column.low == pytest.approx(places[:, 0].min(), rel=1e-5)


def test_copies_are_those_that_augment_has_made(explorer: Explorer, workspace: Path) -> None:
    """Found by the id that they carry; a sample of the test split has none."""
    frame = mnist_data.load(workspace / "augment", "train")
    sample = int(frame["source_id"].iloc[0])

    numbers, images = explorer.analyses.copies(sample)

    made = frame[(frame["source_id"] == sample) & (frame["copy"] > 0)]
    assert numbers == made["copy"].tolist() == [1, 2]
    np.testing.assert_array_equal(images, mnist_data.images(made))
    assert explorer.analyses.copies(len(explorer.dataset) - 1) == ([], None)


def test_networks_say_what_predict_says(explorer: Explorer, dataset: Dataset, workspace: Path, tmp_path: Path) -> None:
    """The same probabilities for the same sample, and a map of the image's size."""
    pytest.importorskip("torch")
    first = dataset.splits["train"]
    model = workspace / "train/tiny/tiny.safetensors"
    predicted = mnist_data.predict(model, dataset, tmp_path / "out", split="test").tables["predictions"]

    (answer,) = explorer.analyses.answers(first)

    named = predicted[[name for name in predicted if name.startswith("p_")]].iloc[0].to_numpy(float)
    np.testing.assert_allclose(answer.probabilities, named, atol=1e-5)
    assert answer.saliency.shape == dataset.metadata.shape
    assert answer.saliency.max() > 0
