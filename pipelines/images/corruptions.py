"""The fifteen corruptions of MNIST-C, five severities each, as pure functions of seed, sample id, corruption, severity.

What each does is taken from the descriptions by Mu & Gilmer (MNIST-C, arXiv:1906.02337) and by Hendrycks & Dietterich
(arXiv:1903.12261), from whom the former took the noises, blurs, fog and spatter. MNIST-C was released at one severity;
severity 3 is close to it where its parameter is known. The images differ from theirs, whose random numbers are not
reproduced.

All work on fractions of the white level, 0 … 1, as (n, channels, height, width) float32. A parameter in pixels is that
of a 28×28 image: it grows with the square root of height × width, so a larger image is as hard to read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from mnist_data.errors import WrongUse
from pipelines.images.levels import Levels
from pipelines.kernels import as_planes
from pipelines.kernels.edges import find_edges
from pipelines.kernels.noise import Draws, Planes, count_photons, salt_and_pepper
from pipelines.kernels.optics import frosted_glass, motion_trail
from pipelines.kernels.overlay import blots, draw_strokes, plasma
from pipelines.kernels.warp import about_middle, warp
from pipelines.settings.stages import CORRUPTIONS, require_corruption, require_severity

BLOCK_PIXELS = 1 << 20
"""Pixels processed at once, so that temporaries stay small compared with a batch."""

FIRST_STREAM = 1000
"""First stream of random numbers; each corruption has its own, in the order of CORRUPTIONS."""

REFERENCE_SIDE = 28.0
"""Side of the square image that parameters in pixels are meant for."""

MOTION_ANGLE = math.pi / 4
"""How far a motion may lead away from the horizontal, radians."""

MUD, SPATTER_SIGMA = 0.35, 1.2
"""The fraction of the white level that spatter has, and the Gaussian that smooths the noise it is made of, pixels."""

DOT_SPACING, ZIGZAG_STEP, ZIGZAG_REACH = 4.0, 3.0, 2.0
"""Pixels from dot to dot, from corner to corner along a zigzag, and from its middle line to a corner."""

Floats = npt.NDArray[np.float64]

STILL = np.zeros(2)
"""No shift, in pixels down and right."""


@dataclass(frozen=True)
class Corruption:
    """A function of planes, and its parameters at severity 1, 2, 3, 4 and 5."""

    apply: Callable[..., Planes]
    severities: tuple[tuple[float, ...], ...]


def corrupt_images(
    images: Images, ids: Integers, corruption: str, severity: int, seed: int, levels: Levels | None = None
) -> Images:
    """Corrupt each image: new images of the same shape and dtype.

    images: (n, h, w) or (n, h, w, c), any real dtype. ids: (n,) int64, of the samples as first converted; each result
    depends on its own pixels, its id, the corruption, the severity (1 … 5) and the seed, and on nothing else.
    levels: the values of the background and of the white level, 0 and 255 by default. Raises WrongUse for a corruption
    or severity that does not exist, where the white level is not known, and for NaN or infinite pixels.
    """
    require_corruption(corruption)
    require_severity(severity)
    _require_finite(images)
    levels = levels or Levels()
    corrupted = np.empty(images.shape, images.dtype)
    rows = max(1, BLOCK_PIXELS // max(1, math.prod(images.shape[1:])))
    for first in range(0, len(images), rows):
        part = slice(first, first + rows)
        draws = Draws(seed, FIRST_STREAM + CORRUPTIONS.index(corruption), ids[part], severity)
        corrupted[part] = _corrupt_block(images[part], draws, corruption, levels)
    return corrupted


def _require_finite(images: Images) -> None:
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise WrongUse(
            "corrupt: some pixels are NaN or infinite, so the result would be undefined; "
            "clean the dataset first (mnist-data clean DATASET OUT)."
        )


def _corrupt_block(images: Images, draws: Draws, name: str, levels: Levels) -> Images:
    fractions = np.clip(levels.fraction(images), 0, 1).astype(np.float32)
    if not images.size:
        return images.copy()
    planes = np.ascontiguousarray(np.moveaxis(as_planes(fractions), 3, 1))
    chosen = TABLE[name]
    corrupted = chosen.apply(planes, draws, *chosen.severities[draws.severity - 1])
    return levels.pixels(np.moveaxis(corrupted, 1, 3).reshape(images.shape), images.dtype)


def _scale(planes: Planes) -> float:
    """Give how many pixels correspond to one of a 28×28 image."""
    height, width = planes.shape[2:]
    return math.sqrt(height * width) / REFERENCE_SIDE


def shot_noise(planes: Planes, draws: Draws, photons: float) -> Planes:
    """Add shot noise. photons: of the white level, on average; the fewer, the noisier (MNIST-C: 3)."""
    return count_photons(planes, draws, photons)


def impulse_noise(planes: Planes, draws: Draws, fraction: float) -> Planes:
    """Add salt and pepper. fraction: of values replaced, half by 0 and half by the white level (MNIST-C: 0.17)."""
    return salt_and_pepper(planes, draws, fraction)


def glass_blur(planes: Planes, draws: Draws, sigma: float, reach: float, fraction: float) -> Planes:
    """Blur as frosted glass does.

    sigma: of the blur before and after, pixels (MNIST-C: 0.7). reach: how far a pixel is displaced at most, pixels
    (MNIST-C: 1). fraction: of the pixels that are displaced.
    """
    scale = _scale(planes)
    return frosted_glass(planes, draws, sigma * scale, max(1, int(reach * scale + 0.5)), fraction)


def motion_blur(planes: Planes, draws: Draws, sigma: float) -> Planes:
    """Blur by motion, up to 45° from the horizontal. sigma: of the trail's strength, pixels (MNIST-C: 3)."""
    angles = MOTION_ANGLE * (2 * draws.numbers(1)[0] - 1)
    return motion_trail(planes, angles, sigma * _scale(planes))


