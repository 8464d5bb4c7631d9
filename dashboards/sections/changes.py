"""The sections about what was done to the dataset: cleaning, samples set aside, copies made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dashboards.blocks import Block, Chart, Gallery, Number, Numbers, PictureRow, PictureRows, SideBySide, Table, Words
from dashboards.figures.cleaning import DONE, findings, reason_words
from dashboards.formats import count, number, percent
from dashboards.pictures import Picture, decode, picture_uris, screen_size
from dashboards.sections.data import Tables, names_of

MOST_PICTURES = 60
MOST_ROWS, MOST_COPIES = 12, 9


def cleaning(tables: Tables) -> list[Block]:
    """Give what came in and what was kept, and the findings by reason."""
    totals = tables["cleaning_totals"]
    sums = totals[["samples_in", "kept", "changed", "removed"]].sum()
    fraction = sums / max(1, sums["samples_in"])
    cards = Numbers(
        [
            Number(count(sums["samples_in"]), "samples in"),
            Number(count(sums["kept"]), "kept as they were", percent(fraction["kept"], 2)),
            Number(count(sums["changed"]), "changed", percent(fraction["changed"], 2)),
            Number(count(sums["removed"]), "removed", percent(fraction["removed"], 2)),
        ]
    )
    by_split = Table(totals.rename(columns={"samples_in": "samples in"}), "Show the numbers of each split", folded=True)
    found = tables.get("cleaning")
    if found is None or found.empty:
        return [cards, by_split, Words("No rule found anything to remove, repair or flag.")]
    table = found.assign(reason=[reason_words(reason) for reason in found["reason"]])
    caption = "How many samples each rule found, and what was done with them; a sample can be found by several rules."
    return [cards, by_split, Chart("findings", "Findings by reason", findings(found), caption, table)]


def quarantine(tables: Tables) -> list[Block]:
    """Give pictures of samples that a rule picked out, of every reason some."""
    every = tables["quarantine"]
    chosen = every.assign(turn=every.groupby("reason").cumcount()).sort_values("turn", kind="stable")
    chosen = chosen.head(MOST_PICTURES).sort_values("reason", kind="stable").drop(columns="turn")
    chosen.attrs = every.attrs
    names = names_of(tables)
    images = decode(chosen)
    width, height = screen_size(images.shape[1:3], side=84)
    pictures = [
        _set_aside(row, names, Picture(uri, width, height, ""))
        for row, uri in zip(chosen.to_dict("records"), picture_uris(images), strict=True)
    ]
    shown = (
        f"{len(chosen)} of the {count(len(every))} findings, some of each reason." if len(every) > len(chosen) else ""
    )
    caption = f"Each picture as it was before cleaning, with the reason and what was done. {shown}"
    return [Gallery("Samples set aside", pictures, caption.strip(), wide=True)]


def _set_aside(row: Mapping[Any, Any], names: Mapping[int, str], picture: Picture) -> Picture:
    reason, done = reason_words(row["reason"]), DONE.get(row["action"], str(row["action"]))
    label = names.get(int(row["label"]), str(row["label"])) if pd.notna(row["label"]) else "none"
    detail = str(row["detail"]) if pd.notna(row["detail"]) else ""
    return Picture(
        picture.uri,
        picture.width,
        picture.height,
        alt=f"sample {row['id']}, {reason}",
        title=f"sample {row['id']} of {row['split']}, label {label}",
        lines=tuple(line for line in (reason, done, detail) if line),
    )


def augmentation(tables: Tables) -> list[Block]:
    """Give rows of an original and its copies."""
    every = tables["augmentation"]
    sources = every["source_id"].unique()[:MOST_ROWS]
    frame = every[every["source_id"].isin(sources) & (every["copy"] <= MOST_COPIES)]
    frame = frame.sort_values(["source_id", "copy"], kind="stable")
    frame.attrs = every.attrs
    caption = (
        "The original stands first, its copies beside it; point at a copy to see how it was turned, moved or bent."
    )
    table = frame[["source_id", "copy", *_amounts(frame)]].rename(columns={"source_id": "sample"})
    return [PictureRows("Originals and their copies", _rows(frame, names_of(tables)), caption, table=table)]


def transforms(tables: Tables) -> list[Block]:
    """Give for each transform rows of originals and their copies, the weakest first."""
    every = tables["transforms"]
    blocks: list[Block] = []
    for name, frame in every.groupby("transform", sort=False):
        frame.attrs = every.attrs
        first = frame.iloc[0]
        fraction = "" if first["probability"] == 1 else f", in {percent(first['probability'], 0)} of the copies"
        caption = f"{first['meaning']}: {number(first['low'])} to {number(first['high'])}{fraction}."
        shown = frame.drop(columns=["low", "high", "probability"]).dropna(axis="columns")
        shown.attrs = every.attrs
        title = str(name).replace("_", " ").capitalize()
        blocks.append(PictureRows(title, _rows(shown, names_of(tables)), caption[0].upper() + caption[1:]))
    return [SideBySide(blocks[first : first + 2]) for first in range(0, len(blocks), 2)]


def _rows(frame: pd.DataFrame, names: Mapping[int, str]) -> list[PictureRow]:
    """Give a row of pictures for each source, in the order of the table, the amounts of each in its tooltip."""
    images = decode(frame)
    size = screen_size(images.shape[1:3])
    amounts = _amounts(frame)
    pictures: dict[Any, list[Picture]] = {source: [] for source in frame["source_id"].unique()}
    for row, uri in zip(frame.to_dict("records"), picture_uris(images), strict=True):
        said = "original" if row["copy"] == 0 else f"copy {row['copy']}: {_in_words(row, amounts)}"
        pictures[row["source_id"]].append(Picture(uri, *size, alt=said, title=said))
    labels = dict(zip(frame["source_id"], frame["label"], strict=True))
    return [
        PictureRow(names.get(int(labels[source]), str(labels[source])), found, first_apart=True)
        for source, found in pictures.items()
    ]


def _amounts(frame: pd.DataFrame) -> list[str]:
    """Name the columns of what was drawn for each copy."""
    known = ("source_id", "copy", "label", "id")
    return [str(name) for name in frame.select_dtypes("number") if str(name) not in known]


def _in_words(row: Mapping[Any, Any], amounts: list[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number(row[name])}" for name in amounts if pd.notna(row[name]))
