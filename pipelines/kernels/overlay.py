"""Overlays on images: fog, spatter and strokes of a pen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled
from pipelines.kernels.noise import Draws, Planes, fill_uniforms
from pipelines.kernels.optics import gaussian, smooth

Strokes = npt.NDArray[np.float64]
"""(n, strokes, 4): from (row, column) to (row, column), in pixels from the first pixel's middle; a dot ends at once."""


def plasma(draws: Draws, height: int, width: int, decay: float) -> npt.NDArray[np.float32]:
    """Draw a cloud for each image, (n, h, w), from 0 to 1, by the diamond-square algorithm.

    Fournier, Fussell, Carpenter: Computer rendering of stochastic models (CACM 25, 1982). decay: how many times
    smaller the noise is on each grid than on the one twice as coarse. The cloud's side is a power of two and its edges
    fit together, so in a long image it is repeated: it takes at most four times an image's memory.
    """
    side = 1
    while side * side < height * width:
        side *= 2
    clouds = np.empty((len(draws.ids), height, width), np.float32)
    _plasma(*draws.key, np.float32(decay), side, clouds)
    return clouds


@compiled
def _plasma(
    seed: Any, stream: Any, ids: Any, severity: Any, decay: Any, side: int, clouds: npt.NDArray[np.float32]
) -> None:
    size, height, width = clouds.shape
    noise = np.empty(side * side, np.float32)
    grid = np.empty((side, side), np.float32)
    for image in range(size):
        fill_uniforms(seed, stream, ids[image], severity, noise)
        _diamond_square(noise, decay, grid)
        low, high = grid.min(), grid.max()
        scale = 1 / (high - low) if high > low else np.float32(0)
        shift = np.float32(0) if high > low else np.float32(0.5)  # a single pixel: half fog
        for row in range(height):
            for column in range(width):
                clouds[image, row, column] = (grid[row % side, column % side] - low) * scale + shift


@compiled
def _diamond_square(noise: Any, decay: Any, grid: npt.NDArray[np.float32]) -> None:
    """Fill a grid whose side is a power of two; each number is used once."""
    side = grid.shape[0]
    last = side - 1  # `& last` is the remainder by the side, for negative numbers too
    grid[0, 0] = 0
    at, step, amount = 0, side, np.float32(1)
    quarter = np.float32(0.25)
    while step > 1:
        half = step // 2
        for row in range(0, side, step):
            below = (row + step) & last
            for column in range(0, side, step):
                right = (column + step) & last
                around = grid[row, column] + grid[row, right] + grid[below, column] + grid[below, right]
                grid[row + half, column + half] = around * quarter + amount * (2 * noise[at] - 1)
                at += 1
        for row in range(0, side, half):
            for column in range(half if row % step == 0 else 0, side, step):
                around = grid[(row - half) & last, column] + grid[(row + half) & last, column]
                around += grid[row, (column - half) & last] + grid[row, (column + half) & last]
                grid[row, column] = around * quarter + amount * (2 * noise[at] - 1)
                at += 1
        amount /= decay
        step = half


def blots(draws: Draws, height: int, width: int, sigma: float, threshold: float) -> npt.NDArray[np.float32]:
    """Draw for each image how far each pixel is covered, (n, h, w), from 0 to 1: the high places of smoothed noise.

    sigma: of the Gaussian that smooths it, pixels. threshold: in standard deviations of the smoothed noise, above
    which a pixel is covered; the border of a blot is half a standard deviation wide.
    """
    covers = np.empty((len(draws.ids), height, width), np.float32)
    _blots(*draws.key, gaussian(sigma), np.float32(threshold), covers)
    return covers


@compiled
def _blots(
    seed: Any, stream: Any, ids: Any, severity: Any, weights: Any, threshold: Any, covers: npt.NDArray[np.float32]
) -> None:
    size, height, width = covers.shape
    numbers = np.empty(height * width, np.float32)
    tall = np.empty((height + len(weights) - 1, width), np.float32)
    wide = np.empty(width + len(weights) - 1, np.float32)
    field = np.empty((height, width), np.float32)
    # Uniform noise has variance 1/12; the weights, applied down and across, multiply its standard deviation by Σ w².
    std = np.float32(math.sqrt(1 / 12)) * (weights * weights).sum()
    for image in range(size):
        fill_uniforms(seed, stream, ids[image], severity, numbers)
        smooth(numbers.reshape(height, width), weights, wide, tall, field)
        for row in range(height):
            for column in range(width):
                above = (field[row, column] - np.float32(0.5)) / std - threshold
                covers[image, row, column] = min(max(above * 2, np.float32(0)), np.float32(1))


def draw_strokes(planes: Planes, strokes: Strokes, radius: float) -> Planes:
    """Draw strokes with round ends in the white level over images, in all channels alike.

    radius: half the width, pixels; a pixel on the border is inked as far as the stroke covers it.
    """
    drawn = planes.copy()
    _draw_strokes(np.ascontiguousarray(strokes), float(radius), drawn)
    return drawn


@compiled
def _draw_strokes(strokes: Strokes, radius: float, drawn: Planes) -> None:
    size, channels, height, width = drawn.shape
    reach = radius + 0.5
    for image in range(size):
        for stroke in range(strokes.shape[1]):
            y, x = strokes[image, stroke, 0], strokes[image, stroke, 1]
            down, right = strokes[image, stroke, 2] - y, strokes[image, stroke, 3] - x
            length = down * down + right * right
            top, bottom = max(0.0, min(y, y + down) - reach), min(height - 1.0, max(y, y + down) + reach)
            left, edge = max(0.0, min(x, x + right) - reach), min(width - 1.0, max(x, x + right) + reach)
            for row in range(math.ceil(top), math.floor(bottom) + 1):
                for column in range(math.ceil(left), math.floor(edge) + 1):
                    along = ((row - y) * down + (column - x) * right) / length if length > 0 else 0.0
                    along = min(max(along, 0.0), 1.0)
                    away = (row - y - along * down) ** 2 + (column - x - along * right) ** 2
                    ink = np.float32(min(reach - math.sqrt(away), 1.0)) if away < reach * reach else np.float32(0)
                    for channel in range(channels):
                        drawn[image, channel, row, column] = max(drawn[image, channel, row, column], ink)
