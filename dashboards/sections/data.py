"""The sections about the dataset as it is: numbers, samples, classes, pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dashboards.blocks import Block, Card, Cards, Chart, Gallery, SideBySide, Table, ThumbnailRow, ThumbnailRows
from dashboards.figures.classes import class_counts, class_names
from dashboards.figures.ink import MANY_CLASSES, bounding_boxes, centre_of_mass, ink_by_class
from dashboards.figures.intensity import intensity_histogram, zero_fraction
from dashboards.figures.pixels import all_classes, pixel_grid, pixel_heatmap
from dashboards.formats import count, number, percent
from dashboards.language import tr
from dashboards.thumbnails import Thumbnail, decode_images, png_uris, screen_size

Tables = Mapping[str, pd.DataFrame]


def names_of(tables: Tables) -> dict[int, str]:
    """Give the class names by label, from the table `classes` if it is there."""
    return class_names(tables["classes"]) if "classes" in tables else {}


def overview(tables: Tables) -> list[Block]:
    """Give cards of the key numbers, and the table they come from."""
    summary = tables["summary"]
    first = summary.iloc[0]
    splits = " · ".join(f"{count(row.samples)} {row.split}" for row in summary.itertuples())
    channels = tr("greyscale") if int(first["channels"]) == 1 else tr("{count} channels", count=int(first["channels"]))
    cards = [
        Card(count(summary["samples"].sum()), tr("samples"), splits),
        Card(count(summary["classes"].max()), tr("classes"), _imbalance(tables)),
        Card(f"{int(first['height'])} × {int(first['width'])}", tr("pixels per image"), channels),
        Card(
            number(round(first["mean"], 3)),
            tr("mean pixel value"),
            tr("std {value}", value=number(round(first["std"], 3))),
        ),
        Card(percent(first["zero_fraction"]), tr("of the pixels are 0"), tr("in {split}", split=first["split"])),
    ]
    table = summary.assign(zero_fraction=[percent(fraction) for fraction in summary["zero_fraction"]])
    headings = {"zero_fraction": "pixels that are 0"}
    return [Cards(cards), Table(table.rename(columns=headings), tr("Show the numbers of each split"), folded=True)]


def _imbalance(tables: Tables) -> str:
    if "classes" not in tables:
        return ""
    counts = tables["classes"].groupby("label")["samples"].sum()
    if not counts.min():
        return tr("some without samples")
    ratio = number(float(f"{counts.max() / counts.min():.2g}"))
    return tr("the largest {ratio} times the smallest", ratio=ratio)


def sample_grid(tables: Tables) -> list[Block]:
    """Give rows of samples, a class each."""
    frame = tables["sample_grid"]
    labels = sorted(frame["label"].unique())
    many = len(labels) > MANY_CLASSES
    frame = frame[frame.groupby("label").cumcount() < (5 if many else 12)]
    images = decode_images(frame)
    width, height = screen_size(images.shape[1:3], side=40 if many else 56)
    thumbnails = [
        Thumbnail(uri, width, height, tr("sample of class {name}", name=row.name), _named(row))
        for row, uri in zip(frame.itertuples(index=False), png_uris(images), strict=True)
    ]
    label_of, names = frame["label"].to_numpy(), frame["name"].to_numpy()
    rows = [
        ThumbnailRow(str(names[places[0]]), [thumbnails[place] for place in places])
        for places in (np.flatnonzero(label_of == label) for label in labels)
    ]
    caption = tr("Each row is a class; hover over a sample to see its number.")
    return [ThumbnailRows(tr("Samples of each class"), rows, caption)]


def _named(row: Any) -> str:
    return tr("{name} (sample {id} of {split})", name=row.name, id=row.id, split=row.split)


def classes(tables: Tables) -> list[Block]:
    """Give bars of the classes' fractions."""
    frame = tables["classes"]
    table = frame.assign(fraction=[percent(fraction, 2) for fraction in frame["fraction"]])
    caption = tr(
        "Each bar is the fraction of a split that belongs to the class. In a perfectly balanced dataset all bars end "
        "at the dotted line; where the bars of a class differ, so do the splits."
    )
    chart = class_counts(frame, normalize=True)
    return [Chart("class-fractions", tr("Fraction of samples in each class"), chart, caption, table)]


