"""Blurring by a Gaussian, each image by its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.kernels import as_planes, compiled, exact_type, without_halves

TRUNCATE = 3.0
"""How many sigmas the Gaussian reaches."""


def blur(images: Images, sigmas: npt.NDArray[Any], background: float = 0.0) -> Images:
    """Convolve each image with a Gaussian that adds up to 1; outside the image lies the background.

    images: (n, h, w) or (n, h, w, c), any real type. sigmas: (n,), pixels; 0 leaves an image as it is. New images, as
    ``scipy.ndimage.gaussian_filter`` gives them with ``mode="constant", cval=background, truncate=3``; integers are
    rounded, half upwards.
    """
    planes = as_planes(without_halves(images))
    blurred = planes.copy()
    if images.size:
        kind = np.empty(0, exact_type(images))
        _blur(planes, np.asarray(sigmas, np.float64), float(background), kind, images.dtype.kind in "biu", blurred)
    return blurred.reshape(images.shape).astype(images.dtype, copy=False)


@compiled
def _blur(planes: Any, sigmas: Any, background: float, kind: Any, whole: bool, blurred: Any) -> None:
    """Blur down, then across. kind: an array of the type that is calculated in."""
    size, height, width, channels = planes.shape
    for image in range(size):
        if sigmas[image] == 0:
            continue
        reach = int(TRUNCATE * sigmas[image] + 0.5)
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigmas[image]) ** 2)
        weights /= weights.sum()
        # Rows follow one another with a margin between, so that one loop goes over the whole image.
        stride = width + 2 * reach
        before = np.zeros((height + 2 * reach) * stride, kind.dtype)
        tall = np.zeros(height * stride, kind.dtype)
        wide = np.zeros(height * stride, kind.dtype)
        for channel in range(channels):
            for row in range(height):
                for column in range(width):
                    value = planes[image, row, column, channel] - background
                    before[(row + reach) * stride + column + reach] = value
            _convolve(before, weights, stride, tall)
            _convolve(tall, weights, 1, wide)
            for row in range(height):
                for column in range(width):
                    value = background + wide[row * stride + column]
                    blurred[image, row, column, channel] = np.floor(value + 0.5) if whole else value


@compiled
def _convolve(before: Any, weights: Any, step: int, after: Any) -> None:
    """Sum weighted neighbours that are `step` apart in memory, the first at the place itself."""
    after[:] = 0
    for tap in range(len(weights)):
        weight = before.dtype.type(weights[tap])
        source = before[tap * step :]
        for place in range(min(len(after), len(source))):
            after[place] += source[place] * weight
