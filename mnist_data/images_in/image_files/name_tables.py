"""Small tables that name files, a line each, as they lie next to image files: found, and taken apart."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mnist_data.errors import UnreadableInput, first_few
from mnist_data.idx.compression import DecodedStream, decoded_files, open_decoded
from mnist_data.idx.tree import files_in_folder, within_archive
from mnist_data.images_in.class_list import CLASS_LIST
from mnist_data.images_in.image_files.metadata_tables import (
    FILE_NAMES,
    JSON_ENDINGS,
    PARQUET_ENDINGS,
    Row,
    json_rows,
    parquet_rows,
)
from mnist_data.images_in.text.columns import LABEL_NAMES, named_label

TEXT_ENDINGS = (".csv", ".tsv", ".txt", *JSON_ENDINGS)

ENDINGS = (*TEXT_ENDINGS, *(f"{ending}.gz" for ending in TEXT_ENDINGS), *PARQUET_ENDINGS)
"""Endings of the names of such tables."""

DEEPER = 2
"""Folders down that they are looked for."""

MOST_BYTES = 1 << 26
"""A longer text is no list of files."""

MOST_COLUMNS = 64

HEADER = re.compile(rf"{'|'.join(LABEL_NAMES)}|(image|img|file|photo)?[ _-]?(name|path|id|file)s?|image", re.IGNORECASE)
"""Cells of a first line that names the columns."""


@dataclass(frozen=True)
class NameTable:
    """A table. path: as messages name it. folder: below the root, with / at its end; empty for the root itself.

    header: names of the columns; empty where there is none. rows: line, counted from 1, and cells of each. damage: what
    is wrong with other lines. unit: what the rows are called, line or row.
    """

    path: str
    folder: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    damage: tuple[UnreadableInput, ...] = ()
    unit: str = "line"

    @property
    def width(self) -> int:
        """How many columns there are; 0 where no row could be read."""
        return len(self.rows[0][1]) if self.rows else 0

    def place(self, line: int, path: str | None = None) -> str:
        """Name a line as messages do. path: instead of the table's own."""
        return f"{path or self.path}, {self.unit} {line:,}"


def tables_in(root: str) -> list[NameTable]:
    """Find the tables in a folder or archive, and in folders below it."""
    tables = (table_in(path, folder, content) for path, folder, content in _contents(Path(root)))
    return [table for table in tables if table is not None]


def _contents(root: Path) -> Iterator[tuple[str, str, bytes]]:
    """Give the texts that could be tables: path, folder below the root, content."""
    if root.is_dir():
        for name in files_in_folder(root, DEEPER):
            if _may_be_table(name) and (root / name).is_file() and (root / name).stat().st_size <= MOST_BYTES:
                with open_decoded(root / name) as stream:
                    yield str(root / name), _folder(name), _read(stream)
        return
    archive, inside = within_archive(root)
    start = len(root.relative_to(archive).as_posix()) + 1 if inside and root != archive else 0
    chosen = [member for member in inside if _may_be_table(member.name)]
    for path, stream in decoded_files(archive, chosen) if chosen else ():
        name = str(path).removeprefix(f"{archive}/")
        yield str(path), _folder(name[start:]), _read(stream)


def _read(stream: DecodedStream) -> bytes:
    """Read a text, and no more of it than a table has."""
    content = bytearray()
    while len(content) <= MOST_BYTES and (piece := stream.read(1 << 18)):  # which takes the memory that it is asked for
        content += piece
    return bytes(content)


def _may_be_table(name: str) -> bool:
    own = PurePosixPath(name).name
    return own.lower().endswith(ENDINGS) and own != CLASS_LIST


def _folder(name: str) -> str:
    return name[: name.rfind("/") + 1]


def table_in(path: str, folder: str, content: bytes) -> NameTable | None:
    """Take a table apart; None for what is none: its lines have not the same number of cells, or are too many.

    Of JSON, Parquet, and text whose first line names both files and labels, what cannot be read is damage instead.
    """
    if len(content) > MOST_BYTES:
        return None
    ending = PurePosixPath(path.lower().removesuffix(".gz")).suffix
    if ending in PARQUET_ENDINGS:
        parts = parquet_rows(path, content)
        return None if parts is None else _named(path, folder, *parts, unit="row")
    text = _text(content)
    if text is None:
        return None
    if ending in JSON_ENDINGS:
        return _named(path, folder, *json_rows(path, text))
    rows = _rows(text)
    width = len(rows[0][1]) if rows else 0
    if not 0 < width <= MOST_COLUMNS:
        return None
    header = rows[0][1] if any(map(HEADER.fullmatch, rows[0][1])) else ()
    rows = rows[1:] if header else rows
    damage = [_another_width(path, line, len(cells), header) for line, cells in rows if len(cells) != width]
    if damage and not names_files_and_labels(header):
        return None
    whole = [row for row in rows if len(row[1]) == width]
    return NameTable(path, folder, header, tuple(whole), tuple(damage)) if rows else None


def names_files_and_labels(header: Sequence[str]) -> bool:
    """Say whether names of columns are those of a table of labels: one of files, and one of their labels."""
    return named_label(header) is not None and any(name and FILE_NAMES.fullmatch(name) for name in header)


def _named(
    path: str,
    folder: str,
    header: tuple[str, ...],
    rows: Sequence[Row],
    damage: Sequence[UnreadableInput],
    unit: str = "line",
) -> NameTable | None:
    """Give a table whose columns have names; None where there is nothing in it."""
    kept = tuple(rows) if 0 < len(header) <= MOST_COLUMNS else ()
    return NameTable(path, folder, header, kept, tuple(damage), unit) if kept or damage else None


def _another_width(path: str, line: int, width: int, header: Sequence[str]) -> UnreadableInput:
    return UnreadableInput(
        f"{path}, line {line:,}",
        f"{width:,} cell{'s' if width != 1 else ''}",
        f"{len(header):,}, as the first line has: {first_few(header)}",
        "Correct it, or take the table out.",
    )


def _text(content: bytes) -> str | None:
    """Decode UTF-8, UTF-16 with its mark, or Latin-1; None for what is no text."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _rows(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Split lines into cells, by a mark that the first ones have; else into a name and, after blanks, a label."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    sample = [line for _, line in lines[:20]]
    marks = [mark for mark in ",;\t|" if all(mark in line for line in sample)]
    if marks and sample:
        return [(number, _cells(line, marks[0])) for number, line in lines]
    blanks = all(len(line.split()) > 1 for line in sample)
    return [(number, tuple(line.strip().rsplit(None, 1)) if blanks else (line.strip(),)) for number, line in lines]


def _cells(line: str, mark: str) -> tuple[str, ...]:
    try:
        cells: Sequence[str] = next(csv.reader([line], delimiter=mark, skipinitialspace=True), [])
    except csv.Error:
        cells = line.split(mark)
    return tuple(cell.strip() for cell in cells)
