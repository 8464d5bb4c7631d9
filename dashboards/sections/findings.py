"""The section that a page begins with: what a reader should know, each sentence with a link to what shows it."""

from __future__ import annotations

from collections.abc import Collection

from dashboards.blocks import Block, FindingLine, FindingList
from dashboards.language import sentences
from dashboards.sections.data import Tables


def findings(tables: Tables, sections: Collection[str] = ()) -> list[Block]:
    """Give the findings in their order. sections: the keys of those that the page has; a link leads only to these."""
    columns = ["severity", "finding", "evidence", "advice", "section"]
    said = sentences(tables["findings"])
    lines = [FindingLine(*map(said, row)) for row in tables["findings"][columns].itertuples(index=False)]
    return [
        FindingList(
            [
                FindingLine(line.severity, line.finding, line.evidence, line.advice)
                if line.section not in sections
                else line
                for line in lines
            ]
        )
    ]
