"""The sections about why a model predicts what it predicts: attribution maps of samples, and first-layer filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashboards.blocks import Block, Chart, Definitions, ThumbnailRow, ThumbnailRows
from dashboards.figures.filters import MOST, first_layer_filters
from dashboards.formats import percent
from dashboards.language import mark, tr
from dashboards.overlays import POSITIVE, UNSIGNED, Colour, overlay_map
from dashboards.sections.data import Tables
from dashboards.thumbnails import Thumbnail, decode_images, png_uris, screen_size
from mnist_data.parquet.preview import Pixels

BUDGET = 500_000
"""Bytes of PNG that all images of a block may take."""

LEAST_DROP = 0.05
"""A drop of the probability that is drawn at full strength at least: a model that no occlusion troubles looks so."""


@dataclass(frozen=True)
class Method:
    """How one map is named, coloured and read: in a word below each map, and in some sentences above all of them."""

    name: str
    colour: Colour
    word: str
    reading: str


METHODS: Mapping[str, Method] = {
    "saliency": Method(
        mark("Saliency"),
        UNSIGNED,
        mark("up or down"),
        mark(
            "A small change of a green pixel would change the class's score most; the map does not say whether up or "
            "down. "
            "A pixel that the prediction depends on stays dark where a little more or less of it changes nothing."
        ),
    ),
    "integrated_gradients": Method(
        mark("Integrated gradients"),
        POSITIVE,
        mark("for and against"),
        mark(
            "The score is divided among the pixels: orange pixels raise it, blue ones lower it, and together they add "
            "up "
            "to the difference from an image without ink. Empty pixels therefore always get 0, although a gap can be "
            "what "
            "distinguishes two classes; and pixels that only matter together are credited one by one."
        ),
    ),
    "grad_cam": Method(
        mark("Grad-CAM"),
        POSITIVE,
        mark("for only"),
        mark(
            "Orange is where the last convolution found evidence for the class. Its maps have only a few rows and "
            "columns, "
            "so read regions and not edges; evidence against the class is not shown at all."
        ),
    ),
    "occlusion": Method(
        mark("Occlusion"),
        POSITIVE,
        mark("occluded: {change:+d} points"),
        mark(
            "A patch of background was moved over the image: orange where occluding lowers the probability, blue "
            "where it "
            "raises it. Below each map is the largest change, in percentage points. The model was never trained on "
            "occluded images, and where one half of an image suffices, neither half seems to matter."
        ),
    ),
}

GROUPS = (
    (
        "most confident correct",
        mark("Most confident correct predictions"),
        mark("For each class, of ten at most, the correctly classified sample of which {model} is most confident."),
    ),
    (
        "most confident error",
        mark("Most confident errors"),
        mark(
            "For each label, the error of which {model} is most confident: first why the predicted class, then why "
            "not the "
            "label."
        ),
    ),
    (
        "most confident",
        mark("Most confident predictions"),
        mark(
            "For each predicted class, of ten at most, the sample of which {model} is most confident; labels are "
            "unknown."
        ),
    ),
    ("named", mark("Requested samples"), mark("Where {model} is wrong, the label is explained, too.")),
)
"""Each reason for which samples are chosen, with its heading and caption."""


def explanations(tables: Tables) -> list[Block]:
    """Say how to read the maps, and give a row of them for each sample and class explained."""
    explained, maps = tables["explained"], tables["explanations"]
    known = [name for name in METHODS if name in maps]
    readings = [(tr(METHODS[name].name), tr(METHODS[name].reading)) for name in known]
    if "grad_cam" not in known:
        left_out = tr("Left out: it needs a convolution whose output still has rows and columns.")
        readings.append((tr("Grad-CAM"), left_out))
    blocks: list[Block] = [Definitions(tr("How to read the maps, and what they do not prove"), readings)]
    for chosen, title, words in GROUPS:
        rows = explained[explained["chosen"] == chosen]
        if not rows.empty:
            rows.attrs = explained.attrs
            blocks.append(_rows(tr(title), words, rows, maps, known))
    return blocks


def _rows(title: str, words: str, explained: pd.DataFrame, maps: pd.DataFrame, known: Sequence[str]) -> ThumbnailRows:
    """Draw some samples, each followed by its maps."""
    images = decode_images(explained)
    size = screen_size(images.shape[1:3], side=140)
    maps_of = dict(iter(maps.groupby(["id", "target"], sort=False)))
    samples = [(row, maps_of[row["id"], row["target"]]) for row in explained.to_dict("records")]
    drawn: list[Pixels] = []
    for (_, values), image in zip(samples, images, strict=True):
        drawn += [_plain(image), *(_draw(name, values[name], image) for name in known)]
    uris = iter(png_uris(drawn, BUDGET))
    rows = [
        ThumbnailRow(_question(row), [_sample(row, next(uris), size), *_maps(row, values, uris, size, known)], True)
        for row, values in samples
    ]
    order = tr(
        "Each sample is followed by its maps, each scaled to its own strongest pixel: compare places within a map, "
        "not the strength of two maps."
    )
    caption = tr("{sentence} {next}", sentence=tr(words, model=explained["model"].iloc[0]), next=order)
    return ThumbnailRows(title, rows, caption, _numbers(explained), wraps=True)


def _plain(image: Pixels) -> Pixels:
    """Give the image in channels that a browser knows."""
    if image.ndim == 2 or image.shape[2] == 3:
        return image
    return np.asarray(np.rint(image.mean(axis=2)), np.uint8)


def _draw(name: str, values: pd.Series[Any], image: Pixels) -> Pixels:
    grid = values.to_numpy(np.float64).reshape(image.shape[:2])
    limit = float(np.abs(grid).max(initial=0))
    return overlay_map(image, grid, max(limit, LEAST_DROP) if name == "occlusion" else limit, METHODS[name].colour)


def _question(row: Mapping[Any, Any]) -> str:
    if row["target"] == row["predicted"]:
        return tr("Why {name}?", name=row["target_name"])
    return tr("Why not {name}?", name=row["target_name"])


def _sample(row: Mapping[Any, Any], uri: str, size: tuple[int, int]) -> Thumbnail:
    """Give a sample as it is; below it its label, and the probability of the class that is explained."""
    label = tr("label {label}", label=row["name"]) if row["label"] >= 0 else tr("label unknown")
    alt = tr(
        "sample {id} of {split}, {label}, predicted {predicted}",
        id=row["id"],
        split=row["split"],
        label=label,
        predicted=row["predicted_name"],
    )
    return Thumbnail(uri, *size, alt, alt, (label, f"P({row['target_name']}) {_probability(row['probability'])}"))


def _probability(probability: float) -> str:
    """Write a probability; one below 1 is never rounded to certainty, nor one above 0 to nothing."""
    if 0.995 <= probability < 1:
        return f"> {percent(0.99, 0)}"
    return f"< {percent(0.01, 0)}" if 0 < probability < 0.005 else f"= {percent(probability, 0)}"


def _maps(
    row: Mapping[Any, Any], values: pd.DataFrame, uris: Iterator[str], size: tuple[int, int], known: Sequence[str]
) -> list[Thumbnail]:
    """Give a sample's maps with their names, and where each is strongest in words."""
    shown = []
    for name in known:
        strongest = values.iloc[int(values[name].abs().to_numpy().argmax())]
        method = tr(METHODS[name].name)
        alt = tr(
            "{method} of sample {id} for {name}: strongest in row {row:.0f}, column {column:.0f}",
            method=method,
            id=row["id"],
            name=row["target_name"],
            row=strongest["row"],
            column=strongest["column"],
        )
        word = tr(METHODS[name].word, change=round(-100 * strongest[name])).replace("-", "−")
        shown.append(Thumbnail(next(uris), *size, alt, alt, (method, word)))
    return shown


