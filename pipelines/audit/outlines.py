"""Outlines: each sample as it is compared with others that may be rescanned copies, small and slightly blurred.

A copy that was scanned, resized or saved again differs in its single pixels. What stays is the outline of the ink at a
scale of two or three pixels: so the ink is reduced to at most 32 pixels a side and blurred by one, and for the search
described by some sixty numbers, its lowest frequencies about its own centre of mass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from pipelines.audit.spectra import Floats, unit_ink

LEAST_SIDE, MOST_SIDE = 8, 32
"""Pixels of a side: smaller images have no outline to compare, larger ones are reduced."""

BLUR = 1.0
"""Standard deviation in pixels."""

FAINT = 0.15
"""Ink below this fraction of the peak counts neither for the centre nor for the description: it may be noise."""

RADIUS, MARGIN = 4.3, 1.25
"""Frequencies up to this many periods in the longer side, once that is lengthened by a quarter."""

LENGTH = 1_900
"""Of a description, whose numbers are whole: so products and distances are exact in float32, in whatever order."""

ROWS = 2_000
"""Samples that are described at once."""


@dataclass(frozen=True)
class Outlines:
    """Outlines of n samples.

    images: (n, channels, height, width) float32 of norm 1, all 0 where there is no ink. centres: (n, 2), row and column
    of the centre of mass from the middle. sharpness: (n,), the energy of the differences between neighbouring pixels.
    """

    images: Floats
    centres: npt.NDArray[np.float64]
    sharpness: npt.NDArray[np.float64]


def has_outline(shape: tuple[int, ...]) -> bool:
    """Say whether images of this shape, (height, width, …), are large enough."""
    return min(shape[:2]) * min(1, MOST_SIDE / max(1, *shape[:2])) >= LEAST_SIDE


def outline(images: Images) -> Outlines:
    """Give the outlines of images, (n, h, w) or (n, h, w, channels)."""
    from pipelines.kernels.blur import blur

    inks = _reduce(unit_ink(images))
    blurred = blur(inks, np.full(len(inks), BLUR)).astype(np.float64)
    blurred /= np.maximum(np.sqrt(np.square(blurred).sum(axis=(1, 2, 3), keepdims=True)), 1e-9)
    sharpness = sum(np.square(np.diff(blurred, axis=axis)).sum(axis=(1, 2, 3)) for axis in (1, 2))
    planes = np.ascontiguousarray(blurred.transpose(0, 3, 1, 2), np.float32)
    return Outlines(planes, _centres(planes), np.asarray(sharpness, np.float64))


def describe(images: Images) -> npt.NDArray[np.int16]:
    """Give the lowest frequencies of each outline about its centre, (n, numbers) whole numbers of length LENGTH."""
    parts = [_describe(outline(images[row : row + ROWS])) for row in range(0, max(1, len(images)), ROWS)]
    return np.concatenate(parts)


def _describe(outlines: Outlines) -> npt.NDArray[np.int16]:
    ink = np.sign(outlines.images) * _strong(outlines.images)
    count, _, height, width = ink.shape
    joined = ink.sum(axis=1).reshape(count, height * width).astype(np.float64)
    frequencies, waves = _waves(height, width)
    real, imaginary = np.split(joined @ waves, 2, axis=1)
    turned = (real - 1j * imaginary) * np.exp(2j * np.pi * (outlines.centres @ frequencies.T))
    turned[:, 1:] *= np.sqrt(2)
    points = np.concatenate([turned.real, turned.imag[:, 1:]], axis=1)
    points *= LENGTH / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    described: npt.NDArray[np.int16] = np.rint(points).astype(np.int16)
    return described


def _strong(images: Floats) -> Floats:
    """Give by how much the ink exceeds what is faint."""
    ink = np.abs(images)
    return np.asarray(np.maximum(ink - FAINT * ink.max(axis=(1, 2, 3), keepdims=True, initial=0), 0))


def _centres(images: Floats) -> npt.NDArray[np.float64]:
    ink = _strong(images).sum(axis=1, dtype=np.float64)
    height, width = ink.shape[1:]
    mass = np.maximum(ink.sum(axis=(1, 2)), 1e-9)
    row = (ink.sum(axis=2) * (np.arange(height) - (height - 1) / 2)).sum(axis=1) / mass
    column = (ink.sum(axis=1) * (np.arange(width) - (width - 1) / 2)).sum(axis=1) / mass
    return np.stack([row, column], axis=1)


@lru_cache(maxsize=4)
def _waves(height: int, width: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give the frequencies, (n, 2) periods a pixel, the constant first, and their cosines and sines, (pixels, 2 n)."""
    steps = range(-int(RADIUS), int(RADIUS) + 1)
    half = [(row, column) for column in steps for row in steps if column > 0 or (column == 0 and row >= 0)]
    chosen = sorted((step for step in half if np.hypot(*step) <= RADIUS), key=lambda step: (np.hypot(*step), step))
    frequencies = np.array(chosen, np.float64) / (MARGIN * max(height, width))
    rows, columns = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    phases = 2 * np.pi * (frequencies[:, :1, None] * rows[:, None] + frequencies[:, 1:, None] * columns[None, None])
    phases = phases.reshape(len(frequencies), height * width).T
    return frequencies, np.concatenate([np.cos(phases), np.sin(phases)], axis=1)


def _reduce(inks: Floats) -> Floats:
    """Reduce images, (n, h, w, channels), by area, so that the longer side has at most MOST_SIDE pixels."""
    height, width = inks.shape[1:3]
    ratio = MOST_SIDE / max(height, width)
    if ratio >= 1:
        return inks
    down, across = (_areas(side, max(1, round(side * ratio))) for side in (height, width))
    return np.asarray(np.stack([np.einsum("ih,hwc,jw->ijc", down, ink, across, optimize=True) for ink in inks]))


@lru_cache(maxsize=4)
def _areas(side: int, smaller: int) -> Floats:
    """Give which part of each new pixel lies on which old one, (smaller, side), rows of sum 1."""
    edges = np.arange(smaller + 1) * side / smaller
    old = np.arange(side)
    cover = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return np.asarray(np.maximum(cover, 0) * smaller / side, np.float32)


def sharper_last(first: Integers, second: Integers, sharpness: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Say of which pairs, (pairs,), the sides are to be exchanged, so that the sharper one is warped and blurred."""
    return np.asarray(sharpness[first] > sharpness[second])
