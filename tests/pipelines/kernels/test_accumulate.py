"""Sums, counts and entropies over many images: what NumPy and SciPy make of the same pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kernels.accumulate import accumulate, count_bytes, count_values, measure_bytes, measure_entropy

Array = npt.NDArray[Any]
KINDS = ["uint8", "uint16", "float32", "float64"]
CLASSES = 3


def drawn(seed: int, count: int, pixels: int, kind: str) -> tuple[Array, npt.NDArray[np.int64]]:
    """Draw images, (count, pixels), a third of their pixels 0, and the class of each."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, pixels)) * (rng.random((count, pixels)) > 1 / 3)
    images = images / 255 - 0.25 if kind.startswith("float") else images * (257 if kind == "uint16" else 1)
    return images.astype(kind), rng.integers(0, CLASSES, count)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 20), pixels=st.integers(1, 40))
def test_sums_by_class_are_numpys(kind: str, seed: int, count: int, pixels: int) -> None:
    """Count, sum, sum of squares, lowest, highest and how many are not 0, for each class and pixel."""
    images, classes = drawn(seed, count, pixels, kind)
    wide = np.float64 if kind.startswith("float") else np.int64
    bounds = np.finfo(kind) if kind.startswith("float") else np.iinfo(kind)
    counts, shape = np.zeros(CLASSES, np.int64), (CLASSES, pixels)
    sums, squares, nonzero = np.zeros(shape, wide), np.zeros(shape, wide), np.zeros(shape, np.int64)
    lowest, highest = np.full(shape, bounds.max, kind), np.full(shape, bounds.min, kind)

    accumulate(images, classes, counts, sums, squares, lowest, highest, nonzero)

    for label in range(CLASSES):
        own = images[classes == label].astype(wide)
        assert counts[label] == len(own)
        np.testing.assert_allclose(sums[label], own.sum(axis=0), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(squares[label], (own**2).sum(axis=0), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(nonzero[label], (own != 0).sum(axis=0))
        if len(own):
            np.testing.assert_array_equal(lowest[label], own.min(axis=0))
            np.testing.assert_array_equal(highest[label], own.max(axis=0))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    low=st.sampled_from([-0.25, 0.0, 0.1]),
    bins=st.integers(1, 300),
    count=st.integers(0, 9),
)
def test_bins_hold_what_lies_in_them_and_the_outermost_what_lies_beyond(
    kind: str, seed: int, low: float, bins: int, count: int
) -> None:
    """By division in NumPy; no value is lost, whatever the range."""
    images, classes = drawn(seed, count, 17, kind)
    width = {"uint8": 2.0, "uint16": 300.0}.get(kind, 0.01)
    histogram = np.zeros((CLASSES, bins), np.int64)

    count_values(images, classes, low, width, histogram)

    expected = np.zeros_like(histogram)
    places = np.trunc((images.astype(np.float64) - low) / width).astype(np.int64).clip(0, bins - 1)
    np.add.at(expected, (np.repeat(classes, 17), places.reshape(-1)), 1)
    np.testing.assert_array_equal(histogram, expected)
    assert histogram.sum() == images.size


def entropy_by_scipy(image: Array, low: float, width: float) -> float:
    """Give Shannon's entropy, in bits, of an image's 256 bins."""
    places = np.trunc((image.astype(np.float64) - low) / width).astype(np.int64).clip(0, 255)
    return float(scipy.stats.entropy(np.bincount(places), base=2))


@pytest.mark.parametrize("kind", KINDS)
def test_entropy_is_scipys(kind: str) -> None:
    """Of noise, of a constant image, of one pixel; never below 0."""
    low, width = (-0.25, 1 / 255) if kind.startswith("float") else (0.0, 257.0 if kind == "uint16" else 1.0)
    for pixels in (1, 7, 784):
        images = drawn(pixels, 12, pixels, kind)[0]
        images[0] = images[0, 0]
        entropy = np.empty(12)

        measure_entropy(images, low, width, entropy)

        np.testing.assert_allclose(entropy, [entropy_by_scipy(image, low, width) for image in images], atol=1e-9)
        assert entropy.min() >= 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 20), pixels=st.integers(1, 40))
def test_bytes_are_counted_as_numpy_counts_them(seed: int, count: int, pixels: int) -> None:
    """By class into what was counted before, and for each image its sum, its sum of squares and its entropy."""
    images, classes = drawn(seed, count, pixels, "uint8")
    counts = np.ones((CLASSES, 256), np.int64)
    sums, squares, entropy = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count)
    steps = np.arange(pixels + 1, dtype=np.float64)
    weights = np.where(steps > 0, steps * np.log2(np.maximum(steps, 1)), 0)

    count_bytes(images, classes, counts)
    measure_bytes(images, weights, sums, squares, entropy)

    for label in range(CLASSES):
        np.testing.assert_array_equal(
            counts[label] - 1, np.bincount(images[classes == label].reshape(-1), minlength=256)
        )
    np.testing.assert_array_equal(sums, images.sum(axis=1, dtype=np.int64))
    np.testing.assert_array_equal(squares, (images.astype(np.int64) ** 2).sum(axis=1))
    np.testing.assert_allclose(entropy, [entropy_by_scipy(image, 0.0, 1.0) for image in images], atol=1e-9)