def mean_images(tables: Tables) -> list[Block]:
    """Give the mean image of each class, and heatmaps of all classes together."""
    pixels = tables["pixels"]
    split = str(pixels["split"].iloc[0])
    together = all_classes(pixels, split)
    height, width = int(together["row"].max()) + 1, int(together["column"].max()) + 1
    aspect = float(np.clip(width / (height + 0.2 * width), 0.5, 2))  # the image, and its colour bar below
    charts: list[Block] = [
        Chart(
            f"pixels-{value.replace('_', '-')}",
            title,
            pixel_heatmap(pixels, value, split=split),
            tr("{sentence} Split: {split}.", sentence=caption, split=split),
            aspect=aspect,
        )
        for value, title, caption in (
            ("mean", tr("Mean"), tr("The mean of each pixel over all samples.")),
            ("std", tr("Standard deviation"), tr("High where samples differ most from each other.")),
            (
                "nonzero_fraction",
                tr("Fraction above 0"),
                tr("The fraction of samples in which the pixel is not 0."),
            ),
        )
    ]
    of_classes = pixels[(pixels["split"] == split) & pixels["label"].notna()]
    means = _class_means(of_classes, names_of(tables))
    caption = tr(
        "The mean of the class's samples in {split}. Sharp: they look alike; blurred: they differ.", split=split
    )
    gallery: list[Block] = [Gallery(tr("Mean image of each class"), means, caption)] if means else []
    return [*gallery, SideBySide(charts)]


def _class_means(pixels: pd.DataFrame, names: Mapping[int, str]) -> list[Thumbnail]:
    """Give the mean image of each class. pixels: rows of one split, with labels."""
    grids = [(int(str(label)), pixel_grid(rows, "mean")) for label, rows in pixels.groupby("label")]
    if not grids:
        return []
    means = np.stack([grid for _, grid in grids])
    low, high = min(0.0, float(np.nanmin(means))), max(1e-9, float(np.nanmax(means)))
    scaled = np.rint(255 * (np.nan_to_num(means) - low) / (high - low)).astype(np.uint8)
    scaled = scaled if scaled.shape[-1] == 3 else scaled[..., 0]
    width, height = screen_size(scaled.shape[1:3], side=84)
    words = [names.get(label, str(label)) for label, _ in grids]
    return [
        Thumbnail(uri, width, height, tr("mean image of class {name}", name=word), lines=(word,))
        for word, uri in zip(words, png_uris(scaled), strict=True)
    ]


def intensity(tables: Tables) -> list[Block]:
    """Give the histogram of intensities."""
    frame = tables["intensity"]
    zeros = tr(" and ").join(
        tr("{fraction} of the pixels in {split}", fraction=percent(zero_fraction(frame, split)), split=split)
        for split in frame["split"].unique()
    )
    caption = tr("How often each intensity occurs, on a logarithmic scale. {pixels} are 0.", pixels=zeros)
    return [Chart("pixel-intensity", tr("Histogram of pixel intensity"), intensity_histogram(frame), caption)]


def ink(tables: Tables) -> list[Block]:
    """Show how much ink samples have, and where it lies."""
    frame = tables["samples"]
    boxes = Chart(
        "ink-by-class",
        tr("Ink by class"),
        ink_by_class(frame, names=names_of(tables)),
        tr("Boxes span the quartiles with the median inside, whiskers the 5th to the 95th percentile."),
    )
    places = [
        Chart(
            "centre-of-mass",
            tr("Centre of mass"),
            centre_of_mass(frame),
            tr("Where the ink of a sample is centred. A small spot means that the samples were centred by their mass."),
        ),
        Chart(
            "bounding-boxes",
            tr("Bounding box"),
            bounding_boxes(frame),
            tr("Width and height of the box around the ink. A sharp peak means that the samples were scaled to fit."),
        ),
    ]
    return [boxes, SideBySide(places)]
