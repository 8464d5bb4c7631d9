"""Learning from the files: the samples that memory would have given, mixed nearly as well, in little memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_data.batch import Batch, Images
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.networks.data import samples as sampling
from pipelines.networks.data.loader import Augmentation
from pipelines.networks.data.samples import read_samples, stored_samples
from pipelines.networks.data.stored import StoredImages
from pipelines.networks.data.streaming import StreamingLoader
from pipelines.settings.recipe import load_recipe
from pipelines.settings.stages import Augment, Convert
from pipelines.settings.training import Train
from pipelines.stages.augment import augment, augment_batch
from pipelines.stages.convert import convert

CLASSES, GROUPS, ROWS = 10, 12, 100


def dataset_of(folder: Path, images: Images, labels: np.ndarray, rows: int = ROWS, **settings: str) -> Dataset:
    """Write images and labels as a dataset with row groups of so many rows."""
    folder.mkdir(exist_ok=True)
    idx.write(folder / "train-images-idx", images)
    idx.write(folder / "train-labels-idx", labels.astype(np.uint8))
    return convert(find_pairs(folder), folder / "dataset", Convert(row_group_rows=rows, **settings)).dataset


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give 12,000 numbered images of ten classes, sorted by class, each row group of one class."""
    labels = np.repeat(np.arange(CLASSES), GROUPS * ROWS)
    numbers = np.arange(len(labels), dtype=np.float32)[:, None, None] * np.ones((1, 2, 1), np.float32)
    return dataset_of(tmp_path_factory.mktemp("ordered"), numbers, labels)


def small(dataset: Dataset, mask: np.ndarray | None = None, buffer_groups: int = 30) -> StreamingLoader:
    """Give a loader that reads a row group at once and mixes some of them."""
    piece = ROWS * dataset.metadata.image_bytes
    stored, labels = StoredImages(dataset, "train", piece), read_samples(dataset, "train").labels
    if mask is not None:
        stored, labels = stored.take(mask), labels[mask]
    return StreamingLoader(stored, labels, buffer=buffer_groups * piece)


def numbers(images: Images) -> np.ndarray:
    """Give the numbers of some of the numbered images."""
    return images[:, 0, 0].astype(int)


