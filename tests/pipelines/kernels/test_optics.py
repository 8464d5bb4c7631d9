"""Blur, edges, noise and strokes of the corruptions against SciPy, on planes of any size down to one pixel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.ndimage as ndimage
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kernels.edges import find_edges
from pipelines.kernels.noise import Draws, count_photons, fill_uniforms, salt_and_pepper
from pipelines.kernels.optics import TRUNCATE, frosted_glass, gaussian, motion_trail, trail, trail_weights
from pipelines.kernels.overlay import blots, draw_strokes, plasma
from pipelines.kernels.philox import block

Array = npt.NDArray[Any]
SIDES = st.integers(1, 40)


def planes_of(seed: int, height: int, width: int, count: int = 2, channels: int = 2) -> Array:
    """Draw noise, (n, channels, h, w) float32, that nothing may write to."""
    planes = np.random.default_rng(seed).random((count, channels, height, width)).astype(np.float32)
    planes.flags.writeable = False
    return planes


def draws_of(count: int, seed: int = 3) -> Draws:
    """Give the random numbers of samples 5 …."""
    return Draws(seed, 7, np.arange(count) + 5, 2)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), height=SIDES, width=SIDES, sigma=st.floats(0.3, 4))
def test_glass_without_exchanges_is_two_gaussians_of_scipy(seed: int, height: int, width: int, sigma: float) -> None:
    """Edges repeated, also where the Gaussian is wider than the image."""
    planes = planes_of(seed, height, width)
    expected = planes
    for _ in range(2):
        expected = ndimage.gaussian_filter(expected, (0, 0, sigma, sigma), truncate=TRUNCATE, mode="nearest")

    np.testing.assert_allclose(frosted_glass(planes, draws_of(2), sigma, 1, 0), expected, atol=2e-6)


def test_a_gaussian_is_symmetric_adds_up_to_1_and_is_scipys_normal_density() -> None:
    """To three sigma, rounded."""
    for sigma in (0.2, 0.5, 1.0, 2.3):
        weights = gaussian(sigma)
        density = scipy.stats.norm.pdf(np.arange(len(weights)) - len(weights) // 2, scale=sigma)

        assert len(weights) == 2 * int(3 * sigma + 0.5) + 1
        np.testing.assert_allclose(weights, density / density.sum(), atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), height=SIDES, width=SIDES, reach=st.integers(1, 3), share=st.floats(0, 1))
def test_glass_only_changes_the_places_of_pixels(seed: int, height: int, width: int, reach: int, share: float) -> None:
    """With a Gaussian of one pixel each value is still there, once, and all channels move together."""
    planes = np.arange(2 * height * width, dtype=np.float32).reshape(1, 2, height, width)
    planes[0, 1] = planes[0, 0] + 5000

    seen = frosted_glass(planes, draws_of(1, seed), 0.1, reach, share)

    np.testing.assert_array_equal(np.sort(seen[0, 0], axis=None), planes[0, 0].reshape(-1))
    np.testing.assert_array_equal(seen[0, 1], seen[0, 0] + 5000)


def test_the_share_of_the_pixels_that_glass_exchanges_is_the_one_asked_for() -> None:
    """A pixel may be exchanged with itself, in one of (2 reach + 1)² cases; none goes farther in one exchange."""
    planes = np.tile(np.arange(1600, dtype=np.float32).reshape(1, 1, 40, 40), (60, 1, 1, 1))
    moved = frosted_glass(planes, draws_of(60), 0.1, 1, 0.1) != planes

    # A pixel is exchanged in its own turn or in that of one of its eight neighbours.
    stays = (1 - 0.1 * 8 / 9) * (1 - 0.1 / 9) ** 8
    assert moved[:, :, 2:-2, 2:-2].mean() == pytest.approx(1 - stays, abs=0.005)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), height=SIDES, width=SIDES, degrees=st.floats(-360, 360), sigma=st.floats(0.3, 3))
def test_a_trail_is_scipys_correlation(seed: int, height: int, width: int, degrees: float, sigma: float) -> None:
    """With the sum of the shifts' weights, edges repeated; a constant picture keeps its value."""
    planes, angle, weights = planes_of(seed, height, width, 1), math.radians(degrees), trail_weights(sigma)
    kernel = np.empty((2 * len(weights) + 1,) * 2, np.float32)
    trail(angle, weights, kernel)

    moved = motion_trail(planes, np.array([angle]), sigma)

    assert weights.sum() == pytest.approx(1)
    assert kernel.sum() == pytest.approx(1)
    for channel in range(2):
        expected = ndimage.convolve(planes[0, channel].astype(float), kernel.astype(float), mode="nearest")
        np.testing.assert_allclose(moved[0, channel], expected, atol=1e-5)


