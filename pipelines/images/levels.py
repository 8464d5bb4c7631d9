"""The background and the white level: the pixel values that mean no ink and full ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_data.batch import Images
from mnist_data.errors import WrongUse
from mnist_data.parquet.schema import Metadata
from pipelines.images.scaling import Scaling


@dataclass(frozen=True)
class Levels:
    """The values of the background and of the white level, in the units of the pixels.

    white: None where it is not known; then only geometric transforms are possible.
    """

    background: float = 0.0
    white: float | None = 255.0

    def fraction(self, images: Images) -> Images:
        """Bring pixel values to 0 for the background … 1 for the white level, as floats that hold each of them exactly.

        Raises WrongUse where the white level is not known.
        """
        wide = images.astype(np.result_type(images.dtype, np.float32))
        if self.background:
            wide -= wide.dtype.type(self.background)
        wide /= wide.dtype.type(self.width())
        return wide

    def pixels(self, fractions: Images, dtype: np.dtype[np.generic]) -> Images:
        """Bring fractions back to pixel values; those outside 0 … 1 are clipped, integers rounded half upwards."""
        kind = fractions.dtype.type
        values = np.clip(fractions, kind(0), kind(1)) * kind(self.width()) + kind(self.background)
        return np.asarray((np.floor(values + kind(0.5)) if dtype.kind in "biu" else values).astype(dtype))

    def width(self) -> float:
        """Give the distance from the background to the white level. Raises WrongUse where that is not known."""
        if self.white is None:
            raise WrongUse(
                "The white level of this dataset is not known, and noise and brightness are fractions of it; "
                "normalize the dataset first (mnist-data normalize DATASET OUT)."
            )
        return self.white - self.background


BYTES = Levels()
"""The levels of 8-bit images."""


def levels_of(metadata: Metadata) -> Levels:
    """Give the levels of a dataset, from its source files' type and the normalization it went through.

    Bytes go from 0 to 255. Other types have a known white level only once they are normalized: to 1, or to the highest
    value of the training split where they were standardized.
    """
    levels = Levels(0.0, 255.0 if _holds_bytes(metadata) else None)
    for stage in metadata.stages:
        if stage.stage == "normalize" and stage.parameters["scale"] == "unit":
            levels = Levels(0.0, 255.0 if stage.parameters["dtype"] == "uint8" else 1.0)
        elif stage.stage == "normalize" and stage.parameters["scale"] == "standardize":
            scaling = Scaling(**stage.fitted)
            white = scaling.maximum if levels.white is None else levels.white
            low, high = ((value - scaling.mean) / scaling.std for value in (levels.background, white))
            levels = Levels(low, high if high > low else None)
    return levels


def _holds_bytes(metadata: Metadata) -> bool:
    kinds = {np.dtype(source.dtype) for source in metadata.sources if source.role == "images"}
    return (kinds or {np.dtype(metadata.dtype)}) == {np.dtype(np.uint8)}
