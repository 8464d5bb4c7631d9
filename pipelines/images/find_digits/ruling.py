"""Finding the ruled lines of forms, grids, lined and squared paper; taking them out; and the cells between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndimage

from pipelines.images.find_digits.ink import Grey, Ink, Mask

STEEPEST = 0.36
"""Slope of the steepest sheet, 20°."""

LOCAL_SLOPES = 0.2
"""How far the slope of a line may differ from the sheet's, as on bent paper."""

LEAST_PAGE = 150
"""Pixels of the shorter side; smaller pictures are drawings of a digit or two."""

THINNEST = 25.0
"""A ruled line is this many times longer than it is wide."""

LEAST_SPAN = 0.5
"""A ruled line runs across this fraction of the page, or of all lines."""

WIDEST = 5
"""Pixels from the middle of a line to its sides, at most."""

CONTRAST = 0.2
"""How far the ink on a line is above that next to it, as a fraction of it."""

FRAYED = 0.15
"""How far from a line ink may still be of it, in spacings of the lines."""

BESIDE = (3, 6, 9)
"""Pixels from a line at one of which, on either side, there is less ink along it."""

LEAST_LEVEL = 0.03
"""Ink of a printed line, as a fraction of dark ink."""

PEN_REACH, PALEST = 5, 0.1
"""Pixels across which the pen's blur hides a faint line; and the line's least ink, as a fraction of the average."""

LONGEST_GAP = 1.4
"""Gaps along a line are closed up to so many spacings of the lines that cross it."""

FAINTER, LEAST_SEEN = 0.45, 0.3
"""Lines with less ink than this are fainter than a pen; of a line this fraction must be seen beside the pen's ink."""

UNBROKEN = 0.88
"""A line has ink of any kind along this fraction of it; a column of digits has gaps between them."""

ENDS, CERTAIN = 0.4, 0.3
"""Towards the end of a line, where half of what is averaged lies beyond it, less is enough; of a line this fraction
must be certain."""

COVERED = 0.6
"""A line has thin ink along this fraction of it; digits that cross it take the rest."""


@dataclass(frozen=True)
class Ruling:
    """Ruled lines. across, down: (height, width) bool, their pixels. bands: both, as wide as they are printed.

    level: their ink. width: half of theirs, pixels, rounded up. spacing: of lines across.
    """

    across: Mask
    down: Mask
    bands: Mask
    level: float
    width: int
    spacing: float


def find_ruling(ink: Ink, mask: Mask) -> Ruling | None:
    """Find the ruled lines of a sheet; None where there are none.

    Lines across are accepted where at least two run across half the page; lines down, where there are those. Where
    lines are fainter than the pen they are looked for again without the pen's ink, which hides them.
    """
    values = np.minimum(ink.values, 1)
    if min(values.shape) < LEAST_PAGE:
        return None
    tilt = tilt_of(values)
    ruling = _ruling(values, mask, tilt, ink.noise, np.ones_like(mask))
    if ruling is None or ruling.level > FAINTER:
        return ruling
    pen = ndimage.binary_dilation(values > 1.8 * ruling.level + 3 * ink.noise, np.ones((PEN_REACH, PEN_REACH)))
    return _ruling(values, mask, tilt, max(ink.noise, PALEST * ruling.level), ~pen) or ruling


def _ruling(values: Grey, mask: Mask, tilt: float, noise: float, valid: Mask) -> Ruling | None:
    """Find ruled lines on the valid pixels."""
    across = _long_lines(values, mask, valid, tilt, noise, _line_length(values.shape[1]))
    if across.count < 2:
        return None
    length = _line_length(values.shape[0])
    length = int(np.clip(across.extent, 20, length))  # those of one row of boxes are short
    turned = _long_lines(np.ascontiguousarray(values.T), mask.T, valid.T, -tilt, noise, length)
    down = turned.ridge.T if turned.count >= 2 else np.zeros_like(across.ridge)
    level = float(np.median(ndimage.maximum_filter(values, 5)[(across.ridge | down) & valid]))
    wide = max(_width(mask, across.ridge), _width(mask.T, down.T) if down.any() else 0)
    bands = _banded(across.ridge, wide, tilt, turned.spacing) | _banded(down.T, wide, -tilt, across.spacing).T
    return Ruling(across.ridge, down, bands, level, wide, across.spacing)


def _line_length(side: int) -> int:
    return int(np.clip(side / 8, 40, 160))


