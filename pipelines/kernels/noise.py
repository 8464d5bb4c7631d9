"""Random numbers an image at a time, and the noise made of them: shot noise and impulse noise.

An image's numbers are a function of the seed, the corruption's stream, the sample's id and the severity, so neither the
other images nor their order matter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.kernels import compiled
from pipelines.kernels.philox import block, uniforms

Planes = npt.NDArray[np.float32]
"""(n, channels, height, width) float32, from 0 for the background to 1 for the white level."""


@dataclass(frozen=True)
class Draws:
    """Where the random numbers of images come from. ids: (n,), of the samples."""

    seed: int
    stream: int
    ids: Integers
    severity: int

    @property
    def key(self) -> tuple[Any, Any, npt.NDArray[np.uint64], Any]:
        """The same as the 64-bit words that a kernel takes."""
        return np.uint64(self.seed), np.uint64(self.stream), self.ids.astype(np.uint64), np.uint64(self.severity)

    def numbers(self, count: int) -> npt.NDArray[np.float64]:
        """Draw `count` numbers from [0, 1) for each image: (count, n), so that those of one kind are contiguous."""
        drawn = uniforms(self.seed, self.stream, self.ids, np.full(len(self.ids), self.severity), count)
        return np.ascontiguousarray(drawn.T)


@compiled
def fill_uniforms(seed: Any, stream: Any, sample: Any, severity: Any, numbers: npt.NDArray[np.float32]) -> None:
    """Fill (count,) with numbers between 0 and 1, neither of them included; number k does not depend on the count.

    16 bits each, so that one block of Philox gives 16 of them: enough for a pixel's noise, and four times as fast.
    """
    count = len(numbers)
    for number in range((count + 15) // 16):
        words = block(seed, stream, sample, severity, np.uint64(number))
        for place in range(4):
            for part in range(4):
                at = number * 16 + place * 4 + part
                if at < count:
                    bits = np.int64((words[place] >> np.uint64(16 * part)) & np.uint64(0xFFFF))
                    numbers[at] = (np.float32(bits) + np.float32(0.5)) * np.float32(2.0**-16)


def count_photons(planes: Planes, draws: Draws, photons: float) -> Planes:
    """Replace each pixel by a Poisson count of mean `photons` × its fraction of the white level, over `photons`.

    The background sends no light, so it stays as it is.
    """
    counted = np.zeros_like(planes)
    size = len(planes)
    _count_photons(planes.reshape(size, -1), *draws.key, float(photons), counted.reshape(size, -1))
    return counted


@compiled
def _count_photons(
    flat: npt.NDArray[np.float32],
    seed: Any,
    stream: Any,
    ids: Any,
    severity: Any,
    photons: float,
    counted: npt.NDArray[np.float32],
) -> None:
    size, pixels = flat.shape
    for image in range(size):
        current, words = -1, block(seed, stream, ids[image], severity, np.uint64(0))
        for pixel in range(pixels):
            mean = float(flat[image, pixel]) * photons
            if mean > 0:
                if pixel // 4 != current:
                    current = pixel // 4
                    words = block(seed, stream, ids[image], severity, np.uint64(current))
                chance = np.int64(words[pixel % 4] >> np.uint64(11)) * 2.0**-53
                counted[image, pixel] = _poisson(mean, chance) / photons


@compiled
def _poisson(mean: float, chance: float) -> int:
    """Give the smallest count whose cumulative probability is above `chance` (inversion; Devroye 1986, X.3)."""
    count, term = 0, math.exp(-mean)
    total = term
    while chance >= total and count < 1000:  # beyond, the terms are too small to add anything
        count += 1
        term *= mean / count
        total += term
    return count


def salt_and_pepper(planes: Planes, draws: Draws, fraction: float) -> Planes:
    """Set a fraction of the values to the background or the white level, each as often."""
    noisy = planes.copy()
    size = len(planes)
    _salt_and_pepper(noisy.reshape(size, -1), *draws.key, np.float32(fraction))
    return noisy


@compiled
def _salt_and_pepper(
    noisy: npt.NDArray[np.float32], seed: Any, stream: Any, ids: Any, severity: Any, fraction: Any
) -> None:
    size, pixels = noisy.shape
    numbers = np.empty(pixels, np.float32)
    for image in range(size):
        fill_uniforms(seed, stream, ids[image], severity, numbers)
        for pixel in range(pixels):
            number = numbers[pixel]
            kept = noisy[image, pixel]
            noisy[image, pixel] = (
                (np.float32(0) if number < fraction / 2 else np.float32(1)) if number < fraction else kept
            )
