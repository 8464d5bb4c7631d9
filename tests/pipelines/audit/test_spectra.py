"""Spectra of large images: as those of small ones, without their memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from pipelines.audit import spectra


@pytest.mark.parametrize("shape", [(61, 47), (40, 90), (33, 33)])
@pytest.mark.parametrize("frequencies", [1, 48, 200])
def test_along_the_axes_the_magnitudes_are_the_same(shape: tuple[int, int], frequencies: int) -> None:
    """The same frequencies in the same order."""
    inks = spectra.unit_ink(np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8))

    dense = spectra.magnitudes(inks, 4, frequencies)
    np.testing.assert_allclose(spectra._by_axes(inks[..., 0], 4, frequencies), dense, atol=1e-5)


def test_a_large_image_takes_little_more_memory_than_its_pixels() -> None:
    """The matrix of all waves would take 400 bytes a pixel, and more while it is made."""
    inks = np.random.default_rng(0).random((1, 700, 900, 1), np.float32)
    tracemalloc.start()
    try:
        spectra.magnitudes(inks, 30)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 6 * inks.nbytes
