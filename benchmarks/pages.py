"""Claims: a page is usable after 0.8 s of the browser's processor time, a quarter of drawing it all; its theme follows.

The page is that of real MNIST's statistics, or without it of the embedded sample; the browser is Chromium.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import real_data, report

USABLE_LIMIT = 0.8
"""Seconds of the page's main thread until its first screen stands."""

SHARE_LIMIT = 0.25
"""The same, of what drawing every chart takes."""

THEME_LIMIT = 100.0
"""Milliseconds from a click until the page is drawn in its other theme."""

WEIGHT_LIMIT = 4.5
"""MB of the file."""

SAMPLES_LIMIT = 0.3
"""Seconds of the main thread from the moment the samples come near until they are drawn."""

FILTER_LIMIT = 100.0
"""Milliseconds from a choice in a filter until the samples that match are drawn."""

WITH_CHARTS = ("drift", "audit", "clean", "train", "explain")
"""Kinds of pages that bring plotly.js, other than statistics."""

LIGHT_LIMIT = 1.0
"""MB of a page without a chart."""

RUNS, RUNS_OF_OTHERS = 5, 3

NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def claim() -> bool:
    """Write a page, open it some times, and measure what the browser does until it can be read, and for a theme."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        print("skipped: no Chromium is installed")
        return True
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        page, others = _page(Path(name)), _other_kinds(Path(name))
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        visits = [_visit(browser, page) for _ in range(RUNS)]
        kinds = [_claim_of_kind(browser, kind, other) for kind, other in others.items()]
        browser.close()
        usable, everything, theme, samples, filtered = (list(values) for values in zip(*visits, strict=True))
        return all(
            [
                *kinds,
                report("a page's processor time until usable", usable, USABLE_LIMIT, " s"),
                report("of drawing all its charts", [median(usable) / seconds for seconds in everything], SHARE_LIMIT),
                report("switching its theme", theme, THEME_LIMIT, " ms"),
                report("showing its samples", samples, SAMPLES_LIMIT, " s"),
                report("filtering them", filtered, FILTER_LIMIT, " ms"),
                report("its weight", [page.stat().st_size / 1e6], WEIGHT_LIMIT, " MB"),
            ]
        )


def _claim_of_kind(browser: Any, kind: str, page: Path) -> bool:
    """Measure a page of another kind: until it can be read, for a theme, and its weight."""
    visits = [_first_screen(browser, page) for _ in range(RUNS_OF_OTHERS)]
    weight = WEIGHT_LIMIT if kind in WITH_CHARTS else LIGHT_LIMIT
    return all(
        [
            report(
                f"a page of {kind}: processor time until usable", [visit[0] for visit in visits], USABLE_LIMIT, " s"
            ),
            report("switching its theme", [visit[1] for visit in visits], THEME_LIMIT, " ms"),
            report("its weight", [page.stat().st_size / 1e6], weight, " MB"),
        ]
    )


def _first_screen(browser: Any, page: Path) -> tuple[float, float]:
    """Give seconds until usable, and milliseconds of a change of theme."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}, color_scheme="light")
    opened = context.new_page()
    session = context.new_cdp_session(opened)
    usable = _until_usable(opened, session, page)
    theme = _change_of_theme(opened)
    context.close()
    return usable, theme


def _until_usable(opened: Any, session: Any, page: Path) -> float:
    session.send("Performance.enable")
    opened.goto(page.as_uri())
    opened.wait_for_selector("html[data-drawn]")
    return _worked(session)


def _change_of_theme(opened: Any) -> float:
    return 1000 * float(
        opened.evaluate(
            "async () => { const begin = performance.now(); document.getElementById('theme').click(); "
            f"await {NEXT_FRAME}; return (performance.now() - begin) / 1000; }}"
        )
    )


def _other_kinds(folder: Path) -> dict[str, Path]:
    """Write a page of each other kind, of the embedded sample; of networks only where PyTorch is installed."""
    import mnist_data

    quiet: dict[str, Any] = {"plot": True, "progress": False}
    digits = mnist_data.convert("sample", folder / "digits", progress=False)
    results = {
        "claims": mnist_data.claims(digits, folder / "claims", **quiet),
        "drift": mnist_data.drift(digits, out=folder / "drift", between=("train", "test"), **quiet),
        "diff": mnist_data.diff(digits, digits, folder / "diff", **quiet),
        "audit": mnist_data.audit(digits, folder / "audit", labels=False, **quiet),
        "clean": mnist_data.clean(digits, folder / "cleaned", **quiet),
        "corrupt": mnist_data.corrupt(digits, folder / "corrupted", severity=[1, 3, 5], **quiet),
    }
    if find_spec("torch") is not None:
        models = [mnist_data.train(digits, folder / model, model=model, **quiet) for model in ("mlp", "small")]
        results["train"] = models[1]
        results["compare"] = mnist_data.compare(*models, folder / "compared", plot=True)
        results["predict"] = mnist_data.predict(models[0], digits, folder / "predicted", plot=True)
        results["explain"] = mnist_data.explain(models[1], digits, folder / "explained", **quiet)
    return {kind: Path(str(result.page)) for kind, result in results.items()}


def _page(folder: Path) -> Path:
    import mnist_data

    mnist = real_data("mnist")
    dataset = mnist_data.convert("sample" if mnist is None else mnist, folder / "dataset", progress=False)
    return Path(str(mnist_data.stats(dataset, folder / "stats", plot=True, progress=False).page))


def _visit(browser: Any, page: Path) -> tuple[float, float, float, float, float]:
    """Give seconds until usable and until every chart is drawn, milliseconds of a change of theme; then of the samples.

    These are seconds until they are drawn, and milliseconds of a filter.
    """
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}, color_scheme="light")
    opened = context.new_page()
    session = context.new_cdp_session(opened)
    usable = _until_usable(opened, session, page)
    theme = _change_of_theme(opened)
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")  # draws all of them
    opened.evaluate(NEXT_FRAME)
    everything = _worked(session)
    samples, filtered = _samples(opened, session)
    context.close()
    return usable, everything, theme, samples, filtered


def _samples(opened: Any, session: Any) -> tuple[float, float]:
    before = _worked(session)
    opened.locator("#sample-browser").scroll_into_view_if_needed()
    opened.wait_for_selector("#sample-browser[data-ready]")
    opened.evaluate(NEXT_FRAME)
    drawn = _worked(session) - before
    filtered = opened.evaluate(
        "async () => { const begin = performance.now(); "
        "const chosen = document.querySelector('.filters [name=label]'); "
        "chosen.value = '7'; chosen.dispatchEvent(new Event('change')); "
        f"await {NEXT_FRAME}; return performance.now() - begin; }}"
    )
    return drawn, filtered


def _worked(session: Any) -> float:
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])
