"""Records: the JSON that our files carry, read once, by the strict schema of a dataclass.

Metadata, manifests and the headers of networks may come from anybody, and bits rot: whatever is in them, `read_record`
gives what was written, or says which field has what and what it should have.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

Record = TypeVar("Record")

Refuse = Callable[[str, str], Exception]
"""Makes the error of a record from what was found in it and what was expected; it knows the file and the advice."""

DEEPEST = 32
"""Objects and lists within each other; far beyond any record of ours, and far below what Python can recurse into."""

FARTHEST = 2**63
"""Whole numbers of ours lie below it: they are 64-bit columns, seeds, counts and sizes."""

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 4, 20, 20, 20
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 200

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
}
"""What a type of JSON, as msgspec names it, is called in a message."""


def in_short(value: Any) -> str:
    """Write a value for a message, as Python does, but never more than fits one."""
    return _SHORT.repr(value)


def read_record(stored: bytes | str, kind: type[Record], refuse: Refuse) -> Record:
    """Read JSON as a dataclass has it: every field of its type and range, none missing, none that is not known.

    kind: a dataclass, whose ranges are msgspec's `Meta`. Raises what `refuse` makes.
    """
    return convert_record(read_json(stored, refuse), kind, refuse)


def read_json(stored: bytes | str, refuse: Refuse) -> Any:
    """Read JSON in UTF-8 whose nesting and numbers are of our measure. Raises what `refuse` makes."""
    try:
        values = json.loads(stored.decode("utf-8") if isinstance(stored, bytes) else stored)
    except UnicodeDecodeError as cause:
        raise refuse(f"byte {cause.start:,} is not UTF-8", "JSON in UTF-8") from None
    except RecursionError:  # its traceback is as long as the record is deep
        raise refuse(f"lists or objects nested more than {DEEPEST} deep", "fewer levels") from None
    except ValueError as cause:
        raise refuse(f"no JSON ({_first_line(cause)})", "JSON in UTF-8") from None
    if depth_of(values) > DEEPEST:
        raise refuse(f"lists or objects nested more than {DEEPEST} deep", "fewer levels")
    if (fault := _unusable(values)) is not None:
        raise refuse(f"{in_short(fault)} in it", "texts that are Unicode and whole numbers below 2⁶³")
    return values


def _first_line(cause: ValueError) -> str:
    return (str(cause).splitlines() or [type(cause).__name__])[0][:200]


def convert_record(values: Any, kind: type[Record], refuse: Refuse) -> Record:
    """Convert what `read_json` gave to a dataclass, as `read_record` does."""
    try:
        record = msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as cause:
        raise refuse(*_in_words(str(cause), values)) from None
    if unknown := _unknown_field(values, kind):
        raise refuse(f"a field {in_short(unknown)}", "only fields that this version knows")
    return record


def depth_of(values: Any) -> int:
    """Count the levels of objects and lists within each other, one level after another."""
    level = [values] if isinstance(values, dict | list) else []
    depth = 0
    while level:
        depth += 1
        items = (item for part in level for item in (part.values() if isinstance(part, dict) else part))
        level = [item for item in items if isinstance(item, dict | list)]
    return depth


def _unusable(values: Any) -> Any:
    """Give a text with half a character, or a whole number that no field has; None where all are usable."""
    if isinstance(values, str):
        return None if values.isascii() or values.encode(errors="ignore").decode() == values else values
    if isinstance(values, int):
        return None if abs(values) < FARTHEST else values
    items = (*values, *values.values()) if isinstance(values, dict) else values if isinstance(values, list) else ()
    return next((fault for item in items if (fault := _unusable(item)) is not None), None)


def _unknown_field(values: Any, kind: Any) -> str | None:
    """Name a field that a dataclass, or one within it, does not have; msgspec passes over those of dataclasses."""
    if is_dataclass(kind) and isinstance(values, Mapping):
        hints = get_type_hints(kind)
        known = {field.name for field in fields(kind)}
        within = ((values[name], hints[name]) for name in known & values.keys())
        strange = next((name for name in values if name not in known), None)
        return strange or next((name for value, of in within if (name := _unknown_field(value, of))), None)
    inner = [of for of in get_args(kind) if is_dataclass(of)]
    items = values.values() if isinstance(values, dict) else values if isinstance(values, list) else ()
    return next((name for of in inner for value in items if (name := _unknown_field(value, of))), None)


def _in_words(message: str, values: Any) -> tuple[str, str]:
    """Say of msgspec's message what was found and what was expected."""
    reason, _, place = message.partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    if missing := re.match(r"Object missing required field `(.+)`", reason):
        return f"no {'.'.join(filter(None, (place, missing[1])))}", "that field"
    wanted = re.sub(r"^Expected |, got .*$", "", reason)
    wanted = re.sub(r"\b(int|float|str|bool|array|object|null)\b", lambda name: _WORDS[name[1]], wanted)
    wanted = wanted.replace("`", "").replace(" | ", " or ")
    if "enum" in reason:
        wanted = "one of the values that this version knows"
    return f"{in_short(_at(values, place))} as {place or 'its whole'}", wanted


def _at(values: Any, place: str) -> Any:
    """Give the value at a place as msgspec writes it: `sources[0].shape`; of any one of a dict, `[...]`, all."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+|\.\.\.)\]", place):
        if index == "..." or (name and name not in values):
            return values
        values = values[name] if name else values[int(index)]
    return values
