"""The sections about the dataset as it is: numbers, samples, classes, pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dashboards.blocks import Block, Chart, Gallery, Number, Numbers, PictureRow, PictureRows, SideBySide, Table
from dashboards.figures.classes import class_fractions, class_names
from dashboards.figures.intensity import intensity_histogram, zero_fraction
from dashboards.figures.pixels import all_classes, grids, pixel_heatmap
from dashboards.figures.samples import MANY_CLASSES, box_sizes, centre_of_mass, ink_by_class
from dashboards.formats import count, number, percent
from dashboards.pictures import Picture, decode, picture_uris, screen_size, to_pixels

Tables = Mapping[str, pd.DataFrame]


def names_of(tables: Tables) -> dict[int, str]:
    """Give the class names by label, from the table `classes` if it is there."""
    return class_names(tables["classes"]) if "classes" in tables else {}


def at_a_glance(tables: Tables) -> list[Block]:
    """Give cards of the key numbers, and the table they come from."""
    summary = tables["summary"]
    first = summary.iloc[0]
    splits = " · ".join(f"{count(row.samples)} {row.split}" for row in summary.itertuples())
    colours = "grey" if int(first["channels"]) == 1 else f"{int(first['channels'])} colour channels"
    numbers = [
        Number(count(summary["samples"].sum()), "samples", splits),
        Number(count(summary["classes"].max()), "classes", _smallest_class(tables)),
        Number(f"{int(first['height'])} × {int(first['width'])}", "pixels", colours),
        Number(number(round(first["mean"], 3)), "mean pixel", f"standard deviation {number(round(first['std'], 3))}"),
        Number(percent(first["zero_fraction"]), "of the pixels are 0", f"in {first['split']}"),
    ]
    table = summary.assign(zero_fraction=[percent(fraction) for fraction in summary["zero_fraction"]])
    headings = {"std": "standard deviation", "zero_fraction": "fraction of zeros"}
    return [Numbers(numbers), Table(table.rename(columns=headings), "Show the numbers of each split", folded=True)]


def _smallest_class(tables: Tables) -> str:
    if "classes" not in tables:
        return ""
    counts = tables["classes"].groupby("label")["samples"].sum()
    if not counts.min():
        return "some without samples"
    return f"the largest {number(float(f'{counts.max() / counts.min():.2g}'))} times the smallest"


def sample_grid(tables: Tables) -> list[Block]:
    """Give rows of samples, a class each."""
    frame = tables["sample_grid"]
    labels = sorted(frame["label"].unique())
    many = len(labels) > MANY_CLASSES
    frame = frame[frame.groupby("label").cumcount() < (5 if many else 12)]
    images = decode(frame)
    width, height = screen_size(images.shape[1:3], side=40 if many else 56)
    pictures = [
        Picture(uri, width, height, f"sample of class {row.name}", f"{row.name} (sample {row.id} of {row.split})")
        for row, uri in zip(frame.itertuples(index=False), picture_uris(images), strict=True)
    ]
    label_of, names = frame["label"].to_numpy(), frame["name"].to_numpy()
    rows = [
        PictureRow(str(names[places[0]]), [pictures[place] for place in places])
        for places in (np.flatnonzero(label_of == label) for label in labels)
    ]
    caption = "Each row is a class; point at a picture to see the number of the sample."
    return [PictureRows("Some samples of each class", rows, caption)]


def classes(tables: Tables) -> list[Block]:
    """Give bars of the classes' shares."""
    frame = tables["classes"]
    table = frame.assign(fraction=[percent(fraction, 2) for fraction in frame["fraction"]])
    caption = (
        "Each bar is a class's fraction of its split. All bars at the dotted line would be a perfectly balanced "
        "dataset; bars of one colour far from the other's mean that the splits differ."
    )
    return [Chart("class-shares", "Fraction of each class", class_fractions(frame), caption, table)]


def average_pictures(tables: Tables) -> list[Block]:
    """Give the mean picture of each class, and heatmaps of all classes together."""
    pixels = tables["pixels"]
    split = str(pixels["split"].iloc[0])
    together = all_classes(pixels, split)
    height, width = int(together["row"].max()) + 1, int(together["column"].max()) + 1
    aspect = float(np.clip(width / (height + 0.2 * width), 0.5, 2))  # the image, and its colour bar below
    charts: list[Block] = [
        Chart(
            f"pixels-{value.replace('_', '-')}",
            title,
            pixel_heatmap(together, value, unit),
            f"{caption} Split: {split}.",
            aspect=aspect,
        )
        for value, title, unit, caption in (
            ("mean", "Mean", "mean", "The brighter a pixel is on average, the stronger its colour here."),
            ("std", "Standard deviation", "std", "Strong where the samples differ most from each other."),
            ("nonzero_fraction", "Share with ink", "fraction", "In what fraction of the samples the pixel is not 0."),
        )
    ]
    means = class_means(pixels[(pixels["split"] == split) & pixels["label"].notna()], names_of(tables))
    caption = f"The mean of the class's samples in {split}. Sharp: its samples look alike; blurred: they differ."
    gallery: list[Block] = [Gallery("The average picture of each class", means, caption)] if means else []
    return [*gallery, SideBySide(charts)]


def class_means(pixels: pd.DataFrame, names: Mapping[int, str]) -> list[Picture]:
    """Give the mean picture of each class. pixels: rows of one split, with labels."""
    found = [(int(str(label)), grids(rows, "mean")) for label, rows in pixels.groupby("label")]
    if not found:
        return []
    means = np.stack([grid for _, grid in found])
    low, high = min(0.0, float(np.nanmin(means))), max(1e-9, float(np.nanmax(means)))
    scaled = to_pixels(np.rint(255 * (np.nan_to_num(means) - low) / (high - low)).astype(np.uint8))
    scaled = scaled if scaled.shape[-1] == 3 else scaled[..., 0]
    width, height = screen_size(scaled.shape[1:3], side=84)
    words = [names.get(label, str(label)) for label, _ in found]
    return [
        Picture(uri, width, height, f"mean picture of class {word}", lines=(word,))
        for word, uri in zip(words, picture_uris(scaled), strict=True)
    ]


def intensity(tables: Tables) -> list[Block]:
    """Give the histogram of intensities."""
    frame = tables["intensity"]
    frame = frame[frame["label"].isna()]
    zeros = " and ".join(
        f"{percent(zero_fraction(frame, split))} of the pixels in {split}" for split in frame["split"].unique()
    )
    caption = f"How often each intensity occurs; each line upwards is ten times as many pixels. At 0 lie {zeros}."
    return [Chart("pixel-intensity", "Pixels at each intensity", intensity_histogram(frame), caption)]


def ink(tables: Tables) -> list[Block]:
    """Show how much ink samples have, and where it lies."""
    frame = tables["samples"]
    boxes = Chart(
        "ink-by-class",
        "Ink of each class",
        ink_by_class(frame, names_of(tables)),
        "A box holds half of a class's samples, the whiskers nine in ten; the line in the box is the median.",
    )
    places = [
        Chart(
            "centre-of-mass",
            "Centre of mass",
            centre_of_mass(frame),
            "Where the ink of a sample is centred: a small spot means that the samples were centred beforehand.",
        ),
        Chart(
            "box-sizes",
            "Size of the ink",
            box_sizes(frame),
            "Width and height of the box around the ink: a sharp peak means that the samples were scaled to fit.",
        ),
    ]
    return [boxes, SideBySide(places)]
