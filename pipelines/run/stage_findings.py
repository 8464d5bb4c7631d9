"""What the stages that make datasets say in sentences, and the tables of their pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from mnist_data import storage
from mnist_data.parquet.messages import Message, few, joined, message, plural_message
from mnist_data.parquet.tables import read_table
from pipelines.images.measures.background import describe_polarity
from pipelines.stages.clean import TABLES, CleanResult
from pipelines.stages.prepare import PrepareResult
from pipelines.statistics.findings import NOTE, WARNING, Finding, findings_table


def preparation_findings(outcome: PrepareResult) -> pd.DataFrame:
    """Give the findings of photos: how many digits there are, what was set aside, and what a person should look at."""
    return findings_table(_prepared(outcome))


def _prepared(outcome: PrepareResult) -> Iterator[Finding]:
    dataset, photos = outcome.dataset, outcome.tables["photos"].attrs["photos"]
    splits = joined([f"{rows:,} {split}" for split, rows in dataset.splits.items()])
    classes = message("Classes: {classes}.", classes=few(list(dataset.metadata.classes), 12))
    yield Finding(
        plural_message(
            "{samples:,} samples were found in {number:,} photo ({splits}).",
            "{samples:,} samples were found in {number:,} photos ({splits}).",
            photos,
            samples=len(dataset),
            splits=splits,
        ),
        classes if dataset.metadata.classes else "",
        severity=NOTE,
        section="prepared",
    )
    if outcome.empty:
        yield Finding(
            message("No digit was found in {files}.", files=few(list(outcome.empty), 3)),
            message("{empty:,} of {photos:,} photos gave nothing.", empty=len(outcome.empty), photos=photos),
            message("Photograph only the sheet, from above and in even light."),
            WARNING,
            "prepared",
        )
    for note in outcome.notes:
        yield Finding(note, severity=WARNING, section="set-aside" if "not taken for" in note else "prepared")
    aside = outcome.tables.get("set_aside")
    if aside is not None and len(aside):
        reasons = Counter(aside["reason"])
        listed = joined([_counted(reason, count) for reason, count in reasons.most_common(3)], "; ")
        yield Finding(
            message("{shapes:,} shapes were set aside as no digits.", shapes=aside.attrs["shapes"]),
            message("Most often: {reasons}.", reasons=listed),
            message("Look whether a digit is among them."),
            NOTE,
            "set-aside",
        )


def _counted(reason: str, count: int) -> Message:
    """Write a reason, which the catalogues have, and how often it was one."""
    return message("{name} ({details})", name=message(reason), details=f"{count:,}")


def cleaning_tables(outcome: CleanResult) -> dict[str, pd.DataFrame]:
    """Read the tables that cleaning has written next to its dataset, by their names on a page; and `findings`."""
    places = {name: f"{outcome.dataset.location}.{ending}.parquet" for ending, name in TABLES.items()}
    tables = {name: read_table(path) for name, path in places.items() if storage.exists(path)}
    return {**tables, "findings": findings_table(_cleaned(outcome))}


def _cleaned(outcome: CleanResult) -> Iterator[Finding]:
    removed, changed, read = (int(outcome.totals[name].sum()) for name in ("removed", "changed", "samples_in"))
    if removed or changed:
        reasons = outcome.reasons.groupby("reason")["samples"].sum().sort_values(ascending=False, kind="stable")
        listed = joined([_counted(str(reason).replace("_", " "), count) for reason, count in reasons.items()])
        yield Finding(
            message(
                "Of {samples:,} samples {removed:,} were removed and {changed:,} changed.",
                samples=read,
                removed=removed,
                changed=changed,
            ),
            message("Reasons: {reasons}.", reasons=listed),
            message("Rules make mistakes, so look at them."),
            WARNING,
            "quarantine",
        )
    else:
        kept = message("All {samples:,} samples were kept as they were.", samples=read)
        yield Finding(kept, severity=NOTE, section="cleaning")
    yield Finding(describe_polarity(outcome.polarity, outcome.undecided), severity=NOTE, section="cleaning")
    if outcome.decided is not None:
        counts = outcome.decided.counts
        yield Finding(
            message(
                "People decided about {decided:,} of these samples: to remove {remove:,}, to relabel {relabel:,}, to "
                "keep {keep:,}; of {unsure:,} they are unsure.",
                decided=len(outcome.decided.valid),
                remove=counts["remove"],
                relabel=counts["relabel"],
                keep=counts["keep"],
                unsure=counts["unsure"],
            ),
            severity=NOTE,
            section="quarantine",
        )
        for note in outcome.decided.notes:
            yield Finding(
                note, advice=message("Look at them again, and decide anew."), severity=WARNING, section="quarantine"
            )
