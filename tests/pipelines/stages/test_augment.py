"""Augmentation: a copy is a function of seed, sample and number; its parameters are recorded; it can be made again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage as ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

import mnist_data
from mnist_data.batch import Batch
from mnist_data.errors import WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.engine.engine import Cluster, Threads
from pipelines.engine.execution import Execution
from pipelines.images.levels import BYTES, Levels
from pipelines.images.thumbnails import before_after
from pipelines.kernels.warp import warp
from pipelines.settings.recipe import TRANSFORMS, Amount, Recipe, load_recipe, recipe_of
from pipelines.settings.stages import Augment, Convert, Corrupt, Normalize
from pipelines.stages.augment import augment, augment_batch, cut_out, matrices_of, remake_copy
from pipelines.stages.clean import clean
from pipelines.stages.convert import convert
from pipelines.stages.corrupt import corrupt
from pipelines.stages.normalize import normalize

COLUMNS = ("rotation", "scale", "scale_x", "shear", "shift_x", "shift_y", "elastic", "thickness")
HEAVY = load_recipe("heavy")


def batch_of(count: int, shape: tuple[int, ...] = (12, 10), kind: str = "uint8", first: int = 0) -> Batch:
    """Give read-only noise with ids from `first`."""
    images = np.random.default_rng(0).integers(0, 256, (first + count, *shape))[first:].astype(kind)
    images.flags.writeable = False
    ids = np.arange(first, first + count)
    return Batch(ids, ids % 10, images, {"writer": ids * 2})


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 29), max_size=4), seed=st.integers(0, 2**63 - 1))
def test_however_a_batch_is_cut_each_copy_is_the_same(cuts: list[int], seed: int) -> None:
    """Byte for byte, for any cut and any subset of rows in any order."""
    params = Augment(copies=2, seed=seed, recipe=HEAVY)
    batch = batch_of(30)
    whole = augment_batch(batch, params)
    ends = [0, *sorted(set(cuts)), 30]

    parts = [augment_batch(batch.take(slice(a, b)), params) for a, b in pairwise(ends)]
    shuffled = augment_batch(batch.take(np.random.default_rng(seed).permutation(30)[:7]), params)

    np.testing.assert_array_equal(whole.images, np.concatenate([part.images for part in parts]))
    np.testing.assert_array_equal(whole.ids, np.concatenate([part.ids for part in parts]))
    np.testing.assert_array_equal(whole.images[shuffled.ids], shuffled.images)


def test_a_copy_does_not_depend_on_how_many_there_are() -> None:
    """Copy 1 of three is copy 1 of one."""
    one, three = (augment_batch(batch_of(5), Augment(copies=copies)) for copies in (1, 3))

    for copy in (0, 1):
        np.testing.assert_array_equal(
            one.images[one.columns["copy"] == copy], three.images[three.columns["copy"] == copy]
        )


def test_another_seed_gives_other_copies_and_the_same_originals() -> None:
    """The original is copy 0, with parameters that change nothing."""
    batch = batch_of(20)
    one, other = (augment_batch(batch, Augment(seed=seed)) for seed in (0, 1))
    original = one.columns["copy"] == 0

    np.testing.assert_array_equal(batch.images, one.images[original])
    np.testing.assert_array_equal(batch.images, other.images[original])
    assert (one.images[~original] != other.images[~original]).any(axis=(1, 2)).all()
    assert [one.columns[name][original].max() for name in COLUMNS] == [0, 1, 1, 0, 0, 0, 0, 0]


LEVELS = {"uint8": BYTES, "int16": Levels(0, 255), "float16": Levels(0, 1), "float32": Levels(-0.42, 2.82)}


@pytest.mark.parametrize("kind", LEVELS)
@pytest.mark.parametrize("shape", [(28, 28), (1, 1), (5, 12), (8, 8, 3)])
def test_any_copy_is_made_again_from_its_row(shape: tuple[int, ...], kind: str) -> None:
    """From the source image and the recorded amounts, byte for byte, whatever the recipe does."""
    params = Augment(copies=3, seed=5, recipe=HEAVY)
    batch = batch_of(4, shape, kind)
    copies = augment_batch(batch, params, LEVELS[kind])

    for row in range(len(copies)):
        recorded = {name: values[row] for name, values in copies.columns.items()}
        source = batch.images[batch.ids == recorded["source_id"]][0]
        made = remake_copy(source, recorded, params, LEVELS[kind])
        np.testing.assert_array_equal(copies.images[row], made, strict=True)


def test_a_dataset_gives_back_any_of_its_copies(digits: Dataset, tmp_path: Path) -> None:
    """By the id alone, from files: the original lies beside its copies, and the metadata hold the rest."""
    scaled = normalize(digits, tmp_path / "scaled", Normalize(scale="standardize"))
    more = augment(scaled, tmp_path / "more", Augment(copies=2, seed=9, recipe=HEAVY))
    frame = mnist_data.load(more.location)
    stored = mnist_data.images(frame)

    for row in (0, 1, 700, 4310, 4400):
        made = mnist_data.remake(more.location, int(frame["id"][row]))
        np.testing.assert_array_equal(stored[row], made, strict=True)


def test_only_what_augment_has_made_can_be_made_again(digits: Dataset, tmp_path: Path) -> None:
    """Each refusal says what is missing."""
    more = augment(digits, tmp_path / "more")

    with pytest.raises(WrongUse, match="has no copies"):
        mnist_data.remake(digits.location, 3)
    with pytest.raises(WrongUse, match="no sample with the id 99999"):
        mnist_data.remake(more.location, 99_999)


def test_amounts_stay_within_their_ranges_and_fill_them() -> None:
    """Uniform from low to high; a shift is a fraction of its own side."""
    recipe = recipe_of({"rotation": [-10, 30], "shift": [-0.1, 0.1], "scale": [0.8, 1.2], "shear": [0.3, 0.3]}, "test")
    columns = augment_batch(batch_of(2000), Augment(recipe=recipe)).columns
    copy = columns["copy"] == 1
    limits = {
        "rotation": (-10, 30),
        "shear": (0.3, 0.3),
        "shift_x": (-1, 1),
        "shift_y": (-1.2, 1.2),
        "scale": (0.8, 1.2),
    }

    for name, (low, high) in limits.items():
        margin = 0.01 * (high - low)
        assert low - 1e-6 <= columns[name][copy].min() <= low + margin
        assert high - margin <= columns[name][copy].max() <= high + 1e-6
        assert columns[name][copy].mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low) + 1e-6)


def test_a_transform_happens_as_often_as_its_probability_says() -> None:
    """And is recorded as the amount that changes nothing where it does not."""
    recipe = recipe_of({"rotation": {"range": [20, 30], "probability": 0.25}}, "test")
    batch = batch_of(4000)
    copies = augment_batch(batch, Augment(recipe=recipe))
    turned = copies.columns["rotation"] != 0

    assert turned[copies.columns["copy"] == 1].mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_array_equal(copies.images[~turned], batch.images[copies.columns["source_id"][~turned]])


def test_what_a_transform_draws_does_not_depend_on_the_others() -> None:
    """Adding one to a recipe leaves the rest of it as it was."""
    alone, among = (
        augment_batch(batch_of(9), Augment(recipe=recipe)).columns
        for recipe in (recipe_of({"rotation": [-20, 20]}, "test"), HEAVY)
    )

    np.testing.assert_array_equal(alone["rotation"], among["rotation"])
    assert "elastic" not in alone


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "cutout"])
def test_each_transform_alone_changes_an_image_and_at_its_neutral_amount_does_not(name: str) -> None:
    """Byte for byte: the ends of its range change it, the neutral amount leaves it."""
    transform, batch = TRANSFORMS[name], batch_of(3)
    strong = transform.high if name in ("contrast", "thickness", "noise", "impulse") else transform.neutral + 0.2
    for amount, changed in ((max(strong, 0.3), True), (transform.neutral, False)):
        recipe = Recipe({name: Amount(amount, amount)}, elastic_sigma=1)
        copies = augment_batch(batch, Augment(recipe=recipe)).images[1::2]
        assert (copies != batch.images).any() == changed


def test_a_cutout_hides_its_share_where_it_says() -> None:
    """A quarter of the side, in pixels whose middles lie within."""
    images = np.full((1, 20, 40), 9, np.uint8)

    hidden = cut_out(images, *(np.array([value]) for value in (0.25, 0.5, 0.275)))[0] == 0

    assert hidden.sum() == 5 * 10
    assert hidden[3:8, 15:25].all()


def test_a_recipe_of_nothing_makes_copies_that_are_the_original() -> None:
    """With no columns but those that say so."""
    batch = batch_of(3)
    copies = augment_batch(batch, Augment(copies=2, recipe=Recipe()))

    np.testing.assert_array_equal(np.repeat(batch.images, 3, axis=0), copies.images)
    assert list(copies.columns) == ["writer", "source_id", "copy"]


def test_blank_images_stay_blank_where_nothing_is_drawn_on_them() -> None:
    """The geometry and the ink of nothing are nothing, on any ground."""
    blank = Batch(np.array([1]), np.array([0]), np.full((1, 6, 6), -0.42, np.float32))
    recipe = Recipe({name: amount for name, amount in HEAVY.amounts.items() if not TRANSFORMS[name].exposes})

    copies = augment_batch(blank, Augment(copies=9, recipe=recipe), Levels(-0.42, 2.82))

    np.testing.assert_allclose(copies.images, -0.42, atol=1e-6)


def test_exposure_of_pixels_without_a_known_range_is_refused_by_name(tmp_path: Path) -> None:
    """16-bit pixels may end anywhere; the geometry can be changed all the same."""
    idx.write(tmp_path / "train-images-idx3-short", np.arange(96, dtype=">i2").reshape(6, 4, 4))
    idx.write(tmp_path / "train-labels-idx1-ubyte", np.arange(6, dtype=np.uint8))
    source = convert(find_pairs(tmp_path), tmp_path / "out").dataset

    with pytest.raises(WrongUse, match="contrast, brightness, noise, impulse: these are fractions of the white level"):
        augment(source, tmp_path / "heavy", Augment(recipe=HEAVY))
    assert len(augment(source, tmp_path / "light", Augment(recipe=load_recipe("handwriting")))) == 12


def drawn(**amounts: float) -> dict[str, np.ndarray]:
    """Give one copy's amounts."""
    return {name: np.array([value], np.float32) for name, value in amounts.items()}


