"""CSV and other tables of numbers in text: a line an image, its pixels as columns, and its label in one of them.

pjreddie's files begin with the label and have no header, Kaggle's have one ("label,pixel0,…") and a test file without
labels, OpenML's exports end with the class, and USPS's text has blanks between its numbers. What separates the cells,
where the label is and what the columns mean is decided by content; how, the notes say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.idx.compression import open_decoded
from mnist_data.idx.layout import Layout, as_announced, layout_of
from mnist_data.idx.names import parse_name
from mnist_data.images_in.cells import Grammar, TableStream, decoded, is_missing
from mnist_data.images_in.columns import (
    FEWEST_PIXELS,
    Columns,
    columns_by_name,
    columns_by_values,
    named_label,
    with_label,
)
from mnist_data.images_in.rows_of_text import FIRST_ROWS, Floats, agree, dtype_of_most
from mnist_data.images_in.stream import Form, Options, Source
from mnist_data.images_in.text import LABEL, SKIPPED, TEXT_LABEL, UTF_16, TextReader, is_utf_16

FIRST_LINES = 24
"""Lines that decide how the cells are written and whether there is a header."""

ROWS_TO_DECIDE = 200
"""Rows that are looked at together where the first ones do not decide."""

MOST_CELLS = 1 << 22
"""Numbers of the first rows that decide what the columns hold."""

MOST_COLUMNS = 1 << 20
"""More columns than images have pixels that people write as text."""

DELIMITERS = ",;\t| "

NO_TABLE = (
    "no lines of numbers",
    "a line for each image, with its pixels as numbers",
    "Check which file it is.",
)


@dataclass(frozen=True)
class Table:
    """What the first lines say. names: of the columns, or none. cells: of the first rows that are one image each."""

    grammar: Grammar
    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]

    @property
    def count(self) -> int:
        """How many columns there are."""
        return len(self.cells[0])

    @property
    def texts(self) -> list[int]:
        """The columns that hold words: in most of their cells, or in any of a column where the label may be."""
        words = [
            sum(not self.grammar.is_number(cell) and not is_missing(cell) for cell in values)
            for values in zip(*self.cells, strict=True)
        ]
        outer = {self.named_label, 0, self.count - 1} if self.named_label is None else {self.named_label}
        return [
            column for column, count in enumerate(words) if 2 * count > len(self.cells) or (count and column in outer)
        ]

    @property
    def named_label(self) -> int | None:
        """The column that a header names as the label."""
        return named_label(self.names)

    @property
    def ends_with_nothing(self) -> bool:
        """Whether each line ends with a delimiter."""
        return not any(cells[-1] for cells in self.cells) and not (self.names and self.names[-1])


def open_csv(path: str, options: Options) -> TableStream:
    """Open a table and decide what it holds. Raises UnreadableInput for no table, WrongUse where nothing decides."""
    table = _table_of(path)
    count = table.count - table.ends_with_nothing
    texts = [column for column in table.texts if column < count]
    places = np.array([SKIPPED if column in texts or column >= count else column for column in range(table.count)])
    places[places >= 0] = np.arange((places >= 0).sum())
    numbers = _first_rows(_stream(path, table, places))
    values = np.zeros((len(numbers), count))
    values[:, [column for column in range(count) if column not in texts]] = numbers
    columns = _columns(path, table, texts, values, options.size)
    if len(columns.pixels) < FEWEST_PIXELS:
        raise UnreadableInput(path, f"{len(columns.pixels)} columns of pixels", *NO_TABLE[1:])
    places = np.full(table.count, SKIPPED)
    places[list(columns.pixels)] = np.arange(len(columns.pixels))
    if columns.label is not None:
        places[columns.label] = TEXT_LABEL if columns.label in texts else LABEL
    pixels = values[:, columns.pixels]
    layout = layout_of((pixels.shape[1],), pixels, path, options.size or columns.size)
    stream = _stream(path, table, places, layout, dtype_of_most(pixels))
    named = parse_name(re.sub(r"\.(csv|tsv|txt)\b", "", Path(path).name, flags=re.IGNORECASE)).split
    stream.split = options.split or ("unlabelled" if columns.label is None else named or "train")
    unlabelled = (f"{path}: its lines have no label.",) if columns.label is None else ()
    notes = (layout.note,) if layout.note else ()
    stream.notes = (*_about(path, table), *columns.notes, *unlabelled, *notes)
    return stream


def _stream(
    path: str,
    table: Table,
    places: npt.NDArray[np.int64],
    layout: Layout | None = None,
    dtype: str = "float64",
) -> TableStream:
    flat = layout or as_announced((int((places >= 0).sum()),))
    return TableStream(path, "", flat, dtype, table.grammar, places, table.names)


def _first_rows(stream: TableStream) -> Floats:
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
    values = np.concatenate(rows)[:FIRST_ROWS]
    return values[np.isfinite(values).all(axis=1)]


def _columns(path: str, table: Table, texts: Sequence[int], values: Floats, size: str | None) -> Columns:
    """Decide what the columns hold, by more rows where the first do not say it, as in a file sorted by its labels."""
    count = values.shape[1]
    columns = (
        columns_by_name(path, table.names[:count], texts, size)
        if table.names
        else columns_by_values(path, count, texts, values, size)
    )
    if not columns.open:
        return columns
    ends = [*columns.pixels[:2], *columns.pixels[-2:]]
    places = np.full(table.count, SKIPPED)
    places[ends] = np.arange(4)
    some = np.zeros((ROWS_TO_DECIDE, count))
    decided = with_label(path, columns, values)
    for chunk in () if decided else _stream(path, table, places).chunks():
        for first in range(0, len(chunk.pixels), ROWS_TO_DECIDE):
            pixels = chunk.pixels[first : first + ROWS_TO_DECIDE]
            some[: len(pixels), ends] = pixels
            decided = decided or with_label(path, columns, some[: len(pixels)])
        if decided:
            break
    if decided is None:
        raise WrongUse(
            f"{path}: nothing decides whether its labels are in the first or in the last column; give it a first line "
            "of names, as in label,pixel0,pixel1,…"
        )
    return decided


def _table_of(path: str) -> Table:
    """Read the first lines. Raises UnreadableInput for no table."""
    with open_decoded(path) as stream:
        reader = TextReader(stream)
        text = bytes(reader.text())
        lines = list(_first_lines(text))
    if not lines:
        raise UnreadableInput(path, *NO_TABLE)
    if max(lines[0][1].count(delimiter) for delimiter in DELIMITERS.encode()) > MOST_COLUMNS:
        raise UnreadableInput(path, f"more than {MOST_COLUMNS:,} columns", *NO_TABLE[1:])
    table = table_in(lines)
    if table is None:
        raise UnreadableInput(path, *NO_TABLE)
    return table


def _first_lines(text: bytes, most: int = FIRST_LINES) -> Iterator[tuple[int, bytes, int]]:
    """Give the first lines that are neither empty nor, before all others, comments: number, content, bytes before."""
    before, given = 0, 0
    for number, line in enumerate(re.finditer(rb"[^\r\n]*(\r\n|\r|\n|$)", text)):
        content = line.group().strip()
        if content and (given or not content.startswith((b"#", b"%"))):
            yield number, content, before
            given += 1
        before = line.end()
        if given == most:
            return


def table_in(lines: Sequence[tuple[int, bytes, int]]) -> Table | None:
    """Find a table in the first lines (number, content, bytes before); None where they are none."""
    contents = [decoded(content) for _, content, _ in lines]
    grammar = _grammar_of(contents[-1] if len(contents) < 3 else contents[1])
    rows = [grammar.cells(line) for line in contents]
    width = Counter(map(len, rows[1:] or rows)).most_common(1)[0][0]
    body = [cells for cells in rows[1:] if len(cells) == width]
    if width < 2 or not _mostly_numbers(body or rows, grammar):
        return None
    number, _, offset = lines[0]
    at_start = replace(grammar, offset=offset, lines=number)
    if not body or not _is_header(rows[0], body, grammar):
        whole = [cells for cells in rows if len(cells) == width]
        return Table(at_start, (), tuple(map(tuple, whole)))
    number, _, offset = lines[1]
    below = replace(grammar, offset=offset, lines=number)
    cells = tuple(map(tuple, body))
    if mended := _without_numbering(rows[0]):
        return Table(replace(below, first_row=grammar.delimiter.join(mended).encode() + b"\n"), (), cells)
    names = rows[0]
    if len(names) == width - 1:  # no name for what a line ends with, or for the names of R's rows
        names = [*names, ""] if not any(row[-1] for row in body) else ["", *names]
    return Table(below, tuple(names), cells)


def _grammar_of(line: str) -> Grammar:
    """Find what separates the cells of a line: what gives the most numbers."""
    grammars = [Grammar(delimiter, decimal) for delimiter in DELIMITERS for decimal in ".,"[: 1 + (delimiter != ",")]]
    return max(grammars, key=lambda grammar: sum(map(grammar.is_number, grammar.cells(line))))


def _mostly_numbers(rows: Sequence[Sequence[str]], grammar: Grammar) -> bool:
    cells = [cell for row in rows for cell in row]
    return 2 * sum(grammar.is_number(cell) or is_missing(cell) for cell in cells) > len(cells)


def _is_header(first: Sequence[str], body: Sequence[Sequence[str]], grammar: Grammar) -> bool:
    """Say whether the first line names the columns: it has no numbers where the others have, or it counts them."""
    columns = list(zip(*body, strict=True))
    numeric = [place for place, cells in enumerate(columns) if any(map(grammar.is_number, cells))]
    words = [place for place in numeric if place < len(first) and not grammar.is_number(first[place])]
    if 2 * len([place for place in words if not is_missing(first[place])]) > len(numeric):
        return True
    numbers = [int(cell) for cell in first if cell.isdecimal()]
    counts = numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else False
    if counts and len(numbers) >= max(16, len(first) - 3) and numbers[0] in (0, 1):
        return True
    return bool(_without_numbering(first))


def _without_numbering(first: Sequence[str]) -> list[str]:
    """Give the row that pandas took for a header and numbered, as in 0, 0.1, 0.2, 7; nothing for any other line."""
    times: Counter[str] = Counter()
    row = []
    for cell in first:
        value, _, number = cell.partition(".")
        if not value.isdecimal() or number != (str(times[value]) if times[value] else ""):
            return []
        times[value] += 1
        row.append(value)
    return row if len(row) >= 16 and max(times.values()) > 2 else []


def _about(path: str, table: Table) -> list[str]:
    """Say what was decided of how the cells are written, where it is not what people expect."""
    notes = []
    if table.grammar.first_row:
        notes.append(f"{path}: its first line is an image that pandas took for a header; it is read as an image.")
    if table.grammar.decimal == ",":
        notes.append(f"{path}: its numbers have a decimal comma.")
    return notes


def recognises(source: Source) -> bool:
    """Say whether a file is text whose lines are mostly numbers; the first may be a header."""
    if source.head.startswith(UTF_16) or is_utf_16(source.head):
        return _recognises_text(source.head.replace(b"\0", b"").lstrip(b"\xff\xfe"))
    return b"\0" not in source.head and _recognises_text(source.head.removeprefix(b"\xef\xbb\xbf"))


def _recognises_text(text: bytes) -> bool:
    lines = list(_first_lines(text))
    whole = lines[:-1] if len(lines) > 1 and lines[-1][2] + len(lines[-1][1]) >= len(text) - 2 else lines
    return bool(whole) and table_in(whole) is not None


def csv_streams(sources: Sequence[Source], options: Options) -> list[TableStream]:
    """Open each file as a split; of several those that hold images."""
    streams = [open_csv(source.path, options) for source in sources]
    agree(streams)
    return streams


FORM = Form("CSV", (".csv", ".tsv"), recognises, csv_streams)
