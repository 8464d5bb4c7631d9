"""The section about two versions of a dataset: what was added, removed, relabelled, altered or moved, with digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Gallery, Paragraph, Table
from dashboards.formats import capitalized, count, percent
from dashboards.language import mark, tr
from dashboards.sections.data import Tables
from dashboards.thumbnails import BUDGET, Thumbnail, decode_images, png_uris, screen_size

MEANINGS = {
    "removed": mark("In A and not in B."),
    "added": mark("In B and not in A."),
    "altered": mark("The same id with other pixels: of each sample A's image, then B's."),
    "relabelled": mark("The same sample with another label: A's → B's."),
    "moved": mark("The same sample in another split: A's → B's."),
    "renumbered": mark("The same pixels with another id."),
}
"""What each change is."""

MOST_PAIRS = 30
"""Pairs of labels in the table."""


def versions(tables: Tables) -> list[Block]:
    """Give how many samples have changed in which way, from which label to which, and thumbnails of each change."""
    changes = tables["changes"]
    totals = changes.groupby("change", sort=False)[["samples", "of"]].sum()
    cards = [
        Card(
            count(row["samples"]),
            tr(str(change)),
            tr("{fraction} of the samples", fraction=percent(row["samples"] / max(1, row["of"]), 2)),
        )
        for change, row in totals.iterrows()
        if row["samples"]
    ]
    if set(totals.index[totals["samples"] > 0]) <= {"unchanged"}:
        return [Cards(cards), Paragraph(tr("Both hold the same samples."))]
    shown = changes.assign(
        change=[tr(str(change)) for change in changes["change"]],
        fraction=[percent(value, 2) for value in changes["fraction"]],
    )
    blocks: list[Block] = [Cards(cards), Table(shown, tr("Show the changes of each split"), folded=True)]
    relabelled = tables.get("relabelled", pd.DataFrame())
    if len(relabelled):
        pairs = relabelled[["name_a", "name_b", "samples"]].head(MOST_PAIRS)
        pairs.columns = pd.Index([mark("label in A"), mark("label in B"), "samples"])
        blocks.append(Table(pairs, tr("Relabelled")))
    return [*blocks, *_galleries(tables, totals["samples"])]


def _galleries(tables: Tables, totals: pd.Series[int]) -> list[Block]:
    """Give the thumbnails of each change."""
    if not {"diff_a", "diff_b"} <= tables.keys():
        return []
    sides = {side: _drawn(tables[f"diff_{side}"]) for side in "ab"}
    blocks: list[Block] = []
    for change, meaning in MEANINGS.items():
        of_change = {side: {place: row for (kind, place), row in rows.items() if kind == change}
                     for side, rows in sides.items()}  # fmt: skip
        places = sorted(of_change["a"].keys() | of_change["b"].keys())
        thumbnails = [shown for place in places for shown in _thumbnails(change, of_change, place)]
        if thumbnails:
            caption = tr(meaning)
            if totals[change] > len(places):
                first = tr("The first {shown} of {count}.", shown=count(len(places)), count=count(totals[change]))
                caption = tr("{sentence} {next}", sentence=caption, next=first)
            blocks.append(Gallery(capitalized(tr(change)), thumbnails, caption, wide=True))
    return blocks


def _drawn(table: pd.DataFrame) -> dict[tuple[str, int], dict[Any, Any]]:
    """Give the rows of a side by change and place, each with its picture and the size of that."""
    if table.empty:
        return {}
    images = decode_images(table)
    size = screen_size(images.shape[1:3])
    return {
        (str(row["change"]), int(row["place"])): {**row, "uri": uri, "size": size}
        for row, uri in zip(table.to_dict("records"), png_uris(images, BUDGET // 4), strict=True)
    }


def _thumbnails(change: str, sides: Mapping[str, Mapping[int, dict[Any, Any]]], place: int) -> list[Thumbnail]:
    """Give the picture of a sample; of an altered one those of both sides."""
    a, b = sides["a"].get(place), sides["b"].get(place)
    there = [row for row in (a, b) if row is not None]
    drawn = there if change == "altered" else there[-1:]
    ids, splits, names = (_from_to(a, b, name) for name in ("id", "split", "name"))
    thumbnails = []
    for row in drawn:
        title = tr("sample {id} of {split}, label {label}", id=ids, split=splits, label=names)
        title = tr("{change}, {sample}", change=tr(change), sample=title)
        line = f"{splits} {ids}"
        if change == "altered":
            title, line = (f"{'A' if row is a else 'B'}: {text}" for text in (title, line))
        lines = (line, tr("label {label}", label=names))
        thumbnails.append(Thumbnail(row["uri"], row["size"][0], row["size"][1], alt=title, title=title, lines=lines))
    return thumbnails


def _from_to(a: Mapping[Any, Any] | None, b: Mapping[Any, Any] | None, name: str) -> str:
    """Write a value of A and of B, and once where they are the same or there is but one."""
    return " → ".join(dict.fromkeys(str(row[name]) for row in (a, b) if row is not None))
