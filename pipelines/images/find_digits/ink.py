"""Separating the ink from the paper."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipelines.images.find_digits.photo import border, grey_of

if TYPE_CHECKING:
    from PIL import Image

Grey = npt.NDArray[np.float32]
"""(height, width) float32."""
Mask = npt.NDArray[np.bool_]
"""(height, width) bool."""

LARGEST_SIDE = 1600
"""Pixels; larger photos are reduced first, which does not harm the digits."""

NOISE_STDS, LEAST_CONTRAST = 6.0, 10.0
"""Ink differs from the paper by more than this many standard deviations of the paper's noise, and grey levels."""

FAINT_STDS = 4.0
"""Standard deviations of the noise above which a pixel may belong to ink, where stronger ink is connected to it."""

LEAST_STROKE = 0.2
"""Ink below this fraction of the strongest near it is the blur at the edge of a stroke."""

CLOSED, LEAST_CLOSED = 4.0, 15
"""Strokes are closed over this many times their width, and pixels at least, to see the paper behind them."""

BIMODAL, LEAST_FILLED = 0.75, 0.12
"""Where two grey levels explain this fraction of a picture's variance, and both cover that fraction of it, one of the
two is the paper."""

FLAT, DARKEST_SHADOW = 0.06, 0.35
"""And the paper varies by no more than this fraction of their difference, and the darker is darker than this fraction
of the brighter, which a sheet half in a shadow is not."""


@dataclass(frozen=True)
class Ink:
    """How far each pixel is from the paper towards the ink.

    values: (height, width) float32, from 0 for the paper; 1 is the level of dark strokes. noise: its standard deviation
    on the paper. least: what is above it is certainly ink. factor: by which the photo was reduced.
    """

    values: Grey
    noise: float
    least: float
    factor: int


def ink_of(photo: Image.Image) -> Ink:
    """Measure how much ink each pixel has.

    The paper is estimated from the surroundings, so uneven light does no harm; ink is what differs from it, darker or
    brighter, whichever differs more.
    """
    grey = grey_of(photo)
    factor = max(1, math.ceil(max(grey.size) / LARGEST_SIDE))
    values = np.asarray(grey.reduce(factor), np.float32)
    ink, noise = _above_paper(values)
    least = max(NOISE_STDS * noise, LEAST_CONTRAST)
    strong = ink[ink > least]
    if strong.size < 3:
        return Ink(np.zeros_like(ink), 0.0, 1.0, factor)
    level = float(np.quantile(strong, 0.9))
    return Ink(np.asarray(ink / level, np.float32), noise / level, least / level, factor)


def _above_paper(values: Grey) -> tuple[Grey, float]:
    """Give how far each pixel is from the paper towards the ink, grey levels, and the noise.

    The paper is first that of tiles; then, where the picture is large, what remains where strokes are closed: that
    follows the edge of a shadow.
    """
    paper, fixed = _paper(values)
    difference = values - paper
    least = max(NOISE_STDS * _noise(difference)[1], LEAST_CONTRAST)
    darker, brighter = np.maximum(-difference - least, 0), np.maximum(difference - least, 0)
    sign = -1.0 if darker.sum() >= brighter.sum() else 1.0
    if not fixed:
        strokes = (sign * difference) > least
        width = stroke_width(strokes) if strokes.any() else 0.0
        bright = sign * values  # the ink is brighter than the paper
        difference = sign * (bright - _without_strokes(bright, max(LEAST_CLOSED, round(CLOSED * width))))
    level, noise = _noise(difference)
    return np.maximum(sign * (difference - level), 0), noise


def _without_strokes(values: Grey, size: int) -> Grey:
    """Take strokes brighter than the paper out, and smooth what is left. size: wider than a stroke, pixels."""
    import scipy.ndimage as ndimage

    smooth = ndimage.gaussian_filter(values, 1.5)
    return np.asarray(ndimage.gaussian_filter(ndimage.grey_opening(smooth, (size, size)), size / 4), np.float32)


def _noise(difference: Grey) -> tuple[float, float]:
    """Give the paper's level and standard deviation, without the ink: the median, and the median absolute deviation."""
    kept = difference.reshape(-1)
    for _ in range(4):
        level = float(np.median(kept))
        noise = 1.4826 * float(np.median(np.abs(kept - level)))  # of a normal distribution
        inside = kept[np.abs(kept - level) <= 3 * noise]
        if len(inside) == len(kept):
            break
        kept = inside
    return level, noise


