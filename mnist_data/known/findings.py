"""The identification of a dataset as a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_data.known.identify import Match

NAMED = 5
"""Rows that a sentence names; the JSON names them all."""


def in_words(match: Match) -> str:
    """Say which dataset the images are, and which rows are not as published.

    >>> from mnist_data.known.identify import Change
    >>> match = Match("", "mnist", "MNIST", "train", False, 60000, 60000, 0, 59999 / 60000, 60000, 1)
    >>> in_words(match)
    'MNIST, train images'
    >>> from dataclasses import replace
    >>> in_words(replace(match, changed=(Change(17, 17),)))
    'MNIST, train images: 1 row differs: id 17 (originally row 17)'
    """
    title = match.title + (" with rows and columns exchanged" if match.transposed else "")
    part = f"{match.part}: " if match.part else ""
    details = [text for text in (_changed(match), _added(match), _missing(match), _labels(match)) if text]
    return part + ": ".join([_head(title, match), *(["; ".join(details)] if details else [])])


def _head(title: str, match: Match) -> str:
    images = "training images" if match.split == "train" else f"{match.split} images"
    of = f"of its {match.original_rows:,} {images}"
    whole = f"{title}, {match.split} images"
    if match.complete and match.missing and not match.differing:
        return f"{title}: {match.rows:,} {of}"
    if match.complete:
        return whole + (", in another order" if match.same_order is False else "")
    if match.fraction == 1 and not match.differing:
        repeated = f", some more than once in {match.rows:,} rows" if match.present < match.rows else ""
        return f"{title}: {match.present:,} {of}{repeated} (estimated from {match.sketch_rows:,} of them)"
    near = abs(match.rows - match.original_rows) < match.original_rows / 10
    if near and match.fraction > 0.5:
        return f"{whole}: about {_rounded(match.differing)} of {match.rows:,} rows differ"
    return f"{title}: about {_rounded(match.present)} {of}, among {match.rows:,} rows"


def _changed(match: Match) -> str:
    names = [
        f"id {change.id}" + ("" if change.original_row is None else f" (originally row {change.original_row})")
        for change in match.changed
    ]
    return f"{_count(len(names), 'row differs', 'rows differ')}: {_listed(names)}" if names else ""


def _added(match: Match) -> str:
    names = [f"id {sample}" for sample in match.added]
    return f"{_count(len(names), 'row is', 'rows are')} not of the original: {_listed(names)}" if names else ""


def _missing(match: Match) -> str:
    if not match.missing:
        return ""
    names = [f"row {row}" for row in match.missing_rows]
    return _count(match.missing, "row is missing", "rows are missing") + (f": {_listed(names)}" if names else "")


def _labels(match: Match) -> str:
    if match.other_labels and not match.labels:
        return f"about {_rounded(match.other_labels)} labels differ"
    if len(match.labels) > NAMED:
        names = [f"id {row.id} is {row.label}, originally {row.original}" for row in match.labels]
        return f"{len(names)} labels differ: {_listed(names)}"
    return "; ".join(f"label of id {row.id} is {row.label}, originally {row.original}" for row in match.labels)


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number:,} {singular if number == 1 else plural}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def _rounded(number: float) -> str:
    """Round an estimate to its two significant digits."""
    return f"{float(f'{number:.2g}'):,.0f}"
