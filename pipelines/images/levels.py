"""Which pixel values mean no ink and full ink: what comes in from outside an image, and what noise is measured by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_data.batch import Images
from mnist_data.errors import WrongUse
from mnist_data.parquet.schema import Metadata
from pipelines.images.scaling import Scaling


@dataclass(frozen=True)
class Levels:
    """The values of the ground and of full ink, in the units of the pixels.

    full: None where the dataset does not tell; then only its geometry can be changed.
    """

    ground: float = 0.0
    full: float | None = 255.0

    def share(self, images: Images) -> Images:
        """Bring pixel values to 0 for the ground … 1 for full ink, as floats that hold each of them exactly.

        Raises WrongUse where full ink is not known.
        """
        wide = images.astype(np.result_type(images.dtype, np.float32))
        if self.ground:
            wide -= wide.dtype.type(self.ground)
        wide /= wide.dtype.type(self.width())
        return wide

    def pixels(self, shares: Images, dtype: np.dtype[np.generic]) -> Images:
        """Bring shares back to pixel values; those outside 0 … 1 are clipped, whole numbers rounded half upwards."""
        kind = shares.dtype.type
        values = np.clip(shares, kind(0), kind(1)) * kind(self.width()) + kind(self.ground)
        return np.asarray((np.floor(values + kind(0.5)) if dtype.kind in "biu" else values).astype(dtype))

    def width(self) -> float:
        """Give the distance from the ground to full ink. Raises WrongUse where that is not known."""
        if self.full is None:
            raise WrongUse(
                "Nothing tells which pixel value of this dataset is full ink, and noise, thickness, brightness and "
                "the like are measured by it; normalize the dataset first (mnist-data normalize DATASET OUT)."
            )
        return self.full - self.ground


BYTES = Levels()
"""Those of 8-bit images."""


def levels_of(metadata: Metadata) -> Levels:
    """Give the levels of a dataset, from its source files' type and the normalization it went through.

    Bytes go from 0 to 255. Other types have a known full ink only once they are normalized: to 1, or to the highest
    value of the training split where they were standardized.
    """
    levels = Levels(0.0, 255.0 if _holds_bytes(metadata) else None)
    for stage in metadata.stages:
        if stage.stage == "normalize" and stage.parameters["scale"] == "unit":
            levels = Levels(0.0, 255.0 if stage.parameters["dtype"] == "uint8" else 1.0)
        elif stage.stage == "normalize" and stage.parameters["scale"] == "standardize":
            scaling = Scaling(**stage.parameters["learnt"])
            full = scaling.maximum if levels.full is None else levels.full
            low, high = ((value - scaling.mean) / scaling.deviation for value in (levels.ground, full))
            levels = Levels(low, high if high > low else None)
    return levels


def _holds_bytes(metadata: Metadata) -> bool:
    kinds = {np.dtype(source.dtype) for source in metadata.sources if source.role == "images"}
    return (kinds or {np.dtype(metadata.dtype)}) == {np.dtype(np.uint8)}
