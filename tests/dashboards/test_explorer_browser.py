"""The explorer in a real browser: what its grid shows is what the tables say, and it asks nothing of others."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mnist_data
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions import current, read_decisions
from mnist_data.parquet.frames import to_numpy
from mnist_data.parquet.tables import provenance, write_table
from pipelines.stages.convert import convert

pytest.importorskip("duckdb")
pytest.importorskip("dash")
pytestmark = pytest.mark.slow

HOSTILE = "</script><img src=x onerror=window.hostile=1><b>{{7*7}}</b>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give a headless Chromium, or skip and say why."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = next(
        (path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None
    )
    if program is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def dataset(sample_idx: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give the sample, with a table of scores next to it whose names are like markup."""
    made = convert(find_pairs(sample_idx), tmp_path_factory.mktemp("explored") / "digits").dataset
    rng = np.random.default_rng(3)
    ids = np.arange(len(made))
    scores = pd.DataFrame(
        {"id": ids, "score": rng.random(len(ids)).round(3), HOSTILE: rng.choice([HOSTILE, "b"], len(ids))}
    )
    scores = scores.assign(is_odd=rng.random(len(ids)) < 0.02, odd_score=rng.random(len(ids)).round(2))
    write_table(scores, f"{made.location}-mine/scores", provenance("mine", {"digits": made.content}, {}))
    return made


@pytest.fixture(scope="module")
def truth(dataset: Dataset) -> pd.DataFrame:
    """Give the table of scores with the labels."""
    labels = np.concatenate([to_numpy(dataset, split)[1] for split in dataset.splits])
    return pd.read_parquet(f"{dataset.location}-mine/scores.parquet").assign(label=labels)


class Visit:
    """A page of an explorer, and all that it did: console lines, errors, requests."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.console: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.settle()

    def settle(self) -> None:
        """Wait until the grid has drawn what was asked for last."""
        self.page.wait_for_timeout(300)
        self.page.wait_for_selector("html[data-drawn]", timeout=30_000)

    def wait_for(self, selector: str, text: str) -> None:
        """Wait until a part of the page says something; Playwright's own way needs eval, which the page forbids."""
        for _ in range(200):
            if text in (self.page.text_content(selector) or ""):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{selector} does not say {text!r}, but {self.page.text_content(selector)!r}")

    def ids(self) -> list[int]:
        """Give the ids of the samples that the grid has fetched, from its first place on."""
        found: list[int] = self.page.evaluate("explorerGrid.blocks.get(0)?.ids ?? []")
        return found

    def pick(self, box: str, text: str) -> None:
        """Choose in a dropdown by the keyboard."""
        self.page.click(f"[id='{box}']")
        self.page.wait_for_timeout(200)
        self.page.keyboard.type(text)
        self.page.wait_for_timeout(200)
        self.page.keyboard.press("Enter")
        self.page.keyboard.press("Escape")
        self.page.wait_for_timeout(300)
        self.settle()

    def tick(self, text: str) -> None:
        """Choose among the values of the one filter that has some, by the keyboard."""
        self.page.locator(".filter .dash-dropdown").click()
        self.page.wait_for_timeout(300)
        self.page.keyboard.type(text)
        self.page.wait_for_timeout(300)
        self.page.keyboard.press("Enter")
        self.page.keyboard.press("Escape")
        self.page.wait_for_timeout(300)
        self.settle()

    def close(self) -> None:
        """End the visit, which must have been silent and asked nothing but this machine."""
        hostile = self.page.evaluate("window.hostile")
        self.context.close()
        assert hostile is None
        assert self.console == []
        assert [url for url in self.requests if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))] == []


@pytest.fixture
def visit(browser: Any, dataset: Dataset) -> Iterator[Visit]:
    """Open the page of an explorer of the dataset."""
    with mnist_data.explore(dataset, open=False) as exploration:
        opened = Visit(browser, exploration.address)
        yield opened
        opened.close()


