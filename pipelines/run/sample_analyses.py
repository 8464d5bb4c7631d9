"""What the explorer computes of samples once it is asked for: a map of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipelines.statistics.sample_space import SampleSpace

if TYPE_CHECKING:
    from dashboards.explorer.sprites import Sprites
    from mnist_data.parquet.dataset import Dataset

FITTED = 4_000
"""Samples to which the axes of the map are fitted, evenly over the dataset."""

ROWS = 4_096
"""Images in memory at once."""


class SampleAnalyses:
    """Computes from the images of a dataset."""

    def __init__(self, dataset: Dataset, sprites: Sprites) -> None:
        self._count, self._sprites = len(dataset), sprites

    def places(self) -> npt.NDArray[np.float32]:
        """Give the first two principal components of each sample, (samples, 2)."""
        if self._count < 2:
            return np.zeros((self._count, 2), np.float32)
        step = max(1, self._count // FITTED)
        space = SampleSpace.of(self._finite(np.arange(0, self._count, step, dtype=np.int32)))
        parts = [
            space.points(self._finite(np.arange(first, min(self._count, first + ROWS), dtype=np.int32)))[:, :2]
            for first in range(0, self._count, ROWS)
        ]
        return np.concatenate(parts).astype(np.float32)

    def _finite(self, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.generic]:
        images = self._sprites.images(rows)
        return np.nan_to_num(images, nan=0.0, posinf=0.0, neginf=0.0) if images.dtype.kind == "f" else images
