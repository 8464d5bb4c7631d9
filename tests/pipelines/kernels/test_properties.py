"""What holds for every kernel on images: any size, channels and type, blank, constant and single-pixel ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.ndimage as ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipelines.kernels.blur import blur
from pipelines.kernels.moments import measure_moments
from pipelines.kernels.morphology import thicken
from pipelines.kernels.morphometry import measure_morphometrics
from pipelines.kernels.outliers import repair_outliers
from pipelines.kernels.warp import about_middle, warp

Array = npt.NDArray[Any]
Kernel = Callable[[Array], Array]

KINDS = st.sampled_from(["uint8", "uint16", "float32", "float64"])
SHAPES = st.one_of(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4)),
)
TURN = np.array([[[0.9, 0.2], [-0.1, 1.1]]])


def turned(images: Array) -> Array:
    """Turn and scale each image a little."""
    matrices = about_middle(TURN.repeat(len(images), 0), np.array([0.3, -0.2]), *images.shape[1:3])
    return warp(images, matrices)


KERNELS: dict[str, Kernel] = {
    "warp": turned,
    "blur": lambda images: blur(images, np.full(len(images), 0.8)),
    "thicken": lambda images: thicken(images, np.full(len(images), 0.7)),
    "thin": lambda images: thicken(images, np.full(len(images), -0.7)),
    "repair": lambda images: repair_outliers(images, 40)[0],
}


def frozen(images: Array) -> Array:
    """Give a copy that nothing may write to."""
    images = np.ascontiguousarray(images)
    images.flags.writeable = False
    return images


@st.composite
def batches(draw: st.DrawFn) -> Array:
    """Draw up to four images of one shape and type: noise, blank, of one value, of one pixel that is not 0."""
    kind, shape, count = draw(KINDS), draw(SHAPES), draw(st.integers(0, 4))
    images = np.zeros((count, *shape), kind)
    top = {"uint8": 255, "uint16": 65535}.get(kind, 1)
    for image in images:
        content = draw(st.sampled_from(["noise", "blank", "constant", "pixel"]))
        if content == "noise":
            image[...] = np.random.default_rng(draw(st.integers(0, 999))).random(shape) * top
        elif content == "constant":
            image[...] = top
        elif content == "pixel":
            image[tuple(draw(st.integers(0, length - 1)) for length in shape)] = top
    return frozen(images)


@pytest.mark.parametrize("name", KERNELS)
@settings(max_examples=40, deadline=None)
@given(images=batches())
def test_shape_type_and_range_are_kept_and_each_image_comes_out_as_alone(name: str, images: Array) -> None:
    """The input cannot be written to, no value leaves the range of its image and the background, and order is free."""
    kernel = KERNELS[name]
    changed = kernel(images)

    assert (changed.shape, changed.dtype) == (images.shape, images.dtype)
    for row, image in enumerate(images):
        np.testing.assert_array_equal(changed[row], kernel(images[row : row + 1])[0])
        slack = 1e-5 * float(image.max()) if image.dtype.kind == "f" else 0
        assert -slack <= changed[row].min() <= changed[row].max() <= image.max() + slack
    np.testing.assert_array_equal(changed[::-1], kernel(frozen(images[::-1])))


@settings(max_examples=60, deadline=None)
@given(images=batches())
def test_mass_centre_and_box_are_scipys(images: Array) -> None:
    """Of the mean of the channels; nothing of a blank image."""
    moments = measure_moments(images)

    for row, image in enumerate(images):
        grey = image.reshape(*image.shape[:2], -1).astype(float).mean(axis=2)
        assert moments.mass[row] == pytest.approx(grey.sum(), rel=1e-5)
        if grey.any():
            centre = ndimage.center_of_mass(grey)
            assert (moments.row[row], moments.column[row]) == pytest.approx(centre, abs=1e-3)
            (box,) = ndimage.find_objects((grey > 0).astype(int))
            ends = [moments.top[row], moments.left[row], moments.bottom[row] + 1, moments.right[row] + 1]
            assert ends == [box[0].start, box[1].start, box[0].stop, box[1].stop]
        else:
            assert np.isnan(moments.row[row])
            assert moments.top[row] == -1


def repaired_by_scipy(plane: Array, threshold: float) -> Array:
    """Replace what lies more than the threshold outside the range of its neighbours by their median."""
    around = np.ones((3, 3))
    around[1, 1] = 0
    padded = np.pad(plane.astype(float), 1, constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))[..., around.astype(bool)]
    if plane.size == 1:
        return plane
    far = (plane > np.nanmax(views, axis=-1) + threshold) | (plane < np.nanmin(views, axis=-1) - threshold)
    return np.where(far, np.nanmedian(views, axis=-1).astype(plane.dtype), plane)


@settings(max_examples=60, deadline=None)
@given(
    images=hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.float32]),
        st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 2)),
        elements={"min_value": 0, "max_value": 200},
        fill=st.just(0),
    ),
    threshold=st.sampled_from([0.0, 50.0, 127.5]),
)
def test_isolated_pixels_are_those_of_numpys_windows(images: Array, threshold: float) -> None:
    """Channel by channel, judged on the image as it was; the counts are those of the pixels that changed."""
    repaired, counts = repair_outliers(images, threshold)

    expected = np.empty_like(images)
    for row, channel in np.ndindex(len(images), images.shape[3]):
        expected[row, ..., channel] = repaired_by_scipy(images[row, ..., channel], threshold)
    np.testing.assert_array_equal(repaired, expected)
    np.testing.assert_array_equal(counts, (expected != images).sum(axis=(1, 2, 3)))


@settings(max_examples=40, deadline=None)
@given(images=batches())
def test_morphometrics_are_numbers_where_an_image_varies(images: Array) -> None:
    """NaN and 0 for blank and constant images; area and frame fit into the image."""
    measures = measure_morphometrics(images)

    for row, image in enumerate(images):
        grey = image.reshape(*image.shape[:2], -1).astype(float).mean(axis=2)
        if np.ptp(grey) == 0:
            assert np.isnan(measures.area[row])
            assert measures.components[row] == 0
        else:
            assert 0 < measures.area[row] <= grey.size
            assert 0 < measures.height[row] <= grey.shape[0]
            assert measures.thickness[row] > 0
            assert measures.components[row] >= 1
