"""The samples of a page in a real browser: filters, charts, map and addresses show the right ids, by mouse and key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dashboards.outline import SECTIONS
from dashboards.page import render
from dashboards.sections.samples import rounded
from dashboards.sprites import sprite_sheet, tile
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import read_tables
from pipelines.audit.read_rows import read_rows
from pipelines.run.sample_sheet import sample_tables
from pipelines.settings.analysis import Stats
from pipelines.stages.convert import convert
from pipelines.statistics.stats import stats
from tests.dashboards.conftest import thumbnail_table
from tests.dashboards.test_browser import HOSTILE, Visit, browser  # noqa: F401  (a fixture)

MOST = 500


@pytest.fixture(scope="module")
def digits_dataset(sample_idx: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give the embedded sample as a dataset."""
    return convert(find_pairs(sample_idx), tmp_path_factory.mktemp("digits") / "digits").dataset


@pytest.fixture(scope="module")
def known(digits_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Give the tables on disk of the embedded sample, and invented ones of an audit and of a training."""
    folder = tmp_path_factory.mktemp("stats")
    stats(digits_dataset, folder, Stats(grid=2))
    tables = read_tables(folder)
    samples = tables["samples"]
    keys = samples[["id", "split", "label"]]
    blank = samples["ink"].rank() <= 40
    audit = keys.assign(is_blank=blank, blank_score=(samples["ink"] / samples["ink"].max()), blank_value=1.0)
    of_test = keys[keys["split"] == "test"]
    predicted = np.where(of_test["id"] % 9 == 0, (of_test["label"] + 1) % 10, of_test["label"])
    sure = 0.5 + (of_test["id"] % 50).to_numpy() / 100
    columns = {f"p_{label}": np.where(predicted == label, sure, (1 - sure) / 9) for label in range(10)}
    predictions = of_test.assign(predicted=predicted, probability=sure, **columns)
    pairs = predictions.groupby(["label", "predicted"]).size().rename("samples").reset_index()
    confusion = pairs.assign(name=pairs["label"].astype(str), predicted_name=pairs["predicted"].astype(str))
    named = {"name": predictions["label"].astype(str), "predicted_name": predictions["predicted"].astype(str)}
    wrong = predictions.assign(**named)[predictions["predicted"] != predictions["label"]]
    images = images_of(digits_dataset, wrong["id"].to_numpy())
    invented = {"audit": audit, "predictions": predictions, "confusion": confusion}
    return {**tables, **invented, "misclassified": thumbnail_table(wrong.to_dict("series"), images)}


def images_of(source: Dataset, ids: Any) -> Any:
    """Give the images of some samples."""
    return read_rows(source, np.asarray(ids)).images  # the ids of the embedded sample are its positions


@pytest.fixture(scope="module")
def sheet(digits_dataset: Dataset, known: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Give the tables of chosen samples."""
    return sample_tables(digits_dataset, known["samples"], known["audit"], known["predictions"], MOST)


@pytest.fixture(scope="module")
def path(known: dict[str, pd.DataFrame], sheet: dict[str, pd.DataFrame], tmp_path_factory: Any) -> Path:
    """Give the page."""
    target = Path(tmp_path_factory.mktemp("page")) / "page.html"
    wanted = {"samples", "classes", "shapes", "ink", "confusions", "mistakes"}
    sections = [section for section in SECTIONS if section.key in wanted]
    target.write_text(render({**known, **sheet}, "Digits", "", None, {}, sections), encoding="utf-8")
    return target


class Browsed(Visit):
    """A visit of the samples."""

    def __init__(self, program: Any, path: Path, address: str = "", **options: Any) -> None:
        super().__init__(program, path, **options)
        if address:
            self.page.goto(path.as_uri() + address)
        self.page.locator("#samples").scroll_into_view_if_needed()
        self.page.wait_for_selector("#sample-browser[data-ready]")

    def ids(self) -> list[int]:
        """Give the ids in the grid, with those that are drawn on demand."""
        while self.page.locator(".more").is_visible():
            self.page.click(".more")
        shown = self.page.locator(".browser-view button.digit").evaluate_all("all => all.map(one => +one.dataset.id)")
        return [int(sample) for sample in shown]

    def choose(self, **values: str) -> list[int]:
        """Clear the filters, set some, and give the ids."""
        if self.page.locator(".chip.reset").count():
            self.page.click(".chip.reset")
        for name, value in values.items():
            self.page.select_option(f".filters [name={name}]", value)
        return self.ids()

    def text(self, selector: str) -> str:
        """Give the text of an element."""
        return str(self.page.inner_text(selector))

    def opened(self) -> int | None:
        """Give the id of the sample that is open."""
        dialog = self.page.locator("dialog.sample[open]")
        return int(dialog.get_attribute("data-id")) if dialog.count() else None


@pytest.fixture(scope="module")
def visit(browser: Any, path: Path) -> Iterator[Browsed]:  # noqa: F811
    """Give the page, opened at its samples."""
    opened = Browsed(browser, path, color_scheme="light", viewport={"width": 1280, "height": 900})
    yield opened
    opened.context.close()


def test_filters_show_the_samples_of_the_tables(
    visit: Browsed, sheet: dict[str, pd.DataFrame], known: dict[str, pd.DataFrame]
) -> None:
    """By class, split, finding, prediction and order; and how many there are beyond the page is the truth."""
    frame, samples = sheet["sample_sheet"], known["samples"]
    ids = frame["id"]
    sevens, test = frame["label"] == 7, frame["split"] == "test"
    wrong = frame["predicted"].notna() & (frame["predicted"] != frame["label"])

    assert visit.choose() == ids.tolist()
    assert visit.choose(label="7", split="test") == ids[sevens & test].tolist()
    every = samples[(samples["label"] == 7) & (samples["split"] == "test")]
    assert f"The dataset has {len(every)} such samples." in visit.text(".matches")
    assert f"{(sevens & test).sum()} of the {MOST} samples" in visit.text(".matches")
    assert "show digits --class 7 --split test" in visit.text(".browser-body > .command")
    scored = frame.assign(score=rounded(frame["blank_score"]))[frame["is_blank"]]
    worst_first = scored.sort_values("score", kind="stable")["id"].tolist()
    assert visit.choose(finding="c:blank") == worst_first
    assert "The dataset has 40 such samples." in visit.text(".matches")
    assert "--check blank" in visit.text(".browser-body > .command")
    surest_first = frame[wrong].sort_values("confidence", ascending=False, kind="stable")["id"].tolist()
    assert visit.choose(prediction="wrong") == surest_first
    missed = known["predictions"].query("label != predicted")
    assert f"The dataset has {len(missed)} such samples." in visit.text(".matches")
    assert visit.choose(label="3", sort="m:thickness:down") == (
        frame[frame["label"] == 3].sort_values("thickness", ascending=False, kind="stable")["id"].tolist()
    )
    assert visit.page.input_value("[name=sort]") == "m:thickness:down"
    assert visit.choose(finding="r:typical") == ids[frame["reason"] == "typical"].tolist()
    assert visit.console == []


def test_digits_are_the_pixels_of_the_dataset(visit: Browsed, sheet: dict[str, pd.DataFrame]) -> None:
    """The sheet is lossless: each canvas has the very pixels."""
    frame = sheet["sample_sheet"]
    visit.choose()
    pixels = visit.page.locator(".browser-view .digit canvas").evaluate_all(
        "all => [...all.slice(0, 3), all[130]].map(one => [...one.getContext('2d').getImageData(0, 0, 28, 28).data]"
        ".filter((_, place) => place % 4 === 0))"
    )

    for shown, row in zip(pixels, (0, 1, 2, 130), strict=True):
        assert bytes(shown) == frame["image"].iloc[row]


def test_a_sample_says_all_that_is_known_of_it(visit: Browsed, sheet: dict[str, pd.DataFrame]) -> None:
    """Opened by a click; its neighbours, the next one and the address lead on, and Escape leads back."""
    frame, page = sheet["sample_sheet"], visit.page
    row = int(np.flatnonzero(frame["is_blank"] & (frame["split"] == "test"))[0])
    sample = frame.iloc[row]
    visit.choose(finding="c:blank", split="test")
    page.click(f".browser-view [data-id='{sample['id']}']")
    words = visit.text("dialog.sample")

    assert visit.opened() == sample["id"]
    assert page.evaluate("location.hash") == f"#id={sample['id']}"
    for expected in (f"Sample {sample['id']}", "blank (flagged)", f"{sample['thickness']:.4g}", str(sample["name"])):
        assert expected in words
    assert f"--id {sample['id']}" in words
    near = page.locator(".near button.digit").evaluate_all("all => all.map(one => +one.dataset.id)")
    assert near == frame["id"].iloc[list(sample["neighbours"])].tolist()
    page.locator(".near button.digit").first.click()
    assert visit.opened() == near[0]
    page.keyboard.press("Escape")
    assert visit.opened() is None
    assert page.evaluate("document.activeElement.dataset.id") == str(sample["id"])
    assert visit.console == []


def test_images_elsewhere_lead_to_their_samples(visit: Browsed, known: dict[str, pd.DataFrame]) -> None:
    """A misclassified sample in its own section is opened by Enter, and focus comes back to it."""
    page, first = visit.page, int(known["misclassified"].sort_values("probability", ascending=False)["id"].iloc[0])
    link = page.locator(f"#mistakes a.to-sample[href='#id={first}']")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.sample[open]")

    assert visit.opened() == first
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.hash") == f"#id={first}"


def test_keys_alone_reach_and_open_digits(visit: Browsed) -> None:
    """One stop for Tab, arrows within, Enter opens; the arrows lead through what matches."""
    page, ids = visit.page, visit.choose(label="5")
    tops = page.locator(".browser-view button.digit").evaluate_all("all => all.map(one => one.offsetTop)")
    across = tops.count(tops[0])
    page.locator(".browser-view button.digit").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    assert visit.opened() == ids[1 + across]
    page.keyboard.press("ArrowRight")
    assert visit.opened() == ids[2 + across]
    page.keyboard.press("Escape")
    stops = page.locator(".browser-view button.digit").evaluate_all(
        "all => all.filter(one => one.tabIndex === 0).length"
    )
    assert stops == 1


def test_charts_show_the_samples_of_a_mark(visit: Browsed, sheet: dict[str, pd.DataFrame]) -> None:
    """A bar, a cell of the confusion matrix, and a bin of a histogram."""
    frame, page = sheet["sample_sheet"], visit.page

    def click(chart: str, point: dict[str, Any]) -> list[int]:
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#{chart} .modebar-btn[aria-label]", state="attached")
        page.evaluate(f"point => document.getElementById('{chart}').emit('plotly_click', {{ points: [point] }})", point)
        page.wait_for_selector(".back")
        return visit.ids()

    bar = click("class-fractions", {"curveNumber": 1, "pointNumber": 4, "x": "4", "y": 10})
    test = frame["split"] == "test"
    assert bar == frame.loc[test & (frame["label"] == 4), "id"].tolist()
    page.click(".back")
    cell = click("confusion", {"curveNumber": 0, "pointNumber": [3, 4], "x": "4", "y": "3"})
    assert cell == frame.loc[(frame["label"] == 3) & (frame["predicted"] == 4), "id"].tolist()
    points = "JSON.stringify(document.getElementById('shape-thickness').layout.meta.pick.rows.edges)"
    page.locator("#shape-thickness").scroll_into_view_if_needed()
    page.wait_for_selector("#shape-thickness .modebar-btn[aria-label]", state="attached")
    edges = json.loads(page.evaluate(points))
    of_bin = click("shape-thickness", {"curveNumber": 0, "pointNumber": 43 * 2 + 1 + 15, "x": 0, "y": 0})
    thickness = np.array(rounded(frame["thickness"]), float)
    inside = (thickness >= edges[15]) & (thickness < edges[16])
    assert of_bin == frame.loc[~test & (frame["label"] == 2) & inside, "id"].tolist()
    assert "so the dataset may have more of these" in visit.text(".matches")
    assert visit.console == []


def test_the_map_and_the_facets_show_digits(visit: Browsed, sheet: dict[str, pd.DataFrame]) -> None:
    """The dot that is pointed at is the sample's; a cell has samples of its class and between its edges."""
    frame, page = sheet["sample_sheet"], visit.page
    visit.choose(label="0")
    page.click("[data-view=map]")
    page.focus("canvas.map")
    page.keyboard.press("ArrowRight")
    first = int(page.get_attribute("canvas.map", "data-id"))
    page.keyboard.press("ArrowRight")
    second = int(page.get_attribute("canvas.map", "data-id"))
    places = frame.set_index("id")["pca_x"]
    assert places[second] > places[first]
    page.keyboard.press("Enter")
    assert visit.opened() == second
    page.keyboard.press("Escape")

    page.click(".chip.reset")
    page.click("[data-view=facets]")
    page.select_option("[name=facet]", "ink")
    cells = (
        page.locator(".facets tbody tr")
        .nth(6)
        .locator("td")
        .evaluate_all("all => all.map(one => [...one.querySelectorAll('.digit')].map(digit => +digit.dataset.id))")
    )
    ink, label = frame.set_index("id")["ink"], frame.set_index("id")["label"]
    shown = [sample for cell in cells for sample in cell]
    means = [ink[cell].mean() for cell in cells if cell]
    assert set(label[shown]) == {6}
    assert means == sorted(means)
    page.click("[data-view=grid]")
    assert visit.console == []
    requests = [url for url in visit.requests if not url.startswith("data:")]
    assert len(requests) == 1


def test_an_address_opens_its_sample_on_a_phone(browser: Any, path: Path, sheet: dict[str, pd.DataFrame]) -> None:  # noqa: F811
    """Also one that is not in the page, which says so; nothing is wider than the window."""
    sample, absent = int(sheet["sample_sheet"]["id"].iloc[7]), 999_999
    phone = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "color_scheme": "dark"}
    opened = Browsed(browser, path, f"#id={sample}", **phone)
    opened.page.wait_for_selector("dialog.sample[open]")
    first, width = opened.opened(), opened.page.evaluate("document.documentElement.scrollWidth")
    opened.page.click(".sample .close")
    opened.page.evaluate(f"location.hash = '#id={absent}'")
    opened.page.wait_for_selector("dialog.sample[open]")
    words = opened.text("dialog.sample")
    opened.page.click(".sample .close")
    opened.page.click("[data-view=map]")
    box = opened.page.locator("canvas.map").bounding_box()
    opened.page.locator("canvas.map").scroll_into_view_if_needed()
    opened.page.touchscreen.tap(
        box["x"] + box["width"] / 3, opened.page.locator("canvas.map").bounding_box()["y"] + 150
    )
    wide = opened.page.evaluate("document.documentElement.scrollWidth")
    opened.context.close()

    assert (first, width, wide) == (sample, 390, 390)
    assert f"Sample {absent} is not among the {MOST} samples in this page." in words
    assert opened.console == []


