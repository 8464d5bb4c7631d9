"""ARFF, as OpenML and Weka have it: attributes with their types, and rows of values, whole or sparse in braces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.idx.compression import open_decoded
from mnist_data.idx.layout import as_announced, layout_of
from mnist_data.images_in.image_files.classes import natural
from mnist_data.images_in.stream import Form, Options, Source
from mnist_data.images_in.text.cells import NUMBER, Grammar
from mnist_data.images_in.text.columns import FEWEST_PIXELS, columns_by_name
from mnist_data.images_in.text.reader import SKIPPED, TEXT_LABEL, TextReader, decoded
from mnist_data.images_in.text.rows_of_text import Begin, TextStream, agree, dtype_of_most, is_integer
from mnist_data.images_in.text.sparse import SparseStream
from mnist_data.images_in.text.table import NoImages, Table, first_rows, open_table, split_of

ATTRIBUTE = re.compile(r"@attribute\s+('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)\s+(.+)", re.IGNORECASE)

NUMERIC = ("numeric", "real", "integer")


@dataclass(frozen=True)
class Attribute:
    """A column. values: the words that it can be; none where it holds numbers. is_text: whether it can be any word."""

    name: str
    values: tuple[str, ...] = ()
    is_text: bool = False


@dataclass(frozen=True)
class Head:
    """What comes before the rows. begin: where these are. sparse: whether they are in braces."""

    attributes: tuple[Attribute, ...]
    begin: Begin
    sparse: bool
    first_row: str


def arff_streams(sources: Sequence[Source], options: Options) -> list[TextStream]:
    """Open each file as a split; classes are those that the files declare."""
    streams: list[TextStream] = []
    declared: list[tuple[str, ...]] = []
    for source in sources:
        head = read_head(source.path)
        stream, label = (_open_sparse if head.sparse else _open_dense)(source.path, head, options)
        streams.append(stream)
        declared.append(head.attributes[label].values if label is not None else ())
    _number(streams, declared)
    agree(streams)
    return streams


def _open_dense(path: str, head: Head, options: Options) -> tuple[TextStream, int | None]:
    """Open rows that have a value for every attribute; gives also which is the label."""
    delimiter = next((delimiter for delimiter in ",\t" if delimiter in head.first_row), " ")
    grammar = Grammar(delimiter, quotes="'", comment="%")
    names = tuple(attribute.name for attribute in head.attributes)
    table = Table(grammar, head.begin, names, (("0",) * len(names),), tuple(_words(head)))
    stream = open_table(path, table, options)
    return stream, next(iter(np.flatnonzero(stream.places < SKIPPED).tolist()), None)


def _open_sparse(path: str, head: Head, options: Options) -> tuple[TextStream, int | None]:
    """Open rows in braces, which leave out what is 0 or the first of a label's words."""
    names = [attribute.name for attribute in head.attributes]
    columns = columns_by_name(path, names, _words(head), options.size, options.label_column)
    if len(columns.pixels) < FEWEST_PIXELS:
        raise NoImages(path, f"{len(head.attributes)} attributes, which hold no images")
    if columns.open:
        raise WrongUse(f"{path}: which of its attributes is the label? Choose it by --label-column NAME.")
    places = np.full(len(head.attributes), SKIPPED)
    places[list(columns.pixels)] = np.arange(len(columns.pixels))
    left_out = "0"
    if columns.label is not None:
        places[columns.label] = TEXT_LABEL
        left_out = next(iter(head.attributes[columns.label].values), "0")
    flat = as_announced((len(columns.pixels),))
    pixels = first_rows(SparseStream(path, "", flat, "float64", head.begin, True, places, left_out))
    layout = layout_of((pixels.shape[1],), pixels, path, options.size or columns.size)
    split = options.split or ("unlabelled" if columns.label is None else split_of(path))
    stream = SparseStream(path, split, layout, dtype_of_most(pixels), head.begin, True, places, left_out)
    unlabelled = f"{path}: its rows have no label." if columns.label is None else ""
    stream.notes = tuple(filter(None, (*columns.notes, unlabelled, layout.note)))
    return stream, columns.label


def _words(head: Head) -> list[int]:
    """Find the attributes that hold words."""
    return [
        place
        for place, attribute in enumerate(head.attributes)
        if attribute.is_text or not all(map(NUMBER.fullmatch, attribute.values))
    ]


def _number(streams: Sequence[TextStream], declared: Sequence[tuple[str, ...]]) -> None:
    """Set numbers for the classes, in the order that the files declare; in natural order where these differ."""
    if not all(declared):
        return
    classes = declared[0] if len(set(declared)) == 1 else tuple(sorted(set().union(*declared), key=natural))
    are_numbers = all(map(is_integer, classes))
    for stream in streams:
        if stream.has_words:
            stream.classes = () if are_numbers else classes
            stream.numbers = {word: int(word) if are_numbers else place for place, word in enumerate(classes)}


def read_head(path: str) -> Head:
    """Read the attributes. Raises UnreadableInput, which names the line, for one that is none."""
    with open_decoded(path) as stream:
        text = bytes(TextReader(stream).text())
    attributes: list[Attribute] = []
    for number, line in enumerate(re.finditer(rb"[^\r\n]*(\r\n|\r|\n)", text), 1):
        content = decoded(line.group()).strip()
        word = content.split(None, 1)[0].lower() if content else "%"
        if word == "@data":
            return _head(attributes, Begin(line.end(), number), text[line.end() :])
        if word == "@attribute":
            attributes.append(_attribute(path, number, content))
        elif not word.startswith("%") and word != "@relation":
            raise _wrong_line(path, number, content)
    raise UnreadableInput(path, "no line @data", "one before the rows", "The file may be cut off: fetch it again.")


def _head(attributes: Sequence[Attribute], begin: Begin, text: bytes) -> Head:
    lines = (line.strip() for line in text[: 1 << 16].splitlines())
    first_row = next((line for line in lines if line and not line.startswith(b"%")), b"")
    return Head(tuple(attributes), begin, first_row.startswith(b"{"), decoded(first_row))


def _attribute(path: str, number: int, line: str) -> Attribute:
    match = ATTRIBUTE.fullmatch(line)
    if match is None:
        raise _wrong_line(path, number, line)
    name, kind = _without_quotes(match[1]), match[2].strip()
    if kind.startswith("{"):
        words = re.findall(r"\s*('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^,{}]+)", kind)
        return Attribute(name, tuple(_without_quotes(word.strip()) for word in words if word.strip()))
    return Attribute(name, (), kind.split()[0].lower() not in NUMERIC)


def _without_quotes(word: str) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if quoted else word


def _wrong_line(path: str, number: int, line: str) -> UnreadableInput:
    expected = "@attribute, a name and a type, as in: @attribute pixel1 numeric"
    return UnreadableInput(f"{path}, line {number:,}", repr(line[:40]), expected, "Correct the line.")


def recognises(source: Source) -> bool:
    """Say whether the first line that is no comment names a relation."""
    lines = (line.strip().lower() for line in source.head.removeprefix(b"\xef\xbb\xbf").splitlines())
    first = next((line for line in lines if line and not line.startswith(b"%")), b"")
    return first.startswith((b"@relation", b"@attribute"))


FORM = Form("ARFF", (".arff",), recognises, arff_streams)
