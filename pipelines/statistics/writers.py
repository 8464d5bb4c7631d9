"""Writers: how many samples each has given, which splits share some, and how their strokes differ."""

from __future__ import annotations

from itertools import permutations

import pandas as pd

from mnist_data.known.label_tables import SERIES, WRITER
from mnist_data.parquet.dataset import Dataset, open_parquet, read_columns
from pipelines.statistics.morphometrics import MEASURES, summarize_measures

TABLES = ("writers", "writer_measures", "series_measures")


def dataset_writers(source: Dataset) -> pd.DataFrame:
    """Read who wrote each sample of a dataset: id, split and, where it is known, writer_id."""
    parts = [pd.DataFrame(read_columns(source, split, ["id", WRITER])).assign(split=split) for split in source.splits]
    return pd.concat(parts, ignore_index=True)


def shared_writers(samples: pd.DataFrame) -> pd.DataFrame | None:
    """Say how many writers each split has, and what it shares with each other one; None where none are known.

    samples: a row a sample, with split and writer_id. Gives a row for each ordered pair of splits, or one for a split
    alone: split, samples, writers, other, shared_writers, and shared_samples, the share of the split's samples that
    are by writers of the other. That share is 0 where nothing leaks.
    """
    if WRITER not in samples:
        return None
    writers = {split: rows[WRITER] for split, rows in samples.groupby("split", sort=False)}
    rows = []
    for split, other in permutations(writers, 2) if len(writers) > 1 else [(split, None) for split in writers]:
        own = writers[split]
        shared = own[own.isin(writers[other])] if other is not None else own[:0]
        rows.append(
            {
                "split": split,
                "samples": len(own),
                "writers": own.nunique(),
                "other": other,
                "shared_writers": shared.nunique(),
                "shared_samples": len(shared) / len(own),
            }
        )
    names = ["split", "samples", "writers", "other", "shared_writers", "shared_samples"]
    return pd.DataFrame(rows, columns=names).astype({"other": object})


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
