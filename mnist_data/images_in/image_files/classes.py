"""Which split and class an image file belongs to, by the folders that it lies in, or by its name.

train/5/0001.png is of the split train and the class 5. Folders of writers, pages and the like between them do not
matter as long as it is clear which folders are the classes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mnist_data.errors import WrongUse, first_few
from mnist_data.idx.names import UNLABELLED_SPLIT, parse_name, split_named
from mnist_data.images_in.image_files.name_labels import labels_in_names
from mnist_data.images_in.stream import UNLABELLED

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_CLASS = re.compile(
    rf"(0?\d|[1-9]\d{{1,3}}|[^\W_]|{'|'.join(WORDS)}"
    r"|(digit|class|cls|label|char|character|letter|number|num)[-_ ]?[^\W_]+)",
    re.IGNORECASE,
)

GENERIC = frozenset({"images", "image", "imgs", "img", "pictures", "photos", "png", "jpg", "jpeg", "data", "files"})
"""Names of folders that say nothing of what is in them."""

Folders = tuple[str, ...]


@dataclass(frozen=True)
class Assignment:
    """The split and label of each of some files, in their order.

    classes: the names of the labels 0, 1, …. notes: what was decided for the user, who reads of it. by_folder: whether
    folders say the classes.
    """

    splits: tuple[str, ...]
    labels: tuple[int, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    by_folder: bool = field(default=False, repr=False)


def assign(names: Sequence[str], root: str = "", split: str | None = None) -> Assignment:
    """Decide split and class of image files.

    names: below the root, with / between folders. root: the folder or archive, whose own name may say the split.
    split: that of all files, as the user gives it. Classes are in natural order, the same for all splits; files without
    a class get the label -1 and are of the split unlabelled. Raises WrongUse where two
    levels of folders could be the classes.

    >>> assign(["train/5/a.png", "train/10/b.png", "test/5/c.png"])
    Assignment(splits=('train', 'train', 'test'), labels=(0, 1, 0), classes=('5', '10'), notes=())
    """
    common, splits, folders = by_split(names, root)
    below, folders = _without_common(folders)
    sole = _sole_class(common, below)
    classes, notes = _classes(root, names, folders, sole)
    ordered = sorted(set(filter(None, classes)), key=natural)
    number = {name: label for label, name in enumerate(ordered)}
    labels = tuple(UNLABELLED if name is None else number[name] for name in classes)
    splits = [split] * len(names) if split is not None else unlabelled_apart(splits, labels)
    notes = [*notes, *about_unlabelled(root, splits, labels)]
    return Assignment(tuple(splits), labels, tuple(ordered), tuple(notes), by_folder=any(folders) or bool(sole))


def folder_splits(names: Sequence[str]) -> list[str]:
    """Give the split that folders say of each file; empty where none does."""
    return by_split(names, "", "")[1]


def by_split(names: Sequence[str], root: str, fallback: str = "train") -> tuple[Folders, list[str], list[Folders]]:
    """Give the folders that all files share, the split of each file, and its folders without those."""
    common, folders = _without_common([tuple(name.split("/")[:-1]) for name in names])
    outer = (*reversed(common), Path(root).absolute().name) if root else tuple(reversed(common))
    splits, rest = _splits(folders, next((named for name in outer if (named := parse_name(name).split)), fallback))
    return common, splits, rest


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Order 2 before 10.

    >>> sorted(["10", "b", "2", "B", "a2", "a10"], key=natural)
    ['2', '10', 'a2', 'a10', 'B', 'b']
    """
    parts = [part for part in re.split(r"(\d+)", name) if part]
    numbers = ((part.isdecimal(), part.lstrip("0")) for part in parts)  # by length: int() refuses very long ones
    return [
        (0, len(digits), digits) if is_number else (1, 0, part.lower())
        for part, (is_number, digits) in zip(parts, numbers, strict=True)
    ], name


def _without_common(folders: Sequence[Folders]) -> tuple[Folders, list[Folders]]:
    """Take off the outer folders that all files share; gives them, and the others of each file."""
    common = 0
    shortest = min(map(len, folders), default=0)
    while common < shortest and len({parts[common] for parts in folders}) == 1:
        common += 1
    return (folders[0][:common] if folders else ()), [parts[common:] for parts in folders]


def _sole_class(common: Folders, below: Folders) -> str:
    """Give the class that all images have, if they have: one folder around all images may be anything.

    common: the folders around all. below: those around all within the folders of the splits.
    """
    name = (*common[-1:], *below[-1:])[-1:]
    in_split = below or any(map(split_named, common[:-1]))
    return next((part for part in name if _CLASS.fullmatch(part) or (in_split and part.lower() not in GENERIC)), "")


