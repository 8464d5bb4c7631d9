"""The section about claims: what is said of the dataset, and whether its data bear it out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Table
from dashboards.formats import count
from dashboards.language import mark, tr
from dashboards.sections.data import Tables

VERDICTS = {"false": mark("not so"), "undecided": mark("undecided"), "true": mark("true")}
"""Verdict of the table -> how the page words it, in the order in which claims are listed."""


def claims(tables: Tables) -> list[Block]:
    """Give how many claims came to which verdict, and then each claim with its figure, the false ones first."""
    frame = tables["claims"]
    counts = frame["verdict"].value_counts()
    labels = {"true": tr("claims hold"), "false": tr("are not so"), "undecided": tr("are undecided")}
    cards = Cards([Card(count(counts.get(verdict, 0)), label) for verdict, label in labels.items()], strong=True)
    order = frame["verdict"].map(list(VERDICTS).index)
    rows = [_row(row) for row in frame.loc[order.sort_values(kind="stable").index].to_dict("records")]
    return [cards, Table(pd.DataFrame(rows), tr("Each claim and its figure"), wraps=True)]


def _row(row: dict[Any, Any]) -> dict[str, str]:
    decides = tr("Would decide it: {needs}", needs=row["needs"]) if row["needs"] else ""
    figure = ". ".join(part for part in (row["figure"], decides, row["note"]) if part)
    return {
        mark("verdict"): tr(VERDICTS[row["verdict"]]),
        mark("claim"): row["claim"],
        mark("figure"): figure,
        mark("said by"): row["source"],
    }
