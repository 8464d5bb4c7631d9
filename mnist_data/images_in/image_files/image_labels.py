"""Labels of image files in a table next to them: labels.csv, Kaggle's id,label, Hugging Face's metadata.jsonl, ….

The rows are joined to the images by name, with or without folders and endings, as 7, 0007 or train/0007.png; which
column has the names, the names decide. Every image without a row and every row without an image is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mnist_data.errors import MismatchedPair, MnistDataError, WrongUse, first_few
from mnist_data.idx.names import parse_name
from mnist_data.images_in.image_files.metadata_tables import FILE_NAMES
from mnist_data.images_in.image_files.name_tables import NameTable
from mnist_data.images_in.text.columns import COUNTING_NAMES, column_named, named_label

SPLIT_NAMES = re.compile(r"split|subset|partition", re.IGNORECASE)

SUBMISSION = re.compile(r"submission", re.IGNORECASE)
"""In the names of tables whose labels are examples of an answer, and not true."""

NO_LABEL = frozenset({"", "-1", "na", "n/a", "nan", "null", "none", "?"})
"""What a row has, in small letters, whose image has no label."""

SPELLINGS: tuple[Callable[[str], object], ...] = (
    str,
    str.casefold,
    lambda name: name.lstrip("0") if name.isdecimal() else name,
)
"""How a name is compared: as it is, in small letters, and as a number, since tables lose the zeros of 0007."""

DISTINCT = 0.75
"""In which part of the rows a column of names has another one each; labels return more often."""


@dataclass
class TableLabels:
    """What tables say of images, which are numbered by their place. labels: as text, None for an image without one.

    splits: that a table says for an image. strays: rows whose image is not there, as `table, line 3: name`.
    tables: that were read. unclear: what is wrong with them. named: whether a column is called as labels are, or
    the user names it.
    """

    labels: dict[int, str | None] = field(default_factory=dict)
    splits: dict[int, str] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unclear: list[MnistDataError] = field(default_factory=list)
    named: bool = False


class ImageNames:
    """The names of images as tables may spell them. names: below the root, with / between folders."""

    def __init__(self, names: Sequence[str], splits: Sequence[str]) -> None:
        self.names, self.splits = names, splits
        self._parts = [_parts(name) for name in names]
        self._by_key: list[dict[object, list[int]]] = [{} for _ in SPELLINGS]
        for level, spelling in enumerate(SPELLINGS):
            for place, parts in enumerate(self._parts):
                self._by_key[level].setdefault(spelling(parts[-1]), []).append(place)

    def places(self, cell: str, level: int, folder: str, split: str | None) -> list[int]:
        """Give the images that a cell can mean. level: of SPELLINGS. folder, split: in which they are looked for."""
        parts = _parts(cell)
        spelled = SPELLINGS[level]
        if not parts[-1]:
            return []
        outer = [spelled(part) for part in parts[-2::-1]]
        places = [
            place
            for place in self._by_key[level].get(spelled(parts[-1]), ())
            if self.names[place].startswith(folder)
            and (split is None or self.splits[place] == split)
            and all(spelled(own) == given for own, given in zip(self._parts[place][-2::-1], outer, strict=False))
        ]
        exact = [place for place in places if self.names[place].endswith(cell)]
        return exact if len(places) > 1 and len(exact) == 1 else places


def _parts(name: str) -> list[str]:
    r"""Take a name apart into folders and the name itself without its ending.

    >>> _parts(r".\\train\\0007.PNG")
    ['train', '0007']
    """
    path = name.strip().replace("\\", "/")
    stem = re.sub(r"\.(png|jpe?g|jpe|bmp|gif|tiff?|webp|p[gpb]m)$", "", path, flags=re.IGNORECASE)
    return [part for part in stem.split("/") if part not in ("", ".")] or [""]


def join(root: str, tables: Sequence[NameTable], images: ImageNames, label_column: str | None) -> TableLabels | None:
    """Join tables to images; None where no table names any. label_column: of the labels, as the user gives it.

    Raises WrongUse where no table has that column. What else is wrong is kept, as class folders may decide instead.
    """
    joined = TableLabels()
    for table in tables:
        where = _names_in(table, images)
        if where is None:
            continue
        if SUBMISSION.search(PurePosixPath(table.path).name):
            joined.notes.append(f"{table.path}: left out, an example of a submission, whose labels are not true.")
            continue
        try:
            label = _label_of(table, where.column, label_column)
        except WrongUse as unclear:
            if label_column is not None:
                raise
            label = None
            joined.unclear.append(unclear)
        joined.unclear.extend(table.damage)
        joined.tables.append(table.path)
        joined.named = joined.named or label_column is not None or _is_named(table, where.column)
        if label is not None and table.header:
            joined.notes.append(f"{root}: labels are read from {table.path}, column {table.header[label]!r}.")
        elif label is not None:
            joined.notes.append(f"{root}: labels are read from {table.path}.")
        elif not joined.unclear:
            joined.notes.append(f"{root}: {table.path} has names of images, and no labels.")
        _take(joined, table, where, label, images)
    return joined if joined.tables else None


@dataclass(frozen=True)
class _Names:
    """Which column has the names, how they are spelled, and among which images they are looked for."""

    column: int
    level: int
    split: str | None
    header: bool


def _names_in(table: NameTable, images: ImageNames) -> _Names | None:
    """Find the column of names: that whose cells name the most images, each another one."""
    said = _split_said(table)
    split = said if said in images.splits else None
    best: tuple[tuple[int, bool, int, int], _Names] | None = None
    for level in range(len(SPELLINGS)):
        for column in range(table.width):
            found = [images.places(row[column], level, table.folder, split) for _, row in table.rows]
            matched = [places[0] for places in found if places]
            count = len(set(matched))
            header = table.header[column] if table.header else ""
            named = bool(header and FILE_NAMES.fullmatch(header))
            if named_label([header]) == 0 or (DISTINCT * len(matched) > count and not named):
                continue
            rank = (count, named, -level, -column)
            if count and (best is None or rank > best[0]):
                best = rank, _Names(column, level, split, bool(table.header))
    return best[1] if best else None


def _split_said(table: NameTable) -> str | None:
    """Give the split that the name of a table says, as trainLabels.csv."""
    stem = PurePosixPath(table.path).name.partition(".")[0]
    return parse_name(re.sub(r"(?<=[a-z])(?=[A-Z])", "-", stem)).split


def _is_named(table: NameTable, column: int) -> bool:
    return named_label(_others(table, column)) is not None


def _others(table: NameTable, column: int) -> list[str]:
    return ["" if place == column else name for place, name in enumerate(table.header)]


def _label_of(table: NameTable, column: int, wanted: str | None) -> int | None:
    """Find the column of labels; None in a table of nothing but names. Raises WrongUse where several could be."""
    header = _others(table, column)
    if wanted is not None:
        return column_named(table.path, header, wanted)
    named = named_label(header)
    if named is not None:
        return named
    rest = [place for place in range(table.width) if place != column]
    if table.header:
        rest = [
            place
            for place in rest
            if not COUNTING_NAMES.fullmatch(header[place]) and not SPLIT_NAMES.fullmatch(header[place])
        ]
    if len(rest) > 1:
        listed = ", ".join(map(repr, (header[place] for place in rest))) if table.header else f"{table.width} of them"
        called = "Call it label, choose it by convert's --label-column NAME"
        advice = called if table.header else "Add a first line that names them"
        raise WrongUse(f"{table.path}: which of its columns ({listed}) is the label? {advice}, or take the table out.")
    return rest[0] if rest else None


def _take(joined: TableLabels, table: NameTable, where: _Names, label: int | None, images: ImageNames) -> None:
    """Take the labels of a table's rows. Raises MismatchedPair and WrongUse, which name the line."""
    split_column = next((place for place, name in enumerate(table.header) if SPLIT_NAMES.fullmatch(name)), None)
    of_table = None if any(images.splits) else _split_said(table)
    for line, row in table.rows:
        name = row[where.column]
        places = images.places(name, where.level, table.folder, where.split)
        if len(places) > 1:
            several = first_few([images.names[place] for place in places])
            joined.unclear.append(
                WrongUse(
                    f"{table.place(line)}: {name!r} could be any of {several}. Write the folder before the "
                    "name, or name the table by its split, as train.csv."
                )
            )
            continue
        if not places:
            where_is = table.place(line, PurePosixPath(table.path).name)
            joined.strays.append(f"{where_is}: {name or 'no name'}")
            continue
        text = row[label] if label is not None and row[label].lower() not in NO_LABEL else None
        before = joined.labels.get(places[0], text)
        if before != text and None not in (before, text):
            joined.unclear.append(
                MismatchedPair(
                    table.place(line),
                    f"the label {text!r} for {images.names[places[0]]}, which has {before!r} in another row",
                    "one label for each image",
                    "Correct or take out one of the rows.",
                )
            )
            continue
        joined.labels[places[0]] = text if text is not None else before
        if split_column is not None and row[split_column]:
            joined.splits[places[0]] = parse_name(row[split_column]).split or re.sub(r"[^\w-]", "_", row[split_column])
        elif of_table is not None:
            joined.splits.setdefault(places[0], of_table)


