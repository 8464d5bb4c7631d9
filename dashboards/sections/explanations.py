"""The sections about why a model answers as it does: maps of single samples, and the filters of its first layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashboards.blocks import Block, Chart, PictureRow, PictureRows, Terms
from dashboards.figures.filters import MOST, filter_sheet
from dashboards.formats import percent
from dashboards.overlays import EITHER, FOR, Colour, overlay
from dashboards.pictures import Picture, Pixels, decode, picture_uris, screen_size
from dashboards.sections.data import Tables

BUDGET = 500_000
"""Bytes of PNG that all pictures of a block may take."""

LEAST_DROP = 0.05
"""A fall of the probability that is drawn at full strength at least, so that a model that minds no patch looks so."""


@dataclass(frozen=True)
class Method:
    """How one map is named, coloured and read: in a word below each map, and in two sentences above all of them."""

    name: str
    colour: Colour
    word: str
    reading: str


METHODS: Mapping[str, Method] = {
    "saliency": Method(
        "Saliency",
        EITHER,
        "either way",
        "A small change of a green pixel would move the class's score most, up or down; which way is not said. A pixel "
        "that the answer rests on stays dark where a little more or less of it changes nothing.",
    ),
    "integrated_gradients": Method(
        "Integrated gradients",
        FOR,
        "for and against",
        "The score is divided among the pixels: orange ones raise it, blue ones lower it, and together they give the "
        "difference to a picture without ink. So empty pixels always get nothing, although a gap can be what tells a "
        "class from another; and pixels that only work together are credited one by one.",
    ),
    "grad_cam": Method(
        "Grad-CAM",
        FOR,
        "for it only",
        "Orange is where the last convolution found what speaks for the class. Its maps have only a few rows and "
        "columns, so read a region and not an edge; what speaks against the class is not shown at all.",
    ),
    "occlusion": Method(
        "Occlusion",
        FOR,
        "covered: {change:+d} points",
        "A patch without ink was slid over the picture: where covering lowers the probability it is orange, where it "
        "raises it, blue; below stands by how many percentage points at most. A covered picture is such as the model "
        "has never seen, and where one half of it is enough, neither half seems to matter.",
    ),
}

GROUPS = (
    (
        "most confident correct",
        "Right, and sure of it",
        "Of each class, of ten at most, the sample that {model} is surest of.",
    ),
    (
        "most confident error",
        "Wrong, and sure of it",
        "Of each label the mistake that {model} is surest of: first why it says so, then why not the label.",
    ),
    (
        "most confident",
        "Sure of it",
        "Of each answer, of ten at most, the sample that {model} is surest of; labels are not known.",
    ),
    ("named", "The samples that were asked for", "Where {model} is wrong, the label is explained, too."),
)
"""Each reason for which samples are chosen with its heading and what is said of it."""


def explanations(tables: Tables) -> list[Block]:
    """Say how to read the maps, and give a row of them for each sample and class explained."""
    explained, maps = tables["explained"], tables["explanations"]
    known = [name for name in METHODS if name in maps]
    readings = [(METHODS[name].name, METHODS[name].reading) for name in known]
    if "grad_cam" not in known:
        readings.append(("Grad-CAM", "Left out: it needs a convolution whose output still has rows and columns."))
    blocks: list[Block] = [Terms("How to read the maps, and what they do not prove", readings)]
    for chosen, title, words in GROUPS:
        rows = explained[explained["chosen"] == chosen]
        if not rows.empty:
            rows.attrs = explained.attrs
            blocks.append(_rows(title, words, rows, maps, known))
    return blocks


def _rows(title: str, words: str, explained: pd.DataFrame, maps: pd.DataFrame, known: Sequence[str]) -> PictureRows:
    """Draw some samples, each with its maps beside it."""
    pictures = decode(explained)
    size = screen_size(pictures.shape[1:3], side=140)
    by_key = dict(iter(maps.groupby(["id", "target"], sort=False)))
    told = [(row, by_key[row["id"], row["target"]]) for row in explained.to_dict("records")]
    drawn: list[Pixels] = []
    for (_, values), picture in zip(told, pictures, strict=True):
        drawn += [_plain(picture), *(_draw(name, values[name], picture) for name in known)]
    uris = iter(picture_uris(drawn, BUDGET))
    rows = [
        PictureRow(_question(row), [_picture(row, next(uris), size), *_maps(row, values, uris, size, known)], True)
        for row, values in told
    ]
    caption = words.format(model=explained["model"].iloc[0]) + (
        " Beside each picture stand its maps, each as strong as its own strongest pixel: compare places within a map, "
        "and not how strong two maps are."
    )
    return PictureRows(title, rows, caption, _numbers(explained), wraps=True)


def _plain(picture: Pixels) -> Pixels:
    """Give the picture in channels that a browser knows."""
    if picture.ndim == 2 or picture.shape[2] == 3:
        return picture
    return np.asarray(np.rint(picture.mean(axis=2)), np.uint8)


def _draw(name: str, values: pd.Series[Any], picture: Pixels) -> Pixels:
    grid = values.to_numpy(np.float64).reshape(picture.shape[:2])
    reach = float(np.abs(grid).max(initial=0))
    return overlay(picture, grid, max(reach, LEAST_DROP) if name == "occlusion" else reach, METHODS[name].colour)


def _question(row: Mapping[Any, Any]) -> str:
    return f"Why {row['target_name']}?" if row["target"] == row["predicted"] else f"Why not {row['target_name']}?"


def _picture(row: Mapping[Any, Any], uri: str, size: tuple[int, int]) -> Picture:
    """Give a sample as it is; below it its label, and how probable the class is that is explained."""
    label = f"label {row['name']}" if row["label"] >= 0 else "label unknown"
    alt = f"sample {row['id']} of {row['split']}, {label}, taken for {row['predicted_name']}"
    return Picture(uri, *size, alt, alt, (label, f"{row['target_name']} gets {_probability(row['probability'])}"))


def _probability(fraction: float) -> str:
    """Write a probability; one below 1 is never rounded to certainty, nor one above 0 to nothing."""
    if 0.995 <= fraction < 1:
        return f"> {percent(0.99, 0)}"
    return f"< {percent(0.01, 0)}" if 0 < fraction < 0.005 else percent(fraction, 0)


def _maps(
    row: Mapping[Any, Any], values: pd.DataFrame, uris: Iterator[str], size: tuple[int, int], known: Sequence[str]
) -> list[Picture]:
    """Give a sample's maps with their names, and where each is strongest in words."""
    shown = []
    for name in known:
        strongest = values.iloc[int(values[name].abs().to_numpy().argmax())]
        place = f"strongest in row {strongest['row']:.0f}, column {strongest['column']:.0f}"
        alt = f"{METHODS[name].name} of sample {row['id']} for {row['target_name']}: {place}"
        word = METHODS[name].word.format(change=round(-100 * strongest[name])).replace("-", "−")
        shown.append(Picture(next(uris), *size, alt, alt, (METHODS[name].name, word)))
    return shown


def _numbers(explained: pd.DataFrame) -> pd.DataFrame:
    """Give a row a sample and class: what the model says, and whether the integrated gradients add up."""
    words = {
        "id": "sample",
        "split": "split",
        "name": "label",
        "predicted_name": "predicted",
        "target_name": "explained",
        "probability": "probability",
        "logit": "score",
        "background_logit": "score without ink",
        "attributed": "sum of integrated gradients",
    }
    return explained[list(words)].rename(columns=words)


def first_layer(tables: Tables) -> list[Block]:
    """Give the filters as pictures."""
    filters = tables["filters"]
    count = int(filters["filter"].max()) + 1
    few = f"The {MOST} of {count} with the largest weights. " if count > MOST else ""
    several = "Its channels stand side by side. " if filters["channel"].max() > 0 else ""
    caption = (
        f"{few}{several}Orange weights ask for ink, blue ones for its absence, grey ones for nothing: a filter answers "
        "most where the picture looks like it. What the layers after it make of its answers, this does not show."
    )
    sheet = filter_sheet(filters)
    down, across = sheet.data[0].z.shape
    return [Chart("filters-sheet", f"{count} filters", sheet, caption, aspect=across / down + 0.2)]