def shear(planes: Planes, draws: Draws, angle: float) -> Planes:
    """Slant, to either side. angle: of the slant, radians (MNIST-C: 0.4)."""
    linear = np.zeros((len(planes), 2, 2))
    linear[:, 0, 0] = linear[:, 1, 1] = 1
    linear[:, 1, 0] = _either_way(draws) * math.tan(angle)
    return _resample(planes, linear)


def scale(planes: Planes, draws: Draws, factor: float) -> Planes:  # noqa: ARG001 (nothing is drawn)
    """Shrink towards the middle. factor: of the lengths (MNIST-C: 0.7)."""
    return _resample(planes, np.broadcast_to(np.eye(2) / factor, (len(planes), 2, 2)))


def rotate(planes: Planes, draws: Draws, angle: float) -> Planes:
    """Turn about the middle, either way. angle: radians (MNIST-C: 0.4)."""
    way = _either_way(draws)
    linear = np.empty((len(planes), 2, 2))
    linear[:, 0, 0] = linear[:, 1, 1] = math.cos(angle)
    linear[:, 0, 1], linear[:, 1, 0] = way * math.sin(angle), -way * math.sin(angle)
    return _resample(planes, linear)


def brightness(planes: Planes, draws: Draws, amount: float) -> Planes:  # noqa: ARG001 (nothing is drawn)
    """Brighten all pixels and channels alike. amount: added fraction of the white level (MNIST-C: 0.5)."""
    return planes + np.float32(amount)


def translate(planes: Planes, draws: Draws, distance: float) -> Planes:
    """Move in any direction. distance: 28ths of the width and of the height (MNIST-C: 3)."""
    turn = 2 * math.pi * draws.numbers(1)[0]
    height, width = planes.shape[2:]
    shift = np.stack([np.sin(turn) * height, np.cos(turn) * width], axis=1) * (distance / REFERENCE_SIDE)
    return _resample(planes, np.broadcast_to(np.eye(2), (len(planes), 2, 2)), shift)


def stripe(planes: Planes, draws: Draws, fraction: float) -> Planes:  # noqa: ARG001 (nothing is drawn)
    """Invert both sides but for a vertical stripe. fraction: of the width, at each side (MNIST-C: 0.25)."""
    width = planes.shape[3]
    side = int(fraction * width + 0.5)
    columns = np.arange(width)
    inverted = (columns < side) | (columns >= width - side)
    return np.where(inverted, 1 - planes, planes)


def fog(planes: Planes, draws: Draws, amount: float, decay: float) -> Planes:
    """Blend the image with a cloud.

    amount: of the cloud, as a fraction of the white level. decay: how fast its finer parts fade (MNIST-C: fog's fifth
    severity in ImageNet-C).
    """
    height, width = planes.shape[2:]
    clouds = np.float32(amount) * plasma(draws, height, width, decay)[:, None]
    return np.asarray((planes + clouds) / np.float32(1 + amount))


def spatter(planes: Planes, draws: Draws, threshold: float) -> Planes:
    """Cover parts with mud. threshold: in standard deviations of smoothed noise; lower covers more."""
    height, width = planes.shape[2:]
    cover = blots(draws, height, width, SPATTER_SIGMA * _scale(planes), threshold)[:, None]
    return planes + (np.float32(MUD) - planes) * cover


def dotted_line(planes: Planes, draws: Draws, lines: int, radius: float) -> Planes:
    """Draw straight lines of dots across the image. lines: how many. radius: of a dot, pixels."""
    scale = _scale(planes)
    middles, along, _, places = _lines(planes, draws, lines, DOT_SPACING * scale)
    points = middles[:, :, None] + along[:, :, None] * places[..., None]
    strokes = np.concatenate([points, points], axis=3)
    return draw_strokes(planes, strokes.reshape(len(planes), -1, 4), radius * scale)


