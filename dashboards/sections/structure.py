"""The sections about what varies in the data: components, closeness of classes, correlations."""

from __future__ import annotations

import pandas as pd

from dashboards.blocks import Block, Chart, Gallery, Table
from dashboards.figures.pixels import pixel_grid
from dashboards.figures.registry import of_split
from dashboards.figures.structure import class_distances, correlation_matrix, explained_variance
from dashboards.formats import percent, spaced
from dashboards.language import tr
from dashboards.sections.data import Tables, names_of
from dashboards.thumbnails import Thumbnail, png_uris, screen_size, signed_to_uint8

STRONGEST = 20
"""Correlations in the table below the chart."""


def components(tables: Tables) -> list[Block]:
    """Give the variance that the first components explain, and these as images."""
    frame, pixels = tables["components"], tables["component_pixels"]
    caption = tr("The faster the line rises, the fewer components describe an image.")
    chart = Chart("explained-variance", tr("Explained variance"), explained_variance(frame), caption)
    split = frame["split"].iloc[0]
    weights = of_split(pixels, split).groupby("component")
    grey = [signed_to_uint8(pixel_grid(rows, "weight").mean(axis=2)) for _, rows in weights]
    fractions = of_split(frame, split)["fraction"].tolist()
    thumbnails = [
        Thumbnail(
            uri,
            *screen_size(image.shape, side=84),
            tr("component {number}", number=place),
            lines=(f"{place}: {percent(part)}",),
        )
        for place, (uri, image, part) in enumerate(zip(png_uris(grey), grey, fractions, strict=False), 1)
    ]
    words = tr(
        "Along a component the bright pixels gain what the dark ones lose, or the reverse. Below each: its fraction of "
        "the variance. Split: {split}.",
        split=split,
    )
    return [chart, Gallery(tr("The first components"), thumbnails, words)]


def separability(tables: Tables) -> list[Block]:
    """Give the distances of the classes, and the intrinsic dimension."""
    frame, dimension = tables["separability"], tables["dimension"]
    split, names = frame["split"].iloc[0], names_of(tables)
    caption = tr(
        "Bhattacharyya distance in the space of the first components: the smaller, and the stronger the colour, the "
        "more the two classes overlap. Split: {split}.",
        split=split,
    )
    figure = class_distances(frame, split=split, names=names)
    chart = Chart("class-distances", tr("Distance between classes"), figure, caption)
    classes = [
        tr("all") if pd.isna(label) else names.get(int(label), str(label)) for label in dimension["label"].tolist()
    ]
    table = dimension.assign(label=classes).rename(columns={"label": "class"})
    return [chart, Table(table, tr("Show the intrinsic dimension of each class, with its 95 % interval"), folded=True)]


def correlations(tables: Tables) -> list[Block]:
    """Give the correlations of the measures."""
    frame = tables["correlations"]
    split = frame["split"].iloc[0]
    caption = tr(
        "Pearson correlation. Orange: both measures rise together; blue: one falls as the other rises. Measures that "
        "vary together are next to each other. Split: {split}.",
        split=split,
    )
    strongest = of_split(frame, split).head(STRONGEST)
    strongest = strongest.assign(
        **{name: [spaced(value) for value in strongest[name]] for name in ("feature", "other")}
    )
    figure = correlation_matrix(frame, split=split)
    return [Chart("feature-correlations", tr("Correlation of every two measures"), figure, caption, strongest)]
