"""The kernels of augmentation against SciPy, and against what their definitions say."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndimage
import scipy.stats

from pipelines.kernels.blur import TRUNCATE, blur
from pipelines.kernels.elastic import elastic_fields
from pipelines.kernels.exposure import expose, normal_quantiles
from pipelines.kernels.morphology import thicken
from pipelines.kernels.perspective import add_perspective
from pipelines.kernels.philox import block

SHAPES = [(28, 28), (1, 1), (1, 9), (5, 12), (7, 6, 3)]
KINDS = ["uint8", "int16", "float16", "float32", "float64"]


def pictures(shape: tuple[int, ...], kind: str = "uint8", count: int = 5) -> np.ndarray:
    """Give read-only noise with some ground, so that a kernel that writes to its input fails."""
    images = np.random.default_rng(1).integers(-100, 256, (count, *shape)).clip(0).astype(kind)
    images.flags.writeable = False
    return images


def noise_of(seed: int, stream: int, sample: int, copy: int, count: int) -> np.ndarray:
    """Give a field's noise from the generator's words: a byte each, lowest first, from -1 to 1."""
    words = [block(*map(np.uint64, (seed, stream, sample, copy, number))) for number in range(-(-count // 32))]
    return (2.0 * np.array(words, "<u8").view(np.uint8).reshape(-1)[:count] - 255) / 256


@pytest.mark.parametrize("shape", [(28, 28), (1, 1), (5, 12), (40, 3)])
@pytest.mark.parametrize("sigma", [0.6, 1.0, 4.0, 9.0])
def test_a_field_is_scipys_gaussian_of_noise_at_nodes_sigma_apart(shape: tuple[int, int], sigma: float) -> None:
    """The noise is spread over an empty plane, and SciPy smooths that; the strength is Simard's for its spacing."""
    spacing = max(1, int(sigma))
    fields = elastic_fields(3, 1, np.array([4, 9]), np.array([1, 2]), np.array([8.0, 2.0]), sigma, shape)

    for row, (sample, copy, alpha) in enumerate(((4, 1, 8.0), (9, 2, 2.0))):
        nodes = tuple((length - 1) // spacing + 8 for length in shape)
        noise = noise_of(3, 1, sample, copy, 2 * nodes[0] * nodes[1]).reshape(*nodes, 2)
        for axis in range(2):
            plane = np.zeros(tuple(count * spacing for count in nodes))
            plane[::spacing, ::spacing] = noise[:, :, axis]
            smooth = spacing * alpha * ndimage.gaussian_filter(plane, sigma, mode="constant", truncate=4)
            inner = smooth[3 * spacing :, 3 * spacing :][: shape[0], : shape[1]]
            np.testing.assert_allclose(inner, fields[row, axis], atol=0.005 * alpha)


@pytest.mark.parametrize("sigma", [1.0, 3.0, 4.0])
def test_displacements_are_as_large_and_as_smooth_as_simards(sigma: float) -> None:
    """Deviation alpha / (sigma √(12π)), correlation exp(-d² / 4 sigma²), in the middle as at the edge."""
    fields = elastic_fields(0, 1, np.arange(4000), np.ones(4000, np.int64), np.full(4000, 20.0), sigma, (21, 21))
    places = fields.reshape(4000, 2, 441).astype(float)

    expected = np.sqrt(ndimage.gaussian_filter(np.eye(1, 81 * 81, 3280).reshape(81, 81), sigma, truncate=8) ** 2 / 3)
    std = 20 * np.sqrt((expected**2).sum())
    assert places.std(axis=0).mean() == pytest.approx(std, rel=0.01)
    if sigma > 2:
        assert std == pytest.approx(20 / (sigma * np.sqrt(12 * np.pi)), rel=0.01)
    assert places.std(axis=0).min() > 0.95 * std
    for distance in (2, 5):
        found = (fields[..., distance:] * fields[..., :-distance]).mean() / fields.var()
        assert found == pytest.approx(np.exp(-(distance**2) / (4 * sigma**2)), abs=0.02)


def test_a_field_of_strength_0_is_none_at_all() -> None:
    """And the field of one sample does not depend on its neighbours, nor on how many there are."""
    ids, copies = np.arange(150), np.ones(150, np.int64)
    alphas = np.where(np.arange(150) % 3, 8.0, 0.0)
    fields = elastic_fields(0, 1, ids, copies, alphas, 4.0, (9, 9))

    assert np.abs(fields[::3]).max() == 0
    for row in (1, 65, 149):
        alone = elastic_fields(0, 1, ids[row : row + 1], copies[:1], alphas[row : row + 1], 4.0, (9, 9))
        np.testing.assert_array_equal(fields[row : row + 1], alone)


def by_definition(plane: np.ndarray, radius: float) -> np.ndarray:
    """Dilate with the soft disc, pixel by pixel."""
    dilated = plane.copy()
    for row, column in np.ndindex(plane.shape):
        for other in np.ndindex(plane.shape):
            cover = min(1, radius + 1 - np.hypot(other[0] - row, other[1] - column))
            dilated[row, column] = max(dilated[row, column], plane[other] * cover)
    return dilated


@pytest.mark.parametrize("amount", [-1.7, -1.0, -0.4, 0.0, 0.4, 1.0, 2.5])
@pytest.mark.parametrize("shape", [(9, 9), (1, 1), (1, 9), (5, 7)])
def test_thickening_is_dilation_by_a_soft_disc(shape: tuple[int, int], amount: float) -> None:
    """And thinning is the same done to what is missing to the brightest pixel."""
    images = pictures(shape, "float64")

    found = thicken(images, np.full(5, amount))

    for image, changed in zip(images, found, strict=True):
        if amount >= 0:
            expected = by_definition(image, amount)
        else:
            expected = image.max() - by_definition(image.max() - image, -amount)
        np.testing.assert_allclose(expected, changed, atol=1e-9)


def test_a_black_and_white_stroke_grows_as_in_binary_morphology() -> None:
    """One pixel in the four directions for each whole amount; what shrinks stays within."""
    image = np.zeros((1, 15, 15), np.uint8)
    image[0, 4:10, 6:9] = 255

    grown = thicken(image, np.array([1.0]))[0] == 255
    shrunk = thicken(image, np.array([-1.0]))[0] == 255

    np.testing.assert_array_equal(ndimage.binary_dilation(image[0]), grown)
    np.testing.assert_array_equal(ndimage.binary_erosion(image[0]), shrunk)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_blur_is_scipys(shape: tuple[int, ...], kind: str) -> None:
    """Whole numbers to half a level, floats to their own precision."""
    images, sigmas = pictures(shape, kind), np.array([0.0, 0.4, 1.0, 2.5, 0.1])

    blurred = blur(images, sigmas, background=3)

    for image, sigma, found in zip(images, sigmas, blurred, strict=True):
        spread = (sigma, sigma, *(0 for _ in shape[2:]))
        expected = ndimage.gaussian_filter(image.astype(float), spread, mode="constant", cval=3, truncate=TRUNCATE)
        tolerance = {"float16": 0.2, "float32": 1e-3, "float64": 1e-9}.get(kind, 0.5001)
        assert np.abs(expected - found.astype(float)).max() <= tolerance
    assert (images.shape, images.dtype) == (blurred.shape, blurred.dtype)


def exposed(fractions: np.ndarray, **amounts: float) -> np.ndarray:
    """Expose images, all by the same amounts; those not named change nothing."""
    values = {"contrast": 1.0, "brightness": 0.0, "noise": 0.0, "impulse": 0.0} | amounts
    size = len(fractions)
    each = [np.full(size, value) for value in values.values()]
    return expose(fractions, 5, 2, np.arange(size), np.ones(size, np.int64), *each)


def test_contrast_and_brightness_are_a_line_through_middle_grey() -> None:
    """Clipped to what a picture can hold."""
    fractions = np.linspace(0, 1, 36, dtype=np.float32).reshape(1, 6, 6)

    found = exposed(fractions, contrast=1.5, brightness=0.1)

    np.testing.assert_allclose(np.clip(0.5 + 1.5 * (fractions - 0.5) + 0.1, 0, 1), found, atol=1e-6)
    np.testing.assert_array_equal(fractions, exposed(fractions))


def test_noise_is_normal_with_the_deviation_asked_for() -> None:
    """By the Kolmogorov-Smirnov test on a hundred thousand pixels, and no two images have the same."""
    found = exposed(np.full((100, 32, 32), 0.5, np.float32), noise=0.1) - 0.5

    assert scipy.stats.kstest(found.reshape(-1) / 0.1, "norm").pvalue > 0.01
    assert len(np.unique(found.reshape(100, -1), axis=0)) == 100
    assert normal_quantiles().astype(float).std() == pytest.approx(1, abs=1e-3)


def test_impulses_strike_the_share_asked_for_half_of_them_white() -> None:
    """The other pixels stay."""
    found = exposed(np.full((100, 32, 32), 0.5, np.float32), impulse=0.1)

    assert (found == 0).mean() == pytest.approx(0.05, abs=0.003)
    assert (found == 1).mean() == pytest.approx(0.05, abs=0.003)
    assert set(np.unique(found)) == {0, 0.5, 1}


@pytest.mark.parametrize("shape", [(28, 28), (5, 12), (1, 1)])
def test_perspective_is_the_homography_of_its_definition(shape: tuple[int, int]) -> None:
    """Written as a 3 by 3 matrix, after the affine one."""
    rng = np.random.default_rng(0)
    height, width = shape
    matrices = np.concatenate([np.eye(2) + rng.normal(0, 0.1, (4, 2, 2)), rng.normal(0, 1, (4, 2, 1))], axis=2)
    right, down = np.array([0.0, 0.2, -0.1, 0.3]), np.array([0.0, 0.0, 0.2, -0.3])
    fields = np.zeros((4, 2, *shape), np.float32)

    add_perspective(fields, matrices, right, down)

    grid = np.stack([*np.indices(shape), np.ones(shape)]).reshape(3, -1)
    to_middle = np.array([[1, 0, -(height - 1) / 2], [0, 1, -(width - 1) / 2], [0, 0, 1]])
    for row in range(4):
        affine = np.vstack([matrices[row], [0, 0, 1]])
        tilt = np.array([[1, 0, 0], [0, 1, 0], [2 * down[row] / height, 2 * right[row] / width, 1]])
        expected = np.linalg.inv(to_middle) @ tilt @ to_middle @ affine @ grid
        found = (affine @ grid)[:2].reshape(2, *shape) + fields[row]
        np.testing.assert_allclose((expected[:2] / expected[2]).reshape(2, *shape), found, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_images_are_no_error(shape: tuple[int, ...]) -> None:
    """An empty partition goes through every kernel."""
    none, nothing = np.empty((0, *shape), np.uint8), np.empty(0)

    assert none.shape == thicken(none, nothing).shape == blur(none, nothing).shape
    assert none.shape == exposed(none.astype(np.float32)).shape
    assert (0, 2, *shape[:2]) == elastic_fields(0, 0, *([np.empty(0, np.int64)] * 2), nothing, 4.0, shape[:2]).shape
