"""What a training says in sentences: how well it went, its problems, and the table of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mnist_data.parquet.messages import keep_messages, message
from pipelines.networks.evaluation.slice_report import slice_findings
from pipelines.statistics.findings import NOTE, Finding, findings_table


def diagnosis_table(findings: Mapping[int, Sequence[Finding]]) -> pd.DataFrame:
    """Tabulate the findings of each seed, a row each: seed, finding, evidence, advice."""
    rows = [(seed, each.finding, each.evidence, each.advice) for seed, of_seed in findings.items() for each in of_seed]
    table = pd.DataFrame(rows, columns=["seed", "finding", "evidence", "advice"]).astype("str")
    return keep_messages(table.astype({"seed": np.int64}), [text for row in rows for text in row[1:]])


def in_words(model: str, diagnosis: pd.DataFrame) -> tuple[str, ...]:
    """Give the findings of a model's table as warnings, one each; what several seeds have in common is one."""
    seeds: dict[tuple[str, str, str], list[str]] = {}
    for row in diagnosis.to_dict("records"):
        seeds.setdefault((row["finding"], row["evidence"], row["advice"]), []).append(str(row["seed"]))
    return tuple(
        f"{model}, {'seed' if len(numbers) == 1 else 'seeds'} {', '.join(numbers)}: {finding}. {evidence} {advice}"
        for (finding, evidence, advice), numbers in seeds.items()
    )


def training_findings(tables: Mapping[str, pd.DataFrame], problems: Mapping[int, Sequence[Finding]]) -> pd.DataFrame:
    """Give the findings of a training: its score, each problem once, and where it fails.

    tables: `evaluation`, `confusion` and `slices`, as `train` makes them. problems: by seed.
    """
    evaluation = tables["evaluation"]
    model = "" if evaluation.empty else str(evaluation["model"].iloc[0])
    distinct = dict.fromkeys(problem for of_seed in problems.values() for problem in of_seed)
    named = [
        replace(
            problem, finding=message("{model}: {finding}.", model=model, finding=problem.finding), section="training"
        )
        for problem in distinct
    ]
    slices = slice_findings(tables["slices"]) if "slices" in tables else ()
    return findings_table([*named, *_score(tables), *slices])


def _score(tables: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """Say how many samples the network misses, and which classes it confuses most."""
    evaluation = tables["evaluation"]
    if evaluation.empty:
        return
    score = evaluation.iloc[-1]  # the last split in detail; of several seeds the ensemble
    missed = int(score["samples"] - score["correct"])
    confusion = tables.get("confusion", pd.DataFrame({"label": [], "predicted": [], "samples": []}))
    errors = confusion[confusion["label"] != confusion["predicted"]].nlargest(1, "samples").to_dict("records")
    of = {"model": score["model"], "samples": score["samples"], "split": score["split"], "missed": missed}
    if not missed:
        words = message("{model} misses none of {samples:,} {split} samples.", **of)
    elif not errors:
        words = message("{model} misses {missed:,} of {samples:,} {split} samples.", **of)
    else:
        pair = f"{errors[0]['name']} → {errors[0]['predicted_name']}"
        words = message(
            "{model} misses {missed:,} of {samples:,} {split} samples, {most:,} of them {pair}.",
            **of,
            most=errors[0]["samples"],
            pair=pair,
        )
    yield Finding(
        words,
        message(
            "Accuracy {accuracy:.2%}, 95 % interval {low:.2%} – {high:.2%}.",
            accuracy=score["accuracy"],
            low=score["low"],
            high=score["high"],
        ),
        "",
        NOTE,
        "confusions",
    )