def test_hostile_names_stay_texts(
    browser: Any,  # noqa: F811
    hostile_page: Callable[[str], str],
    tmp_path: Path,
) -> None:
    """Splits, classes and reasons that look like markup are shown as they are, in each view and in the dialog."""
    target = tmp_path / "hostile.html"
    target.write_text(hostile_page(HOSTILE), encoding="utf-8")
    opened = Browsed(browser, target, viewport={"width": 1280, "height": 900})
    page = opened.page
    for view in ("map", "facets", "grid"):
        page.click(f"[data-view={view}]")
    page.locator(".browser-view button.digit").first.click()
    words = opened.text("dialog.sample")
    added = page.locator("#samples img, #samples b, #samples script:not([type]), #samples a[href*=example]").count()
    ran = page.evaluate("typeof window.hostile")
    opened.context.close()

    assert HOSTILE[:30] in words
    assert (opened.dialogs, opened.console, added, ran) == ([], [], 0, "undefined")


def test_a_sheet_is_lossless_and_keeps_to_its_budget() -> None:
    """Images of any shape and colour; of those that pack badly, fewer are in it; large ones are made smaller."""
    import base64
    import io

    noise = np.random.default_rng(0).integers(0, 256, (300, 9, 5, 3), np.uint8)
    whole, fewer = sprite_sheet(noise), sprite_sheet(noise, budget=20_000)
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(whole.uri.split(",")[1]))))
    large = sprite_sheet(np.full((2, 64, 128), 200, np.uint8))

    assert np.array_equal(decoded, tile(noise, whole.across))
    assert (whole.images, whole.width, whole.height, whole.scale) == (300, 5, 9, 1.0)
    assert 64 <= fewer.images < 300
    assert len(fewer.uri) < 28_000
    assert (large.width, large.height, large.scale) == (32, 16, 0.25)


def test_a_page_without_chosen_samples_has_no_script_of_theirs(known: dict[str, pd.DataFrame]) -> None:
    """Nor is anything in it that a click would need."""
    page = render({"classes": known["classes"]}, "Digits", "", None, {})

    assert "sample-browser" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "mnistSamples" not in page
