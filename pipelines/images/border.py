"""The outermost pixels of an image, which show its background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def outermost(height: int, width: int) -> npt.NDArray[np.bool_]:
    """Mark the outermost rows and columns of images, (height, width) bool."""
    ring = np.ones((height, width), bool)
    ring[1:-1, 1:-1] = False
    return ring
