"""The audit of a dataset: every check, one table with a row a sample, one with a row a check and split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mnist_data.parquet.corrections import Corrections
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions_table import DECISIONS
from mnist_data.parquet.messages import keep_messages
from mnist_data.parquet.tables import merge_tables, provenance, require_folder, write_table
from pipelines.audit.check_result import CheckResult
from pipelines.audit.checks import check_images
from pipelines.audit.decided import Decided, decided_about, with_decided
from pipelines.audit.duplicates import find_duplicates
from pipelines.audit.findings import audit_findings
from pipelines.audit.imbalance import IMBALANCE, find_imbalance
from pipelines.audit.label_errors import find_label_errors, require_cleanlab
from pipelines.audit.order import find_orders
from pipelines.audit.read_rows import read_rows
from pipelines.engine.execution import Execution
from pipelines.engine.memory import require_memory, require_whole
from pipelines.images.measures.faults import find_faults
from pipelines.images.measures.table import MeasureTable, measure_dataset
from pipelines.images.thumbnails import thumbnail_table
from pipelines.settings.analysis import Audit

ROWS = 100_000
"""Of the table of samples, put together and written at once."""


def audit(
    source: Dataset,
    folder: str | Path,
    params: Audit | None = None,
    *,
    corrections: Corrections | None = None,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> dict[str, pd.DataFrame]:
    """Run every check, and write its tables into a folder: audit, checks, order, findings and audit_thumbnails.

    Gives the small ones by name. `audit` is only written: id, split, label, and for each check is_CHECK,
    CHECK_score (0 worst … 1) and what explains the finding. corrections: what people have decided about the samples;
    the tables then say what is decided, and count what is left. Raises OutputExists where the folder holds anything
    that is not to be replaced.
    """
    params, execution = params or Audit(), execution or Execution()
    require_folder(folder, overwrite)
    require_memory(params.stage, source, execution)
    if params.labels:
        require_whole(params.stage, source, 2, ["leave label errors out: --no-labels"])  # as they are, and scaled
    decided = decided_about(source, corrections)
    table, results = run_checks(source, params, execution)
    inputs = {source.metadata.dataset: source.content} | ({DECISIONS: decided.digest} if decided else {})
    made = provenance(params.stage, inputs, params.recorded())
    merge_tables(_sample_tables(table, results, decided), f"{folder}/audit", made)
    checks, order = tabulate(table, results, params), find_orders(table)
    if decided:
        checks = with_decided(checks, _decided_counts(table, results, decided.mask(table.ids)))
    tables = {
        "checks": checks,
        "order": order,
        "findings": audit_findings(checks, order, source.location),
        "audit_thumbnails": worst_samples(table, results, params.thumbnails, decided),
    }
    for name, frame in tables.items():
        write_table(frame, f"{folder}/{name}", made)
    return tables


def run_checks(source: Dataset, params: Audit, execution: Execution) -> tuple[MeasureTable, list[CheckResult]]:
    """Give what is measured of each sample, and the result of each check."""
    if params.labels:
        require_cleanlab()  # before the work, not after it
    table = measure_dataset(source, execution, strokes=True)
    faults = find_faults(table, execution, {name: params.threshold(name) for name in ("blank", "constant", "inverted")})
    results = check_images(table, faults, params)
    near = params.thresholds.get("near_duplicate")
    results.extend(find_duplicates(source, near, execution=execution, table=table))
    if params.labels:
        results.append(find_label_errors(source, seed=params.seed, report=execution.report))
    return table, results


def tabulate(table: MeasureTable, results: Sequence[CheckResult], params: Audit) -> pd.DataFrame:
    """Count what was flagged: check, split, samples, flagged, fraction, threshold, meaning; the splits in their order.

    The polarity of the dataset's background stands in the attributes of the table.
    """
    rows: list[dict[str, Any]] = []
    for result in results:
        for split, samples in table.source.splits.items():
            flagged = int(result.flagged[table.splits == split].sum())
            rows.append(
                {
                    "check": result.check,
                    "split": split,
                    "samples": samples,
                    "flagged": flagged,
                    "fraction": flagged / max(1, samples),
                    "threshold": result.threshold,
                    "meaning": result.meaning,
                }
            )
    classes, threshold = len(table.source.metadata.classes), params.threshold(IMBALANCE)
    rows.extend(
        find_imbalance(split, table.labels[table.splits == split], classes, threshold) for split in table.source.splits
    )
    checks = pd.DataFrame(rows)
    checks.attrs["polarity"] = table.background.polarity
    return keep_messages(checks, [row["meaning"] for row in rows])


def _decided_counts(
    table: MeasureTable, results: Sequence[CheckResult], decided: npt.NDArray[np.bool_]
) -> dict[tuple[str, str], int]:
    """Count the flagged samples that are decided, by check and split."""
    return {
        (result.check, split): int((result.flagged & decided & (table.splits == split)).sum())
        for result in results
        for split in table.source.splits
    }


def _sample_tables(table: MeasureTable, results: Sequence[CheckResult], decided: Decided | None) -> Iterator[pa.Table]:
    for first in range(0, max(1, len(table)), ROWS):
        rows = slice(first, first + ROWS)
        columns: dict[str, Any] = {
            "id": pa.array(table.ids[rows]),
            "split": pa.array(table.splits[rows], pa.string()),
            "label": pa.array(table.labels[rows]),
        }
        if decided:
            decisions, people = decided.texts(table.ids[rows])
            columns |= {"decision": pa.array(decisions, pa.string()), "decided_by": pa.array(people, pa.string())}
        for result in results:
            columns[f"is_{result.check}"] = pa.array(result.flagged[rows])
            columns[f"{result.check}_score"] = pa.array(result.score[rows])
            columns |= {name: _column(values[rows]) for name, values in result.details.items()}
        yield pa.table(columns)


def _column(values: Any) -> pa.Array:
    """Give a column in which what is not known is missing."""
    if isinstance(values, np.ma.MaskedArray):
        return pa.array(values.data, mask=np.ma.getmaskarray(values))
    return pa.array(values, from_pandas=True)


def worst_samples(
    table: MeasureTable, results: Sequence[CheckResult], most: int, decided: Decided | None = None
) -> pd.DataFrame:
    """Take the flagged samples of lowest score: check, rank, value, threshold, id, split, label, name and image.

    Where something is decided, also decision and decided_by.
    """
    worst = []
    for result in results:
        flagged = np.flatnonzero(result.flagged)
        rows = flagged[np.lexsort((table.ids[flagged], result.score[flagged]))[:most]]
        values = result.details.get(f"{result.check}_value", result.score)
        worst.append(
            pd.DataFrame(
                {
                    "check": result.check,
                    "rank": np.arange(len(rows)),
                    "row": rows,
                    "value": np.asarray(values, np.float64)[rows],
                    "threshold": result.threshold,
                }
            )
        )
    frame = pd.concat(worst, ignore_index=True)
    rows = frame.pop("row").to_numpy(np.int64)
    batch = read_rows(table.source, rows)
    names = [table.source.metadata.class_name(label) for label in batch.labels.tolist()]
    columns = {"id": batch.ids, "split": table.splits[rows], "label": batch.labels, "name": names}
    if decided:
        columns |= dict(zip(("decision", "decided_by"), decided.texts(batch.ids), strict=True))
    return thumbnail_table({**dict(frame), **columns}, batch.images, table.source.metadata)