def missing_of(joined: TableLabels, images: ImageNames) -> list[int]:
    """Give the images without a row, but for splits of which no image has one, as Kaggle's test images."""
    covered = {images.splits[place] for place in joined.labels}
    return [place for place, split in enumerate(images.splits) if place not in joined.labels and split in covered]


def require_complete(root: str, joined: TableLabels, missing: Sequence[str], skip: bool) -> None:
    """Raise MismatchedPair, which lists images without a row and rows without an image, where there are any.

    skip: the user leaves them out. Raises WrongUse for rows that could mean several images.
    """
    if joined.unclear:
        raise joined.unclear[0]
    problems = _problems(joined, missing)
    if problems and not skip:
        raise MismatchedPair(
            root,
            " and ".join(problems),
            f"an image for each row of {' and '.join(joined.tables)}, and a row for each image",
            "Correct the table (a row with an empty label is an image without one), or leave them out by "
            "--skip-unreadable of convert or prepare.",
        )


def _problems(joined: TableLabels, missing: Sequence[str]) -> list[str]:
    """Say in words which images and rows have no partner."""
    sides = (("image", "row", missing), ("row", "image", joined.strays))
    return [
        f"{len(names):,} {one}{'s' if len(names) > 1 else ''} without {'an' if other == 'image' else 'a'} {other} "
        f"({first_few(names)})"
        for one, other, names in sides
        if names
    ]


