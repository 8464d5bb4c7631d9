"""Digits that touch: cut in two where the shape and a comparison with known digits agree."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from pipelines.images.find_digits.ink import Grey, Mask, stroke_width
from pipelines.images.find_digits.mnist_form import as_mnist
from pipelines.images.find_digits.pieces import holes

WIDE = 1.1
"""A figure this many times wider than it is high may be two digits."""

WIDER = 1.35
"""And one that is this many times wider than most digits of the sheet."""

LIKE_A_DIGIT = 0.8
"""Correlation with the most similar known digit, above which an image is taken for a digit."""

LONGEST_CUT = 2.5
"""Ink along a cut, in widths of the pen."""

ALIKE = 0.7
"""Two digits that touch are as high as both together, or this fraction of it."""

SLANTS = (-0.4, -0.2, 0.0, 0.2, 0.4)
"""Columns per row of a cut."""

CANDIDATES = 6
"""Cuts compared with known digits."""


def may_touch(mask: Mask, usual_width: float) -> bool:
    """Say whether a figure is wide enough for two digits. usual_width: of the sheet's digits, 0 where unknown."""
    height, width = mask.shape
    return bool(width > (max(WIDER * usual_width, 0.9 * height) if usual_width else WIDE * height))


def cut_in_two(ink: Grey, mask: Mask) -> tuple[Mask, Mask] | None:
    """Cut a figure into two that both look like digits, more so than it does; None where no cut does."""
    stroke = max(1.0, stroke_width(mask))
    best, parts = max(likeness(ink, mask), LIKE_A_DIGIT), None
    for left in _cuts(mask, stroke):
        halves = mask & left, mask & ~left
        if sum(holes(half) for half in halves) < holes(mask):  # a 0 is not two brackets
            continue
        value = min(likeness(ink, half) for half in halves)
        if value > best:
            best, parts = value, halves
    return parts


def _cuts(mask: Mask, stroke: float) -> list[Mask]:
    """Give what is left of the cuts that cross least ink, away from the figure's sides."""
    rows, columns = np.indices(mask.shape)
    height, width = mask.shape
    cuts: list[tuple[float, Mask]] = []
    for slant in SLANTS:
        places = np.rint(columns - slant * (rows - height / 2)).astype(np.int64)
        inked = np.bincount(np.clip(places[mask], 0, width - 1), minlength=width)
        middle = np.arange(round(0.2 * width), round(0.8 * width) + 1)
        middle = middle[inked[middle] <= LONGEST_CUT * stroke]
        lowest = middle[np.argsort(inked[middle], kind="stable")]
        taken: list[int] = []
        for place in lowest.tolist():
            if all(abs(place - other) > 0.5 * stroke for other in taken) and len(taken) < CANDIDATES:
                taken.append(place)
                left = places < place
                if min(_height(mask & left), _height(mask & ~left)) >= ALIKE * height:
                    cuts.append((float(inked[place]), left))
    return [left for _, left in sorted(cuts, key=lambda cut: cut[0])[: 3 * CANDIDATES]]


def _height(mask: Mask) -> int:
    rows = np.flatnonzero(mask.any(axis=1))
    return int(rows[-1] - rows[0] + 1) if rows.size else 0


def likeness(ink: Grey, mask: Mask) -> float:
    """Give the correlation with the most similar digit of the embedded sample."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    image = as_mnist(np.where(mask, ink, 0)[box].astype(np.float32), stroke_width(mask[box]))
    return float((_known() @ _direction(image[None])[0]).max())


@cache
def _known() -> npt.NDArray[np.float32]:
    from mnist_data.idx import sample

    return _direction(sample.digits()[0])


def _direction(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Blur images a little, subtract each one's mean and bring it to unit length, (n, pixels)."""
    import scipy.ndimage as ndimage

    smooth = ndimage.gaussian_filter(images.astype(np.float32), (0, 1.2, 1.2)).reshape(len(images), -1)
    centred = smooth - smooth.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9), np.float32)
