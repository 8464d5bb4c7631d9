"""Sheets of handwritten digits as a scanner or a phone sees them, with the truth about each digit.

MNIST digits are written in rows on paper: blank, ruled, squared, a printed grid, or separate boxes. The sheet is then
turned and bent, lit, blurred, and stored as JPEG. Every sheet follows from its seed alone.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndimage
from PIL import Image

Array = npt.NDArray[Any]

PAPERS = ("blank", "ruled", "squared", "grid", "boxes")


@dataclass(frozen=True)
class Conditions:
    """How a sheet is written and photographed.

    tilt: degrees. bend: height of the arc that a line of writing describes, in digit heights. shadow: fraction of the
    light that a soft shadow takes. texture, noise: standard deviations of the paper's and of the camera's, grey levels.
    touching: fraction of the digits that touch their right neighbour. faint: fraction of the digits in pencil.
    specks: number. word: whether there is also a line of joined writing.
    """

    tilt: float = 0.0
    bend: float = 0.0
    shadow: float = 0.0
    texture: float = 1.0
    noise: float = 1.0
    blur: float = 0.5
    touching: float = 0.0
    faint: float = 0.0
    specks: int = 0
    word: bool = False


@dataclass(frozen=True)
class Sheet:
    """A photo of a sheet. boxes: (n, 4) left, top, right, bottom in reading order. chosen: (n,) which digits."""

    photo: Image.Image
    boxes: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]


def clean_conditions(rng: np.random.Generator) -> Conditions:
    """Draw the conditions of a flatbed scan."""
    return Conditions(tilt=rng.uniform(-1, 1), noise=rng.uniform(0.5, 2), texture=rng.uniform(0.5, 1.5))


def hard_conditions(rng: np.random.Generator, paper: str) -> Conditions:
    """Draw those of a phone's photo of a bent sheet in a shadow, with pencil, specks and touching digits."""
    return Conditions(
        tilt=rng.uniform(-7, 7),
        bend=rng.uniform(-1, 1),
        shadow=rng.uniform(0.2, 0.5),
        texture=rng.uniform(1, 3),
        noise=rng.uniform(2, 4),
        blur=rng.uniform(0.6, 1.1),
        touching=0.0 if paper in ("grid", "boxes") else 0.08,
        faint=0.15,
        specks=25,
        word=paper == "blank",
    )


