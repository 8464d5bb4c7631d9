"""The section about people's own photos: before and after."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboards.blocks import Block, Gallery, ThumbnailRow, ThumbnailRows
from dashboards.formats import capitalized, count
from dashboards.language import tr
from dashboards.sections.data import Tables
from dashboards.thumbnails import Thumbnail, decode_images, png_uris, screen_size

MOST_DIGITS = 40
"""Digits shown of one photo."""

ACROSS = 9
"""Thumbnails next to each other, so that a sheet's digits stay as large as a page shows them."""


def before_after(tables: Tables) -> list[Block]:
    """Give a row for each photo: itself, and then its digits."""
    photos, prepared = tables["photos"], tables["prepared"]
    before = png_uris(decode_images(photos))
    after = np.array(png_uris(decode_images(prepared)), object)
    rows = []
    for number, file, uri in zip(photos["photo"], photos["file"], before, strict=True):
        digits = after[prepared["photo"].to_numpy() == number]
        shown = [Thumbnail(uri, 112, 112, alt=tr("photo {file}", file=file), title=str(file))]
        for place, digit in enumerate(digits[:MOST_DIGITS], start=1):
            words = tr("digit {place} of {count} in {file}", place=place, count=count(len(digits)), file=file)
            shown.append(Thumbnail(digit, *screen_size((28, 28)), alt=words, title=words))
        rows.append(ThumbnailRow(str(file).rsplit("/", 1)[-1], shown, first_apart=True))
    caption = tr(
        "The photo comes first, padded with grey where it is not square. Each digit was cut out, scaled to 20 pixels "
        "and centred by its mass in 28×28, as MNIST's were."
    )
    return [ThumbnailRows(tr("Before and after"), rows, caption, across=ACROSS)]


def set_aside(tables: Tables) -> list[Block]:
    """Give the shapes that were taken for no digits, a gallery a reason."""
    shapes = tables["set_aside"]
    uris = np.array(png_uris(decode_images(shapes)), object)
    galleries: list[Block] = []
    for reason, rows in shapes.reset_index(drop=True).groupby("reason", sort=False):
        thumbnails = [
            Thumbnail(uri, 56, 56, alt=_where(row, str(reason)), title=_where(row, str(reason)))
            for row, uri in zip(rows.to_dict("records"), uris[rows.index], strict=True)
        ]
        caption = tr("{count} shapes, each as it is in its photo.", count=count(len(rows)))
        galleries.append(Gallery(capitalized(tr(str(reason))), thumbnails, caption))
    return galleries


def _where(row: dict[Any, Any], reason: str) -> str:
    box = {side: row[side] for side in ("left", "top", "right", "bottom")}
    return tr("{file}, {left}, {top} to {right}, {bottom}: {reason}", file=row["file"], reason=tr(reason), **box)
