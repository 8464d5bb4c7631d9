"""What a user should know of a result, in sentences: what was found, how it shows, what to do, and where to look.

Every analysis says it in one table, `findings`, which the terminal prints and a page shows first; here is also what the
statistics of a dataset say.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import pandas as pd

from mnist_data.batch import Integers
from mnist_data.errors import WrongUse
from mnist_data.known.order import find_order, order_in_words
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.messages import few, joined, keep_messages, message, messages_of
from pipelines.images.measures.background import POLARITY_WORDS, Polarity, describe_polarity

PROBLEM, WARNING, NOTE = "problem", "warning", "note"
SEVERITIES = (PROBLEM, WARNING, NOTE)
"""From what spoils a result, over what a person should look at, to what is as it should be."""


RARE = 2.0
"""How many times more samples the largest class must have than the smallest, to be warned of."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    finding: in a sentence or a few words. evidence: the numbers that show it. advice: what to do about it. Sentences
    made by `message` are said in a page's language. severity: one of SEVERITIES. section: the section of a page that
    shows it, as in `Section.key`.
    """

    finding: str
    evidence: str = ""
    advice: str = ""
    severity: str = WARNING
    section: str = ""


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Tabulate findings, the most severe first, else in their order: severity, finding, evidence, advice, section.

    >>> fine, lost = Finding("All is well.", severity="note"), Finding("All is lost.", severity="problem")
    >>> findings_table([fine, lost])["finding"].tolist()
    ['All is lost.', 'All is well.']
    """
    columns = ["severity", *(field.name for field in fields(Finding) if field.name != "severity")]
    ordered = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
    table = pd.DataFrame([asdict(finding) for finding in ordered], columns=columns, dtype="str")
    return keep_messages(table, [text for each in ordered for text in (each.finding, each.evidence, each.advice)])


def together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables of findings together, the most severe first, else in the order given; no sentence is there twice."""
    table = pd.concat([findings_table([]), *tables], ignore_index=True).drop_duplicates(ignore_index=True)
    order = table["severity"].map(SEVERITIES.index)
    table = table.loc[order.sort_values(kind="stable").index].reset_index(drop=True)
    return keep_messages(table, [sentence for each in tables for sentence in messages_of(each).values()])


def statistics_findings(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Give the findings of `summary`, `classes` and `separability`, as `stats` makes these tables."""
    found = [*_classes(tables["classes"]), *_closest(tables["separability"]), *_polarity(tables["summary"])]
    return findings_table(found)


def order_findings(source: Dataset, labels: Integers, writers: bool) -> pd.DataFrame:
    """Give the findings of the order of classes: a warning where the split is to be divided, with how to do it.

    labels: (n,) of all samples, split after split. writers: whether they are known.
    """
    found, first = [], 0
    for split, rows in source.splits.items():
        order, first = find_order(labels[first : first + rows]), first + rows
        if words := order_in_words(order, split):
            advice = split_advice(source, split, writers)
            found.append(Finding(words, "", advice, WARNING if advice else NOTE, "classes"))
    return findings_table(found)


def split_advice(source: Dataset, split: str, writers: bool) -> str:
    """Give the command that splits at random; none for a split that is not to be divided, or is already.

    writers: whether they are known, so that whole ones are held back.
    """
    try:
        if split != source.training_split or "validation" in source.splits:
            return ""
    except WrongUse:  # nothing to train on; whoever trains is told what to do
        return ""
    command = f"mnist-data split {shlex.quote(source.location)} OUT"
    if writers:
        return message("To hold back whole writers, at random: {command}", command=command)
    labelled = f"{command} --by label"
    return message(
        "To hold back samples of each class alike, at random, by the hash of their ids: {command}",
        command=labelled,
    )


def _classes(classes: pd.DataFrame) -> Iterator[Finding]:
    """Report classes that a split lacks, and how unequal the classes are."""
    for split, rows in classes.groupby("split", sort=False):
        absent = list(rows.loc[rows["samples"] == 0, "name"])
        if absent and len(absent) < len(rows):
            yield Finding(
                message("{split} has no sample of {classes}.", split=split, classes=few(absent)),
                message("{absent:,} of {all:,} classes are missing there.", absent=len(absent), all=len(rows)),
                message(
                    "A network can neither learn nor be tested on a class without samples: split the dataset anew by "
                    "mnist-data split, or add samples."
                ),
                PROBLEM,
                "classes",
            )
    counts = classes.groupby("name", sort=False)["samples"].sum()
    counts = counts[counts > 0]
    if len(counts) < 2:
        return
    ratio = counts.max() / counts.min()
    sizes = message(
        "{largest} has {most:,} samples, {smallest} {fewest:,}",
        largest=counts.idxmax(),
        most=counts.max(),
        smallest=counts.idxmin(),
        fewest=counts.min(),
    )
    if ratio < RARE:
        yield Finding(
            message("The classes are of about equal size."),
            message("{sizes}: {ratio:.2f} times as many.", sizes=sizes, ratio=ratio),
            "",
            NOTE,
            "classes",
        )
    else:
        yield Finding(
            message("The classes are of unequal size: {sizes}.", sizes=sizes),
            message("That is {ratio:.3g} times as many.", ratio=ratio),
            message("Judge a network by its accuracy in each class; that of all samples hides a class that is rare."),
            WARNING,
            "classes",
        )


def _closest(separability: pd.DataFrame) -> Iterator[Finding]:
    """Name the two pairs of classes that lie closest, in the first split."""
    if separability.empty:
        return
    split = separability["split"].iloc[0]
    nearest = separability[separability["split"] == split].nsmallest(2, "bhattacharyya").to_dict("records")
    pairs = [message("{class_} and {other}", class_=row["name"], other=row["other_name"]) for row in nearest]
    distances = joined([f"{row['bhattacharyya']:.2f}" for row in nearest], " and ")
    yield Finding(
        message("The classes {pair} lie closest, then {next}.", pair=pairs[0], next=pairs[1])
        if pairs[1:]
        else message("The classes {pair} lie closest.", pair=pairs[0]),
        message("Bhattacharyya distance {distances} in {split}.", distances=distances, split=split),
        "",
        NOTE,
        "separability",
    )


def _background(split: str, polarity: str) -> str:
    return message("{split}: {background}", split=split, background=message(POLARITY_WORDS.get(polarity, polarity)))


def _polarity(summary: pd.DataFrame) -> Iterator[Finding]:
    """Say which the background is, and where the splits differ in it."""
    polarities = dict(zip(summary["split"], summary["polarity"], strict=True))
    decided = {str(polarity) for polarity in polarities.values()} & {"dark", "bright"}
    if len(decided) == 2:
        yield Finding(
            message("The splits differ in their background."),
            message("{list}.", list=joined([_background(*each) for each in polarities.items()])),
            message(
                "A network that is trained on one cannot read the other: invert one of them before it is converted."
            ),
            PROBLEM,
            "samples",
        )
    else:
        polarity: Polarity = "dark" if "dark" in decided else "bright" if decided else "undecided"
        yield Finding(describe_polarity(polarity), severity=NOTE, section="samples")
