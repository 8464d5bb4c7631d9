"""What the columns of a table in text hold: pixels and in which order, the label, and what is neither.

A header says it where it names a label or counts the pixels. Without one the number of columns and their values decide:
a label differs from the pixel next to it, and pixels at the border of an image do not.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnist_data.errors import WrongUse, first_few
from mnist_data.idx.layout import CHANNELS, parse_size
from mnist_data.images_in.text.rows_of_text import Floats

LABEL_NAMES = (
    r"labels?|class(es)?|targets?|y",
    r"((true|class)[ _-]?)?(class|label|target)[ _-]?(id|name|index|no)?",
    r"digits?|letters?|characters?|category|emotion|species",
)
"""Names of the label's column, the surest first."""

COUNTING_NAMES = re.compile(
    r"unnamed: ?\d+|(image|img|row|sample)?[ _-]?(ids?|index|idx|no|nr|names?)|#|", re.IGNORECASE
)
"""Names of columns that number the lines or name a file."""

FEWEST_PIXELS = 4

LONGEST_NAME = 64
"""Characters of the longest name that can count a pixel."""

CLEARLY = 2.0
"""How many times more the label must differ from its neighbour than a pixel at the other end does from its own."""

OFTEN = 0.25
"""In which part of the rows the label must differ from its neighbour: noise at a dark border does so in few."""


@dataclass(frozen=True)
class Columns:
    """What the columns hold. pixels: in the order of an image. label: None where there is none.

    size: as the header counts rows and columns, like "28x28"; else None. notes: what was decided. open: the first or
    the last of the pixels is the label, and the values must say which.
    """

    pixels: tuple[int, ...]
    label: int | None
    size: str | None = None
    notes: tuple[str, ...] = ()
    open: bool = False


@dataclass(frozen=True)
class Pixel:
    """The name of a pixel's column. place: as its numbers say: one of all, or row, column and, in colour, channel."""

    column: int
    stem: str
    place: tuple[int, ...]


def columns_by_name(
    path: str, names: Sequence[str], texts: Sequence[int], size: str | None, label_column: str | None = None
) -> Columns:
    """Decide by a header. texts: the columns that hold no numbers. size, label_column: as the user gives them.

    Raises WrongUse where several columns could be the label, or none has the name that the user gives.
    """
    label = named_label(names) if label_column is None else column_named(path, names, label_column)
    pixels = _named_pixels(names, label, texts)
    taken = {pixel.column for pixel in pixels} | {label}
    others = [column for column, name in enumerate(names) if column not in taken and name]
    rest = [column for column in others if not COUNTING_NAMES.fullmatch(names[column])]
    ordered = sorted(pixels, key=lambda pixel: pixel.place)
    named_size = _named_size(ordered)
    decided = label is not None or named_size is not None or _is_plausible(len(pixels), size)
    notes: list[str] = []
    if label is None and len(rest) > 1:
        listed = _listed(names, rest)
        raise WrongUse(f"{path}: which of the columns {listed} is the label? Choose it by --label-column NAME.")
    if label is None and rest:
        label = rest[0]
        notes.append(f"{path}: its labels are taken from the column {names[label]}.")
    elif not decided and _is_plausible(len(pixels) - 1, size):
        return Columns(tuple(pixel.column for pixel in pixels), None, open=True)
    left_out = [column for column in others if column != label]
    if left_out:
        notes.append(f"{path}: columns that are left out: {_listed(names, left_out)}.")
    if ordered != list(pixels):
        notes.append(f"{path}: its pixels are put in the order that their columns' names say.")
    return Columns(tuple(pixel.column for pixel in ordered), label, named_size, tuple(notes))


def columns_by_values(path: str, count: int, texts: Sequence[int], values: Floats, size: str | None) -> Columns:
    """Decide without a header: by how many columns there are, and by the values of the first rows, (n, columns).

    Raises WrongUse where several columns hold text.
    """
    columns = list(range(count))
    if len(texts) > 1:
        raise WrongUse(
            f"{path}: which of the {len(texts)} columns of text is the label? Give the file a first line of names, "
            "as in label,pixel0,pixel1,…"
        )
    if texts:
        pixels = tuple(column for column in columns if column != texts[0])
        return Columns(pixels, texts[0], None, (f"{path}: its labels are taken from column {texts[0] + 1:,}.",))
    counted = len(values) >= 3 and bool((np.diff(values[:, 0]) == 1).all()) and values[0, 0] in (0, 1)
    # A few rows may have the labels 0, 1, 2, …; with a label besides, another number of columns is left.
    few = _is_plausible(count - 2, size) and not _is_plausible(count - 1, size)
    if counted and not _is_plausible(count, size) and (few or len(values) >= 20):
        note = f"{path}: its first column counts the lines and is left out."
        return Columns(tuple(columns[1:]), None, None, (note,), open=not _is_plausible(count - 1, size))
    return Columns(tuple(columns), None, open=not _is_plausible(count, size))


