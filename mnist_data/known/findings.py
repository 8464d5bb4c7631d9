"""What was identified, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_data.known.identify import Finding

NAMED = 5
"""Rows that a sentence names; the JSON names them all."""


def in_words(finding: Finding) -> str:
    """Say what images are, and which rows are not as published.

    >>> from mnist_data.known.identify import Change
    >>> one = Finding("", "mnist", "MNIST", "train", False, 60000, 60000, 0, 59999 / 60000, 60000, 1)
    >>> in_words(one)
    'MNIST, train images'
    >>> from dataclasses import replace
    >>> in_words(replace(one, changed=(Change(17, 17),)))
    'MNIST, train images: 1 row differs: id 17 (originally row 17)'
    """
    title = finding.title + (" with rows and columns exchanged" if finding.transposed else "")
    part = f"{finding.part}: " if finding.part else ""
    details = [text for text in (_changed(finding), _added(finding), _missing(finding), _labels(finding)) if text]
    return part + ": ".join([_head(title, finding), *(["; ".join(details)] if details else [])])


def _head(title: str, finding: Finding) -> str:
    images = "training images" if finding.split == "train" else f"{finding.split} images"
    of = f"of its {finding.original_rows:,} {images}"
    whole = f"{title}, {finding.split} images"
    if finding.complete and finding.missing and not finding.differing:
        return f"{title}: {finding.rows:,} {of}"
    if finding.complete:
        return whole + (", in another order" if finding.same_order is False else "")
    if finding.fraction == 1 and not finding.differing:
        repeated = f", some more than once in {finding.rows:,} rows" if finding.present < finding.rows else ""
        return f"{title}: {finding.present:,} {of}{repeated} (judged by {finding.judged_by:,} of them)"
    near = abs(finding.rows - finding.original_rows) < finding.original_rows / 10
    if near and finding.fraction > 0.5:
        return f"{whole}: about {_rounded(finding.differing)} of {finding.rows:,} rows differ"
    return f"{title}: about {_rounded(finding.present)} {of}, among {finding.rows:,} rows"


def _changed(finding: Finding) -> str:
    names = [
        f"id {change.id}" + ("" if change.original_row is None else f" (originally row {change.original_row})")
        for change in finding.changed
    ]
    return f"{_count(len(names), 'row differs', 'rows differ')}: {_listed(names)}" if names else ""


def _added(finding: Finding) -> str:
    names = [f"id {sample}" for sample in finding.added]
    return f"{_count(len(names), 'row is', 'rows are')} not of the original: {_listed(names)}" if names else ""


def _missing(finding: Finding) -> str:
    if not finding.missing:
        return ""
    names = [f"row {row}" for row in finding.missing_rows]
    return _count(finding.missing, "row is missing", "rows are missing") + (f": {_listed(names)}" if names else "")


def _labels(finding: Finding) -> str:
    if finding.other_labels and not finding.labels:
        return f"about {_rounded(finding.other_labels)} labels differ"
    if len(finding.labels) > NAMED:
        names = [f"id {one.id} is {one.label}, originally {one.original}" for one in finding.labels]
        return f"{len(names)} labels differ: {_listed(names)}"
    return "; ".join(f"label of id {one.id} is {one.label}, originally {one.original}" for one in finding.labels)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def _rounded(number: float) -> str:
    """Write an estimate with the two digits that it is good for."""
    return f"{float(f'{number:.2g}'):,.0f}"
