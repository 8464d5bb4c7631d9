"""What an audit says in sentences."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

import pandas as pd

from mnist_data.parquet.dataset import HELD_OUT
from mnist_data.parquet.messages import mark, message, messages_of, plural_message
from pipelines.statistics.findings import NOTE, PROBLEM, WARNING, Finding, findings_table

LOOK = mark("Look at them on the page of --plot; to take them out: mnist-data clean {dataset} OUT")

APPLY = mark("All of them are decided; to apply the decisions: mnist-data clean {dataset} OUT --decisions {dataset}")

SENTENCES: Mapping[str, tuple[str, str, str]] = {
    "not_finite": (
        mark("{flagged:,} of {samples} has pixels that are NaN or infinite"),
        mark("{flagged:,} of {samples} have pixels that are NaN or infinite"),
        mark("To take them out: mnist-data clean {dataset} OUT"),
    ),
    "blank": (
        mark("{flagged:,} of {samples} is blank"),
        mark("{flagged:,} of {samples} are blank"),
        LOOK,
    ),
    "constant": (
        mark("{flagged:,} of {samples} holds hardly more than one value"),
        mark("{flagged:,} of {samples} hold hardly more than one value"),
        LOOK,
    ),
    "inverted": (
        mark("{flagged:,} of {samples} is inverted"),
        mark("{flagged:,} of {samples} are inverted"),
        mark("To turn them round: mnist-data clean {dataset} OUT --inverted repair"),
    ),
    "cropped": (
        mark("{flagged:,} of {samples} is cut off at the frame"),
        mark("{flagged:,} of {samples} are cut off at the frame"),
        mark("Look at them on the page of --plot: whether ink is missing there."),
    ),
    "off_centre": (
        mark("{flagged:,} of {samples} lies off the centre of their class"),
        mark("{flagged:,} of {samples} lie off the centre of their class"),
        mark("To centre all samples: mnist-data normalize {dataset} OUT --center"),
    ),
    "noisy": (
        mark("{flagged:,} of {samples} is noisier than others of their class"),
        mark("{flagged:,} of {samples} are noisier than others of their class"),
        mark("Look at them on the page of --plot."),
    ),
    "blurred": (
        mark("{flagged:,} of {samples} is more blurred than others of their class"),
        mark("{flagged:,} of {samples} are more blurred than others of their class"),
        mark("Look at them on the page of --plot."),
    ),
    "low_ink": (
        mark("{flagged:,} of {samples} has much less ink than others of their class"),
        mark("{flagged:,} of {samples} have much less ink than others of their class"),
        mark("Look at them on the page of --plot."),
    ),
    "over_inked": (
        mark("{flagged:,} of {samples} has much more ink than others of their class"),
        mark("{flagged:,} of {samples} have much more ink than others of their class"),
        mark("Look at them on the page of --plot."),
    ),
    "transposed": (
        mark("{flagged:,} of {samples} seems to have rows and columns exchanged"),
        mark("{flagged:,} of {samples} seem to have rows and columns exchanged"),
        mark(
            "Look at them on the page of --plot; to exchange these back: mnist-data clean {dataset} OUT "
            "--transposed repair"
        ),
    ),
    "label": (
        mark("{flagged:,} of {samples} has a label that is no class"),
        mark("{flagged:,} of {samples} have a label that is no class"),
        mark("To take them out: mnist-data clean {dataset} OUT"),
    ),
    "exact_duplicate": (
        mark("{flagged:,} of {samples} has the pixels of another"),
        mark("{flagged:,} of {samples} have the pixels of another"),
        mark("To keep one of each: mnist-data clean {dataset} OUT"),
    ),
    "near_duplicate": (
        mark("{flagged:,} of {samples} is nearly another sample"),
        mark("{flagged:,} of {samples} are nearly another sample"),
        mark("Look at the pairs on the page of --plot: copies, or alike by chance."),
    ),
    "label_conflict": (
        mark("{flagged:,} of {samples} has another label than their duplicate"),
        mark("{flagged:,} of {samples} have another label than their duplicate"),
        mark("At least one label of each is wrong: look at them."),
    ),
    "leaked": (
        mark("{flagged:,} of {samples} has a duplicate in another split"),
        mark("{flagged:,} of {samples} have a duplicate in another split"),
        mark(
            "They make a test easier than it should be; to take exact copies out of the training data: "
            "mnist-data clean {dataset} OUT"
        ),
    ),
    "label_error": (
        mark("{flagged:,} of {samples} probably has a wrong label"),
        mark("{flagged:,} of {samples} probably have a wrong label"),
        mark("Look at them on the page of --plot: suggested_label says what each looks like."),
    ),
}
"""What is said of one sample that a check flags and of several, and what to do about it; a command is last, so that it
can be copied to its end."""

SPOILS = ("not_finite", "label", "leaked", "label_conflict")
"""Checks whose findings spoil training or testing, however few samples they flag."""

ABSENT: Mapping[str, tuple[str, ...]] = {
    mark("No sample is a duplicate of another."): ("exact_duplicate", "near_duplicate"),
    mark("No sample has a duplicate in another split."): ("leaked",),
    mark("No label looks wrong."): ("label", "label_conflict", "label_error"),
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
    known = messages_of(checks)
    for check, rows in checks[checks["check"].isin(SENTENCES)].groupby("check", sort=False):
        flagged, samples, split = counted(rows)
        if flagged:
            singular, plural, advice = SENTENCES[str(check)]
            of = message("{count:,} samples of {split}", count=samples, split=split)
            of = of if split else message("{count:,} samples", count=samples)
            left = _left(rows, split)
            sentence = plural_message(singular, plural, flagged, flagged=flagged, samples=of)
            yield Finding(
                message("{sentence}.", sentence=sentence)
                if left in (None, flagged)
                else message(
                    "{sentence}; {decided:,} decided, {left:,} left.",
                    sentence=sentence,
                    decided=flagged - (left or 0),
                    left=left or 0,
                ),
                message(
                    "{fraction:.2%}; {meaning}.", fraction=flagged / max(1, samples), meaning=_meaning(rows, known)
                ),
                message(advice if left != 0 else APPLY, dataset=dataset),
                NOTE if left == 0 else PROBLEM if check in SPOILS else WARNING,
                "audit",
            )
    rare = checks[(checks["check"] == "class_imbalance") & (checks["flagged"] > 0)]
    for row in rare.to_dict("records"):
        yield Finding(
            plural_message(
                "{number:,} class is rare in {split}.",
                "{number:,} classes are rare in {split}.",
                row["flagged"],
                split=row["split"],
            ),
            message("{meaning}.", meaning=known.get(row["meaning"], row["meaning"])),
            message("Judge a network by its accuracy in each class."),
            WARNING,
            "audit",
        )


def _left(rows: pd.DataFrame, split: str) -> int | None:
    """Count the flagged samples of a check that nobody has decided about; None where nothing ever was decided."""
    if "left" not in rows or rows["left"].isna().any():
        return None
    return int(rows.loc[rows["split"].eq(split) | (split == ""), "left"].sum())


def _meaning(rows: pd.DataFrame, known: Mapping[str, str]) -> str:
    """Give what a check measures, with its parts where these are known."""
    meaning = str(rows["meaning"].iloc[0])
    return known.get(meaning, meaning)


def _ordered(order: pd.DataFrame) -> Iterator[Finding]:
    """Report splits in no random order; it matters where a part is to be held back, for which there is advice."""
    known = messages_of(order)
    for row in order[order["evidence"] != ""].to_dict("records"):
        evidence, advice = (known.get(row[name], row[name]) for name in ("evidence", "advice"))
        yield Finding(evidence, advice=advice, severity=WARNING if advice else NOTE, section="audit")


def _absent(checks: pd.DataFrame) -> Iterator[Finding]:
    flagged = checks.groupby("check")["flagged"].sum()
    splits = checks["split"].nunique()
    for sentence, names in ABSENT.items():
        if all(name in flagged and not flagged[name] for name in names) and (splits > 1 or names != ("leaked",)):
            yield Finding(message(sentence), severity=NOTE, section="audit")
