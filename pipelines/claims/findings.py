"""What a test of claims says in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from mnist_data.parquet.messages import few, message
from pipelines.statistics.findings import NOTE, WARNING, Finding, findings_table


def claims_findings(claims: pd.DataFrame) -> pd.DataFrame:
    """Give the findings of the table `claims`: each claim that is false, and how many hold or are undecided."""
    return findings_table(_findings(claims))


def _findings(claims: pd.DataFrame) -> Iterator[Finding]:
    for row in claims[claims["verdict"] == "false"].to_dict("records"):
        evidence = message("{figure} ({source}).", figure=row["figure"], source=row["source"])
        yield Finding(message("Not so: {claim}", claim=row["claim"]), evidence, row["note"], WARNING, "claims")
    counts = claims["verdict"].value_counts()
    if holding := counts.get("true", 0):
        yield Finding(
            message("{holding:,} of {claims:,} claims hold.", holding=holding, claims=len(claims)),
            severity=NOTE,
            section="claims",
        )
    if undecided := counts.get("undecided", 0):
        needs = list(dict.fromkeys(text for text in claims["needs"] if text))
        decides = message("Would decide them: {needs}.", needs=few(needs, 3)) if needs else ""
        yield Finding(
            message("{undecided:,} of {claims:,} claims are undecided.", undecided=undecided, claims=len(claims)),
            decides,
            severity=NOTE,
            section="claims",
        )
