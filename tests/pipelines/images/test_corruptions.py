"""Corruptions: each does what its name says, is harder at each severity, and depends on nothing but its sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import pytest
import scipy.ndimage as ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import mnist_data
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset
from pipelines.images.corruptions import MUD, TABLE, corrupt_images
from pipelines.images.levels import Levels
from pipelines.kernels.edges import find_edges
from pipelines.kernels.noise import Draws, count_photons, salt_and_pepper
from pipelines.kernels.optics import frosted_glass, motion_trail, trail_weights
from pipelines.kernels.overlay import blots, draw_strokes, plasma
from pipelines.settings.stages import CORRUPTIONS, SEVERITIES

PAIRS = [(name, severity) for name in CORRUPTIONS for severity in SEVERITIES]
SHAPES = [(28, 28), (1, 1), (1, 9), (9, 1), (2, 2), (5, 12), (8, 8, 3), (4, 4, 1), (0, 5), (2, 300)]


@pytest.fixture(scope="module")
def samples(digits: Dataset) -> np.ndarray:
    """Give 300 digits, (300, 28, 28) uint8, that nothing may write to."""
    images = np.array(mnist_data.to_numpy(digits.location, "test")[0][:300])
    images.flags.writeable = False
    return images


def draws_of(count: int, severity: int = 1) -> Draws:
    """Give the random numbers of samples 0 … count - 1."""
    return Draws(0, 7, np.arange(count), severity)


def test_the_suite_is_mnist_cs_fifteen_with_five_severities_each() -> None:
    """The names are those by which results are compared, and stand where the command line can read them."""
    assert list(TABLE) == list(CORRUPTIONS)
    assert len(CORRUPTIONS) == 15
    assert {len(corruption.severities) for corruption in TABLE.values()} == {len(SEVERITIES)}


@settings(max_examples=40, deadline=None)
@given(
    pair=st.sampled_from(PAIRS),
    cuts=st.lists(st.integers(1, 29), max_size=3),
    seed=st.integers(0, 2**63 - 1),
    first=st.integers(0, 2**40),
)
def test_however_images_are_cut_or_ordered_each_comes_out_the_same(
    pair: tuple[str, int], cuts: list[int], seed: int, first: int
) -> None:
    """Byte for byte, for any cut and any subset in any order."""
    images = np.random.default_rng(0).integers(0, 256, (30, 11, 9), np.uint8)
    ids, order = np.arange(first, first + 30), np.random.default_rng(seed).permutation(30)[:8]
    whole = corrupt_images(images, ids, *pair, seed)
    ends = [0, *sorted(set(cuts)), 30]

    parts = [corrupt_images(images[a:b], ids[a:b], *pair, seed) for a, b in pairwise(ends)]

    np.testing.assert_array_equal(whole, np.concatenate(parts))
    np.testing.assert_array_equal(whole[order], corrupt_images(images[order], ids[order], *pair, seed))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_blocks_change_nothing(name: str, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many images are worked on at once is a matter of memory alone."""
    ids = np.arange(40)
    whole = corrupt_images(samples[:40], ids, name, 4, 1)
    monkeypatch.setattr("pipelines.images.corruptions.BLOCK_PIXELS", 28 * 28 * 7)

    np.testing.assert_array_equal(whole, corrupt_images(samples[:40], ids, name, 4, 1))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_severity_changes_the_digits_more_than_the_one_before(name: str, samples: np.ndarray) -> None:
    """By the mean absolute difference; and no digit comes through unchanged."""
    ids = np.arange(len(samples))
    made = [corrupt_images(samples, ids, name, severity, 0) for severity in SEVERITIES]
    changes = [np.abs(images.astype(int) - samples).mean() for images in made]

    assert changes == sorted(set(changes))
    assert changes[0] > 1
    assert all((images != samples).any(axis=(1, 2)).all() for images in made)


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"scale", "brightness", "stripe", "canny_edges"}))
def test_seed_and_id_each_give_other_random_numbers(name: str, samples: np.ndarray) -> None:
    """One digit thirty times: the results differ with the id, and all of them with the seed."""
    same = np.broadcast_to(samples[:1], (30, 28, 28))
    first, second = (corrupt_images(same, np.arange(30), name, 3, seed) for seed in (0, 1))

    assert len(np.unique(first, axis=0)) > 1
    assert (first != second).any()


@pytest.mark.parametrize("name", ["rotate", "shear"])
def test_which_way_a_digit_turns_is_drawn_anew_at_each_severity(name: str, samples: np.ndarray) -> None:
    """One digit forty times goes one of two ways at each severity: not the same samples the same way at two of them."""
    same = np.broadcast_to(samples[:1], (40, 28, 28))
    ways = [np.unique(corrupt_images(same, np.arange(40), name, severity, 0), axis=0, return_inverse=True)[1]
            for severity in SEVERITIES]  # fmt: skip

    for first, second in combinations(ways, 2):
        assert 0.1 < (first == second).mean() < 0.9


