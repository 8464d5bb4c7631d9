"""Digests: equal for equal pixels of one type and shape, and for nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.images.digests import digest, first_with_same, varied


def test_the_same_bytes_in_another_shape_or_type_are_another_image() -> None:
    """As 2×8, 4×4, int8 and uint8, and one pixel changed."""
    pixels = np.arange(16, dtype=np.uint8)
    forms = [pixels.reshape(1, 2, 8), pixels.reshape(1, 4, 4), pixels.view(np.int8).reshape(1, 4, 4)]
    changed = forms[1].copy()
    changed[0, 3, 3] ^= 1

    digests = {digest(images)[0].tobytes() for images in [*forms, changed]}

    assert len(digests) == 4
    assert digest(np.asfortranarray(forms[1]))[0].tobytes() in digests


def test_minus_zero_is_zero() -> None:
    """They are equal numbers, though not equal bytes."""
    images = np.array([[[0.0, 1.0]], [[-0.0, 1.0]]], np.float32)

    assert (digest(images)[0] == digest(images)[1]).all()


def test_samples_of_one_value_or_with_no_number_are_not_varied() -> None:
    """Blank ones would all be duplicates of each other."""
    assert varied(np.array([[0, 0], [7, 7], [np.nan, 1], [np.inf, 1], [0, 1]])).tolist() == [False] * 4 + [True]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), max_size=20))
def test_the_lowest_rank_of_those_alike_is_the_first(values: list[tuple[int, int]]) -> None:
    """As a plain loop finds it."""
    digests = np.array(values, np.uint64).reshape(-1, 2)
    rank = np.random.default_rng(len(values)).permutation(len(values))

    found = first_with_same(digests, rank)

    alike = [[other for other in range(len(values)) if values[other] == value] for value in values]
    assert found.tolist() == [min(group, key=lambda one: rank[one]) for group in alike]