def test_directions_are_as_documented() -> None:
    """Shifts go right and down, a quarter turn counter-clockwise, a shear moves the top to the right."""
    image = np.zeros((1, 11, 11), np.uint8)
    image[0, 2, 5] = 255  # above the middle

    def place(**amounts: float) -> tuple[int, int]:
        warped = warp(image, matrices_of(drawn(**amounts), 1, 11, 11))[0]
        return tuple(int(axis) for axis in np.unravel_index(warped.argmax(), warped.shape))  # type: ignore[return-value]

    assert place(shift_x=2) == (2, 7)
    assert place(shift_y=1) == (3, 5)
    assert place(rotation=90) == (5, 2)
    assert place(shear=1) == (2, 8)
    assert place(scale=5 / 3) == (0, 5)
    assert place(scale_y=5 / 3) == (0, 5)
    assert place(scale_x=5 / 3) == (2, 5)


def test_rotation_and_scale_agree_with_scipy() -> None:
    """ndimage.rotate and zoom, on a smooth picture, away from the border."""
    picture = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(41, 41)), 4)
    picture = (255 * (picture - picture.min()) / np.ptp(picture)).astype(np.float32)

    turned = warp(picture[None], matrices_of(drawn(rotation=20), 1, 41, 41))[0]

    expected = ndimage.rotate(picture, 20, reshape=False, order=1)
    assert np.abs(expected - turned)[10:-10, 10:-10].max() < 0.01


