"""Labels in the names of image files: 5_0001.png, img_12_label_7.png, 0001-7.png.

A number in a name is as often a count as a label. So one is taken for a label only where all names of a set agree, and
where no other number in them could be the label as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

LABEL_WORDS = frozenset({"label", "labels", "class", "cls", "target", "category"})
"""Words after which a label follows, whatever it is."""

CLASS_WORDS = frozenset({"digit", "char", "character", "letter"})
"""Words after which a label or a count follows."""

_COUNTED = "img image images page line scan row col column writer user subject id no nr num number frame sample photo"
COUNT_WORDS = frozenset(re.split(" ", f"{_COUNTED} pic picture file index idx n p s u w"))
"""Words after which a count follows."""

MOST_DIGITS = 18
"""Of a number that counts files; int() refuses very long ones."""

MOST_CLASSES = 1_000

_DATE = re.compile(r"(?<!\d)(19|20)\d\d([-_. ]?)(0\d|1[0-2])\2([0-2]\d|3[01])(?!\d)")


def labels_in_names(names: Sequence[str]) -> list[str] | None:
    """Give the label that each name has in it; None where the names do not decide which part of them it is.

    names: of files, with or without folders before them.

    >>> labels_in_names(["img_1_label_7.png", "img_2_label_5.png"])
    ['7', '5']
    >>> labels_in_names(["5_0001.png", "5_0002.png", "7_0001.png", "7_0002.png"])
    ['5', '5', '7', '7']
    >>> labels_in_names(["1_1.png", "1_2.png", "2_1.png", "2_2.png"]) is None
    True
    """
    rows = [_tokens(name) for name in names]
    if not rows or any(_form(row) != _form(rows[0]) for row in rows):
        return None
    fields = [[row[place] for row in rows] for place in range(len(rows[0]))]
    varied = [place for place, values in enumerate(fields) if len(set(values)) > 1]
    named = [place for place in varied if _word_before(fields, place) in LABEL_WORDS and _is_label(fields[place])]
    # What follows a date is a time or a count, as in the names of cameras and screenshots.
    dated = any(_DATE.search(name) for name in names)
    chosen = named or [place for place in varied if not dated and _could_be_label(fields, place, varied)]
    return fields[chosen[0]] if len(chosen) == 1 else None


def _tokens(name: str) -> list[str]:
    """Take a name apart into its numbers and words.

    >>> _tokens("a/img12-label_7.png")
    ['img', '12', 'label', '7']
    """
    return re.findall(r"\d+|[^\W\d_]+", PurePosixPath(name).stem)


def _form(tokens: Sequence[str]) -> list[bool]:
    return [token.isdecimal() for token in tokens]


def _word_before(fields: Sequence[Sequence[str]], place: int) -> str:
    """Give the word that stands before a field in all names; empty where there is none."""
    before = set(fields[place - 1]) if place else set()
    return before.pop().lower() if len(before) == 1 else ""


def _is_label(values: Sequence[str]) -> bool:
    """Say whether values can be labels by their spelling: no dates, and no zeros before a long number."""
    return not any(value.isdecimal() and (len(value) > 4 or re.match(r"0\d\d", value)) for value in values)


def _could_be_label(fields: Sequence[Sequence[str]], place: int, varied: Sequence[int]) -> bool:
    """Say whether a field can be the label where no word says so: its values return, and it is no count."""
    values, distinct = fields[place], len(set(fields[place]))
    if _word_before(fields, place) in COUNT_WORDS or not _is_label(values):
        return False
    if 2 * distinct > len(values) or distinct > MOST_CLASSES:
        return False
    others = [tuple(fields[other][row] for other in varied if other != place) for row in range(len(values))]
    return _word_before(fields, place) in CLASS_WORDS or not _counts(values, others)


def _counts(values: Sequence[str], groups: Sequence[object]) -> bool:
    """Say whether the values number the members of each group from 0 or 1, as in a_1, a_2, b_1, b_2, b_3."""
    if not all(value.isdecimal() and len(value) <= MOST_DIGITS for value in values):
        return False
    members: dict[object, list[int]] = {}
    for group, value in zip(groups, values, strict=True):
        members.setdefault(group, []).append(int(value))
    return all(
        sorted(numbers) in (list(range(len(numbers))), list(range(1, len(numbers) + 1))) for numbers in members.values()
    )
