"""The order of the samples of each split: by class, by writer, and whether neighbours are alike.

A network that is validated by the last tenth of a sorted split is validated by one class; one that is validated at
random, where neighbours are by the same hand, by writers that it knows. `split` takes samples by the hash of their ids,
or whole writers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Integers
from mnist_data.known.label_tables import WRITER
from mnist_data.known.order import DEVIATIONS, LEAST, Order, find_order, order_in_words
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.messages import keep_messages, mark, message
from pipelines.images.measures.table import MeasureTable
from pipelines.statistics.findings import split_advice

ALIKE = 0.1
"""Correlation of neighbours from which they are alike: below, a hundredth of the variance is common to them."""

MEASURES = {
    "stroke_ink": mark("ink"),
    "thickness": mark("thickness of the strokes"),
    "slant": mark("slant"),
    "width": mark("width"),
    "height": mark("height"),
    "sharpness": mark("sharpness"),
    "noise": mark("noise"),
    "background": mark("background"),
}
"""Measures by which writers, pens, scanners and sheets differ, and what they are called."""

COLUMNS = ("split", "by", "order", "samples", "measured", "at_random", "evidence", "advice")


def find_orders(table: MeasureTable) -> pd.DataFrame:
    """Examine the order of each split: by classes, by writers where they are known, and by neighbours.

    table: with the strokes. Columns: split; by: "classes", "writers" or "neighbours"; order: "random", "sorted",
    "runs", "cyclic", "uneven", "alike" or "undecided"; samples; measured, at_random: mean length of runs, or the
    correlation of neighbours and the largest that chance gives; evidence and advice: a sentence each, empty where the
    order is random or undecided.
    """
    writers = table.column(WRITER) if WRITER in table.pixels.names else None
    rows: list[dict[str, Any]] = []
    for split in table.source.splits:
        chosen = np.flatnonzero(table.splits == split)
        rows.append(_ordered(table.source, split, "classes", find_order(table.labels[chosen]), writers is not None))
        if writers is not None:
            rows.append(_ordered(table.source, split, "writers", find_order(writers[chosen]), True))
        rows.append(_neighbours(table, split, chosen, writers is not None))
    orders = pd.DataFrame(rows, columns=list(COLUMNS))
    return keep_messages(orders, [row[name] for row in rows for name in ("evidence", "advice")])


def _ordered(source: Dataset, split: str, by: str, order: Order, known: bool) -> dict[str, Any]:
    evidence = order_in_words(order, split, by)
    return {
        "split": split,
        "by": by,
        "order": order.kind,
        "samples": order.samples,
        "measured": order.run_length,
        "at_random": order.random_run_length,
        "evidence": evidence,
        "advice": split_advice(source, split, known) if evidence else "",
    }


def _neighbours(table: MeasureTable, split: str, chosen: Integers, known: bool) -> dict[str, Any]:
    measured, count, limit = _most_alike(table, chosen)
    name, correlation = max(measured.items(), key=lambda item: item[1], default=("", np.nan))
    alike = correlation > max(limit, ALIKE)
    evidence = message(
        "Neighbours of {split} are alike: their {measure} correlates at {correlation:.2f} within a class (at random "
        "at most {limit:.2f}), as where writers or sheets come in runs. A split at random puts these on both sides.",
        split=split,
        measure=message(MEASURES.get(name, name)),
        correlation=correlation,
        limit=limit,
    )
    order = "alike" if alike else "random" if count else "undecided"
    return {
        "split": split,
        "by": "neighbours",
        "order": order,
        "samples": count,
        "measured": correlation,
        "at_random": limit,
        "evidence": evidence if alike else "",
        "advice": split_advice(table.source, split, known) if alike and known else "",
    }


def _most_alike(table: MeasureTable, chosen: Integers) -> tuple[dict[str, float], int, float]:
    """Correlate each measure with that of the next sample, both as ranks within their classes.

    chosen: (n,) rows of a split, in its order. Gives the correlations, of how many samples, and what at random none
    exceeds.
    """
    labels = table.labels[chosen]
    names = [name for name in MEASURES if name in table.pixels.names or table.strokes is not None]
    measured, most = {}, 0
    for name, values in zip(names, table.columns(*names), strict=True):
        ranks = ranks_within(values[chosen], labels)
        pairs = np.stack([ranks[:-1], ranks[1:]])[:, ~np.isnan(ranks[:-1]) & ~np.isnan(ranks[1:])]
        if pairs.shape[1] >= LEAST and (pairs.std(axis=1) > 0).all():
            measured[name] = float(np.asarray(np.corrcoef(pairs))[0, 1])
            most = max(most, pairs.shape[1])
    return measured, most, DEVIATIONS / np.sqrt(max(1, most))


def ranks_within(values: npt.NDArray[Any], labels: Integers) -> npt.NDArray[np.float64]:
    """Give the rank of each value within its class, from above -1 to below 1, the median at 0: (n,).

    NaN stays NaN, and a class of one sample has none. Equal values have the mean of their ranks.
    """
    from scipy.stats import rankdata

    ranks = np.full(len(values), np.nan)
    for label in np.unique(labels):
        rows = np.flatnonzero((labels == label) & np.isfinite(values))
        if len(rows) > 1:
            ranks[rows] = 2 * (rankdata(values[rows]) - 0.5) / len(rows) - 1
    return ranks
