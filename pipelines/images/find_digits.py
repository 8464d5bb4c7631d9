"""Finding digits in a user's photos, scans and drawings, and bringing them to MNIST's form.

MNIST's digits were cut to their bounding box, resampled by area to fit 20×20 pixels with their aspect kept, and put
into 28×28 by their centre of mass (LeCun et al. 1998; in detail Yadav and Bottou: Cold case: the lost MNIST digits,
NeurIPS 2019). Before that a photo needs what a scanner did for theirs: separating the ink from the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput

if TYPE_CHECKING:
    from PIL import Image

Grey = npt.NDArray[np.float32]
"""(height, width) float32."""
Mask = npt.NDArray[np.bool_]
"""(height, width) bool."""

LARGEST_SIDE = 1600
"""Pixels; larger photos are reduced first, which does not harm the digits."""

BOX, SIDE = 20, 28
"""The digit's longer side, and the image's, in pixels."""

CERTAIN_INK = 0.45
"""Pixels above this are certainly ink; a fraction of the darkest strokes' ink."""

STROKE = 2.2
"""Pixels of the 20 that a thin pen is thickened to; MNIST's pens have 2.6 on average."""

NOISE_STDS, LEAST_CONTRAST = 6.0, 10.0
"""Ink differs from the paper by more than this many standard deviations of the paper's noise, and grey levels."""


@dataclass(frozen=True)
class Digit:
    """One digit of a photo.

    image: (28, 28) uint8, as MNIST has it. left, top, right, bottom: its box in the photo, pixels, the last two
    exclusive.
    """

    image: npt.NDArray[np.uint8]
    left: int
    top: int
    right: int
    bottom: int


def digits_of(photo: Image.Image) -> list[Digit]:
    """Find the digits of a photo of any mode and polarity, in reading order; none on an empty sheet."""
    import scipy.ndimage as ndimage

    ink, factor = ink_of(photo)
    labels = grouped(ink_mask(ink))
    digits = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        pieces = labels[box] == number
        image = as_mnist(np.where(pieces, ink[box], 0), stroke_width(pieces))
        rows, columns = box
        ends = (end * factor for end in (columns.start, rows.start, columns.stop, rows.stop))
        digits.append(Digit(image, *ends))
    return in_reading_order(digits)


