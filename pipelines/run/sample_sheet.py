"""The samples that a page shows, with all that is known of each: from a dataset and its tables to one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Batch, Images, Integers
from mnist_data.parquet.dataset import Dataset, read_columns
from pipelines.audit.read_rows import read_rows
from pipelines.images.thumbnails import thumbnail_table
from pipelines.settings.checks import CHECKS
from pipelines.statistics.sample_choice import choose_samples, drawn_rows, of_lowest, ranked, stratum_of
from pipelines.statistics.sample_space import (
    SampleSpace,
    class_distances,
    has_umap,
    nearest_neighbours,
    umap_places,
)

MOST = 4_000
"""Samples in a page: of MNIST a megabyte and a half, with all that is known of them."""

CANDIDATES, CANDIDATE_BYTES = 20_000, 1 << 26
"""Samples among which the typical ones and those near a border are sought, and the most bytes that they take."""

STANDING_OUT = 300
"""Samples, at most, that are chosen as typical, as near a border, or as those of the least confidence."""

NEIGHBOURS = 8
"""Nearest samples of each that are given."""

FEWEST_MAPPED = 100
"""Samples below which there is no map but that of the principal components."""

WRONG, UNSURE, TYPICAL, BORDER = "misclassified", "least_confident", "typical", "border"
"""Why samples are chosen, besides the checks that flag them."""

SHEET, COUNTS = "sample_sheet", "sample_counts"
"""The tables that `sample_tables` gives."""


PARTNERS = {
    "exact_duplicate": "exact_duplicate_of",
    "near_duplicate": "near_duplicate_of",
    "label_conflict": "label_conflict_with",
    "leaked": "leaked_from",
}
"""Checks that flag a sample because of another one, and the columns that name that: a page has both."""

KEYS = ("id", "split", "label")
"""Columns of every table with a row a sample."""


@dataclass(frozen=True)
class KnownSamples:
    """What is known of every sample of a dataset, in its order. ids, labels: (n,). splits: (n,) texts.

    tables: of the statistics and the audit, (n rows) each. predicted: (n,), -1 where unknown. confidence: (n,), NaN
    where unknown. strata: (n,), the number of each sample's split and label.
    """

    ids: Integers
    labels: Integers
    splits: npt.NDArray[np.object_]
    tables: Sequence[pd.DataFrame]
    predicted: Integers
    confidence: npt.NDArray[np.float64]
    strata: Integers = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "strata", stratum_of(pd.factorize(self.splits, sort=True)[0], self.labels))

    def column(self, name: str) -> pd.Series[Any] | None:
        """Give a column of the tables, (n,), None where none of them has it."""
        return next((table[name] for table in self.tables if name in table), None)

    def of_tables(self, rows: Integers) -> dict[str, pd.Series[Any]]:
        """Give all columns of the tables for some rows; of two with one name the first."""
        columns: dict[str, pd.Series[Any]] = {}
        for table in self.tables:
            chosen = table.iloc[rows].reset_index(drop=True)
            columns = {**{str(name): chosen[name] for name in chosen if name not in KEYS}, **columns}
        return columns

    def flagged(self, check: str) -> npt.NDArray[np.bool_] | None:
        """Say which samples a check flags, (n,) bool; None where it was not made."""
        column = self.column(f"is_{check}")
        return None if column is None else column.to_numpy(bool)


def sample_tables(
    source: Dataset,
    measures: pd.DataFrame | None = None,
    audit: pd.DataFrame | None = None,
    predictions: pd.DataFrame | None = None,
    most: int = MOST,
) -> dict[str, pd.DataFrame]:
    """Choose samples of a dataset for a page; the choice does not depend on the order or on how the dataset is cut.

    measures: the table `samples` of stats. audit: the table `audit`. predictions: that of a training. most: samples.

    Gives `sample_sheet`, a row a chosen sample by ascending hash of its id: id, split, label, name, reason, predicted
    and confidence (missing where there is no prediction), the columns of `measures` and `audit`, pca_x, pca_y and with
    umap-learn umap_x, umap_y, neighbours (lists of rows of this table, the nearest first), image; and `sample_counts`,
    how many samples the whole dataset has of each split, label, check and predicted class: split, label, check,
    predicted (both missing: of all), samples. Of an empty dataset it gives nothing.
    """
    if not len(source):
        return {}
    known = _known(source, [table for table in (measures, audit) if table is not None], predictions)
    limit = max(1, min(CANDIDATES, CANDIDATE_BYTES // max(1, source.metadata.image_bytes)))
    rows = np.sort(drawn_rows(known.ids, known.strata, limit))
    candidates = _Candidates.of(rows, read_rows(source, rows))
    rankings = {**_rankings(known), **candidates.rankings(known)}
    choice = choose_samples(known.ids, known.strata, rankings, min(most, limit))
    images = candidates.images(source, choice.rows)
    columns: dict[str, Any] = {
        "id": known.ids[choice.rows],
        "split": known.splits[choice.rows],
        "label": known.labels[choice.rows],
        "name": [source.metadata.class_name(label) for label in known.labels[choice.rows].tolist()],
        "reason": choice.reasons,
        "predicted": pd.array(known.predicted[choice.rows], "Int64"),
        "confidence": known.confidence[choice.rows],
        **known.of_tables(choice.rows),
        **candidates.places(images),
    }
    columns["predicted"][known.predicted[choice.rows] < 0] = pd.NA
    sheet = thumbnail_table(columns, images, source.metadata)
    sheet.attrs["dataset"] = Path(source.location).name
    return {SHEET: sheet, COUNTS: count_samples(known)}


def _known(source: Dataset, tables: list[pd.DataFrame], predictions: pd.DataFrame | None) -> KnownSamples:
    """Put together what is known of each sample; tables that are not of exactly these samples are left out."""
    read = [(split, read_columns(source, split, ["id", "label"])) for split in source.splits]
    ids = np.concatenate([columns["id"] for _, columns in read])
    labels = np.concatenate([columns["label"] for _, columns in read]).astype(np.int64)
    splits = np.concatenate([np.full(len(columns["id"]), split, object) for split, columns in read])
    whole = [table for table in tables if np.array_equal(table["id"].to_numpy(np.int64), ids)]
    return KnownSamples(ids, labels, splits, whole, *_predicted(ids, predictions))


def _predicted(ids: Integers, predictions: pd.DataFrame | None) -> tuple[Integers, npt.NDArray[np.float64]]:
    """Give the predicted class of each sample, -1 where unknown, and its probability; of several seeds their mean."""
    if predictions is None or predictions.empty:
        return np.full(len(ids), -1), np.full(len(ids), np.nan)
    classes = [name for name in predictions if str(name).startswith("p_")]
    mean = predictions.groupby("id")[classes].mean()
    labels = np.array([int(str(name).removeprefix("p_")) for name in classes])
    probabilities = mean.to_numpy(np.float64)
    predicted = pd.Series(labels[probabilities.argmax(axis=1)], mean.index).reindex(ids, fill_value=-1)
    confidence = pd.Series(probabilities.max(axis=1), mean.index).reindex(ids)
    return predicted.to_numpy(np.int64), confidence.to_numpy(np.float64)


def _rankings(known: KnownSamples) -> dict[str, Integers]:
    """Order the samples by what the checks and a model say of them: reason -> rows, the most interesting first."""
    rankings = {}
    evaluated = known.predicted >= 0
    wrong = evaluated & (known.predicted != known.labels) & (known.labels >= 0)
    most = len(known.ids)
    if evaluated.any():
        rankings[WRONG] = of_lowest(-known.confidence, wrong, known.ids, most)
    for check in CHECKS:
        flagged, score = known.flagged(check), known.column(f"{check}_score")
        if flagged is not None and score is not None:
            worst = of_lowest(score.to_numpy(float), flagged, known.ids, most)
            rankings[check] = _with_partners(known, worst, PARTNERS.get(check))
    if evaluated.any():
        rankings[UNSURE] = of_lowest(known.confidence, evaluated & ~wrong, known.ids, STANDING_OUT)
    return rankings


def _with_partners(known: KnownSamples, rows: Integers, column: str | None) -> Integers:
    """Put behind each of some rows that of the sample which a column names, as the original of a duplicate."""
    names = None if column is None else known.column(column)
    if names is None or not len(rows):
        return rows
    named = pd.to_numeric(names.iloc[rows])
    wanted, by_id = named.fillna(0).to_numpy(np.int64), np.argsort(known.ids, kind="stable")
    partners = by_id[np.searchsorted(known.ids, wanted, sorter=by_id).clip(max=len(by_id) - 1)]
    is_there = named.notna().to_numpy() & (known.ids[partners] == wanted)
    pairs = np.column_stack([rows, np.where(is_there, partners, -1)]).ravel()
    return np.asarray(pairs[pairs >= 0])


@dataclass(frozen=True)
class _Candidates:
    """Samples that were drawn, and the space they span. rows: (m,), ascending. space: None where none is finite."""

    rows: Integers
    batch: Batch
    space: SampleSpace | None

    @classmethod
    def of(cls, rows: Integers, batch: Batch) -> _Candidates:
        finite = batch.finite
        by_id = np.argsort(batch.ids[finite], kind="stable")
        return cls(rows, batch, SampleSpace.of(batch.images[finite][by_id]) if finite.any() else None)

    def rankings(self, known: KnownSamples) -> dict[str, Integers]:
        """Order the candidates by how near they lie to the border between two classes, and to the mean of theirs."""
        if self.space is None:
            return {}
        rows = self.rows[self.batch.finite]
        by_id = np.argsort(known.ids[rows], kind="stable")
        rows = rows[by_id]
        points = self.space.points(self.batch.images[self.batch.finite][by_id])
        distances = class_distances(points, known.labels[rows])
        strata, ids = known.strata[rows], known.ids[rows]
        scores = {BORDER: distances.from_border, TYPICAL: distances.own}
        return {reason: rows[ranked(score, strata, ids)[:STANDING_OUT]] for reason, score in scores.items()}

    def images(self, source: Dataset, rows: Integers) -> Images:
        """Give the images of some rows; those that are no candidates are read."""
        place = np.searchsorted(self.rows, rows).clip(max=len(self.rows) - 1)
        images = self.batch.images[place]
        others = np.flatnonzero(self.rows[place] != rows)
        if len(others):
            images[others] = read_rows(source, rows[others]).images
        return np.asarray(images)

    def places(self, images: Images) -> Mapping[str, Any]:
        """Give the places of images on each map, and the rows of the nearest other ones; NaN where not finite."""
        flat = images.reshape(len(images), -1)
        finite = np.isfinite(flat).all(axis=1) if images.dtype.kind == "f" else np.ones(len(images), np.bool_)
        empty: list[list[int]] = [[] for _ in images]
        places = np.full((len(images), 2), np.nan)
        if self.space is None or not finite.any():
            return {"pca_x": places[:, 0], "pca_y": places[:, 1], "neighbours": empty}
        points = self.space.points(images[finite])
        places[finite] = points[:, :2]
        columns: dict[str, Any] = {"pca_x": places[:, 0], "pca_y": places[:, 1]}
        if has_umap() and len(points) >= FEWEST_MAPPED:
            mapped = np.full((len(images), 2), np.nan)
            mapped[finite] = umap_places(points)
            columns |= {"umap_x": mapped[:, 0], "umap_y": mapped[:, 1]}
        rows = np.flatnonzero(finite)
        for row, near in zip(rows.tolist(), rows[nearest_neighbours(points, NEIGHBOURS)].tolist(), strict=True):
            empty[row] = near
        return {**columns, "neighbours": empty}


def count_samples(known: KnownSamples) -> pd.DataFrame:
    """Count the samples of each split and label: all, those that each check flags, and by predicted class."""
    keys = pd.DataFrame({"split": known.splits, "label": known.labels})
    parts = [keys.groupby(["split", "label"], sort=True).size().rename("samples").reset_index()]
    for check in CHECKS:
        flagged = known.flagged(check)
        if flagged is not None:
            counted = keys[flagged].groupby(["split", "label"], sort=True).size().rename("samples").reset_index()
            parts.append(counted.assign(check=check))
    evaluated = keys.assign(predicted=known.predicted)[known.predicted >= 0]
    if len(evaluated):
        by = ["split", "label", "predicted"]
        parts.append(evaluated.groupby(by, sort=True).size().rename("samples").reset_index())
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    missing = {"check": pd.Series(pd.NA, table.index, "object"), "predicted": pd.Series(pd.NA, table.index, "Int64")}
    table = table.assign(**{name: values for name, values in missing.items() if name not in table})
    return table[["split", "label", "check", "predicted", "samples"]].astype({"predicted": "Int64", "check": object})