@pytest.mark.parametrize(
    "draw",
    [
        lambda draws: draws.numbers(3),
        lambda draws: salt_and_pepper(np.full((5, 1, 8, 8), 0.5, np.float32), draws, 0.5),
        lambda draws: count_photons(np.full((5, 1, 8, 8), 0.5, np.float32), draws, 10.0),
        lambda draws: frosted_glass(np.eye(8, dtype=np.float32)[None, None].repeat(5, 0), draws, 0.5, 1, 0.9),
        lambda draws: plasma(draws, 8, 8, 2.0),
        lambda draws: blots(draws, 8, 8, 1.0, 0.0),
    ],
    ids=["numbers", "salt and pepper", "photons", "glass", "plasma", "blots"],
)
def test_severity_alone_gives_other_random_numbers(draw: Callable[[Draws], np.ndarray]) -> None:
    """With nothing else changed, so that a sample's copies at five severities are five independent draws."""
    first, again, other = (draw(draws_of(5, severity)) for severity in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("kind", ["uint8", "float16", "float32", "float64", "int32", ">f4"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_size_and_type_keeps_its_shape_and_levels(shape: tuple[int, ...], kind: str, name: str) -> None:
    """One pixel, one row, colours, none at all: the same shape and type, within background and the white level."""
    images = (np.random.default_rng(1).random((3, *shape)) * 255).astype(kind)
    for severity in (1, 5):
        made = corrupt_images(images, np.arange(3), name, severity, 0)

        assert (made.shape, made.dtype) == (images.shape, images.dtype)
        assert np.isfinite(made.astype(float)).all()
        assert made.size == 0 or 0 <= made.min() <= made.max() <= 255
    assert corrupt_images(images[:0], np.arange(0), name, 1, 0).shape == (0, *shape)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_colours_that_are_alike_stay_so_but_for_noise(name: str, samples: np.ndarray) -> None:
    """A grey picture in three channels is corrupted as the grey one; noise is drawn for each channel."""
    grey, ids = samples[:20], np.arange(20)
    made = corrupt_images(np.repeat(grey[..., None], 3, axis=3), ids, name, 3, 0)

    if name not in ("shot_noise", "impulse_noise"):
        np.testing.assert_array_equal(corrupt_images(grey, ids, name, 3, 0), made[..., 1])
        assert np.ptp(made, axis=3).max() == 0


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_standardized_floats_are_corrupted_as_the_bytes_they_came_from(name: str, samples: np.ndarray) -> None:
    """What is background and the white level is known, so brightness is no number of unknown unit."""
    levels = Levels(-0.5, 2.5)
    floats = samples[:50].astype(np.float32) / 255 * 3 - 0.5
    made = corrupt_images(floats, np.arange(50), name, 3, 0, levels)
    expected = corrupt_images(samples[:50], np.arange(50), name, 3, 0)

    differing = np.abs(levels.fraction(made) * 255 - expected) > 0.51
    # A count, a threshold or a maximum may fall on the other side where a fraction is rounded differently.
    assert differing.mean() < 0.002


@pytest.mark.parametrize("name", ["shot_noise", "shear", "scale", "rotate", "translate", "canny_edges", "glass_blur"])
def test_a_blank_image_stays_blank(name: str) -> None:
    """There is nothing to count, move or outline."""
    assert corrupt_images(np.zeros((4, 28, 28), np.uint8), np.arange(4), name, 5, 0).max() == 0


def test_what_cannot_be_corrupted_is_refused_by_name() -> None:
    """Names, severities, pixels without a the white level, and pixels that are no numbers."""
    images = np.zeros((1, 4, 4), np.float32)
    with pytest.raises(WrongUse, match="no corruption 'zig_zag'. Did you mean 'zigzag'"):
        corrupt_images(images, np.arange(1), "zig_zag", 1, 0)
    for severity in (0, 6, -1):
        with pytest.raises(WrongUse, match=f"no severity {severity}; it can be 1, 2, 3, 4, 5"):
            corrupt_images(images, np.arange(1), "fog", severity, 0)
    with pytest.raises(WrongUse, match="The white level"):
        corrupt_images(images, np.arange(1), "fog", 1, 0, Levels(0, None))
    with pytest.raises(WrongUse, match="NaN or infinite"):
        corrupt_images(np.full_like(images, np.nan), np.arange(1), "fog", 1, 0)


def test_shot_noise_counts_photons_as_poisson_does() -> None:
    """Mean the fraction, variance the fraction over the photons of the white level; the background stays dark."""
    planes = np.full((400, 1, 10, 10), 0.4, np.float32)
    planes[:, :, 0] = 0
    found = count_photons(planes, draws_of(400), 6.0)

    assert found[:, :, 0].max() == 0
    assert found[:, :, 1:].mean() == pytest.approx(0.4, rel=0.01)
    assert found[:, :, 1:].var() == pytest.approx(0.4 / 6, rel=0.02)


def test_impulse_noise_sets_its_share_of_the_values() -> None:
    """Half to nothing, half to the white level, the rest untouched."""
    found = salt_and_pepper(np.full((200, 1, 20, 20), 0.5, np.float32), draws_of(200), 0.3)
    fractions = [(found == value).mean() for value in (0, 0.5, 1)]

    assert fractions == pytest.approx([0.15, 0.7, 0.15], abs=0.005)


def test_glass_that_moves_nothing_is_two_gaussians() -> None:
    """As SciPy convolves them, edges repeated; and what is moved is not lost."""
    planes = np.random.default_rng(0).random((3, 2, 15, 21)).astype(np.float32)
    expected = planes
    for _ in range(2):
        expected = ndimage.gaussian_filter(expected, (0, 0, 1.3, 1.3), truncate=3, mode="nearest")

    np.testing.assert_allclose(expected, frosted_glass(planes, draws_of(3), 1.3, 2, 0), atol=1e-6)
    assert frosted_glass(planes, draws_of(3), 1.3, 2, 1).mean() == pytest.approx(planes.mean(), rel=0.01)


@pytest.mark.parametrize("degrees", [0, 30, -45, 90, 200])
def test_motion_blur_is_the_sum_of_shifted_pictures(degrees: float) -> None:
    """As SciPy shifts them, weighted by half a Gaussian; counter-clockwise from the right."""
    planes = np.random.default_rng(0).random((1, 1, 17, 13)).astype(np.float32)
    angle, weights = math.radians(degrees), trail_weights(2.0)
    expected = sum(
        weight * ndimage.shift(planes[0, 0], (-step * math.sin(angle), step * math.cos(angle)), order=1, mode="nearest")
        for step, weight in enumerate(weights)
    )

    np.testing.assert_allclose(expected, motion_trail(planes, np.array([angle]), 2.0)[0, 0], atol=1e-5)


def affine(picture: np.ndarray, matrix: list[list[float]], shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    """Resample about the middle with SciPy. matrix: from output to input."""
    middle = (np.array(picture.shape) - 1) / 2
    offset = middle - np.array(matrix) @ (middle + shift)
    return np.asarray(ndimage.affine_transform(picture.astype(float), matrix, offset, order=1, mode="constant"))


@pytest.mark.parametrize("name", ["rotate", "shear", "scale"])
def test_geometry_is_scipys_either_way(name: str, samples: np.ndarray) -> None:
    """At severity 3, MNIST-C's own: 0.4 radians, and seven tenths of the size; at most one grey level apart."""
    sine, cosine, slope = math.sin(0.4), math.cos(0.4), math.tan(0.4)
    ways = {
        "rotate": [[[cosine, way * sine], [-way * sine, cosine]] for way in (1, -1)],
        "shear": [[[1, 0], [way * slope, 1]] for way in (1, -1)],
        "scale": [[[1 / 0.7, 0], [0, 1 / 0.7]]],
    }[name]
    made = corrupt_images(samples[:20], np.arange(20), name, 3, 0).astype(float)
    apart = [
        [np.abs(affine(picture, way) - image).max() for way in ways]
        for picture, image in zip(samples[:20], made, strict=True)
    ]

    assert max(map(min, apart)) <= 1
    assert {int(np.argmin(row)) for row in apart} == set(range(len(ways)))


def test_a_translation_is_as_long_as_it_says_in_every_direction(samples: np.ndarray) -> None:
    """The centre of mass goes three pixels at severity 3."""
    small = np.pad(samples[:100, 4:-4, 4:-4], ((0, 0), (4, 4), (4, 4)))
    moved = corrupt_images(small, np.arange(100), "translate", 3, 0)
    steps = np.array(
        [np.subtract(ndimage.center_of_mass(a), ndimage.center_of_mass(b)) for a, b in zip(moved, small, strict=True)]
    )

    np.testing.assert_allclose(3, np.hypot(*steps.T), atol=0.05)
    assert (np.ptp(steps, axis=0) > 5).all()


def test_brightness_and_stripe_are_what_they_say(samples: np.ndarray) -> None:
    """Half of the white level is added; a quarter of the width is inverted at each side."""
    sides = np.array(samples)
    sides[:, :, :7], sides[:, :, 21:] = 255 - sides[:, :, :7], 255 - sides[:, :, 21:]
    bright = np.floor(np.minimum(samples + 127.5, 255) + 0.5)

    np.testing.assert_array_equal(bright, corrupt_images(samples, np.arange(300), "brightness", 3, 0))
    np.testing.assert_array_equal(sides, corrupt_images(samples, np.arange(300), "stripe", 3, 0))


def test_a_cloud_goes_from_0_to_1_and_is_finer_where_its_noise_decays_slowly() -> None:
    """Neighbouring pixels of a smooth cloud are alike; a cloud of one pixel is half fog."""
    smooth, rough = (plasma(draws_of(50), 32, 32, decay) for decay in (2.5, 1.2))

    assert [smooth.min(axis=(1, 2)).max(), smooth.max(axis=(1, 2)).min()] == pytest.approx([0, 1], abs=1e-6)
    assert np.abs(np.diff(smooth, axis=2)).mean() * 2 < np.abs(np.diff(rough, axis=2)).mean()
    assert plasma(draws_of(3), 1, 1, 2.0).tolist() == [[[0.5]]] * 3


@pytest.mark.parametrize("threshold", [0.0, 0.8, 1.6])
def test_spatter_covers_the_share_that_its_threshold_says(threshold: float) -> None:
    """Between the tails of a Gaussian at both ends of the soft border."""
    covers = blots(draws_of(300), 40, 40, 1.2, threshold)[:, 5:-5, 5:-5]

    assert norm.sf(threshold + 0.5) - 0.01 < covers.mean() < norm.sf(threshold) + 0.01


def test_mud_is_dark_and_hides_ink(samples: np.ndarray) -> None:
    """Under a whole cover a pixel has the mud's value, whatever it was."""
    made = corrupt_images(np.full((50, 28, 28), 255, np.uint8), np.arange(50), "spatter", 5, 0)

    assert made.min() == round(255 * MUD)
    assert made.max() == 255


def test_a_stroke_covers_what_a_disc_drawn_along_it_covers() -> None:
    """Compared with the fraction of points within the radius, a hundred in each pixel."""
    stroke = np.array([[[4.3, 3.1, 12.7, 16.2], [15.0, 4.0, 15.0, 4.0]]])
    drawn = draw_strokes(np.zeros((1, 1, 20, 20), np.float32), stroke, 1.5)[0, 0]
    fine = (np.arange(200) - 4.5) / 10
    points = np.stack(np.meshgrid(fine, fine, indexing="ij"), axis=-1)
    inside = np.zeros((200, 200), bool)
    for y, x, to_y, to_x in stroke[0]:
        along = np.array([to_y - y, to_x - x])
        fraction = np.clip(((points - [y, x]) @ along) / max(along @ along, 1e-9), 0, 1)
        inside |= np.linalg.norm(points - [y, x] - fraction[..., None] * along, axis=-1) <= 1.5

    np.testing.assert_allclose(inside.reshape(20, 10, 20, 10).mean(axis=(1, 3)), drawn, atol=0.16)


def test_the_edge_of_a_disc_is_a_closed_thin_circle() -> None:
    """Within a pixel of its radius, in one piece, and nothing else."""
    rows, columns = np.mgrid[:41, :41] - 20
    away = np.hypot(rows, columns)
    edges = find_edges(np.clip(12.5 - away, 0, 1)[None].astype(np.float32), 1.0)[0]
    outside, _ = ndimage.label(edges == 0)

    assert set(np.unique(edges)) == {0, 1}
    assert np.abs(away[edges == 1] - 12).max() <= 1
    assert outside[20, 20] != outside[0, 0]
    assert edges.sum() < 1.35 * 2 * math.pi * 12


def test_edges_are_those_of_scikit_image(samples: np.ndarray) -> None:
    """One pixel in two hundred may differ: their Gaussian reaches farther, and ties fall either way."""
    feature = pytest.importorskip("skimage.feature", reason="scikit-image is not installed")
    fractions = samples.astype(np.float32) / 255
    expected = np.stack([feature.canny(picture, sigma=1.0) for picture in fractions])

    assert (find_edges(fractions, 1.0) != expected).mean() < 0.005


@pytest.mark.parametrize("name", ["motion_blur", "glass_blur", "dotted_line", "zigzag", "translate", "spatter"])
def test_a_picture_of_twice_the_size_is_as_badly_hurt(name: str, samples: np.ndarray) -> None:
    """Lengths grow with the picture: the mean change is about the same."""
    large = np.asarray(samples[:100]).repeat(3, axis=1).repeat(3, axis=2)
    small_change, large_change = (
        np.abs(corrupt_images(images, np.arange(100), name, 3, 0).astype(int) - images).mean()
        for images in (samples[:100], large)
    )

    assert large_change == pytest.approx(small_change, rel=0.3)
