"""The parts that a section is made of. Each is an immutable description, and becomes HTML when the page is rendered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio

from dashboards.formats import NOTHING, cell
from dashboards.pictures import Picture


class Block(Protocol):
    """A part of a section."""

    def html(self) -> str:
        """Write the part as HTML in which every text is escaped."""
        ...


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str

    def html(self) -> str:
        """Write a paragraph."""
        return f"<p>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Terms:
    """Terms and what they mean, a sentence or two each."""

    title: str
    entries: Sequence[tuple[str, str]]

    def html(self) -> str:
        """Write a list of definitions."""
        rows = "".join(
            f"<div><dt>{escape(term)}</dt><dd>{escape(meaning)}</dd></div>" for term, meaning in self.entries
        )
        return f'<div class="panel"><h3>{escape(self.title)}</h3><dl class="facts terms">{rows}</dl></div>'


@dataclass(frozen=True)
class Note:
    """A warning: what it is about, and what there is to say of it, a paragraph each."""

    title: str
    lines: Sequence[str]

    def html(self) -> str:
        """Write a box that stands out."""
        lines = "".join(f"<p>{escape(line)}</p>" for line in self.lines)
        return f'<div class="note" role="note"><strong>{escape(self.title)}</strong>{lines}</div>'


@dataclass(frozen=True)
class Number:
    """A number that stands out, what it counts, and a remark below."""

    value: str
    label: str
    detail: str = ""

    def html(self) -> str:
        """Write a card."""
        detail = f'<span class="detail">{escape(self.detail)}</span>' if self.detail else ""
        return (
            f'<li class="card"><span class="label">{escape(self.label)}</span>'
            f'<strong class="value">{escape(self.value)}</strong>{detail}</li>'
        )


@dataclass(frozen=True)
class Numbers:
    """Cards side by side. strong: larger, for the result that all the rest leads to."""

    numbers: Sequence[Number]
    strong: bool = False

    def html(self) -> str:
        """Write a list of cards."""
        cards = "".join(number.html() for number in self.numbers)
        kind = " strong" if self.strong else " many" if len(self.numbers) > 4 else ""
        return f'<ul class="cards{kind}">{cards}</ul>'


@dataclass(frozen=True)
class Table:
    """A small table whose columns are named as a reader should see them. folded: opened by a click."""

    frame: pd.DataFrame
    caption: str
    folded: bool = False

    def html(self) -> str:
        """Write a table; columns of numbers are set to the right."""
        body = [[cell(value) for value in row] for row in self.frame.itertuples(index=False)]
        right = [all(_is_number(row[column]) for row in body) for column in range(self.frame.shape[1])]
        classes = [' class="number"' if is_right else "" for is_right in right]
        head = "".join(
            f'<th scope="col"{kind}>{escape(str(name))}</th>'
            for name, kind in zip(self.frame.columns, classes, strict=True)
        )
        rows = "".join(
            "<tr>"
            + "".join(f"<td{kind}>{escape(text)}</td>" for text, kind in zip(row, classes, strict=True))
            + "</tr>"
            for row in body
        )
        table = (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(self.caption)}">'
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
        if self.folded:
            return f"<details><summary>{escape(self.caption)}</summary>{table}</details>"
        return f'<figure class="panel"><h3>{escape(self.caption)}</h3>{table}</figure>'


def _is_number(text: str) -> bool:
    return text == NOTHING or text.lstrip("-−")[:1].isdigit()


@dataclass(frozen=True)
class Chart:
    """A Plotly figure under a heading.

    name: unique in the page. caption: how to read it. table: its numbers. aspect: width by height of the box it is
    drawn in; without it the box has the figure's height at any width.
    """

    name: str
    title: str
    figure: go.Figure
    caption: str
    table: pd.DataFrame | None = None
    aspect: float | None = None

    def html(self) -> str:
        """Write a figure whose data lie beside it as JSON; the page's script draws it."""
        name, title = escape(self.name), escape(self.title)
        numbers = "" if self.table is None else Table(self.table, "Show the numbers", folded=True).html()
        box = f"aspect-ratio:{self.aspect:.3f}" if self.aspect else f"height:{int(self.figure.layout.height)}px"
        return (
            f'<figure class="panel"><h3 id="{name}-title">{title}</h3>'
            f'<div class="chart" id="{name}" role="img" aria-labelledby="{name}-title" '
            f'style="{box}"></div>'
            f'<script type="application/json" id="{name}-data">{figure_json(self.figure)}</script>'
            f"<figcaption>{escape(self.caption)}</figcaption>{numbers}</figure>"
        )


