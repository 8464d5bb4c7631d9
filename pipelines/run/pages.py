"""Writing a page: its heading, its sections and what reproduces it, into one file."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from dashboards.language import ENGLISH, in_language
from mnist_data import storage
from mnist_data.version import __version__
from pipelines.run.workspace import index_address, workspace_of, write_index


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What a page begins with.

    kind: what was done, as in Audit; empty for a page of all that is known. title: of what. subtitle: its size.
    note: what a reader must know before all else.
    """

    kind: str = ""
    title: str
    subtitle: str = ""
    note: str | None = None


def versions(packages: Sequence[str] = ("numpy", "pandas", "pyarrow")) -> dict[str, str]:
    """Name the versions that a result depends on: ours, Python's, and those of some packages."""
    found = {"mnist-data": __version__, "Python": platform.python_version()}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def write_page(
    tables: Mapping[str, pd.DataFrame],
    heading: Heading,
    target: str | Path,
    reproduction: Mapping[str, str],
    *,
    script: str = "",
    lang: str = ENGLISH,
    place: str | Path | None = None,
    overwrite: bool = False,
) -> str:
    """Write a page of tables, and the index of the workspace it lies in; give its path.

    reproduction: names and values of what it takes to make it again. script: the commands that do it, to which the
    language is added. lang: that of the page. place: where the page will lie, if it is moved there from the target, and
    the index stays as it is.

    Raises OutputExists where there is one and `overwrite` is not set, WrongUse for a language that pages are not in.
    """
    from dashboards.page import render

    storage.require_free(target, overwrite)
    if lang != ENGLISH:
        script = re.sub(r" --plot$", f" --plot --lang {lang}", script, flags=re.MULTILINE)
    with in_language(lang):
        page = render(
            tables,
            title=heading.title,
            subtitle=heading.subtitle,
            note=heading.note,
            reproduction=reproduction,
            kind=heading.kind,
            script=script,
            index=index_address(target if place is None else place),
        )
        storage.write_text(target, page)
        workspace = workspace_of(target)
        if workspace is not None and place is None:
            write_index(workspace)
    return str(target)
