"""What the labels alone say about a training before its first epoch: classes that it hardly can learn, or cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mnist_data.batch import Integers
from mnist_data.parquet.messages import joined, message
from pipelines.settings.checks import THRESHOLDS
from pipelines.statistics.findings import Finding

RARE = THRESHOLDS["class_imbalance"].default
"""Times that a class is rarer than an equal share when it is reported, as in the audit."""

NAMED = 12
"""Most classes that a finding names; of the others it says how many there are."""


def find_class_problems(
    training: Integers, evaluated: Mapping[str, Integers], classes: int, names: Sequence[str]
) -> list[Finding]:
    """Find classes without training samples, classes with few, and outputs of a network that no sample has.

    training: labels, (n,). evaluated: labels by split, those of validation and test; below 0 are unlabelled ones.
    classes: outputs of the network. names: of the classes, as far as they have any.
    """
    counts = _counts(training, classes)
    elsewhere = {split: _counts(labels, classes) for split, labels in evaluated.items()}
    present = sum(elsewhere.values(), np.zeros(classes, np.int64))
    titles = [_title(number, names) for number in range(classes)]
    findings = []
    if len(missing := np.flatnonzero((counts == 0) & (present > 0))):
        findings.append(_without_samples([_counted(titles[number], number, elsewhere) for number in missing.tolist()]))
    if len(rare := np.flatnonzero((counts > 0) & (counts * np.count_nonzero(counts) * RARE < counts.sum()))):
        findings.append(
            _with_few(
                [
                    message("{name} ({details})", name=titles[number], details=format(counts[number], ","))
                    for number in rare.tolist()
                ],
                int(counts.sum()),
            )
        )
    if len(unused := np.flatnonzero((counts == 0) & (present == 0))):
        findings.append(_unused([titles[number] for number in unused], classes))
    return findings


def _without_samples(described: Sequence[str]) -> Finding:
    return Finding(
        message("classes without training samples"),
        message(
            "No training sample is of {classes}: every one of these samples will be misclassified.",
            classes=_listed(described),
        ),
        message(
            "Add samples of these classes, take them out of the other splits, or split anew with mnist-data split."
        ),
    )


def _with_few(described: Sequence[str], count: int) -> Finding:
    return Finding(
        message("classes with few training samples"),
        message(
            "Of {count:,} training samples few are of {classes}, which is more than {rare:g} times rarer than an equal "
            "share.",
            count=count,
            classes=_listed(described),
            rare=RARE,
        ),
        message(
            "Add samples of these classes, or copies by mnist-data augment; look at the accuracy of each class, as all "
            "together hide them."
        ),
    )


def _unused(described: Sequence[str], classes: int) -> Finding:
    return Finding(
        message("outputs without samples"),
        message(
            "The network has {outputs} outputs, but no split has a sample of {classes}.",
            outputs=classes,
            classes=_listed(described),
        ),
        message(
            "Where no samples of these classes are to come, number the labels without gaps: mnist-data convert "
            "--relabel."
        ),
    )


def _counts(labels: Integers, classes: int) -> Integers:
    known = labels[(labels >= 0) & (labels < classes)]
    return np.bincount(known, minlength=classes).astype(np.int64)


def _counted(title: str, number: int, elsewhere: Mapping[str, Integers]) -> str:
    places = [
        message("{count:,} in {split}", count=counts[number], split=split)
        for split, counts in elsewhere.items()
        if counts[number]
    ]
    return message("{name} ({details})", name=title, details=joined(places))


def _listed(described: Sequence[str]) -> str:
    more = len(described) - NAMED
    first = joined(described[:NAMED], "; ")
    return message("{classes} and {count} more classes", classes=first, count=more) if more > 0 else first


def _title(number: int, names: Sequence[str]) -> str:
    """Write a class, with its name where that is another than its number."""
    name = names[number] if number < len(names) else str(number)
    if name == str(number):
        return message("class {number}", number=number)
    return message("class {number} ({name})", number=number, name=name)
