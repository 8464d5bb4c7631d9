"""Optical blurs: Gaussian, frosted glass, motion. Beyond an edge its pixels are repeated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled
from pipelines.kernels.noise import Draws, Planes, fill_uniforms

TRUNCATE = 3.0
"""How many sigmas a Gaussian reaches."""


def gaussian(sigma: float) -> npt.NDArray[np.float32]:
    """Give the weights of a Gaussian, adding up to 1, an odd number of them. sigma: pixels."""
    reach = int(TRUNCATE * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)


@compiled
def smooth(plane: Any, weights: Any, wide: Any, tall: Any, smoothed: Any) -> None:
    """Convolve a plane, (h, w), with the same weights down and across, an odd number of them.

    wide: scratch, (w + 2 reach,). tall: scratch, (h + 2 reach, w). reach: half the number of weights. The inner loops
    have no bounds to test, so that they are vectorised.
    """
    height, width = plane.shape
    reach = len(weights) // 2
    for row in range(height):
        wide[:reach] = plane[row, 0]
        wide[reach + width :] = plane[row, width - 1]
        for column in range(width):
            wide[reach + column] = plane[row, column]
        target = tall[reach + row]
        target[:] = 0
        for step in range(len(weights)):
            for column in range(width):
                target[column] += weights[step] * wide[column + step]
    for step in range(reach):
        tall[step] = tall[reach]
        tall[reach + height + step] = tall[reach + height - 1]
    smoothed[:] = 0
    for row in range(height):
        target = smoothed[row]
        for step in range(len(weights)):
            for column in range(width):
                target[column] += weights[step] * tall[row + step, column]


def frosted_glass(planes: Planes, draws: Draws, sigma: float, reach: int, fraction: float) -> Planes:
    """Blur, exchange pixels with near ones, blur again (Hendrycks & Dietterich 2019, "frosted glass").

    sigma: of the Gaussian, pixels. The fraction of the pixels, the last ones first, change places with a random one at
    most `reach` rows and columns away; all channels move together.
    """
    seen = np.empty_like(planes)
    _frosted_glass(planes, *draws.key, gaussian(sigma), int(reach), np.float32(fraction), seen)
    return seen


@compiled
def _frosted_glass(
    planes: Planes,
    seed: Any,
    stream: Any,
    ids: Any,
    severity: Any,
    weights: Any,
    reach: int,
    fraction: Any,
    seen: Planes,
) -> None:
    size, channels, height, width = planes.shape
    tall = np.empty((height + len(weights) - 1, width), np.float32)
    wide = np.empty(width + len(weights) - 1, np.float32)
    numbers = np.empty(2 * height * width, np.float32)
    blurred = np.empty((channels, height, width), np.float32)
    for image in range(size):
        for channel in range(channels):
            smooth(planes[image, channel], weights, wide, tall, blurred[channel])
        fill_uniforms(seed, stream, ids[image], severity, numbers)
        _exchange(blurred, numbers, reach, fraction)
        for channel in range(channels):
            smooth(blurred[channel], weights, wide, tall, seen[image, channel])


@compiled
def _exchange(planes: Any, numbers: Any, reach: int, fraction: Any) -> None:
    """Exchange pixels of (channels, h, w) in place. numbers: (2 h w,) from 0 to 1."""
    channels, height, width = planes.shape
    places = np.float32(2 * reach + 1)
    at = 0
    for row in range(height - 1, -1, -1):
        for column in range(width - 1, -1, -1):
            down, right = numbers[at] * places, numbers[at + 1] * places
            at += 2
            # The fractional part of the number is as random as its integer part.
            moves = down - np.floor(down) < fraction
            other_row, other_column = row + int(down) - reach, column + int(right) - reach
            if moves and 0 <= other_row < height and 0 <= other_column < width:
                for channel in range(channels):
                    value = planes[channel, row, column]
                    planes[channel, row, column] = planes[channel, other_row, other_column]
                    planes[channel, other_row, other_column] = value


def trail_weights(sigma: float) -> npt.NDArray[np.float32]:
    """Give how strong a moving point is 0, 1, 2, … pixels back: half a Gaussian to 3 sigma, adding up to 1."""
    back = np.arange(max(1, int(TRUNCATE * sigma + 0.5)) + 1)
    weights = np.exp(-0.5 * (back / sigma) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)


def motion_trail(planes: Planes, angles: npt.NDArray[np.float64], sigma: float) -> Planes:
    """Blur each image along a trail.

    angles: (n,) radians, the direction of the trail, counter-clockwise from the right. sigma: of its strength along
    it, pixels.
    """
    moved = np.zeros_like(planes)
    _motion_trail(planes, angles, trail_weights(sigma), moved)
    return moved


@compiled
def _motion_trail(planes: Planes, angles: npt.NDArray[np.float64], weights: Any, moved: Planes) -> None:
    size, channels, height, width = planes.shape
    reach = len(weights)  # the last point is len(weights) - 1 pixels away, and is split with one pixel beyond
    kernel = np.empty((2 * reach + 1, 2 * reach + 1), np.float32)
    padded = np.empty((height + 2 * reach, width + 2 * reach), np.float32)
    for image in range(size):
        trail(angles[image], weights, kernel)
        for channel in range(channels):
            _pad(planes[image, channel], padded)
            target = moved[image, channel]
            for down in range(2 * reach + 1):
                for across in range(2 * reach + 1):
                    weight = kernel[down, across]
                    if weight > 0:
                        for row in range(height):
                            # Ink that goes down by `down - reach` comes from that much above.
                            source = padded[row + 2 * reach - down]
                            line = target[row]
                            for column in range(width):
                                line[column] += weight * source[column + 2 * reach - across]


@compiled
def trail(angle: float, weights: Any, kernel: npt.NDArray[np.float32]) -> None:
    """Fill a convolution kernel, (2 reach + 1, 2 reach + 1), with a trail that begins in its middle.

    Each point of the trail is split among its four neighbours, as a bilinear interpolation would read them.
    """
    reach = kernel.shape[0] // 2
    kernel[:] = 0
    for step in range(len(weights)):
        down, across = reach - step * math.sin(angle), reach + step * math.cos(angle)
        top, left = math.floor(down), math.floor(across)
        lower, right = down - top, across - left
        for row in range(2):
            for column in range(2):
                fraction = (lower if row else 1 - lower) * (right if column else 1 - right)
                if fraction > 0:
                    kernel[top + row, left + column] += np.float32(weights[step] * fraction)


@compiled
def _pad(plane: Any, padded: npt.NDArray[np.float32]) -> None:
    height, width = plane.shape
    reach = (padded.shape[0] - height) // 2
    for row in range(padded.shape[0]):
        source = plane[min(max(row - reach, 0), height - 1)]
        line = padded[row]
        line[:reach] = source[0]
        line[reach + width :] = source[width - 1]
        for column in range(width):
            line[reach + column] = source[column]
