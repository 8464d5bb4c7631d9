"""Claims as TOML: what is said, by whom, and the test it is put to. One file for each known dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnist_data.errors import WrongUse, unknown_name
from pipelines.claims import outcomes
from pipelines.claims.outcomes import Outcome
from pipelines.settings.toml import read_toml

ADVICE = "See docs/claims.md for an example."


@dataclass(frozen=True)
class Kind:
    """What a parameter must be. meaning: in words. fits: whether a value is one."""

    meaning: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True)
class Test:
    """A test by its function and the parameters that it needs, all of them."""

    function: Callable[..., Outcome]
    parameters: Mapping[str, Kind] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """text: what is said. source: who says it. note: what else a reader should know."""

    text: str
    source: str
    test: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_list(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and bool(value) and all(map(fits, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


WHOLE = Kind("a whole number from 0", _is_whole)
NUMBER = Kind("a number", _is_number)
SHARE = Kind("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
TEXT = Kind("a text", _is_text)
TEXTS = Kind("a list of texts, as in ['train', 'test']", lambda value: _is_list(value, _is_text))
SHAPE = Kind("a list of whole numbers, as in [28, 28]", lambda value: _is_list(value, _is_whole))
COUNTS = Kind(
    "a table of whole numbers by split, as in { train = 60000 }",
    lambda value: isinstance(value, Mapping) and bool(value) and all(map(_is_whole, value.values())),
)

TESTS: Mapping[str, Test] = {
    "sample_counts": Test(outcomes.sample_counts, {"counts": COUNTS}),
    "image_shape": Test(outcomes.image_shape, {"shape": SHAPE}),
    "image_format": Test(outcomes.image_format, {"shape": SHAPE, "dtype": TEXT, "classes": WHOLE, "counts": COUNTS}),
    "pixel_range": Test(outcomes.pixel_range, {"low": NUMBER, "high": NUMBER}),
    "background_is_zero": Test(outcomes.background_is_zero),
    "even_classes": Test(outcomes.even_classes, {"level": SHARE}),
    "samples_per_class": Test(outcomes.samples_per_class, {"counts": COUNTS}),
    "no_duplicates": Test(outcomes.no_duplicates),
    "no_faults": Test(outcomes.no_faults, {"checks": TEXTS}),
    "ink_in_box": Test(outcomes.ink_in_box, {"side": WHOLE}),
    "ink_centred": Test(outcomes.ink_centred, {"low": NUMBER, "high": NUMBER, "tolerance": SHARE}),
    "different_writers": Test(outcomes.different_writers, {"splits": TEXTS}),
    "labels_beside_images": Test(outcomes.labels_beside_images),
    "first_half_easier": Test(outcomes.first_half_easier, {"split": TEXT, "level": SHARE}),
}
"""All tests by name."""


def known_claims() -> dict[str, Path]:
    """Give the file of claims of each known dataset."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}


def load_claims(dataset: str, extra: str | Path | None = None) -> list[Claim]:
    """Give what is said of a known dataset, and after it the claims of a file of one's own.

    Raises WrongUse where there are none, and for a test or parameter that is not known; UnreadableInput for a file that
    is no TOML.
    """
    files = [path for name, path in known_claims().items() if name == dataset]
    claims = [claim for path in [*files, *([extra] if extra else [])] for claim in read_claims(path)]
    if not claims:
        raise WrongUse(
            f"No claims are known of the dataset {dataset!r}, only of {', '.join(known_claims())}; "
            "write your own into a TOML file and name it by --claims."
        )
    return claims


def read_claims(path: str | Path) -> list[Claim]:
    """Read the claims of one TOML file, a table [[claim]] each."""
    if not Path(path).is_file():
        raise WrongUse(f"{path}: there is no such file; --claims names a TOML file of claims. {ADVICE}")
    values = read_toml(path, ADVICE)
    for name in values:
        if name != "claim":
            raise unknown_name("table", name, ["claim"], str(path))
    entries = values.get("claim")
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise WrongUse(f"{path} holds no claims; each is a table that begins with [[claim]]. {ADVICE}")
    return [_claim(entry, f"{path}: claim {number}") for number, entry in enumerate(entries, 1)]


def _claim(entry: Mapping[str, Any], origin: str) -> Claim:
    fields = ("text", "source", "test", "parameters", "note")
    for name in entry:
        if name not in fields:
            raise unknown_name("field", name, fields, origin)
    for name in ("text", "source", "test", "note"):
        if not _is_text(entry.get(name, "" if name != "note" else "none")):
            raise WrongUse(f"{origin}: its {name} is {entry.get(name)!r}; it must be a text.")
    if entry["test"] not in TESTS:
        raise unknown_name("test", entry["test"], TESTS, origin)
    parameters = entry.get("parameters", {})
    if not isinstance(parameters, Mapping):
        raise WrongUse(f"{origin}: its parameters are {parameters!r}; they must be a table.")
    _check_parameters(parameters, TESTS[entry["test"]].parameters, f"{origin} ({entry['test']})")
    return Claim(**entry)


def _check_parameters(parameters: Mapping[str, Any], kinds: Mapping[str, Kind], origin: str) -> None:
    for name in parameters:
        if name not in kinds:
            raise unknown_name("parameter", name, kinds or ["none"], origin)
    for name, kind in kinds.items():
        if name not in parameters:
            raise WrongUse(f"{origin}: the parameter {name!r} is missing; it is {kind.meaning}.")
        if not kind.fits(parameters[name]):
            raise WrongUse(f"{origin}: {name} is {parameters[name]!r}; it must be {kind.meaning}.")
