"""Aligning pairs of images: the small turn, scaling, shift, blur and change of grey that bring one nearest the other.

The second image of a pair is warped, and fitted to the first by least squares: by itself, its Laplacian (a slight blur,
or its opposite) and a constant, and while the warp is looked for also by its derivatives along a shift, a turn and a
scaling, which say how to warp it better (Gauss–Newton; Lucas and Kanade 1981, Simard, LeCun and Denker 1993).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

STEPS = 2
"""Of Gauss and Newton; with 3, 4 or 6 the distances of copies are the same."""

MOST_TURN, MOST_GROWTH, MOST_SHIFT = 0.1, 0.12, 1.5
"""How far an image is warped: radians, the logarithm of the scale, and pixels beyond the shift of the centres."""

LEAST_GAIN = 0.1
"""Of the second image in the fit; where it is less the two have too little in common to be aligned."""

EMPTY, INKED = 0.1, 0.4
"""Fractions of the peak: where both images are below the first is background, above the second all counts as ink."""

BACKGROUND = 0.2
"""Least fraction of the image that is background: from less its noise cannot be told."""

MOST_NOISE = 0.05
"""Of the peak, standard deviation: what differs more in the background is no noise."""

ITSELF, LAPLACIAN, CONSTANT, DOWN, RIGHT, TURN, GROWTH = range(7)
SQUARE = DOWN
"""The terms of the fit; the last fit has the square, a change of gamma, and no derivatives."""


@compiled
def align_pairs(
    images: Floats, centres: Doubles, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
) -> tuple[Doubles, Doubles]:
    """Warp the second image of each pair to the first, and measure how much of the ink still differs.

    images: (n, channels, height, width) float32, 0 for the background, of similar norm. centres: (n, 2), row and column
    of the ink's centre of mass from the middle of the image. first, second: (pairs,).
    Gives (pairs,) distances, the norm of the difference relative to the first's, within the ink of either, without what
    the noise of the background accounts for; and (pairs, 4) how the second is warped: turn in radians, logarithm of the
    scale, and how many pixels lower and further right it lies.
    """
    channels, height, width = images.shape[1:]
    distances, motions = np.empty(len(first)), np.zeros((len(first), 4))
    terms = np.zeros((7, channels, height, width), np.float32)
    for pair in range(len(first)):
        image, other, motion = images[first[pair]], images[second[pair]], motions[pair]
        start = centres[second[pair]] - centres[first[pair]]
        motion[2:] = start
        terms[CONSTANT] = np.float32(1)
        for _ in range(STEPS):
            _warp(other, motion, terms[ITSELF])
            _derive(terms)
            fit = _fit(terms, image, 7)
            if fit[ITSELF] <= LEAST_GAIN:
                break
            _move(motion, fit, start)
        _warp(other, motion, terms[ITSELF])
        _derive(terms)
        terms[SQUARE] = terms[ITSELF] * np.abs(terms[ITSELF])
        distances[pair] = _measure(image, terms, _fit(terms, image, 4))
    return distances, motions


@compiled
def _warp(image: Floats, motion: Doubles, warped: Floats) -> None:
    """Turn, scale and shift an image about its middle, interpolating linearly; its outermost pixels go on outside."""
    channels, height, width = image.shape
    middle, centre = np.float32((height - 1) / 2), np.float32((width - 1) / 2)
    scale = math.exp(motion[1])
    cosine, sine = np.float32(scale * math.cos(motion[0])), np.float32(scale * math.sin(motion[0]))
    for row in range(height):
        down = np.float32(row) - middle
        row_from = cosine * down + middle + np.float32(motion[2])
        column_from = sine * down + centre + np.float32(motion[3])
        for column in range(width):
            across = np.float32(column) - centre
            y, x = row_from - sine * across, column_from + cosine * across
            y = min(max(y, np.float32(0)), np.float32(height - 1.001))
            x = min(max(x, np.float32(0)), np.float32(width - 1.001))
            top, left = int(y), int(x)
            below, beyond = y - np.float32(top), x - np.float32(left)
            for channel in range(channels):
                upper, lower = image[channel, top], image[channel, top + 1]
                above = upper[left] + beyond * (upper[left + 1] - upper[left])
                under = lower[left] + beyond * (lower[left + 1] - lower[left])
                warped[channel, row, column] = above + below * (under - above)


@compiled
def _derive(terms: Floats) -> None:
    """Fill in the Laplacian of the warped image, and how it changes with a shift, a turn and a scaling."""
    channels, height, width = terms.shape[1:]
    half, four = np.float32(0.5), np.float32(4)
    middle, centre = np.float32((height - 1) / 2), np.float32((width - 1) / 2)
    for channel in range(channels):
        image = terms[ITSELF, channel]
        for row in range(1, height - 1):
            y = np.float32(row) - middle
            for column in range(1, width - 1):
                x = np.float32(column) - centre
                above, below = image[row - 1, column], image[row + 1, column]
                left, right = image[row, column - 1], image[row, column + 1]
                terms[LAPLACIAN, channel, row, column] = above + below + left + right - four * image[row, column]
                down, across = half * (below - above), half * (right - left)
                terms[DOWN, channel, row, column] = down
                terms[RIGHT, channel, row, column] = across
                terms[TURN, channel, row, column] = y * across - x * down
                terms[GROWTH, channel, row, column] = y * down + x * across


@compiled
def _fit(terms: Floats, image: Floats, count: int) -> Doubles:
    """Fit the first terms to an image by least squares: (count,) coefficients."""
    products, fit = np.zeros((count, count)), np.zeros(count)
    for term in range(count):
        for other in range(term + 1):
            products[term, other] = _product(terms[term], terms[other])
        fit[term] = _product(terms[term], image)
    _solve(products, fit)
    return fit


@compiled
def _product(image: Floats, other: Floats) -> float:
    channels, height, width = image.shape
    sums = np.zeros(width, np.float32)  # by column, which compiles to vector instructions
    for channel in range(channels):
        for row in range(height):
            here, there = image[channel, row], other[channel, row]
            for column in range(width):
                sums[column] += here[column] * there[column]
    total = 0.0
    for column in range(width):
        total += sums[column]
    return total


@compiled
def _solve(products: Doubles, values: Doubles) -> None:
    """Solve normal equations in place by Cholesky; a term that the ones before it make up takes no part."""
    count = len(values)
    for row in range(count):
        for column in range(row + 1):
            rest = products[row, column]
            for place in range(column):
                rest -= products[row, place] * products[column, place]
            if row == column:
                products[row, row] = math.sqrt(rest) if rest > 1e-9 else 1e9
            else:
                products[row, column] = rest / products[column, column]
    for row in range(count):
        for place in range(row):
            values[row] -= products[row, place] * values[place]
        values[row] /= products[row, row]
    for row in range(count - 1, -1, -1):
        for place in range(row + 1, count):
            values[row] -= products[place, row] * values[place]
        values[row] /= products[row, row]


@compiled
def _move(motion: Doubles, fit: Doubles, start: Doubles) -> None:
    """Warp further, by the derivatives' part in the fit."""
    gain, scale = fit[ITSELF], math.exp(motion[1])
    cosine, sine = scale * math.cos(motion[0]), scale * math.sin(motion[0])
    down, right = fit[DOWN] / gain, fit[RIGHT] / gain
    motion[0] = min(max(motion[0] + fit[TURN] / gain, -MOST_TURN), MOST_TURN)
    motion[1] = min(max(motion[1] + fit[GROWTH] / gain, -MOST_GROWTH), MOST_GROWTH)
    motion[2] += cosine * down - sine * right
    motion[3] += sine * down + cosine * right
    for axis in range(2):
        motion[2 + axis] = min(max(motion[2 + axis], start[axis] - MOST_SHIFT), start[axis] + MOST_SHIFT)


