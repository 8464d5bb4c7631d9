"""What the checks of the ink look at: the strokes of the samples that can be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.images.measures.strokes import STROKE_COLUMNS
from pipelines.images.measures.table import MeasureTable

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class StrokeValues:
    """ids, labels: (n,) int64. columns: STROKE_COLUMNS -> (n,), NaN for samples that are not evaluated."""

    ids: Integers
    labels: Integers
    columns: Mapping[str, Floats]

    def __getitem__(self, name: str) -> Floats:
        return self.columns[name]

    @staticmethod
    def of(table: MeasureTable, fit: npt.NDArray[np.bool_]) -> StrokeValues:
        """Take them from a table; fit: (n,) the samples to evaluate."""
        values = dict(zip(STROKE_COLUMNS, table.columns(*STROKE_COLUMNS), strict=True))
        inked = fit & np.isfinite(values["stroke_ink"])
        columns = {name: np.where(inked, value, np.nan).astype(np.float32) for name, value in values.items()}
        return StrokeValues(table.ids, table.labels, columns)
