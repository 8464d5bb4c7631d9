"""Sparse rows of numbers as images: what is 0 is left out, as in LIBSVM's files and in ARFF's rows in braces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_data.idx.layout import Layout
from mnist_data.images_in.text.cells import CELLS_AT_ONCE, SHOWN, unquoted
from mnist_data.images_in.text.reader import ORDER, OUTSIDE, TEXT_LABEL, Bytes
from mnist_data.images_in.text.rows_of_text import Begin, Chunk, Parser, TextStream

ROWS_TO_LOOK_AT = 1_024


class PairParser(Parser):
    """Reads rows of pairs. seen: the smallest and largest index and value so far, and 1 where one is no integer.

    braces: ARFF's rows, whose label is one of the pairs; else LIBSVM's, which begin with it. places: see `parse_pairs`;
    empty to look at labels and indices only. left_out: the label of a row that has none.
    """

    def __init__(self, braces: bool, places: npt.NDArray[np.int64], left_out: str = "") -> None:
        from mnist_data.images_in.text import pair_text

        self._parse = pair_text.parse_pairs
        self._braces, self._places, self._left_out = braces, places, left_out
        width = int((places >= 0).sum())
        rows = max(1, CELLS_AT_ONCE // width) if width else ROWS_TO_LOOK_AT
        self._pixels, self._labels = np.empty((rows, width)), np.empty(rows)
        self._words, self._lines = np.empty((rows, 2), np.int64), np.empty(rows, np.int64)
        self._odd = np.empty((max(1 << 14, len(places)), 4), np.int64)
        self.seen = np.array([np.inf, -1, 0, 0, 0])

    def chunk(self, text: Bytes, before: int) -> Chunk:
        """Read what there is room for; the arrays are filled anew for the next one. before: lines before the text."""
        self._words[:] = -1
        arrays = (self._pixels, self._labels, self._words, self._lines, self._odd)
        stop = self._parse(text, self._braces, self._places, *arrays, self.seen)
        rows, self.used, self.lines, self.problem, self.column, odds = stop
        for row, place, begin, end in self._odd[:odds].tolist():
            self._pixels[row, place] = float(bytes(text[begin:end]))
        lines = self._lines[:rows] + before + 1
        if not self._braces:
            return Chunk(self._pixels[:rows], self._labels[:rows], None, lines)
        words = None
        if TEXT_LABEL in self._places:
            places = self._words[:rows].tolist()
            words = [self._left_out if begin < 0 else unquoted(bytes(text[begin:end]), True) for begin, end in places]
        return Chunk(self._pixels[:rows], None, words, lines)


class SparseStream(TextStream):
    """Sparse rows as images. places: where the value of each index goes, see `PairParser` for the others."""

    def __init__(
        self,
        path: str,
        split: str,
        layout: Layout,
        dtype: str,
        begin: Begin,
        braces: bool,
        places: npt.NDArray[np.int64],
        left_out: str = "",
    ) -> None:
        super().__init__(path, split, layout, dtype, begin)
        self._braces, self._places, self._left_out = braces, places, left_out
        self._parser: PairParser | None = None

    @property
    def has_words(self) -> bool:
        """Whether its labels are words, as ARFF's are until they are all known."""
        return TEXT_LABEL in self._places

    def read_words(self) -> None:
        """Take the labels for words from now on: LIBSVM's are numbers, and ARFF's are read as words anyhow."""

    def parser(self) -> PairParser:
        """Give a new parser for the rows."""
        self._parser = PairParser(self._braces, self._places, self._left_out)
        return self._parser

    @property
    def seen(self) -> list[float]:
        """What the last parser has seen: smallest and largest index and value, and 1 where one is no integer."""
        return [] if self._parser is None else list(self._parser.seen)

    def pass_over(self, line: str, number: int, parser: Parser) -> None:
        """Say what is wrong with a line."""
        index = parser.column
        if parser.problem == ORDER:
            raise self.wrong(number, f"the index {index:,} after one that is not smaller", "indices that ascend")
        if parser.problem == OUTSIDE:
            most = f"{len(self._places) - 1:,}" if len(self._places) else "a million"
            raise self.wrong(number, f"the index {index:,}", f"none above {most}, as an image has no more pixels")
        shown = line.strip()[:SHOWN] + ("…" if len(line.strip()) > SHOWN else "")
        if index < 0:
            expected = "a row in braces" if self._braces else "a number as the label at its beginning"
            raise self.wrong(number, repr(shown), expected)
        pair = "155 18" if self._braces else "155:18"
        raise self.wrong(number, f"something else than a pair after the index {index:,}", f"pairs such as {pair}")
