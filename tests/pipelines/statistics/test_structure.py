"""Components, distances of classes, dimension and correlations, beside other implementations and known truth."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mnist_data
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.kernels.nearest import nearest_squares
from pipelines.stages.convert import convert
from pipelines.statistics.components import Products, look, multiply, view_of
from pipelines.statistics.intrinsic_dimension import estimate_dimension, products_of
from pipelines.statistics.stats import stats


def test_components_are_those_of_scikit_learn(digits: Dataset, tmp_path: Path) -> None:
    """The same variances and shares, and the same directions up to their sign."""
    from sklearn.decomposition import PCA

    tables = stats(digits, tmp_path / "tables")
    images, _ = mnist_data.to_numpy(digits.location, "train")
    truth = PCA(20, svd_solver="full").fit(images.reshape(-1, 784) / 255)
    found = tables["components"].query("split == 'train'").head(20)
    axes = tables["component_pixels"].query("split == 'train'")["weight"].to_numpy().reshape(-1, 784)

    np.testing.assert_allclose(truth.explained_variance_, found["variance"], rtol=1e-9)
    np.testing.assert_allclose(truth.explained_variance_ratio_, found["fraction"], rtol=1e-9)
    np.testing.assert_allclose(np.abs(np.sum(truth.components_[: len(axes)] * axes, axis=1)), 1, atol=1e-9)


def test_correlations_are_those_of_numpy(digits: Dataset, tmp_path: Path) -> None:
    """Of every pair of features."""
    table = stats(digits, tmp_path / "tables")["correlations"].query("split == 'train'")
    samples = pd.read_parquet(tmp_path / "tables/samples.parquet").query("split == 'train'")

    known = table.dropna()
    truth = [
        np.corrcoef(samples[one].astype(float), samples[other].astype(float))[0, 1]
        for one, other in zip(known["feature"], known["other"], strict=True)
    ]

    assert len(known) > 100
    np.testing.assert_allclose(truth, known["pearson"], atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 600), max_size=4), kind=st.sampled_from(["u1", "u2", "f4"])
)
def test_sums_of_products_do_not_depend_on_the_cut(seed: int, cuts: list[int], kind: str) -> None:
    """In whatever pieces and order; those of whole numbers to the last bit."""
    rng = np.random.default_rng(seed)
    flat = rng.integers(0, 256, (600, 5)).astype(kind) / (np.float32(255) if kind == "f4" else np.uint8(1))
    flat = flat.astype(kind)
    pieces = [multiply(piece) for piece in np.split(flat, sorted(cuts))]
    wide = flat.astype(np.float64)
    for order in (pieces, pieces[::-1]):
        joined = reduce(Products.merge, order)

        assert joined.count == 600
        np.testing.assert_allclose(joined.products, wide.T @ wide, rtol=1e-9 if kind == "f4" else 0)


@pytest.mark.parametrize("value", [0, 255])
def test_darkest_and_brightest_images_are_multiplied_without_rounding(value: int) -> None:
    """float32 would lose the last bit of a longer sum."""
    flat = np.full((10_001, 3), value, np.uint8)

    assert (multiply(flat).products == 10_001 * value**2).all()


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_neighbours_are_those_of_scikit_learn(kind: type[np.generic]) -> None:
    """Of all points and of some; those of bytes to the last bit, also the darkest and the brightest."""
    from sklearn.neighbors import NearestNeighbors

    points = np.random.default_rng(0).choice([0, 0, 7, 255], (300, 1024)).astype(kind)
    products, wide = products_of(points), points.astype(np.float64)
    for rows in (np.arange(300), np.arange(0, 300, 3)):
        found = nearest_squares(products, products.diagonal().astype(np.float64), rows, 5)
        truth = NearestNeighbors(n_neighbors=6, algorithm="brute").fit(wide[rows]).kneighbors(wide[rows])[0][:, 1:] ** 2

        np.testing.assert_allclose(truth, found, rtol=1e-12)
        assert kind is np.float32 or (found == np.round(truth)).all()


def test_large_images_are_looked_at_by_blocks() -> None:
    """As scikit-image's block means, channels averaged."""
    block_reduce = pytest.importorskip("skimage.measure").block_reduce
    images = np.random.default_rng(0).integers(0, 256, (2, 70, 50, 3)).astype(np.uint8)
    view = view_of(images.shape[1:])
    truth = block_reduce(images.mean(axis=3), (1, view.block, view.block), np.mean)

    assert view.shape == (24, 17, 1)
    np.testing.assert_allclose(truth.reshape(2, -1), look(images, view) / view.divisor)


def manifold(kind: str, dimension: int) -> npt.NDArray[Any]:
    rng = np.random.default_rng(0)
    if kind == "patch":
        return rng.random((3000, dimension)) @ rng.normal(size=(dimension, 40))
    from sklearn.datasets import make_swiss_roll

    return np.asarray(make_swiss_roll(3000, random_state=0)[0])


