"""The one reader of TOML: of runs, recipes, thresholds, claims and sweeps."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.records import DEEPEST, depth_of

LARGEST = 1 << 18
"""Bytes of a file, a hundred times those of any that people write: Python reads TOML a character at a time."""

_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""
_DEEP_KEY = re.compile(rf"""(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{DEEPEST}}}""")
"""A name of more parts than levels are allowed; Python looks at all beginnings of a name, of each at every part."""


def read_toml(path: str | Path, advice: str) -> dict[str, Any]:
    """Read a TOML file in UTF-8. advice: where to find an example.

    Raises UnreadableInput for a file that is missing or large, that is no TOML, or whose tables are nested out of all
    measure.
    """
    storage.require_file(path, "a TOML file", advice)
    if (size := Path(path).stat().st_size) > LARGEST:
        raise UnreadableInput(str(path), f"it has {size:,} bytes", f"a TOML file of at most {LARGEST:,}", advice)
    try:
        with storage.naming(path):
            text = Path(path).read_text(encoding="utf-8-sig")
        if _DEEP_KEY.search(text):
            raise _too_deep(path, advice)
        values = tomllib.loads(text)
    except RecursionError:  # its traceback is as long as the file is deep
        raise _too_deep(path, advice) from None
    except ValueError as cause:  # of the syntax, of the encoding, or of a number too long
        raise UnreadableInput(str(path), _reason(cause), "a TOML file", advice) from cause
    if depth_of(values) > DEEPEST:
        raise _too_deep(path, advice)
    return values


def _reason(cause: ValueError) -> str:
    """Say why a file is no TOML."""
    if isinstance(cause, UnicodeDecodeError):
        return f"byte {cause.start:,} is not UTF-8"
    return str(cause)


def _too_deep(path: str | Path, advice: str) -> UnreadableInput:
    return UnreadableInput(
        str(path), f"its tables or lists are nested more than {DEEPEST} deep", "fewer levels", advice
    )
