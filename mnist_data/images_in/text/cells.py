"""Tables in text: how their cells are written, and their rows as images."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput
from mnist_data.idx.layout import Layout
from mnist_data.images_in.text.reader import LABEL, TEXT_LABEL, Bytes, decoded
from mnist_data.images_in.text.rows_of_text import Begin, Chunk, Parser, TextStream, number_words

CELLS_AT_ONCE = 1 << 18
"""Numbers that are held as float64 before they get their type: 2 MiB, which stay in a processor's cache."""

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
"""What people write where there is no value, in small letters."""

SHOWN = 40
"""Characters of a cell that a message shows."""


@dataclass(frozen=True)
class Grammar:
    """How the cells of a text are written.

    delimiter: one character; a blank stands for any run of blanks. decimal: the point of a number. quotes: a character
    that quotes besides `"`. comment: with which lines begin that are none of the table.
    """

    delimiter: str = ","
    decimal: str = "."
    quotes: str = ""
    comment: str = ""

    def is_number(self, cell: str) -> bool:
        """Say whether a cell holds a number."""
        return bool((NUMBER if self.decimal == "." else DECIMAL_COMMA).fullmatch(cell))

    def cells(self, line: str) -> list[str]:
        """Split a line into cells, without blanks and quotes around them."""
        if self.delimiter == " ":
            return line.split()
        quote = self.quotes or '"'
        try:
            cells = next(csv.reader([line], delimiter=self.delimiter, quotechar=quote, skipinitialspace=True), [])
        except csv.Error:
            cells = line.split(self.delimiter)
        return [cell.strip() for cell in cells]


class TableStream(TextStream):
    """The rows of a table as images. places: (columns,), see `parse_cells`. names: of the columns, or none."""

    def __init__(
        self,
        path: str,
        split: str,
        layout: Layout,
        dtype: str,
        begin: Begin,
        grammar: Grammar,
        places: npt.NDArray[np.int64],
        names: Sequence[str] = (),
    ) -> None:
        super().__init__(path, split, layout, dtype, begin)
        self.grammar, self.places, self.names = grammar, places, names

    @property
    def has_words(self) -> bool:
        """Whether its labels are words."""
        return TEXT_LABEL in self.places

    def read_words(self) -> None:
        """Take the labels for words from now on."""
        self.places = np.where(self.places == LABEL, TEXT_LABEL, self.places)

    def parser(self) -> Parser:
        """Give a new parser for the rows."""
        return _CellParser(self.grammar, self.places)

    def pass_over(self, line: str, number: int, parser: Parser) -> None:
        """Pass over comments and rows without any value, as spreadsheets write them. Raises for any other line."""
        cells = self.grammar.cells(line)
        is_comment = self.grammar.comment and line.lstrip().startswith(self.grammar.comment)
        if any(cells) and not is_comment:
            raise self._wrong_row(number, cells, parser.column)

    def _wrong_row(self, line: int, cells: Sequence[str], column: int) -> UnreadableInput:
        if len(cells) != len(self.places) or column >= len(cells):  # a delimiter in quotes is none, if they are closed
            columns = f"{len(cells):,}" if len(cells) != len(self.places) else f"more than {len(cells):,}"
            return self.wrong(line, f"{columns} columns", f"{len(self.places):,}, as in the lines before")
        cell = cells[column]
        shown = repr(cell if len(cell) <= SHOWN else cell[:SHOWN] + "…")
        is_label = self.places[column] == LABEL
        named = f"column {column + 1:,}" + (f" ({self.names[column]})" if column < len(self.names) else "")
        what = f"{shown} as the {'label' if is_label else 'pixel'} in {named}"
        if is_missing(cell):
            return self.wrong(line, f"no value ({what})", "a number in every cell")
        if not is_label:
            return self.wrong(line, what, "a number")
        number_words(self.siblings)
        return self.misjudged(line, what, "an integer, as in the lines before")


class _CellParser(Parser):
    """Reads the cells of a table."""

    def __init__(self, grammar: Grammar, places: npt.NDArray[np.int64]) -> None:
        from mnist_data.images_in.text import number_text

        self._parse = number_text.parse_cells
        self._grammar, self._places = grammar, places
        rows, width = max(1, CELLS_AT_ONCE // len(places)), int((places >= 0).sum())
        self._pixels, self._labels = np.empty((rows, width)), np.empty(rows)
        self._words, self._lines = np.empty((rows, 2), np.int64), np.empty(rows, np.int64)
        self._odd = np.empty((max(1 << 14, len(places)), 4), np.int64)

    def chunk(self, text: Bytes, before: int) -> Chunk:
        """Read what there is room for; the arrays are filled anew for the next one. before: lines before the text."""
        delimiter, decimal = ord(self._grammar.delimiter), ord(self._grammar.decimal)
        quotes = ord(self._grammar.quotes or "\0")
        arrays = (self._places, self._pixels, self._labels, self._words, self._lines, self._odd)
        stop = self._parse(text, delimiter, decimal, quotes, *arrays)
        rows, self.used, self.lines, self.problem, self.column, odds = stop
        for row, place, begin, end in self._odd[:odds].tolist():
            value = float(bytes(text[begin:end]).replace(b",", b"."))
            if place >= 0:
                self._pixels[row, place] = value
            else:
                self._labels[row] = value
        words = None
        if TEXT_LABEL in self._places:
            escapes = bool(self._grammar.quotes)
            words = [unquoted(bytes(text[begin:end]), escapes) for begin, end in self._words[:rows].tolist()]
        labels = self._labels[:rows] if LABEL in self._places else None
        return Chunk(self._pixels[:rows], labels, words, self._lines[:rows] + before + 1)


def is_missing(cell: str) -> bool:
    """Say whether a cell says that there is no value."""
    return cell.lower() in MISSING


def unquoted(raw: bytes, escapes: bool = False) -> str:
    """Give the word in a cell without blanks, quotes, and the b'' of Python's bytes.

    escapes: whether a quote within quotes comes after a backslash, as in ARFF; else it is doubled.

    >>> unquoted(b' "A" '), unquoted(b"b'7'")
    ('A', '7')
    """
    word = decoded(raw).strip()
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        inner = word[1:-1]
        word = re.sub(r"\\(.)", r"\1", inner) if escapes else inner.replace(2 * word[0], word[0])
    return word[2:-1] if re.fullmatch(r"b'.*'", word) else word
