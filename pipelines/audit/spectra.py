"""Spectra: a short description of each image that a shift leaves as it is.

A shift turns the phases of an image's Fourier transform and leaves the magnitudes. By Parseval's theorem and the
triangle inequality the magnitudes of two images are never further apart than the images are after the best shift, where
a margin around them takes up what is shifted out. So where the magnitudes of a few frequencies lie further apart than a
distance, no shift brings the images closer than it: a search among these few numbers misses nothing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.images.border import outermost
from pipelines.kernels import as_planes, exact_type

Floats = npt.NDArray[np.float32]

FREQUENCIES = 48
"""The lowest ones. With half of them nearly twice as many pairs of MNIST's must be compared pixel by pixel."""

FINE_FREQUENCIES = 448
"""Nearly all that an image of 28×28 has: what tells shots of one scene apart is noise, which has them all."""

MOST_DENSE = 1 << 16
"""Pixels of an image up to which all waves are kept as one matrix, 400 bytes a pixel; it is faster for small images."""


def unit_ink(images: Images) -> Floats:
    """Give what stands out of the background, scaled to norm 1: (n, h, w, channels) float32, all 0 where nothing does.

    images: (n, h, w) or (n, h, w, channels); one that is not finite counts as empty. The background of a channel is the
    median of the image's outermost rows and columns. So neither the value of the background matters nor contrast.
    """
    planes = as_planes(images).astype(exact_type(images))
    axes = (1, 2, 3)
    planes[~np.isfinite(planes).all(axis=axes)] = 0
    planes /= _nonzero(np.abs(planes).max(axis=axes, keepdims=True, initial=0))  # whose squares always fit
    planes -= np.median(planes[:, outermost(*planes.shape[1:3])], axis=1)[:, None, None, :]
    planes /= _nonzero(np.sqrt(np.square(planes).sum(axis=axes, keepdims=True)))
    return np.ascontiguousarray(planes, np.float32)


def _nonzero(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.where(values > 0, values, 1)


def magnitudes(inks: Floats, margin: int, frequencies: int = FREQUENCIES) -> Floats:
    """Give the magnitudes of the lowest frequencies, (n, frequencies at most) float32.

    inks: (n, h, w, channels), whose channels are joined by their mean times √channels, which lengthens no distance.
    margin: pixels by which the ink may be shifted out of the image and is still whole.
    """
    count, height, width, channels = inks.shape
    joined = inks.sum(axis=3).reshape(count, height * width) / np.float32(np.sqrt(channels))
    if height * width > MOST_DENSE:
        return _by_axes(joined.reshape(count, height, width), margin, frequencies)
    real, imaginary = np.split(joined @ _waves(height, width, margin, frequencies), 2, axis=1)
    return np.asarray(np.hypot(real, imaginary), np.float32)


def _by_axes(images: Floats, margin: int, frequencies: int) -> Floats:
    """Give the magnitudes of images, (n, h, w), along one axis after the other: waves for each side are enough."""
    size = (images.shape[1] + margin, images.shape[2] + margin)
    chosen, weights = _lowest(size, frequencies)
    (rows, row), (columns, column) = (np.unique(numbers, return_inverse=True) for numbers in chosen.T)
    down, across = (
        np.exp(-2j * np.pi * np.outer(np.arange(side), numbers / whole)).astype(np.complex64)
        for side, numbers, whole in zip(images.shape[1:], (rows, columns), size, strict=True)
    )
    magnitudes = np.empty((len(images), len(chosen)), np.float32)
    for number, image in enumerate(images):
        spectrum = down.T @ (image @ across.real + 1j * (image @ across.imag))
        magnitudes[number] = np.abs(spectrum[row.reshape(-1), column.reshape(-1)]) * weights
    return magnitudes


@lru_cache(maxsize=4)
def _lowest(size: tuple[int, int], frequencies: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Give the lowest frequencies of images as (n, 2) periods in each side, in the order of `_waves`, and weights.

    A circle of radius r about 0, in periods a pixel, holds π r² · pixels frequencies, of which each second is one's
    opposite; those within twice that area are ordered.
    """
    radius = np.sqrt(4 * frequencies / (np.pi * size[0] * size[1]))
    ends = [min(int(np.ceil(radius * side)) + 1, (side - 1) // 2) for side in size]
    row, column = (grid.reshape(-1) for grid in np.meshgrid(*(np.arange(-end, end + 1) for end in ends), indexing="ij"))
    half = (row < 0) | ((row == 0) & (column <= 0))
    row, column = row[half], column[half]
    distance = np.round((row / size[0]) ** 2 + (column / size[1]) ** 2, 12)
    order = np.lexsort((column, row, distance))[:frequencies]
    chosen = np.stack([row[order], column[order]], axis=1)
    weights = np.where(chosen.any(axis=1), np.sqrt(2), 1) / np.sqrt(size[0] * size[1])
    return chosen, weights.astype(np.float32)


@lru_cache(maxsize=4)
def _waves(height: int, width: int, margin: int, frequencies: int) -> Floats:
    """Give cosines and sines, (pixels, 2 · frequencies), as columns of an orthonormal transform with the margin added.

    Of the frequencies f and -f, whose magnitudes are equal, one is given with √2 times the weight.
    """
    size = (height + margin, width + margin)
    rows, columns = (grid.reshape(-1) for grid in np.meshgrid(*map(np.fft.fftfreq, size), indexing="ij"))
    order = np.lexsort((columns, rows, np.round(rows**2 + columns**2, 12)))
    chosen, weights = [], []
    place = np.arange(rows.size).reshape(size)
    for frequency in order.tolist():
        row, column = divmod(frequency, size[1])
        opposite = int(place[-row % size[0], -column % size[1]])
        if opposite not in chosen:
            chosen.append(frequency)
            weights.append(1.0 if opposite == frequency else np.sqrt(2))
        if len(chosen) == frequencies:
            break
    y, x = (grid.reshape(-1, 1) for grid in np.indices((height, width)))
    phases = 2 * np.pi * (y * rows[chosen] + x * columns[chosen])
    scale = np.array(weights) / np.sqrt(rows.size)
    return np.concatenate([np.cos(phases) * scale, np.sin(phases) * scale], axis=1).astype(np.float32)
