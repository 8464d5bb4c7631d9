"""Thumbnails: what a PNG shows is what the table holds."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dashboards.thumbnails import decode_images, png_uris, screen_size
from mnist_data.parquet.preview import to_uint8


def opened(uri: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))))


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (5, 32), (28, 28, 3), (128, 64)], ids=str)
def test_an_image_survives_its_encoding(thumbnail_table_of: Any, shape: tuple[int, ...]) -> None:
    """PNG is lossless: each pixel comes back, for any size and one or three channels."""
    images = np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)
    uris = png_uris(decode_images(thumbnail_table_of({"id": range(3)}, images)))

    assert images.tolist() == [opened(uri).tolist() for uri in uris]


def test_one_channel_written_out_is_grey(thumbnail_table_of: Any) -> None:
    """The shape (h, w, 1) is an image like (h, w)."""
    images = np.arange(12, dtype=np.uint8).reshape(1, 3, 4, 1)

    assert decode_images(thumbnail_table_of({"id": [0]}, images)).shape == (1, 3, 4)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_are_scaled_by_their_range(thumbnail_table_of: Any, dtype: str) -> None:
    """Standardized pixels lie around -0.4 to 2.8 and are drawn from black to white."""
    images = np.array([[[-0.5, 0.5], [1.5, 3.5]]], dtype=dtype)

    assert decode_images(thumbnail_table_of({"id": [0]}, images)).tolist() == [[[0, 64], [128, 255]]]


def test_wide_integers_are_scaled_by_their_type() -> None:
    """0 stays black, whatever else the table holds."""
    assert to_uint8(np.array([0, 32_768, 65_535], np.uint16)).tolist() == [0, 128, 255]


def test_what_is_not_finite_does_no_harm() -> None:
    """NaN is black, infinity the end of the scale."""
    assert to_uint8(np.array([np.nan, 0.0, 1.0, np.inf, -np.inf])).tolist() == [0, 0, 255, 255, 0]


def test_an_empty_table_has_no_thumbnails(thumbnail_table_of: Any) -> None:
    """Nothing is in quarantine: no thumbnail, no error."""
    table = thumbnail_table_of({"id": []}, np.empty((0, 28, 28), np.uint8))

    assert png_uris(decode_images(table)) == []


def test_images_over_the_budget_are_made_smaller() -> None:
    """Noise does not pack; sixty photographs of 128×128 must not make a page of many megabytes."""
    images = np.random.default_rng(0).integers(0, 256, (60, 128, 128, 3), dtype=np.uint8)
    uris = png_uris(images, budget=100_000)

    assert sum(map(len, uris)) < 1.4 * 100_000
    assert 8 <= opened(uris[0]).shape[0] < 128


def test_images_within_the_budget_are_not_touched(digits: Any) -> None:
    """A page of MNIST shows each pixel."""
    images, _ = digits

    assert {(8, 8)} == {opened(uri).shape for uri in png_uris(images[:100])}


@pytest.mark.parametrize(("shape", "expected"), [((28, 28), (56, 56)), ((16, 32), (64, 32)), ((256, 128), (28, 56))])
def test_small_images_grow_by_whole_multiples(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    """Each pixel of the image takes the same number of screen pixels."""
    assert expected == screen_size(shape)
