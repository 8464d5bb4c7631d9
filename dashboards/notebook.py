"""Pages, sections, tables and images in a notebook: objects with `_repr_html_`, and HTML for those of others.

What is shown in a cell carries its own styles and no scripts; a page lies in a sandboxed frame of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup

from dashboards import templating
from dashboards.formats import cell, count
from dashboards.language import ENGLISH, in_language, tr
from dashboards.outline import SECTIONS, Section, Tables
from dashboards.page import render
from mnist_data.errors import WrongUse, unknown_name

PAGE_HEIGHT, SECTION_HEIGHT = 800, 620
"""Pixels that a page and a section take in a notebook; the rest is scrolled to."""

STRIP = 20
"""Images of a strip, unless another number is asked for."""

HEAD_ROWS, HEAD_COLUMNS = 5, 12
"""What is shown of a table."""


@dataclass(frozen=True, repr=False)
class Page:
    """A page, or one section, that a notebook shows. html: the whole document. height: pixels of its frame."""

    html: str
    title: str
    height: int

    def __repr__(self) -> str:
        return f"Page({self.title!r}, {len(self.html):,} characters of HTML)"

    def _repr_html_(self) -> str:
        """Give a frame whose scripts cannot reach the notebook, and which loads nothing."""
        return str(templating.render("notebook/frame.html", page=self))


def page(
    tables: Tables,
    title: str = "Dataset",
    *,
    subtitle: str = "",
    note: str | None = None,
    lang: str = ENGLISH,
    height: int = PAGE_HEIGHT,
) -> Page:
    """Make a page of tables for a notebook.

    tables: by name, as stats, audit, drift, clean and train write them; sections without their tables are left out.
    title, subtitle, note: above the sections. lang: "en" or "zh", for Chinese. height: pixels of its frame.
    """
    with in_language(lang):
        return Page(render(tables, title, subtitle, note, {}), title, height)


def section(name: str, tables: Tables, *, lang: str = ENGLISH, height: int = SECTION_HEIGHT) -> Page:
    """Make one section of a page for a notebook.

    name: overview, samples, classes, … as in the address of a page's section. tables: by name; those that the section
    draws must be there. lang: "en" or "zh", for Chinese. height: pixels of its frame. Raises WrongUse for a name or a
    table that is missing.
    """
    shown = _section_of(name)
    missing = [table for table in shown.tables if table not in tables]
    if missing:
        raise WrongUse(
            f"The section {name!r} draws the tables {', '.join(shown.tables)}; {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. There are: {', '.join(tables) or 'none'}."
        )
    with in_language(lang):
        title = tr(shown.title)
        return Page(render(tables, title, "", None, {}, sections=(shown,), bare=True), title, height)


def _section_of(name: str) -> Section:
    known = {shown.key: shown for shown in SECTIONS}
    if name not in known:
        raise unknown_name("section", name, known)
    return known[name]


def thumbnail_strip(images: npt.NDArray[Any], titles: Sequence[str] = (), most: int = STRIP) -> str:
    """Give the first images in a row as HTML.

    images: (n, height, width[, channels]) of any dtype. titles: a tooltip for each, also read out to those who cannot
    see it. most: images that are shown.
    """
    return str(_strip(images, titles, most))


def _strip(images: npt.NDArray[Any], titles: Sequence[str] = (), most: int = STRIP) -> Markup:
    from dashboards.thumbnails import png_uris, screen_size
    from mnist_data.parquet.preview import to_uint8

    shown = to_uint8(images[:most])
    shown = shown[..., 0] if shown.ndim == 4 and shown.shape[-1] not in (3, 4) else shown
    width, height = screen_size(images.shape[1:3])
    words = [*titles[:most], *(f"image {place}" for place in range(len(titles), len(shown)))]
    pairs = list(zip(png_uris(list(np.ascontiguousarray(shown))), words, strict=True))
    return templating.render("notebook/strip.html", images=pairs, width=width, height=height)


@dataclass(frozen=True, repr=False)
class Strip:
    """A row of images that a notebook shows. html: of the row. images: how many there are."""

    html: str
    images: int

    def __repr__(self) -> str:
        return f"Strip({self.images} images)"

    def _repr_html_(self) -> str:
        return self.html


def strip(images: npt.NDArray[Any], titles: Sequence[str] = (), *, most: int = STRIP) -> Strip:
    """Show images in a row.

    images: (n, height, width[, channels]) of any dtype, as `mnist_data.images` and `to_numpy` give them. titles: a
    tooltip for each, also read out to those who cannot see it. most: images that are shown.
    """
    return Strip(thumbnail_strip(images, titles, most), min(len(images), most))


def link(words: str, address: str) -> str:
    """Give a link that opens in a page of its own, as HTML."""
    return str(templating.render("notebook/link.html", words=words, address=address))


def table_head(frame: pd.DataFrame, name: str = "", rows: int = HEAD_ROWS) -> str:
    """Give the first rows of a table as HTML, with its size; columns of bytes, which are images, by their size.

    name: of the table. rows: that are shown, of at most 12 columns.
    """
    return str(_head(frame, name, rows))


def _head(frame: pd.DataFrame, name: str, rows: int = HEAD_ROWS) -> Markup:
    head = frame.iloc[:rows, :HEAD_COLUMNS]
    return templating.render(
        "notebook/table.html",
        name=name,
        size=f"{count(len(frame))} rows × {count(frame.shape[1])} columns",
        columns=[str(column) for column in head.columns],
        rows=[[_cell(value) for value in row] for row in head.itertuples(index=False)],
        more=frame.shape[1] > HEAD_COLUMNS,
    )


def _cell(value: Any) -> str:
    return f"{len(value):,} bytes" if isinstance(value, bytes) else cell(value)


def summary(
    title: str,
    *,
    facts: Mapping[str, object] | None = None,
    warnings: Sequence[str] = (),
    images: npt.NDArray[Any] | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    page: str | None = None,
) -> str:
    """Give what a result object shows in a notebook as HTML.

    title: what it is. facts: names and values. warnings: what must be seen first. images: (n, height, width[,
    channels]), shown as a strip. tables: by name, of which the heads are shown. page: the file of its page, linked.
    """
    html = templating.render(
        "notebook/summary.html",
        title=title,
        facts={name: cell(value) for name, value in (facts or {}).items()},
        warnings=warnings,
        strip=None if images is None or not len(images) else _strip(images),
        heads=[_head(frame, name) for name, frame in (tables or {}).items()],
        page=page,
    )
    return str(html)
