"""What the checks of the ink look at: the strokes of the samples that can be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.images.measures.strokes import FRAME
from pipelines.images.measures.table import MeasureTable

Floats = npt.NDArray[np.float32]

CHECKED = ("stroke_ink", "stroke_row", "stroke_column", *FRAME, "sharpness", "noise")
"""The columns of STROKE_COLUMNS that the checks look at."""


@dataclass(frozen=True)
class StrokeValues:
    """labels: (n,) int64. columns: CHECKED -> (n,), NaN for samples that are not evaluated."""

    labels: Integers
    columns: Mapping[str, Floats]

    def __getitem__(self, name: str) -> Floats:
        return self.columns[name]

    @staticmethod
    def of(table: MeasureTable, fit: npt.NDArray[np.bool_]) -> StrokeValues:
        """Take them from a table; fit: (n,) the samples to evaluate."""
        values = dict(zip(CHECKED, table.columns(*CHECKED), strict=True))
        inked = fit & np.isfinite(values["stroke_ink"])
        columns = {name: np.where(inked, value, np.nan).astype(np.float32) for name, value in values.items()}
        return StrokeValues(table.labels, columns)
