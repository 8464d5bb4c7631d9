"""The index of a workspace: it links every page, whoever writes, and leaves alone what is not ours."""

from __future__ import annotations

import os
import re
import shutil
import threading
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest

from mnist_data.errors import DataWarning
from mnist_data.parquet.dataset import Dataset
from pipelines.run.pages import Heading, write_page
from pipelines.run.workspace import index_address, workspace_of, write_index
from pipelines.statistics.findings import Finding, findings_table

HOSTILE = "<img src=x onerror=alert(1)>'\"&amp; %2e%2e"


@pytest.fixture
def workspace(digits: Dataset, tmp_path: Path) -> Path:
    """Give a folder as a run leaves it after its first step."""
    shutil.copytree(digits.location, tmp_path / "work/convert")
    shutil.copy(f"{digits.location}.manifest.json", tmp_path / "work/convert.manifest.json")
    return tmp_path / "work"


def put(page: Path, title: str = "Digits", kind: str = "Audit", finding: str = "Two samples are leaked.") -> None:
    """Write a page with one finding."""
    page.parent.mkdir(parents=True, exist_ok=True)
    tables = {"findings": findings_table([Finding(finding, severity="problem")])}
    write_page(tables, Heading(kind=kind, title=title), page, {}, overwrite=True)


def listed(workspace: Path) -> list[str]:
    """Give the pages that the index links, in its order, as paths below the workspace."""
    index = (workspace / "index.html").read_text(encoding="utf-8")
    return [unquote(unescape(href)) for href in re.findall(r'<h2><a href="([^"]+)">', index)]


def test_every_page_is_listed_with_its_finding_and_links_back(workspace: Path) -> None:
    """The latest first; a page that is gone is no longer there once another is written."""
    put(workspace / "stats/dashboard.html", kind="Statistics")
    os.utime(workspace / "stats/dashboard.html", (0, 0))
    put(workspace / "deep/er/audit/dashboard.html")
    first = listed(workspace)
    index = (workspace / "index.html").read_text(encoding="utf-8")
    page = (workspace / "deep/er/audit/dashboard.html").read_text(encoding="utf-8")
    (workspace / "stats/dashboard.html").unlink()
    put(workspace / "drift.html")

    assert first == ["deep/er/audit/dashboard.html", "stats/dashboard.html"]
    assert index.count("Two samples are leaked.") == 2
    assert all(text in index for text in ("1970-01-01 00:00 UTC", ">Problem<", ">Statistics<"))
    assert '<a href="../../../index.html">All pages</a>' in page
    assert set(listed(workspace)) == {"deep/er/audit/dashboard.html", "drift.html"}


def test_what_a_page_shows_is_on_its_thumbnail(workspace: Path, digits: Dataset) -> None:
    """Digits of the dataset, as a PNG in the file itself; without any images bars, and else none."""
    from pipelines.images.thumbnails import sample_grid

    tables = {"sample_grid": sample_grid(digits, 1)}
    claims = {"claims": pd.DataFrame({"claim": "a", "verdict": ["true", "false"], "figure": "", "needs": "", "note": "",
                                      "source": ""})}  # fmt: skip
    for name, shown in (("digits", tables), ("claims", claims), ("none", {})):
        write_page(shown, Heading(title=name), workspace / f"{name}.html", {})
    index = (workspace / "index.html").read_text(encoding="utf-8")

    assert len(re.findall(r'<img src="data:image/png;base64,[A-Za-z0-9+/=]+"', index)) == 2
    assert len(index) < 60_000


def test_a_page_outside_a_workspace_has_no_index(tmp_path: Path) -> None:
    """A folder of one's own does not fill with files; one with a dataset called convert is no workspace, either."""
    put(tmp_path / "alone/page.html")

    assert [path.name for path in (tmp_path / "alone").iterdir()] == ["page.html"]
    assert index_address(tmp_path / "alone/page.html") == ""
    assert workspace_of("s3://bucket/work/page.html") is None


def test_an_index_of_the_users_own_is_left_as_it_is(workspace: Path) -> None:
    """With a word about it; nor is anything read that is no file."""
    (workspace / "index.html").write_text("<h1>mine</h1>")
    os.mkfifo(workspace / "pipe.html")

    with pytest.warns(DataWarning, match="not one of ours"):
        put(workspace / "page.html")

    assert (workspace / "index.html").read_text() == "<h1>mine</h1>"
    assert "All pages" not in (workspace / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "record",
    [
        "{",
        '{"kind": 1}',
        '{"image": "javascript:alert(1)"}',
        '{"image": "data:text/html;base64,PHNjcmlwdD4="}',
        "[" * 100_000,
    ],
)
def test_pages_of_others_are_not_listed(workspace: Path, record: str) -> None:
    """Whatever an HTML file in the workspace says of itself."""
    head = f'<!doctype html><script type="application/json" id="record">{record}</script>'
    (workspace / "other.html").write_text(head, encoding="utf-8")
    (workspace / "empty.html").write_bytes(b"")
    put(workspace / "page.html")

    assert listed(workspace) == ["page.html"]


def test_hostile_names_stay_text(workspace: Path) -> None:
    """Of folders, titles and findings; the link leads to the file nevertheless."""
    name = "<b>'\" & #1 %41 javascript:x"
    put(workspace / name / "dashboard.html", title=HOSTILE, kind=HOSTILE, finding=HOSTILE)
    index = (workspace / "index.html").read_text(encoding="utf-8")

    assert listed(workspace) == [f"{name}/dashboard.html"]
    assert HOSTILE in unescape(index)
    assert not re.search(r"<img src=x|<b>|href=\"javascript", index)


def test_two_at_once_lose_no_page(workspace: Path) -> None:
    """Eight writers of four pages each: in the end the index has all of them, and no draft is left."""

    def write(number: int) -> None:
        for turn in range(4):
            put(workspace / f"page-{number}-{turn}.html")

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert len(listed(workspace)) == len(set(listed(workspace))) == 32
    assert {path.name for path in workspace.iterdir() if path.name.startswith(".")} == set()


def test_an_index_that_is_right_is_not_written_again(workspace: Path) -> None:
    """A run that keeps everything keeps its times as well."""
    put(workspace / "page.html")
    before = (workspace / "index.html").stat().st_mtime_ns

    write_index(workspace)

    assert (workspace / "index.html").stat().st_mtime_ns == before
