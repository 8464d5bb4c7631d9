"""The workspace of a run: a folder in which its results lie, and an index that links all pages in it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from dashboards.index import HEAD, INDEX, Entry, read_page_record, render_index
from mnist_data import storage
from mnist_data.errors import DataWarning

NAME = "index.html"

DEEPEST = 4
"""Folders within each other in which pages are looked for."""

ROUNDS = 10
"""How often an index is written again because pages came meanwhile."""


def workspace_of(page: str | Path) -> Path | None:
    """Give the workspace in which a page lies, the innermost one; None for a page that lies in none."""
    if storage.is_remote(page):
        return None
    return next((folder for folder in Path(page).absolute().parents if _has_results(folder)), None)


def _has_results(folder: Path) -> bool:
    """Say whether a run has converted into a folder; stricter than `is_workspace`, as any folder may have a sample."""
    return (folder / "convert.manifest.json").is_file() and (folder / "convert").is_dir()


def index_address(page: str | Path) -> str:
    """Give the address of the index that lists a page, relative to the page; empty where there is none of ours."""
    workspace = workspace_of(page)
    if workspace is None or not _is_ours(workspace / NAME):
        return ""
    return quote(os.fsencode(os.path.relpath(workspace / NAME, Path(page).absolute().parent)))


def _is_ours(index: Path) -> bool:
    """Say whether an index may be written: there is none yet, or it is one that was written here."""
    if not os.path.lexists(index):
        return True
    record = read_page_record(_head(index)) if index.is_file() else None
    return record is not None and record.kind == INDEX.kind


def write_index(workspace: Path) -> None:
    """Write the index of all pages in a workspace, whole or not at all; a file of the user's own is left as it is.

    Two commands may write it at once. Each looks again after it has written, and writes anew where a page has come
    since, so the last one to write has seen all pages: no lock is needed, on no file system.
    """
    index = workspace / NAME
    if not _is_ours(index):
        warnings.warn(
            f"{index} is not one of ours, and stays as it is; the pages of {workspace} have no index.",
            DataWarning,
            stacklevel=2,
        )
        return
    for _ in range(ROUNDS):
        text = render_index(workspace.name, _entries(workspace))
        if storage.read_text(index) == text:
            return
        storage.write_text(index, text)


def _entries(workspace: Path) -> list[Entry]:
    """Give the pages of a workspace, the latest first, by their own records."""
    entries = []
    for page in _html_files(workspace):
        try:
            record, written = read_page_record(_head(page)), datetime.fromtimestamp(page.stat().st_mtime, UTC)
        except OSError:  # removed meanwhile, or not ours to read
            continue
        if record is None or record.kind == INDEX.kind:
            continue
        below = page.relative_to(workspace)
        href, name = quote(os.fsencode(below)), os.fsencode(below).decode("utf-8", "replace")
        entries.append(Entry(record=record, href=href, name=name, written=written.replace(microsecond=0)))
    return sorted(entries, key=lambda entry: (-entry.written.timestamp(), entry.href))


def _html_files(workspace: Path) -> Iterator[Path]:
    """Find the HTML files of a workspace, without hidden places and those that links lead to."""
    for folder, below, names in os.walk(workspace):
        depth = len(Path(folder).relative_to(workspace).parts)
        below[:] = sorted(name for name in below if not name.startswith(".") and depth < DEEPEST)
        pages = (Path(folder, name) for name in sorted(names) if name.endswith(".html") and name[0] != ".")
        yield from (page for page in pages if page.is_file())  # to read a pipe would be to wait for it


def _head(page: Path) -> bytes:
    with storage.reading(page) as file:
        return file.read(HEAD)
