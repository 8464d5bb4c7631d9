"""Morphometrics of a dataset: a table of their mean, spread and quartiles in each class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.parquet.dataset import open_parquet
from pipelines.images.measures.strokes import COUNTS, LENGTHS

MEASURES = (*LENGTHS, *COUNTS, "border_contact")
"""In the order of the columns. The units are pixels, of the area pixels², of the slant radians."""

STATISTICS = ("samples", "mean", "std", "lower_quartile", "median", "upper_quartile")
"""The statistics of a measure; samples counts those that have it."""


def summarize_measures(samples: str, by: str = "label") -> pd.DataFrame:
    """Give the mean, standard deviation and quartiles of each measure, in each split and in each group of it.

    samples: where the per-sample table lies, of which one measure at a time is read. by: its column of whole numbers
    that makes the groups, the classes or others. The values are taken in the table's order, so nothing depends on how
    the work was cut. A row whose group is missing is of the whole split.
    """
    with open_parquet(samples) as file:
        keys = file.read(columns=["split", by]).to_pandas()
        rows: list[dict[str, Any]] = []
        for measure in MEASURES:
            values = file.read(columns=[measure])[measure].to_pandas().to_numpy(np.float64)
            rows.extend({**of, "measure": measure, **_describe(values[places])} for of, places in _groups(keys, by))
    return pd.DataFrame(rows, columns=["split", by, "measure", *STATISTICS]).astype({by: "Int64"})


def _groups(keys: pd.DataFrame, by: str) -> Iterator[tuple[dict[str, Any], npt.NDArray[np.int64]]]:
    """Give the splits in their order, and after each its groups; with the places of their samples."""
    for split in keys["split"].unique():
        places = np.flatnonzero(keys["split"] == split)
        values = keys[by].to_numpy()[places]
        yield {"split": split, by: pd.NA}, places
        for value in np.unique(values):
            yield {"split": split, by: value}, places[values == value]


def _describe(values: npt.NDArray[np.float64]) -> dict[str, float]:
    measured = values[~np.isnan(values)]
    if not len(measured):
        return {**dict.fromkeys(STATISTICS, np.nan), "samples": 0}
    statistics = (len(measured), measured.mean(), measured.std(), *np.quantile(measured, (0.25, 0.5, 0.75)))
    return dict(zip(STATISTICS, statistics, strict=True))
