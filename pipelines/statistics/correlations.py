"""Correlations of what is measured of each sample: its ink, its place, its strokes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mnist_data.known.label_tables import GROUPS
from mnist_data.parquet.dataset import open_parquet

NO_FEATURES = ("id", "split", "label", *GROUPS, "mean")
"""Columns of the per-sample table that are left out: names, if by numbers, and the mean, the ink by another name."""

ROWS = 65_536
"""Rows of the per-sample table in memory together."""

Floats = npt.NDArray[np.float64]


def correlate(samples: str) -> pd.DataFrame:
    """Give the table `correlations`: split, feature, other, samples, pearson; each pair once, the strongest first.

    samples: where the per-sample table lies. A sample without a value of some feature, as blank ones are, counts for no
    pair, so that all pairs are of the same samples. A feature that never varies has no correlation.
    """
    with open_parquet(samples) as file:
        names = [field.name for field in file.schema_arrow if field.name not in NO_FEATURES and _is_number(field.type)]
        sums: dict[str, tuple[int, Floats, Floats]] = {}
        shift: Floats | None = None
        for batch in file.iter_batches(ROWS, columns=["split", *names]):
            for split, values in _of_splits(batch.to_pandas(), names):
                if shift is None and len(values):
                    shift = values.mean(axis=0)  # products about some middle keep their digits
                about = values - (0 if shift is None else shift)
                count, total, products = sums.get(split, (0, 0, 0))
                sums[split] = (count + len(about), total + about.sum(axis=0), products + about.T @ about)
    parts = [_pairs(split, names, *of_split) for split, of_split in sums.items()]
    columns = ["split", "feature", "other", "samples", "pearson"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _of_splits(frame: pd.DataFrame, names: list[str]) -> Iterator[tuple[str, Floats]]:
    for split, rows in frame.groupby("split", sort=False):
        values = rows[names].to_numpy(np.float64, na_value=np.nan)
        yield str(split), values[np.isfinite(values).all(axis=1)]


def _pairs(split: str, names: list[str], count: int, total: Floats, products: Floats) -> pd.DataFrame:
    scatter = products - np.outer(total, total) / max(1, count)
    spread = np.sqrt(np.maximum(np.diag(scatter), 0))
    spread[spread <= 1e-7 * np.sqrt(np.diag(products) + count)] = np.nan  # rounding is no variation
    pearson = np.clip(scatter / np.outer(spread, spread), -1, 1)
    rows = [
        (split, names[first], names[second], count, pearson[first, second])
        for first, second in combinations(range(len(names)), 2)
    ]
    table = pd.DataFrame(rows, columns=["split", "feature", "other", "samples", "pearson"])
    return table.sort_values("pearson", key=abs, ascending=False, kind="stable", na_position="last")
