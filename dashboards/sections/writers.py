"""The sections about writers: who has written what, whom the splits share, and on whose samples a model errs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from dashboards.blocks import Block, Chart, Number, Numbers, SideBySide, Table
from dashboards.figures.morphometrics import class_histograms
from dashboards.figures.writers import mistakes_per_writer, samples_per_writer, writer_cloud
from dashboards.formats import count, percent
from dashboards.sections.data import Tables
from dashboards.sections.shapes import LENGTHS

SERIES, WRITER = "hsf_series", "writer_id"

BY_SERIES = ("thickness", "slant", "length")
"""The measures that are shown for each series."""

WORST = 10
"""Writers with the most mistakes that are listed."""


def writers(tables: Tables) -> list[Block]:
    """Give how many writers there are and which are shared, what each has given, and how the series differ."""
    shared, each = tables["writers"], tables["writer_measures"]
    charts = [
        Chart(
            "samples-per-writer",
            "Samples of each writer",
            samples_per_writer(each),
            "How many writers have given how many samples.",
        )
    ]
    if "slant" in each:
        charts.append(
            Chart(
                "writer-cloud",
                "How each writes",
                writer_cloud(each),
                "A dot is a writer. Samples of one writer are alike, so a model should be tested with other writers.",
            )
        )
    blocks: list[Block] = [Numbers([*_cards(shared)]), SideBySide(charts)]
    if "series_measures" in tables:
        blocks.append(_by_series(tables["samples"]))
    return [*blocks, Table(_pairs(shared), "Show what writers the splits share", folded=True)]


def _cards(shared: pd.DataFrame) -> Iterator[Number]:
    for row in shared.drop_duplicates("split").to_dict("records"):
        each = count(row["samples"] / max(1, row["writers"]))
        yield Number(count(row["writers"]), f"writers in {row['split']}", f"about {each} samples each")
    held = shared[(shared["other"] == "train")]
    for row in held.to_dict("records"):
        yield Number(
            percent(row["shared_samples"]),
            f"of {row['split']} is by writers of train",
            f"{count(row['shared_writers'])} shared writers",
        )


def _by_series(samples: pd.DataFrame) -> SideBySide:
    """Give the histograms of some measures, a row a series."""
    samples = samples.assign(slant=np.rad2deg(samples["slant"].astype(float)), label=samples[SERIES])
    names = {int(series): f"hsf_{series}" for series in samples[SERIES].unique()}
    said = "A row is a series of NIST's forms: hsf_4 is by students, the others by census staff."
    return SideBySide(
        [
            Chart(
                f"series-{measure}",
                f"{title} by series",
                class_histograms(samples, measure, axis, names, of="series"),
                said,
            )
            for measure, title, axis, _ in LENGTHS
            if measure in BY_SERIES
        ]
    )


def _pairs(shared: pd.DataFrame) -> pd.DataFrame:
    table = shared.assign(shared_samples=[percent(fraction) for fraction in shared["shared_samples"]])
    return table.rename(columns=lambda name: str(name).replace("_", " ")).fillna({"other": "–"})


def groups(tables: Tables) -> list[Block]:
    """Give the first model's accuracy in each series, with how many writers it errs, and with whom most."""
    frame = tables["groups"]
    series, each = (frame[frame["group"] == name] for name in (SERIES, WRITER))
    blocks: list[Block] = []
    if not series.empty:
        blocks.append(Numbers([_series_card(row) for row in series.to_dict("records")]))
    if not each.empty:
        chart = Chart(
            "mistakes-per-writer",
            "Mistakes with each writer",
            mistakes_per_writer(each),
            "With how many writers the model makes how many mistakes.",
        )
        blocks.append(SideBySide([chart, Table(_worst(each), "The writers with most mistakes")], wide_first=True))
    return blocks


def _series_card(row: dict[Any, Any]) -> Number:
    return Number(
        percent(row["accuracy"], 2),
        f"accuracy of {row['model']} on hsf_{row['value']}",
        f"{count(row['correct'])} of {count(row['samples'])} right; 95 % interval "
        f"{percent(row['low'], 2)} to {percent(row['high'], 2)}",
    )


def _worst(each: pd.DataFrame) -> pd.DataFrame:
    frame = each.assign(mistakes=each["samples"] - each["correct"])
    frame = frame.sort_values(["mistakes", "value"], ascending=[False, True]).head(WORST)
    table = frame[["value", "samples", "mistakes"]].assign(
        accuracy=[percent(fraction) for fraction in frame["accuracy"]]
    )
    # An identity and no amount: without the commas of a number.
    return table.assign(value=table["value"].astype(str)).rename(columns={"value": "writer"})