def test_only_the_training_split_gets_copies(digits: Dataset, tmp_path: Path) -> None:
    """The test split is what it was, with copy 0 and source ids."""
    augmented = augment(digits, tmp_path / "more", Augment(copies=2))

    assert augmented.splits == {"train": 1437 * 3, "test": 360}
    np.testing.assert_array_equal(
        mnist_data.to_numpy(digits.location, "test")[0], mnist_data.to_numpy(augmented.location, "test")[0]
    )
    frame = mnist_data.load(augmented.location)
    assert frame["id"].is_unique
    assert (frame["id"] == frame["source_id"] * 3 + frame["copy"]).all()
    assert set(COLUMNS) <= set(frame.columns)


@pytest.mark.parametrize("rows", [100, 700])
def test_the_dataset_does_not_depend_on_engine_or_partitions(
    rows: int, digits: Dataset, tmp_path: Path, cluster: Cluster
) -> None:
    """1 partition or 15, threads or processes: the same bytes."""
    whole = mnist_data.load(augment(digits, tmp_path / "whole").location)
    contents = set()
    for name, engine in (("threads", Threads(2)), ("processes", cluster)):
        augmented = augment(digits, tmp_path / name, execution=Execution(engine, task_rows=rows))
        frame = mnist_data.load(augmented.location)
        np.testing.assert_array_equal(mnist_data.images(whole), mnist_data.images(frame))
        assert whole.drop(columns="image").equals(frame.drop(columns="image"))
        contents.add(augmented.content)
    assert len(contents) == 1


