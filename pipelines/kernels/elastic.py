"""Elastic deformation: a smooth random displacement of every pixel.

Simard, Steinkraus, Platt: Best practices for convolutional neural networks applied to visual document analysis (ICDAR
2003). Noise, uniform in -1 … 1 and independent for each pixel and direction, is convolved with a Gaussian of standard
deviation sigma pixels that adds up to 1, and multiplied by alpha. The Gaussian is cut at 3 sigma; outside the image
the noise is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.kernels import compiled
from pipelines.kernels.philox import block
from pipelines.kernels.warp import Fields

TRUNCATE = 3.0
"""How many sigmas the Gaussian reaches."""


def elastic_fields(
    seed: int,
    stream: int,
    ids: Integers,
    copies: Integers,
    alphas: npt.NDArray[np.float64],
    sigma: float,
    shape: tuple[int, int],
) -> Fields:
    """Draw a field for each sample and copy: (n, 2, h, w) float32, pixels.

    ids, copies: (n,), which with seed and stream determine the noise. alphas: (n,), where 0 gives no displacement.
    """
    fields = np.zeros((len(ids), 2, *shape), np.float32)
    if fields.size:
        weights = gaussian(sigma).astype(np.float32)
        _draw(
            np.uint64(seed), np.uint64(stream), ids.astype(np.uint64), copies.astype(np.uint64), alphas, weights, fields
        )
    return fields


def gaussian(sigma: float) -> npt.NDArray[np.float64]:
    """Give the weights from -reach to reach, adding up to 1, with reach = round(3 sigma), as SciPy rounds it."""
    reach = int(TRUNCATE * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum())


@compiled
def _draw(seed: Any, stream: Any, ids: Any, copies: Any, alphas: Any, weights: Any, fields: Any) -> None:
    size, _, height, width = fields.shape
    reach = len(weights) // 2
    count = 2 * height * width
    noise = np.empty(count + 4, np.float32)
    # Room for the reach on both sides: the inner loops then need no bounds, and the compiler vectorises them.
    tall = np.zeros((height + 2 * reach, width), np.float32)
    wide = np.zeros(width + 2 * reach, np.float32)
    for sample in range(size):
        alpha = np.float32(alphas[sample])
        if alpha == 0:
            continue
        for number in range((count + 7) // 8):
            words = block(seed, stream, ids[sample], copies[sample], np.uint64(number))
            for place in range(4):
                # Two 32-bit halves of each word: 24 bits of each fill a float32's fraction.
                at = number * 8 + place * 2
                if at < count:
                    noise[at] = np.float32(np.int64(words[place] >> np.uint64(40))) * np.float32(2.0**-23) - 1
                    low = np.int64((words[place] >> np.uint64(8)) & np.uint64(0xFFFFFF))
                    noise[at + 1] = np.float32(low) * np.float32(2.0**-23) - 1
        for axis in range(2):
            for row in range(height):
                for column in range(width):
                    wide[reach + column] = noise[(axis * height + row) * width + column]
                target = tall[reach + row]
                target[:] = 0
                for step in range(len(weights)):
                    weight = weights[step] * alpha
                    for column in range(width):
                        target[column] += weight * wide[column + step]
            for row in range(height):
                line = fields[sample, axis, row]
                for step in range(len(weights)):
                    for column in range(width):
                        line[column] += weights[step] * tall[row + step, column]
