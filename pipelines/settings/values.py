"""One check for values from Python, flags, TOML and metadata: each is compared with the type of what it is given to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from mnist_data.errors import WrongUse
from mnist_data.parquet.records import in_short

Text = Annotated[str, msgspec.Meta(min_length=1)]
Whole = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0, description="a number above 0")]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


def between(low: float, high: float) -> Any:
    """Give the type of a number from low to high, both included."""
    return Annotated[float, msgspec.Meta(ge=low, le=high)]


def checked(value: Any, kind: Any, where: str, unit: str = "") -> Any:
    """Give a value as its type has it: lists as tuples, whole numbers as floats, numbers of NumPy as Python's.

    kind: a type, with ranges by `msgspec.Meta`. where: the name of what is set, for the message. unit: of a number.
    Raises WrongUse, which says where, what was given and what it can be.
    """
    try:
        return msgspec.convert(_plain(value), kind)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter of half a character, as of a bad argument
        within = f" ({unit})" if unit else ""
        raise WrongUse(f"{where} is {in_short(value)}; it {expected(kind)}{within}.") from None


def expected(kind: Any) -> str:
    """Say what a type takes; None, where it stands for what is found out later, is not named.

    >>> expected(Fraction), expected(Seed | None), expected(Literal["b", "a"] | None)
    ('must be a number from 0 to 1', 'must be a whole number from 0 to 9223372036854775807', 'can be b, a')
    """
    from msgspec import inspect

    for choices in (kind, *get_args(kind)):
        if get_origin(choices) is Literal:
            return "can be " + ", ".join(map(str, get_args(choices)))  # msgspec would sort them
    described = _without_none(inspect.type_info(kind))
    return "can be true or false" if isinstance(described, inspect.BoolType) else f"must be {_noun(described)}"


def _plain(value: Any) -> Any:
    """Give numbers and arrays of NumPy, paths and sequences as the types that JSON and TOML have."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "__fspath__"):
        return value.__fspath__()
    if isinstance(value, list | tuple | range):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _without_none(described: Any) -> Any:
    from msgspec import inspect

    if not isinstance(described, inspect.UnionType):
        return described
    others = tuple(item for item in described.types if not isinstance(item, inspect.NoneType))
    return others[0] if len(others) == 1 else inspect.UnionType(others)


def _noun(described: Any) -> str:
    """Name what a type holds, as in "a list of whole numbers from 0"."""
    from msgspec import inspect

    match described:
        case inspect.Metadata(extra_json_schema={"description": words}):
            return str(words)
        case inspect.UnionType():
            return " or ".join(map(_noun, described.types))
        case inspect.IntType():
            return "a whole number" + _range(described)
        case inspect.FloatType():
            return "a number" + _range(described)
        case inspect.StrType():
            return "a text"
        case inspect.BoolType():
            return "true or false"
        case inspect.ListType() | inspect.VarTupleType():
            return "a list, each item " + _noun(described.item_type)
        case inspect.DictType():
            return "a table, each value " + _noun(described.value_type)
        case _:
            return "a table"


def _range(described: Any) -> str:
    """Write the ends of a range of numbers that there are, as in " from 0 to 1"."""
    low = [
        f"{word} {end:g}" if isinstance(end, float) else f"{word} {end}"
        for word, end in (("from", described.ge), ("above", described.gt))
        if end is not None
    ]
    high = [
        f"{word} {end:g}" if isinstance(end, float) else f"{word} {end}"
        for word, end in (("to", described.le), ("and below", described.lt))
        if end is not None
    ]
    return "".join(f" {end}" for end in (*low, *high))
