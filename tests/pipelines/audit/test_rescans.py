"""Rescanned copies: found whatever was done to them, in one group each, and hardly anything else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.near_duplicates import KINDS, warped
from mnist_data.idx import format as idx
from mnist_data.idx import sample
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.audit.check_result import CheckResult
from pipelines.audit.duplicates import find_duplicates
from pipelines.audit.neighbours import find_nearest, find_nearest_in_cells
from pipelines.audit.rescans import join
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.settings.stages import Convert
from pipelines.stages.convert import convert

Pixels = npt.NDArray[np.uint8]
EACH = 12


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pixels, npt.NDArray[np.uint8]]:
    """Give the embedded sample's training images and labels."""
    folder = sample.write_sample(tmp_path_factory.mktemp("sample"))
    pair = next(pair for pair in find_pairs(folder) if pair.split == "train")
    return idx.read(pair.images), idx.read(pair.labels)


def near(folder: Path, images: Pixels, labels: npt.NDArray[np.uint8], rows: int = 10_000) -> CheckResult:
    """Look for near duplicates in a dataset of these samples, cut into row groups."""
    folder.mkdir()
    idx.write(folder / "train-images-idx3-ubyte", images)
    idx.write(folder / "train-labels-idx1-ubyte", labels)
    dataset: Dataset = convert(find_pairs(folder), folder / "set", Convert(row_group_rows=rows)).dataset
    checks = find_duplicates(dataset, execution=Execution(Threads(2)))
    return next(check for check in checks if check.check == "near_duplicate")


def groups_of(check: CheckResult) -> npt.NDArray[np.int64]:
    """Give the group of each sample, -1 for none."""
    return np.asarray(np.ma.filled(check.details["duplicate_group"], -1))


@pytest.fixture(scope="module")
def planted(
    digits: tuple[Pixels, npt.NDArray[np.uint8]],
) -> tuple[Pixels, npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Give the sample with copies of every kind behind it, their labels, and the position of each copy's original."""
    images, labels = digits
    lots = np.random.default_rng(3)
    originals = lots.choice(np.flatnonzero(labels != 1), len(KINDS) * EACH, replace=False)
    makers = np.repeat(np.array([*KINDS.values()], object), EACH)
    changed = [make(images[place].astype(np.float64), lots) for make, place in zip(makers, originals, strict=True)]
    copies = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return np.concatenate([images, copies]), np.concatenate([labels, labels[originals]]), originals


def test_copies_of_every_kind_are_in_the_group_of_their_original(
    planted: tuple[Pixels, npt.NDArray[np.uint8], npt.NDArray[np.int64]], tmp_path: Path
) -> None:
    """Whichever of the two is kept; and of the other samples hardly two are taken for one."""
    images, labels, originals = planted
    count = len(images) - len(originals)
    check = near(tmp_path / "all", images, labels)
    groups = groups_of(check)

    found = (groups[count:] >= 0) & (groups[count:] == groups[originals])
    of_kind = found.reshape(len(KINDS), EACH).mean(axis=1)
    untouched = np.setdiff1d(np.arange(count), originals)
    assert of_kind[:-1].min() >= 0.9
    assert of_kind[-1] >= 0.5  # all changes together
    assert int(check.flagged[untouched].sum()) <= 2


def test_how_the_samples_are_cut_changes_nothing(
    planted: tuple[Pixels, npt.NDArray[np.uint8], npt.NDArray[np.int64]], tmp_path: Path
) -> None:
    """Row groups of any size, and so tasks of any size."""
    images, labels, _ = planted
    whole, cut = (near(tmp_path / str(rows), images[-500:], labels[-500:], rows) for rows in (10_000, 70))

    np.testing.assert_array_equal(whole.flagged, cut.flagged)
    np.testing.assert_array_equal(groups_of(whole), groups_of(cut))
    np.testing.assert_array_equal(whole.score, cut.score)


def test_a_burst_is_one_group_with_one_kept(digits: tuple[Pixels, npt.NDArray[np.uint8]], tmp_path: Path) -> None:
    """However many shots of one sample there are, each held a little differently; it is one line, not 1,770 pairs."""
    images, labels = digits
    lots = np.random.default_rng(4)
    image = images[np.flatnonzero(labels == 5)[0]].astype(np.float64)
    shots = [warped(image, *lots.uniform((-3, 0.96, -1, -1), (3, 1.04, 1, 1))) for _ in range(60)]
    copies = np.clip(np.rint(shots), 0, 255).astype(np.uint8)
    check = near(tmp_path / "burst", np.concatenate([images, copies]), np.append(labels, np.full(60, 5, np.uint8)))

    groups = groups_of(check)[len(images) :]
    assert np.mean(groups == np.bincount(groups[groups >= 0]).argmax()) >= 0.95
    assert check.flagged[len(images) :].mean() >= 0.95


def test_it_is_said_how_a_copy_was_turned(digits: tuple[Pixels, npt.NDArray[np.uint8]], tmp_path: Path) -> None:
    """By how many degrees, either way."""
    images, labels = digits
    places = np.flatnonzero(np.isin(labels, [2, 3, 4, 5]))[:20]
    lots = np.random.default_rng(1)
    turned = [KINDS["3 degrees"](images[place].astype(np.float64), lots) for place in places]
    copies = np.clip(np.rint(turned), 0, 255).astype(np.uint8)
    check = near(tmp_path / "turned", np.concatenate([images, copies]), np.concatenate([labels, labels[places]]))

    degrees = np.ma.filled(check.details["near_duplicate_degrees"], np.nan)[check.flagged]
    assert len(degrees) >= 18
    np.testing.assert_allclose(np.abs(degrees), 3, atol=0.6)


@pytest.mark.parametrize("search", [find_nearest, find_nearest_in_cells])
def test_the_nearest_are_those_of_brute_force(search: Callable[..., npt.NDArray[np.int64]]) -> None:
    """In their order; of equally near ones those that come first; in cells, too, where all of them are near."""
    points = np.random.default_rng(2).integers(-40, 40, (2_500, 6)).astype(np.int16)
    wide = points.astype(np.int64)

    nearest = search(points, 5, Execution(Threads(2)))

    for place in range(0, len(points), 97):
        apart = np.square(wide - wide[place]).sum(axis=1)
        apart[place] = np.iinfo(np.int64).max
        assert nearest[place].tolist() == np.argsort(apart, kind="stable")[:5].tolist()


def test_cells_find_copies_among_many() -> None:
    """A copy that lies nearer than all others is found but for a few, and no point is its own neighbour."""
    lots = np.random.default_rng(6)
    originals = lots.normal(size=(20_000, 12)) @ lots.normal(size=(12, 60))
    points = np.concatenate([originals, originals + 0.2 * lots.normal(size=originals.shape)])
    points = np.rint(1_900 * points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.int16)
    order = lots.permutation(len(points))

    nearest = find_nearest_in_cells(points[order], 5, Execution(Threads(2)))

    assert (order[nearest[:, 0]] == (order + 20_000) % 40_000).mean() > 0.98
    assert (nearest != np.arange(len(points))[:, None]).all()


def test_pairs_join_samples_to_the_one_of_lowest_rank() -> None:
    """Directly or through others; a sample in no pair stays alone."""
    joined = join(6, np.array([0, 1, 4]), np.array([1, 2, 5]), np.array([5, 4, 3, 2, 1, 0]))

    assert joined.tolist() == [2, 2, 2, 3, 5, 5]
