"""What a test of claims says in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from mnist_data.errors import first_few
from pipelines.statistics.findings import NOTE, WARNING, Finding, findings_table


def claims_findings(claims: pd.DataFrame) -> pd.DataFrame:
    """Give the findings of the table `claims`: each claim that is false, and how many hold or are undecided."""
    return findings_table(_findings(claims))


def _findings(claims: pd.DataFrame) -> Iterator[Finding]:
    for row in claims[claims["verdict"] == "false"].to_dict("records"):
        yield Finding(f"Not so: {row['claim']}", f"{row['figure']} ({row['source']}).", row["note"], WARNING)
    counts = claims["verdict"].value_counts()
    if holding := counts.get("true", 0):
        yield Finding(f"{holding:,} of {len(claims):,} claims hold.", severity=NOTE)
    if undecided := counts.get("undecided", 0):
        needs = list(dict.fromkeys(text for text in claims["needs"] if text))
        decides = f"Would decide them: {first_few(needs, 3)}." if needs else ""
        yield Finding(f"{undecided:,} of {len(claims):,} claims are undecided.", decides, severity=NOTE)
