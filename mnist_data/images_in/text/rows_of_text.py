"""Images whose pixels are numbers in a text, a line an image: what CSV, ARFF and LIBSVM have in common."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput, first_few
from mnist_data.idx.compression import open_decoded
from mnist_data.idx.label_values import MOST_CLASSES
from mnist_data.idx.layout import Layout
from mnist_data.images_in.image_files.classes import natural
from mnist_data.images_in.stream import UNLABELLED, ImageStream, Misjudged, Rows
from mnist_data.images_in.text.reader import UNFINISHED, Bytes, TextReader, decoded

FIRST_ROWS = 1_000
"""Rows that decide which column is the label, the type of the pixels and the size of an image."""

FEWEST_OTHERS = 0.01
"""The part of the rows from which on pixels or labels of another type are no mistakes, but how the file is."""

ROWS_TO_JUDGE_ONE = 20
"""Rows among which a single one of another type is a mistake, too."""

LONGEST_WORD = 200
"""Characters of the longest name of a class."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chunk:
    """Some rows as they were read. pixels: (n, pixels); labels: (n,), or words, n of them, or neither; lines: (n,)."""

    pixels: Floats
    labels: Floats | None
    words: Sequence[str] | None
    lines: npt.NDArray[np.int64]


class Parser(ABC):
    """Reads rows from pieces of text.

    used, lines: the bytes and lines of the last piece that it has used. problem: why it stopped, see `text`; 0 where it
    had room for no more rows, or used all. column: where.
    """

    used = lines = problem = column = 0

    @abstractmethod
    def chunk(self, text: Bytes, before: int) -> Chunk:
        """Read what there is room for; the arrays are filled anew for the next one. before: lines before the text."""


@dataclass(frozen=True)
class Begin:
    """Where the rows begin. offset, lines: bytes and lines before. first_row: a row instead of the last of these.

    blanks: bytes that are read as blanks.
    """

    offset: int = 0
    lines: int = 0
    first_row: bytes = b""
    blanks: bytes = b""