def _splits(folders: Sequence[Folders], fallback: str) -> tuple[list[str], list[Folders]]:
    """Find the split of each file, and take its folder off. Other folders next to those of splits are splits, too."""
    outer = {parts[0] for parts in folders if parts}
    every = len(outer) > 1 and all(parse_name(name).split for name in outer) and all(folders)
    splits_of = {name: split_named(name) for name in {part for parts in folders for part in parts}}
    start = 0 if every else None
    placed = [next((place for place, name in enumerate(parts) if splits_of[name]), start) for parts in folders]
    beside = any(place == 0 for place in placed)  # as extra/5/a.png next to train/5/b.png
    splits, rest = [], []
    for parts, place in zip(folders, placed, strict=True):
        if place is not None:
            splits.append(splits_of[parts[place]] or parse_name(parts[place]).split or fallback)
        elif beside and len(parts) > 1 and re.fullmatch(r"[A-Za-z0-9_-]+", parts[0]):
            splits.append(parts[0].lower())
            place = 0
        else:
            splits.append(fallback)
        rest.append(parts if place is None else (*parts[:place], *parts[place + 1 :]))
    return splits, rest


def _classes(
    root: str, names: Sequence[str], folders: Sequence[Folders], sole: str
) -> tuple[list[str | None], list[str]]:
    """Give the name of each file's class, or None, and what was decided."""
    if any(folders):
        different = {parts for parts in folders if parts}
        level = _level(root, different)
        return [parts[level] if parts else None for parts in folders], _about_merged(root, different, level)
    if sole:
        return [sole] * len(names), []
    labels = labels_in_names(names)
    if labels is None:
        return [None] * len(names), []
    where = root or "the folder"
    return list(labels), [f"{where}: labels are read from the names of the files, as {labels[0]!r} of {names[0]}."]


def _level(root: str, folders: set[Folders]) -> int:
    """Say which folders are the classes: 0, the outermost, or -1, the innermost. Raises WrongUse where nothing does."""
    outer, inner = ({parts[level] for parts in folders} for level in (0, -1))
    if all(len(parts) == 1 for parts in folders):
        return -1
    named = [all(map(_CLASS.fullmatch, names)) for names in (outer, inner)]
    if named[0] != named[1]:
        return 0 if named[0] else -1
    if len(inner) == 1 or len(outer) == 1:
        return 0 if len(inner) == 1 else -1
    example = "/".join(max(folders))
    outer_ones, inner_ones = (first_few(sorted(names, key=natural), 3) for names in (outer, inner))
    raise WrongUse(
        f"{root or 'The folder'}: nothing decides which folders are the classes, the outer ones ({outer_ones}) or "
        f"the inner ones ({inner_ones}), as in {example}; keep one level of folders below that of the splits."
    )


def _about_merged(root: str, folders: set[Folders], level: int) -> list[str]:
    """Say it where folders of one name that lie in different ones are taken for one class."""
    parents: dict[str, set[str]] = {}
    for parts in folders:
        if len(parts) > 1 and level == -1:
            parents.setdefault(parts[-1], set()).add("/".join(parts[:-1]))
    merged = next((name for name in sorted(parents, key=natural) if len(parents[name]) > 1), None)
    if merged is None:
        return []
    where = first_few(sorted(parents[merged], key=natural), 3)
    return [f"{root or 'the folder'}: folders of one name are one class wherever they lie, as {merged} in {where}."]


def unlabelled_apart(splits: Sequence[str], labels: Sequence[int]) -> list[str]:
    """Put images without a label into a split of their own, which nothing is trained on, as Kaggle's test images.

    Of several splits without any label the names stay.
    """
    if set(labels) == {UNLABELLED} and len(set(splits)) > 1:
        return list(splits)
    return [UNLABELLED_SPLIT if label == UNLABELLED else split for split, label in zip(splits, labels, strict=True)]


def about_unlabelled(root: str, splits: Sequence[str], labels: Sequence[int]) -> list[str]:
    """Say of which splits the labels are not known."""
    rows, without = Counter(splits), Counter(split for split, label in zip(splits, labels, strict=True) if label < 0)
    return [
        f"{root or 'the folder'}: no folder, name or table says the labels of {_count(count, rows[split])} of {split}."
        for split, count in without.items()
    ]


def _count(count: int, rows: int) -> str:
    if count < rows:
        return f"{count:,} of {rows:,} images"
    return "the only image" if rows == 1 else f"all {rows:,} images"
