"""Maps of what matters laid over the pictures that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboards.pictures import Pixels

Colour = Sequence[int]
"""Red, green and blue, 0 to 255."""

FOR, AGAINST, EITHER = (255, 158, 44), (64, 156, 255), (62, 214, 146)
"""What speaks for a class, against it, and what matters without a direction; bright, as pictures have a dark
background."""

FAINT = 0.5
"""How bright the picture shines through where nothing matters."""


def overlay(picture: Pixels, values: npt.NDArray[Any], reach: float, above: Colour = FOR) -> Pixels:
    """Colour a picture by a map: (height, width, 3) uint8.

    picture: (height, width[, channels]) uint8. values: (height, width); those above 0 in the colour `above`, those
    below in AGAINST, the stronger the nearer they are to `reach`, which may be 0 where all values are.
    """
    grey = picture.reshape(*picture.shape[:2], -1).mean(axis=2)
    strength = np.clip(np.abs(values) / reach, 0, 1)[..., None] if reach else np.zeros((*values.shape, 1))
    colours = np.where(np.asarray(values)[..., None] > 0, np.array(above), np.array(AGAINST))
    return np.asarray(np.rint(strength * colours + (1 - strength) * FAINT * grey[..., None]), np.uint8)