def _numbers(explained: pd.DataFrame) -> pd.DataFrame:
    """Give a row a sample and class: the prediction, and whether the integrated gradients add up."""
    words = {
        "id": "sample",
        "split": "split",
        "name": "label",
        "predicted_name": "predicted",
        "target_name": "explained",
        "probability": "probability",
        "logit": "logit",
        "background_logit": mark("logit without ink"),
        "attributed": mark("sum of integrated gradients"),
    }
    return explained[list(words)].rename(columns=words)


def first_layer(tables: Tables) -> list[Block]:
    """Give the filters as images."""
    filters = tables["filters"]
    count = int(filters["filter"].max()) + 1
    caption = tr(
        "Orange weights respond to ink, blue ones to its absence, grey ones to neither: the output of a filter is "
        "largest where the image looks like it. How the following layers use its output is not shown."
    )
    if filters["channel"].max() > 0:
        several = tr("The channels of a filter are next to each other.")
        caption = tr("{sentence} {next}", sentence=several, next=caption)
    if count > MOST:
        few = tr("The {shown} of {count} with the largest weights.", shown=MOST, count=count)
        caption = tr("{sentence} {next}", sentence=few, next=caption)
    figure = first_layer_filters(filters)
    down, across = figure.data[0].z.shape
    return [
        Chart("first-layer-filters", tr("{count} filters", count=count), figure, caption, aspect=across / down + 0.2)
    ]
