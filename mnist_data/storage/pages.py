"""The pages of a Parquet file, measured before a library unpacks them.

Arrow reserves and fills what the header of a page says, up to 2 GiB, whatever the file's size. Headers are structs of
Thrift's compact protocol, between the pages (https://parquet.apache.org/docs/file-format/data-pages and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from mnist_data.errors import UnreadableInput

PAGE_BYTES = 1 << 26
"""What a page, or the values of all rows, may take unpacked, however little of the file holds it: blank images pack
well, and ours are written in row groups of that size."""

VALUE_BYTES = 1 << 28
"""What a page of one value may take, where the schema says that each takes as much; an image of ours takes no more."""

RATIO = 1_000
"""How many times its packed size it may take beyond that: real ones take up to some hundred times."""

_SLACK = 100
"""Bytes by which the pages of a column may end behind their place: early writers did not count a header."""

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_TYPE, _UNPACKED, _PACKED, _DICTIONARY = 1, 2, 3, 2
"""The fields of a page's header that say what it is and its sizes, and the type of dictionaries."""

_DEEPEST = 16
"""Levels of structs and lists; a footer has six."""

_LONGEST = 1 << 20
"""Values in a list; the longest are the row groups of a footer."""

_GROUPS, _COLUMNS, _ROWS, _CHUNK, _CRYPTO = 4, 1, 3, 3, 8
_KIND, _VALUES, _CHUNK_BYTES, _DATA, _FIRST, _SIZES = 1, 5, 7, 9, 11, 16
_FOOTER: dict[int, Any] = {_GROUPS: {_COLUMNS: {_CHUNK: {_SIZES: {}}, _CRYPTO: {}}}}
"""The fields of a footer that hold others of which something is read: parquet.thrift, from FileMetaData on."""

_KINDS = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")


def require_small_pages(stream: BinaryIO, metadata: Any, path: str, columns: Collection[str] | None = None) -> int:
    """Refuse a file whose pages say that they are far larger, packed or unpacked, than what is there of them.

    metadata: pyarrow's FileMetaData, of the file that `stream` reads. columns: names of those that will be read, at the
    top of the schema; None for all. Gives the bytes that a row may take unpacked, in the row group where it takes most.
    Raises UnreadableInput.
    """
    described = [metadata.schema.column(place) for place in range(metadata.num_columns)]
    chosen = [place for place, each in enumerate(described) if columns is None or each.path.split(".")[0] in columns]
    widest = 0
    for rows, chunks in require_sound_chunks(stream, metadata, path):
        pages = [(_Pages.of(stream, chunks[place], described[place], path), described[place]) for place in chosen]
        widest = max(widest, sum(_row_bytes(each, column, rows) for each, column in pages))
    return widest


def require_sound_chunks(stream: BinaryIO, metadata: Any, path: str) -> list[tuple[int, list[dict[int, Any]]]]:
    """Read what a footer says of its columns; gives for each row group with rows how many, and the columns' fields.

    pyarrow ends the process where it is asked for a column whose counts of levels are not of the schema's number, so
    that is looked at here. Raises UnreadableInput.
    """
    stream.seek(-8, io.SEEK_END)
    length = int.from_bytes(stream.read(8)[:4], "little")
    stream.seek(-8 - length, io.SEEK_END)
    groups = _structs(_struct(io.BytesIO(stream.read(length)), _FOOTER), _GROUPS)
    described = [metadata.schema.column(place) for place in range(metadata.num_columns)]
    for group in groups:
        chunks = _structs(group, _COLUMNS)
        if len(chunks) != len(described) or not all(map(_is_sound, chunks, described)):
            raise _refused(path, "a damaged footer", "one that describes each column as the schema does")
    counted = [(group.get(_ROWS), [chunk[_CHUNK] for chunk in group.get(_COLUMNS, [])]) for group in groups]
    return [(rows, chunks) for rows, chunks in counted if isinstance(rows, int) and rows > 0]


def _structs(fields: dict[int, Any], field: int) -> list[dict[int, Any]]:
    """Give the structs of a list. Raises ValueError where it holds others."""
    values = fields.get(field, [])
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise ValueError("a field of another type")
    return values


def _is_sound(chunk: dict[int, Any], described: Any) -> bool:
    """Say whether a column of a row group is of its type in the schema, with as many counts as it has levels."""
    fields = chunk.get(_CHUNK)
    sizes = fields.get(_SIZES, {}) if isinstance(fields, dict) else None
    if not isinstance(fields, dict) or not isinstance(sizes, dict):
        return False
    levels = ((2, described.max_repetition_level), (3, described.max_definition_level))
    lists = [(sizes.get(field, []), most) for field, most in levels]
    counts = all(isinstance(values, list) and len(values) in (0, most + 1) for values, most in lists)
    kind = fields.get(_KIND, -1)
    typed = isinstance(kind, int) and 0 <= kind < len(_KINDS) and _KINDS[kind] == described.physical_type
    texts = 1 not in sizes or described.physical_type == "BYTE_ARRAY"
    numbers = all(isinstance(fields.get(field, 0), int) for field in (_VALUES, _CHUNK_BYTES, _DATA, _FIRST))
    numbers = numbers and {_VALUES, _CHUNK_BYTES, _DATA} <= fields.keys()
    return typed and counts and texts and numbers and _CRYPTO not in chunk


