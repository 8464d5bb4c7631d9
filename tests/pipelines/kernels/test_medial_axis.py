"""Enlargement, distances and thinning against SciPy and scikit-image, on shapes of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.ndimage as ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kernels.medial_axis import count_ends, measure_depths, thin
from pipelines.kernels.morphometry import measure_morphometrics
from pipelines.kernels.upscale import enlarge

Array = npt.NDArray[Any]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), height=st.integers(1, 40), width=st.integers(1, 40))
def test_the_enlargement_is_scikit_images_for_any_size(seed: int, height: int, width: int) -> None:
    """Also of images so small that their mirror images overlap; in 32 bits, so to the fifth digit."""
    transform = pytest.importorskip("skimage.transform")
    image = np.random.default_rng(seed).random((height, width))
    image = ((image - image.min()) / max(np.ptp(image), 1e-9)).astype(np.float32)
    enlarged = np.empty((4 * height, 4 * width), np.float32)

    enlarge(image, np.empty((4 * width, height), np.float32), np.empty_like(enlarged), enlarged)

    expected = transform.pyramid_expand(image.astype(float), upscale=4, order=3)
    np.testing.assert_allclose(enlarged, expected, atol=1e-5)


def test_an_image_of_one_value_keeps_it_when_enlarged() -> None:
    """The weights add up to 1, in the middle as at the edge."""
    for shape in ((1, 1), (1, 7), (3, 2), (28, 28)):
        enlarged = np.empty((4 * shape[0], 4 * shape[1]), np.float32)
        image = np.full(shape, 0.625, np.float32)
        enlarge(image, np.empty((4 * shape[1], shape[0]), np.float32), np.empty_like(enlarged), enlarged)

        np.testing.assert_allclose(enlarged, 0.625, atol=1e-6)


def shape_of(seed: int, height: int, width: int) -> Array:
    """Draw a shape of smooth blobs, (h, w) bool, with at least one pixel inside and one outside."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((height, width)), 1.0)
    shape = noise > np.median(noise)
    shape[0, 0], shape[-1, -1] = True, False
    return shape


def pieces_of(shape: Array) -> Array:
    """Give the pieces of rows that a shape is made of: (pieces, 3) row, first column, column after the last."""
    edges = np.diff(np.pad(shape, ((0, 0), (1, 1))).astype(int), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    # Counted with the rim of zeros, which the mask has and the shape has not.
    return np.column_stack([starts[:, 0] + 1, starts[:, 1] + 1, ends[:, 1] + 1]).astype(np.int32)


def thinned(shape: Array) -> tuple[Array, Array, Array, Array]:
    """Measure and thin a shape: its depths, the axis, where the axis' pixels are, and their depths."""
    mask = np.pad(shape, 1).astype(np.uint8)
    places, depths = np.empty(shape.sum(), np.int64), np.empty(shape.sum(), np.int64)
    measure_depths(mask, pieces_of(shape), np.empty(mask.shape, np.int32), places, depths)
    squares = np.zeros(mask.size, np.int64)
    squares[places] = depths
    count = thin(mask, places, depths)
    return squares.reshape(mask.shape)[1:-1, 1:-1], mask[1:-1, 1:-1] == 1, places[:count], depths[:count]


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 9999), height=st.integers(2, 40), width=st.integers(2, 40))
def test_depths_are_scipys_and_the_axis_keeps_what_hangs_together(seed: int, height: int, width: int) -> None:
    """Squared distances exactly; as many pieces as the shape has; each pixel left is an end, or joins two others."""
    shape = shape_of(seed, height, width)

    squares, axis, places, depths = thinned(shape)

    expected = np.rint(ndimage.distance_transform_edt(shape) ** 2).astype(int)
    np.testing.assert_array_equal(squares, expected)
    np.testing.assert_array_equal(np.flatnonzero(np.pad(axis, 1)), places)
    np.testing.assert_array_equal(depths, expected[axis])
    assert not (axis & ~shape).any()
    assert ndimage.label(axis, np.ones((3, 3)))[1] == ndimage.label(shape, np.ones((3, 3)))[1]
    for place in np.argwhere(axis):
        without = axis.copy()
        without[tuple(place)] = False
        around = np.pad(without, 1)[place[0] : place[0] + 3, place[1] : place[1] + 3]
        assert around.sum() <= 1 or ndimage.label(around, np.ones((3, 3)))[1] > 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9999), height=st.integers(8, 40), width=st.integers(8, 40))
def test_the_axis_is_where_scikit_image_has_it(seed: int, height: int, width: int) -> None:
    """Ties are broken otherwise: each of its pixels lies at most two away from one of theirs, and the other way."""
    morphology = pytest.importorskip("skimage.morphology")
    shape = shape_of(seed, height, width)
    theirs = morphology.medial_axis(shape, rng=0)
    ours = thinned(shape)[1]

    assert ndimage.distance_transform_edt(~theirs)[ours].max() <= 3
    assert ndimage.distance_transform_edt(~ours)[theirs].max() <= 3
    assert ours.sum() == pytest.approx(theirs.sum(), rel=0.2, abs=4)


@pytest.mark.parametrize(
    ("rows", "ends"),
    [
        (["#####"], 2),
        (["#....", "#....", "#####"], 2),
        (["#.#", "#.#", "###"], 2),
        (["###", "#.#", "###"], 0),
        (["#"], 0),
        (["#.....#", ".#...#.", "..#.#..", "...#...", "..#.#..", ".#...#.", "#.....#"], 4),
    ],
    ids=["line", "L", "U", "ring", "dot", "X"],
)
def test_ends_of_thin_lines_are_counted(rows: list[str], ends: int) -> None:
    """A line has two, a ring none, a cross four; a dot's end is none, as nothing leads to it."""
    shape = np.pad(np.array([[pixel == "#" for pixel in row] for row in rows]), 3)
    _, axis, places, depths = thinned(shape)
    mask = np.pad(axis, 1).astype(np.uint8)

    assert count_ends(mask, places, depths, np.empty(mask.shape, np.int32)) == ends


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), height=st.integers(1, 12), width=st.integers(1, 12))
def test_area_pieces_and_holes_are_scipys_for_any_size(seed: int, height: int, width: int) -> None:
    """By labelling the shape, enlarged by scikit-image and cut at the middle, and its background."""
    transform = pytest.importorskip("skimage.transform")
    image = np.random.default_rng(seed).random((height, width))
    measures = measure_morphometrics(image[None])
    if height * width == 1:
        assert np.isnan(measures.area[0])
        return
    ink = transform.pyramid_expand((image - image.min()) / np.ptp(image), upscale=4, order=3)
    level = (ink.min() + ink.max()) / 2
    if np.abs(ink - level).min() < 1e-5:
        return  # a pixel at the cut itself, where the last bit decides
    shape = ink >= level

    assert measures.area[0] == shape.sum() / 16
    assert measures.components[0] == ndimage.label(shape, np.ones((3, 3)))[1]
    assert measures.holes[0] == ndimage.label(np.pad(~shape, 1, constant_values=True))[1] - 1
