"""Fourfold enlargement: cubic B-splines through the pixels, then a Gaussian against the steps between them.

Unser: Splines, a perfect fit for signal and image processing (IEEE Signal Processing Magazine, 1999). Beyond an edge
the spline goes on as its mirror image about the middle of the outermost pixel, the Gaussian about that pixel's outer
edge. These are the conventions of scikit-image's pyramid_expand, which is the truth in the tests.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled

Plane = npt.NDArray[np.float32]

SCALE = 4
POLE = np.float32(math.sqrt(3) - 2)
"""Of the recursive filter that turns samples into the coefficients of a cubic spline through them."""

REACH = 5
"""How many enlarged pixels the Gaussian reaches: four standard deviations of 4/3 each, rounded."""


def _tap_weights() -> Plane:
    """Give what the spline's four coefficients around each of the four new pixels weigh: (4, 4) float32."""
    beyond = (np.arange(SCALE) + 0.5) / SCALE + 0.5  # of the coefficient before; the first two lie before the pixel
    t = beyond % 1
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 3 * (1 - t) ** 3 - 6 * (1 - t) ** 2 + 4, t**3]
    return np.asarray(np.stack(weights, axis=1) / 6, np.float32)


def _gaussian() -> Plane:
    """Give the weights of a pixel and of its neighbours at distance 1 … REACH: (6,) float32."""
    half = np.exp(-0.5 * (np.arange(REACH + 1) / (2 * SCALE / 6)) ** 2)
    return np.asarray(half / (2 * half.sum() - half[0]), np.float32)


TAPS, GAUSSIAN = _tap_weights(), _gaussian()


@compiled
def enlarge(image: Plane, stripes: Plane, spread: Plane, enlarged: Plane) -> None:
    """Enlarge one image, (h, w) float32 from 0 to 1, four times each way into `enlarged`, (4h, 4w).

    stripes: scratch, (4w, h). spread: scratch, (4h, 4w). Each pass filters along the first axis, so that its inner
    loop runs over pixels that lie together and do not depend on each other.
    """
    across, down = (
        np.empty((image.shape[1], image.shape[0]), np.float32),
        np.empty((len(image), len(stripes)), np.float32),
    )
    _transpose(image, across)
    _expand(across, stripes)
    _transpose(stripes, down)
    _expand(down, spread)
    for row in range(spread.shape[0]):
        for column in range(spread.shape[1]):
            # A spline overshoots at steep edges; what was never there must not count as the range of the image.
            spread[row, column] = min(max(spread[row, column], np.float32(0)), np.float32(1))
    _smooth(spread, enlarged)


@compiled
def _transpose(plane: Plane, turned: Plane) -> None:
    for row in range(plane.shape[0]):
        for column in range(plane.shape[1]):
            turned[column, row] = plane[row, column]


@compiled
def _expand(samples: Plane, expanded: Plane) -> None:
    """Set four values for each of `samples` along the first axis; `samples` become the spline's coefficients."""
    count, lanes = samples.shape
    if count > 1:
        _find_coefficients(samples)
    period = max(1, 2 * count - 2)
    for target in range(len(expanded)):
        first, phase = (target + 2) // SCALE - 2, target % SCALE
        for lane in range(lanes):
            expanded[target, lane] = 0
        for tap in range(4):
            place, weight = (first + tap) % period, TAPS[phase, tap]
            place = min(place, period - place) if count > 1 else 0
            for lane in range(lanes):
                expanded[target, lane] += weight * samples[place, lane]


@compiled
def _find_coefficients(samples: Plane) -> None:
    """Turn samples, at least two, into the coefficients of the spline through them: down the axis, then up."""
    count, lanes = samples.shape
    last = count - 1
    start = np.zeros(lanes, np.float32)
    for place in range(count):
        weight = POLE**place + (POLE ** (2 * last - place) if 0 < place < last else np.float32(0))
        if abs(weight) < 1e-9:
            break
        for lane in range(lanes):
            start[lane] += weight * samples[place, lane]
    scale = np.float32(1 / (1 - float(POLE) ** (2 * last)))
    for lane in range(lanes):
        samples[0, lane] = start[lane] * scale
    for place in range(1, count):
        for lane in range(lanes):
            samples[place, lane] += POLE * samples[place - 1, lane]
    for lane in range(lanes):
        end = samples[last, lane] + POLE * samples[last - 1, lane]
        samples[last, lane] = end * (6 * POLE / (POLE * POLE - 1))
    for place in range(last - 1, -1, -1):
        for lane in range(lanes):
            samples[place, lane] = POLE * (samples[place + 1, lane] - 6 * samples[place, lane])


@compiled
def _smooth(plane: Plane, smooth: Plane) -> None:
    """Convolve with the Gaussian, down and then across."""
    height, width = plane.shape
    padded = np.empty(width + 2 * REACH, np.float32)
    for row in range(height):
        for column in range(width):
            padded[REACH + column] = GAUSSIAN[0] * plane[row, column]
        for step in range(1, REACH + 1):
            above, below, weight = _reflect(row - step, height), _reflect(row + step, height), GAUSSIAN[step]
            for column in range(width):
                padded[REACH + column] += weight * (plane[above, column] + plane[below, column])
        for step in range(REACH):
            padded[step] = padded[REACH + _reflect(step - REACH, width)]
            padded[REACH + width + step] = padded[REACH + _reflect(width + step, width)]
        for column in range(width):
            smooth[row, column] = GAUSSIAN[0] * padded[REACH + column]
        for step in range(1, REACH + 1):
            before, after, weight = REACH - step, REACH + step, GAUSSIAN[step]
            for column in range(width):
                smooth[row, column] += weight * (padded[before + column] + padded[after + column])


@compiled
def _reflect(place: int, count: int) -> int:
    """Give the pixel that stands for `place`, which may lie outside 0 … count - 1 (c b a | a b c | c b a)."""
    place %= 2 * count
    return min(place, 2 * count - 1 - place)