def tilt_of(values: Grey) -> float:
    """Estimate the slope of lines across, rows per column: that at which the rows' sums differ most."""
    step = max(1, min(values.shape) // 300)
    height, width = (length // step * step for length in values.shape)
    small = values[:height, :width].reshape(height // step, step, width // step, step).mean(axis=(1, 3))
    rows, columns = np.nonzero(small > 0.05)
    weights = small[rows, columns]
    if not weights.size:
        return 0.0
    slopes = np.linspace(-STEEPEST, STEEPEST, 91)
    energies = [_energy(rows - slope * columns, weights) + _energy(columns + slope * rows, weights) for slope in slopes]
    return float(slopes[int(np.argmax(energies))])


def _energy(places: npt.NDArray[Any], weights: npt.NDArray[Any]) -> float:
    sums = np.bincount(np.rint(places - places.min()).astype(np.int64), weights)
    return float((np.diff(sums) ** 2).sum())


@dataclass(frozen=True)
class _Lines:
    """The ridges of long lines, their number, and the pixels between neighbours and between the outermost."""

    ridge: Mask
    count: int
    spacing: float
    extent: float


def _long_lines(values: Grey, mask: Mask, valid: Mask, tilt: float, noise: float, length: int) -> _Lines:
    """Find lines across that are long, thin and straight over `length` pixels."""
    response = _along(_thin(values, noise), np.asarray(valid, np.float32), tilt, length)
    beside = np.maximum(*(np.min([_moved(response, sign * gap) for gap in BESIDE], axis=0) for sign in (1, -1)))
    any_ink = ndimage.binary_dilation(values > max(LEAST_LEVEL, 2 * noise), np.ones((3, 1)))
    inked = np.asarray(any_ink, np.float32)
    unbroken = _along(inked, np.ones_like(inked), tilt, length) > UNBROKEN
    ridge = (response > ENDS) & (beside < (1 - CONTRAST) * response)
    ridge &= response >= ndimage.maximum_filter1d(response, 3, axis=0)
    # The response is wider than the line.
    ridge &= (values >= ndimage.maximum_filter1d(values, 5, axis=0)) | ~valid
    certain = ridge & unbroken & (response > COVERED)
    near = ndimage.binary_dilation(ridge, np.ones((3, 1 + length // 2)))
    labels, count = ndimage.label(near, np.ones((3, 3)))
    if not count:
        return _Lines(np.zeros_like(ridge), 0, 0.0, 0.0)
    labels = np.where(ridge, labels, 0)
    boxes = ndimage.find_objects(labels, count)
    spans = np.array([0 if box is None else box[1].stop - box[1].start for box in boxes])
    if spans.max() < max(LEAST_SPAN * values.shape[1], THINNEST * 2 * _width(mask, ridge)):
        return _Lines(np.zeros_like(ridge), 0, 0.0, 0.0)
    seen = np.bincount(labels[certain], minlength=count + 1)[1:]
    long = (spans >= LEAST_SPAN * spans.max()) & (seen >= CERTAIN * spans)
    if not long.any():
        return _Lines(np.zeros_like(ridge), 0, 0.0, 0.0)
    places = np.flatnonzero(long)
    middles = [boxes[place][0].start + boxes[place][0].stop for place in places]
    apart = np.diff(np.sort(middles)) / 2
    apart = apart[apart > BESIDE[-1]]
    spacing = float(np.median(apart)) if apart.size else 0.0
    extent = float(np.ptp(middles)) / 2
    return _Lines(np.concatenate([[False], long])[labels], 1 + int(apart.size), spacing, extent)


def _along(thin: Grey, valid: Grey, tilt: float, length: int) -> Grey:
    """Give the fraction of thin ink among the valid pixels of the best line of `length` pixels through each pixel."""
    step = 3.0 / length  # thin ink is widened by a pixel to both sides
    rows, columns = np.arange(thin.shape[0])[:, None], np.arange(thin.shape[1])[None]
    best = np.zeros_like(thin)
    all_valid = bool(valid.all())
    for slope in tilt + np.arange(-LOCAL_SLOPES, LOCAL_SLOPES + step / 2, step):
        shift = np.rint(slope * (columns - thin.shape[1] / 2)).astype(np.int64)
        places = np.clip(rows + shift, 0, len(thin) - 1)
        sheared = np.take_along_axis(thin * valid, places, axis=0)
        mean = ndimage.uniform_filter1d(sheared, length, axis=1, mode="constant")
        if not all_valid:
            counted = ndimage.uniform_filter1d(np.take_along_axis(valid, places, axis=0), length, axis=1)
            mean /= np.maximum(counted, LEAST_SEEN)
        np.maximum(best, np.take_along_axis(mean, np.clip(rows - shift, 0, len(thin) - 1), axis=0), out=best)
    return best


def _thin(values: Grey, noise: float) -> Grey:
    """Mark what is thin from top to bottom, however faint, by 1, so that a dark digit counts as no more than a line."""
    size = 2 * max(4, round(min(values.shape) / 150)) + 1
    thin = values - ndimage.grey_opening(values, (size, 1)) > max(LEAST_LEVEL, 2 * noise)
    return np.asarray(ndimage.binary_dilation(thin, np.ones((3, 1))), np.float32)


def _moved(values: Grey, rows: int) -> Grey:
    moved = np.zeros_like(values)
    if rows > 0:
        moved[rows:] = values[:-rows]
    else:
        moved[:rows] = values[-rows:]
    return moved


def _width(mask: Mask, ridge: Mask) -> int:
    """Estimate half the width of lines across, pixels: how far from the ridge most of the mask ends."""
    inked = [float(mask[np.roll(ridge, shift, axis=0)].mean()) for shift in range(-WIDEST, WIDEST + 1)]
    ends = [0, 0]
    for side, sign in enumerate((-1, 1)):
        while ends[side] < WIDEST and inked[WIDEST + sign * (ends[side] + 1)] > 0.5:
            ends[side] += 1
    return 1 + max(ends)


def _banded(ridge: Mask, reach: int, tilt: float, gap: float) -> Mask:
    """Close gaps along lines across, up to `gap` pixels and somewhat more, and widen them by `reach` to both sides."""
    length = int(np.clip(LONGEST_GAP * gap, 30, 120)) | 1  # odd
    rows, columns = np.arange(ridge.shape[0])[:, None], np.arange(ridge.shape[1])[None]
    shift = np.rint(tilt * (columns - ridge.shape[1] / 2)).astype(np.int64)
    places = rows + shift
    sheared = np.take_along_axis(ridge, np.clip(places, 0, len(ridge) - 1), axis=0)
    padded = np.pad(sheared, ((2, 2), (length, length)))
    closed = ndimage.binary_closing(padded, np.ones((3, 1)))
    closed = ndimage.binary_closing(closed, np.ones((1, length)))[2:-2, length:-length]
    level = np.take_along_axis(closed, np.clip(rows - shift, 0, len(ridge) - 1), axis=0)
    return np.asarray(ndimage.binary_dilation(level | ridge, np.ones((2 * reach + 1, 1))))


def without_ruling(ink: Ink, mask: Mask, ruling: Ruling) -> Mask:
    """Take the ruled lines out of the mask of ink; strokes that cross them stay, as does ink darker than they are."""
    outside = _away_from(ruling, mask & ~ruling.bands)
    darker = ruling.bands & (ink.values > 1.5 * ruling.level + 3 * ink.noise)
    inner = ndimage.distance_transform_edt(ruling.bands)
    thickness = 2 * int(np.ceil(np.quantile(inner[ruling.across | ruling.down], 0.9))) + 3
    crossing = np.zeros_like(mask)
    padded = np.pad(outside, thickness)
    for structure in _bridges(thickness):
        closed = ndimage.binary_closing(padded, structure)
        crossing |= closed[thickness:-thickness, thickness:-thickness]
    return np.asarray(outside | (mask & ruling.bands & (crossing | darker)))


def _away_from(ruling: Ruling, mask: Mask) -> Mask:
    """Leave out what never gets away from the lines: their frayed edges."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    away = ndimage.distance_transform_edt(~ruling.bands) > max(3.0, FRAYED * ruling.spacing)
    far = np.bincount(labels.reshape(-1), away.reshape(-1), count + 1) > 0
    far[0] = False
    return np.asarray(far[labels])


def _bridges(length: int) -> list[npt.NDArray[np.bool_]]:
    """Give lines of `length` pixels in eight directions, as strokes have where they cross a ruled line."""
    bridges = []
    for down, right in ((1, 0), (0, 1), (1, 1), (1, -1), (1, 0.5), (1, -0.5), (0.5, 1), (0.5, -1)):
        structure = np.zeros((length, length), np.bool_)
        along = np.linspace(-1, 1, 2 * length) * (length - 1) / 2
        middle = (length - 1) / 2
        structure[np.rint(middle + down * along).astype(int), np.rint(middle + right * along).astype(int)] = True
        bridges.append(structure)
    return bridges


def cells_of(ruling: Ruling) -> npt.NDArray[np.int64] | None:
    """Give the number of the grid's cell at each pixel, (height, width), 0 outside; None without four cells alike."""
    if not ruling.down.any():
        return None
    labels, count = ndimage.label(~ruling.bands)
    areas = np.bincount(labels.reshape(-1), minlength=count + 1)
    areas[0] = 0
    areas[np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))] = 0
    enclosed = areas >= 100
    if enclosed.sum() < 4:
        return None
    alike = enclosed & (areas <= 2.5 * np.median(areas[enclosed])) & (areas >= 0.4 * np.median(areas[enclosed]))
    if alike.sum() < 4:
        return None
    numbers = np.cumsum(alike) * alike
    return np.asarray(numbers[labels], np.int64)
