"""Statistics: the published facts of MNIST, NumPy's own numbers, and the same tables however the work is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.ndimage
import scipy.stats

import mnist_data
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.engine.engine import Cluster, Threads
from pipelines.engine.execution import Execution
from pipelines.settings.analysis import Stats
from pipelines.stages.convert import convert
from pipelines.statistics.stats import stats


def test_mnist_has_its_published_statistics(mnist_tables: dict[str, pd.DataFrame]) -> None:
    """Counts of the splits and classes; mean and deviation of x / 255; 80.88 % zeros; 67 constant pixels."""
    tables = mnist_tables
    summary = tables["summary"].set_index("split")
    classes = tables["classes"].set_index("split")["samples"]
    pixels = tables["pixels"]
    train = pixels[(pixels["split"] == "train") & pixels["label"].isna()]

    assert summary["samples"].tolist() == [60_000, 10_000]
    assert classes["train"].tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert classes["test"].tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert pytest.approx(0.1306604762738429, abs=1e-15) == summary.loc["train", "mean"]
    assert pytest.approx(0.3081078038564627, abs=1e-12) == summary.loc["train", "std"]
    assert pytest.approx(0.13251460584233693, abs=1e-15) == summary.loc["test", "mean"]
    assert pytest.approx(0.3104802479305351, abs=1e-12) == summary.loc["test", "std"]
    assert pytest.approx(0.8088, abs=5e-5) == summary.loc["train", "zero_fraction"]
    assert int((train["minimum"] == train["maximum"]).sum()) == 67
    entropy = tables["samples"].query("split == 'train'")["entropy"]
    assert pytest.approx([1.603, 0.344, 2.766], abs=5e-4) == [entropy.mean(), entropy.min(), entropy.max()]
    closest = tables["separability"].query("split == 'train'").head(3)
    assert set(zip(closest["label"], closest["other"], strict=True)) == {(3, 5), (7, 9), (4, 9)}
    dimensions = tables["dimension"].query("label.isna()")["dimension"]
    assert dimensions.between(10, 14).all()


def test_mnist_samples_have_their_known_boxes_and_centres(mnist_tables: dict[str, pd.DataFrame]) -> None:
    """The larger side of the ink is 20 pixels in all but 13 training images; the centre of mass lies in the middle."""
    samples = mnist_tables["samples"]
    side = np.maximum(samples["bottom"] - samples["top"], samples["right"] - samples["left"]) + 1
    test = samples[samples["split"] == "test"]

    assert side[samples["split"] == "train"].astype(int).value_counts().to_dict() == {20: 59_987, 19: 13}
    assert test["centre_row"].between(13.5, 14.5).all()
    assert test["centre_column"].between(13.5, 14.5).all()
    assert np.arange(70_000).tolist() == samples["id"].tolist()


def test_every_table_agrees_with_numpy(digits: Dataset, tmp_path: Path) -> None:
    """Computed afresh here from the array, in the plainest way."""
    tables = stats(digits, tmp_path / "tables")
    images, labels = mnist_data.to_numpy(digits.location, "train")
    unit = images / 255
    pixels = tables["pixels"].query("split == 'train'")
    sevens = pixels[pixels["label"] == 7]
    chosen = unit[labels == 7].reshape(-1, 784)
    samples = pd.read_parquet(tmp_path / "tables/samples.parquet").query("split == 'train'")
    intensity = tables["intensity"].query("split == 'train'")
    of_sevens, intensity = intensity[intensity["label"] == 7], intensity[intensity["label"].isna()]

    np.testing.assert_allclose(chosen.mean(axis=0), sevens["mean"], atol=1e-12)
    np.testing.assert_allclose(chosen.std(axis=0), sevens["std"], atol=1e-9)
    np.testing.assert_array_equal(chosen.min(axis=0), sevens["minimum"])
    np.testing.assert_array_equal(chosen.max(axis=0), sevens["maximum"])
    np.testing.assert_allclose((chosen > 0).mean(axis=0), sevens["nonzero_fraction"])
    np.testing.assert_array_equal(np.bincount(images.reshape(-1), minlength=256), intensity["pixels"])
    np.testing.assert_array_equal(np.bincount(images[labels == 7].reshape(-1), minlength=256), of_sevens["pixels"])
    entropies = [scipy.stats.entropy(np.bincount(image.reshape(-1)), base=2) for image in images]
    np.testing.assert_allclose(entropies, samples["entropy"], atol=1e-12)
    np.testing.assert_allclose(unit.mean(axis=(1, 2)), samples["mean"])
    np.testing.assert_allclose(unit.std(axis=(1, 2)), samples["std"])
    centres = np.array([scipy.ndimage.center_of_mass(image) for image in images])
    np.testing.assert_allclose(centres, samples[["centre_row", "centre_column"]])
    assert len(tables["sample_grid"]) == 120


@pytest.mark.parametrize("rows", [pytest.param(100, marks=pytest.mark.slow), 999])
def test_the_tables_do_not_depend_on_engine_or_partitions(
    rows: int, digits: Dataset, tmp_path: Path, cluster: Cluster
) -> None:
    """Sums of integers merge exactly: not a bit may differ."""
    whole = stats(digits, tmp_path / "whole")
    for name, engine in (("threads", Threads(2)), ("processes", cluster)):
        tables = stats(digits, tmp_path / name, execution=Execution(engine, task_rows=rows))
        for table in ("summary", "classes", "pixels", "intensity", "sample_grid", "morphometrics"):
            pd.testing.assert_frame_equal(whole[table], tables[table], check_exact=True)
        for table in ("components", "component_pixels", "separability", "dimension", "correlations"):
            pd.testing.assert_frame_equal(whole[table], tables[table], rtol=1e-9, atol=1e-9)
        first, second = (pd.read_parquet(tmp_path / part / "samples.parquet") for part in ("whole", name))
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_tables_are_saved_as_parquet_and_csv_with_their_origin(digits: Dataset, tmp_path: Path) -> None:
    """What pandas reads back is what was given; the metadata names the dataset's content and the parameters."""
    import json

    import pyarrow.parquet as pq

    tables = stats(digits, tmp_path / "tables")
    made = json.loads(pq.read_schema(tmp_path / "tables/summary.parquet").metadata[b"mnist_data_table"])

    names = {"summary", "classes", "pixels", "intensity", "samples", "sample_grid", "morphometrics"}
    names |= {"components", "component_pixels", "separability", "dimension", "correlations", "findings"}
    assert names == {path.stem for path in (tmp_path / "tables").glob("*.parquet")}
    assert names == {path.stem for path in (tmp_path / "tables").glob("*.csv")}
    pd.testing.assert_frame_equal(tables["summary"], pd.read_csv(tmp_path / "tables/summary.csv"), check_dtype=False)
    assert [digits.content] == list(made["inputs"].values())
    assert made["parameters"] == {"bins": 256, "grid": 12, "morphometrics": True}


