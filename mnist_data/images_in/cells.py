"""Tables in text: how their cells are written, and their rows as images."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput
from mnist_data.idx.compression import open_decoded
from mnist_data.idx.layout import Layout
from mnist_data.images_in.rows_of_text import Chunk, TextStream, number_words
from mnist_data.images_in.text import LABEL, TEXT_LABEL, Bytes, TextReader

CELLS_AT_ONCE = 1 << 18
"""Numbers that are held as float64 before they get their type: 2 MiB, which stay in a processor's cache."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
"""What people write where there is no value, in small letters."""

SHOWN = 40
"""Characters of a cell that a message shows."""


@dataclass(frozen=True)
class Grammar:
    """How the cells of a text are written.

    delimiter: one character; a blank stands for any run of blanks. decimal: the point of a number. quotes: a character
    that quotes besides `"`. offset, lines: bytes and lines before the first row. first_row: a row that comes before
    them all, in the place of the last of these lines.
    """

    delimiter: str = ","
    decimal: str = "."
    quotes: str = ""
    offset: int = 0
    lines: int = 0
    first_row: bytes = b""

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
        grammar: Grammar,
        places: npt.NDArray[np.int64],
        names: Sequence[str] = (),
    ) -> None:
        super().__init__(path, split, layout, dtype)
        self.grammar, self.places, self.names = grammar, places, names

    @property
    def has_words(self) -> bool:
        """Whether its labels are words."""
        return TEXT_LABEL in self.places

    def read_words(self) -> None:
        """Take the labels for words from now on."""
        self.places = np.where(self.places == LABEL, TEXT_LABEL, self.places)

    def chunks(self) -> Iterator[Chunk]:
        """Give all rows as they are read; the arrays of a chunk are filled anew for the next one."""
        parser = _Parser(self.grammar, self.places)
        with open_decoded(self.path) as stream:
            reader = TextReader(stream)
            reader.skip(self.grammar.offset, self.grammar.lines)
            if self.grammar.first_row:
                yield parser.chunk(np.frombuffer(self.grammar.first_row, np.uint8), reader.lines - 1)
            text = reader.text()
            while len(text):
                chunk = parser.chunk(text, reader.lines)
                if len(chunk.lines):
                    yield chunk
                reader.use(parser.used, parser.lines)
                if parser.unfinished:
                    longer = reader.text(more=True)
                    if len(longer) == len(text) - parser.used:
                        raise self.wrong(reader.lines + 1, "a quote without an end", "one that ends")
                elif parser.problem:
                    self._pass_over(reader, parser.column)
                text = reader.text()
            self._sha256 = stream.sha256

    def _pass_over(self, reader: TextReader, column: int) -> None:
        """Pass over a row without any value, as spreadsheets write them. Raises for any other that is no image."""
        raw = bytes(reader.text()).splitlines(keepends=True)[0]
        cells = self.grammar.cells(decoded(raw))
        if any(cells):
            raise self._wrong_row(reader.lines + 1, cells, column)
        reader.use(len(raw), 1)

    def _wrong_row(self, line: int, cells: Sequence[str], column: int) -> UnreadableInput:
        if len(cells) != len(self.places):
            return self.wrong(line, f"{len(cells):,} columns", f"{len(self.places):,}, as in the lines before")
        cell = cells[column]
        shown = repr(cell if len(cell) <= SHOWN else cell[:SHOWN] + "…")
        is_label = self.places[column] == LABEL
        named = f"column {column + 1:,}" + (f" ({self.names[column]})" if self.names else "")
        what = f"{shown} as the {'label' if is_label else 'pixel'} in {named}"
        if is_missing(cell):
            return self.wrong(line, f"no value ({what})", "a number in every cell")
        if not is_label:
            return self.wrong(line, what, "a number")
        number_words(self.siblings)
        return self.misjudged(line, what, "an integer, as in the lines before")


class _Parser:
    """Reads chunks from text; keeps what it has used, and why it stopped."""

    def __init__(self, grammar: Grammar, places: npt.NDArray[np.int64]) -> None:
        from mnist_data.images_in import number_text

        self._parse, self._unfinished = number_text.parse_cells, number_text.UNFINISHED
        self._grammar, self._places = grammar, places
        rows, width = max(1, CELLS_AT_ONCE // len(places)), int((places >= 0).sum())
        self._pixels, self._labels = np.empty((rows, width)), np.empty(rows)
        self._words, self._lines = np.empty((rows, 2), np.int64), np.empty(rows, np.int64)
        self._odd = np.empty((max(1 << 14, len(places)), 4), np.int64)
        self.used = self.lines = self.problem = self.column = 0

    @property
    def unfinished(self) -> bool:
        """Whether the text ended within quotes."""
        return self.problem == self._unfinished

    def chunk(self, text: Bytes, before: int) -> Chunk:
        """Read what the arrays can take. before: lines before the text."""
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
            words = [unquoted(bytes(text[begin:end])) for begin, end in self._words[:rows].tolist()]
        labels = self._labels[:rows] if LABEL in self._places else None
        return Chunk(self._pixels[:rows], labels, words, self._lines[:rows] + before + 1)


def is_missing(cell: str) -> bool:
    """Say whether a cell says that there is no value."""
    return cell.lower() in MISSING


def decoded(raw: bytes) -> str:
    """Decode text that is UTF-8, or else Latin-1."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def unquoted(raw: bytes) -> str:
    """Give the word in a cell without blanks, quotes, and the b'' of Python's bytes.

    >>> unquoted(b' "A" '), unquoted(b"b'7'")
    ('A', '7')
    """
    word = decoded(raw).strip()
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        word = word[1:-1].replace(2 * word[0], word[0])
    return word[2:-1] if re.fullmatch(r"b'.*'", word) else word
