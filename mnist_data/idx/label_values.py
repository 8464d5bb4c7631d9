"""Which numbers stand in files as labels: classes from 0, or characters, counts from 1, identifiers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from mnist_data.idx.format import open_idx
from mnist_data.idx.forms import Forms
from mnist_data.idx.labels import labels_of
from mnist_data.idx.pairing import Pair

MOST_CLASSES = 1_000
"""More different labels than any dataset of this field has classes: such labels are identifiers."""


def label_values(pairs: Iterable[Pair], forms: Iterable[Forms]) -> tuple[int, ...]:
    """Give the different labels of all files, ascending; reads the files of labels to their ends."""
    values: set[int] = set()
    for pair, form in zip(pairs, forms, strict=True):
        with open_idx(pair.labels, form.byte_order) as reader:
            for rows in reader.batches(1 << 16):
                values.update(np.unique(labels_of(rows, form.labels, pair.labels)).tolist())
    return tuple(sorted(values))


def class_names(values: Sequence[int]) -> tuple[str, ...]:
    """Name classes by the labels that they had: by the character where all are codes of letters and digits.

    >>> class_names((65, 66, 97)), class_names((3, 17))
    (('A', 'B', 'a'), ('3', '17'))
    """
    return tuple(map(chr if are_characters(values) else str, values))


def are_characters(values: Collection[int]) -> bool:
    """Say whether labels are codes of ASCII letters and digits, of more than one class."""
    return (
        len(values) > 1
        and all(value < 128 and chr(value).isalnum() for value in values if value >= 0)
        and min(values, default=-1) >= ord("0")
    )


def advice_on(values: Collection[int]) -> str:
    """Say what is odd about labels that should be numbers of classes from 0, and what to do; empty where nothing is.

    >>> advice_on({1, 2, 3})
    'labels begin at 1: --first-label 1 makes them begin at 0'
    >>> advice_on({0, 1, 2})
    ''
    """
    if are_characters(values):
        names = class_names(sorted(values))
        shown = f"{names[0]!r} … {names[-1]!r}"
        return f"labels are codes of characters, {shown}: --relabel numbers them from 0 and names the classes by them"
    if len(values) > MOST_CLASSES:
        return f"{len(values):,} different labels are more than classes: they may be identifiers, or targets to predict"
    largest, smallest = max(values, default=0), min(values, default=0)
    if sorted(values) == list(range(1, 11)):
        return (
            "labels are 1 … 10: --first-label 1 makes them begin at 0; where 10 stands for the digit 0, as in SVHN, "
            "--relabel names the classes by them instead"
        )
    if smallest == 1 and largest == len(values):
        return "labels begin at 1: --first-label 1 makes them begin at 0"
    if smallest >= 0 and largest >= 2 * len(values) + 16:
        return f"{len(values):,} different labels go up to {largest:,}: --relabel numbers those that occur from 0"
    return ""