@compiled
def _measure(image: Floats, terms: Floats, fit: Doubles) -> float:
    """Give what the fit leaves of an image, relative to its norm, within the ink and beyond the background's noise."""
    peak = np.abs(image).max()
    left = weight = norm = noise = 0.0
    pixels = 0
    channels, height, width = image.shape
    for channel in range(channels):
        for row in range(height):
            for column in range(width):
                value = image[channel, row, column] - fit[CONSTANT]
                fitted = fit[ITSELF] * terms[ITSELF, channel, row, column]
                fitted += fit[LAPLACIAN] * terms[LAPLACIAN, channel, row, column]
                fitted += fit[SQUARE] * terms[SQUARE, channel, row, column]
                ink = (max(abs(value), abs(fitted)) / peak - EMPTY) / (INKED - EMPTY)
                square = (value - fitted) ** 2
                if ink <= 0:
                    noise += square
                    pixels += 1
                else:
                    ink = min(ink, 1.0)
                    left += ink * square
                    weight += ink
                    norm += ink * value**2
    if norm <= 0:
        return 1.0
    if pixels >= BACKGROUND * channels * height * width:
        left -= weight * min(noise / pixels, (MOST_NOISE * peak) ** 2)
    return math.sqrt(max(left, 0.0) / norm)
