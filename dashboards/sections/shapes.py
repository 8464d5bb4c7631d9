"""The section about the shape of the strokes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dashboards.blocks import Block, Chart, SideBySide, Table
from dashboards.figures.morphometrics import measure_counts, measure_histograms
from dashboards.formats import percent, spaced
from dashboards.language import mark, tr
from dashboards.sections.data import Tables, names_of

LENGTHS = (
    ("thickness", mark("Thickness"), mark("Twice the mean distance from the skeleton to the edge of the stroke.")),
    ("length", mark("Length"), mark("Of the skeleton, all strokes together.")),
    ("slant", mark("Slant"), mark("Above 0, the upper end leans to the right.")),
    ("area", mark("Area"), mark("Pixels at least half as bright as the white level.")),
    (
        "width",
        mark("Width"),
        mark("After removing the slant, without the outermost hundredth of the ink on each side."),
    ),
    ("height", mark("Height"), mark("Without the outermost hundredth of the ink at the top and bottom.")),
)
"""Each measure with its chart's title and caption."""

COUNTS = (
    ("components", mark("Connected components"), mark("Parts of the ink that do not touch each other.")),
    ("holes", mark("Holes"), mark("Parts of the background that the ink encloses.")),
    ("end_points", mark("End points"), mark("Where a stroke ends; corners of a thick stroke do not count.")),
)


def shapes(tables: Tables) -> list[Block]:
    """Give the histograms of each measure by class, the counts of components, holes and ends, and the numbers."""
    samples, names = tables["samples"], names_of(tables)
    histograms = [
        Chart(f"shape-{measure}", tr(title), measure_histograms(samples, measure, names=names), tr(caption))
        for measure, title, caption in LENGTHS
    ]
    split = samples["split"].iloc[0]
    counts = [
        Chart(
            f"shape-{measure.replace('_', '-')}",
            tr(title),
            measure_counts(samples, measure, split=split, names=names),
            tr("{sentence} Split: {split}.", sentence=tr(caption), split=split),
        )
        for measure, title, caption in COUNTS
    ]
    return [SideBySide(histograms[:3]), SideBySide(histograms[3:]), SideBySide(counts), _numbers(tables, names)]


def _numbers(tables: Tables, names: Mapping[int, str]) -> Table:
    """Give a row a split and class: mean and std of each measure, and what fraction touches the border."""
    table = tables["morphometrics"]
    in_degrees = np.where(table["measure"] == "slant", np.rad2deg(1), 1)
    scaled = table[["mean", "std"]].astype(float).mul(in_degrees, axis=0)
    written = [
        percent(mean) if measure == "border_contact" else f"{mean:.2f} ± {std:.2f}"
        for measure, mean, std in zip(table["measure"], scaled["mean"], scaled["std"], strict=True)
    ]
    classes = [tr("all") if pd.isna(label) else names.get(int(label), str(label)) for label in table["label"].tolist()]
    keys = pd.DataFrame({"split": table["split"], "class": classes, "measure": table["measure"], "written": written})
    keys["row"] = keys.groupby("measure", sort=False).cumcount()  # two classes may share a name
    rows = keys.pivot_table(index=["row", "split", "class"], columns="measure", values="written", aggfunc="first")
    rows = rows[[measure for measure, *_ in (*LENGTHS, *COUNTS)] + ["border_contact"]].reset_index().drop(columns="row")
    headings = {"slant": mark("slant (°)"), "border_contact": mark("touching the border")}
    rows = rows.rename(columns=headings).rename(columns=spaced)
    return Table(rows, tr("Show mean ± std of each class"), folded=True)