def ink_mask(ink: Ink) -> Mask:
    """Say which pixels are ink: certain ink, and fainter ink connected to it (Canny's hysteresis).

    What is fainter than a fraction of the strongest ink near it is the edge of a stroke, so that pencil is kept next to
    a dark pen, and no halo about the pen.
    """
    import scipy.ndimage as ndimage

    floor = max(FAINT_STDS * ink.noise, 0.5 * ink.least)
    reach = 2 * max(2, round(min(ink.values.shape) / 200)) + 1
    strongest = np.minimum(ndimage.maximum_filter(ink.values, reach), 1)
    faint = ink.values > np.maximum(floor, LEAST_STROKE * strongest)
    labels, count = ndimage.label(faint, np.ones((3, 3)))
    certain = np.bincount(labels.reshape(-1), weights=ink.values.reshape(-1) > ink.least, minlength=count + 1) >= 3
    certain[0] = False
    return np.asarray(certain[labels])


def _paper(values: Grey) -> tuple[Grey, bool]:
    """Estimate the paper behind the ink, and say whether that is certain enough to be kept.

    That of a drawing has one level; for a small image it is a plane fitted to its border. Otherwise smoothed medians of
    tiles are a first estimate.
    """
    import scipy.ndimage as ndimage

    constant = _constant(values)
    if constant is not None:
        return np.full_like(values, constant), True
    height, width = values.shape
    tiles = max(1, min(height, width) // 100)
    if tiles < 3:
        return _plane(values), True
    rows, columns = (max(1, round(length / (min(height, width) / tiles))) for length in (height, width))
    medians = np.array(
        [[np.median(part) for part in np.array_split(line, columns, axis=1)] for line in np.array_split(values, rows)]
    )
    smooth = ndimage.median_filter(medians, 3, mode="nearest")  # a tile full of ink has its neighbours' paper
    paper = ndimage.zoom(smooth, (height / rows, width / columns), order=1, mode="nearest", grid_mode=True)
    return np.asarray(paper, np.float32), False


def _constant(values: Grey) -> float | None:
    """Give the paper's grey level where a picture has two levels and both fill much of it; None otherwise.

    So has a drawing with wide strokes. The paper is the level of most of the border. The two part at Otsu's threshold
    (1979).
    """
    counts, edges = np.histogram(values, 64)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts) / values.size
    mean = np.cumsum(counts * middles) / values.size
    between = (mean[-1] * below - mean) ** 2 / np.maximum(below * (1 - below), 1e-9)
    place = int(np.argmax(between[:-1]))
    smaller = min(below[place], 1 - below[place])
    if smaller < LEAST_FILLED or between[place] < BIMODAL * float(values.var()):
        return None
    bright = values > edges[place + 1]
    paper = bright if float(border(bright).mean()) >= 0.5 else ~bright
    level, other = float(np.median(values[paper])), float(np.median(values[~paper]))
    spread = float(np.median(np.abs(values[paper] - level)))
    certain = spread <= FLAT * abs(level - other) and min(level, other) <= DARKEST_SHADOW * max(level, other)
    return level if certain else None


def _plane(values: Grey) -> Grey:
    """Fit a plane to the border's pixels without outliers, such as ink that touches the border."""
    rows, columns = np.indices(values.shape) / max(values.shape)
    terms = np.stack([np.ones(values.shape), rows, columns], axis=2)
    edge, known = border(values).astype(np.float64), border(terms)
    plane = np.array([np.median(edge), 0.0, 0.0])
    for _ in range(5):
        distances = np.abs(edge - known @ plane)
        near = distances <= 2.5 * max(1.0, 1.4826 * float(np.median(distances)))
        plane = np.linalg.lstsq(known[near], edge[near], rcond=None)[0]
    return np.asarray(terms @ plane, np.float32)


def stroke_width(mask: Mask) -> float:
    """Estimate the width of the pen, pixels: from the distance transform along the ridge of the strokes."""
    import scipy.ndimage as ndimage

    inner = ndimage.distance_transform_edt(np.pad(mask, 1))
    ridge = inner[(inner == ndimage.maximum_filter(inner, 3)) & (inner > 0)]
    return float(2 * ridge.mean() - 1) if ridge.size else 0.0
