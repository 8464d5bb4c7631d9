"""The parts that a section is made of. Each is an immutable description; the template of its name writes it as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from dashboards.figures.picks import has_picks
from dashboards.formats import MISSING, cell
from dashboards.language import tr
from dashboards.templating import figure_json, render
from dashboards.thumbnails import Thumbnail


@dataclass(frozen=True)
class Block:
    """A part of a section. template: its file in `templates/blocks`, which reads the fields of the block."""

    template: ClassVar[str]

    def __html__(self) -> Markup:
        """Write the part as HTML; templates call this for `{{ block }}`."""
        return render(f"blocks/{self.template}.html", block=self)

    @property
    def needs_plotly(self) -> bool:
        """Say whether plotly.js is needed to draw the part."""
        return False

    @property
    def needs_samples(self) -> bool:
        """Say whether the script of the samples is needed to draw the part."""
        return False


@dataclass(frozen=True)
class Paragraph(Block):
    """A paragraph."""

    template: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True)
class Definitions(Block):
    """Terms and what they mean, a sentence or two each."""

    template: ClassVar[str] = "definitions"
    title: str
    entries: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Note(Block):
    """A warning: what it is about, and what there is to say of it, a paragraph each."""

    template: ClassVar[str] = "note"
    title: str
    lines: Sequence[str]


@dataclass(frozen=True)
class FindingLine:
    """One finding. severity: problem, warning or note. section: the key of what shows it; empty for none."""

    severity: str
    finding: str
    evidence: str = ""
    advice: str = ""
    section: str = ""


@dataclass(frozen=True)
class FindingList(Block):
    """Findings, one below the other, each with its severity in words and a link to what shows it."""

    template: ClassVar[str] = "finding_list"
    lines: Sequence[FindingLine]


@dataclass(frozen=True)
class Card:
    """A number that stands out, what it counts, and a remark below."""

    value: str
    label: str
    detail: str = ""


@dataclass(frozen=True)
class Cards(Block):
    """Cards side by side. strong: larger, for the result that all the rest leads to."""

    template: ClassVar[str] = "cards"
    cards: Sequence[Card]
    strong: bool = False


@dataclass(frozen=True)
class Table(Block):
    """A small table whose columns are named as a reader should see them.

    folded: opened by a click. wraps: its cells are sentences, which go on in the next line.
    """

    template: ClassVar[str] = "table"
    frame: pd.DataFrame
    caption: str
    folded: bool = False
    wraps: bool = False

    @property
    def columns(self) -> list[str]:
        """Give the headings, in the page's language where the vocabulary has them."""
        return [tr(str(name)) for name in self.frame.columns]

    @property
    def rows(self) -> list[list[str]]:
        """Give the texts of the cells."""
        return [[cell(value) for value in row] for row in self.frame.itertuples(index=False)]

    @property
    def numeric(self) -> list[bool]:
        """Say of each column whether it is one of numbers, which are aligned to the right."""
        rows = self.rows
        return [all(_is_number(row[place]) for row in rows) for place in range(self.frame.shape[1])]


def _is_number(text: str) -> bool:
    return text == MISSING or text.lstrip("-−")[:1].isdigit()


def _folded(frame: pd.DataFrame | None) -> Table | None:
    return None if frame is None else Table(frame, tr("Show the numbers"), folded=True)


@dataclass(frozen=True)
class Chart(Block):
    """A Plotly figure under a heading.

    name: unique in the page. caption: how to read it. table: its numbers. aspect: width by height of the box it is
    drawn in; without it the box has the figure's height at any width.
    """

    template: ClassVar[str] = "chart"
    name: str
    title: str
    figure: go.Figure
    caption: str
    table: pd.DataFrame | None = None
    aspect: float | None = None

    @property
    def box(self) -> str:
        """Give the size of the box as CSS."""
        return f"aspect-ratio:{self.aspect:.3f}" if self.aspect else f"height:{int(self.figure.layout.height)}px"

    @property
    def has_picks(self) -> bool:
        """Say whether a click on the figure's marks shows samples."""
        return has_picks(self.figure)

    @property
    def json(self) -> Markup:
        """Give the figure's data and layout, which the page's script draws."""
        return figure_json(self.figure)

    @property
    def numbers(self) -> Table | None:
        """Give the folded table below the figure."""
        return _folded(self.table)

    @property
    def needs_plotly(self) -> bool:
        """Say that it is."""
        return True


@dataclass(frozen=True)
class Gallery(Block):
    """Thumbnails with captions below, as many in a line as fit. wide: the captions are longer than a few words."""

    template: ClassVar[str] = "gallery"
    title: str
    thumbnails: Sequence[Thumbnail]
    caption: str
    wide: bool = False

    @property
    def tile(self) -> int:
        """Give the least width of a thumbnail with its caption, in pixels."""
        return max([128 if self.wide else 76, *(thumbnail.width for thumbnail in self.thumbnails)])


@dataclass(frozen=True)
class ThumbnailRow:
    """A label and the thumbnails next to it. first_apart: the first is the one that the others were made from."""

    label: str
    thumbnails: Sequence[Thumbnail]
    first_apart: bool = False


@dataclass(frozen=True)
class ThumbnailRows(Block):
    """Rows of thumbnails under a heading; short rows stand side by side where there is room.

    wraps: in a narrow window a row goes on below, for thumbnails that must not shrink. across: a longer row goes on
    below after so many; 0 for never.
    """

    template: ClassVar[str] = "thumbnail_rows"
    title: str
    rows: Sequence[ThumbnailRow]
    caption: str
    table: pd.DataFrame | None = None
    wraps: bool = False
    across: int = 0

    @property
    def label_width(self) -> int:
        """Give the width of the labels, in characters."""
        return min(12, max([2, *(len(row.label) for row in self.rows)]))

    @property
    def longest(self) -> int:
        """Give how many thumbnails the longest row has next to each other."""
        longest = max([1, *(len(row.thumbnails) for row in self.rows)])
        return min(longest, self.across) if self.across else longest

    @property
    def thumbnail_width(self) -> int:
        """Give the width of the widest thumbnail, in pixels."""
        return max([1, *(thumbnail.width for row in self.rows for thumbnail in row.thumbnails)])

    @property
    def numbers(self) -> Table | None:
        """Give the folded table below the rows."""
        return _folded(self.table)


@dataclass(frozen=True)
class SideBySide(Block):
    """Blocks in one line where the window is wide enough. wide_first: the first takes two thirds of it."""

    template: ClassVar[str] = "side_by_side"
    blocks: Sequence[Block]
    wide_first: bool = False

    @property
    def needs_plotly(self) -> bool:
        """Say whether one of the blocks is a chart."""
        return any(block.needs_plotly for block in self.blocks)
