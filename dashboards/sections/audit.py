"""The section about the audit: how many samples each check flags, and the worst of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Chart, Gallery, Note, Paragraph, Table
from dashboards.figures.audit import flagged_samples
from dashboards.formats import capitalized, count, number, spaced
from dashboards.language import sentences, tr
from dashboards.sections.data import Tables
from dashboards.thumbnails import BUDGET, Thumbnail, decode_images, png_uris, screen_size


def audit(tables: Tables) -> list[Block]:
    """Give how many samples each check flags, with its threshold, and thumbnails of the worst of each."""
    checks = tables["checks"]
    flagged = checks[checks["flagged"] > 0]
    cards = Cards(
        [
            Card(count(checks["check"].nunique()), tr("checks")),
            Card(count(flagged["check"].nunique()), tr("checks that flagged something")),
        ]
    )
    numbers = Table(_written(checks), tr("Show all checks and their thresholds"), folded=True)
    order = _order(tables.get("order", pd.DataFrame({"evidence": [], "advice": []})))
    if flagged.empty:
        return [cards, Paragraph(tr("No check flagged anything.")), numbers, *order]
    caption = tr("How many samples each check flags; for class imbalance, how many classes. The scale is logarithmic.")
    chart = Chart("audit-flagged", tr("Flagged samples"), flagged_samples(checks), caption)
    return [cards, chart, numbers, *order, *_galleries(tables)]


def _written(checks: pd.DataFrame) -> pd.DataFrame:
    """Give the table of the checks with names and meanings in words."""
    words = sentences(checks)
    written = checks.assign(
        check=[spaced(check) for check in checks["check"]], meaning=[words(meaning) for meaning in checks["meaning"]]
    )
    return written.rename(columns={"meaning": "measured"})


def _order(order: pd.DataFrame) -> list[Block]:
    """Give a note on the splits that are in no random order, with the commands that split them at random."""
    words = sentences(order)
    lines = [words(text) for column in ("evidence", "advice") for text in order[column].unique() if text]
    return [Note(tr("Order of the samples"), lines)] if lines else []


def _galleries(tables: Tables) -> list[Block]:
    """Give for each check the samples that are worst, with the value of each and the threshold."""
    flagged = tables.get("audit_thumbnails")
    if flagged is None or flagged.empty:
        return []
    checks, words = tables["checks"], sentences(tables["checks"])
    meanings = {check: words(meaning) for check, meaning in zip(checks["check"], checks["meaning"], strict=True)}
    blocks: list[Block] = []
    for check, frame in flagged.groupby("check", sort=False):
        frame.attrs = flagged.attrs
        images = decode_images(frame)
        size = screen_size(images.shape[1:3])
        thumbnails = [
            _thumbnail(row, uri, size)
            for row, uri in zip(frame.to_dict("records"), png_uris(images, BUDGET // 4), strict=True)
        ]
        blocks.append(Gallery(capitalized(spaced(check)), thumbnails, _caption(meanings.get(str(check))), wide=True))
    return blocks


def _caption(meaning: object) -> str:
    return tr("Measured: {meaning}.", meaning=meaning) if meaning else ""


def _decided(row: Mapping[Any, Any]) -> tuple[str, ...]:
    """Say what a person has decided about a sample, and who."""
    return (f"{row['decision']} ({row['decided_by']})",) if pd.notna(row.get("decision")) else ()


def _thumbnail(row: Mapping[Any, Any], uri: str, size: tuple[int, int]) -> Thumbnail:
    value = number(row["value"])
    measured = value
    if pd.notna(row["threshold"]):
        measured = tr("{value} (threshold {threshold})", value=value, threshold=number(row["threshold"]))
    title = tr("sample {id} of {split}, label {label}", id=row["id"], split=row["split"], label=row["name"])
    title = tr("{sample}, {measured}", sample=title, measured=measured)
    lines = (f"{row['split']} {row['id']}", tr("label {label}", label=row["name"]), measured, *_decided(row))
    return Thumbnail(uri, *size, alt=title, title=title, lines=lines, sample=int(row["id"]))
