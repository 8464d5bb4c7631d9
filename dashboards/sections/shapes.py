"""The section about the shape of the strokes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dashboards.blocks import Block, Chart, SideBySide, Table
from dashboards.figures.morphometrics import class_counts, class_histograms
from dashboards.formats import percent
from dashboards.sections.data import names_of

Tables = Mapping[str, pd.DataFrame]

LENGTHS = (
    (
        "thickness",
        "Thickness",
        "thickness (pixels)",
        "Twice the mean distance from the middle line to the edge.",
    ),
    ("length", "Length", "length (pixels)", "Along the middle line of all strokes together."),
    ("slant", "Slant", "slant (degrees)", "Above 0 the upper end leans to the right."),
    ("area", "Area", "area (pixels)", "What is at least half as bright as the brightest ink."),
    ("width", "Width", "width (pixels)", "Set upright first; without the outermost hundredth of the ink on each side."),
    ("height", "Height", "height (pixels)", "Without the outermost hundredth of the ink above and below."),
)
"""Each measure with its chart's title, axis and caption."""

COUNTS = (
    ("components", "Pieces", "Parts of the ink that do not touch each other."),
    ("holes", "Holes", "Parts of the background that the ink shuts in."),
    ("end_points", "Ends", "Where a stroke ends; corners of a thick one do not count."),
)


def shapes(tables: Tables) -> list[Block]:
    """Give the histograms of each measure by class, what fraction has how many pieces, and the numbers."""
    samples, names = tables["samples"], names_of(tables)
    samples = samples.assign(slant=np.rad2deg(samples["slant"].astype(float)))
    histograms = [
        Chart(f"shape-{measure.replace('_', '-')}", title, class_histograms(samples, measure, axis, names), caption)
        for measure, title, axis, caption in LENGTHS
    ]
    split = samples["split"].iloc[0]
    main = samples[samples["split"] == split]
    counts = [
        Chart(
            f"shape-{measure.replace('_', '-')}",
            title,
            class_counts(main, measure, f"{title.lower()} (cells: % of the class)", names),
            f"{caption} Split: {split}.",
        )
        for measure, title, caption in COUNTS
    ]
    return [SideBySide(histograms[:3]), SideBySide(histograms[3:]), SideBySide(counts), _numbers(tables, names)]


def _numbers(tables: Tables, names: Mapping[int, str]) -> Table:
    """Give a row a split and class: the mean and deviation of each measure, and what fraction touches the border."""
    table = tables["morphometrics"]
    in_degrees = np.where(table["measure"] == "slant", np.rad2deg(1), 1)
    scaled = table[["mean", "std"]].astype(float).mul(in_degrees, axis=0)
    written = [
        percent(mean) if measure == "border_contact" else f"{mean:.2f} ± {std:.2f}"
        for measure, mean, std in zip(table["measure"], scaled["mean"], scaled["std"], strict=True)
    ]
    classes = ["all" if pd.isna(label) else names.get(int(label), str(label)) for label in table["label"].tolist()]
    keys = pd.DataFrame({"split": table["split"], "class": classes, "measure": table["measure"], "written": written})
    keys["row"] = keys.groupby("measure", sort=False).cumcount()  # two classes may share a name
    rows = keys.pivot_table(index=["row", "split", "class"], columns="measure", values="written", aggfunc="first")
    rows = rows[[measure for measure, *_ in (*LENGTHS, *COUNTS)] + ["border_contact"]].reset_index().drop(columns="row")
    headings = {"slant": "slant (°)", "components": "pieces", "end_points": "ends", "border_contact": "at the border"}
    return Table(rows.rename(columns=headings), "Show mean ± standard deviation of each class", folded=True)
