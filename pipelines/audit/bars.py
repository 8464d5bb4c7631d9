"""Bars and limits of the audit, as a user sets them in a TOML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mnist_data.errors import CheckFailed, WrongUse, unknown_name
from pipelines.settings.recipe import read_toml

TABLES = ("thresholds", "limits")


def read_thresholds(path: str | Path, checks: Sequence[str], adjustable: Sequence[str]) -> dict[str, dict[str, float]]:
    """Read the tables [thresholds] and [limits] of a file; checks: all there are, adjustable: those that have a bar.

    Raises UnreadableInput for a file that is no TOML, WrongUse for a name that is not known or a value out of range.
    """
    given = read_toml(path, "See docs/audit.md for an example.")
    for name in given:
        if name not in TABLES:
            raise unknown_name("table", name, TABLES, str(path))
    return {
        "thresholds": _values(given.get("thresholds", {}), adjustable, f"{path}, [thresholds]"),
        "limits": _values(given.get("limits", {}), checks, f"{path}, [limits]"),
    }


def _values(table: Any, known: Sequence[str], origin: str) -> dict[str, float]:
    if not isinstance(table, Mapping):
        raise WrongUse(f"{origin} is {table!r}; it must be a table of checks and numbers.")
    for name, value in table.items():
        if name not in known:
            raise unknown_name("check", name, known, origin)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WrongUse(f"{origin}: {name} is {value!r}; it must be a number.")
        if "[thresholds]" in origin and not value > 0:
            raise WrongUse(f"{origin}: {name} is {value!r}; a threshold must be above 0.")
        if "[limits]" in origin and (value < 0 or (value != int(value) and value > 1)):
            raise WrongUse(
                f"{origin}: {name} is {value!r}; a limit is a whole number of samples, or a fraction below 1."
            )
    return dict(table)


def broken_limits(checks: pd.DataFrame, limits: Mapping[str, float]) -> list[str]:
    """Say which limits are broken, in words. checks: check, split, samples, flagged; the splits are added up."""
    broken = []
    for check, limit in limits.items():
        rows = checks[checks["check"] == check]
        flagged, samples = int(rows["flagged"].sum()), int(rows["samples"].sum())
        if flagged > (limit * samples if isinstance(limit, float) and limit < 1 else limit):
            allowed = f"{limit:.2%}" if isinstance(limit, float) and limit < 1 else f"{int(limit):,}"
            broken.append(f"{check}: {flagged:,} of {samples:,} flagged, at most {allowed} allowed")
    return broken


def require_limits(checks: pd.DataFrame, limits: Mapping[str, float]) -> None:
    """Raise CheckFailed where a limit is broken."""
    broken = broken_limits(checks, limits)
    if broken:
        raise CheckFailed("The audit broke " + ("a limit: " if len(broken) == 1 else "limits: ") + "; ".join(broken))