class TextStream(ImageStream):
    """Rows of numbers as images.

    siblings: the streams of the same source, whose type and classes are the same. numbers: the label that each word
    means; empty where labels are numbers.
    """

    def __init__(self, path: str, split: str, layout: Layout, dtype: str, begin: Begin) -> None:
        self.path, self.split, self.dtype, self.begin = path, split, dtype, begin
        self.layout, self.shape = layout, layout.shape
        self.siblings: Sequence[TextStream] = (self,)
        self.numbers: Mapping[str, int] = {}
        self._sha256 = ""

    @property
    def sha256(self) -> str:
        """SHA-256 of the decoded text, known once `rows` has ended."""
        return self._sha256

    @property
    @abstractmethod
    def has_words(self) -> bool:
        """Whether its labels are words."""

    @abstractmethod
    def read_words(self) -> None:
        """Take the labels for words from now on, whatever they look like; nothing where there are none."""

    @abstractmethod
    def parser(self) -> Parser:
        """Give a new parser for the rows."""

    @abstractmethod
    def pass_over(self, line: str, number: int, parser: Parser) -> None:
        """Look at a line that the parser did not take; it is passed over. Raises UnreadableInput for a wrong one."""

    def chunks(self) -> Iterator[Chunk]:
        """Give all rows as they are read, and set the hash at their end. Raises UnreadableInput for a wrong one."""
        parser = self.parser()
        with open_decoded(self.path) as stream:
            reader = TextReader(stream, self.begin.blanks)
            reader.skip(self.begin.offset, self.begin.lines)
            if self.begin.first_row:
                yield parser.chunk(np.frombuffer(self.begin.first_row, np.uint8), reader.lines - 1)
            while len(text := reader.text()):
                chunk = parser.chunk(text, reader.lines)
                if len(chunk.lines):
                    yield chunk
                reader.use(parser.used, parser.lines)
                if parser.problem == UNFINISHED:
                    left = len(text) - parser.used
                    if len(reader.text(more=True)) == left:
                        raise self.wrong(reader.lines + 1, "a quote without an end", "one that ends")
                elif parser.problem:
                    line = bytes(reader.text()).splitlines(keepends=True)[0]
                    self.pass_over(decoded(line), reader.lines + 1, parser)
                    reader.use(len(line), 1)
            self._sha256 = stream.sha256

    def rows(self, count: int) -> Iterator[Rows]:
        """Give the rows in order.

        Raises UnreadableInput, which names the line, for one that is no image; Misjudged where a later row has pixels
        or labels of another type than the first ones: by then the stream and its siblings have the right one.
        """
        images, labels, filled = self._empty(count), np.empty(count, np.int64), 0
        for chunk in self.chunks():
            first = 0
            while first < len(chunk.lines):
                last = min(len(chunk.lines), first + count - filled)
                end = filled + last - first
                self._store(images[filled:end], chunk.pixels[first:last], chunk.lines[first:last])
                labels[filled:end] = self.labels(chunk, first, last)
                first, filled = last, end
                if filled == count:
                    yield Rows(self._arranged(images), labels, {})
                    images, labels, filled = self._empty(count), np.empty(count, np.int64), 0
        if filled:
            yield Rows(self._arranged(images[:filled]), labels[:filled], {})

    def wrong(self, line: int, found: str, expected: str) -> UnreadableInput:
        """Describe what is wrong in a line, of which the first is 1."""
        return UnreadableInput(f"{self.path}, line {line:,}", found, expected, "Correct the line, or take it out.")

    def misjudged(self, line: int, found: str, expected: str) -> Misjudged:
        """Describe a line that is right, and other than the first ones."""
        return Misjudged(f"{self.path}, line {line:,}", found, expected, "Read the file again: it is known now.")

    def _empty(self, count: int) -> npt.NDArray[Any]:
        return np.empty((count, math.prod(self.shape)), self.dtype)

    def _arranged(self, items: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.ascontiguousarray(self.layout.images(items))

    def _store(self, images: npt.NDArray[Any], pixels: Floats, lines: npt.NDArray[np.int64]) -> None:
        """Give pixels their type. Raises Misjudged where it does not hold them."""
        with np.errstate(invalid="ignore", over="ignore"):
            images[:] = pixels
        floating = images.dtype.kind == "f"
        wrong = ~np.isfinite(images) if floating else images != pixels
        if not wrong.any():
            return
        row, column = np.argwhere(wrong)[0]
        found = f"the pixel {pixels[row, column]:g}"
        if floating:
            raise self.wrong(int(lines[row]), found, f"a number that {self.dtype} holds")
        expected = f"{self.dtype}, as in the first {FIRST_ROWS:,} rows"
        kind, fitting, others = self._type_of_all()
        if are_mistakes(others, fitting + others):
            raise self.wrong(int(lines[row]), found, expected)
        error = self.misjudged(int(lines[row]), found, expected)
        for stream in self.siblings:
            stream.dtype = kind
            stream.notes += (f"{error.path}: {found}; its images are stored as {kind}.",)
        raise error

    def _type_of_all(self) -> tuple[str, int, int]:
        """Read all rows for the type that holds every pixel; gives also how many rows fit today's, and how many not."""
        kind, fitting, rows = self.dtype, 0, 0
        for chunk in self.chunks():
            with np.errstate(invalid="ignore"):
                fitting += int((chunk.pixels.astype(self.dtype) == chunk.pixels).all(axis=1).sum())
            rows += len(chunk.pixels)
            kind = wider((kind, dtype_of(chunk.pixels)))
        return kind, fitting, rows - fitting

    def labels(self, chunk: Chunk, first: int, last: int) -> npt.NDArray[np.int64]:
        """Give the labels of some rows of a chunk. Raises UnreadableInput for one that is no integer or no class."""
        if chunk.words is not None:
            return self._numbered(chunk, first, last)
        if chunk.labels is None:
            return np.full(last - first, UNLABELLED, np.int64)
        labels = chunk.labels[first:last]
        wrong = np.flatnonzero(~(np.abs(labels) < 1 << 53) | (labels != np.rint(labels)))
        if len(wrong):
            raise self.wrong(int(chunk.lines[first + wrong[0]]), f"the label {labels[wrong[0]]:g}", "an integer")
        return labels.astype(np.int64)

    def _numbered(self, chunk: Chunk, first: int, last: int) -> npt.NDArray[np.int64]:
        words = (chunk.words or ())[first:last]
        labels = [self.numbers.get(word, UNLABELLED) for word in words]
        unknown = next((place for place, word in enumerate(words) if word not in self.numbers), None)
        if unknown is not None:
            known = ", ".join(list(self.numbers)[:6])
            line = int(chunk.lines[first + unknown])
            raise self.wrong(line, f"{words[unknown]!r} as the label", f"one of the file's classes, {known} …")
        return np.array(labels, np.int64)


def agree(streams: Sequence[TextStream]) -> None:
    """Give the streams of one source one type, the widest, and one numbering of their classes."""
    kind = wider([stream.dtype for stream in streams])
    for stream in streams:
        stream.siblings, stream.dtype = streams, kind
    if any(stream.has_words and not stream.numbers for stream in streams):
        number_words(streams)


def number_words(streams: Sequence[TextStream]) -> None:
    """Read the labels of all streams as words, and number them in natural order; words that are integers mean these.

    Raises UnreadableInput where a label is missing, where a few are words among integers, or there are too many words.
    """
    times: Counter[str] = Counter()
    for stream in streams:
        stream.read_words()
        if stream.has_words:
            _count_words(stream, times)
    others = [word for word in times if not is_integer(word)]
    integers = not others
    if others and are_mistakes(sum(times[word] for word in others), times.total()):
        raise _wrong_label(streams, others)
    classes = tuple(sorted(times, key=natural))
    numbers = {word: int(word) if integers else place for place, word in enumerate(classes)}
    for stream in streams:
        stream.numbers, stream.classes = numbers, () if integers else classes
        if not integers:
            shown = first_few(classes, 6)
            stream.notes += (f"{stream.path}: its labels are words, the names of {len(classes)} classes: {shown}.",)


def _count_words(stream: TextStream, times: Counter[str]) -> None:
    for chunk in stream.chunks():
        words = chunk.words or ()
        missing = next((row for row, word in enumerate(words) if word in ("", "?")), None)
        if missing is not None:
            raise stream.wrong(int(chunk.lines[missing]), "no label", "one in every line")
        times.update(words)
        if len(times) > MOST_CLASSES or any(len(word) > LONGEST_WORD for word in words):
            raise UnreadableInput(
                stream.path,
                f"labels that are many different words, or long ones, such as {min(times)[:LONGEST_WORD]!r}",
                "labels that are classes",
                "Name the column of the classes label, and take the other one out.",
            )


def _wrong_label(streams: Sequence[TextStream], others: Sequence[str]) -> UnreadableInput:
    """Find the first of a few labels that are words."""
    rows = (
        (stream, int(line), word)
        for stream in streams
        if stream.has_words
        for chunk in stream.chunks()
        for line, word in zip(chunk.lines, chunk.words or (), strict=True)
    )
    stream, line, word = next(row for row in rows if row[2] in others)
    return stream.wrong(line, f"{word!r} as the label", "an integer, as in the other lines")


def is_integer(word: str) -> bool:
    """Say whether a word is an integer that can be a label."""
    return bool(re.fullmatch(r"[+-]?\d{1,9}", word))


TYPES = ("uint8", "int16", "int32", "float64")


def dtype_of(pixels: Floats) -> str:
    """Give the smallest type that holds the pixels; float32 for all that are no integers."""
    if not (pixels == np.floor(pixels)).all():
        return "float32"
    low, high = pixels.min(initial=0), pixels.max(initial=0)
    limits = ((name, np.iinfo(name)) for name in TYPES[:-1])
    return next((name for name, limit in limits if limit.min <= low and high <= limit.max), "float64")


def dtype_of_most(pixels: Floats) -> str:
    """Give the smallest type that holds the pixels of all rows but a few, which may be mistakes."""
    times = Counter(dtype_of(row) for row in pixels)
    others = len(pixels)
    for kind in (*TYPES, "float32"):
        others -= times[kind]
        if not others or are_mistakes(others, len(pixels)):
            return kind
    raise AssertionError("every row has one of these types")


def are_mistakes(others: int, rows: int) -> bool:
    """Say whether the rows that are other than the rest are so few that they are mistakes, and not how a file is."""
    return others < FEWEST_OTHERS * rows or (others == 1 and rows >= ROWS_TO_JUDGE_ONE)


def wider(kinds: Iterable[str]) -> str:
    """Give the type that holds the pixels of all these types."""
    present = set(kinds)
    return "float32" if "float32" in present else max(present, key=TYPES.index)