def read_photo(path: str | Path | IO[bytes], name: str = "") -> Image.Image:
    """Read an image file, rotated as its EXIF orientation says. Raises UnreadableInput for other files.

    path: of the file, or its content; name: for the message.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            return ImageOps.exif_transpose(file.copy())
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as cause:
        reason = "it is no image of a known form" if isinstance(cause, UnidentifiedImageError) else cause
        raise UnreadableInput(
            name or str(path),
            f"it cannot be read ({reason})",
            "an image file (PNG, JPEG, …)",
            "Save it again as PNG or JPEG.",
        ) from cause


def ink_of(photo: Image.Image) -> tuple[Grey, int]:
    """Give how much ink each pixel has, from 0 for the paper to 1, and by what factor the photo was reduced.

    The paper is estimated from the surroundings, so uneven light does no harm; ink is what differs from it, darker or
    brighter, whichever differs more.
    """
    grey = _grey(photo)
    factor = max(1, math.ceil(max(grey.size) / LARGEST_SIDE))
    values = np.asarray(grey.reduce(factor), np.float32)
    difference = values - _paper(values)
    noise = 1.4826 * float(np.median(np.abs(difference - np.median(difference))))  # of a normal distribution
    least = max(NOISE_STDS * noise, LEAST_CONTRAST)
    darker, brighter = np.maximum(-difference - least, 0), np.maximum(difference - least, 0)
    ink = np.maximum(-difference if darker.sum() >= brighter.sum() else difference, 0)
    strong = ink[ink > least]
    if strong.size < 3:
        return np.zeros_like(ink), factor
    return np.clip(ink / np.quantile(strong, 0.9), 0, 1).astype(np.float32), factor


def _grey(photo: Image.Image) -> Image.Image:
    """Bring an image of any mode to grey; transparent parts get a background that contrasts with the ink."""
    from PIL import Image

    if photo.mode in ("I;16", "I", "F"):
        values = np.asarray(photo, np.float32)
        low, high = float(values.min()), float(values.max())
        return Image.fromarray(np.asarray(255 * (values - low) / max(high - low, 1e-9), np.uint8))
    if "A" not in photo.getbands() and "transparency" not in photo.info:
        return photo.convert("L")
    layers = photo.convert("RGBA")
    alpha = np.asarray(layers.getchannel("A"), np.float32) / 255
    grey = np.asarray(layers.convert("RGB").convert("L"), np.float32)
    seen = alpha > 0.5
    clear = float(_border(alpha).mean()) < 0.5
    background = 0.0 if clear and seen.any() and float(grey[seen].mean()) > 127 else 255.0
    return Image.fromarray(np.rint(grey * alpha + background * (1 - alpha)).astype(np.uint8))


def _border(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _paper(values: Grey) -> Grey:
    """Estimate the paper behind the ink: smoothed medians of tiles; for a small image a plane fitted to its border."""
    import scipy.ndimage as ndimage

    height, width = values.shape
    tiles = max(1, min(height, width) // 100)
    if tiles < 3:
        return _plane(values)
    rows, columns = (max(1, round(length / (min(height, width) / tiles))) for length in (height, width))
    medians = np.array(
        [[np.median(part) for part in np.array_split(line, columns, axis=1)] for line in np.array_split(values, rows)]
    )
    smooth = ndimage.median_filter(medians, 3, mode="nearest")  # a tile full of ink has its neighbours' paper
    paper = ndimage.zoom(smooth, (height / rows, width / columns), order=1, mode="nearest", grid_mode=True)
    return np.asarray(paper, np.float32)


def _plane(values: Grey) -> Grey:
    """Fit a plane to the border's pixels without outliers, such as ink that touches the border."""
    rows, columns = np.indices(values.shape) / max(values.shape)
    terms = np.stack([np.ones(values.shape), rows, columns], axis=2)
    border, known = _border(values).astype(np.float64), _border(terms)
    plane = np.array([np.median(border), 0.0, 0.0])
    for _ in range(5):
        distances = np.abs(border - known @ plane)
        near = distances <= 2.5 * max(1.0, 1.4826 * float(np.median(distances)))
        plane = np.linalg.lstsq(known[near], border[near], rcond=None)[0]
    return np.asarray(terms @ plane, np.float32)


def ink_mask(ink: Grey) -> Mask:
    """Say which pixels are ink: certain ink, and fainter ink connected to it (Canny's hysteresis), without specks."""
    import scipy.ndimage as ndimage

    # Half of the paper's pixels have no ink at all, so three quarters are below 0.67 standard deviations of its noise.
    noise = float(np.quantile(ink, 0.75)) / 0.6745
    faint = ink > np.clip(4 * noise, 0.2, CERTAIN_INK)
    labels, count = ndimage.label(faint, np.ones((3, 3)))
    areas = np.bincount(labels.reshape(-1), minlength=count + 1)
    certain = np.bincount(labels.reshape(-1), weights=ink.reshape(-1) > CERTAIN_INK, minlength=count + 1) > 0
    certain[0], areas[0] = False, 0
    kept = certain & (areas >= max(3, 0.02 * areas.max()))
    return np.asarray(kept[labels])


def stroke_width(mask: Mask) -> float:
    """Estimate the width of the pen, pixels: from the distance transform along the ridge of the strokes."""
    import scipy.ndimage as ndimage

    inner = ndimage.distance_transform_edt(np.pad(mask, 1))
    ridge = inner[(inner == ndimage.maximum_filter(inner, 3)) & (inner > 0)]
    return float(2 * ridge.mean() - 1) if ridge.size else 0.0


