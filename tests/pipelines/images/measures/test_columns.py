"""The columns of measures are what NumPy says they are, of any type of pixels, shape and polarity."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import center_of_mass

from pipelines.images.measures.intensity import range_of
from pipelines.images.measures.pixels import PIXEL_COLUMNS, PixelMeasures, in_chunks, measure_pixels
from pipelines.images.measures.robust_scale import FEWEST, robust_scale
from pipelines.images.measures.strokes import COUNTS, STROKE_COLUMNS, measure_strokes

Array = npt.NDArray[Any]

KINDS: dict[str, Any] = {
    "bytes": lambda values: (values * 255).astype(np.uint8),
    "signed": lambda values: (values * 2000 - 500).astype(np.int16),
    "half floats": lambda values: values.astype(np.float16),
    "doubles": lambda values: values * 3 - 1,
}


def pictures(shape: tuple[int, ...], kind: str, count: int = 12) -> Array:
    """Draw blots on a background of noise; the first is of one value."""
    generator = np.random.default_rng(5)
    values = generator.random((count, *shape)) ** 3
    values[:, 1:-1, 1:-1] += generator.random((count, shape[0] - 2, shape[1] - 2, *shape[2:]))
    values[0] = 0.5
    return np.asarray(KINDS[kind](values / 2))


@pytest.mark.parametrize("shape", [(9, 7), (3, 3), (6, 8, 3)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_measures_of_pixels_are_numpys(shape: tuple[int, ...], kind: str) -> None:
    """Image by image, as one would write them down."""
    images = pictures(shape, kind)
    wide = images.astype(np.float64)
    limits = range_of(images.dtype, wide.min(), wide.max())

    columns = measure_pixels(images, limits)

    assert tuple(sorted(columns)) == tuple(sorted(PIXEL_COLUMNS))
    for row, image in enumerate(wide):
        ring = np.ones(shape[:2], bool)
        ring[1:-1, 1:-1] = False
        border = image[ring].reshape(ring.sum(), -1)
        grey, planes = border.mean(axis=1), image.reshape(*shape[:2], -1)
        assert columns["lowest"][row] == image.min()
        assert columns["highest"][row] == image.max()
        assert columns["contrast"][row] == np.ptp(planes, axis=(0, 1)).max()
        assert columns["border_mean"][row] == pytest.approx(grey.mean(), rel=1e-12)
        assert columns["background"][row] == pytest.approx(np.median(grey), rel=1e-12)
        assert columns["border_zeros"][row] == (border == 0).sum()
        assert columns["mean"][row] == pytest.approx(image.mean() / limits.unit, rel=1e-12)
        assert columns["std"][row] == pytest.approx(image.std() / limits.unit, rel=1e-9, abs=1e-12)
        assert columns["ink"][row] == pytest.approx(image.sum() / limits.unit, rel=1e-12)
        mass = np.maximum(planes, 0).sum(axis=2)
        if mass.any():
            centre = columns["centre_row"][row], columns["centre_column"][row]
            assert centre == pytest.approx(center_of_mass(mass), rel=1e-9)
            box = [np.flatnonzero(mass.any(axis=axis))[[0, -1]] for axis in (1, 0)]
            found = [columns[name][row] for name in ("top", "bottom", "left", "right")]
            assert found == np.concatenate(box).tolist()


def test_pixels_that_are_not_finite_are_counted_and_left_out_of_the_range() -> None:
    """An image without a finite pixel has no range."""
    images = pictures((5, 5), "doubles").astype(np.float32)
    images[1, 0, :3] = np.nan, np.inf, -np.inf
    images[2] = np.nan

    columns = measure_pixels(images, range_of(images.dtype, -1, 2))

    assert columns["not_finite"].tolist() == [0, 3, 25, *[0] * 9]
    assert columns["lowest"][1] == images[1][np.isfinite(images[1])].min()
    assert columns["highest"][1] == images[1][np.isfinite(images[1])].max()
    assert (columns["lowest"][2], columns["highest"][2]) == (np.inf, -np.inf)


@pytest.mark.parametrize("kind", KINDS)
def test_dark_strokes_on_a_bright_background_measure_as_their_negative(kind: str) -> None:
    """Whatever the type; an image of one value has no strokes either way."""
    images = pictures((12, 12), kind)
    negative = (images.max() + images.min() - images.astype(np.float64)).astype(images.dtype)

    bright, dark = measure_strokes(images), measure_strokes(negative, reverse=True)

    for name in STROKE_COLUMNS:
        np.testing.assert_allclose(bright[name], dark[name], rtol=2e-2 if kind == "half floats" else 1e-4, err_msg=name)
    assert np.isnan(bright["area"][0])
    assert [int(bright[name][0]) for name in COUNTS] == [0, 0, 0]
    assert np.isfinite(bright["area"][1:]).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 9), (9, 1, 3)], ids=str)
def test_images_too_small_to_have_a_border_are_measured(shape: tuple[int, ...]) -> None:
    """Their background is not known; neither kind fails on none of them."""
    images = np.random.default_rng(0).integers(0, 256, (4, *shape), np.uint8)
    measure = PixelMeasures(range_of(images.dtype, 0, 255))

    assert np.isnan(in_chunks(images, measure)["background"]).all()
    for columns in (in_chunks(images[:0], measure), in_chunks(images[:0], measure_strokes)):
        assert {len(values) for values in columns.values()} == {0}


def test_the_robust_scale_is_the_classs_own_where_it_is_large_enough() -> None:
    """A few faults in a hundred do not move it; a small class takes that of all."""
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.normal(5, 1, 4000), generator.normal(50, 3, 4000), [7.0] * (FEWEST - 1)])
    labels = np.repeat([0, 1, 2], [4000, 4000, FEWEST - 1])
    values[:100] = 1e6
    values[4000] = np.nan

    scale = robust_scale(values, labels)

    assert scale.median[[200, 5000]] == pytest.approx([5, 50], rel=0.03)
    assert scale.above[[200, 5000]] == pytest.approx([1, 3], rel=0.15)
    assert scale.below[[200, 5000]] == pytest.approx([1, 3], rel=0.15)
    assert scale.median[-1] == pytest.approx(np.nanmedian(values))
    assert scale.spreads_above(values, 0.1)[300] == -scale.spreads_below(values, 0.1)[300] * (
        max(scale.below[300], 0.1) / max(scale.above[300], 0.1)
    )
