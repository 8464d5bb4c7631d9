"""What an audit says in sentences."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

import pandas as pd

from mnist_data.parquet.dataset import HELD_OUT
from pipelines.statistics.findings import NOTE, PROBLEM, WARNING, Finding, findings_table

LOOK = "Look at them on the page of --plot; to take them out: mnist-data clean DATASET OUT"

APPLY = "All of them are decided; to apply the decisions: mnist-data clean DATASET OUT --decisions DATASET"

SENTENCES: Mapping[str, tuple[str, str]] = {
    "not_finite": ("have pixels that are NaN or infinite", "To take them out: mnist-data clean DATASET OUT"),
    "blank": ("are blank", LOOK),
    "constant": ("hold hardly more than one value", LOOK),
    "inverted": ("are inverted", "To turn them round: mnist-data clean DATASET OUT --inverted repair"),
    "cropped": ("are cut off at the frame", "Look at them on the page of --plot: whether ink is missing there."),
    "off_centre": (
        "lie off the centre of their class",
        "To centre all samples: mnist-data normalize DATASET OUT --center",
    ),
    "noisy": ("are noisier than others of their class", "Look at them on the page of --plot."),
    "blurred": ("are more blurred than others of their class", "Look at them on the page of --plot."),
    "low_ink": ("have much less ink than others of their class", "Look at them on the page of --plot."),
    "over_inked": ("have much more ink than others of their class", "Look at them on the page of --plot."),
    "transposed": (
        "seem to have rows and columns exchanged",
        "Look at them on the page of --plot; to exchange these back: mnist-data clean DATASET OUT --transposed repair",
    ),
    "label": ("have a label that is no class", "To take them out: mnist-data clean DATASET OUT"),
    "exact_duplicate": ("have the pixels of another", "To keep one of each: mnist-data clean DATASET OUT"),
    "near_duplicate": (
        "are nearly another sample",
        "Look at the pairs on the page of --plot: copies, or alike by chance.",
    ),
    "label_conflict": ("have another label than their duplicate", "At least one label of each is wrong: look at them."),
    "leaked": (
        "have a duplicate in another split",
        "They make a test easier than it should be; to take exact copies out of the training data: "
        "mnist-data clean DATASET OUT",
    ),
    "label_error": (
        "probably have a wrong label",
        "Look at them on the page of --plot: suggested_label says what each looks like.",
    ),
}
"""What is said of samples that a check flags, after their number, and what to do about it; DATASET stands for its path,
and a command is last, so that it can be copied to its end."""

SPOILS = ("not_finite", "label", "leaked", "label_conflict")
"""Checks whose findings spoil training or testing, however few samples they flag."""

ABSENT: Mapping[str, tuple[str, ...]] = {
    "No sample is a duplicate of another.": ("exact_duplicate", "near_duplicate"),
    "No sample has a duplicate in another split.": ("leaked",),
    "No label looks wrong.": ("label", "label_conflict", "label_error"),
}
"""What is worth saying where none of some checks flags anything, and all of them were made."""


def audit_findings(checks: pd.DataFrame, order: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Give the findings of an audit's tables.

    checks: a row a check and split. order: as `find_orders` gives it. dataset: its path, for the advice.
    """
    return findings_table([*_flagged(checks, shlex.quote(dataset)), *_ordered(order), *_absent(checks)])


def counted(rows: pd.DataFrame) -> tuple[int, int, str]:
    """Count the samples that a check flags, of how many, and of which split; of all where that is "".

    rows: the check's, a row a split. Leaks are counted in the split whose score they spoil: validation or test, or any
    where there is neither; of several in the one with the largest fraction. They are a tenth of a test split whose
    copies are a fortieth of all samples.
    """
    if rows["check"].iloc[0] != "leaked":
        return int(rows["flagged"].sum()), int(rows["samples"].sum()), ""
    spoilt = rows[rows["split"].isin(HELD_OUT)]
    worst = max((spoilt if len(spoilt) else rows).to_dict("records"), key=lambda row: row["fraction"])
    return int(worst["flagged"]), int(worst["samples"]), str(worst["split"])


def _flagged(checks: pd.DataFrame, dataset: str) -> Iterator[Finding]:
    for check, rows in checks[checks["check"].isin(SENTENCES)].groupby("check", sort=False):
        flagged, samples, split = counted(rows)
        if flagged:
            says, advice = SENTENCES[str(check)]
            of = f"{samples:,} samples{f' of {split}' if split else ''}"
            left = _left(rows, split)
            yield Finding(
                f"{flagged:,} of {of} {says if flagged > 1 else _of_one(says)}"
                + ("." if left in (None, flagged) else f"; {flagged - left:,} decided, {left:,} left."),
                f"{flagged / max(1, samples):.2%}; {rows['meaning'].iloc[0]}.",
                advice.replace(" DATASET ", f" {dataset} ") if left != 0 else APPLY.replace("DATASET", dataset),
                NOTE if left == 0 else PROBLEM if check in SPOILS else WARNING,
                "audit",
            )
    rare = checks[(checks["check"] == "class_imbalance") & (checks["flagged"] > 0)]
    for row in rare.to_dict("records"):
        yield Finding(
            f"{row['flagged']:,} {'class is' if row['flagged'] == 1 else 'classes are'} rare in {row['split']}.",
            f"{row['meaning']}.",
            "Judge a network by its accuracy in each class.",
            WARNING,
            "audit",
        )


def _left(rows: pd.DataFrame, split: str) -> int | None:
    """Count the flagged samples of a check that nobody has decided about; None where nothing ever was decided."""
    if "left" not in rows or rows["left"].isna().any():
        return None
    return int(rows.loc[rows["split"].eq(split) | (split == ""), "left"].sum())


def _ordered(order: pd.DataFrame) -> Iterator[Finding]:
    """Report splits in no random order; it matters where a part is to be held back, for which there is advice."""
    for row in order[order["evidence"] != ""].to_dict("records"):
        severity = WARNING if row["advice"] else NOTE
        yield Finding(row["evidence"], advice=row["advice"], severity=severity, section="audit")


def _of_one(says: str) -> str:
    """Put a sentence's verb into the singular: it begins with it, or with `probably` before it.

    >>> _of_one("have the pixels of another"), _of_one("probably have a wrong label"), _of_one("are blank")
    ('has the pixels of another', 'probably has a wrong label', 'is blank')
    """
    singular = {"are": "is", "have": "has", "hold": "holds", "lie": "lies", "seem": "seems"}
    return " ".join(singular.get(word, word) if place < 2 else word for place, word in enumerate(says.split(" ")))


def _absent(checks: pd.DataFrame) -> Iterator[Finding]:
    flagged = checks.groupby("check")["flagged"].sum()
    splits = checks["split"].nunique()
    for sentence, names in ABSENT.items():
        if all(name in flagged and not flagged[name] for name in names) and (splits > 1 or names != ("leaked",)):
            yield Finding(sentence, severity=NOTE, section="audit")
