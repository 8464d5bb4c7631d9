"""Facts: what is measured of a dataset, and all that the tests of claims may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnist_data.known.label_tables import SERIES, WRITER
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.schema import Metadata
from pipelines.engine.execution import Execution
from pipelines.images.border import outermost
from pipelines.images.measures.pixels import BOX, DIGEST
from pipelines.images.measures.table import MeasureTable, measure_dataset


@dataclass(frozen=True)
class PixelFacts:
    """What the pixels of a dataset are.

    low, high: of the finite ones; infinite where there are none. not_finite: how many are NaN or infinite.
    border, border_zeros: how many lie in the outermost rows and columns, and how many of these are 0.
    """

    low: float
    high: float
    not_finite: int
    border: int
    border_zeros: int


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset.

    splits: name -> samples. samples: a row a sample, in the order of the dataset: split, id, label, DIGEST; row and
    column, the centre of mass in index coordinates, NaN for a blank one; side, the larger side of the box of its ink,
    0 for a blank one; WRITER and SERIES where they are known.
    audit: the table of `mnist-data audit`, predictions: that of `mnist-data train`, each where there is one.
    """

    metadata: Metadata
    splits: Mapping[str, int]
    samples: pd.DataFrame
    pixels: PixelFacts
    audit: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None

    def of(self, split: str) -> pd.DataFrame:
        """Give the samples of one split."""
        return self.samples[self.samples["split"] == split]


def gather_facts(
    source: Dataset,
    execution: Execution,
    audit: pd.DataFrame | None = None,
    predictions: pd.DataFrame | None = None,
) -> Facts:
    """Take the facts of a dataset from the measures of its samples."""
    table = measure_dataset(source, execution)
    return Facts(source.metadata, dict(source.splits), _samples(table), _pixel_facts(table), audit, predictions)


def _samples(table: MeasureTable) -> pd.DataFrame:
    """Give the columns of `Facts.samples`."""
    top, left, bottom, right = table.columns(*BOX)
    row, column, high, low = table.columns("centre_row", "centre_column", *DIGEST)
    side = np.maximum(bottom - top, right - left).astype(np.int64) + 1
    columns = {
        "id": table.ids,
        "label": table.labels,
        DIGEST[0]: high,
        DIGEST[1]: low,
        "row": np.where(table.finite, row, np.nan),
        "column": np.where(table.finite, column, np.nan),
        "side": np.where(table.finite & (top >= 0), side, 0),
    }
    columns |= {name: table.column(name) for name in (WRITER, SERIES) if name in table.pixels.names}
    return pd.DataFrame(columns).assign(split=table.splits)


def _pixel_facts(table: MeasureTable) -> PixelFacts:
    lowest, highest, not_finite, zeros = table.columns("lowest", "highest", "not_finite", "border_zeros")
    height, width, *channels = table.source.metadata.shape
    border = int(outermost(height, width).sum()) * int(np.prod(channels)) * len(table)
    low, high = float(lowest.min(initial=np.inf)), float(highest.max(initial=-np.inf))
    return PixelFacts(low, high, int(not_finite.sum()), border, int(zeros.sum()))
