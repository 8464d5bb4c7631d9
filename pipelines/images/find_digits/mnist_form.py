"""Bringing a digit to MNIST's form.

MNIST's digits were cut to their bounding box, resampled by area to fit 20×20 pixels with their aspect kept, and put
into 28×28 by their centre of mass (LeCun et al. 1998; in detail Yadav and Bottou: Cold case: the lost MNIST digits,
NeurIPS 2019).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.images.find_digits.ink import Grey

BOX, SIDE = 20, 28
"""The digit's longer side, and the image's, in pixels."""

STROKE = 2.2
"""Pixels of the 20 that a thin pen is thickened to; MNIST's pens have 2.6 on average."""


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
