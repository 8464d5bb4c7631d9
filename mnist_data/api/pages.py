"""The page of a call, where one was asked for."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dashboards.language import ENGLISH
from mnist_data import storage
from mnist_data.parquet.dataset import Dataset
from pipelines.run.report import write_report

PAGE = "dashboard.html"
"""The page's name in a folder of tables."""


def draw_page(
    plot: bool,
    tables: Mapping[str, pd.DataFrame],
    source: Dataset,
    target: str,
    *,
    overwrite: bool,
    lang: str = ENGLISH,
    made_by: Mapping[str, str] | None = None,
) -> str | None:
    """Write the page of some tables where `plot` asks for one; give its file.

    made_by: what else reproduces it. lang: the language of the page.

    Where tables were replaced and no page is asked for, that of the former ones goes: it shows what is no longer there.
    """
    if plot:
        return write_report(tables, source, target, made_by, lang=lang, overwrite=overwrite)
    if overwrite:
        storage.remove(target)
    return None