def with_label(path: str, columns: Columns, values: Floats) -> Columns | None:
    """Find the label in the first or in the last of the pixels, by the values of some rows, (n, columns).

    None where they do not decide, as of a file that is sorted by its labels.
    """
    pixels = columns.pixels
    if len(pixels) < 2:  # neighbours decide
        return None
    steps, rates = [], []
    for end, neighbour in ((pixels[0], pixels[1]), (pixels[-1], pixels[-2])):
        whole = bool((values[:, end] == np.rint(values[:, end])).all())
        differences = np.abs(values[:, end] - values[:, neighbour])
        steps.append(float(differences.mean()) if whole else -1.0)
        rates.append(float((differences > 0).mean()))
    first = steps[0] > steps[1]
    if max(steps) <= 0 or min(steps) * CLEARLY > max(steps) or rates[0 if first else 1] < OFTEN:
        return None
    note = f"{path}: its labels are taken from the {'first' if first else 'last'} column."
    return _labelled(columns, 0 if first else -1, note)


def _labelled(columns: Columns, place: int, note: str) -> Columns:
    label = columns.pixels[place]
    pixels = tuple(column for column in columns.pixels if column != label)
    return Columns(pixels, label, None, (*columns.notes, note))


def column_named(path: str, names: Sequence[str], wanted: str) -> int:
    """Find the column of a name, whatever its case. Raises WrongUse where there is none."""
    named = [column for column, name in enumerate(names) if name == wanted]
    named += [column for column, name in enumerate(names) if name.casefold() == wanted.casefold()]
    if not named:
        others = _listed(names, [column for column, name in enumerate(names) if name]) if any(names) else "no names"
        raise WrongUse(f"{path}: none of its columns is called {wanted!r}; it has {others}.")
    return named[0]


def named_label(names: Sequence[str]) -> int | None:
    """Find the column whose name says that it is the label."""
    for pattern in LABEL_NAMES:
        for column, name in enumerate(names):
            if re.fullmatch(pattern, name, re.IGNORECASE):
                return column
    return None


def counted_pixels(names: Sequence[str], left_out: Sequence[int | None] = ()) -> list[Pixel]:
    """Find the columns whose names count on: pixel0, pixel1, …, or 1x1, 1x2, …; none where too few do.

    left_out: columns that are no pixels, whatever their names are.
    """
    counted = []
    for column, name in enumerate(names):
        if column in left_out or len(name) > LONGEST_NAME:
            continue
        match = re.fullmatch(r"(.*?)(\d+)(?:(\D+)(\d+))?", name)
        if three := re.fullmatch(r"(\D*)(\d+)(\D+)(\d+)(\D+)(\d+)", name):
            stem, row, between, place_in_row, and_between, channel = three.groups()
            place: tuple[int, ...] = (int(row), int(place_in_row), int(channel))
            counted.append(Pixel(column, f"{stem}#{between}#{and_between}", place))
        elif match:
            stem, first, between, second = match.groups()
            place = (int(first),) if second is None else (int(first), int(second))
            if stem.lower().endswith("x") and (between or "").lower().strip("_-. ") == "y":
                place = place[::-1]
            counted.append(Pixel(column, f"{stem}#{between or ''}", place))
    stem, most = Counter(pixel.stem for pixel in counted).most_common(1)[0] if counted else ("", 0)
    pixels = [pixel for pixel in counted if pixel.stem == stem]
    return pixels if most >= FEWEST_PIXELS and len({pixel.place for pixel in pixels}) == most else []


def _named_pixels(names: Sequence[str], label: int | None, texts: Sequence[int]) -> list[Pixel]:
    """Find the columns whose names count on; without such names all of numbers, but for another label."""
    named = named_label(names)
    return counted_pixels(names, [label, *texts]) or [
        Pixel(column, "", (column,))
        for column, name in enumerate(names)
        if column not in (label, named) and column not in texts and name and not COUNTING_NAMES.fullmatch(name)
    ]


def _named_size(pixels: Sequence[Pixel]) -> str | None:
    """Give the size of an image whose header names rows, columns and, in colour, channels, and all of them."""
    if not pixels or len(pixels[0].place) < 2:
        return None
    height, width, *channels = (len({pixel.place[axis] for pixel in pixels}) for axis in range(len(pixels[0].place)))
    whole = math.prod((height, width, *channels)) == len(pixels) and min(height, width) > 1
    return "x".join(map(str, (height, width, *channels))) if whole and all(n in CHANNELS for n in channels) else None


def _is_plausible(pixels: int, size: str | None) -> bool:
    """Say whether an image can have so many pixels: a square, grey or in three channels, or what the user says."""
    if pixels < FEWEST_PIXELS:
        return False
    if size is not None:
        return pixels == math.prod(parse_size(size))
    return any(math.isqrt(pixels // channels) ** 2 * channels == pixels for channels in (1, 3))


def _listed(names: Sequence[str], columns: Sequence[int]) -> str:
    return first_few([repr(names[column]) for column in columns])
