"""Attack the pages: names of a stranger's making, everywhere, must run no script and send no request."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import mnist_data
from mnist_data.errors import MnistDataError
from tests.torture.attack import Attack

OPENINGS = (
    "",
    '"',
    "'",
    "</script>",
    "</title>",
    "</style>",
    "-->",
    "]]>",
    "</textarea>",
    "\u2028",
    "&quot;",
    "\\",
    "`",
)
ELEMENTS = (
    "<script>{}</script>",
    "<img src=x onerror={}>",
    "<svg onload={}>",
    "<iframe srcdoc='<script>parent.{}</script>'>",
    "<a href='javascript:{}'>a</a>",
    "<body onload={}>",
    "<details open ontoggle={}>",
    "<input autofocus onfocus={}>",
    "<math><mtext><style><img src onerror={}>",
    "<base href='https://example.org'>",
    "<meta http-equiv=refresh content='0;url=https://example.org'>",
    "<link rel=stylesheet href='https://example.org/a.css'>",
    "<form action='https://example.org'>",
    "<!--<script>{}",
)
TEMPLATES = ("{{{{7*7}}}}{}", "{{% for %}}{}", "${{{}}}", "%{{customdata}}{}", "<b>%{{x}}{}</b>", "<extra>{}</extra>")
CALLS = ("window.hostile=1", "fetch('https://example.org')", "alert(1)", "location='https://example.org'")
CONTROLS = ("\u202e", "\ufeff", "\u0001", "\u007f", "é", "漢", "\U0001f4a3", " ", "%00", "\n")


def hostile(chance: random.Random) -> str:
    """Draw a text of a stranger's making."""
    pieces = [chance.choice(OPENINGS), chance.choice(ELEMENTS + TEMPLATES).format(chance.choice(CALLS))]
    pieces.insert(chance.randrange(3), chance.choice(CONTROLS))
    return "".join(pieces)


def file_name(chance: random.Random, number: int = 0) -> str:
    """Draw a name that a file can have."""
    return hostile(chance).replace("/", "\\").replace("\n", " ").strip(" .")[:60] + str(number)


def attack_pages(attack: Attack) -> None:
    """Write a page of hostile names by one of the commands, open it in Chromium, and see what it does."""
    with _browser() as browser:
        if browser is None:
            attack.count("skipped, for there is no Chromium")
            return
        for number in attack.numbers():
            chance, folder = attack.chance(number), attack.folder / str(number)
            command = chance.choice(tuple(COMMANDS))
            try:
                page = COMMANDS[command](chance, folder)
            except MnistDataError:
                attack.count(f"refused by {command}")
            else:
                if did := _what_it_does(browser, page):
                    attack.find(number, f"{command}: {did}")
                else:
                    attack.count(f"silent page of {command}")
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _browser() -> Iterator[Any]:
    program = next(
        (found for found in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if found), None
    )
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        yield None
        return
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def _what_it_does(browser: Any, path: Path) -> str:
    """Open a page and move over its charts; say what it did that no page may do, or nothing."""
    did: list[str] = []
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.on("dialog", lambda dialog: (did.append(f"dialog {dialog.message!r}"), dialog.dismiss()))
    page.on("pageerror", lambda error: did.append(f"error {error}"))
    # What the page's policy had to forbid got as far as being markup.
    page.on("console", lambda line: did.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("request", lambda sent: did.append(f"request of {sent.url[:80]}") if _leaves(sent.url, path) else None)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn]", timeout=60_000)
    for chart in page.query_selector_all(".chart"):
        chart.scroll_into_view_if_needed()  # only then is it drawn
    for chart in page.query_selector_all(".js-plotly-plot")[:3]:
        with contextlib.suppress(Exception):  # one that is folded cannot be hovered over
            chart.hover(timeout=500)
    if page.evaluate("() => window.hostile !== undefined"):
        did.append("a script ran")
    if page.url.split("#")[0] != path.as_uri():
        did.append(f"it went to {page.url}")
    context.close()
    return "; ".join(did[:3])


def _leaves(url: str, path: Path) -> bool:
    return not url.startswith(("data:", "blob:")) and url.split("#")[0] != path.as_uri()


def _dataset(chance: random.Random, folder: Path) -> Path:
    """Convert images in class folders: split, classes, files, and the dataset have hostile names."""
    source = folder / file_name(chance)
    noise = np.random.default_rng(chance.randrange(1000))
    classes = [file_name(chance, number) for number in range(3)]
    for split in ("train", "test"):
        for number in range(36):
            place = source / split / classes[number % 3]
            place.mkdir(parents=True, exist_ok=True)
            pixels = np.zeros((10, 10), np.uint8)
            pixels[2:8, 2 + number % 3 : 5 + number % 3] = noise.integers(100, 255, (6, 3))
            Image.fromarray(pixels).save(place / f"{file_name(chance, number)}.png")
    out = folder / "data"
    mnist_data.convert(source, out, dataset=hostile(chance).replace("\n", " "), progress=False)
    return out


def _stats(chance: random.Random, folder: Path) -> Path:
    return _page(mnist_data.stats(_dataset(chance, folder), folder / file_name(chance), plot=True))


def _preview(chance: random.Random, folder: Path) -> Path:
    recipe = folder / f"{file_name(chance)}.toml"
    data = _dataset(chance, folder)
    recipe.write_text("rotation = [-9, 9]\n")
    return _page(mnist_data.augment(data, folder / "page", recipe=str(recipe), preview=True))


def _drift(chance: random.Random, folder: Path) -> Path:
    data = _dataset(chance, folder)
    return _page(mnist_data.drift(data, between=("train", "test"), out=folder / "drift", plot=True, resamples=20))


def _prepare(chance: random.Random, folder: Path) -> Path:
    place = folder / "photos" / file_name(chance)
    place.mkdir(parents=True)
    for number in range(3):
        photo = np.full((60, 60), 240, np.uint8)
        photo[15:45, 20 + number : 26 + number] = 20
        Image.fromarray(photo).save(place / f"{file_name(chance, number)}.png")
    return _page(mnist_data.prepare(folder / "photos", folder / "data", plot=True))


def _page(result: Any) -> Path:
    return Path(str(result.page))


COMMANDS: dict[str, Callable[[random.Random, Path], Path]] = {
    "stats": _stats,
    "augment": _preview,
    "drift": _drift,
    "prepare": _prepare,
}
