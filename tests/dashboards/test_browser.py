"""The page in a real browser, without a network: it draws, it switches, it says nothing in the console."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dashboards.notebook import page, section

HOSTILE = (
    "</script><img src=x onerror=window.hostile=1><script>window.hostile=1;alert(2)</script>"
    "<a href='https://example.org'>{{7*7}}%{x}</a>"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give a headless Chromium, or skip and say why."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for found in map(shutil.which, names) if found), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """A page that was opened offline, and all that it did: console lines, errors, requests, dialogs."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.console: list[str] = []
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._dismiss)
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-drawn]", timeout=60_000)

    def scroll_through(self) -> None:
        """Bring every chart into the window, as a reader does; only then is it drawn."""
        for chart in self.page.query_selector_all(".chart"):
            chart.scroll_into_view_if_needed()
            chart.wait_for_selector(".modebar-btn[aria-label]", state="attached")

    def wait_until(self, expression: str) -> None:
        """Wait for an expression to hold; Playwright's own way needs eval, which the page forbids."""
        for _ in range(200):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(expression)

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@pytest.fixture(scope="module")
def path(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the page of all tables as a file."""
    target = tmp_path_factory.mktemp("page") / "dashboard.html"
    target.write_text(page, encoding="utf-8")
    return target


@pytest.fixture(scope="module")
def visit(browser: Any, path: Path) -> Iterator[Visit]:
    """Give the page opened in a light browser window."""
    opened = Visit(browser, path, color_scheme="light", viewport={"width": 1280, "height": 900})
    yield opened
    opened.context.close()


def test_the_page_is_silent_and_asks_for_nothing(visit: Visit, path: Path) -> None:
    """No console line, and no request but for the file itself and the images inside it."""
    requests = [url for url in visit.requests if not url.startswith("data:")]

    assert visit.console == []
    assert [path.as_uri()] == requests


def test_a_chart_is_drawn_when_it_comes_near(browser: Any, path: Path) -> None:
    """The first screen waits for none of those below, nor for plotly.js."""
    opened = Visit(browser, path, viewport={"width": 1280, "height": 400})
    before = opened.page.locator(".js-plotly-plot").count(), opened.page.evaluate("typeof Plotly")
    opened.page.locator("#confusion").scroll_into_view_if_needed()
    opened.page.wait_for_selector("#confusion .main-svg", state="attached")
    after = opened.page.locator(".js-plotly-plot").count()
    opened.context.close()

    assert before == (0, "undefined")
    assert 0 < after < 20
    assert opened.console == []


@pytest.mark.slow
def test_paper_has_every_chart(browser: Any, path: Path) -> None:
    """Printed before anything was scrolled to, in light colours."""
    opened = Visit(browser, path, color_scheme="dark")
    opened.page.pdf()
    drawn = opened.page.locator(".js-plotly-plot").count()
    theme = opened.page.evaluate("document.documentElement.dataset.theme")
    opened.context.close()

    assert (drawn, theme) == (39, "dark")


def test_every_chart_is_drawn(visit: Visit) -> None:
    """Each has a visible drawing with a size, and names its buttons."""
    visit.scroll_through()
    charts = visit.page.locator(".chart")
    drawings = visit.page.locator(".chart.js-plotly-plot .main-svg:first-child")
    boxes = [drawings.nth(place).bounding_box() for place in range(drawings.count())]

    assert charts.count() == drawings.count() == 39
    assert all(drawings.nth(place).is_visible() for place in range(drawings.count()))
    assert min(box["width"] for box in boxes) > 150
    assert visit.page.locator(".modebar-btn:not([aria-label])").count() == 0


def test_images_are_shown(visit: Visit) -> None:
    """Every PNG can be read by the browser."""
    broken = "images => images.filter(i => { i.loading = 'eager'; return i.complete && !i.naturalWidth; }).length"

    assert visit.page.locator("img").evaluate_all(broken) == 0


def test_the_theme_switches_page_and_charts(visit: Visit) -> None:
    """The button turns the page dark and back, by mouse and by keyboard; charts follow."""
    page = visit.page
    visit.scroll_through()
    colour = "document.querySelector('#class-fractions')._fullLayout.font.color"
    state = "document.documentElement.dataset.theme"
    light = page.evaluate(colour)
    page.click("#theme")  # in the top line, from which the chart is out of sight
    dark = page.evaluate(state)
    page.locator("#class-fractions").scroll_into_view_if_needed()
    visit.wait_until(f"{colour} !== '{light}'")
    page.focus("#theme")
    page.keyboard.press("Enter")
    page.locator("#class-fractions").scroll_into_view_if_needed()
    visit.wait_until(f"{colour} === '{light}'")

    assert (dark, page.evaluate(state)) == ("dark", "light")
    assert visit.console == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_begins_as_the_system_is_set(browser: Any, path: Path, scheme: str) -> None:
    """Who works in the dark is not blinded."""
    opened = Visit(browser, path, color_scheme=scheme)
    state = opened.page.evaluate("document.documentElement.dataset.theme")
    opened.context.close()

    assert scheme == state


def test_the_theme_that_was_chosen_is_kept(browser: Any, path: Path) -> None:
    """The next visit begins with it, whatever the system says."""
    opened = Visit(browser, path, color_scheme="light")
    opened.page.click("#theme")
    opened.page.reload()
    opened.page.wait_for_selector("html[data-drawn]")
    state = opened.page.evaluate("document.documentElement.dataset.theme"), opened.page.inner_text("#theme")
    opened.context.close()

    assert state == ("dark", "Light")


@pytest.mark.parametrize("width", [1280, pytest.param(700, marks=pytest.mark.slow), 390])
def test_nothing_is_wider_than_the_window(browser: Any, path: Path, width: int) -> None:
    """On a tablet or a phone one scrolls down, never to the side."""
    opened = Visit(browser, path, viewport={"width": width, "height": 800})
    found = opened.page.evaluate("document.documentElement.scrollWidth")
    opened.context.close()

    assert width == found


def test_links_lead_to_their_sections(visit: Visit) -> None:
    """Every link of the navigation has its place on the page, reachable with the keyboard."""
    missing = "links => links.filter(link => !document.getElementById(link.hash.slice(1))).length"

    assert visit.page.locator("nav a").evaluate_all(missing) == 0
    assert visit.page.locator("nav a").count() == visit.page.locator("main > section").count()


def test_hostile_texts_run_no_script_and_ask_for_nothing(
    browser: Any, hostile_page: Callable[[str], str], tmp_path: Path
) -> None:
    """Whatever names, files, notes and values are, they are drawn as texts, in tables, charts and tooltips."""
    target = tmp_path / "hostile.html"
    target.write_text(hostile_page(HOSTILE), encoding="utf-8")
    opened = Visit(browser, target, viewport={"width": 1280, "height": 900})
    opened.scroll_through()
    for name in ("class-fractions", "confusion", "samples-per-writer", "corruption-accuracy"):
        for x in range(80, 320, 40):
            opened.page.hover(f"#{name}", position={"x": x, "y": 150})
    added = opened.page.locator("img[src=x], b, main > script, a[href*=example]").count()
    requests = [url for url in opened.requests if not url.startswith("data:")]
    ran = opened.page.evaluate("typeof window.hostile")
    opened.context.close()

    assert (opened.dialogs, opened.console, requests) == ([], [], [target.as_uri()])
    assert (added, ran) == (0, "undefined")


def test_an_injected_script_would_not_run(browser: Any, page: str, tmp_path: Path) -> None:
    """The policy names the page's own scripts by their hashes: should an escape ever be missing, nothing runs."""
    target = tmp_path / "injected.html"
    injected = "<script>window.hostile = 1</script><img src=x: onerror='window.hostile = 1'>"
    target.write_text(page.replace("<h1>Digits", f"<h1>Digits{injected}"), encoding="utf-8")
    opened = Visit(browser, target)
    ran = opened.page.evaluate("typeof window.hostile")
    opened.context.close()

    assert ran == "undefined"
    assert any("Content Security Policy" in line for line in opened.console)


def test_a_notebook_shows_a_page_in_a_frame(browser: Any, tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    """It draws, its links stay within it, and it is apart from the notebook, which its scripts cannot reach."""
    cells = [page(tables, "Digits"), section("classes", tables), section("samples", tables)]
    target = tmp_path / "notebook.html"
    target.write_text("<!doctype html>" + "".join(cell._repr_html_() for cell in cells), encoding="utf-8")
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 1000})
    opened = context.new_page()
    opened.goto(target.as_uri())
    frames = [element.content_frame() for element in opened.query_selector_all("iframe")]
    for frame in frames:
        frame.wait_for_selector("html[data-drawn]", timeout=60_000)
    for frame in frames[1::-1]:
        frame.locator(".chart").first.scroll_into_view_if_needed()
        frame.wait_for_selector(".js-plotly-plot")
    frames[0].click("nav a[href='#filters']")
    top = "() => document.querySelector('#filters').getBoundingClientRect().top"
    for _ in range(200):  # older releases of Playwright wait by eval, which the page forbids
        if frames[0].evaluate(top) < 300:
            break
        opened.wait_for_timeout(50)
    assert frames[0].evaluate(top) < 300
    drawn = [frame.locator(".js-plotly-plot").count() for frame in frames]
    origins = {frame.evaluate("window.origin") for frame in frames}
    address = opened.url
    context.close()

    assert drawn[0] > 0
    assert drawn[1:] == [1, 0]
    assert (origins, address) == ({"null"}, target.as_uri())


def test_what_reproduces_the_page_can_be_copied(browser: Any, path: Path) -> None:
    """One click takes all names and values to the clipboard, and when the file was written."""
    opened = Visit(browser, path, permissions=["clipboard-read", "clipboard-write"])
    opened.page.click("button.copy[data-of=facts]")
    opened.wait_until("document.querySelector('button.copy[data-of=facts]').textContent === 'Copied'")
    copied = opened.page.evaluate("navigator.clipboard.readText()")
    opened.context.close()

    *facts, written = copied.splitlines()
    assert facts == ["mnist-data: 0.1.0"]
    assert written.startswith("File written: ")
    assert str(datetime.fromtimestamp(path.stat().st_mtime, UTC).year) in written
