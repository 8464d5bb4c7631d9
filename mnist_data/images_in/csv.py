"""CSV: a line an image, its pixels as columns, and its label first, last, or in a column of that name.

pjreddie's files begin with the label and have no header, Kaggle's have one ("label,pixel0,…") and a test file without
labels, OpenML's exports end with the class.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.idx.compression import DecodedStream, open_decoded
from mnist_data.idx.layout import layout_of
from mnist_data.idx.names import parse_name
from mnist_data.images_in.stream import UNLABELLED, Form, ImageStream, Options, Rows, Source

FIRST_LINES = 1_000
"""Lines that decide where the label is and what the pixels are."""

BLOCK_BYTES = 1 << 24
"""Bytes of text that are parsed at a time."""

LABEL = re.compile(r"^(label|class|target|y)$", re.IGNORECASE)


class CsvStream(ImageStream):
    """The lines of a CSV file as images. label: the column that holds the label; None where there is none."""

    def __init__(self, path: str, split: str | None = None, size: str | None = None) -> None:
        self.path = path
        header, lines, self._delimiter = _first_lines(path)
        self._skip = int(header is not None)
        self._columns = len(lines[0])
        self.label = _label_column(path, header, lines)
        values = np.array(lines, np.float64)
        pixels = np.delete(values, [] if self.label is None else [self.label], axis=1)
        self.dtype = _dtype_of(pixels)
        self._layout = layout_of((pixels.shape[1],), pixels, path, size)
        self.shape = self._layout.shape
        named = parse_name(Path(path).name.replace(".csv", "")).split
        self.split = split or ("unlabelled" if self.label is None else named or "train")
        self.notes = (f"{path}: its lines have no label.",) if self.label is None else ()
        self._sha256 = ""

    @property
    def sha256(self) -> str:
        """SHA-256 of the decoded text, known once `rows` has ended."""
        return self._sha256

    def rows(self, count: int) -> Iterator[Rows]:
        """Give the lines in order. Raises UnreadableInput, which names the line, for one that is no image."""
        import pyarrow as pa
        import pyarrow.csv as pa_csv

        names = [str(place) for place in range(self._columns)]
        kinds = dict.fromkeys(names, pa.from_numpy_dtype(self.dtype))
        if self.label is not None:
            kinds[names[self.label]] = pa.float64()
        read = pa_csv.ReadOptions(column_names=names, skip_rows=self._skip, block_size=BLOCK_BYTES)
        parse, convert = pa_csv.ParseOptions(delimiter=self._delimiter), pa_csv.ConvertOptions(column_types=kinds)
        with open_decoded(self.path) as stream:
            try:
                with pa_csv.open_csv(io.BufferedReader(_Readable(stream)), read, parse, convert) as reader:
                    for block in reader:
                        for first in range(0, block.num_rows, count):
                            yield self._rows(block.slice(first, count))
            except pa.ArrowInvalid as cause:
                raise self._wrong_line(str(cause)) from cause
            self._sha256 = stream.sha256

    def _rows(self, block: object) -> Rows:
        columns = [column.to_numpy(zero_copy_only=False) for column in block.columns]  # type: ignore[attr-defined]
        labels = np.full(len(columns[0]), UNLABELLED, np.int64)
        if self.label is not None:
            labels = self._labels(columns.pop(self.label))
        pixels = np.empty((len(labels), len(columns)), self.dtype)
        for place, column in enumerate(columns):
            pixels[:, place] = column
        return Rows(np.ascontiguousarray(self._layout.images(pixels)), labels, {})

    def _labels(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        wrong = ~np.isfinite(values) | (values != np.rint(values))
        if wrong.any():
            raise self._wrong_line(f"the label {values[wrong][0]:g} is no integer")
        return values.astype(np.int64)

    def _wrong_line(self, why: str) -> UnreadableInput:
        """Find the first line that is no image, and say what is wrong with it."""
        whole = np.dtype(self.dtype)
        with open_decoded(self.path) as stream:
            text = io.TextIOWrapper(io.BufferedReader(_Readable(stream)), "utf-8", errors="replace", newline="")
            for number, cells in enumerate(csv.reader(text, delimiter=self._delimiter), 1):
                if number <= self._skip or not cells:
                    continue
                if len(cells) != self._columns:
                    return self._error(number, f"{len(cells):,} columns", f"{self._columns:,}, as in the first line")
                for place, cell in enumerate(cells):
                    if not _fits(cell, whole, place == self.label):
                        column = "label" if place == self.label else f"pixel of column {place + 1:,}"
                        kind = "an integer" if place == self.label else f"a {whole.name}, as in the first lines"
                        return self._error(number, f"{cell!r} as the {column}", kind)
        return UnreadableInput(self.path, why, "a line of numbers for each image", "Look at the file.")

    def _error(self, line: int, found: str, expected: str) -> UnreadableInput:
        return UnreadableInput(f"{self.path}, line {line:,}", found, expected, "Correct the line, or take it out.")


class _Readable(io.RawIOBase):
    """A decoded stream as a file that others can read from."""

    def __init__(self, stream: DecodedStream) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        return self._stream.readinto(memoryview(buffer))  # type: ignore[arg-type]


def recognises(source: Source) -> bool:
    """Say whether a file is text whose lines are mostly numbers; the first may be a header."""
    if b"\0" in source.head:
        return False
    lines = source.head.decode("utf-8-sig", errors="replace").splitlines()[: 1 + FIRST_LINES]
    whole = lines[1:-1] or lines[-1:]  # the last may be cut off
    delimiter = max(",;\t ", key=lines[0].count) if lines else ","
    numeric = sum(line.count(delimiter) > 0 and all(map(_is_number, line.split(delimiter))) for line in whole)
    return bool(whole) and 2 * numeric >= len(whole)


def _first_lines(path: str) -> tuple[list[str] | None, list[list[str]], str]:
    """Read the header, if there is one, the first lines, and the delimiter. Raises UnreadableInput for no CSV."""
    with open_decoded(path) as stream:
        text = io.TextIOWrapper(io.BufferedReader(_Readable(stream)), "utf-8-sig", errors="replace", newline="")
        first = text.readline(1 << 20)
        delimiter = max(",;\t ", key=first.count)
        rows = csv.reader(_with(first, text), delimiter=delimiter)
        lines = [cells for _, cells in zip(range(FIRST_LINES + 1), rows, strict=False) if cells]
    header = lines.pop(0) if lines and not all(map(_is_number, lines[0])) else None
    numeric = sum(all(map(_is_number, cells)) for cells in lines)
    if not lines or len(lines[0]) < 2 or 2 * numeric < len(lines):
        raise UnreadableInput(
            path,
            "no lines of numbers",
            "IDX, .npz, an archive of image files, or CSV with the pixels of an image in each line",
            "Check which file it is.",
        )
    for number, cells in enumerate(lines, 1 + (header is not None)):
        wrong = next((cell for cell in cells if not _is_number(cell)), None)
        if wrong is not None or len(cells) != len(lines[0]):
            found = f"{wrong!r}" if wrong is not None else f"{len(cells):,} columns"
            expected = "a number" if wrong is not None else f"{len(lines[0]):,}, as in the first line"
            raise UnreadableInput(f"{path}, line {number:,}", found, expected, "Correct the line, or take it out.")
    return header, lines, delimiter


def _with(first: str, rest: io.TextIOWrapper) -> Iterator[str]:
    yield first
    yield from rest


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _fits(cell: str, kind: np.dtype[np.generic], is_label: bool) -> bool:
    """Say whether a cell can be read as a label, or as a pixel of that type."""
    if not _is_number(cell):
        return False
    if is_label:
        return bool(float(cell).is_integer())
    if kind.kind == "f":
        return True
    limits = np.iinfo(kind)  # type: ignore[type-var]
    return bool(re.fullmatch(r"\s*[+-]?\d+\s*", cell)) and bool(limits.min <= int(cell) <= limits.max)


def _label_column(path: str, header: Sequence[str] | None, lines: Sequence[Sequence[str]]) -> int | None:
    """Find the column of the label: by the header, else by how many columns there are and what the outer ones hold."""
    columns = len(lines[0])
    if header is not None:
        named = [place for place, name in enumerate(header) if LABEL.match(name.strip())]
        if named:
            return named[0]
        if all(re.fullmatch(r"\D*\d+(\D+\d+)?", name.strip()) for name in header):
            return None  # pixel0, pixel1, …, or 1x1, 1x2, …: Kaggle's test file
    if _is_square(columns) and not _is_square(columns - 1):
        return None
    first, last = ({line[place] for line in lines} for place in (0, -1))
    # A border pixel is nearly always 0 and can be no label of more than one class.
    if len(first) > 1 and len(last) == 1:
        return 0
    if len(last) > 1 and len(first) == 1:
        return columns - 1
    if len(lines) == 1 or len(first) <= len(last):
        return 0
    raise WrongUse(
        f"{path}: nothing decides whether the label is in the first or in the last column; give the file a header "
        "line, as in label,pixel0,pixel1,…"
    )


def _is_square(number: int) -> bool:
    return math.isqrt(number) ** 2 == number


def _dtype_of(pixels: npt.NDArray[np.float64]) -> str:
    """Give the smallest type that holds the pixels of the first lines."""
    if not (np.isfinite(pixels) & (pixels == np.rint(pixels))).all():
        return "float32"
    low, high = pixels.min(), pixels.max()
    return "uint8" if low >= 0 and high <= 255 else "int32"


def csv_streams(sources: Sequence[Source], options: Options) -> list[CsvStream]:
    """Open each file as a split."""
    return [CsvStream(source.path, options.split, options.size) for source in sources]


FORM = Form("CSV", (".csv", ".tsv"), recognises, csv_streams)
