"""Occlusion: a network's predictions with a patch of background slid over the image.

Zeiler and Fergus, arXiv:1311.2901, section 4.2; their patch was grey, ours has the value that means no ink.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.networks.evaluation.predictions import Probabilities, predict

if TYPE_CHECKING:
    from torch import nn

PART, OVERLAP = 5, 3
"""A patch takes a fifth of each side, and is moved by a third of its own: at most 225 places in any image."""

VALUES_AT_ONCE = 1 << 20
"""Pixel values of occluded images that are predicted together."""


def patches(height: int, width: int) -> Integers:
    """Give the places of the patch, (n, 4) int64: top, left, bottom and right, the last two exclusive.

    The patch grows with the image, so that the number of places does not; every pixel is covered.

    >>> len(patches(28, 28)), len(patches(224, 224)), patches(1, 1).tolist()
    (144, 169, [[0, 0, 1, 1]])
    """
    rows, columns = _starts(height), _starts(width)
    return np.array([(top, left, *_ends(top, left, height, width)) for top in rows for left in columns], np.int64)


def _side(length: int) -> int:
    return max(1, round(length / PART))


def _starts(length: int) -> list[int]:
    """Count from 0 in equal steps; the last patch ends with the image."""
    last = length - _side(length)
    return [*range(0, last, -(-_side(length) // OVERLAP)), last]


def _ends(top: int, left: int, height: int, width: int) -> tuple[int, int]:
    return top + _side(height), left + _side(width)


def occlude(network: nn.Module, image: npt.NDArray[Any], background: float, boxes: Integers) -> Probabilities:
    """Predict one image, (h, w) or (h, w, c) as `predict` takes it, with each of the patches: (n, classes) float32.

    background: the value that a patch has in all channels.
    """
    step = max(1, VALUES_AT_ONCE // image.size)
    parts = (boxes[first : first + step] for first in range(0, len(boxes), step))
    return np.concatenate([predict(network, _occluded(image, background, part)) for part in parts])


def _occluded(image: npt.NDArray[Any], background: float, boxes: Integers) -> npt.NDArray[Any]:
    """Give a copy of the image with each of the patches, (n, …)."""
    copies = np.repeat(image[None], len(boxes), axis=0)
    for copy, (top, left, bottom, right) in zip(copies, boxes.tolist(), strict=True):
        copy[top:bottom, left:right] = background
    return copies


def spread(boxes: Integers, drops: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
    """Give each pixel the mean of the patches that cover it, (height, width) float32; drops: (n,) one a patch."""
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for drop, (top, left, bottom, right) in zip(drops.tolist(), boxes.tolist(), strict=True):
        total[top:bottom, left:right] += drop
        count[top:bottom, left:right] += 1
    return np.asarray(total / count, np.float32)