def zigzag(planes: Planes, draws: Draws, lines: int, radius: float) -> Planes:
    """Draw zigzag lines across the image. lines: how many. radius: half the width of the pen, pixels."""
    scale = _scale(planes)
    middles, along, aside, places = _lines(planes, draws, lines, ZIGZAG_STEP * scale)
    turns = ZIGZAG_REACH * scale * (-1.0) ** np.arange(places.shape[2])
    corners = middles[:, :, None] + along[:, :, None] * places[..., None] + aside[:, :, None] * turns[:, None]
    strokes = np.concatenate([corners[:, :, :-1], corners[:, :, 1:]], axis=3)
    return draw_strokes(planes, strokes.reshape(len(planes), -1, 4), radius * scale)


def canny_edges(planes: Planes, draws: Draws, sigma: float) -> Planes:  # noqa: ARG001 (nothing is drawn)
    """Keep only Canny's edges, of the channels' mean. sigma: of the Gaussian before, pixels (MNIST-C: 1)."""
    edges = find_edges(planes.mean(axis=1), sigma * _scale(planes))
    return np.broadcast_to(edges[:, None], planes.shape)


def _either_way(draws: Draws) -> Floats:
    """Draw 1 or -1 for each image, (n,)."""
    return np.where(draws.numbers(1)[0] < 0.5, 1.0, -1.0)


def _lines(planes: Planes, draws: Draws, lines: int, spacing: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Draw lines that pass near the image's middle, in any direction, long enough to leave it at both ends.

    Returns a point on each, (n, lines, 2) row and column; the directions along it and aside, of length 1; and places
    along it, (n, lines, places), counted from the point in pixels, `spacing` apart.
    """
    height, width = planes.shape[2:]
    down, right, turn, phase = draws.numbers(4 * lines).reshape(lines, 4, -1).transpose(1, 2, 0)
    middles = np.stack([(0.3 + 0.4 * down) * (height - 1), (0.3 + 0.4 * right) * (width - 1)], axis=2)
    turn = np.ascontiguousarray(np.pi * turn)
    sine, cosine = np.sin(turn), np.cos(turn)
    along, aside = np.stack([sine, cosine], axis=2), np.stack([cosine, -sine], axis=2)
    half = math.ceil(math.hypot(height, width) / spacing)
    places = (np.arange(-half, half + 1) + phase[..., None]) * spacing
    return middles, along, aside, places


def _resample(planes: Planes, linear: Floats, shift: Floats = STILL) -> Planes:
    """Resample planes once. linear: (n, 2, 2), from output to input, about the middle. shift: (n, 2) down and right."""
    _, channels, height, width = planes.shape
    matrices = np.repeat(about_middle(linear, shift, height, width), channels, axis=0)
    return warp(planes.reshape(-1, height, width), matrices).reshape(planes.shape)


TABLE: Mapping[str, Corruption] = {
    "shot_noise": Corruption(shot_noise, ((20,), (8,), (3,), (1.3,), (0.5,))),
    "impulse_noise": Corruption(impulse_noise, ((0.04,), (0.09,), (0.17,), (0.27,), (0.4,))),
    "glass_blur": Corruption(glass_blur, ((0.5, 1, 0.1), (0.6, 1, 0.2), (0.7, 1, 0.35), (0.7, 2, 0.4), (0.8, 2, 0.8))),
    "motion_blur": Corruption(motion_blur, ((1.0,), (2.0,), (3.0,), (4.5,), (6.5,))),
    "shear": Corruption(shear, ((0.15,), (0.28,), (0.4,), (0.6,), (0.75,))),
    "scale": Corruption(scale, ((0.9,), (0.8,), (0.7,), (0.6,), (0.5,))),
    "rotate": Corruption(rotate, ((0.15,), (0.28,), (0.4,), (0.65,), (0.9,))),
    "brightness": Corruption(brightness, ((0.06,), (0.2,), (0.5,), (0.65,), (0.8,))),
    "translate": Corruption(translate, ((1,), (2,), (3,), (4.5,), (6,))),
    "stripe": Corruption(stripe, ((0.1,), (0.18,), (0.25,), (0.33,), (0.4,))),
    "fog": Corruption(fog, ((0.1, 2.0), (0.7, 1.7), (3.0, 1.5), (4.0, 1.4), (5.5, 1.35))),
    "spatter": Corruption(spatter, ((1.6,), (1.2,), (0.8,), (0.4,), (0.0,))),
    "dotted_line": Corruption(dotted_line, ((1, 0.5), (1, 0.9), (1, 1.2), (2, 1.2), (3, 1.25))),
    "zigzag": Corruption(zigzag, ((1, 0.2), (1, 0.5), (1, 0.8), (2, 0.8), (3, 0.85))),
    "canny_edges": Corruption(canny_edges, ((0.4,), (0.7,), (1.0,), (1.5,), (2.2,))),
}
"""Name -> function and parameters of each severity. Old ones must stay: datasets record them by name alone."""
