"""A problem of a training, the table of all of them, and their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Finding:
    """A problem of a training: its name, the numbers that show it, and what to try."""

    finding: str
    evidence: str
    advice: str


def diagnosis_table(findings: Mapping[int, Sequence[Finding]]) -> pd.DataFrame:
    """Tabulate the findings of each seed, a row each: seed, finding, evidence, advice."""
    rows = [{"seed": seed, **asdict(finding)} for seed, of_seed in findings.items() for finding in of_seed]
    table = pd.DataFrame(rows, columns=["seed", "finding", "evidence", "advice"]).astype("str")
    return table.astype({"seed": np.int64})


def in_words(model: str, diagnosis: pd.DataFrame) -> tuple[str, ...]:
    """Give the findings of a model's table as warnings, one each; what several seeds have in common is one."""
    seeds: dict[tuple[str, str, str], list[str]] = {}
    for row in diagnosis.to_dict("records"):
        seeds.setdefault((row["finding"], row["evidence"], row["advice"]), []).append(str(row["seed"]))
    return tuple(
        f"{model}, {'seed' if len(numbers) == 1 else 'seeds'} {', '.join(numbers)}: {finding}. {evidence} {advice}"
        for (finding, evidence, advice), numbers in seeds.items()
    )
