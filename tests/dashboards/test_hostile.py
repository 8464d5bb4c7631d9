"""Texts out of files are never markup: not in the page, not in its data, not in what a notebook shows."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import dashboards
from dashboards.blocks import (
    Block,
    Card,
    Cards,
    Chart,
    Definitions,
    Gallery,
    Note,
    Paragraph,
    SideBySide,
    Table,
    ThumbnailRow,
    ThumbnailRows,
)
from dashboards.notebook import page, section, summary, table_head, thumbnail_strip
from dashboards.outline import SECTIONS
from dashboards.thumbnails import Thumbnail

ROOT = Path(str(dashboards.__file__)).parent
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</script><script>alert(2)</script>",
    "{{7*7}}{% raw %}${7*7}$title",
    "<!--<style>*{display:none}",
    "a\u2028b&amp;",
)


class Parsed(HTMLParser):
    """What a browser would make of a page: its elements, the texts of each section, and every attribute."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.texts: dict[str, str] = {"": ""}
        self.section = ""
        self.script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element, its handlers and the texts in its attributes."""
        self.tags.append(tag)
        self.script = tag in ("script", "style")
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag == "section":
            self.section = str(dict(attrs)["id"])
        self.texts[self.section] = self.texts.get(self.section, "") + "".join(str(value) for _, value in attrs)

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or style."""
        self.script = self.script and tag not in ("script", "style")

    def handle_data(self, data: str) -> None:
        """Keep what a reader sees."""
        if not self.script:
            self.texts[self.section] += data


@pytest.mark.parametrize("attack", ATTACKS)
def test_texts_of_every_column_stay_texts(attack: str, hostile_page: Callable[[str], str]) -> None:
    """Title, note, names, files, reasons, models: the page has the elements that a page of harmless texts has."""
    spoiled, harmless = Parsed(hostile_page(attack)), Parsed(hostile_page("harmless "))

    assert spoiled.tags == harmless.tags
    assert spoiled.handlers == []
    shown = {key for key, text in spoiled.texts.items() if attack in text}
    assert shown == {key for key, text in harmless.texts.items() if "harmless " in text}


def test_the_attacks_reach_nearly_every_section(hostile_page: Callable[[str], str]) -> None:
    """Else the test above would prove little. Only weights and measures come without a text."""
    reached = {key for key, text in Parsed(hostile_page("harmless ")).texts.items() if "harmless " in text}

    of_numbers = {"ink", "filters", "calibration"}
    drawn_by_script = {"samples"}  # see test_samples
    assert {section.key for section in SECTIONS} - reached == of_numbers | drawn_by_script


@pytest.mark.parametrize("attack", ATTACKS)
def test_data_of_charts_hold_no_tag_and_end_no_script(attack: str, hostile_page: Callable[[str], str]) -> None:
    """A script element ends at the first </script>, also inside a string; and Plotly reads tags in labels."""
    found = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', hostile_page(attack), re.DOTALL)

    assert len(found) > 30
    for name, island in found:
        assert not set("<>&\u2028\u2029") & set(island)
        if name in ("samples-data", "record"):
            continue  # not Plotly's: their readers set texts as texts, see test_samples and test_workspace
        read = json.loads(island)
        read.get("layout", {}).pop("meta", None)  # the filters of a click, which are not drawn
        labels = json.dumps(read, ensure_ascii=False)
        assert not re.search(r"<(?!/?extra>|br>)", labels)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_notebook_shows_stays_text(attack: str, tables: dict[str, pd.DataFrame]) -> None:
    """Tables' names and values, titles of images, warnings, links, and whole pages in their frames."""
    frame, images = pd.DataFrame({attack: [attack]}), np.zeros((1, 4, 4), np.uint8)
    overview = {"summary": tables["summary"].assign(split=attack)}
    frames = [page({}, attack)._repr_html_(), section("overview", overview)._repr_html_()]
    parts = {
        "table": table_head(frame, attack),
        "strip": thumbnail_strip(images, [attack]),
        "summary": summary(
            attack, facts={attack: attack}, warnings=[attack], images=images, tables={attack: frame}, page=attack
        ),
    }

    for html in (*parts.values(), *frames):
        read = Parsed(html)
        assert not {"script", "style"} & set(read.tags)
        assert read.handlers == []
        assert attack in read.texts[""] or "iframe" in read.tags
    assert [Parsed(html).tags for html in frames] == [["iframe"], ["iframe"]]
    assert Parsed(parts["strip"]).tags == ["div", "img"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_text_of_every_block_stays_a_text(attack: str) -> None:
    """Titles, captions, labels, cells, tooltips and alternatives: a browser shows each as it was written."""
    thumbnail = Thumbnail("data:image/png;base64,", 1, 1, attack, title=attack, lines=(attack,))
    table = pd.DataFrame({attack: [attack]})
    blocks: list[tuple[Block, int]] = [
        (Paragraph(attack), 1),
        (Definitions(attack, [(attack, attack)]), 3),
        (Note(attack, [attack]), 2),
        (Cards([Card(attack, attack, attack)]), 3),
        (Table(table, attack), 4),  # the caption is the heading and the label of the region
        (Table(table, attack, folded=True), 4),
        (Chart("name", attack, go.Figure(layout={"height": 90}), attack), 2),
        (Gallery(attack, [thumbnail], attack), 5),
        (ThumbnailRows(attack, [ThumbnailRow(attack, [thumbnail])], attack, table), 9),
        (SideBySide([Paragraph(attack)]), 1),
    ]
    for block, times in blocks:
        read = Parsed(str(block.__html__()))

        assert read.texts[""].count(attack) == times, block
        assert read.handlers == []
        assert not {"b", "style"} & set(read.tags)


def sources() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py")}


def test_markup_is_made_by_templates_alone() -> None:
    """No tag stands in a string of Python, nothing escapes by hand, and one module says what is markup."""
    for name, text in sources().items():
        assert "html.escape" not in text, name
        assert "import escape" not in text, name
        assert name == "templating.py" or "Markup(" not in text, name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.JoinedStr):
                literal = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))  # noqa: PD011
                assert not re.search(r"</?(?!extra>|br>)[a-z]+[ >]", literal), (name, literal)


def test_no_template_switches_the_escaping_off() -> None:
    """Neither by the filter `safe` nor by a block."""
    templates = [path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.*")]

    assert len(templates) > 10
    assert not [text for text in templates if re.search(r"\|\s*safe\b|autoescape", text)]
