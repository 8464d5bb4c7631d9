"""Transposed samples: found where a class tells, left alone where it does not."""

from __future__ import annotations

import numpy as np
import pytest

import mnist_data
from mnist_data.parquet.dataset import Dataset
from pipelines.images.transposition import LEAST_FRACTION, fit_orientations

AMBIGUOUS = (0, 1)
"""A MNIST 0 looks alike either way, and a slanted 1 nearly so."""


def planted(images: np.ndarray, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Transpose one sample in `every`; gives the images and which they are."""
    rows = np.random.default_rng(7).random(len(images)) < 1 / every
    changed = images.copy()
    changed[rows] = changed[rows].swapaxes(1, 2)
    return changed, rows


def strokes(count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw noisy horizontal bars, (count, 12, 12) uint8."""
    images = generator.integers(0, 60, (count, 12, 12), np.uint8)
    for image, row, width in zip(
        images, generator.integers(4, 7, count), generator.integers(6, 10, count), strict=True
    ):
        image[row : row + 2, 1 : 1 + width] += np.uint8(180)
    return images


@pytest.mark.slow
@pytest.mark.parametrize(("every", "least"), [(100, 0.96), (20, 0.98)])
def test_planted_transposed_digits_are_found_and_hardly_any_other_is_flagged(
    mnist: Dataset, every: int, least: float
) -> None:
    """On MNIST, where the digit tells; their fraction is known to a tenth of itself, and one flag in ten is wrong."""
    images, labels = mnist_data.to_numpy(mnist.location, "train")
    images, rows = planted(images, every)
    ids = np.arange(len(images))

    found = fit_orientations(images, labels, ids)
    flags = found.transposed(images, labels, ids)
    telling = ~np.isin(labels, AMBIGUOUS)

    assert flags[rows & telling].mean() > least
    assert rows[flags].mean() > 0.9
    assert found.fraction == pytest.approx(rows.mean(), rel=0.1)


@pytest.mark.slow
def test_hardly_any_digit_of_mnist_as_published_is_flagged(mnist: Dataset) -> None:
    """Nobody has transposed any of them: less than one flag in five thousand."""
    images, labels = mnist_data.to_numpy(mnist.location, "train")
    ids = np.arange(len(images))

    found = fit_orientations(images, labels, ids)

    assert found.fraction == LEAST_FRACTION
    assert found.transposed(images, labels, ids).mean() < 1 / 5000


def test_transposing_turns_the_sign_of_the_log_odds() -> None:
    """Whatever was fitted, a sample and its transpose differ in the sign alone; channels too."""
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (80, 9, 9, 3), np.uint8)
    labels, ids = np.arange(80) % 1, np.arange(80)
    found = fit_orientations(images, labels, ids)

    one = found.log_odds(images, labels, ids)
    other = found.log_odds(images.swapaxes(1, 2), labels, ids)

    np.testing.assert_allclose(one, -other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("factor", [1, 1 / 255, 200])
def test_the_unit_of_the_pixels_does_not_matter(factor: float) -> None:
    """Bars are distinguished from their transposes in uint8, on the unit scale, and on the scale of 16 bits."""
    generator = np.random.default_rng(2)
    images = strokes(1000, generator) * np.float32(factor)
    images, rows = planted(images, 20)
    labels, ids = np.zeros(1000, np.int64), np.arange(1000)

    flags = fit_orientations(images, labels, ids).transposed(images, labels, ids)

    assert flags[rows].mean() > 0.95
    assert flags[~rows].mean() < 1 / 300


def test_a_class_that_looks_alike_either_way_is_left_alone() -> None:
    """Rings and noise have no upright form, so no sample is flagged."""
    generator = np.random.default_rng(3)
    noise = generator.integers(0, 256, (300, 10, 10), np.uint8)
    symmetric = (noise.astype(np.int64) + noise.swapaxes(1, 2)) // 2
    images = np.concatenate([noise, symmetric])
    labels, ids = np.repeat([0, 1], 300), np.arange(600)

    found = fit_orientations(images, labels, ids)

    assert not found.transposed(images, labels, ids).any()


def test_large_images_are_judged_like_small_ones() -> None:
    """Bars of 96×96 pixels are shrunk first."""
    images = np.kron(strokes(1000, np.random.default_rng(4)), np.ones((1, 8, 8), np.uint8))
    images, rows = planted(images, 20)
    labels, ids = np.zeros(1000, np.int64), np.arange(1000)

    flags = fit_orientations(images, labels, ids).transposed(images, labels, ids)

    assert flags[rows].mean() > 0.95
    assert flags[~rows].mean() < 1 / 300


def test_the_order_of_the_samples_does_not_matter() -> None:
    """A sample is evaluated by its id's fold, wherever it stands."""
    generator = np.random.default_rng(5)
    images, _ = planted(strokes(300, generator), 20)
    labels, ids = np.zeros(300, np.int64), generator.choice(10_000, 300, replace=False)
    order = generator.permutation(300)

    flags = fit_orientations(images, labels, ids).transposed(images, labels, ids)
    mixed = fit_orientations(images[order], labels[order], ids[order]).transposed(
        images[order], labels[order], ids[order]
    )

    assert mixed.tolist() == flags[order].tolist()


def test_small_classes_and_none_at_all_are_not_judged() -> None:
    """Of 20 samples nothing is fitted, and their log odds are not known."""
    images = strokes(20, np.random.default_rng(6))
    labels, ids = np.zeros(20, np.int64), np.arange(20)

    found = fit_orientations(images, labels, ids)
    empty = fit_orientations(images[:0], labels[:0], ids[:0])

    assert np.isnan(found.log_odds(images, labels, ids)).all()
    assert not empty.transposed(images, labels, ids).any()