def test_an_interrupted_run_goes_on_where_it_stopped(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended in the middle, it ends with the same bytes, and does not make the finished parts again."""
    execution = Execution(task_rows=200)
    real, calls, deadly = augment_batch, [], 0

    def counted(batch: Batch, params: Augment, levels: Levels, deform: bool = True) -> Batch:
        calls.append(len(batch))
        if len(calls) == deadly:
            raise KeyboardInterrupt
        return real(batch, params, levels, deform)

    monkeypatch.setattr("pipelines.stages.augment.augment_batch", counted)
    expected = augment(digits, tmp_path / "expected", execution=execution).content
    whole, deadly = len(calls), len(calls) + 5  # two calls a part: the third part is interrupted
    with pytest.raises(KeyboardInterrupt):
        augment(digits, tmp_path / "out", execution=execution)
    assert not (tmp_path / "out").exists()
    calls.clear()
    deadly = 0

    resumed = augment(digits, tmp_path / "out", execution=execution)

    assert expected == resumed.content
    assert len(calls) == whole - 4


def test_memory_does_not_grow_with_the_number_of_copies(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task makes its copies a few samples at a time, never all of them at once."""
    largest = 0
    real = augment_batch

    def measured(batch: Batch, params: Augment, levels: Levels, deform: bool = True) -> Batch:
        nonlocal largest
        made = real(batch, params, levels, deform)
        largest = max(largest, len(made))
        return made

    monkeypatch.setattr("pipelines.stages.augment.augment_batch", measured)
    augment(digits, f"{digits.location}-many", Augment(copies=50))

    assert largest <= 10_000


def test_memory_does_not_grow_with_the_size_of_the_images(tmp_path: Path) -> None:
    """Of large ones fewer are made and written at once, and the same ones as by any other cut."""
    batch, params = batch_of(6, (120, 150)), Augment(copies=20, recipe=load_recipe("light"))
    idx.write(tmp_path / "train-images-idx3-ubyte", batch.images)
    idx.write(tmp_path / "train-labels-idx1-ubyte", batch.labels.astype(np.uint8))
    source, task_bytes = convert(find_pairs(tmp_path), tmp_path / "d").dataset, 30 * 120 * 150

    made = augment(source, tmp_path / "out", params, execution=Execution(task_bytes=task_bytes))

    assert [partition.rows for partition in made.partitions(1)] == [21] * 6
    np.testing.assert_array_equal(mnist_data.to_numpy(made.location)[0], augment_batch(batch, params).images)


def test_other_columns_come_along_and_nothing_is_changed_in_place() -> None:
    """A writer's id belongs to each of the copies; an empty batch stays one."""
    copies = augment_batch(batch_of(3), Augment(copies=1))

    assert copies.columns["writer"].tolist() == [0, 0, 2, 2, 4, 4]
    assert len(augment_batch(batch_of(0), Augment())) == 0
    blank = Batch(np.array([1]), np.array([0]), np.zeros((1, 6, 6), np.uint8))
    assert augment_batch(blank, Augment(copies=4)).images.max() == 0


def test_an_augmented_dataset_is_not_augmented_again(digits: Dataset, tmp_path: Path) -> None:
    """Copies of copies would no longer know their originals, and leak from validation into training."""
    once = augment(digits, tmp_path / "once")

    corrupted = corrupt(digits, tmp_path / "corrupted", Corrupt(corruptions=("fog",), severities=(1,), split="train"))

    with pytest.raises(WrongUse, match="is augmented already; augment the dataset that it was made from"):
        augment(once, tmp_path / "twice")
    with pytest.raises(WrongUse, match="is corrupted already"):
        augment(corrupted, tmp_path / "twice")


def test_nothing_is_learnt_from_a_test_split(sample_idx: Path, tmp_path: Path) -> None:
    """A dataset that holds only held-out samples can be cleaned and counted, not augmented or trained on."""
    source = convert(find_pairs(sample_idx)[1:], tmp_path / "test-only").dataset

    assert clean(source, tmp_path / "clean").dataset.splits == {"test": 360}
    with pytest.raises(WrongUse, match="no split 'train' to learn from, only test"):
        augment(source, tmp_path / "more")


def test_before_and_after_shows_the_first_sample_of_each_class_with_all_its_copies(
    sample_idx: Path, tmp_path: Path
) -> None:
    """However small the row groups are, and wherever in the files a class first occurs."""
    cut = convert(find_pairs(sample_idx), tmp_path / "cut", Convert(row_group_rows=3)).dataset
    more = augment(cut, tmp_path / "more", Augment(copies=2))
    plain = mnist_data.load(cut.location, "train")

    shown = before_after(more)

    first = plain.drop_duplicates("label").sort_values("label")
    assert shown["source_id"].drop_duplicates().tolist() == first["id"].tolist()
    assert shown["label"].tolist() == first["label"].repeat(3).tolist()
    assert shown["copy"].tolist() == [0, 1, 2] * len(first)
    assert shown["image"].iloc[::3].tolist() == first["image"].tolist()