def make_sheet(
    images: Array, rows: int, columns: int, paper: str, conditions: Conditions, rng: np.random.Generator
) -> Sheet:
    """Write digits drawn from images, (n, 28, 28) uint8, on a sheet and photograph it."""
    side = int(rng.integers(34, 46))  # pixels of the 28
    pitch = side + int(rng.integers(6, 14))
    margin = 2 * side
    shape = rows * pitch + 2 * margin + conditions.word * pitch, columns * pitch + 2 * margin
    chosen = rng.integers(0, len(images), rows * columns)
    ink, numbers = _write(images[chosen], columns, side, pitch, margin, shape, conditions, rng)
    lines = _ruling(paper, rows, columns, pitch, margin, shape, rng)
    _specks(ink, conditions.specks, rng)
    if conditions.word:
        _word(ink, margin + rows * pitch + pitch // 2, margin, side, rng)
    where = _places(shape, conditions, side)
    ink, lines = (ndimage.map_coordinates(layer, where, order=1) for layer in (ink, lines))
    numbers = ndimage.map_coordinates(numbers, where, order=0)
    boxes = [(columns.start, rows.start, columns.stop, rows.stop) for rows, columns in ndimage.find_objects(numbers)]
    return Sheet(_photograph(ink, lines, conditions, rng), np.array(boxes, np.int64), chosen)


def _write(
    digits: Array,
    columns: int,
    side: int,
    pitch: int,
    margin: int,
    shape: tuple[int, int],
    conditions: Conditions,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Give the ink, 0 … 1, and the number of the digit at each pixel, from 1."""
    ink, numbers = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    slack = max(1, (pitch - side) // 2)
    touched = False
    for number, digit in enumerate(digits):
        row, column = divmod(number, columns)
        glyph = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255
        top, left = margin + row * pitch + slack, margin + column * pitch + slack
        top, left = top + int(rng.integers(-3, 4)), left + int(rng.integers(-3, 4))
        touches = column > 0 and not touched and rng.random() < conditions.touching
        if touches:
            left = _touching(ink[top : top + side], glyph, left)
        touched = touches
        strength = rng.uniform(0.3, 0.4) if rng.random() < conditions.faint else rng.uniform(0.75, 1.0)
        place = slice(top, top + side), slice(left, left + side)
        numbers[place][(glyph > 0.3) & (numbers[place] == 0)] = number + 1
        np.maximum(ink[place], strength * glyph, out=ink[place])
    return ink, numbers


def _touching(strip: Array, glyph: Array, left: int) -> int:
    """Move a glyph to the left until it touches what stands there by a pixel."""
    strokes = glyph > 0.3
    while left > 1 and not (strip[:, left : left + glyph.shape[1]][strokes] > 0.3).any():
        left -= 1
    return left


def _ruling(
    paper: str, rows: int, columns: int, pitch: int, margin: int, shape: tuple[int, int], rng: np.random.Generator
) -> Array:
    """Draw the lines of the paper, 0 … 1."""
    lines = np.zeros(shape, np.float32)
    width, strength = int(rng.integers(1, 3)), rng.uniform(0.25, 0.9)
    bottom, right = margin + rows * pitch, margin + columns * pitch
    if paper == "ruled":
        for top in range(margin, shape[0] - margin // 2, pitch):
            lines[top : top + width] = 0.6 * strength
    elif paper == "squared":
        step = pitch // 2
        for place in range(margin % step, max(shape), step):
            lines[place : place + 1] = lines[:, place : place + 1] = 0.4 * strength
    elif paper == "grid":
        for top in range(margin, bottom + 1, pitch):
            lines[top : top + width, margin : right + width] = strength
        for left in range(margin, right + 1, pitch):
            lines[margin : bottom + width, left : left + width] = strength
    elif paper == "boxes":
        for row in range(rows):
            for column in range(columns):
                _box(lines, margin + row * pitch + 1, margin + column * pitch + 1, pitch - 3, width, strength)
    return lines


def _box(lines: Array, top: int, left: int, side: int, width: int, strength: float) -> None:
    part = lines[top : top + side, left : left + side]
    part[:width] = part[-width:] = part[:, :width] = part[:, -width:] = strength


def _specks(ink: Array, count: int, rng: np.random.Generator) -> None:
    for _ in range(count):
        top, left = (int(rng.integers(2, length - 4)) for length in ink.shape)
        size = int(rng.integers(1, 4))
        ink[top : top + size, left : left + size] = rng.uniform(0.4, 0.9)


def _word(ink: Array, top: int, left: int, side: int, rng: np.random.Generator) -> None:
    """Write a joined line, as a signature is, five digits wide."""
    length = 5 * side
    phase = np.linspace(0, 14 * np.pi, 40 * side)
    columns = left + length * phase / phase[-1] + 0.15 * side * np.cos(phase)
    rows = top + side / 2 + 0.3 * side * np.sin(phase) * (0.6 + 0.4 * np.sin(phase / 5 + rng.uniform(0, 6)))
    for row, column in zip(rows.astype(int), columns.astype(int), strict=True):
        ink[row - 1 : row + 2, column - 1 : column + 2] = 0.85


def _places(shape: tuple[int, int], conditions: Conditions, side: int) -> Array:
    """Give where each pixel of the photo is on the flat sheet: turned about the middle and bent to an arc."""
    rows, columns = np.indices(shape, np.float32)
    angle = np.deg2rad(conditions.tilt)
    down, right = rows - shape[0] / 2, columns - shape[1] / 2
    turned = down * np.cos(angle) - right * np.sin(angle), down * np.sin(angle) + right * np.cos(angle)
    arc = conditions.bend * side * (1 - (2 * turned[1] / shape[1]) ** 2)
    return np.stack([turned[0] + arc + shape[0] / 2, turned[1] + shape[1] / 2])


def _photograph(ink: Array, lines: Array, conditions: Conditions, rng: np.random.Generator) -> Image.Image:
    """Put ink and lines on textured paper in uneven light, and store the photo as JPEG."""
    shape = ink.shape
    fibres = sum(ndimage.gaussian_filter(rng.normal(0, scale, shape), scale) for scale in (1.0, 2.5, 12.0))
    paper = rng.uniform(215, 245) + conditions.texture * fibres / max(float(fibres.std()), 1e-9)
    values = paper * (1 - 0.8 * ink) * (1 - 0.6 * lines * (1 - ink))
    values *= 1 - conditions.shadow * _shadow(shape, rng)
    values = ndimage.gaussian_filter(values, conditions.blur) + rng.normal(0, conditions.noise, shape)
    stored = io.BytesIO()
    Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(stored, "JPEG", quality=int(rng.integers(75, 95)))
    return Image.open(stored)


def _shadow(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Draw a hand's soft shadow: a half plane whose edge is a tenth of the sheet wide."""
    rows, columns = np.indices(shape, np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along = (rows / shape[0] - 0.5) * np.sin(angle) + (columns / shape[1] - 0.5) * np.cos(angle)
    return 1 / (1 + np.exp(-(along - rng.uniform(-0.2, 0.2)) / 0.05))