def require_believable_rows(size: int, metadata: Any, path: str) -> None:
    """Refuse a file of which a few bytes stand for more values than any real one's. size: of the file, in bytes.

    A run of equal values takes a few bytes, however long it is. Raises UnreadableInput.
    """
    most = PAGE_BYTES + RATIO * size
    if metadata.num_rows * metadata.num_columns * 8 > most:
        raise UnreadableInput(
            path,
            f"{metadata.num_rows:,} rows of {metadata.num_columns:,} columns in {size:,} bytes",
            f"at most {most // max(1, metadata.num_columns * 8):,} rows in that many",
            "Make it again from its source.",
        )


@dataclass
class _Pages:
    """The pages of a column in one row group. unpacked: bytes of all. dictionary: of the one that others name."""

    values: int
    unpacked: int = 0
    dictionary: int = 0

    @classmethod
    def of(cls, stream: BinaryIO, column: dict[int, Any], described: Any, path: str) -> _Pages:
        """Go from page to page. column: its fields in the footer. described: the column of the schema.

        Raises UnreadableInput for a page that is out of proportion.
        """
        pages = cls(column[_VALUES])
        offset, first = column[_DATA], column.get(_FIRST, 0)
        start = first if 0 < first < offset else offset
        end = start + column[_CHUNK_BYTES]
        name, length = described.path[:80], described.length or 0
        while start < end:
            stream.seek(start)
            header = _header(stream)
            unpacked, packed = header[_UNPACKED], header[_PACKED]
            start = stream.tell() + packed
            if packed < 0 or start > end + _SLACK:
                found = f"a page of {name!r} says that it takes {packed:,} bytes"
                raise _refused(path, found, "a page within its column")
            most = max(PAGE_BYTES, min(length, VALUE_BYTES)) + RATIO * packed
            if not 0 <= unpacked <= most:
                found = f"a page of {name!r} in {packed:,} bytes says that it takes {unpacked:,} unpacked"
                raise _refused(path, found, f"at most {most:,}")
            pages.unpacked += unpacked
            if header[_TYPE] == _DICTIONARY:
                pages.dictionary = max(pages.dictionary, unpacked)
        return pages


def _row_bytes(pages: _Pages, described: Any, rows: int) -> int:
    """Give the bytes that a row takes on average, or more: each value may be the longest of the dictionary."""
    kind = described.physical_type
    value = described.length if kind == "FIXED_LEN_BYTE_ARRAY" else pages.dictionary if kind == "BYTE_ARRAY" else 8
    return max(pages.unpacked // rows, -(-pages.values // rows) * value)


def _refused(path: str, found: str, expected: str) -> UnreadableInput:
    return UnreadableInput(path, found, expected, "Fetch it again, or write it again with smaller pages.")


def _header(stream: BinaryIO) -> dict[int, Any]:
    """Read the header of a page, up to its end; gives its three numbers. Raises ValueError where that is no header."""
    header = {_TYPE: -1, _UNPACKED: -1, _PACKED: -1} | _struct(stream, {})
    if not all(isinstance(header[field], int) for field in (_TYPE, _UNPACKED, _PACKED)):
        raise ValueError("the header of a page has other types")
    return header


def _struct(stream: BinaryIO, within: Mapping[int, Any], depth: int = 0) -> dict[int, Any]:
    """Read a struct, of others and of lists only those `within` it; gives numbers and these by their fields."""
    fields: dict[int, Any] = {}
    field = 0
    while head := _byte(stream):
        field = field + (head >> 4) if head >> 4 else _number(stream)
        value = _value(stream, head & 15, within.get(field), depth + 1)
        if value is not None:
            fields[field] = value
    return fields


def _value(stream: BinaryIO, kind: int, within: Mapping[int, Any] | None, depth: int) -> Any:
    """Read a value; None of what is passed over. Raises ValueError where there is none."""
    if depth > _DEEPEST:
        raise ValueError("structs are nested too deep")
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE
    if kind in (_BYTE, _DOUBLE):
        return stream.seek(1 if kind == _BYTE else 8, io.SEEK_CUR) and None
    if kind == _BINARY:
        return stream.seek(_varint(stream), io.SEEK_CUR) and None
    if kind in (_LIST, _SET):
        return _list(stream, within, depth)
    if kind == _MAP:
        raise ValueError("a map where Parquet has none")
    if kind == _STRUCT:
        read = _struct(stream, within or {}, depth)
        return None if within is None else read
    if kind > _STRUCT:
        raise ValueError("a type that Thrift does not have")
    return _number(stream)


def _list(stream: BinaryIO, within: Mapping[int, Any] | None, depth: int) -> list[Any]:
    """Read a list; of what is passed over within it only how long it is."""
    head = _byte(stream)
    count, kind = head >> 4 if head >> 4 < 15 else _varint(stream), head & 15
    values: list[Any] = []
    if count > _LONGEST:
        raise ValueError("a list out of all measure")
    for _ in range(count):
        if kind in (_TRUE, _FALSE):
            _byte(stream)
            values.append(None)
        else:
            values.append(_value(stream, kind, within, depth + 1))
    return values


def _byte(stream: BinaryIO) -> int:
    read = stream.read(1)
    if not read:
        raise ValueError("it ends in the header of a page")
    return read[0]


def _varint(stream: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = _byte(stream)
        value |= (byte & 127) << shift
        if byte < 128:
            return value
    raise ValueError("the header of a page is damaged")


def _number(stream: BinaryIO) -> int:
    value = _varint(stream)
    return (value >> 1) ^ -(value & 1)