def test_filters_and_orders_show_the_samples_of_the_tables(visit: Visit, truth: pd.DataFrame) -> None:
    """A range, a choice among hostile texts and an order, one after another, then none again."""
    page = visit.page
    assert visit.ids() == truth["id"].head(240).tolist()

    visit.pick("add", "score")
    page.locator(".filter .range input").first.fill("0.9")
    page.keyboard.press("Enter")
    visit.settle()
    few = truth[truth["score"] >= 0.9]
    assert visit.ids() == few["id"].head(240).tolist()
    assert page.inner_text("#count") == f"{len(few)} of {len(truth):,} samples"

    visit.pick("sort", "score")
    assert visit.ids() == few.sort_values("score", kind="stable")["id"].head(240).tolist()
    page.click("#direction")
    visit.settle()
    assert visit.ids() == few.sort_values("score", kind="stable", ascending=False)["id"].head(240).tolist()

    visit.pick("add", "<b>")
    visit.tick("script")
    fewer = few[few[HOSTILE] == HOSTILE].sort_values("score", kind="stable", ascending=False)
    assert visit.ids() == fewer["id"].head(240).tolist()
    assert HOSTILE in page.inner_text("#filter-rows")

    page.click("#clear")
    visit.settle()
    assert page.inner_text("#count") == f"{len(truth):,} samples"


def test_a_walk_by_the_keyboard_alone(visit: Visit, truth: pd.DataFrame) -> None:
    """To the grid, along it, to its end, and to an id: the sample that is chosen is the one that is described."""
    page = visit.page
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skip to the samples
    page.focus("#grid")
    columns = page.evaluate("explorerGrid.columns")
    for keys, expected in ((["Home"], 0), (["ArrowRight", "ArrowDown"], columns + 1), (["End"], len(truth) - 1)):
        for key in keys:
            page.keyboard.press(key)
        visit.wait_for("#said", f"id {expected},")
        visit.wait_for("#detail", f"id {expected} ")
    assert f"{truth['score'].iloc[-1]:.4g}" in page.inner_text("#detail")
    assert HOSTILE in page.inner_text("#detail")

    page.keyboard.press("/")
    page.keyboard.type("321")
    page.keyboard.press("Enter")
    visit.wait_for("#detail", "id 321 ")
    assert page.evaluate("explorerGrid.place") == 321


