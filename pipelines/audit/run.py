"""The audit of a dataset: every check, one table with a row a sample, one with a row a check and split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import merge_tables, provenance, require_folder, write_table
from pipelines.audit.checks import judge_images
from pipelines.audit.duplicates import find_duplicates
from pipelines.audit.imbalance import IMBALANCE, find_imbalance
from pipelines.audit.label_errors import find_label_errors, require_cleanlab
from pipelines.audit.measures import Measured, measure
from pipelines.audit.orientation import TRANSPOSED, find_transposed
from pipelines.audit.places import read_places
from pipelines.audit.verdict import Verdict
from pipelines.engine.execution import Execution
from pipelines.engine.map_dataset import require_images
from pipelines.images.thumbnails import thumbnail_table
from pipelines.settings.analysis import Audit

ROWS = 100_000
"""Of the table of samples, put together and written at once."""


def audit(
    source: Dataset,
    folder: str | Path,
    params: Audit | None = None,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> dict[str, pd.DataFrame]:
    """Run every check, and write the tables `audit`, `checks` and `audit_thumbnails` into a folder.

    Gives the two small ones by name. `audit` is only written: id, split, label, and for each check is_CHECK,
    CHECK_score (0 worst … 1) and what explains the finding. Raises OutputExists where the folder holds anything that is
    not to be replaced.
    """
    params, execution = params or Audit(), execution or Execution()
    require_images(source)
    require_folder(folder, overwrite)
    measured, verdicts = find_verdicts(source, params, execution)
    made = provenance(params.stage, {source.metadata.dataset: source.content}, params.recorded())
    merge_tables(_sample_tables(measured, verdicts), f"{folder}/audit", made)
    tables = {
        "checks": tabulate(source, measured, verdicts, params),
        "audit_thumbnails": worst_samples(source, measured, verdicts, params.thumbnails),
    }
    for name, table in tables.items():
        write_table(table, f"{folder}/{name}", made)
    return tables


def find_verdicts(source: Dataset, params: Audit, execution: Execution) -> tuple[Measured, list[Verdict]]:
    """Give what was measured of each sample, and what each check says of it."""
    if params.labels:
        require_cleanlab()  # before the work, not after it
    measured = measure(source, execution)
    verdicts = judge_images(measured, params)
    by_name = {verdict.check: verdict.flagged for verdict in verdicts}
    unfit = by_name["inverted"] | by_name["blank"] | by_name["constant"]
    fit = np.isfinite(measured.measures["ink"]) & ~unfit
    verdicts.append(find_transposed(source, fit, params.thresholds.get(TRANSPOSED), execution))
    verdicts.extend(find_duplicates(source, params.thresholds.get("near_duplicate"), execution=execution))
    if params.labels:
        verdicts.append(find_label_errors(source, seed=params.seed, report=execution.report))
    return measured, verdicts


def tabulate(source: Dataset, measured: Measured, verdicts: Sequence[Verdict], params: Audit) -> pd.DataFrame:
    """Count what was flagged: check, split, samples, flagged, share, bar, meaning; the splits in their order."""
    rows: list[dict[str, Any]] = []
    for verdict in verdicts:
        for split, samples in source.splits.items():
            flagged = int(verdict.flagged[measured.splits == split].sum())
            rows.append(
                {
                    "check": verdict.check,
                    "split": split,
                    "samples": samples,
                    "flagged": flagged,
                    "fraction": flagged / max(1, samples),
                    "threshold": verdict.threshold,
                    "meaning": verdict.meaning,
                }
            )
    classes, threshold = len(source.metadata.classes), params.threshold(IMBALANCE)
    rows.extend(
        find_imbalance(split, measured.labels[measured.splits == split], classes, threshold) for split in source.splits
    )
    return pd.DataFrame(rows)


def _sample_tables(measured: Measured, verdicts: Sequence[Verdict]) -> Iterator[pa.Table]:
    for first in range(0, max(1, len(measured.ids)), ROWS):
        rows = slice(first, first + ROWS)
        columns: dict[str, Any] = {
            "id": pa.array(measured.ids[rows]),
            "split": pa.array(measured.splits[rows], pa.string()),
            "label": pa.array(measured.labels[rows]),
        }
        for verdict in verdicts:
            columns[f"is_{verdict.check}"] = pa.array(verdict.flagged[rows])
            columns[f"{verdict.check}_score"] = pa.array(verdict.score[rows])
            columns |= {name: _column(values[rows]) for name, values in verdict.details.items()}
        yield pa.table(columns)


def _column(values: Any) -> pa.Array:
    """Give a column in which what is not known is missing."""
    if isinstance(values, np.ma.MaskedArray):
        return pa.array(values.data, mask=np.ma.getmaskarray(values))
    return pa.array(values, from_pandas=True)


def worst_samples(source: Dataset, measured: Measured, verdicts: Sequence[Verdict], most: int) -> pd.DataFrame:
    """Take the flagged samples with the lowest scores: check, rank, value, bar, id, split, label, name, image."""
    chosen = []
    for verdict in verdicts:
        found = np.flatnonzero(verdict.flagged)
        order = np.lexsort((measured.ids[found], verdict.score[found]))[:most]
        values = verdict.details.get(f"{verdict.check}_value", verdict.score)
        chosen.append(
            pd.DataFrame(
                {
                    "check": verdict.check,
                    "rank": np.arange(len(order)),
                    "place": found[order],
                    "value": np.asarray(values, np.float64)[found[order]],
                    "threshold": verdict.threshold,
                }
            )
        )
    frame = pd.concat(chosen, ignore_index=True)
    places = frame.pop("place").to_numpy(np.int64)
    batch = read_places(source, places)
    names = [source.metadata.class_name(label) for label in batch.labels.tolist()]
    columns = {"id": batch.ids, "split": measured.splits[places], "label": batch.labels, "name": names}
    return thumbnail_table({**dict(frame), **columns}, batch.images, source.metadata)
