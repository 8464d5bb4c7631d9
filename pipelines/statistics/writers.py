"""Writers: how many samples each has given, which splits share some, and how their strokes differ."""

from __future__ import annotations

import pandas as pd

from mnist_data.known.label_tables import SERIES, WRITER, shared_writers
from mnist_data.parquet.dataset import open_parquet
from pipelines.statistics.morphometrics import MEASURES, summarize_measures

TABLES = ("writers", "writer_measures", "series_measures")


def writer_tables(samples: str, morphometrics: bool) -> dict[str, pd.DataFrame]:
    """Give the tables of what is known of writers and series; none for a dataset that tells nothing of them.

    samples: where the per-sample table lies, of which few columns are read at a time. morphometrics: it has them.
    Tables: `writers` (see `shared_writers`); `writer_measures`, a row a writer in each split, with the number of its
    samples and the mean of each measure; `series_measures`, for each series what `morphometrics` is for each class.
    """
    with open_parquet(samples) as file:
        known = set(file.schema_arrow.names)
        if WRITER in known:
            keys = file.read(columns=["split", WRITER]).to_pandas()
    tables = {}
    if WRITER in known:
        tables = {"writers": shared_writers(keys), "writer_measures": _by_writer(samples, keys, morphometrics)}
    if SERIES in known and morphometrics:
        tables["series_measures"] = summarize_measures(samples, SERIES)
    return {name: table for name, table in tables.items() if table is not None}


def _by_writer(samples: str, keys: pd.DataFrame, morphometrics: bool) -> pd.DataFrame:
    groups = keys.groupby(["split", WRITER], sort=False)
    means = {"samples": groups.size()}
    with open_parquet(samples) as file:
        for measure in MEASURES if morphometrics else ():
            values = file.read(columns=[measure])[measure].to_pandas().astype(float)
            means[measure] = values.groupby([keys["split"], keys[WRITER]], sort=False).mean()
    return pd.DataFrame(means).reset_index()