@pytest.mark.parametrize(("kind", "dimension"), [("patch", 1), ("patch", 3), ("patch", 5), ("roll", 2)])
def test_the_dimension_of_a_known_manifold_is_found(kind: str, dimension: int) -> None:
    """Within 15 %, as edges draw it down: a flat patch in 40 values, and a rolled-up sheet."""
    found, low, high = estimate_dimension(manifold(kind, dimension))

    assert pytest.approx(dimension, rel=0.15) == found
    assert low < found < high


MISSING = {
    "one pixel": {"correlations": ["pearson"]},
    "one class": {},
    "not numbers": {"separability": ["mean_distance"]},
    "no spread": {
        "components": ["fraction", "cumulative"],
        "dimension": ["dimension", "low", "high"],
        "correlations": ["pearson"],
    },
}
"""What nothing is known of where all samples of the training split are so: by table, the columns."""


@pytest.mark.parametrize("case", MISSING)
def test_poor_data_gives_tables_all_the_same(case: str, tmp_path: Path) -> None:
    """What is not known of them is a missing value, neither 0 nor an error; what is known is a number."""
    shape = (1, 1) if case == "one pixel" else (4, 3)
    images = np.random.default_rng(0).random((60, *shape)).astype(np.float32)
    if case == "not numbers":
        images[:5, 0, 0] = np.nan
    if case == "no spread":
        images[:] = 0.5
    labels = np.zeros(60, np.uint8) if case == "one class" else np.arange(60, dtype=np.uint8) % 2
    for split, rows in (("train", 60), ("test", 0)):
        idx.write(tmp_path / f"{split}-images-idx3", images[:rows])
        idx.write(tmp_path / f"{split}-labels-idx1", labels[:rows])

    tables = stats(convert(find_pairs(tmp_path), tmp_path / "data").dataset, tmp_path / "tables")

    empty = tables["dimension"].query("split == 'test'")
    assert len(tables["separability"]) == (0 if case == "one class" else 1)
    assert tables["dimension"]["split"].unique().tolist() == ["train", "test"]
    assert tables["components"]["variance"].notna().all()
    assert tables["pixels"]["minimum"].dtype == np.float32  # a split without samples changes no type
    assert case == "one class" or tables["separability"]["mean_distance"].dtype == np.float64
    assert (empty["samples"].tolist(), empty[["dimension", "low", "high"]].isna().all(axis=None)) == ([0], True)
    for name in ("separability", "components", "dimension", "correlations"):
        of_train = tables[name].query("split == 'train'")
        for column in set(of_train.columns) - {"label"}:
            missing = of_train[column].isna()
            if column in MISSING[case].get(name, []):
                assert missing.all(), (name, column)
            elif column != "pearson":  # some pairs of measures have none anywhere: holes do not vary in 4×3 pixels
                assert not missing.any(), (name, column)


def written(folder: Path, images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Dataset:
    """Write one training split as a dataset."""
    idx.write(folder / "train-images-idx3", images)
    idx.write(folder / "train-labels-idx1", labels.astype(np.uint8))
    return convert(find_pairs(folder), folder / "data").dataset


def test_the_dimension_of_a_class_is_that_of_its_samples_alone(tmp_path: Path) -> None:
    """One class lies on a line, the other fills six dimensions; the row without a label is of both."""
    rng = np.random.default_rng(1)
    line = rng.random((200, 1)) @ rng.random((1, 30))
    cloud = rng.random((200, 6)) @ rng.random((6, 30))
    labels = np.arange(400) % 2
    images = np.where(labels[:, None] == 0, line.repeat(2, 0), cloud.repeat(2, 0)).astype(np.float32)
    images[0::2], images[1::2] = line, cloud

    table = stats(written(tmp_path, images.reshape(400, 6, 5), labels), tmp_path / "tables")["dimension"]

    by_label = table.dropna(subset="label").set_index("label")
    assert by_label["samples"].tolist() == [200, 200]
    assert by_label.loc[0, "dimension"] == pytest.approx(1, rel=0.15)
    assert by_label.loc[1, "dimension"] == pytest.approx(estimate_dimension(cloud)[0], rel=0.02)
    assert table[table["label"].isna()]["samples"].tolist() == [400]


@pytest.mark.parametrize(("samples", "components"), [(2, 1), (5, 4), (40, 12)])
def test_there_are_as_many_components_as_the_samples_span(samples: int, components: int, tmp_path: Path) -> None:
    """One fewer than samples, and no more than pixels; together they hold all the variance."""
    images = np.random.default_rng(0).integers(0, 256, (samples, 4, 3), np.uint8)

    table = stats(written(tmp_path, images, np.zeros(samples)), tmp_path / "tables")["components"]

    values = np.linalg.eigvalsh(np.cov(images.reshape(samples, -1) / 255, rowvar=False))[::-1][:components]
    assert table["component"].tolist() == list(range(1, components + 1))
    assert table["cumulative"].iloc[-1] == pytest.approx(1)
    np.testing.assert_allclose(table["variance"], values, rtol=1e-6)
