"""The page of a call, where one was asked for: written, and opened in the browser."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from dashboards.language import ENGLISH
from mnist_data import storage
from mnist_data.errors import DataWarning
from mnist_data.parquet.dataset import Dataset
from pipelines.run.pages import Heading, versions, write_page
from pipelines.run.report import write_report
from pipelines.run.script import Call, facts_of, script_of

PAGE = "dashboard.html"
"""The page's name in a folder of tables."""


def draw_page(
    plot: bool,
    tables: Mapping[str, pd.DataFrame],
    about: Dataset | Heading,
    target: str,
    *,
    overwrite: bool,
    kind: str = "",
    title: str = "",
    call: Call | None = None,
    made_by: Mapping[str, str] | None = None,
    open: bool = False,
    lang: str = ENGLISH,
) -> str | None:
    """Write the page of some tables where `plot` or `open` asks for one; give its file.

    about: the dataset that it is about, or its heading. kind: what was done with the dataset, as in Audit. call: what
    its commands repeat. title: instead of the dataset's. made_by: what else reproduces it. open: also open it in the
    browser. lang: the language of the page.

    Where tables were replaced and no page is asked for, that of the former ones goes: it shows what is no longer there.
    """
    if plot or open:
        script = "" if call is None else script_of(call)
        facts = {**({} if call is None else facts_of(call)), **(made_by or {})}
        if isinstance(about, Heading):
            facts = {**versions(), **facts}
            page = write_page(tables, about, target, facts, script=script, lang=lang, overwrite=overwrite)
        else:
            page = write_report(
                tables, about, target, facts, script=script, kind=kind, title=title, lang=lang, overwrite=overwrite
            )
        if open:
            open_page(page)
        return page
    if overwrite:
        storage.remove(target)
    return None


def url_of(page: str) -> str:
    """Give the address of a page, as a browser takes it: of a local file file://…, of a remote one its URL.

    >>> url_of("/data/my digits/dashboard.html")
    'file:///data/my%20digits/dashboard.html'
    """
    return page if storage.is_remote(page) else Path(storage.absolute(page)).as_uri()


def open_page(page: str) -> None:
    """Open a page in the default browser; warn, and go on, where there is no display or no browser."""
    open_address(url_of(page))


def open_address(url: str) -> None:
    """Open an address in the default browser; warn, and go on, where there is no display or no browser."""
    import webbrowser

    if not _has_display():
        return _warn(f"This machine has no display, so the page is not opened; its address is {url}")
    try:
        opened = webbrowser.open(url)
    except webbrowser.Error:
        opened = False
    if not opened:
        _warn(f"No browser was found that opens the page; its address is {url}")
    return None


def _has_display() -> bool:
    """Say whether a browser has a window to open; one that runs in the terminal would take that from the command."""
    if sys.platform in ("win32", "cygwin", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def _warn(message: str) -> None:
    warnings.warn(message, DataWarning, stacklevel=4)
