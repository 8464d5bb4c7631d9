"""The pages of a Parquet file, measured before a library unpacks them.

Arrow reserves and fills what the header of a page says, up to 2 GiB, whatever the file's size. Headers are structs of
Thrift's compact protocol, between the pages (https://parquet.apache.org/docs/file-format/data-pages and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
"""

from __future__ import annotations

import io
from collections.abc import Collection
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

_TRUE, _FALSE, _BYTE, _I32, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 5, 7, 8, 9, 10, 11, 12
_TYPE, _UNPACKED, _PACKED, _DICTIONARY = 1, 2, 3, 2
"""The fields of a page's header that say what it is and its sizes, and the type of dictionaries."""

_DEEPEST = 8
"""Levels of structs; a page's header has three."""


def require_small_pages(stream: BinaryIO, metadata: Any, path: str, columns: Collection[str] | None = None) -> int:
    """Refuse a file whose pages say that they are far larger, packed or unpacked, than what is there of them.

    metadata: pyarrow's FileMetaData, of the file that `stream` reads. columns: names of those that will be read, at the
    top of the schema; None for all. Gives the bytes that a row may take unpacked, in the row group where it takes most.
    Raises UnreadableInput.
    """
    places = [
        (place, metadata.schema.column(place))
        for place in range(metadata.num_columns)
        if columns is None or metadata.schema.column(place).path.partition(".")[0] in columns
    ]
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    widest = 0
    for group in (group for group in groups if group.num_rows):
        pages = [_Pages.of(stream, group.column(place), described.length or 0, path) for place, described in places]
        rows = zip(pages, (described for _, described in places), strict=True)
        widest = max(widest, sum(_row_bytes(each, described, group.num_rows) for each, described in rows))
    return widest


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
    def of(cls, stream: BinaryIO, column: Any, length: int, path: str) -> _Pages:
        """Go from page to page. length: of each value, in bytes; 0 where they differ, or are numbers.

        Raises UnreadableInput for a page that is out of proportion.
        """
        pages = cls(column.num_values)
        offset, first = column.data_page_offset, column.dictionary_page_offset
        start = first if first is not None and 0 < first < offset else offset
        end = start + column.total_compressed_size
        name = column.path_in_schema[:80]
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


def _header(stream: BinaryIO) -> dict[int, int]:
    """Read the header of a page, up to its end; gives its three numbers. Raises ValueError where that is no header."""
    numbers = {_TYPE: -1, _UNPACKED: -1, _PACKED: -1}
    field = 0
    while kind := _byte(stream):
        field = field + (kind >> 4) if kind >> 4 else _number(stream)
        if field in numbers and kind & 15 == _I32:
            numbers[field] = _number(stream)
        else:
            _skip(stream, kind & 15)
    return numbers


def _skip(stream: BinaryIO, kind: int, depth: int = 0) -> None:
    """Pass over a value."""
    if depth > _DEEPEST or kind > _STRUCT:
        raise ValueError("the header of a page is damaged")
    if kind == _BYTE:
        stream.seek(1, io.SEEK_CUR)
    elif kind == _DOUBLE:
        stream.seek(8, io.SEEK_CUR)
    elif kind == _BINARY:
        stream.seek(_varint(stream), io.SEEK_CUR)
    elif kind == _STRUCT:
        while inner := _byte(stream):
            if not inner >> 4:
                _varint(stream)
            _skip(stream, inner & 15, depth + 1)
    elif kind in (_LIST, _SET, _MAP):  # pages have none in their headers
        raise ValueError("the header of a page is damaged")
    elif kind not in (_TRUE, _FALSE):
        _varint(stream)


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