@settings(max_examples=8, deadline=None)
@given(
    batch_size=st.integers(1, 3_000), fraction=st.floats(0.001, 1), groups=st.integers(1, 200), seed=st.integers(0, 9)
)
def test_each_epoch_gives_every_chosen_sample_once(
    ordered: Dataset, batch_size: int, fraction: float, groups: int, seed: int
) -> None:
    """And no other one, with its own label, in batches of nearly equal size, however small the buffer."""
    mask = np.random.default_rng(seed).random(len(ordered)) < fraction
    mask[7] = True
    loader = small(ordered, mask, groups)

    batches = list(loader.shuffled(batch_size, seed, 1))

    given_numbers = np.concatenate([numbers(images) for images, _ in batches])
    sizes = [len(labels) for _, labels in batches]
    assert sorted(given_numbers) == np.flatnonzero(mask).tolist()
    assert (np.concatenate([labels for _, labels in batches]) == given_numbers // (GROUPS * ROWS)).all()
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == max(1, mask.sum() // batch_size)


def test_a_dataset_sorted_by_class_is_mixed_nearly_as_well_as_in_memory(ordered: Dataset) -> None:
    """With a quarter of it in the buffer the classes of a batch vary at most 1.3 times as much as by a permutation."""
    labels = np.random.default_rng(0).permutation(read_samples(ordered, "train").labels)
    streamed = [found for epoch in range(1, 4) for _, found in small(ordered).shuffled(100, 0, epoch)]

    assert spread(streamed) < 1.3 * spread(np.split(labels, 120))


def spread(batches: list[np.ndarray]) -> float:
    """Give the standard deviation of a class's share in a batch."""
    fractions = [np.bincount(labels, minlength=CLASSES) / len(labels) for labels in batches]
    return float(np.sqrt(np.square(np.array(fractions) - 1 / CLASSES).mean()))


def test_samples_that_lie_together_do_not_come_together(ordered: Dataset) -> None:
    """Of two that follow each other hardly any lay in the same row group."""
    found = np.concatenate([numbers(images) for images, _ in small(ordered).shuffled(100, 0, 1)])

    together = (found[1:] // ROWS == found[:-1] // ROWS).mean()
    assert together < 0.04  # 0.008 by a permutation


def test_seed_and_epoch_decide_the_order(ordered: Dataset) -> None:
    """Whatever came before, and however many threads wrote the dataset."""
    folder = Path(ordered.location).parent
    again = convert(
        find_pairs(folder), folder / "again", Convert(row_group_rows=ROWS), execution=Execution(Threads(3))
    ).dataset
    orders = {
        (seed, epoch): tuple(
            np.concatenate([numbers(images) for images, _ in small(ordered).shuffled(64, seed, epoch)])
        )
        for seed, epoch in ((0, 1), (0, 2), (1, 1), (0, 1))
    }

    assert len(set(orders.values())) == 3
    assert orders[0, 2] == tuple(np.concatenate([numbers(images) for images, _ in small(again).shuffled(64, 0, 2)]))


def test_a_deformed_sample_is_the_one_that_memory_would_give(digits: Dataset) -> None:
    """The copy of the epoch's number, whatever batch it comes in."""
    samples, recipe = read_samples(digits, "train"), load_recipe("light")
    written = augment_batch(
        Batch(samples.ids, samples.labels, samples.images[:], {}), Augment(copies=2, seed=5, recipe=recipe)
    )
    expected = written.images[written.columns["copy"] == 2]
    loader = stored_samples(digits, "train").loader(Augmentation(recipe))

    images = np.concatenate([images for images, _ in loader.shuffled(32, 5, 2)])

    assert isinstance(loader, StreamingLoader)
    assert sorted(map(bytes, images)) == sorted(map(bytes, expected))


@pytest.mark.parametrize(
    ("layout", "dtype", "shape"),
    [
        ("binary", np.uint8, (5, 6, 2)),
        ("pixels", np.float64, (4, 1)),
        ("list", np.int16, (2, 2)),
        ("png", np.uint8, (4, 6)),
    ],
)
def test_any_image_is_read_in_any_layout(layout: str, dtype: type, shape: tuple[int, ...], tmp_path: Path) -> None:
    """The same as `read_samples` gives: by slice, by place, by mask, and from row groups too large to take whole."""
    images = np.random.default_rng(0).integers(0, 200, (500, *shape)).astype(dtype)
    dataset = dataset_of(tmp_path, images, np.arange(500) % 3, 300, layout=layout)
    whole = read_samples(dataset, "train").images
    stored = StoredImages(dataset, "train", piece=10 * dataset.metadata.image_bytes)
    places = np.array([499, 3, 3, 250])

    assert (stored[:] == images).all()
    assert (stored[90:310] == whole[90:310]).all()
    assert (stored[places] == whole[places]).all()
    assert (
        stored.take(images.reshape(500, -1)[:, 0] > 50)[5:9] == whole[images.reshape(500, -1)[:, 0] > 50][5:9]
    ).all()
    assert stored.shape == whole.shape
    assert stored[:0].shape == (0, *shape)


def test_what_is_known_of_samples_is_read_without_their_images(digits: Dataset) -> None:
    """Ids, copies and labels are those stored with the images."""
    whole, stored = read_samples(digits, "train"), stored_samples(digits, "train")

    assert (stored.ids == whole.ids).all()
    assert (stored.copies == whole.copies).all()
    assert (stored.labels == whole.labels).all()
    assert (np.concatenate([images for images, _ in stored.loader().in_order(100)]) == whole.images).all()


@pytest.mark.slow
def test_a_training_streams_where_the_images_are_too_many(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learning, validating and scoring alike, with the same validation samples; the same network each time."""
    pytest.importorskip("torch")
    from pipelines.networks.train import train

    settings = Train(model="mlp", epochs=3)
    memory = train(digits, tmp_path / "memory", settings)
    monkeypatch.setattr(sampling, "IN_MEMORY", 10_000)
    once = train(digits, tmp_path / "once", settings)
    again = train(open_dataset(digits.location), tmp_path / "again", settings)

    same = ["epoch", "train_loss", "validation_loss"]
    assert once["history"][same].equals(again["history"][same])
    assert once["misclassified"].equals(again["misclassified"])
    assert not once["history"]["train_loss"].equals(memory["history"]["train_loss"])
    assert (once["predictions"]["id"] == memory["predictions"]["id"]).all()
    accuracies = [tables["evaluation"].set_index("split")["accuracy"] for tables in (memory, once)]
    assert abs(accuracies[0] - accuracies[1]).max() < 0.05


def test_what_is_known_of_samples_is_the_same_with_their_images_in_files(digits: Dataset, tmp_path: Path) -> None:
    """Ids, copies and labels of an augmented dataset, so that no copy of a validation sample is learnt from."""
    more = augment(digits, tmp_path / "more", Augment(copies=2))

    stored, read = stored_samples(more, "train"), read_samples(more, "train")

    for name in ("ids", "copies", "labels"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(read, name))
    assert set(np.unique(stored.copies)) == {0, 1, 2}