@pytest.mark.parametrize(("degrees", "step"), [(0, (0, 1)), (90, (-1, 0)), (180, (0, -1)), (270, (1, 0))])
def test_a_point_draws_its_trail_in_the_direction_of_the_angle(degrees: int, step: tuple[int, int]) -> None:
    """Counter-clockwise from the right; strongest where it was."""
    point = np.zeros((1, 1, 21, 21), np.float32)
    point[0, 0, 10, 10] = 1

    moved = motion_trail(point, np.array([math.radians(degrees)]), 2.0)[0, 0]

    along = [moved[10 + step[0] * far, 10 + step[1] * far] for far in range(7)]
    np.testing.assert_allclose(along, trail_weights(2.0), atol=1e-6)
    assert moved.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 3), (40, 40)])
def test_what_is_constant_has_no_edges(shape: tuple[int, int]) -> None:
    """Nor has what is smaller than a slope; the outermost pixels are never edges."""
    noise = planes_of(0, *shape)[:, 0]

    assert find_edges(np.full((2, *shape), 0.7, np.float32), 1.0).max() == 0
    edges = find_edges(noise, 0.3)
    assert edges.shape == noise.shape
    assert max(edges[:, [0, -1]].max(), edges[:, :, [0, -1]].max()) == 0


def test_a_weak_edge_counts_only_where_it_hangs_together_with_a_strong_one() -> None:
    """A step that fades from left to right is kept until it is too weak; the same alone is not."""
    fading = np.zeros((2, 30, 60), np.float32)
    fading[0, 15:] = np.linspace(0.08, 0.012, 60)
    fading[1, 15:, 30:] = np.linspace(0.046, 0.012, 30)
    edges = find_edges(fading, 1.0)

    assert edges[0, 13:17, 1:30].max(axis=0).all()
    assert edges[0, :, 57:].max() == 0
    assert edges[1, :, 33:].max() == 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), height=st.integers(1, 12), width=st.integers(1, 12), photons=st.floats(0.5, 60))
def test_photons_are_scipys_poisson_quantiles_of_the_pixels_random_numbers(
    seed: int, height: int, width: int, photons: float
) -> None:
    """The 53 upper bits of one Philox word a pixel, turned into a count by the inverse distribution function."""
    planes, draws = planes_of(seed, height, width), draws_of(2, seed)
    counted = count_photons(planes, draws, photons).reshape(2, -1)

    for image, sample in enumerate(draws.ids.tolist()):
        key = [np.uint64(word) for word in (seed, 7, sample, 2)]
        words = [int(word) for number in range(-(-2 * height * width // 4)) for word in block(*key, np.uint64(number))]
        chances = np.array([(word >> 11) * 2.0**-53 for word in words[: 2 * height * width]])
        expected = scipy.stats.poisson.ppf(chances, planes[image].reshape(-1).astype(float) * photons)
        np.testing.assert_allclose(counted[image] * photons, expected, atol=1e-3)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 100])
def test_a_uniform_number_does_not_depend_on_how_many_are_drawn(count: int) -> None:
    """Each is the middle of one of 65,536 equal parts of 0 … 1."""
    key = tuple(map(np.uint64, (1, 2, 3, 4)))
    numbers, more = np.empty(count, np.float32), np.empty(200, np.float32)
    fill_uniforms(*key, numbers)
    fill_uniforms(*key, more)

    np.testing.assert_array_equal(numbers, more[:count])
    np.testing.assert_array_equal((more.astype(float) * 2**16) % 1, 0.5)
    assert 0 < more.min() < more.max() < 1
    assert len(np.unique(more)) > 190


def test_uniform_numbers_are_uniform_to_kolmogorov_and_smirnov() -> None:
    """A hundred thousand of them."""
    numbers = np.empty(100_000, np.float32)
    fill_uniforms(*map(np.uint64, (0, 1, 2, 3)), numbers)

    assert scipy.stats.kstest(numbers, "uniform").pvalue > 0.01


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_salt_and_pepper_changes_nothing_and_a_share_of_1_everything(share: float) -> None:
    """Then each value is 0 or 1; the input stays as it was."""
    planes = planes_of(1, 20, 20)
    noisy = salt_and_pepper(planes, draws_of(2), share)

    assert ((noisy == planes).all(), np.isin(noisy, [0, 1]).all()) == (share == 0, share == 1)
    assert noisy.mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (6, 9), (40, 33)])
