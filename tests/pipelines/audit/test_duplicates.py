"""Duplicates: every planted copy is found, whatever the shift, type and partition, and nothing else is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import mnist_data
from mnist_data.batch import Images
from mnist_data.errors import WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx import sample
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, read_batches
from pipelines.audit import pairs
from pipelines.audit.check_result import CheckResult
from pipelines.audit.duplicate_checks import choose
from pipelines.audit.duplicates import LEAST_THRESHOLD, MOST_THRESHOLD, choose_threshold, find_duplicates
from pipelines.audit.groups import pairs_with_kept
from pipelines.audit.pairs import compare_pairs, find_close, rotate
from pipelines.audit.spectra import FINE_FREQUENCIES, magnitudes, unit_ink
from pipelines.engine.engine import Cluster, Threads
from pipelines.engine.execution import Execution
from pipelines.kernels.matches import match_pairs
from pipelines.settings.analysis import Audit
from pipelines.settings.stages import Convert
from pipelines.stages.convert import convert

Labels = npt.NDArray[np.uint8]


def dataset(folder: Path, splits: Mapping[str, tuple[Images, Any]], row_group_rows: int = 10_000) -> Dataset:
    """Write arrays as IDX files and convert them; ids count from 0 through all splits."""
    files = folder / "files"
    files.mkdir(parents=True)
    for split, (images, labels) in splits.items():
        idx.write(files / f"{split}-images", images)
        idx.write(files / f"{split}-labels", np.asarray(labels, np.uint8))
    return convert(find_pairs(files), folder / "set", Convert(row_group_rows=row_group_rows)).dataset


def shifted(image: Images, down: int, right: int) -> Images:
    """Shift an image and fill with 0."""
    padded = np.pad(image, [(2, 2), (2, 2), *[(0, 0)] * (image.ndim - 2)])
    height, width = image.shape[:2]
    return padded[2 - down : 2 - down + height, 2 - right : 2 - right + width].copy()


def found(results: list[CheckResult]) -> dict[str, dict[int, int]]:
    """Give for each check which sample, by position, is flagged for its likeness to which id."""
    named = {}
    for result in results:
        of = next(iter(result.details.values()))
        named[result.check] = {int(row): int(of[row]) for row in np.flatnonzero(result.flagged)}
    return named


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give 600 training and 200 test digits, some of the training ones replaced by copies."""
    images, labels = sample.digits()
    train, test, classes = images[:600].copy(), images[600:800], labels[:800].copy()
    noise = np.random.default_rng(0).integers(-4, 5, (28, 28))
    train[11] = train[10]
    train[21] = np.clip(shifted(train[20], 2, -1) + noise * (shifted(train[20], 2, -1) > 0), 0, 255)
    train[30] = test[5]
    train[40] = np.rint(shifted(test[6], -1, 1) * 0.9)
    train[50] = train[51]
    train[60] = train[61] = 0
    train[70] = train[71] = 99
    for copy, original in ((11, 10), (21, 20), (30, 605), (40, 606)):
        classes[copy] = classes[original]
    classes[50] = (classes[51] + 1) % 10
    folder = tmp_path_factory.mktemp("planted")
    return dataset(folder, {"train": (train, classes[:600]), "test": (test, classes[600:])}, 100)


def test_each_planted_copy_is_found_by_id_and_nothing_else(planted: Dataset) -> None:
    """Copies and shifted copies, also across splits; blank and constant samples are no copies of each other."""
    named = found(find_duplicates(planted))

    assert named["exact_duplicate"] == {11: 10, 30: 605, 51: 50}
    assert named["near_duplicate"] == {21: 20, 40: 606}
    assert named["label_conflict"] == {50: 51, 51: 50}
    assert named["leaked"] == {30: 605, 40: 606, 605: 30, 606: 40}


def test_the_details_say_how_the_copy_was_shifted(planted: Dataset) -> None:
    """The flagged sample lies two rows lower and a column to the left."""
    near = next(result for result in find_duplicates(planted) if result.check == "near_duplicate")

    assert near.details["near_duplicate_rows"][21] == 2
    assert near.details["near_duplicate_columns"][21] == -1
    assert 0 < near.details["near_duplicate_distance"][21] < near.threshold
    assert near.score[21] < 0.5
    assert (near.score[~near.flagged] == 1).all()