def about_left_out(root: str, joined: TableLabels, missing: Sequence[str]) -> Iterator[str]:
    """Say what is left out as the user asked for it."""
    for problem in _problems(joined, missing):
        yield f"{root}: left out: {problem}."


def contradiction(joined: TableLabels, names: Sequence[str], classes: Mapping[int, str]) -> str:
    """Say where a table and the folders contradict each other; empty where each label is one folder.

    classes: by the places of the images, as folders say them.
    """
    label_of: dict[str, tuple[str, str]] = {}
    folder_of: dict[str, str] = {}
    for place, label in joined.labels.items():
        folder = classes.get(place)
        if label is None or folder is None:
            continue
        label_before, name = label_of.setdefault(folder, (label, names[place]))
        if label_before != label:
            return f"{names[place]} has the label {label!r} and {name}, in a folder of that name, {label_before!r}"
        if folder_of.setdefault(label, folder) != folder:
            return f"{names[place]} has the label {label!r}, as have images in the folder {folder_of[label]!r}"
    return ""


def require_named(root: str, tables: Sequence[NameTable], images: ImageNames) -> None:
    """Raise MismatchedPair for a table that says to hold the labels of files, and names none that is there.

    Raises UnreadableInput for one that is damaged.
    """
    for table in tables:
        if table.damage:
            raise table.damage[0]
        columns = [place for place, name in enumerate(table.header) if name and FILE_NAMES.fullmatch(name)]
        if columns and table.rows and _is_named(table, columns[0]):
            raise MismatchedPair(
                root,
                f"no image of a name that {table.path} has, as {table.rows[0][1][columns[0]]}; the images are named "
                f"as {images.names[0]}",
                "the names of the images in one column, and their labels in another",
                "Correct the names, or take the table out, to have images without labels.",
            )
