"""The section about people's own pictures: before and after."""

from __future__ import annotations

import numpy as np

from dashboards.blocks import Block, PictureRow, PictureRows
from dashboards.formats import count
from dashboards.pictures import Picture, decode, picture_uris, screen_size
from dashboards.sections.data import Tables

MOST_DIGITS = 40
"""Digits shown of one picture."""


def before_after(tables: Tables) -> list[Block]:
    """Give a row for each picture: itself, and its digits beside it."""
    photos, prepared = tables["photos"], tables["prepared"]
    before = picture_uris(decode(photos))
    after = np.array(picture_uris(decode(prepared)), object)
    rows = []
    for number, file, uri in zip(photos["photo"], photos["file"], before, strict=True):
        found = after[prepared["photo"].to_numpy() == number]
        shown = [Picture(uri, 112, 112, alt=f"the picture {file}", title=str(file))]
        for place, digit in enumerate(found[:MOST_DIGITS], start=1):
            words = f"digit {place} of {count(len(found))} in {file}"
            shown.append(Picture(digit, *screen_size((28, 28)), alt=words, title=words))
        rows.append(PictureRow(str(file).rsplit("/", 1)[-1], shown, first_apart=True))
    caption = (
        "The picture stands first, with grey beside it where it is not square; each digit was cut out, brought to "
        "20 pixels by area and put into 28×28 by its centre of mass, as MNIST's were."
    )
    return [PictureRows("Before and after", rows, caption)]
