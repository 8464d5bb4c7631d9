"""Contrast, brightness and the noise of a sensor, in one pass over fractions of the white level."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from pipelines.kernels import as_planes, compiled
from pipelines.kernels.philox import block

Amounts = npt.NDArray[Any]


def expose(
    fractions: Images,
    seed: int,
    stream: int,
    ids: Integers,
    copies: Integers,
    contrast: Amounts,
    brightness: Amounts,
    noise: Amounts,
    impulse: Amounts,
) -> Images:
    """Simulate a sensor's exposure and noise for each image: new images, clipped to 0 … 1.

    fractions: (n, h, w) or (n, h, w, c), float32 or float64, 0 the background and 1 the white level. A pixel x becomes
    1/2 + contrast · (x - 1/2) + brightness + noise · z with z from the standard normal distribution, independent for
    each pixel; then a fraction `impulse` of the pixels is set to 0 or 1, either as likely (salt and pepper).
    ids, copies: (n,), which with seed and stream determine the noise. The amounts: (n,) each.
    """
    exposed = np.ascontiguousarray(as_planes(fractions)).copy()
    if fractions.size:
        counters = ids.astype(np.uint64), copies.astype(np.uint64)
        amounts = np.stack([contrast, brightness, noise, impulse], axis=1).astype(np.float64)
        flat = exposed.reshape(len(fractions), -1)
        _expose(np.uint64(seed), np.uint64(stream), *counters, amounts, normal_quantiles(), flat)
    return exposed.reshape(fractions.shape)


def normal_quantiles() -> npt.NDArray[np.float32]:
    """Give the standard normal distribution in 65,536 equally likely values, from -4.3 to 4.3, smallest first.

    Looked up by sixteen random bits, they are the same on every machine; logarithms and sines are not, to the last
    digit.
    """
    from scipy.special import ndtri

    return np.asarray(ndtri((np.arange(65_536) + 0.5) / 65_536), np.float32)


@compiled
def _expose(seed: Any, stream: Any, ids: Any, copies: Any, amounts: Any, quantiles: Any, flat: Any) -> None:
    """Change the images in place. flat: (n, pixels). Each pixel has 32 bits: 16 for the noise, 16 for the impulse."""
    size, count = flat.shape
    for image in range(size):
        contrast, brightness, noise = amounts[image, 0], amounts[image, 1], amounts[image, 2]
        struck = np.int64(amounts[image, 3] * 65_536 + 0.5)
        for number in range((count + 7) // 8):
            words = block(seed, stream, ids[image], copies[image], np.uint64(number))
            for part in range(min(8, count - number * 8)):
                bits = np.int64(words[part // 2] >> np.uint64(32 * (part % 2)))
                pixel = number * 8 + part
                value = 0.5 + contrast * (flat[image, pixel] - 0.5) + brightness
                value += noise * quantiles[bits & 0xFFFF]
                strike = (bits >> 16) & 0xFFFF
                if strike < struck:
                    value = strike & 1
                flat[image, pixel] = min(max(value, 0.0), 1.0)