def test_the_result_does_not_depend_on_engine_or_partitions(
    planted: Dataset, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads, processes, other files, other blocks of the search and of the comparison: equal results."""
    rows = 230
    whole = find_duplicates(planted)
    images, labels = mnist_data.to_numpy(planted.location)
    monkeypatch.setattr(pairs, "BLOCK_ROWS", rows)
    monkeypatch.setattr(pairs, "BLOCK_BYTES", rows * 28 * 28)
    splits = {"train": (images[:600], labels[:600]), "test": (images[600:], labels[600:])}
    cut = dataset(tmp_path, splits, rows)

    for engine in (Threads(2), cluster):
        for one, other in zip(whole, find_duplicates(cut, execution=Execution(engine, task_rows=rows)), strict=True):
            np.testing.assert_array_equal(one.flagged, other.flagged)
            np.testing.assert_array_equal(one.score, other.score)
            for name, values in one.details.items():
                np.testing.assert_array_equal(np.ma.filled(values, -1), np.ma.filled(other.details[name], -1))


def brute_force(images: Images, reach: int = 2) -> npt.NDArray[np.float64]:
    """Measure all pairs under all shifts by plain NumPy: (n, n). The ground must be 0."""
    unit = images.astype(np.float64).reshape(len(images), -1)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    thumbnails = unit.reshape(images.shape)
    cosine = np.full((len(images), len(images)), -1.0)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            moved = np.stack([shifted(picture, down, right) for picture in thumbnails]).reshape(len(images), -1)
            cosine = np.maximum(cosine, unit @ moved.T)
    return np.asarray(np.sqrt(1 - np.clip(cosine, 0, 1) ** 2))


def test_the_search_finds_just_the_pairs_that_brute_force_finds(tmp_path: Path) -> None:
    """300 real digits, each pair and each shift: the same pairs at the same distances, below a wide bar."""
    images, labels = sample.digits()
    images, labels = images[:300].copy(), labels[:300]
    images[7], images[9] = shifted(images[8], 2, 2), shifted(images[8], -1, 0)
    source = dataset(tmp_path, {"train": (images, labels)})
    truth = brute_force(images)
    threshold = float(np.quantile(truth, 0.01))

    close = find_close(rotate(magnitudes(unit_ink(images), 2)), threshold, Execution())
    compared = compare_pairs(source.partitions(10_000), (28, 28), close, "compare", Execution())
    near = compared.where(compared.distance <= threshold)

    wanted = {(int(one), int(other)) for one, other in zip(*np.nonzero(np.triu(truth <= threshold, 1)), strict=True)}
    assert len(wanted) > 200
    assert {tuple(sorted(pair)) for pair in zip(near.first.tolist(), near.second.tolist(), strict=True)} == wanted
    np.testing.assert_allclose(near.distance, truth[near.first, near.second], atol=2e-4)


thumbnails = arrays(np.uint8, st.tuples(st.just(2), st.integers(1, 12), st.integers(1, 12)))


@given(thumbnails)
@settings(deadline=None)
def test_spectra_are_never_further_apart_than_the_pixels(images: Images) -> None:
    """The bound on which the search rests: so it misses no pair, whatever the pictures."""
    inks = unit_ink(images)
    reach = [min(2, side) for side in images.shape[1:]]
    squares, _ = match_pairs(inks[..., 0], 1, np.array([0]), np.array([1]), *reach)
    one, other = magnitudes(inks, 2)

    assert np.linalg.norm(one - other) <= np.sqrt(squares[0]) + 1e-4


DIGITS = sample.digits()[0]


@given(
    st.integers(0, len(DIGITS) - 1), st.integers(-2, 2), st.integers(-2, 2), st.floats(0.9, 1.1), st.integers(0, 2**32)
)
@settings(deadline=None)
def test_a_shifted_copy_is_always_near_and_another_digit_never(
    row: int, down: int, right: int, contrast: float, seed: int
) -> None:
    """Shifted within its margin, of other contrast and with grey values changed by up to 3."""
    random = np.random.default_rng(seed)
    original = np.zeros((32, 32), np.uint8)
    original[2:-2, 2:-2] = DIGITS[row]
    moved = shifted(original, down, right)
    copy = np.clip(np.rint(moved * contrast) + random.integers(-3, 4, moved.shape) * (moved > 0), 0, 255)
    other = np.zeros((32, 32))
    other[2:-2, 2:-2] = DIGITS[(row + 1) % len(DIGITS)]

    inks = unit_ink(np.stack([original, copy, other]))[..., 0]
    squares, shifts = match_pairs(inks, 1, np.array([0, 0]), np.array([1, 2]), 2, 2)

    assert squares[0] < MOST_THRESHOLD**2 < squares[1]
    assert shifts[0].tolist() == [down, right]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (9, 20), (16, 16, 3)])
def test_any_type_and_shape_is_searched(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    """An exact copy in the test split is found, unless there is but one pixel, which is a constant image."""
    random = np.random.default_rng(1)
    images = random.integers(0, 120, (12, *shape)).astype(dtype)
    images[3] = images[0] = 0
    source = dataset(tmp_path, {"train": (images, range(12)), "test": (images[4:6], [4, 5])})

    named = found(find_duplicates(source))

    assert named["exact_duplicate"] == ({} if shape == (1, 1) else {4: 12, 5: 13})
    assert named["leaked"] == ({} if shape == (1, 1) else {4: 12, 5: 13, 12: 4, 13: 5})


def test_samples_that_are_no_numbers_are_no_copies(tmp_path: Path) -> None:
    """Equal NaN or infinite pixels are not judged, and spoil nothing beside them."""
    images = np.random.default_rng(2).random((20, 8, 8)).astype(np.float32)
    images[1:3, 4, 4] = np.nan
    images[3:5] = np.inf
    images[6] = images[5]

    assert found(find_duplicates(dataset(tmp_path, {"train": (images, range(20))})))["exact_duplicate"] == {6: 5}


def test_plain_colours_are_no_near_copies_of_each_other(tmp_path: Path) -> None:
    """Where nothing stands out of the background there is nothing to compare, but equal pixels are equal."""
    images = np.zeros((4, 8, 8, 3), np.uint8)
    images[0, ..., 0] = images[1, ..., 1] = images[2, ..., 2] = images[3, ..., 2] = 200

    named = found(find_duplicates(dataset(tmp_path, {"train": (images, range(4))})))

    assert named["near_duplicate"] == {}
    assert named["exact_duplicate"] == {3: 2}


def test_colour_is_compared_in_colour(tmp_path: Path) -> None:
    """A digit in red is no copy of the same digit in green."""
    images = np.zeros((3, 28, 28, 3), np.uint8)
    images[0, ..., 0] = images[1, ..., 1] = DIGITS[0]
    images[2] = shifted(images[0], 1, 1)

    assert found(find_duplicates(dataset(tmp_path, {"train": (images, range(3))})))["near_duplicate"] == {2: 0}


def test_a_conflict_is_told_through_a_copy_that_agrees(tmp_path: Path) -> None:
    """Three copies, two of one label: all three are in conflict, and each names one of another label."""
    images = DIGITS[:6].copy()
    images[1], images[2] = images[0], shifted(images[0], 0, 1)

    named = found(find_duplicates(dataset(tmp_path, {"train": (images, [3, 3, 8, 0, 0, 0])})))

    assert named["label_conflict"] == {0: 2, 1: 2, 2: 0}


def test_a_chain_of_small_changes_is_not_flagged_to_its_end(tmp_path: Path) -> None:
    """A sample is flagged for its likeness to one that is kept, not to a flagged one."""
    start, end = DIGITS[0].astype(float), DIGITS[1].astype(float)
    steps = np.stack([start + (end - start) * fraction for fraction in np.linspace(0, 1, 41)])

    named = found(find_duplicates(dataset(tmp_path, {"train": (steps.astype(np.float32), np.zeros(41))}), 0.1))

    kept = set(range(41)) - named["near_duplicate"].keys()
    assert 5 < len(kept) < 20
    assert set(named["near_duplicate"].values()) <= kept


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, float("nan")])
def test_a_threshold_that_is_no_distance_is_refused(threshold: float) -> None:
    """With the range in the message, before any work."""
    with pytest.raises(WrongUse, match="above 0 and below 1"):
        Audit(thresholds={"near_duplicate": threshold})


def test_an_empty_split_is_no_obstacle(tmp_path: Path) -> None:
    """There is simply nothing in it."""
    source = dataset(tmp_path, {"train": (DIGITS[:3], range(3)), "test": (DIGITS[:0], [])})

    assert [int(result.flagged.sum()) for result in find_duplicates(source)] == [0, 0, 0, 0]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_nothing_but_blank_samples_is_no_obstacle(tmp_path: Path, count: int) -> None:
    """Nor is no sample at all, or a single one."""
    source = dataset(tmp_path, {"train": (np.zeros((count, 8, 8), np.uint8), np.zeros(count))})

    assert [len(result.flagged) for result in find_duplicates(source)] == [count] * 4
    assert not any(result.flagged.any() for result in find_duplicates(source))


def test_the_bar_stays_between_its_limits() -> None:
    """A third of what is usual, where that is not beyond what can be a copy."""
    usual = np.linspace(0, 1, 10) * np.ones((100, 1))

    assert choose_threshold(usual * 0.4) == pytest.approx(0.4 * 4 / 9 / 3)
    assert choose_threshold(usual * 0) == LEAST_THRESHOLD
    assert choose_threshold(usual * 2) == MOST_THRESHOLD
    assert choose_threshold(usual[:0]) == MOST_THRESHOLD


@pytest.mark.slow
def test_mnist_has_hardly_a_duplicate(mnist: Dataset) -> None:
    """QMNIST's authors found no equal pixels; fewer than 1 in 10,000 digits are alike enough to be a rescanned copy."""
    results = find_duplicates(mnist, execution=Execution(Threads(2)))
    exact, near, conflict, leaked = (result.flagged for result in results)

    assert [int(flagged.sum()) for flagged in (exact, conflict, leaked)] == [0, 0, 0]
    assert int(near.sum()) < 7


@pytest.mark.slow
def test_fashion_mnist_holds_its_visible_copies(fashion: Dataset) -> None:
    """Pairs seen by eye to be one picture are found; none of all has the same pixels."""
    named = found(find_duplicates(fashion, execution=Execution(Threads(2))))

    assert named["exact_duplicate"] == {}
    assert {29413: 753, 23412: 10205, 13360: 64998, 11932: 62605}.items() <= named["near_duplicate"].items()
    assert len(named["near_duplicate"]) < 250


def test_a_sample_is_flagged_by_its_closest_pair_whose_other_sample_is_kept() -> None:
    """Sample 2 is nearer to 0 than to 1; sample 4 is nearest to 3, which is flagged itself, so 0 it is."""
    keep, give = np.array([0, 1, 0, 3, 0]), np.array([2, 2, 3, 4, 4])
    distance = np.array([0.1, 0.2, 0.1, 0.05, 0.3])

    chosen = choose(keep, give, distance, np.arange(5))

    assert chosen.tolist() == [-1, -1, 0, 2, 4]


@pytest.mark.parametrize("threshold", [0.1, 0.15, 0.25])
def test_groups_flag_what_all_pairs_flag(digits: Dataset, tmp_path: Path, threshold: float) -> None:
    """Comparing with kept samples only finds the same pairs to flag samples by, also along chains of changes."""
    rng = np.random.default_rng(3)
    originals = next(read_batches(digits, "train")).images[:200]
    chosen = originals[rng.integers(0, 40, 300)]
    changed = np.clip(chosen + rng.integers(-20, 21, chosen.shape) * (chosen > 0), 0, 255).astype(np.uint8)
    images = rng.permutation(np.concatenate([originals, changed]))
    source = dataset(tmp_path, {"train": (images, np.zeros(len(images)))}, row_group_rows=170)
    inks = unit_ink(images)
    compare = partial(compare_pairs, Execution().partitions(source), (28, 28), execution=Execution())
    points, fine = rotate(magnitudes(inks, 2)), magnitudes(inks, 2, FINE_FREQUENCIES)
    rank = rng.permutation(len(images))

    close = find_close(points, threshold, Execution())
    assert close is not None
    every = compare(close, "all")
    every = every.where(every.distance <= threshold)
    groups = pairs_with_kept(np.arange(len(images)), points, fine, rank, threshold, compare)

    sides = np.stack([every.first, every.second])
    low_first = np.take_along_axis(sides, np.argsort(rank[sides], axis=0), axis=0)
    by_all = choose(low_first[0], low_first[1], every.distance, rank)
    by_kept = choose(groups.first, groups.second, groups.distance, rank)
    assert (by_all >= 0).sum() > 50
    np.testing.assert_array_equal(by_all >= 0, by_kept >= 0)
    np.testing.assert_array_equal(low_first[0][by_all[by_all >= 0]], groups.first[by_kept[by_kept >= 0]])
    assert (by_kept[np.unique(groups.first)] < 0).all()


@pytest.mark.parametrize("noise", [2, 16])
def test_shots_of_one_scene_are_one_group(tmp_path: Path, noise: int) -> None:
    """1,200 near copies have 719,400 pairs: they are one group of the first, or none where they differ too much."""
    rng = np.random.default_rng(4)
    scene = np.zeros((28, 28), np.int64)
    scene[6:22, 8:20] = rng.integers(60, 200, (16, 12))
    shots = (scene + rng.integers(-noise, noise + 1, (1_200, 28, 28)) * (scene > 0)).astype(np.uint8)
    source = dataset(tmp_path, {"train": (shots[:1_000], np.arange(1_000) % 2), "test": (shots[1_000:], np.zeros(200))})

    tracemalloc.start()
    flagged = found(find_duplicates(source, execution=Execution()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    if noise == 2:
        assert set(flagged["near_duplicate"].values()) == {1000}  # the test split is kept
        assert len(flagged["near_duplicate"]) == 1_199
        assert len(flagged["label_conflict"]) == 1_200
        assert len(flagged["leaked"]) == 1_200
    else:
        assert flagged["near_duplicate"] == {}
    assert peak < 150e6
