"""A table of numbers in text, of which the first lines are known: what its columns hold, and its rows as images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.idx.layout import Layout, as_announced, layout_of
from mnist_data.idx.names import parse_name
from mnist_data.images_in.stream import UNLABELLED, Options
from mnist_data.images_in.text.cells import Grammar, TableStream
from mnist_data.images_in.text.columns import FEWEST_PIXELS, Columns, columns_by_name, columns_by_values, with_label
from mnist_data.images_in.text.reader import LABEL, SKIPPED, TEXT_LABEL
from mnist_data.images_in.text.rows_of_text import FIRST_ROWS, Begin, Floats, TextStream, dtype_of_most

ROWS_TO_DECIDE = 200
"""Rows that are looked at together where the first ones do not decide."""

MOST_CELLS = 1 << 22
"""Numbers of the first rows that decide what the columns hold."""

ENDINGS = re.compile(r"\.(csv|tsv|txt|dat|data|arff|libsvm|svm|svmlight)(?=\.|$)", re.IGNORECASE)


class NoImages(UnreadableInput):
    """A table whose rows are no images."""

    def __init__(self, path: str, found: str = "no lines of numbers") -> None:
        expected = "a line for each image, with its pixels as numbers"
        super().__init__(path, found, expected, "Check which file it is.")

    def __reduce__(self) -> tuple[type[NoImages], tuple[str, str]]:
        return NoImages, (self.path, self.found)


@dataclass(frozen=True)
class Table:
    """What the first lines say. names: of the columns, or none. cells: of the first rows. words: columns of words."""

    grammar: Grammar
    begin: Begin
    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    words: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many columns there are."""
        return len(self.cells[0])

    @property
    def ends_with_nothing(self) -> bool:
        """Whether each line ends with a delimiter."""
        return not any(cells[-1] for cells in self.cells) and not (self.names and self.names[-1])


def open_table(path: str, table: Table, options: Options) -> TableStream:
    """Decide what a table holds. Raises NoImages for rows that are none, WrongUse where nothing decides."""
    count = table.count - table.ends_with_nothing
    columns = _columns(path, table, count, options)
    if len(columns.pixels) < FEWEST_PIXELS:
        raise NoImages(
            path, f"{count} column{'s' if count > 1 else ''}, which hold{'s' if count == 1 else ''} no images"
        )
    places = np.full(table.count, SKIPPED)
    places[list(columns.pixels)] = np.arange(len(columns.pixels))
    if columns.label is not None:
        places[columns.label] = TEXT_LABEL if columns.label in table.words else LABEL
    pixels = first_rows(_stream(path, table, places))
    layout = layout_of((pixels.shape[1],), pixels, path, options.size or columns.size)
    stream = _stream(path, table, places, layout, dtype_of_most(pixels))
    without = columns.label is None or _without_labels(_stream(path, table, places))
    stream.split = options.split or ("unlabelled" if without else split_of(path))
    unlabelled = (f"{path}: its lines have no label.",) if without else ()
    stream.notes = tuple(filter(None, (*table.notes, *columns.notes, *unlabelled, layout.note)))
    return stream


def _without_labels(stream: TableStream) -> bool:
    """Say whether every label is -1, which stands for none; the first other one ends the reading."""
    some = False
    for chunk in stream.chunks():
        if chunk.labels is None or bool((chunk.labels != UNLABELLED).any()):
            return False
        some = some or len(chunk.labels) > 0
    return some


def split_of(path: str) -> str:
    """Give the split that the name of a file says, also within csvTrainImages; train where it says none."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", ENDINGS.sub("", Path(path).name))
    return parse_name(words).split or "train"


def first_rows(stream: TextStream) -> Floats:
    """Read rows until there are enough of them, or one is wrong; the first may not be."""
    rows: list[Floats] = []
    cells = 0
    try:
        for chunk in stream.chunks():
            rows.append(chunk.pixels.copy())
            cells += chunk.pixels.size
            if sum(map(len, rows)) >= FIRST_ROWS or cells >= MOST_CELLS:
                break
    except UnreadableInput:
        if not rows:
            raise
    if not rows:
        raise NoImages(stream.path, "no rows")
    values = np.concatenate(rows)[:FIRST_ROWS]
    return values[np.isfinite(values).all(axis=1)]


def _stream(
    path: str,
    table: Table,
    places: npt.NDArray[np.int64],
    layout: Layout | None = None,
    dtype: str = "float64",
) -> TableStream:
    flat = layout or as_announced((int((places >= 0).sum()),))
    return TableStream(path, "", flat, dtype, table.begin, table.grammar, places, table.names)


def _columns(path: str, table: Table, count: int, options: Options) -> Columns:
    """Decide what the columns hold, by more rows where the first do not say it, as in a file sorted by its labels."""
    words, size = [column for column in table.words if column < count], options.size
    if options.label_column is not None and not table.names:
        raise WrongUse(f"{path}: it has no first line of names, one of which --label-column could be.")
    if table.names:
        columns = columns_by_name(path, table.names[:count], words, size, options.label_column)
        return _with_label(path, table, columns) if columns.open else columns
    numeric = [column for column in range(count) if column not in words]
    places = np.full(table.count, SKIPPED)
    places[numeric] = np.arange(len(numeric))
    numbers = first_rows(_stream(path, table, places))
    values = np.zeros((len(numbers), count))
    values[:, numeric] = numbers
    columns = columns_by_values(path, count, words, values, size)
    if not columns.open:
        return columns
    return with_label(path, columns, values) or _with_label(path, table, columns)


def _with_label(path: str, table: Table, columns: Columns) -> Columns:
    """Read on until the rows decide whether the label is first or last."""
    if len(columns.pixels) < FEWEST_PIXELS:
        return columns
    ends = [*columns.pixels[:2], *columns.pixels[-2:]]
    places = np.full(table.count, SKIPPED)
    places[ends] = np.arange(4)
    values = np.zeros((ROWS_TO_DECIDE, table.count))
    for chunk in _stream(path, table, places).chunks():
        for first in range(0, len(chunk.pixels), ROWS_TO_DECIDE):
            pixels = chunk.pixels[first : first + ROWS_TO_DECIDE]
            values[: len(pixels), ends] = pixels
            if decided := with_label(path, columns, values[: len(pixels)]):
                return decided
    raise WrongUse(
        f"{path}: nothing decides whether its labels are in the first or in the last column; give it a first line "
        "of names, as in label,pixel0,pixel1,…"
    )
