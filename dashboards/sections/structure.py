"""The sections about what varies in the data: components, closeness of classes, correlations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dashboards.blocks import Block, Chart, Gallery, Table
from dashboards.figures.pixels import grids
from dashboards.figures.structure import class_distances, correlation_matrix, variance_shares
from dashboards.formats import percent
from dashboards.pictures import Picture, picture_uris, screen_size
from dashboards.sections.data import names_of

Tables = Mapping[str, pd.DataFrame]


def components(tables: Tables) -> list[Block]:
    """Give the fraction of the variance in the first components, and these as pictures."""
    frame, pixels = tables["components"], tables["component_pixels"]
    caption = "A line that rises fast: few numbers tell most of an image."
    fractions = Chart("variance-shares", "Variance in the first components", variance_shares(frame), caption)
    split = frame["split"].iloc[0]
    found = [grids(rows, "weight").mean(axis=2) for _, rows in pixels[pixels["split"] == split].groupby("component")]
    grey = [np.rint(127.5 * (1 + grid / max(1e-9, np.abs(grid).max()))).astype(np.uint8) for grid in found]
    parts = frame[frame["split"] == split]["fraction"].tolist()
    pictures = [
        Picture(uri, *screen_size(grid.shape, side=84), f"component {place}", lines=(f"{place}: {percent(fraction)}",))
        for place, (uri, grid, fraction) in enumerate(zip(picture_uris(grey), grey, parts, strict=False), 1)
    ]
    words = f"Bright parts gain where dark ones lose; below, its fraction of the variance. Split: {split}."
    return [fractions, Gallery("The first components", pictures, words)]


def separability(tables: Tables) -> list[Block]:
    """Give the distances of the classes, and the intrinsic dimension."""
    frame, dimension = tables["separability"], tables["dimension"]
    split, names = frame["split"].iloc[0], names_of(tables)
    caption = (
        "Bhattacharyya distance in the space of the first components: the smaller, and the stronger the colour, the "
        f"more the two classes overlap. Split: {split}."
    )
    chart = Chart("class-distances", "Distance of each two classes", class_distances(_of(frame, split), names), caption)
    classes = ["all" if pd.isna(label) else names.get(int(label), str(label)) for label in dimension["label"].tolist()]
    table = dimension.assign(label=classes).rename(columns={"label": "class"})
    return [chart, Table(table, "Show the intrinsic dimension of each class, with its 95 % interval", folded=True)]


def correlations(tables: Tables) -> list[Block]:
    """Give the correlations of the features."""
    frame = tables["correlations"]
    split = frame["split"].iloc[0]
    caption = f"Orange: one is large where the other is; blue: one is small where the other is large. Split: {split}."
    strongest = _of(frame, split).head(20)
    figure = correlation_matrix(_of(frame, split))
    return [Chart("feature-correlations", "Correlation of each two measures", figure, caption, strongest)]


def _of(frame: pd.DataFrame, split: str) -> pd.DataFrame:
    return frame[frame["split"] == split]
