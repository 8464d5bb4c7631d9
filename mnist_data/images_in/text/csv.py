"""CSV and other tables of numbers in text: a line an image, its pixels as columns, and its label in one of them.

pjreddie's files begin with the label and have no header, Kaggle's have one ("label,pixel0,…") and a test file without
labels, OpenML's exports end with the class, and USPS's text has blanks between its numbers. What separates the cells,
where the label is and what the columns mean is decided by content; how, the notes say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mnist_data.idx.compression import open_decoded
from mnist_data.images_in.stream import Form, ImageStream, Options, Source
from mnist_data.images_in.text.cells import Grammar, TableStream, is_missing
from mnist_data.images_in.text.columns import counted_pixels, named_label
from mnist_data.images_in.text.csv_labels import with_labels
from mnist_data.images_in.text.reader import UTF_16, TextReader, decoded, is_utf_16
from mnist_data.images_in.text.rows_of_text import Begin, agree
from mnist_data.images_in.text.table import NoImages, Table, open_table

FIRST_LINES = 24
"""Lines that decide how the cells are written and whether there is a header."""

MOST_COLUMNS = 1 << 20
"""More columns than images have pixels that people write as text."""

DELIMITERS = ",;\t| "

_LIST = r" {0,9}\d[\d.]*( +\d[\d.]*){8,} {0,9}"

ONE_CELL = re.compile(
    rf'[,;\t] {{0,9}}"?{_LIST}"?($|[,;\t])|^"?{_LIST}"?[,;\t]|\[\s*\d[\d.]*((,\s*|\s+)\d[\d.]*){{8,}},?\s*(\]|$)'
)
"""A cell that holds a list of numbers, next to others."""

AS_BLANKS = b",;\t\"[]'"
"""What stands around and between such numbers."""


def table_of(path: str) -> Table:
    """Read the first lines. Raises NoImages where they are no table."""
    with open_decoded(path) as stream:
        lines = list(first_lines(bytes(TextReader(stream).text())))
    if not lines:
        raise NoImages(path)
    if max(lines[0][1].count(delimiter) for delimiter in DELIMITERS.encode()) > MOST_COLUMNS:
        raise NoImages(path, f"more than {MOST_COLUMNS:,} columns")
    table = table_in(lines, 1)
    if table is None:
        raise NoImages(path)
    notes = []
    if table.begin.first_row:
        notes.append(f"{path}: its first line is an image that pandas took for a header; it is read as an image.")
    if table.grammar.decimal == ",":
        notes.append(f"{path}: its numbers have a decimal comma.")
    return replace(table, notes=tuple(notes))


def first_lines(text: bytes, most: int = FIRST_LINES) -> Iterator[tuple[int, bytes, int]]:
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


def table_in(lines: Sequence[tuple[int, bytes, int]], fewest: int = 2) -> Table | None:
    """Find a table in the first lines (number, content, bytes before); None where they are none.

    fewest: the number of columns that a table has at least.
    """
    contents = [decoded(content) for _, content, _ in lines]
    if ONE_CELL.search(contents[-1] if len(contents) < 3 else contents[1]):
        return _table_of_lists(lines)
    grammar = _grammar_of(contents[-1] if len(contents) < 3 else contents[1])
    rows = [grammar.cells(line) for line in contents]
    width = Counter(map(len, rows[1:] or rows)).most_common(1)[0][0]
    body = [cells for cells in rows[1:] if len(cells) == width]
    if width < fewest or not _mostly_numbers(body or rows, grammar):
        return None
    names: list[str] = []
    begin = Begin(lines[0][2], lines[0][0])
    if body and _is_header(rows[0], body, grammar):
        begin = Begin(lines[1][2], lines[1][0])
        if mended := _without_numbering(rows[0]):
            begin = replace(begin, first_row=grammar.delimiter.join(mended).encode() + b"\n")
        else:
            names = rows[0]
    else:
        body = [cells for cells in rows if len(cells) == width]
    if len(names) == width - 1:  # no name for what a line ends with, or for the names of R's rows
        names = [*names, ""] if not any(row[-1] for row in body) else ["", *names]
    return Table(grammar, begin, tuple(names), tuple(map(tuple, body)), _words(names, body, grammar))


def _table_of_lists(lines: Sequence[tuple[int, bytes, int]]) -> Table | None:
    """Find a table whose pixels are one cell, as FER-2013 has them; its cells are read as columns of their own."""
    blanks = bytes.maketrans(AS_BLANKS, b" " * len(AS_BLANKS))
    flat = [(number, content.translate(blanks).strip(), before) for number, content, before in lines]
    names: list[str] = []
    if len(lines) > 1 and not ONE_CELL.search(decoded(lines[0][1])):
        names, flat = re.split(r"[,;\t]", decoded(lines[0][1])), flat[1:]
    table = table_in(flat)
    if table is None:
        return None
    begin = replace(table.begin, offset=flat[0][2], lines=flat[0][0], blanks=AS_BLANKS)
    pixels = table.count - len(names) + 1
    lists = [place for place, cell in enumerate(re.split(r"[,;\t](?!\s)", decoded(lines[-1][1]))) if " " in cell]
    if names and lists and lists[0] < len(names):
        listed = [f"{names[lists[0]]}{number}" for number in range(pixels)]
        names[lists[0] : lists[0] + 1] = listed
    words = _words(names, table.cells, table.grammar)
    return replace(table, begin=begin, names=tuple(name.strip(' "') for name in names), words=words)


def _words(names: Sequence[str], body: Sequence[Sequence[str]], grammar: Grammar) -> tuple[int, ...]:
    """Find the columns that hold words: in most of their cells, of a column that may be the label in fewer."""
    columns = zip(*body, strict=True)
    words = [sum(not grammar.is_number(cell) and not is_missing(cell) for cell in cells) for cells in columns]
    named = named_label(names)
    outer = (0, len(words) - 1) if named is None else ()
    return tuple(
        column
        for column, count in enumerate(words)
        if 2 * count > len(body) or (column in outer and 4 * count > len(body)) or (column == named and count)
    )


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
    numbers = [int(cell) for cell in first if cell.isdecimal() and len(cell) < 9]
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


def recognises(source: Source) -> bool:
    """Say whether a file is text whose lines are mostly numbers; the first may be a header, of any length."""
    head = source.head
    if head.startswith(UTF_16) or is_utf_16(head):
        return _recognises_text(head.replace(b"\0", b"").lstrip(b"\xff\xfe"), 2)
    # What comes before a zero byte says what a damaged file was.
    text = head.partition(b"\0")[0].removeprefix(b"\xef\xbb\xbf")
    return _recognises_text(text, 1 if any(ending in source.path.lower() for ending in FORM.endings) else 2)


def _recognises_text(text: bytes, fewest: int) -> bool:
    lines = list(first_lines(text))
    if len(lines) > 2 and not text.endswith((b"\n", b"\r")):
        lines.pop()  # it may be cut off
    if not lines:
        return False
    return table_in(lines, fewest) is not None or (len(lines) == 1 and _counts_pixels(lines[0][1]))


def _counts_pixels(line: bytes) -> bool:
    """Say whether a line names pixels and counts them, as a header does."""
    cells = max((decoded(line).split(delimiter) for delimiter in DELIMITERS), key=len)
    names = [cell.strip(' "') for cell in cells[:-1]]  # the last may be cut off
    return len(names) >= 16 and 2 * len(counted_pixels(names)) > len(names)


def csv_streams(sources: Sequence[Source], options: Options) -> list[ImageStream]:
    """Open each file as a split; of several those that hold images, as beside Kaggle's sample_submission.csv.

    A table of one column is the labels of the images without labels whose name means the same split.
    """
    streams: list[TableStream] = []
    others: list[NoImages] = []
    columns: list[tuple[str, Table]] = []
    tables: list[tuple[str, Table]] = []
    for source in sources:
        try:
            tables.append((source.path, table_of(source.path)))
        except NoImages as error:
            others.append(error)
    for path, table in tables:
        if table.count == 1 and len(sources) > 1:
            columns.append((path, table))
            continue
        try:
            streams.append(open_table(path, table, _without_label(options, table, [other for _, other in tables])))
        except NoImages as error:
            others.append(error)
    if not streams:
        raise others[0] if others else NoImages(columns[0][0], "1 column, no image")
    agree(streams)
    paired = with_labels(streams, columns)
    taken = {file for stream in paired for file in stream.files}
    others += [NoImages(path, "1 column, no image") for path, _ in columns if path not in taken]
    paired[0].notes += tuple(f"{other.path}: left out, it has {other.found}." for other in others)
    return paired


def _without_label(options: Options, table: Table, tables: Sequence[Table]) -> Options:
    """Take the column of the labels from the options of a table that has no label at all, where another has it."""
    wanted = (options.label_column or "").casefold()
    named = [any(name.casefold() == wanted for name in other.names) for other in (table, *tables)]
    unlabelled = bool(table.names) and not named[0] and any(named) and named_label(table.names) is None
    return replace(options, label_column=None) if unlabelled else options


FORM = Form("CSV", (".csv", ".tsv"), recognises, csv_streams)
