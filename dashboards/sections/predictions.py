"""The section about predictions for new images: how many of which class, and the images to look at first."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Gallery, Table
from dashboards.formats import count, percent
from dashboards.language import mark, tr
from dashboards.sections.data import Tables
from dashboards.thumbnails import BUDGET, Thumbnail, decode_images, png_uris, screen_size

GALLERIES = {
    "rejected": (
        mark("Probably none of the classes"),
        mark("The farthest from what the model was trained on come first."),
    ),
    "wrong": (
        mark("Wrong"),
        mark("Label → predicted class, and the model's confidence; the most confident errors come first."),
    ),
    "unsure": (mark("Least confident"), mark("The predicted class and the model's confidence.")),
    "sure": (mark("Most confident"), mark("The predicted class and the model's confidence.")),
}
"""Why images are shown -> title and caption."""


def predictions(tables: Tables) -> list[Block]:
    """Give how many images there are of which kind, their counts by class, and the images to look at first."""
    summary, counts = tables["predicted"].iloc[0], tables["predicted_counts"]
    blocks: list[Block] = [Cards(_cards(summary), strong=True)]
    samples = tables.get("predicted_samples", pd.DataFrame())
    if len(samples):
        drawn = _drawn(samples)
        for reason, (title, caption) in GALLERIES.items():
            thumbnails = [thumbnail for of, thumbnail in drawn if of == reason]
            if thumbnails:
                blocks.append(Gallery(tr(title), thumbnails, tr(caption)))
    return [*blocks, Table(_counts(counts), tr("Images of each class"))]


def _cards(summary: pd.Series[Any]) -> list[Card]:
    cards = [
        Card(
            count(summary["images"]),
            tr("images predicted"),
            tr("mean confidence {confidence}", confidence=percent(summary["confidence"])),
        )
    ]
    if summary["labelled"]:
        accuracy = percent(summary["correct"] / summary["labelled"], 2)
        of = tr(
            "{correct} of {labelled} labelled", correct=count(summary["correct"]), labelled=count(summary["labelled"])
        )
        cards.append(Card(accuracy, tr("correct"), of))
    if summary["rejected"] >= 0:
        cards.append(Card(count(summary["rejected"]), tr("probably none of the classes")))
    return cards


def _counts(counts: pd.DataFrame) -> pd.DataFrame:
    columns = ["name", *(["labelled"] if counts["labelled"].any() else []), "predicted"]
    return counts.loc[(counts["labelled"] > 0) | (counts["predicted"] > 0), columns].rename(columns={"name": "class"})


def _drawn(samples: pd.DataFrame) -> list[tuple[str, Thumbnail]]:
    images = decode_images(samples)
    size = screen_size(images.shape[1:3], side=84)
    return [
        (str(row["reason"]), _thumbnail(row, uri, size))
        for row, uri in zip(samples.to_dict("records"), png_uris(images, 2 * BUDGET), strict=True)
    ]


def _thumbnail(row: dict[Any, Any], uri: str, size: tuple[int, int]) -> Thumbnail:
    known = row.get("label_name")
    label = str(known) if known is not None and pd.notna(known) else ""
    where = tr(", ").join(str(row[name]) for name in ("file", "split") if row.get(name))
    named = f"{label} → {row['name']}" if label else str(row["name"])
    image = tr("image {id}, {where}", id=row["id"], where=where) if where else tr("image {id}", id=row["id"])
    title = tr("{image}: predicted {name}", image=image, name=row["name"])
    return Thumbnail(
        uri,
        *size,
        alt=tr("{title}, labelled {label}", title=title, label=label) if label else title,
        title=title,
        lines=(named, percent(row["probability"], 0)),
    )