def grouped(mask: Mask) -> npt.NDArray[np.int64]:
    """Segment the ink into digits: (height, width), 0 for paper and from 1 for each digit.

    Pieces within a stroke's width of each other are one digit. A piece less than half as high as most is a fragment: it
    belongs to the nearest digit, if that is near, and is dropped otherwise.
    """
    import scipy.ndimage as ndimage

    near = ndimage.distance_transform_edt(~mask) <= 0.8 * max(1.0, stroke_width(mask))
    labels, count = ndimage.label(near, np.ones((3, 3)))
    labels = np.asarray(np.where(mask, labels, 0), np.int64)
    if not count:
        return labels
    heights = np.array([0, *(rows.stop - rows.start for rows, _ in ndimage.find_objects(labels))])
    areas = np.bincount(labels.reshape(-1), minlength=count + 1)
    areas[0] = 0
    typical = float(np.quantile(heights[areas >= 0.3 * areas.max()], 0.75))
    whole = heights >= 0.5 * typical
    distances, (rows, columns) = ndimage.distance_transform_edt(~whole[labels], return_indices=True)
    numbers = np.asarray(np.cumsum(whole) * whole, np.int64)
    for number in np.flatnonzero(~whole[1:]) + 1:
        place = ndimage.minimum_position(distances, labels, number)
        if distances[place] <= 0.35 * typical:
            numbers[number] = numbers[labels[rows[place], columns[place]]]
    return np.asarray(numbers[labels])


def as_mnist(ink: Grey, stroke: float) -> npt.NDArray[np.uint8]:
    """Bring a digit, cut to its bounding box, to MNIST's form: (28, 28) uint8.

    stroke: the width of its pen, pixels. Strokes that would be too thin to see are thickened.
    """
    from pipelines.kernels.morphology import thicken

    fine = 4  # strokes are thickened at four times the final size
    large = _resample(ink, fine * BOX)
    thin = STROKE - stroke * BOX / max(ink.shape)
    if thin > 0:
        amount = min(8.0, fine * thin / 2)
        grown = thicken(np.pad(large, fine)[None], np.array([amount]))[0]
        rows, columns = np.nonzero(grown > 0.2 * grown.max())
        large = grown[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    small = _resample(large, BOX)
    return _placed(small / max(float(small.max()), 1e-9))


def _resample(ink: Grey, side: int) -> Grey:
    """Bring the longer side to `side` pixels, by area where that is smaller."""
    from PIL import Image

    height, width = ink.shape
    factor = side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    method = Image.Resampling.BOX if factor < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(ink).resize(size, method), np.float32)


def _placed(ink: Grey) -> npt.NDArray[np.uint8]:
    """Put a digit into the image so that its centre of mass is in the middle, or as near as its edges allow.

    By QMNIST's reconstruction of the rule: the barycentre, counted from the edge, is in 14 … 15, so in (13.5, 14.5] in
    index coordinates, as in every one of MNIST's test images.
    """
    height, width = ink.shape
    mass = float(ink.sum())
    image = np.zeros((SIDE, SIDE), np.uint8)
    corner = []
    for length, weights in ((height, ink.sum(axis=1)), (width, ink.sum(axis=0))):
        centre = float((weights * (np.arange(length) + 0.5)).sum()) / mass
        corner.append(int(np.clip(np.floor(SIDE / 2 + 1 - centre), 0, SIDE - length)))
    image[corner[0] : corner[0] + height, corner[1] : corner[1] + width] = np.rint(255 * ink)
    return image


def in_reading_order(digits: Sequence[Digit]) -> list[Digit]:
    """Sort digits line by line, those of a line from left to right."""
    lines: list[list[Digit]] = []
    for digit in sorted(digits, key=lambda each: (each.top + each.bottom) / 2):
        middle = (digit.top + digit.bottom) / 2
        if lines and middle < np.mean([other.bottom for other in lines[-1]]):
            lines[-1].append(digit)
        else:
            lines.append([digit])
    return [digit for line in lines for digit in sorted(line, key=lambda each: each.left)]
