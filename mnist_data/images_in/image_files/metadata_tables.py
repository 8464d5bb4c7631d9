"""Tables next to image files as Hugging Face's ImageFolder has them: metadata.jsonl and metadata.parquet.

Both are taken apart into columns of text, as tables in text are. What a cell holds besides a number or a text, as boxes
of objects do, is no label: such columns are left out, unless they are called as labels are.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from mnist_data.errors import UnreadableInput
from mnist_data.images_in.text.columns import named_label
from mnist_data.storage.pages import require_believable_rows, require_small_pages

Row = tuple[int, tuple[str, ...]]
"""A line or row, counted from 1, and its cells."""

JSON_ENDINGS = (".jsonl", ".ndjson")

PARQUET_ENDINGS = (".parquet", ".pq")

MOST_COLUMNS = 64

FILE_NAMES = re.compile(r"(image|img|file|picture|photo|sample)?s?[ _-]?(names?|files?|ids?|paths?)?", re.IGNORECASE)
"""Names of the column of names, where several columns could be."""


def json_rows(path: str, text: str) -> tuple[tuple[str, ...], list[Row], list[UnreadableInput]]:
    """Take lines of JSON apart: names of the columns, rows, and what is wrong with lines that are no objects."""
    objects: list[tuple[int, dict[str, Any]]] = []
    damage = []
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines(): a text may hold U+2028 as it is
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as cause:
            value, why = None, f"no JSON ({getattr(cause, 'msg', None) or type(cause).__name__})"
        else:
            why = f"{_kind(value)} instead of an object"
        if isinstance(value, dict):
            objects.append((number, value))
        else:
            damage.append(_damaged(f"{path}, line {number:,}", why))
    header, rows, others = _flat(path, "line", objects)
    return header, rows, [*damage, *others]


def parquet_rows(path: str, content: bytes) -> tuple[tuple[str, ...], list[Row], list[UnreadableInput]] | None:
    """Take a Parquet file apart as `json_rows` does lines; None for one of other things, as of images."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            require_believable_rows(len(content), file.metadata, path)
            if not _names_files(file.schema_arrow):
                return None
            require_small_pages(io.BytesIO(content), file.metadata, path)
            fields = [field for field in file.schema_arrow if not pa.types.is_nested(field.type) or _is_label(field)]
            table = file.read(columns=[field.name for field in fields], use_threads=False)
        table.validate(full=True)
        return _flat(path, "row", list(enumerate(table.to_pylist(), 1)))
    except UnreadableInput as cause:
        return (), [], [cause]
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as cause:
        why = str(cause).splitlines()[0][:200] if str(cause) else type(cause).__name__
        return (), [], [_damaged(path, f"it cannot be read ({why})")]


def is_parquet_of_names(file: str) -> bool:
    """Say whether a Parquet file names image files next to it, or is damaged, rather than holding images itself."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as opened:
            return _names_files(opened.schema_arrow)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError):
        return True


def _names_files(schema: Any) -> bool:
    """Say whether one column of a table has names of files, and none has images."""
    named = any(FILE_NAMES.fullmatch(field.name) and _is_text(field.type) for field in schema)
    return named and len(schema) <= MOST_COLUMNS and not any(_is_binary(field.type) for field in schema)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_label(field: Any) -> bool:
    return named_label([field.name]) == 0


def _is_binary(kind: Any) -> bool:
    """Say whether a column holds files: bytes, or Hugging Face's structs of them."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(_is_binary(kind.field(place).type) for place in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _flat(
    path: str, unit: str, objects: Sequence[tuple[int, dict[str, Any]]]
) -> tuple[tuple[str, ...], list[Row], list[UnreadableInput]]:
    """Give the columns of numbers and texts. unit: what the rows are called, line or row."""
    names = list(dict.fromkeys(name for _, value in objects for name in value))
    nested: dict[str, int] = {}
    for number, value in objects:
        for name, cell in value.items():
            if isinstance(cell, (dict, list)):
                nested.setdefault(name, number)
    damage = [
        _damaged(f"{path}, {unit} {nested[name]:,}", f"the label {name!r} is {_kind(_at(objects, nested[name])[name])}")
        for name in nested
        if named_label([name]) == 0
    ]
    header = tuple(name for name in names if name not in nested)
    rows = [(number, tuple(_text(value.get(name)) for name in header)) for number, value in objects]
    return header, rows, damage


def _at(objects: Iterable[tuple[int, dict[str, Any]]], wanted: int) -> dict[str, Any]:
    return next(value for number, value in objects if number == wanted)


def _text(cell: object) -> str:
    """Write a cell as tables in text have it; whole-valued floats, which gaps make of integers, as integers."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _kind(value: object) -> str:
    """Say in words what a value of JSON is."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _damaged(where: str, what: str) -> UnreadableInput:
    return UnreadableInput(
        where,
        what,
        'a name of a file and its label, as {"file_name": "0001.png", "label": 7}',
        "Correct it, or take the table out.",
    )
