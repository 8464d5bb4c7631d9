"""Kernels against other implementations: NumPy's generator and SciPy's image routines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kernels.moments import measure_moments
from pipelines.kernels.outliers import repair_outliers
from pipelines.kernels.philox import fill, uniforms
from pipelines.kernels.warp import warp

SHAPES = [(28, 28), (1, 1), (1, 9), (9, 1), (5, 12), (7, 6, 3), (4, 4, 1)]
WORDS = st.integers(0, 2**64 - 1)


def pictures(shape: tuple[int, ...], kind: str, count: int = 6) -> np.ndarray:
    """Give read-only noise, so that a kernel that writes to its input fails."""
    images = np.random.default_rng(len(shape)).integers(0, 256, (count, *shape)).astype(kind)
    if kind.startswith("float"):
        images /= 255
    images.flags.writeable = False
    return images


@settings(max_examples=50, deadline=None)
@given(seed=WORDS, stream=WORDS, sample=WORDS, copy=WORDS, block=st.integers(0, 3))
def test_random_words_are_those_of_numpys_philox(seed: int, stream: int, sample: int, copy: int, block: int) -> None:
    """NumPy adds 1 to the counter before its first output, so it is given one less."""
    words = np.empty((1, 4, 4), np.uint64)
    fill(np.uint64(seed), np.uint64(stream), np.array([sample], np.uint64), np.array([copy], np.uint64), words)

    counter = (sample + (copy << 64) + (block << 128) - 1) % 2**256
    expected = np.random.Philox(key=seed + (stream << 64), counter=counter).random_raw(4)

    np.testing.assert_array_equal(expected, words[0, block])


def test_a_draw_depends_on_its_own_id_and_copy_alone() -> None:
    """Not on the other rows, their order or number, nor on how many numbers are drawn."""
    ids, copies = np.arange(100), np.arange(100) % 3
    order = np.random.default_rng(0).permutation(100)

    whole = uniforms(7, 0, ids, copies, 9)

    np.testing.assert_array_equal(whole[order], uniforms(7, 0, ids[order], copies[order], 9))
    np.testing.assert_array_equal(whole[17:18, :3], uniforms(7, 0, ids[17:18], copies[17:18], 3))
    assert 0 <= whole.min() < whole.max() < 1
    assert len(np.unique(whole)) == 900


def test_uniform_numbers_are_uniform() -> None:
    """Mean and variance of a million, and no correlation between neighbouring ids."""
    numbers = uniforms(1, 0, np.arange(250_000), np.zeros(250_000, np.int64), 4)

    assert pytest.approx(1 / 2, abs=2e-3) == numbers.mean()
    assert pytest.approx(1 / 12, abs=1e-3) == numbers.var()
    assert abs(np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]) < 0.01


def by_scipy(image: np.ndarray, matrix: np.ndarray, field: np.ndarray | None, background: float = 0) -> np.ndarray:
    """Resample one image by SciPy at the same places, channel by channel."""
    height, width = image.shape[:2]
    grid = np.indices((height, width)).reshape(2, -1)
    places = (matrix[:, :2] @ grid + matrix[:, 2:]).reshape(2, height, width)
    places = places if field is None else places + field
    planes = image.reshape(height, width, -1).astype(float)
    warped = [
        ndimage.map_coordinates(planes[..., channel], places, order=1, cval=background)
        for channel in range(planes.shape[2])
    ]
    return np.stack(warped, axis=-1).reshape(image.shape)


@pytest.mark.parametrize("bent", [False, True])
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64", "float16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_warp_is_scipys_at_the_same_places(shape: tuple[int, ...], kind: str, bent: bool) -> None:
    """At most one grey level apart on every pixel; float images to their own precision."""
    rng = np.random.default_rng(3)
    images = pictures(shape, kind)
    matrices = np.concatenate([np.eye(2) + rng.normal(0, 0.2, (6, 2, 2)), rng.normal(0, 2, (6, 2, 1))], axis=2)
    fields = rng.normal(0, 1, (6, 2, *shape[:2])).astype(np.float32) if bent else None

    warped = warp(images, matrices, fields)

    expected = np.stack(
        [by_scipy(image, matrix, None if fields is None else fields[row])
         for row, (image, matrix) in enumerate(zip(images, matrices, strict=True))]
    )  # fmt: skip
    assert (images.shape, images.dtype) == (warped.shape, warped.dtype)
    tolerance = {"uint8": 0.5001, "float16": 2e-3}.get(kind, 1e-5)
    assert np.abs(expected - warped.astype(float)).max() <= tolerance


def test_what_comes_in_from_outside_is_the_ground() -> None:
    """Of a standardized image that is not 0."""
    images = pictures((9, 9), "float32")
    matrices = np.tile(np.array([[1, 0.1, 2.2], [0, 1, -3.4]]), (6, 1, 1))

    warped = warp(images, matrices, background=-0.42)

    expected = np.stack([by_scipy(image, matrices[0], None, -0.42) for image in images])
    np.testing.assert_allclose(expected, warped, atol=1e-6)


def test_the_identity_changes_nothing() -> None:
    """Not even at the border."""
    images = pictures((28, 28), "uint8")
    identity = np.tile(np.eye(2, 3), (6, 1, 1))

    np.testing.assert_array_equal(images, warp(images, identity))


@pytest.mark.parametrize("kind", ["uint8", "int16", "float32", "float16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_moments_are_scipys_and_numpys(shape: tuple[int, ...], kind: str) -> None:
    """Centre of mass by SciPy, second moments from their definition, the box from the pixels above 0."""
    images = pictures(shape, kind).copy()
    images[images < images.max() / 2] = 0
    moments = measure_moments(images)

    for row, image in enumerate(images):
        grey = image.reshape(*shape[:2], -1).astype(float).mean(axis=2)
        if not grey.any():
            assert np.isnan(moments.row[row])
            continue
        y, x = np.indices(grey.shape)
        centre = ndimage.center_of_mass(grey)
        fraction = grey / grey.sum()
        assert pytest.approx(grey.sum(), rel=1e-4) == moments.mass[row]
        assert pytest.approx(centre, abs=1e-3) == (moments.row[row], moments.column[row])
        found = (moments.rows[row], moments.mixed[row], moments.columns[row])
        expected = [
            (fraction * a * b).sum()
            for a, b in ((y - centre[0],) * 2, (y - centre[0], x - centre[1]), (x - centre[1],) * 2)
        ]
        assert pytest.approx(expected, abs=2e-3) == found
        rows, columns = np.nonzero(grey.any(axis=1))[0], np.nonzero(grey.any(axis=0))[0]
        box = [moments.top[row], moments.left[row], moments.bottom[row], moments.right[row]]
        assert [rows[0], columns[0], rows[-1], columns[-1]] == box


def test_a_blank_image_has_no_moments() -> None:
    """NaN and -1, not a division by zero."""
    moments = measure_moments(np.zeros((2, 5, 5), np.uint8))

    assert moments.mass.tolist() == [0, 0]
    assert np.isnan([moments.row, moments.columns]).all()
    assert moments.bottom.tolist() == [-1, -1]


def test_only_isolated_pixels_are_repaired() -> None:
    """A lone bright pixel, a lone dark one and one in the corner go; a stroke of two pixels stays."""
    images: Any = np.zeros((1, 9, 9), np.uint8)
    images[0, 1, 1] = images[0, 8, 8] = 255
    images[0, 4, 4:6] = 255
    images[0, 6:9, 0:3] = 200
    images[0, 7, 1] = 3
    images.flags.writeable = False

    repaired, counts = repair_outliers(images, 127.5)

    assert counts.tolist() == [3]
    assert [repaired[0, 1, 1], repaired[0, 8, 8], repaired[0, 7, 1]] == [0, 0, 200]
    assert repaired[0, 4, 4:6].tolist() == [255, 255]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_images_are_no_error(shape: tuple[int, ...]) -> None:
    """An empty partition goes through every kernel."""
    none = np.empty((0, *shape), np.uint8)

    assert none.shape == warp(none, np.empty((0, 2, 3))).shape
    assert len(measure_moments(none).mass) == 0
    assert none.shape == repair_outliers(none, 1)[0].shape


def test_pixels_below_0_have_no_ink() -> None:
    """Of a standardized image they are the background: moments are those of the rest."""
    images = pictures((9, 7), "float32") - 0.6
    above, below = measure_moments(np.maximum(images, 0)), measure_moments(images)

    for name in vars(above):
        np.testing.assert_allclose(getattr(below, name), getattr(above, name), rtol=1e-6)