def test_text_that_looks_like_a_formula_stays_text_in_a_spreadsheet(tmp_path: Path) -> None:
    """A class named =1+1 must not be run by whoever opens the CSV."""
    from mnist_data.parquet.tables import write_table

    write_table(pd.DataFrame({"name": ["=1+1", "-2", "plain"], "x": [-1, 2, 3]}), str(tmp_path / "t"), {})

    assert pd.read_csv(tmp_path / "t.csv")["name"].tolist() == ["'=1+1", "'-2", "plain"]
    assert pd.read_parquet(tmp_path / "t.parquet")["name"].tolist() == ["=1+1", "-2", "plain"]
    assert pd.read_csv(tmp_path / "t.csv")["x"].tolist() == [-1, 2, 3]


@pytest.mark.parametrize("kind", ["int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 2, 3)])
def test_other_types_and_shapes_are_counted(kind: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    """Wide integers without overflow, floats, colour, one pixel; a class that only one split has."""
    values = np.random.default_rng(1).integers(0, 30_000, (9, *shape)).astype(kind)
    if kind.startswith("float"):
        values /= 30_000
    for split, rows, label in (("train", slice(0, 6), 0), ("test", slice(6, 9), 1)):
        idx.write(tmp_path / f"{split}-images", values[rows])
        idx.write(tmp_path / f"{split}-labels", np.full(rows.stop - rows.start, label, np.uint8))

    tables = stats(convert(find_pairs(tmp_path), tmp_path / "data").dataset, tmp_path / "tables", Stats(bins=10))
    unit = values / (1 if kind.startswith("float") else values.max())

    assert pytest.approx(unit[:6].mean()) == tables["summary"]["mean"][0]
    assert pytest.approx(unit[:6].std(), abs=1e-6) == tables["summary"]["std"][0]
    assert tables["classes"]["samples"].tolist() == [6, 3]
    assert values.size == tables["intensity"].query("label.isna()")["pixels"].sum()


def test_a_blank_sample_has_no_box_and_an_empty_split_no_mean(tmp_path: Path) -> None:
    """NaN, not a crash and not a zero."""
    for split, count in (("train", 2), ("test", 0)):
        images = np.zeros((count, 3, 3), np.uint8)
        images[:1, 1, 2] = 9
        idx.write(tmp_path / f"{split}-images-idx3", images)
        idx.write(tmp_path / f"{split}-labels-idx1", np.zeros(count, np.uint8))

    tables = stats(convert(find_pairs(tmp_path), tmp_path / "data").dataset, tmp_path / "tables")
    samples = pd.read_parquet(tmp_path / "tables/samples.parquet")

    assert samples.loc[0, ["centre_row", "centre_column"]].tolist() == [1.0, 2.0]
    assert samples.loc[1, ["top", "right", "centre_row"]].isna().all()
    assert np.isnan(tables["summary"]["mean"][1])
