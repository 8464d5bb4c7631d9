"""Sentences about results: they say what is in the tables, and what is spoilt comes first."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mnist_data
from mnist_data.parquet.dataset import Dataset
from pipelines.audit.findings import SENTENCES, audit_findings
from pipelines.claims.findings import claims_findings
from pipelines.networks.evaluation.findings import training_findings
from pipelines.settings.checks import CHECKS
from pipelines.statistics.findings import Finding, findings_table, statistics_findings, together

PLACE = "a set"
"""Of the dataset; the shell must take it for one word."""


def statistics(counts: list[tuple[str, str, int]], polarity: dict[str, str]) -> dict[str, pd.DataFrame]:
    """Make the tables of statistics: counts of split, class and samples; the polarity of each split."""
    pairs = {"split": "train", "name": ["7", "3", "1"], "other_name": ["9", "5", "8"], "bhattacharyya": [1.5, 2.0, 9.0]}
    return {
        "classes": pd.DataFrame(counts, columns=["split", "name", "samples"]),
        "summary": pd.DataFrame({"split": list(polarity), "polarity": list(polarity.values())}),
        "separability": pd.DataFrame(pairs),
    }


def checks(*flagged: tuple[str, str, int]) -> pd.DataFrame:
    """Make the table of an audit in which each check flags nothing but what is given: check, split, samples."""
    known: dict[tuple[str, str], int] = {(check, split): count for check, split, count in flagged}
    rows: list[dict[str, Any]] = []
    for check in CHECKS:
        for split, samples in (("train", 900), ("test", 100)):
            count = known.get((check, split), 0)
            row = {"check": check, "split": split, "samples": samples, "flagged": count, "fraction": count / samples}
            rows.append(row | {"threshold": 1.0, "meaning": f"what {check} measures"})
    return pd.DataFrame(rows)


def audit_findings_of(table: pd.DataFrame, **order: str) -> pd.DataFrame:
    """Give the findings of checks, and of one split in an order, where its evidence and advice are given."""
    return audit_findings(table, pd.DataFrame([order] if order else [], columns=["evidence", "advice"]), PLACE)


def said(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Give severity and sentence of each finding."""
    return list(zip(table["severity"], table["finding"], strict=True))


def test_statistics_of_a_sound_dataset_are_notes() -> None:
    """Classes of about one size, the closest pairs in their order, one background."""
    tables = statistics([("train", "0", 50), ("train", "1", 60), ("test", "0", 9), ("test", "1", 8)], {"train": "dark"})

    assert said(statistics_findings(tables)) == [
        ("note", "The classes are of about equal size."),
        ("note", "The classes 7 and 9 lie closest, then 3 and 5."),
        ("note", "Background: dark, with bright ink."),
    ]


def test_what_spoils_a_dataset_comes_first() -> None:
    """A class that a split lacks, splits of different backgrounds; then unequal classes."""
    counts = [("train", "cat", 500), ("train", "dog", 0), ("test", "cat", 10), ("test", "dog", 50)]
    table = statistics_findings(statistics(counts, {"train": "dark", "test": "bright"}))

    assert said(table)[:3] == [
        ("problem", "train has no sample of dog."),
        ("problem", "The splits differ in their background."),
        ("warning", "The classes are of unequal size: cat has 510 samples, dog 50."),
    ]
    assert table["advice"].iloc[:3].str.len().min() > 20


def test_an_unlabelled_split_lacks_no_class() -> None:
    """It has none at all, which is how it is meant."""
    counts = [("train", "0", 5), ("train", "1", 5), ("unlabelled", "0", 0), ("unlabelled", "1", 0)]

    assert "problem" not in set(statistics_findings(statistics(counts, {"train": "undecided"}))["severity"])


def test_an_audit_that_flags_nothing_says_so() -> None:
    """What was looked for and is not there is worth a sentence; of one split nothing is said of leaks."""
    clean = checks()

    assert [severity for severity, _ in said(audit_findings_of(clean))] == ["note"] * 3
    assert len(audit_findings_of(clean[clean["split"] == "train"])) == 2
    assert len(audit_findings_of(clean[~clean["check"].str.contains("label_error")])) == 2


