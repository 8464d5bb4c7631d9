"""Values in the byte order of the machine that wrote them, where IDX has the most significant byte first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LEAST, MOST = 1e-8, 1e8
"""Floats outside these magnitudes are unlikely pixels or labels; exchanged bytes nearly always give such."""

LOOKED_AT = 1 << 20
"""Values that decide: of larger arrays the first rows, so that memory does not grow with an image."""


def seems_swapped(values: npt.NDArray[Any]) -> bool:
    """Say whether values would be far more plausible with their bytes exchanged.

    values: (n, …), as read, in native order; a thousand rows are enough. Integers are more plausible where the largest
    is smaller by a factor of 256 or more (of pixels: if some are negative), or, in rows of pixels, where steps between
    neighbours are clearly smaller.
    Floats are, where exchanged they all have usual magnitudes, and as they are one in ten has not. Single bytes have
    no order, and where nothing decides the answer is no.
    """
    if values.dtype.itemsize == 1 or not values.size:
        return False
    values = _first_rows(values)
    swapped = values.byteswap()
    if values.dtype.kind == "f":
        return _usual(swapped) > 0.99 and _usual(values) < 0.9
    largest, other = (int(np.abs(array.astype(np.int64)).max()) for array in (values, swapped))
    if largest >= 256 * max(1, other):
        # Pixels may have been scaled up from bytes; but then none is negative, as half of exchanged ones are.
        return values.ndim == 1 or bool((values < 0).any())
    return values.ndim > 1 and values.shape[-1] > 1 and largest > 255 and _roughness(values) > 1.5 * _roughness(swapped)


def _first_rows(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give the first rows of pixels, and of a very long row its beginning, where there are more than LOOKED_AT."""
    if values.ndim < 2 or values.size <= LOOKED_AT:
        return values[:LOOKED_AT]
    width = values.shape[-1]
    return values.reshape(-1, width)[: max(1, LOOKED_AT // width), :LOOKED_AT]


def _usual(values: npt.NDArray[Any]) -> float:
    """Give the fraction of the values other than 0 that have a usual magnitude; 1 where all are 0."""
    with np.errstate(all="ignore"):
        magnitudes = np.abs(values[values != 0].astype(np.float64))
    return float(((magnitudes >= LEAST) & (magnitudes <= MOST)).mean()) if magnitudes.size else 1.0


def _roughness(values: npt.NDArray[Any]) -> float:
    """Give the mean step between neighbours in a row that are both not 0, as a fraction of the range of all values."""
    wide = values.astype(np.float64)
    spread = wide.max() - wide.min()
    inked = (wide[..., 1:] != 0) & (wide[..., :-1] != 0)
    steps = np.abs(np.diff(wide, axis=-1))[inked]
    return float(steps.mean() / spread) if spread and steps.size else 0.0