def test_the_command_prints_one_address_and_ends_at_ctrl_c(browser: Any, dataset: Dataset) -> None:
    """Also while a page is open: code 130, one line, no traceback, and the port is free again."""
    command = [sys.executable, "-m", "mnist_data", "explore", dataset.location, "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = re.findall(r"http://127\.0\.0\.1:\d+/\?token=\S+", process.stdout.readline())
    assert len(address) == 1
    opened = Visit(browser, address[0], viewport={"width": 390, "height": 844})
    opened.close()

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (130, "", "mnist-data: interrupted\n")


def test_a_selection_in_a_chart_is_a_filter(visit: Visit, truth: pd.DataFrame) -> None:
    """A stretch of a histogram, then a rectangle of a map: the grid shows the samples within both."""
    page = visit.page
    page.click("#show-charts")
    page.wait_for_selector("#histogram .nsewdrag", timeout=30_000)
    page.wait_for_selector("#scatter .nsewdrag", timeout=30_000)
    page.wait_for_timeout(500)

    drag(page, "#histogram", (0.25, 0.3), (0.6, 0.7))
    visit.wait_for("#count", " of ")
    visit.settle()
    low, high = (float(box.get_attribute("value")) for box in page.locator(".filter input").all())
    chosen = truth[truth["score"].between(low, high)]
    assert 0 < len(chosen) < len(truth)
    assert visit.ids() == chosen["id"].head(240).tolist()

    drag(page, "#scatter", (0.1, 0.05), (0.6, 0.95))
    for _ in range(100):
        if page.inner_text("#count") != f"{len(chosen)} of {len(truth):,} samples":
            break
        page.wait_for_timeout(50)
    visit.settle()
    assert page.locator(".filter").count() == 3  # the column, and both sides of the map
    assert set(visit.ids()) < set(chosen["id"])
    assert 0 < int(page.inner_text("#count").split(" of ")[0]) < len(chosen)


def drag(page: Any, chart: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a selection in a chart, between two places given as fractions of its width and height."""
    box = page.locator(f"{chart} .nsewdrag").bounding_box()
    places = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=5)
    page.mouse.up()


def test_decisions_by_keyboard_survive_a_kill_and_are_shown_again(
    browser: Any, dataset: Dataset, truth: pd.DataFrame
) -> None:
    """In a queue, the worst first; with a note like markup; one taken back; the server is killed, and started again."""
    command = [sys.executable, "-m", "mnist_data", "explore", dataset.location, "--no-open", "--who", HOSTILE]
    queue = truth[truth["is_odd"]].sort_values("odd_score", kind="stable")["id"].tolist()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    opened = Visit(browser, process.stdout.readline().split()[3])
    opened.pick("queue", "odd")
    opened.wait_for("#count", f"{len(queue)} of")
    opened.settle()
    assert opened.ids() == queue

    page = opened.page
    page.focus("#grid")
    page.keyboard.press("Home")
    opened.wait_for("#detail", f"id {queue[0]} ")
    for key in ("7", " ", "d", "u", "u", "z"):
        page.keyboard.press(key)
        page.wait_for_timeout(60)
    page.evaluate("explorerGrid.sending")
    opened.wait_for("#detail", f"id {queue[4]} ")
    page.keyboard.press("n")
    page.keyboard.type(HOSTILE)
    page.keyboard.press("Enter")
    page.evaluate("explorerGrid.sending")
    opened.settle()
    opened.close()
    process.kill()
    process.communicate()

    stand = current(read_decisions(dataset))
    assert [(stand[each].decision, stand[each].label, stand[each].note) for each in queue[:5]] == [
        ("relabel", 7, ""), ("keep", None, ""), ("remove", None, ""), ("unsure", None, ""), ("unsure", None, HOSTILE),
    ]  # fmt: skip
    assert {(each.who, each.check) for each in stand.values()} == {(HOSTILE, "odd")}

    with mnist_data.explore(dataset, open=False) as exploration:
        again = Visit(browser, exploration.address)
        again.pick("add", "decision")
        again.tick("unsure")
        again.wait_for("#count", "2 of")
        again.settle()
        assert again.ids() == sorted(queue[3:5])
        assert again.page.evaluate("explorerGrid.blocks.get(0).decided") == [["unsure", None]] * 2
        again.page.focus("#grid")
        for _ in range(2 if queue[4] > queue[3] else 1):
            again.page.keyboard.press("ArrowRight")
        again.wait_for("#detail", HOSTILE)
        again.close()


def test_no_part_of_the_page_breaks_a_rule_of_axe(browser: Any, dataset: Dataset) -> None:
    """With charts, a filter, a chosen sample, its neighbours and buttons, wide and narrow, light and dark."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    with mnist_data.explore(dataset, open=False) as exploration:
        for width, theme in ((1440, "light"), (390, "dark")):
            view = {"viewport": {"width": width, "height": 900}, "color_scheme": theme, "bypass_csp": True}
            opened = Visit(browser, exploration.address, **view)
            opened.page.focus("#grid")
            opened.page.keyboard.press("End")
            opened.wait_for("#detail", f"id {len(dataset) - 1} ")
            opened.page.click("[data-extra=neighbours]")
            opened.wait_for("#extra", "of all")
            opened.page.click("#show-charts")
            opened.page.wait_for_selector("#scatter .nsewdrag", timeout=30_000)
            if width > 1000:
                opened.pick("add", "label")

            broken = axe.Axe().run(opened.page).response["violations"]

            assert [(rule["id"], rule["nodes"][0]["target"]) for rule in broken] == []
            opened.close()


def test_names_of_classes_and_files_stay_text(browser: Any, tmp_path: Path) -> None:
    """In the grid, the charts, the buttons and the details; the folder of the dataset is named so, too."""
    name = "<img src=x onerror=window.hostile=1>"
    for folder in (name, "b"):
        (tmp_path / "source" / folder).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((8, 8), 40 * number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "source" / folder / f"{name}{number}.png")
    made = mnist_data.convert(tmp_path / "source", tmp_path / name, progress=False)

    with made.explore(open=False) as exploration:
        opened = Visit(browser, exploration.address)
        opened.page.focus("#grid")
        opened.page.keyboard.press("Home")
        opened.wait_for("#detail", name)
        opened.page.click("#show-charts")
        opened.page.wait_for_selector("#scatter .nsewdrag", timeout=30_000)
        opened.pick("add", "file")
        for extra in ("neighbours", "copies", "networks"):
            opened.page.click(f"[data-extra={extra}]")
        opened.wait_for("#extra", "No network")
        assert name in opened.page.inner_text("header")
        assert opened.page.locator("img[src=x]").count() == 0
        opened.close()
