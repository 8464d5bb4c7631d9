"""The section about two trainings: which is better on the same samples, and the samples on which they differ."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Gallery, Table
from dashboards.formats import count, percent
from dashboards.language import mark, tr
from dashboards.sections.data import Tables
from dashboards.thumbnails import Thumbnail, decode_images, png_uris, screen_size


def comparison(tables: Tables) -> list[Block]:
    """Give both accuracies and their difference, the counts that decide, each seed, and where the two differ."""
    frame = tables["comparison"]
    row = frame.iloc[0]
    cards = [
        Card(percent(row["accuracy_a"], 2), tr("accuracy of {model}", model="A")),
        Card(percent(row["accuracy_b"], 2), tr("accuracy of {model}", model="B")),
        Card(
            f"{100 * row['difference']:+.2f}",
            tr("points, B minus A"),
            tr(
                "95 % interval {low:.2f} to {high:.2f}; p = {p:.2g} (McNemar, exact)",
                low=100 * row["low"],
                high=100 * row["high"],
                p=row["p"],
            ),
        ),
    ]
    blocks: list[Block] = [Cards(cards, strong=True), Table(_agreement(row), tr("Samples, by who is correct"))]
    if len(frame) > 1:
        blocks.append(Table(pd.DataFrame([_seed(each) for each in frame.to_dict("records")]), tr("Each seed")))
    return [*blocks, *_differing(tables)]


def _agreement(row: pd.Series[Any]) -> pd.DataFrame:
    counts = {
        tr("both"): row["both"],
        tr("only A"): row["only_a"],
        tr("only B"): row["only_b"],
        tr("neither"): row["neither"],
    }
    return pd.DataFrame(
        [
            {"correct": name, "samples": count(number), mark("of all"): percent(number / row["samples"], 2)}
            for name, number in counts.items()
        ]
    )


def _seed(row: dict[Any, Any]) -> dict[str, str]:
    return {
        "seed": tr("all") if pd.isna(row["seed"]) else str(row["seed"]),
        "A": percent(row["accuracy_a"], 2),
        "B": percent(row["accuracy_b"], 2),
        "points, B minus A": f"{100 * row['difference']:+.2f}",
        "95 % interval": tr("{low:.2f} to {high:.2f}", low=100 * row["low"], high=100 * row["high"]),
        "p": f"{row['p']:.2g}",
    }


def _differing(tables: Tables) -> list[Block]:
    """Give the images of samples predicted differently, where they are kept, and else their numbers."""
    every = tables.get("disagreements", pd.DataFrame())
    if every.empty:
        return []
    columns = {"id": "sample", "label": "label", "predicted_a": mark("A predicts"), "predicted_b": mark("B predicts")}
    first = every[list(columns)].rename(columns=columns).head(500)
    table = Table(first, tr("Show the first 500 by number"), folded=True)
    samples = tables.get("disagreement_samples", pd.DataFrame())
    if samples.empty:
        return [table]
    images = decode_images(samples)
    size = screen_size(images.shape[1:3], side=84)
    thumbnails = [
        Thumbnail(uri, *size, alt=_words(row), title=_words(row), lines=_lines(row))
        for row, uri in zip(samples.to_dict("records"), png_uris(images), strict=True)
    ]
    caption = tr(
        "{shown} of the {count} samples that A and B predict differently: those of which a training has kept the "
        "image. Below each its label, and what A and B predict.",
        shown=count(len(samples)),
        count=count(len(every)),
    )
    return [Gallery(tr("Predicted differently"), thumbnails, caption, wide=True), table]


def _words(row: dict[Any, Any]) -> str:
    return tr(
        "sample {id}, label {label}: A predicts {a}, B {b}",
        id=row["id"],
        label=row["label_name"],
        a=row["predicted_a_name"],
        b=row["predicted_b_name"],
    )


def _lines(row: dict[Any, Any]) -> tuple[str, str]:
    marks = {side: "✓" if row["correct"] == side else "✗" for side in "AB"}
    return (
        tr("label {label}", label=row["label_name"]),
        f"A {row['predicted_a_name']} {marks['A']} · B {row['predicted_b_name']} {marks['B']}",
    )