def figure_json(figure: go.Figure) -> str:
    """Write a figure's data and layout as JSON, without what the page knows: its template and its height."""
    bare = go.Figure(figure)
    bare.layout.template = None
    bare.layout.height = None
    return script_json(pio.to_json(bare, validate=False))


def script_json(text: str) -> str:
    r"""Make JSON safe inside a script element, which ends at the first `</script>` wherever that stands.

    >>> script_json('{"name": "</script>"}')
    '{"name": "\\u003c/script\\u003e"}'
    """
    for character in "<>&\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}":
        text = text.replace(character, f"\\u{ord(character):04x}")
    json.loads(text)  # what is not JSON must fail here, not in a browser
    return text


def _image(picture: Picture) -> str:
    title = f' title="{escape(picture.title)}"' if picture.title else ""
    image = (
        f'<img src="{picture.uri}" width="{picture.width}" height="{picture.height}" '
        f'alt="{escape(picture.alt)}"{title} loading="lazy" decoding="async">'
    )
    lines = "".join(f"<span>{escape(line)}</span>" for line in picture.lines)
    return f'<figure class="picture">{image}<figcaption>{lines}</figcaption></figure>' if lines else image


@dataclass(frozen=True)
class Gallery:
    """Pictures with their captions below, as many in a line as fit. wide: the captions are longer than a few words."""

    title: str
    pictures: Sequence[Picture]
    caption: str
    wide: bool = False

    def html(self) -> str:
        """Write a grid of pictures."""
        grid = "".join(f"<li>{_image(picture)}</li>" for picture in self.pictures)
        tile = max([128 if self.wide else 76, *(picture.width for picture in self.pictures)])
        return (
            f'<figure class="panel"><h3>{escape(self.title)}</h3><ul class="gallery" style="--tile:{tile}px">'
            f"{grid}</ul><figcaption>{escape(self.caption)}</figcaption></figure>"
        )


@dataclass(frozen=True)
class PictureRow:
    """A label and the pictures beside it. first_apart: the first is the one that the others were made from."""

    label: str
    pictures: Sequence[Picture]
    first_apart: bool = False

    def html(self) -> str:
        """Write a row."""
        images = "".join(_image(picture) for picture in self.pictures)
        apart = " apart" if self.first_apart else ""
        return (
            f'<div class="row{apart}"><dt title="{escape(self.label)}">{escape(self.label)}</dt><dd>{images}</dd></div>'
        )


@dataclass(frozen=True)
class PictureRows:
    """Rows of pictures under a heading; short rows stand side by side where there is room.

    wraps: in a narrow window a row goes on below, for pictures that must not shrink.
    """

    title: str
    rows: Sequence[PictureRow]
    caption: str
    table: pd.DataFrame | None = None
    wraps: bool = False

    def html(self) -> str:
        """Write the rows one below the other; in a narrow window the pictures shrink, unless the rows wrap."""
        rows = "".join(row.html() for row in self.rows)
        label = min(12, max([2, *(len(row.label) for row in self.rows)]))
        most = max([1, *(len(row.pictures) for row in self.rows)])
        width = max([1, *(picture.width for row in self.rows for picture in row.pictures)])
        style = f"--label:{label}ch;--most:{most};--picture:{width}px"
        numbers = "" if self.table is None else Table(self.table, "Show the numbers", folded=True).html()
        kind = " wraps" if self.wraps else ""
        return (
            f'<figure class="panel"><h3>{escape(self.title)}</h3><dl class="rows{kind}" style="{style}">'
            f"{rows}</dl><figcaption>{escape(self.caption)}</figcaption>{numbers}</figure>"
        )


@dataclass(frozen=True)
class SideBySide:
    """Blocks in one line where the window is wide enough. wide_first: the first takes two thirds of it."""

    blocks: Sequence[Block]
    wide_first: bool = False

    def html(self) -> str:
        """Write the blocks into a grid."""
        parts = "".join(block.html() for block in self.blocks)
        kind = "wide-first" if self.wide_first else f"of-{len(self.blocks)}"
        return f'<div class="side {kind}">{parts}</div>'
