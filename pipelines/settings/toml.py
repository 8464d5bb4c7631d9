"""The one reader of TOML: of runs, recipes, thresholds, claims and sweeps."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from mnist_data import storage
from mnist_data.errors import UnreadableInput

DEEPEST = 32
"""Tables and lists within each other; far beyond any file of ours, and far below what Python can recurse into."""


def read_toml(path: str | Path, advice: str) -> dict[str, Any]:
    """Read a TOML file in UTF-8. advice: where to find an example.

    Raises UnreadableInput for a file that is missing, that is no TOML, or whose tables are nested out of all measure.
    """
    storage.require_file(path, "a TOML file", advice)
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except RecursionError:  # its traceback is as long as the file is deep
        raise _too_deep(path, advice) from None
    except ValueError as cause:  # of the syntax, of the encoding, or of a number too long
        raise UnreadableInput(str(path), _reason(cause), "a TOML file", advice) from cause
    if _depth(values) > DEEPEST:
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


def _depth(values: dict[str, Any]) -> int:
    """Count the levels of tables and lists within each other, one level after another."""
    level: list[Any] = [values]
    depth = 0
    while level:
        depth += 1
        items = (item for part in level for item in (part.values() if isinstance(part, dict) else part))
        level = [item for item in items if isinstance(item, dict | list)]
    return depth
