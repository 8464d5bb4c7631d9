"""Faults as data have them, planted with known ids to see whether the audit finds them.

Each is a function of one image, (h, w) or (h, w, c) float64, and a generator that depends on seed, kind and id only. It
gives the image with the fault, or None where the image cannot have it, as a full frame cannot be off centre.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float64]
Generator = np.random.Generator
Fault = Callable[[Image, Generator], Image | None]

SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))


def blank(image: Image, generator: Generator) -> Image:
    """Leave the background, with dust of at most 2 % of the image's range: an empty field of a form."""
    low, span = _range(image)
    return low + span * generator.uniform(0, 0.02, image.shape)


def constant(image: Image, generator: Generator) -> Image:
    """Leave one value from a fifth of the range upwards: a shutter that stayed closed, an array never filled."""
    low, span = _range(image)
    return np.full(image.shape, low + span * generator.uniform(0.2, 1))


def inverted(image: Image, _: Generator) -> Image:
    """Exchange ink and background."""
    return np.asarray(image.min() + image.max() - image)


def transposed(image: Image, _: Generator) -> Image | None:
    """Exchange rows and columns, as files in column order have them."""
    return image.swapaxes(0, 1).copy() if image.shape[0] == image.shape[1] else None


def cropped(image: Image, generator: Generator) -> Image | None:
    """Push 10 to 30 % of the ink, or a little more, beyond one side of the frame: a field cut out next to the digit."""
    down, across = SIDES[generator.integers(4)]
    lost = generator.uniform(0.1, 0.3)
    ink = (image - image.min()).sum()
    for step in range(1, max(image.shape[:2]) // 2):
        moved = shift(image, step * down, step * across)
        if ink > 0 and (moved - image.min()).sum() <= (1 - lost) * ink:
            return moved
    return None


def off_centre(image: Image, generator: Generator) -> Image | None:
    """Move the whole ink to a corner of the frame, a tenth of the side or more: a field cut out too wide."""
    inked = (image > image.min()).reshape(*image.shape[:2], -1).any(axis=2)
    steps: list[int] = []
    for axis, sign in ((1, generator.choice((-1, 1))), (0, generator.choice((-1, 1)))):
        places = np.flatnonzero(inked.any(axis=axis))
        side = inked.shape[1 - axis]
        steps.append(0 if not len(places) else -int(places[0]) if sign < 0 else side - 1 - int(places[-1]))
    far = np.hypot(steps[0], steps[1]) >= max(image.shape[:2]) / 10
    return shift(image, *steps) if far else None


def blurred(image: Image, generator: Generator) -> Image:
    """Blur by a Gaussian of 5 to 9 % of the side, 1.4 to 2.5 pixels of 28: a lens out of focus."""
    from scipy.ndimage import gaussian_filter

    std = generator.uniform(0.05, 0.09) * max(image.shape[:2])
    return np.asarray(gaussian_filter(image, (std, std, *[0] * (image.ndim - 2)), mode="nearest"))


def noisy(image: Image, generator: Generator) -> Image:
    """Add to each pixel normal noise of 8 to 25 % of the range, cut off at its ends: a sensor in poor light."""
    low, span = _range(image)
    noise = generator.normal(0, generator.uniform(0.08, 0.25) * span, image.shape)
    return np.asarray(np.clip(image + noise, low, low + span))


def low_ink(image: Image, generator: Generator) -> Image:
    """Leave 5 to 20 % of the ink's darkness: a pen that gives out."""
    return np.asarray(image.min() + generator.uniform(0.05, 0.2) * (image - image.min()))


def over_inked(image: Image, _: Generator) -> Image:
    """Spread each pixel's ink over a square of a sixth of the side, five pixels of 28: ink that runs."""
    from scipy.ndimage import grey_dilation

    size = 2 * round(max(image.shape[:2]) / 12) + 1
    return np.asarray(grey_dilation(image, (size, size, *[1] * (image.ndim - 2))))


def near_duplicate(image: Image, generator: Generator) -> Image:
    """Move the image by up to two pixels each way, not by none, and change its contrast by up to 4 %."""
    low = image.min()
    steps = [step for step in np.ndindex(5, 5) if step != (2, 2)]
    down, across = steps[generator.integers(len(steps))]
    return np.asarray(low + (shift(image, down - 2, across - 2) - low) * generator.uniform(0.96, 1))


def not_finite(image: Image, generator: Generator) -> Image:
    """Make one pixel NaN."""
    broken = image.copy()
    broken.reshape(-1)[generator.integers(image.size)] = np.nan
    return broken


ALONE: Mapping[str, Fault] = {
    fault.__name__: fault
    for fault in (blank, constant, inverted, transposed, cropped, off_centre, blurred, noisy, low_ink, over_inked)
}
"""Faults of one sample's pixels, whatever the others are."""


def shift(image: Image, down: int, across: int) -> Image:
    """Move an image by whole pixels; what comes in is its lowest value, what leaves the frame is lost."""
    moved = np.full_like(image, image.min())
    height, width = image.shape[:2]
    to = [slice(max(0, step), min(side, side + step)) for step, side in ((down, height), (across, width))]
    of = [slice(max(0, -step), min(side, side - step)) for step, side in ((down, height), (across, width))]
    moved[tuple(to)] = image[tuple(of)]
    return moved


def _range(image: Any) -> tuple[float, float]:
    return float(image.min()), float(image.max() - image.min())
