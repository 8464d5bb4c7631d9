"""How far people agree about samples: counts of what each decided, Cohen's kappa, and where two of them differ."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from mnist_data.errors import WrongUse
from mnist_data.parquet.decisions import MatchedDecisions, current, standing
from mnist_data.parquet.decisions_table import Decision
from pipelines.audit.decided import in_words
from pipelines.networks.evaluation.scores import wilson

ALL = "all"
"""The row of an agreement that is about all samples, whatever check had flagged them."""


def people(history: Iterable[Decision]) -> list[str]:
    """Name those whose decisions stand, in the order of their first one."""
    return list(dict.fromkeys(decision.who for decision in standing(history)))


def decision_counts(history: Sequence[Decision]) -> pd.DataFrame:
    """Count the decisions that stand, each person's last about a sample: who, check, decision, samples."""
    own = [decision for who in people(history) for decision in current(history, who).values()]
    counts = Counter((decision.who, decision.check, decision.decision) for decision in own)
    rows = [(*key, number) for key, number in sorted(counts.items())]
    return pd.DataFrame(rows, columns=["who", "check", "decision", "samples"]).astype({"samples": "int64"})


def current_decisions(matched: MatchedDecisions) -> pd.DataFrame:
    """Give the decisions that count, a row a sample, with their state: valid, stale or missing."""
    states = (("valid", matched.valid.values()), ("stale", matched.stale), ("missing", matched.missing))
    rows = [
        {
            "id": decision.id,
            "decision": decision.decision,
            "label": decision.label,
            "given": decision.given,
            "who": decision.who,
            "when": decision.when,
            "check": decision.check,
            "note": decision.note,
            "state": state,
        }
        for state, decisions in states
        for decision in decisions
    ]
    columns = ["id", "decision", "label", "given", "who", "when", "check", "note", "state"]
    frame = pd.DataFrame(rows, columns=columns).astype({"id": "int64", "label": "Int64", "given": "Int64"})
    return frame.sort_values("id", kind="stable", ignore_index=True)


def compare_people(history: Sequence[Decision], first: str, second: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare what two people decided about the samples that both of them looked at.

    Gives the agreement, a row for all of these and one for each check: check, samples, agreed, agreement with the ends
    of its Wilson interval (low, high, 95 %), and kappa, Cohen's kappa as scikit-learn has it; two new labels of one
    sample are two answers, and kappa is missing where both always gave one and the same. Then the samples on which they
    differ: id, given, check, the decision and the note of each.

    Raises WrongUse for a person who has decided nothing, with those who have.
    """
    known = people(history)
    for name in (first, second):
        if name not in known:
            listed = ", ".join(map(repr, known)) or "nobody"
            raise WrongUse(f"{name!r} has decided nothing about this dataset; {listed} has.")
    if first == second:
        raise WrongUse(f"{first!r} is named twice; name two people to compare.")
    ours, theirs = current(history, first), current(history, second)
    both = [sample for sample in sorted(ours) if sample in theirs]
    checks = sorted({ours[sample].check or theirs[sample].check for sample in both} - {""})
    chosen = {ALL: both} | {
        check: [sample for sample in both if check in (ours[sample].check, theirs[sample].check)] for check in checks
    }
    rows = [{"check": check, **_agreement(samples, ours, theirs)} for check, samples in chosen.items()]
    return pd.DataFrame(rows), _differences(both, ours, theirs, (first, second))


def _agreement(
    samples: Sequence[int], ours: Mapping[int, Decision], theirs: Mapping[int, Decision]
) -> dict[str, float | int | None]:
    answers = [[in_words(own[sample]) for sample in samples] for own in (ours, theirs)]
    agreed = sum(one == other for one, other in zip(*answers, strict=True))
    low, high = wilson(agreed, len(samples)) if samples else (math.nan, math.nan)
    return {
        "samples": len(samples),
        "agreed": agreed,
        "agreement": agreed / len(samples) if samples else math.nan,
        "low": low,
        "high": high,
        "kappa": _kappa(*answers),
    }


def _kappa(ours: Sequence[str], theirs: Sequence[str]) -> float:
    """Give Cohen's kappa; NaN where there is no sample, or only one answer, for which it is not defined."""
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(ours, theirs)) if len({*ours, *theirs}) > 1 else math.nan


def _differences(
    both: Sequence[int], ours: Mapping[int, Decision], theirs: Mapping[int, Decision], names: tuple[str, str]
) -> pd.DataFrame:
    columns = ["id", "given", "check", *(f"{what} of {name}" for name in names for what in ("decision", "note"))]
    rows = [
        (
            sample,
            ours[sample].given,
            ours[sample].check or theirs[sample].check,
            *(text for own in (ours, theirs) for text in (in_words(own[sample]), own[sample].note)),
        )
        for sample in both
        if in_words(ours[sample]) != in_words(theirs[sample])
    ]
    return pd.DataFrame(rows, columns=columns).astype({"id": "int64", "given": "Int64"})
