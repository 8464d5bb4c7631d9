"""Limits for a CI: what a call measures by name, the most that is allowed, and the failure where it is more."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from mnist_data.api.results import Result
from mnist_data.errors import CheckFailed, WrongUse, unknown_name
from pipelines.settings.checks import THRESHOLDS, Limit
from pipelines.settings.toml import read_toml
from pipelines.settings.values import checked as converted

Named = Mapping[str, float] | Sequence[str] | str | PathLike[str]
"""Values by name: a mapping; texts as in "leaked=0"; or a TOML file, whose table has the flag's name."""

TABLES = {"fail_if": "fail-if", "threshold": "thresholds"}
"""Which table of a TOML file holds the values of a parameter; one file may hold all of them."""

Require = Callable[[str, float, str], None]
"""Raises WrongUse for a name that is not known, or a value that it cannot have; is given where both were written."""


@dataclass(frozen=True)
class Measured:
    """What a limit is compared with.

    of: of how many it is a count, so that a limit below 1 is a fraction of them. where: what has this value, in words.
    """

    value: float
    of: int | None = None
    where: str = ""


def named_values(given: Named | None, parameter: str, require: Require) -> dict[str, float]:
    """Read values by name, and refuse those that `require` refuses.

    parameter: "fail_if" or "threshold". Raises WrongUse for a value that is no number, UnreadableInput for a file that
    is no TOML.
    """
    values = {}
    for name, value, origin in _entries(given, parameter):
        number = converted(value, float, f"{origin}: {name}")
        if not math.isfinite(number):
            raise WrongUse(f"{origin}: {name} is {value!r}; it must be a number.")
        require(name, number, origin)
        values[name] = number
    return values


def one_of(names: Collection[str], kind: str = "limit") -> Require:
    """Give what refuses all names but these. kind: what they name."""

    def require(name: str, _value: float, origin: str) -> None:
        if name not in names:
            raise unknown_name(kind, name, names, origin)

    return require


def count_of(names: Collection[str], kind: str) -> Require:
    """Give what refuses all names but these, and a limit that is neither a whole number nor a fraction below 1."""

    def require(name: str, value: float, origin: str) -> None:
        one_of(names, kind)(name, value, origin)
        converted(int(value) if value == int(value) else value, Limit, f"{origin}: {name}")

    return require


def require_threshold(name: str, value: float, origin: str) -> None:
    """Raise WrongUse for a check that has no threshold, and for a value that its threshold cannot have."""
    one_of(THRESHOLDS, "check with a threshold")(name, value, origin)
    converted(value, THRESHOLDS[name].kind, f"{origin}: {name}", THRESHOLDS[name].unit)


def checked(result: Result, limits: Mapping[str, float], measured: Mapping[str, Measured]) -> Result:
    """Give the result where all limits are kept. Raises CheckFailed, which names each broken one and has the result."""
    broken = [text for name, limit in limits.items() if (text := _broken(name, limit, measured.get(name)))]
    if not broken:
        return result
    failure = CheckFailed(f"{result.command}: {'; '.join(broken)}.")
    failure.result = result
    raise failure


def _broken(name: str, limit: float, measured: Measured | None) -> str:
    """Say how a limit is broken; nothing where it is kept. What could not be measured is not known to keep it."""
    if measured is None or math.isnan(measured.value):
        return f"{name} could not be measured, at most {limit:g} is allowed"
    if measured.of is None:
        where = f" ({measured.where})" if measured.where else ""
        return "" if measured.value <= limit else f"{name} is {measured.value:.4g}{where}, at most {limit:g} is allowed"
    fraction = 0 < limit < 1
    if measured.value <= (limit * measured.of if fraction else limit):
        return ""
    allowed = f"{limit:.4g} of them" if fraction else f"{int(limit):,}"
    where = f" in {measured.where}" if measured.where else ""
    return f"{name} is {int(measured.value):,} of {measured.of:,}{where}, at most {allowed} is allowed"


def _entries(given: Named | None, parameter: str) -> Iterator[tuple[str, Any, str]]:
    """Give name, value and origin of each entry."""
    flag = f"--{parameter.replace('_', '-')}"
    if given is None:
        return
    if isinstance(given, Mapping):
        yield from ((name, value, parameter) for name, value in given.items())
        return
    for text in [given] if isinstance(given, str | PathLike) else given:
        if not isinstance(text, str) or text.endswith(".toml"):
            yield from _entries_of_file(fspath(text), TABLES[parameter])
            continue
        name, _, number = text.partition("=")
        try:
            yield name.strip(), float(number), flag
        except ValueError:
            raise WrongUse(f"{flag} {text!r} has no number; write it as in NAME=0.5, or name a .toml file.") from None


def _entries_of_file(path: str, table: str) -> Iterator[tuple[str, Any, str]]:
    values = read_toml(path, "See docs/audit.md for an example.")
    for name, value in values.items():
        if name not in TABLES.values():
            raise unknown_name("table", name, TABLES.values(), path)
        if not isinstance(value, Mapping):
            raise WrongUse(f"{path}: {name} is {value!r}; it must be a table, [{name}].")
    if table not in values:
        raise WrongUse(f"{path} has no table [{table}]; see docs/audit.md for an example.")
    yield from ((name, value, f"{path}, [{table}]") for name, value in _flat(values[table]))


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Write nested tables, which TOML makes of thickness.wasserstein = 0.2, as dotted names."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
