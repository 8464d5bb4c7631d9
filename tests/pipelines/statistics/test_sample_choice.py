"""Which samples a page shows: the same ones however the dataset is ordered or cut, and those that stand out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_data.batch import Batch
from mnist_data.parquet.dataset import Dataset, read_batches
from mnist_data.parquet.writer import Draft, PartWriter
from pipelines.run.sample_sheet import BORDER, TYPICAL, WRONG, sample_tables
from pipelines.statistics.sample_choice import DRAWN, choose_samples, drawn_rows, ranked
from pipelines.statistics.sample_space import SampleSpace, class_distances, nearest_neighbours, umap_places

IDS = st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=60, unique=True)


@given(IDS, st.integers(0, 2**32 - 1), st.integers(1, 80), st.data())
@settings(max_examples=60, deadline=None)
def test_a_choice_is_the_same_in_any_order(ids: list[int], seed: int, most: int, data: st.DataObject) -> None:
    """The same ids in the same order for the same reasons, at most as many as asked for, and none twice."""
    rng = np.random.default_rng(seed)
    samples, strata = np.array(ids), rng.integers(0, 4, len(ids))
    scores = rng.integers(0, 5, len(ids)).astype(float)
    order = np.array(data.draw(st.permutations(range(len(ids)))))

    def choice(rows: np.ndarray) -> list[tuple[int, str]]:
        own, group = samples[rows], strata[rows]
        rankings = {"low": ranked(scores[rows], group, own), "high": ranked(-scores[rows], group, own)}
        chosen = choose_samples(own, group, rankings, most)
        return list(zip(own[chosen.rows].tolist(), chosen.reasons, strict=True))

    first = choice(np.arange(len(ids)))

    assert first == choice(order)
    assert len({sample for sample, _ in first}) == len(first) == min(most, len(ids))
    assert sum(reason != DRAWN for _, reason in first) <= most / 2


@given(IDS, st.integers(1, 80), st.integers(1, 80))
@settings(max_examples=40, deadline=None)
def test_a_draw_grows_and_is_fair_to_groups(ids: list[int], fewer: int, more: int) -> None:
    """A larger draw begins with the smaller one; of no group are two more drawn than of one that has some left."""
    samples = np.array(ids)
    strata = samples % 3
    first, second = sorted((fewer, more))
    drawn = drawn_rows(samples, strata, second)
    counts = np.bincount(strata[drawn], minlength=3)
    left = np.bincount(strata, minlength=3) > counts

    assert drawn_rows(samples, strata, first).tolist() == drawn[:first].tolist()
    assert counts.max() <= counts[left].min(initial=counts.max()) + 1


def test_distances_tell_typical_samples_from_those_between_two_classes() -> None:
    """The mean of a round cloud is typical, the middle between two is on the border; without a class it is neither."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(0, 1, (200, 2)), rng.normal((10, 0), 1, (200, 2))])
    labels = np.repeat([3, 8], 200)
    extra = np.array([[0.0, 0.0], [5.0, 0.0], [10.0, 0.0]])
    distances = class_distances(np.concatenate([points, extra]), np.append(labels, [3, 3, -1]))

    assert distances.own[-3] < np.quantile(distances.own[:200], 0.02)
    assert distances.from_border[-2] < distances.from_border[:400].min() + 0.5
    assert distances.other[-3] == pytest.approx(10, rel=0.15)
    assert np.isnan(distances.own[-1])


def test_neighbours_are_scikit_learns() -> None:
    """By brute force, without the sample itself."""
    from sklearn.neighbors import NearestNeighbors

    points = np.random.default_rng(1).normal(size=(700, 6))
    expected = NearestNeighbors(n_neighbors=5).fit(points).kneighbors(return_distance=False)

    assert nearest_neighbours(points, 5).tolist() == expected.tolist()
    assert nearest_neighbours(points[:1], 5).shape == (1, 0)


def test_places_are_principal_components() -> None:
    """As scikit-learn finds them, up to the sign."""
    from sklearn.decomposition import PCA

    images = np.random.default_rng(2).integers(0, 256, (60, 6, 5), np.uint8)
    flat = images.reshape(60, -1) / images.max()
    expected = PCA(2).fit_transform(flat)

    np.testing.assert_allclose(np.abs(SampleSpace.of(images).points(images)[:, :2]), np.abs(expected), atol=1e-5)


