"""The sections about what was done to the dataset: cleaning, quarantine, augmented copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dashboards.blocks import (
    Block,
    Card,
    Cards,
    Chart,
    Gallery,
    Paragraph,
    SideBySide,
    Table,
    ThumbnailRow,
    ThumbnailRows,
)
from dashboards.figures.cleaning import action_words, cleaning_findings, reason_words
from dashboards.formats import capitalized, count, number, percent, spaced
from dashboards.language import tr
from dashboards.sections.data import Tables, names_of
from dashboards.thumbnails import Thumbnail, decode_images, png_uris, screen_size

MOST_THUMBNAILS = 60
MOST_ROWS, MOST_COPIES = 12, 9


def cleaning(tables: Tables) -> list[Block]:
    """Give what came in and what was kept, and the findings by reason."""
    totals = tables["cleaning_totals"]
    sums = totals[["samples_in", "kept", "changed", "removed"]].sum()
    fraction = sums / max(1, sums["samples_in"])
    cards = Cards(
        [
            Card(count(sums["samples_in"]), tr("samples read")),
            Card(count(sums["kept"]), tr("kept as they were"), percent(fraction["kept"], 2)),
            Card(count(sums["changed"]), tr("changed"), percent(fraction["changed"], 2)),
            Card(count(sums["removed"]), tr("removed"), percent(fraction["removed"], 2)),
        ]
    )
    headings = {"samples_in": "samples read"}
    by_split = Table(totals.rename(columns=headings), tr("Show the numbers of each split"), folded=True)
    findings = tables.get("cleaning")
    if findings is None or findings.empty:
        return [cards, by_split, Paragraph(tr("No rule found anything to remove, repair or flag."))]
    table = findings.assign(
        reason=[reason_words(reason) for reason in findings["reason"]],
        action=[action_words(action) for action in findings["action"]],
    )
    caption = tr(
        "How many samples each rule found, and what was done with them; several rules can find the same sample."
    )
    return [
        cards,
        by_split,
        Chart("cleaning-findings", tr("Findings by reason"), cleaning_findings(findings), caption, table),
    ]


def quarantine(tables: Tables) -> list[Block]:
    """Give thumbnails of samples that a rule found, some of every reason."""
    samples = tables["quarantine"]
    chosen = samples.assign(turn=samples.groupby("reason").cumcount()).sort_values("turn", kind="stable")
    chosen = chosen.head(MOST_THUMBNAILS).sort_values("reason", kind="stable").drop(columns="turn")
    chosen.attrs = samples.attrs
    names = names_of(tables)
    images = decode_images(chosen)
    size = screen_size(images.shape[1:3], side=84)
    thumbnails = [
        _quarantined(row, names, uri, size)
        for row, uri in zip(chosen.to_dict("records"), png_uris(images), strict=True)
    ]
    partly = len(samples) > len(chosen)
    caption = tr("Each sample as it was before cleaning, with the reason and what was done.")
    if partly:
        shown = tr(
            "{shown} of the {count} findings, some of each reason.", shown=len(chosen), count=count(len(samples))
        )
        caption = tr("{sentence} {next}", sentence=caption, next=shown)
    return [Gallery(tr("Samples in quarantine"), thumbnails, caption, wide=True)]


def _quarantined(row: Mapping[Any, Any], names: Mapping[int, str], uri: str, size: tuple[int, int]) -> Thumbnail:
    reason, done = reason_words(row["reason"]), action_words(row["action"])
    label = names.get(int(row["label"]), str(row["label"])) if pd.notna(row["label"]) else tr("none")
    detail = str(row["detail"]) if pd.notna(row["detail"]) else ""
    return Thumbnail(
        uri,
        *size,
        alt=tr("sample {id}, {reason}", id=row["id"], reason=reason),
        title=tr("sample {id} of {split}, label {label}", id=row["id"], split=row["split"], label=label),
        lines=tuple(line for line in (reason, done, detail) if line),
    )


def augmentation(tables: Tables) -> list[Block]:
    """Give rows of an original and its copies."""
    copies = tables["augmentation"]
    sources = copies["source_id"].unique()[:MOST_ROWS]
    frame = copies[copies["source_id"].isin(sources) & (copies["copy"] <= MOST_COPIES)]
    frame = frame.sort_values(["source_id", "copy"], kind="stable")
    frame.attrs = copies.attrs
    caption = tr("The original comes first, then its copies; hover over a copy to see how it was transformed.")
    table = (
        frame[["source_id", "copy", *_amounts(frame)]].rename(columns={"source_id": "sample"}).rename(columns=spaced)
    )
    return [ThumbnailRows(tr("Originals and their copies"), _rows(frame, names_of(tables)), caption, table=table)]


def transforms(tables: Tables) -> list[Block]:
    """Give for each transform rows of originals and their copies, the weakest first."""
    copies = tables["transforms"]
    blocks: list[Block] = []
    for name, frame in copies.groupby("transform", sort=False):
        frame.attrs = copies.attrs
        first = frame.iloc[0]
        span = {"meaning": tr(first["meaning"]), "low": number(first["low"]), "high": number(first["high"])}
        caption = (
            tr("{meaning}: {low} to {high}.", **span)
            if first["probability"] == 1
            else tr(
                "{meaning}: {low} to {high}, in {fraction} of the copies.",
                fraction=percent(first["probability"], 0),
                **span,
            )
        )
        shown = frame.drop(columns=["low", "high", "probability"]).dropna(axis="columns")
        shown.attrs = copies.attrs
        title = capitalized(spaced(name))
        blocks.append(ThumbnailRows(title, _rows(shown, names_of(tables)), capitalized(caption)))
    return [SideBySide(blocks[first : first + 2]) for first in range(0, len(blocks), 2)]


def corruptions(tables: Tables) -> list[Block]:
    """Give one sample under each corruption, a row each, from the weakest to the strongest."""
    frame = tables["corrupted_samples"]
    images = decode_images(frame)
    size = screen_size(images.shape[1:3])
    thumbnails: dict[str, list[Thumbnail]] = {}
    for row, uri in zip(frame.to_dict("records"), png_uris(images), strict=True):
        name = spaced(row["corruption"])
        words = tr("{corruption}, severity {severity}", corruption=name, severity=row["severity"])
        thumbnails.setdefault(name, []).append(Thumbnail(uri, *size, alt=words, title=words))
    rows = [ThumbnailRow(name, of_name) for name, of_name in thumbnails.items()]
    severities = tr(", ").join(str(severity) for severity in frame["severity"].drop_duplicates())
    caption = tr(
        "Sample {id}, a {name}; severities {severities} from left to right.",
        id=frame["source_id"].iloc[0],
        name=frame["name"].iloc[0],
        severities=severities,
    )
    return [ThumbnailRows(tr("One sample under each corruption"), rows, caption)]


def _rows(frame: pd.DataFrame, names: Mapping[int, str]) -> list[ThumbnailRow]:
    """Give a row of thumbnails for each source, in the order of the table, the amounts of each in its tooltip."""
    images = decode_images(frame)
    size = screen_size(images.shape[1:3])
    amounts = _amounts(frame)
    thumbnails: dict[Any, list[Thumbnail]] = {source: [] for source in frame["source_id"].unique()}
    for row, uri in zip(frame.to_dict("records"), png_uris(images), strict=True):
        copied = tr("copy {copy}: {amounts}", copy=row["copy"], amounts=_in_words(row, amounts))
        words = tr("original") if row["copy"] == 0 else copied
        thumbnails[row["source_id"]].append(Thumbnail(uri, *size, alt=words, title=words))
    labels = dict(zip(frame["source_id"], frame["label"], strict=True))
    return [
        ThumbnailRow(names.get(int(labels[source]), str(labels[source])), row, first_apart=True)
        for source, row in thumbnails.items()
    ]


def _amounts(frame: pd.DataFrame) -> list[str]:
    """Name the columns of what was drawn for each copy."""
    known = ("source_id", "copy", "label", "id")
    return [str(name) for name in frame.select_dtypes("number") if str(name) not in known]


def _in_words(row: Mapping[Any, Any], amounts: list[str]) -> str:
    return tr(", ").join(f"{spaced(name)} {number(row[name])}" for name in amounts if pd.notna(row[name]))