def test_a_dot_is_a_disc_and_a_stroke_its_swept_area(shape: tuple[int, int]) -> None:
    """The ink of a pixel falls off over one pixel about the border, by its distance to the line between the ends."""
    strokes = np.array([[[2.3, 1.1, 2.3, 1.1], [0.5, 0.2, 6.0, 5.5], [-9.0, -9.0, -7.0, -7.0]]])
    planes = np.full((1, 2, *shape), 0.25, np.float32)
    drawn = draw_strokes(planes, strokes, 1.3)

    expected = np.full(shape, 0.25)
    for row, column in np.ndindex(shape):
        for y, x, to_y, to_x in strokes[0]:
            steps = np.linspace(0, 1, 20_001)
            away = np.hypot(y + steps * (to_y - y) - row, x + steps * (to_x - x) - column).min()
            expected[row, column] = max(expected[row, column], np.clip(1.3 + 0.5 - away, 0, 1))
    np.testing.assert_allclose(drawn[0], [expected, expected], atol=1e-3)
    assert (planes == 0.25).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (8, 8), (13, 40)])
def test_clouds_and_blots_fill_any_shape_and_no_two_are_alike(shape: tuple[int, int]) -> None:
    """Values from 0 to 1, and a sample's own whatever lies beside it."""
    cloud, covers = plasma(draws_of(9), *shape, 2.0), blots(draws_of(9), *shape, 1.5, 0.0)

    for drawn in (cloud, covers):
        assert drawn.shape == (9, *shape)
        assert 0 <= drawn.min() <= drawn.max() <= 1
    alone = Draws(3, 7, np.array([5 + 4]), 2)
    np.testing.assert_array_equal(plasma(alone, *shape, 2.0)[0], cloud[4])
    np.testing.assert_array_equal(blots(alone, *shape, 1.5, 0.0)[0], covers[4])
    if math.prod(shape) > 1:
        assert len(np.unique(cloud.reshape(9, -1), axis=0)) == 9


def test_blots_are_scipys_smoothed_noise_above_the_threshold() -> None:
    """The border is half a deviation wide; the noise is the sample's own."""
    draws, shape, sigma, threshold = draws_of(2), (12, 17), 1.2, 0.4
    covers = blots(draws, *shape, sigma, threshold)

    for image, sample in enumerate(draws.ids.tolist()):
        noise = np.empty(12 * 17, np.float32)
        fill_uniforms(*map(np.uint64, (3, 7, sample, 2)), noise)
        smooth = ndimage.gaussian_filter(noise.reshape(shape).astype(float), sigma, truncate=TRUNCATE, mode="nearest")
        wide = ndimage.gaussian_filter(np.eye(1, 99 * 99, 99 * 49 + 49).reshape(99, 99), sigma, truncate=TRUNCATE)
        deviation = math.sqrt((wide**2).sum() / 12)
        expected = np.clip(2 * ((smooth - 0.5) / deviation - threshold), 0, 1)
        np.testing.assert_allclose(covers[image], expected, atol=1e-4)
