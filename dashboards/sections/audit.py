"""The section about the audit: how many samples each check flags, and the worst of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dashboards.blocks import Block, Chart, Gallery, Number, Numbers, Table, Words
from dashboards.figures.audit import flagged_samples
from dashboards.formats import count, number
from dashboards.pictures import BUDGET, Picture, decode, picture_uris, screen_size
from dashboards.sections.data import Tables


def audit(tables: Tables) -> list[Block]:
    """Give how many samples each check flags, with its bar, and pictures of the worst of each."""
    checks = tables["checks"]
    found = checks[checks["flagged"] > 0]
    cards = Numbers(
        [
            Number(count(checks["check"].nunique()), "checks"),
            Number(count(found["check"].nunique()), "that found something"),
        ]
    )
    numbers = Table(
        checks.rename(columns={"meaning": "what was measured"}), "Show all checks and their bars", folded=True
    )
    if found.empty:
        return [cards, Words("No check found anything."), numbers]
    caption = "How many samples each check flags; of class imbalance, how many classes. The scale is logarithmic."
    chart = Chart("audit-flagged", "Flagged samples", flagged_samples(found), caption)
    return [cards, chart, numbers, *_galleries(tables)]


def _galleries(tables: Tables) -> list[Block]:
    """Give for each check the samples that are worst, the value of each and the bar below it."""
    every = tables.get("audit_thumbnails")
    if every is None or every.empty:
        return []
    meanings = dict(zip(tables["checks"]["check"], tables["checks"]["meaning"], strict=True))
    blocks: list[Block] = []
    for check, frame in every.groupby("check", sort=False):
        frame.attrs = every.attrs
        images = decode(frame)
        size = screen_size(images.shape[1:3])
        pictures = [
            _picture(row, uri, size)
            for row, uri in zip(frame.to_dict("records"), picture_uris(images, BUDGET // 4), strict=True)
        ]
        blocks.append(Gallery(_title(check), pictures, f"{meanings[str(check)]}.", wide=True))
    return blocks


def _title(check: object) -> str:
    return str(check).replace("_", " ").capitalize()


def _picture(row: Mapping[Any, Any], uri: str, size: tuple[int, int]) -> Picture:
    measured = f"{number(row['value'])} (bar {number(row['bar'])})" if pd.notna(row["bar"]) else number(row["value"])
    title = f"sample {row['id']} of {row['split']}, label {row['name']}, {measured}"
    return Picture(
        uri, *size, alt=title, title=title, lines=(f"{row['split']} {row['id']}", f"label {row['name']}", measured)
    )
