"""What a network is fed: every sample once an epoch, in an order that only seed and epoch decide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_data.batch import Batch
from mnist_data.errors import WrongUse
from pipelines.images.levels import Levels
from pipelines.networks.data.loader import Augmentation, MemoryLoader, ahead
from pipelines.settings.recipe import load_recipe
from pipelines.settings.stages import Augment
from pipelines.stages.augment import augment_batch

IMAGES = np.random.default_rng(0).integers(0, 256, (200, 9, 7), np.uint8)


@settings(max_examples=50, deadline=None)
@given(samples=st.integers(1, 500), batch_size=st.integers(1, 70), seed=st.integers(0, 99), epoch=st.integers(1, 9))
def test_each_epoch_gives_every_sample_once(samples: int, batch_size: int, seed: int, epoch: int) -> None:
    """In batches that differ in size by one at most, images with their own labels."""
    values = np.arange(samples)
    loader = MemoryLoader(values[:, None, None].astype(np.float32), values)

    batches = list(loader.shuffled(batch_size, seed, epoch))

    labels = np.concatenate([labels for _, labels in batches])
    sizes = [len(labels) for _, labels in batches]
    assert sorted(labels) == values.tolist()
    assert (np.concatenate([images for images, _ in batches])[:, 0, 0] == labels).all()
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == max(1, samples // batch_size)


def test_the_order_is_that_of_seed_and_epoch() -> None:
    """Not of what was asked for before; another epoch and another seed have orders of their own."""
    loader = MemoryLoader(IMAGES, np.arange(200))
    orders = {
        (seed, epoch): tuple(np.concatenate([labels for _, labels in loader.shuffled(32, seed, epoch)]))
        for seed, epoch in ((0, 1), (0, 2), (1, 1), (0, 1))
    }

    assert len(set(orders.values())) == 3
    assert orders[0, 1] == tuple(np.concatenate([labels for _, labels in loader.shuffled(32, 0, 1)]))


def test_a_deformed_sample_is_the_copy_of_the_epochs_number() -> None:
    """The one that `augment` would have written with the same seed, whatever batch it comes in."""
    recipe, ids = load_recipe("handwriting"), np.arange(1_000, 1_200)
    loader = MemoryLoader(IMAGES, np.arange(200), ids, Augmentation(recipe))
    written = augment_batch(Batch(ids, np.arange(200), IMAGES, {}), Augment(copies=3, seed=5, recipe=recipe))

    batches = list(loader.shuffled(11, 5, 3))

    labels = np.concatenate([labels for _, labels in batches])
    expected = written.images[written.columns["copy"] == 3]
    assert (np.concatenate([images for images, _ in batches]) == expected[labels]).all()


def test_what_is_validated_with_is_as_it_is() -> None:
    """In its own order; and of no samples comes one empty batch."""
    loader = MemoryLoader(IMAGES, np.arange(200), np.arange(200), Augmentation(load_recipe("heavy")))

    batches = list(loader.in_order(64))

    assert (np.concatenate([images for images, _ in batches]) == IMAGES).all()
    assert [len(labels) for _, labels in MemoryLoader(IMAGES[:0], np.arange(0)).in_order(64)] == [0]


def test_a_recipe_that_needs_full_ink_is_refused_where_nobody_knows_it() -> None:
    """Before an epoch is begun."""
    with pytest.raises(WrongUse, match="normalize it first"):
        Augmentation(load_recipe("heavy"), Levels(0.0, None))


def test_an_error_while_reading_ahead_reaches_the_reader() -> None:
    """What came before it is used first."""

    def items():
        yield 1
        raise OSError("the disk is gone")

    found = []
    with pytest.raises(OSError, match="the disk is gone"):
        found.extend(iter_into(found, ahead(items())))

    assert found == [1]


def iter_into(found, items):
    """Append each item as it comes."""
    for item in items:
        found.append(item)
    return []