@pytest.mark.slow
def test_a_map_by_umap_is_the_same_each_time_and_keeps_clouds_apart() -> None:
    """Three clouds in fifty dimensions: the nearest dots of each are of its own cloud, and all places are equal."""
    pytest.importorskip("umap", reason="the extra `map` is not installed")
    clouds = np.repeat(np.arange(3), 60)
    points = np.random.default_rng(3).normal(size=(180, 50)) + 8 * np.eye(3, 50)[clouds]
    places = umap_places(points)

    assert np.array_equal(places, umap_places(points))
    assert (clouds[nearest_neighbours(places, 5)] == clouds[:, None]).mean() > 0.99


def test_a_sheet_does_not_depend_on_the_files_of_a_dataset(digits: Dataset, tmp_path: Path) -> None:
    """Cut into other files and row groups, and each split turned around: the same table, with images and neighbours."""
    parts = {split: list(read_batches(digits, split, 100)) for split in digits.splits}
    turned = {split: [_reversed(batch) for batch in batches[::-1]] for split, batches in parts.items()}
    other = write_like(digits, tmp_path / digits.metadata.dataset, turned)
    predictions = invented(digits)

    first, second = (sample_tables(source, None, None, predictions, 300) for source in (digits, other))

    assert first["sample_sheet"].drop(columns="name").equals(second["sample_sheet"].drop(columns="name"))
    assert first["sample_counts"].equals(second["sample_counts"])
    reasons = set(first["sample_sheet"]["reason"])
    assert {DRAWN, TYPICAL, BORDER, WRONG} <= reasons
    near = first["sample_sheet"]["neighbours"]
    assert all(row not in rows and len(rows) == 8 for row, rows in enumerate(near))


def test_the_worst_of_each_check_and_of_a_model_are_in_it(digits: Dataset) -> None:
    """The most confident error, and the flagged sample of the lowest score."""
    predictions = invented(digits)
    table = sample_table_of(digits)
    audit = table.assign(is_blank=table["id"] % 100 == 7, blank_score=1 - table["id"] / 2000)
    sheet = sample_tables(digits, None, audit, predictions, 100)["sample_sheet"].set_index("id")
    worst = audit[audit["is_blank"]].nsmallest(5, "blank_score")["id"]
    errors = predictions[predictions["predicted"] != predictions["label"]].nlargest(5, "probability")["id"]

    assert set(sheet.loc[worst, "reason"]) <= {"blank", WRONG}
    assert set(sheet.loc[errors, "reason"]) == {WRONG}
    assert sheet.loc[errors, "predicted"].tolist() == predictions.set_index("id").loc[errors, "predicted"].tolist()


def test_a_duplicate_comes_with_its_original(digits: Dataset) -> None:
    """Whatever flags a pair, both samples are in the page, also where the one that is named stands out in nothing."""
    table = sample_table_of(digits)
    copies = table["id"].isin([40, 900, 1700])
    originals = table["id"].map({40: 1411, 900: 3, 1700: 7}).astype("Int64")
    audit = table.assign(is_leaked=copies, leaked_score=0.0, leaked_from=originals)
    sheet = sample_tables(digits, None, audit, None, 40)["sample_sheet"].set_index("id")

    assert {40, 900, 1700, 1411, 3, 7} <= set(sheet.index)
    assert sheet.loc[[40, 1411, 900, 3], "reason"].tolist() == ["leaked"] * 4


def sample_table_of(source: Dataset) -> pd.DataFrame:
    """Give id, split and label of each sample."""
    parts = [
        pd.DataFrame({"id": batch.ids, "split": split, "label": batch.labels})
        for split in source.splits
        for batch in read_batches(source, split)
    ]
    return pd.concat(parts, ignore_index=True)


def invented(source: Dataset) -> pd.DataFrame:
    """Give the predictions of a model that misses every ninth test sample, with all kinds of confidence."""
    table = sample_table_of(source).query("split == 'test'")
    predicted = np.where(table["id"] % 9 == 0, (table["label"] + 1) % 10, table["label"])
    sure = 0.5 + (table["id"] * 7919 % 1000).to_numpy() / 2100
    columns = {f"p_{label}": np.where(predicted == label, sure, (1 - sure) / 9) for label in range(10)}
    return table.assign(predicted=predicted, probability=sure, **columns)


def _reversed(batch: Batch) -> Batch:
    return batch.take(np.arange(len(batch))[::-1])


def write_like(source: Dataset, target: Path, parts: dict[str, list[Batch]]) -> Dataset:
    """Write batches as a dataset with the metadata of another."""
    with Draft(target, {}) as draft:
        written = [
            PartWriter(draft.location, split, index, source.metadata).write_all([batch])
            for split, batches in parts.items()
            for index, batch in enumerate(batches)
        ]
        return draft.commit(written, source.metadata)
