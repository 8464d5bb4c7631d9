"""Attribution maps laid over the images that they explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.parquet.preview import Pixels

Colour = Sequence[int]
"""Red, green and blue, 0 to 255."""

POSITIVE, NEGATIVE, UNSIGNED = (255, 158, 44), (64, 156, 255), (62, 214, 146)
"""Evidence for a class, evidence against it, and importance without a sign; bright, for images of a dark background."""

DIMMED = 0.5
"""How bright the image shines through where the map is 0."""


def overlay_map(image: Pixels, values: npt.NDArray[Any], limit: float, positive: Colour = POSITIVE) -> Pixels:
    """Colour an image by a map: (height, width, 3) uint8.

    image: (height, width[, channels]) uint8. values: (height, width); those above 0 in the colour `positive`, those
    below in NEGATIVE, the stronger the nearer they are to `limit`, which may be 0 where all values are.
    """
    grey = image.reshape(*image.shape[:2], -1).mean(axis=2)
    strength = np.clip(np.abs(values) / limit, 0, 1)[..., None] if limit else np.zeros((*values.shape, 1))
    colours = np.where(np.asarray(values)[..., None] > 0, np.array(positive), np.array(NEGATIVE))
    return np.asarray(np.rint(strength * colours + (1 - strength) * DIMMED * grey[..., None]), np.uint8)