def test_an_audit_counts_what_it_flags() -> None:
    """Leaks are counted in the split that they spoil, and one sample is written as one."""
    table = audit_findings_of(checks(("leaked", "train", 12), ("leaked", "test", 10), ("blank", "train", 1)))

    assert said(table)[:2] == [
        ("problem", "10 of 100 samples of test have a duplicate in another split."),
        ("warning", "1 of 1,000 samples is blank."),
    ]


def test_an_order_is_a_warning_where_there_is_something_to_do() -> None:
    """A sorted test split is as good as any other."""
    sorted_train = audit_findings_of(
        checks(), evidence="train is sorted.", advice="Split at random: mnist-data split d o"
    )
    sorted_test = audit_findings_of(checks(), evidence="test is sorted.", advice="")

    assert said(sorted_train)[0] == ("warning", "train is sorted.")
    assert sorted_train["advice"].iloc[0] == "Split at random: mnist-data split d o"
    assert said(sorted_test)[0] == ("note", "test is sorted.")


@pytest.mark.parametrize("check", [check for check in CHECKS if check != "class_imbalance"])
def test_every_check_has_its_sentence(check: str) -> None:
    """With what to do about it."""
    table = audit_findings_of(checks((check, "test", 3)))
    [row] = [row for row in table.to_dict("records") if row["severity"] != "note"]

    assert check in SENTENCES
    assert row["finding"].startswith("3 of ")
    assert row["advice"]
    assert f"what {check} measures" in row["evidence"]


def test_every_command_that_an_audit_advises_works(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    """As it is printed, to its end, by the rules of the shell; OUT is replaced."""
    monkeypatch.chdir(tmp_path)
    mnist_data.split(digits, PLACE, by="label", progress=False)
    flagged = [(check, "test", 3) for check in CHECKS if check != "class_imbalance"]
    advice = audit_findings_of(checks(*flagged))["advice"].str.extract(r"mnist-data (.*)$")[0].dropna().unique()

    assert len(advice) >= 4
    for place, command in enumerate(advice):
        words = [f"out{place}" if word == "OUT" else word for word in shlex.split(command)]
        assert command_line(*words)[0] == 0, command
        assert len(mnist_data.open_dataset(f"out{place}")) > 0


def training(correct: int) -> dict[str, pd.DataFrame]:
    """Make the tables of a training that is right about some of 360 test samples."""
    score = {"model": "small", "split": "test", "samples": 360, "correct": correct, "accuracy": correct / 360}
    confusion = [("3", "5", 0, 1, 2), ("5", "3", 1, 0, 1), ("3", "3", 0, 0, 90)]
    return {
        "evaluation": pd.DataFrame([score | {"low": 0.9, "high": 1.0}]),
        "confusion": pd.DataFrame(confusion, columns=["name", "predicted_name", "label", "predicted", "samples"]),
    }


def test_a_training_says_what_it_misses() -> None:
    """How many, the most frequent confusion, and each problem once, whichever seeds have it."""
    problem = Finding("accuracy at chance", "10 %", "Train longer.")
    table = training_findings(training(357), {0: [problem], 1: [problem]})

    assert said(table) == [
        ("warning", "small: accuracy at chance."),
        ("note", "small misses 3 of 360 test samples, 2 of them 3 → 5."),
    ]
    assert said(training_findings(training(360), {})) == [("note", "small misses none of 360 test samples.")]


def test_tables_together_are_ordered_and_say_nothing_twice() -> None:
    """As a page of statistics and of two networks shows them."""
    first = findings_table([Finding("a", severity="warning"), Finding("b", severity="note")])
    second = findings_table([Finding("c", severity="problem"), Finding("b", severity="note")])

    assert list(together([first, second])["finding"]) == ["c", "a", "b"]
    assert together([]).empty


def test_claims_that_are_false_are_named() -> None:
    """Each with its figure; of the others how many there are, and what would decide them."""
    rows = [("60,000 train.", "LeCun", "false", "59,999", "", ""), ("10 classes.", "LeCun", "true", "10", "", "")]
    rows.append(("250 writers.", "LeCun", "undecided", "", "who wrote each sample", ""))
    table = claims_findings(pd.DataFrame(rows, columns=["claim", "source", "verdict", "figure", "needs", "note"]))

    assert said(table) == [
        ("warning", "Not so: 60,000 train."),
        ("note", "1 of 3 claims hold."),
        ("note", "1 of 3 claims are undecided."),
    ]
    assert table["evidence"].tolist() == ["59,999 (LeCun).", "", "Would decide them: who wrote each sample."]
