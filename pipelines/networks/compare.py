"""Comparing two trainings on the same samples: which is better, by how much, and whether that can be chance."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_data import storage
from mnist_data.errors import WrongUse
from mnist_data.parquet import frames
from mnist_data.parquet.messages import message
from mnist_data.parquet.preview import Pixels, to_uint8
from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.tables import provenance, read_table, require_folder, write_table
from pipelines.images.thumbnails import thumbnail_table
from pipelines.networks.evaluation.paired import LEVEL, PairedComparison, compare_correct
from pipelines.networks.evaluation.runs import Run, read_run, together
from pipelines.networks.findings import comparison_findings

TABLES = ("comparison", "disagreements", "findings")

SHOWN = 48
"""Most samples on the page."""


def compare(a: str | Path, b: str | Path, *, across_datasets: bool = False) -> dict[str, pd.DataFrame]:
    """Compare two folders that `train` has written, sample by sample.

    Gives the tables

    - comparison: seed, then the fields of PairedComparison. The first row, without a seed, compares the runs' ensembles
      (the means of their seeds' probabilities); where both have several seeds, a row follows for each common seed.
    - findings: what these say in sentences.
    - disagreements, the samples that A and B predict differently: id, label, predicted_a, probability_a, predicted_b,
      probability_b, correct ("A", "B" or "neither").

    across_datasets: also compare runs on datasets of different content, as before and after an augmentation; ids and
    labels must agree nevertheless. Raises WrongUse where the samples are not the same.
    """
    run_a, run_b = read_run(a), read_run(b)
    _require_same_data(run_a, run_b, across_datasets)
    ensembles = _aligned(run_a, run_b, together(run_a.table), together(run_b.table))
    rows: list[dict[str, Any]] = [{"seed": pd.NA, **asdict(_compare(*ensembles))}]
    if len(run_a.seeds) > 1 and len(run_b.seeds) > 1:
        for seed in sorted(set(run_a.seeds) & set(run_b.seeds)):
            pair = _aligned(run_a, run_b, run_a.of(seed), run_b.of(seed))
            rows.append({"seed": seed, **asdict(_compare(*pair))})
    comparison = pd.DataFrame(rows).astype({"seed": "Int64"})
    said = verdict(comparison.iloc[0], f"A ({a})", f"B ({b})")
    tables = {"comparison": comparison, "disagreements": _disagreements(*ensembles)}
    return {**tables, "findings": comparison_findings(comparison, said)}


def write_comparison(
    tables: Mapping[str, pd.DataFrame], folder: str | Path, a: str | Path, b: str | Path, *, overwrite: bool = False
) -> None:
    """Write the tables that `compare` gives into a folder, with the hashes of the predictions in their metadata.

    Raises OutputExists where the folder holds anything that is not to be replaced.
    """
    require_folder(folder, overwrite)
    inputs = {str(run): _digest(f"{run}/predictions.parquet") for run in (a, b)}
    for name in TABLES:
        write_table(tables[name], f"{folder}/{name}", provenance("compare", inputs, {"a": str(a), "b": str(b)}))


def page_tables(tables: Mapping[str, pd.DataFrame], a: str | Path, b: str | Path) -> dict[str, pd.DataFrame]:
    """Give the tables of the page: those of `compare`, and the images of samples that only one predicts correctly.

    disagreement_samples: the rows of `disagreements` of which a training has kept the image, as it does of its most
    confident errors, with name, predicted_a_name and predicted_b_name; no rows where it has kept none.
    """
    kept = [read_table(path) for path in (f"{run}/misclassified.parquet" for run in (a, b)) if storage.exists(path)]
    images: dict[int, Pixels] = {}
    names: dict[int, str] = {}
    for table in kept:
        if len(table):
            images |= dict(zip(table["id"].tolist(), to_uint8(frames.images(table)), strict=True))
        names |= dict(zip(table["label"].tolist(), table["name"], strict=True))
        names |= dict(zip(table["predicted"].tolist(), table["predicted_name"], strict=True))
    shape = next((image.shape for image in images.values()), (1, 1))
    shown = [sample for sample, image in images.items() if image.shape == shape]
    disagreements = tables["disagreements"]
    samples = disagreements[disagreements["id"].isin(shown)].head(SHOWN).reset_index(drop=True)
    if samples.empty:
        return dict(tables)
    for column in ("label", "predicted_a", "predicted_b"):
        samples[f"{column}_name"] = [names.get(int(label), str(label)) for label in samples[column]]
    drawn = np.stack([images[int(sample)] for sample in samples["id"]])
    columns = {str(name): samples[name] for name in samples}
    return {**tables, "disagreement_samples": thumbnail_table(columns, drawn, Metadata("images", shape, "uint8"))}


def _digest(location: str) -> str:
    files, path = storage.filesystem(location)
    with files.open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verdict(row: pd.Series[Any], a: str, b: str) -> str:
    """Say in one sentence which is better, with interval and p-value.

    row: of the table comparison. a, b: the names of the two. A difference is reported where p is below LEVEL.
    """
    points, low, high = (100 * row[name] for name in ("difference", "low", "high"))
    if row["p"] < LEVEL and points < 0:
        a, b, points, low, high = b, a, -points, -high, -low
    measured = {"a": a, "b": b, "points": points, "low": low, "high": high, "p": row["p"]}
    if row["p"] >= LEVEL:
        return message(
            "No significant difference: {b} minus {a} is {points:.2f} points (95 % interval {low:.2f} … {high:.2f}), "
            "p = {p:.2g}.",
            **measured,
        )
    return message(
        "{b} is better than {a} by {points:.2f} points (95 % interval {low:.2f} … {high:.2f}), p = {p:.2g}.", **measured
    )


def _require_same_data(a: Run, b: Run, across_datasets: bool) -> None:
    """Raise WrongUse for runs whose tables were made from different data."""
    contents = [sorted(run.inputs.values()) for run in (a, b)]
    if across_datasets or not all(contents) or contents[0] == contents[1]:
        return
    names = [", ".join(f"{name} ({content[:12]})" for name, content in run.inputs.items()) for run in (a, b)]
    raise WrongUse(
        f"{a.folder} was trained and tested on {names[0]}, {b.folder} on {names[1]}: their contents differ. "
        "If the test samples are the same, as after an augmentation, pass --across-datasets."
    )


def _aligned(run_a: Run, run_b: Run, a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sort two tables of predictions by id. Raises WrongUse where samples or labels differ."""
    a, b = (table.sort_values("id", ignore_index=True) for table in (a, b))
    if not np.array_equal(a["id"], b["id"]):
        common = len(set(a["id"]) & set(b["id"]))
        raise WrongUse(
            f"{run_a.folder} has predicted {len(a):,} samples, {run_b.folder} {len(b):,}, and {common:,} of them are "
            "the same; only predictions of the same samples can be compared."
        )
    differ = np.flatnonzero(a["label"] != b["label"])
    if len(differ):
        sample, labels = a["id"].iloc[differ[0]], (a["label"].iloc[differ[0]], b["label"].iloc[differ[0]])
        raise WrongUse(
            f"{run_a.folder} and {run_b.folder} have different labels for {len(differ):,} samples (sample {sample}: "
            f"{labels[0]} and {labels[1]}); only predictions of the same samples can be compared."
        )
    return a, b


def _compare(a: pd.DataFrame, b: pd.DataFrame) -> PairedComparison:
    return compare_correct(a["correct"].to_numpy(np.bool_), b["correct"].to_numpy(np.bool_))


def _disagreements(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    rows = (a["predicted"] != b["predicted"]).to_numpy()
    a, b = a[rows], b[rows]
    return pd.DataFrame(
        {
            "id": a["id"],
            "label": a["label"],
            "predicted_a": a["predicted"],
            "probability_a": a["probability"],
            "predicted_b": b["predicted"],
            "probability_b": b["probability"],
            "correct": np.select([a["correct"], b["correct"]], ["A", "B"], "neither"),
        }
    ).reset_index(drop=True)
