"""The sections about writers: who wrote what, which writers the splits share, and on whose samples a model errs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Chart, SideBySide, Table
from dashboards.figures.morphometrics import measure_histograms
from dashboards.figures.writers import WRITER, errors_per_writer, samples_per_writer, writer_scatter
from dashboards.formats import MISSING, count, interval, percent, spaced
from dashboards.language import tr
from dashboards.sections.data import Tables
from dashboards.sections.shapes import LENGTHS

SERIES = "hsf_series"

BY_SERIES = ("thickness", "slant", "length")
"""The measures that are shown for each series."""

WORST = 10
"""Writers with the most errors that are listed."""


def writers(tables: Tables) -> list[Block]:
    """Give how many writers there are and which are shared, how many samples each gave, and how the series differ."""
    shared, each = tables["writers"], tables["writer_measures"]
    charts = [
        Chart(
            "samples-per-writer",
            tr("Samples per writer"),
            samples_per_writer(each),
            tr("How many writers gave how many samples."),
        )
    ]
    if "slant" in each:
        charts.append(
            Chart(
                "writer-scatter",
                tr("Slant and thickness of each writer"),
                writer_scatter(each),
                tr("Each dot is a writer."),
            )
        )
    blocks: list[Block] = [Cards([*_cards(shared)]), SideBySide(charts)]
    if "series_measures" in tables:
        blocks.append(_by_series(tables["samples"]))
    return [*blocks, Table(_pairs(shared), tr("Show which writers the splits share"), folded=True)]


def _cards(shared: pd.DataFrame) -> Iterator[Card]:
    for row in shared.drop_duplicates("split").to_dict("records"):
        each = count(row["samples"] / max(1, row["writers"]))
        yield Card(
            count(row["writers"]),
            tr("writers in {split}", split=row["split"]),
            tr("about {count} samples each", count=each),
        )
    for row in shared[shared["other"] == "train"].to_dict("records"):
        yield Card(
            percent(row["shared_samples"]),
            tr("of {split} is by writers of train", split=row["split"]),
            tr("shared writers: {count}", count=count(row["shared_writers"])),
        )


def _by_series(samples: pd.DataFrame) -> SideBySide:
    """Give the histograms of some measures, a row a series."""
    names = {int(series): f"hsf_{series}" for series in samples[SERIES].unique()}
    caption = tr("Each row is a series of NIST's forms: hsf_4 is by students, the others by census staff.")
    return SideBySide(
        [
            Chart(
                f"series-{measure}",
                tr("{measure} by series", measure=tr(title)),
                measure_histograms(samples, measure, names=names, by=SERIES),
                caption,
            )
            for measure, title, _ in LENGTHS
            if measure in BY_SERIES
        ]
    )


def _pairs(shared: pd.DataFrame) -> pd.DataFrame:
    table = shared.assign(shared_samples=[percent(fraction) for fraction in shared["shared_samples"]])
    return table.rename(columns=spaced).fillna({"other": MISSING})


def groups(tables: Tables) -> list[Block]:
    """Give the first model's accuracy in each series, its errors per writer, and the writers with most errors."""
    frame = tables["groups"]
    series, each = (frame[frame["group"] == name] for name in (SERIES, WRITER))
    blocks: list[Block] = []
    if not series.empty:
        blocks.append(Cards([_series_card(row) for row in series.to_dict("records")]))
    if not each.empty:
        chart = Chart(
            "errors-per-writer",
            tr("Errors per writer"),
            errors_per_writer(each),
            tr("How many writers have how many misclassified samples."),
        )
        blocks.append(SideBySide([chart, Table(_worst(each), tr("Writers with the most errors"))], wide_first=True))
    return blocks


def _series_card(row: dict[Any, Any]) -> Card:
    series = f"hsf_{row['value']}"
    return Card(
        percent(row["accuracy"], 2),
        tr("accuracy of {model} on {split}", model=row["model"], split=series),
        tr(
            "{correct} of {samples} correct; 95 % interval {interval}",
            correct=count(row["correct"]),
            samples=count(row["samples"]),
            interval=interval(row["low"], row["high"]),
        ),
    )


def _worst(each: pd.DataFrame) -> pd.DataFrame:
    frame = each.assign(errors=each["samples"] - each["correct"])
    frame = frame.sort_values(["errors", "value"], ascending=[False, True]).head(WORST)
    table = frame[["value", "samples", "errors"]].assign(accuracy=[percent(part) for part in frame["accuracy"]])
    # An identity and no amount: without the commas of a number.
    return table.assign(value=table["value"].astype(str)).rename(columns={"value": "writer"})
