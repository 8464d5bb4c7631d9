"""Pairs of near points and of shifted images: every pair compared in NumPy and SciPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from pipelines.kernels.matches import TOGETHER, match_pairs, pairs_within

Array = npt.NDArray[Any]


def points_of(seed: int, count: int, axes: int) -> Array:
    """Draw points on a coarse grid, so that many are equal or just as far apart, in ascending order: (axes, count)."""
    points = np.random.default_rng(seed).integers(0, 4, (axes, count)).astype(np.float32) / 4
    return np.ascontiguousarray(points[:, np.argsort(points[0], kind="stable")])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    axes=st.integers(1, 15),  # more and fewer than are summed up at once
    radius=st.sampled_from([0.0, 0.25, 0.5, 0.9, 3.0]),
)
def test_all_pairs_within_the_radius_are_found_once(
    seed: int, sizes: tuple[int, int], axes: int, radius: float
) -> None:
    """Those of SciPy's table of distances; a distance of just the radius counts."""
    left, right = points_of(seed, sizes[0], axes), points_of(seed + 1, sizes[1], axes)

    between, within = pairs_within(left, right, radius, False, 1 << 20), pairs_within(left, left, radius, True, 1 << 20)

    near = np.argwhere(cdist(left.T, right.T, "sqeuclidean") <= radius**2).reshape(-1, 2)
    own = np.argwhere(np.triu(cdist(left.T, left.T, "sqeuclidean") <= radius**2, 1)).reshape(-1, 2)
    assert sorted(map(tuple, near)) == sorted(map(tuple, between))
    assert sorted(map(tuple, own)) == sorted(map(tuple, within))


def test_more_pairs_than_are_made_room_for_at_first_are_all_found() -> None:
    """A thousand equal points make half a million pairs."""
    count = 2 * TOGETHER + 3
    points = np.zeros((2, count), np.float32)

    pairs = pairs_within(points, points, 0.1, True, 1 << 20)

    assert len(np.unique(pairs, axis=0)) == len(pairs) == count * (count - 1) // 2


def moved(image: Array, down: int, across: int, margin: int) -> Array:
    """Give the image on an empty plane, `margin` wider to each side, moved up and left."""
    height, width = image.shape[:2]
    plane = np.zeros((height + 2 * margin, width + 2 * margin, *image.shape[2:]))
    plane[margin - down :, margin - across :][:height, :width] = image
    return plane


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 6, 1), (5, 4, 1), (7, 3, 3)])
def test_the_best_shift_is_that_of_all_of_them(shape: tuple[int, int, int]) -> None:
    """Each shift in turn on a wider plane: the smallest squared distance, with what left the image counted."""
    rng = np.random.default_rng(1)
    images = rng.random((8, *shape)).astype(np.float32) * (rng.random((8, *shape)) > 0.5)
    images[0] = 0
    images[1] = np.roll(images[2], (1, 1), (0, 1))
    norms = np.sqrt((images.reshape(8, -1).astype(float) ** 2).sum(axis=1))
    images /= np.where(norms > 0, norms, 1).astype(np.float32).reshape(-1, 1, 1, 1)
    first, second = np.array(list(itertools.combinations(range(8), 2))).T
    down, across = min(2, shape[0] - 1), min(1, shape[1] - 1)

    squares, shifts = match_pairs(images.reshape(8, shape[0], -1), shape[2], first, second, down, across)

    steps = list(itertools.product(range(-down, down + 1), range(-across, across + 1)))
    for row, (one, other) in enumerate(zip(first, second, strict=True)):
        apart = {step: ((moved(images[one], 0, 0, 3) - moved(images[other], *step, 3)) ** 2).sum() for step in steps}
        assert squares[row] == pytest.approx(min(apart.values()), abs=1e-6)
        assert apart[tuple(shifts[row].tolist())] == pytest.approx(squares[row], abs=1e-6)


def test_where_no_shift_is_better_none_is_taken() -> None:
    """A stripe along the whole image fits at every step along it."""
    image = np.zeros((2, 6, 6), np.float32)
    image[:, :, 3] = 1 / np.sqrt(6)
    blank = np.zeros((2, 6, 6), np.float32)

    assert match_pairs(blank, 1, np.array([0]), np.array([1]), 2, 2)[1].tolist() == [[0, 0]]
    squares, shifts = match_pairs(image, 1, np.array([0]), np.array([1]), 2, 2)
    assert (squares.tolist(), shifts.tolist()) == ([0], [[0, 0]])


def test_a_shift_says_where_the_second_image_lies() -> None:
    """Two rows lower and one column further left."""
    images = np.zeros((2, 9, 9), np.float32)
    images[0, 3, 4], images[1, 5, 3] = 1, 1

    squares, shifts = match_pairs(images, 1, np.array([0]), np.array([1]), 2, 2)

    assert (squares.tolist(), shifts.tolist()) == ([0], [[2, -1]])
