"""SplitMix64's finalizer, which scatters 64-bit words evenly (Steele, Lea, Flood: OOPSLA 2014)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]


def scatter(words: Words, stream: int = 1) -> Words:
    """Scatter words, (n,) uint64; a bijection, so none collide. stream: selects one of several such functions."""
    words = words + np.uint64(stream * 0x9E3779B97F4A7C15 % 2**64)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
