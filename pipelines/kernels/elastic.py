"""Elastic deformation: a smooth random displacement of every pixel.

Simard, Steinkraus, Platt: Best practices for convolutional neural networks applied to visual document analysis (ICDAR
2003). There, noise, uniform in -1 … 1 and independent for each pixel and direction, is convolved with a Gaussian of
standard deviation sigma pixels that adds up to 1, and multiplied by alpha.

Here the noise stands at nodes that lie sigma apart (a pixel, where sigma is less), also beyond the image's edge. The
Gaussian removes what is finer: a displacement has the same mean 0, the same standard deviation, alpha / (sigma √(12π)),
and the same correlation between pixels d apart, exp(-d² / 4 sigma²), each to a ten-thousandth, for a twentieth of the
work. Unlike there, the field is as strong at the edge as in the middle.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.kernels import compiled
from pipelines.kernels.philox import block
from pipelines.kernels.warp import Fields

TAPS = 8
"""Nodes that move a pixel, in each direction: those less than 4 sigma before it and up to 4 behind."""

SIDE = 64
"""Fields that are drawn side by side: the innermost loops run over them and so fill whole registers."""


def elastic_fields(
    seed: int,
    stream: int,
    ids: Integers,
    copies: Integers,
    alphas: npt.NDArray[np.floating[Any]],
    sigma: float,
    shape: tuple[int, int],
) -> Fields:
    """Draw a field for each sample and copy: (n, 2, h, w) float32, pixels.

    ids, copies: (n,), which with seed and stream determine the noise. alphas: (n,), where 0 gives no displacement.
    """
    fields = np.zeros((len(ids), 2, *shape), np.float32)
    if fields.size:
        counters = ids.astype(np.uint64), copies.astype(np.uint64)
        down, across = (node_weights(length, sigma) for length in shape)
        _draw(np.uint64(seed), np.uint64(stream), *counters, alphas.astype(np.float32), *down, *across, fields)
    return fields


@lru_cache(16)
def node_weights(length: int, sigma: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Give for each pixel of a line its first node, (length,), and the weights of that and the next ones, (length, 8).

    Node 3 stands at pixel 0. The weights of a pixel fall off as the Gaussian; their squares add up to what those of
    Simard's, one for each pixel, add up to, so the displacements are as large.
    """
    spacing = max(1.0, sigma)
    first = np.floor(np.arange(length) / spacing).astype(np.int64)
    places = (first[:, None] + np.arange(TAPS) - (TAPS // 2 - 1)) * spacing
    weights = np.exp(-0.5 * ((places - np.arange(length)[:, None]) / sigma) ** 2)
    weights /= weights.sum(axis=1, keepdims=True) * math.sqrt(spacing)
    return first, weights.astype(np.float32)


@compiled
def _draw(
    seed: Any,
    stream: Any,
    ids: Any,
    copies: Any,
    alphas: Any,
    first_rows: Any,
    down: Any,
    first_columns: Any,
    across: Any,
    fields: Any,
) -> None:
    size, _, height, width = fields.shape
    rows, columns = first_rows[-1] + TAPS, first_columns[-1] + TAPS
    # Innermost lie the fields of one direction, then those of the other.
    noise = np.zeros(rows * columns * 2 * SIDE, np.float32)
    tall = np.empty(columns * 2 * SIDE, np.float32)
    bends = np.empty((width, 2 * SIDE), np.float32)
    noise_lines, tall_lines = noise.reshape(rows, -1), tall.reshape(columns, -1)
    for start in range(0, size, SIDE):
        count = min(SIDE, size - start)
        for place in range(count):
            sample = start + place
            if alphas[sample] != 0:
                _fill(seed, stream, ids[sample], copies[sample], noise[place:], alphas[sample])
        for row in range(height):
            _blend(noise_lines, first_rows[row], down, row, tall)
            for column in range(width):
                _blend(tall_lines, first_columns[column], across, column, bends[column])
            _collect(bends, alphas[start : start + count], row, fields[start : start + count])


@compiled
def _fill(seed: Any, stream: Any, first: Any, second: Any, noise: npt.NDArray[np.float32], alpha: Any) -> None:
    """Draw noise in -alpha … alpha into each SIDE-th number, with eight bits, which suffice once it is smoothed."""
    step = alpha * np.float32(2.0**-8)
    count = (len(noise) + SIDE - 1) // SIDE
    for number in range((count + 31) // 32):
        words = block(seed, stream, first, second, np.uint64(number))
        for place in range(4):
            word = words[place]
            for part in range(min(8, count - number * 32 - place * 8)):
                bits = np.int32(word & np.uint64(0xFF))
                noise[(number * 32 + place * 8 + part) * SIDE] = np.float32(2 * bits - 255) * step
                word >>= np.uint64(8)


@compiled
def _blend(lines: Any, first: Any, weights: Any, pixel: int, blend: Any) -> None:
    """Add up eight lines, from the first on, by the weights of a pixel."""
    a, b, c, d = weights[pixel, 0], weights[pixel, 1], weights[pixel, 2], weights[pixel, 3]
    e, f, g, h = weights[pixel, 4], weights[pixel, 5], weights[pixel, 6], weights[pixel, 7]
    for place in range(len(blend)):
        before = (a * lines[first, place] + b * lines[first + 1, place]) + (
            c * lines[first + 2, place] + d * lines[first + 3, place]
        )
        behind = (e * lines[first + 4, place] + f * lines[first + 5, place]) + (
            g * lines[first + 6, place] + h * lines[first + 7, place]
        )
        blend[place] = before + behind


@compiled
def _collect(bends: Any, alphas: Any, row: int, fields: Any) -> None:
    """Write one row of each field; bends: (width, 2 · SIDE)."""
    for sample in range(len(alphas)):
        if alphas[sample] != 0:
            for axis in range(2):
                for column in range(len(bends)):
                    fields[sample, axis, row, column] = bends[column, axis * SIDE + sample]
