"""Claims as TOML: what is said, by whom, and the test it is put to. One file for each known dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mnist_data.errors import WrongUse, unknown_name
from mnist_data.known.catalog import CATALOG
from pipelines.claims import outcomes, published
from pipelines.claims.outcomes import Outcome
from pipelines.settings.base import Settings
from pipelines.settings.toml import read_toml
from pipelines.settings.values import Fraction, Text, Whole, checked, expected

ADVICE = "See docs/claims.md for an example."


Texts = Annotated[list[Text], Meta(min_length=1, description="a list of texts, as in ['train', 'test']")]
Shape = Annotated[list[Whole], Meta(min_length=1, description="a list of whole numbers, as in [28, 28]")]
Counts = Annotated[
    dict[str, Whole],
    Meta(min_length=1, description="a table of whole numbers by split, as in { train = 60000 }"),
]


@dataclass(frozen=True)
class Test:
    """A test by its function and the types of the parameters that it needs, all of them."""

    function: Callable[..., Outcome]
    parameters: Mapping[str, Any] = field(default_factory=dict)


TESTS: Mapping[str, Test] = {
    "sample_counts": Test(outcomes.sample_counts, {"counts": Counts}),
    "image_shape": Test(outcomes.image_shape, {"shape": Shape}),
    "image_format": Test(outcomes.image_format, {"shape": Shape, "dtype": Text, "classes": Whole, "counts": Counts}),
    "pixel_range": Test(outcomes.pixel_range, {"low": float, "high": float}),
    "background_is_zero": Test(outcomes.background_is_zero),
    "even_classes": Test(outcomes.even_classes, {"level": Fraction}),
    "samples_per_class": Test(outcomes.samples_per_class, {"counts": Counts}),
    "no_duplicates": Test(outcomes.no_duplicates),
    "no_faults": Test(outcomes.no_faults, {"checks": Texts}),
    "ink_in_box": Test(outcomes.ink_in_box, {"side": Whole}),
    "ink_centred": Test(outcomes.ink_centred, {"low": float, "high": float, "tolerance": Fraction}),
    "different_writers": Test(outcomes.different_writers, {"splits": Texts}),
    "labels_beside_images": Test(outcomes.labels_beside_images),
    "first_half_easier": Test(outcomes.first_half_easier, {"split": Text, "level": Fraction}),
    "total_samples": Test(published.total_samples, {"samples": Whole}),
    "class_count": Test(published.class_count, {"classes": Whole}),
    "balanced_classes": Test(published.balanced_classes),
    "uneven_classes": Test(published.uneven_classes, {"level": Fraction}),
    "no_leaks": Test(published.no_leaks),
    "writer_count": Test(published.writer_count, {"writers": Whole}),
    "published_files": Test(published.published_files, {"dataset": Text}),
}
"""All tests by name."""


class Claim(Settings, frozen=True, kw_only=True):
    """text: what is said. source: who says it. test: what it is put to. note: what else a reader should know."""

    text: Text
    source: Text
    test: Text
    parameters: Mapping[str, Any] = msgspec.field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.test not in TESTS:
            raise unknown_name("test", self.test, TESTS)
        kinds = TESTS[self.test].parameters
        for name in self.parameters:
            if name not in kinds:
                raise unknown_name("parameter", name, kinds or ["none"], self.test)
        for name, kind in kinds.items():
            if name not in self.parameters:
                raise WrongUse(f"{self.test}: the parameter {name!r} is missing; it {expected(kind)}.")
            checked(self.parameters[name], kind, f"{self.test}: {name}")
        if self.test == "published_files" and self.parameters["dataset"] not in CATALOG:
            raise unknown_name("dataset", self.parameters["dataset"], CATALOG, self.test)


def known_claims() -> dict[str, Path]:
    """Give the file of claims of each known dataset."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}


def load_claims(dataset: str | None, extra: str | Path | None = None, likely: Sequence[str] = ()) -> list[Claim]:
    """Give what is said of a known dataset, and after it the claims of a file of one's own.

    dataset: None where it is not known which it is. likely: what it may be, for the message. Raises WrongUse where
    there are no claims, and for a test or parameter that is not known; UnreadableInput for a file that is no TOML.
    """
    files = [path for name, path in known_claims().items() if name == dataset]
    claims = [claim for path in [*files, *([extra] if extra else [])] for claim in read_claims(path)]
    if not claims:
        which = "this dataset, which is not recognised" if dataset is None else f"the dataset {dataset!r}"
        by_counts = f" By its counts it may be {' or '.join(likely)}." if likely else ""
        raise WrongUse(
            f"No claims are known of {which}, only of {', '.join(known_claims())}.{by_counts} Say by --of which of "
            "these it is, or write your own into a TOML file and name it by --claims."
        )
    return claims


def read_claims(path: str | Path) -> list[Claim]:
    """Read the claims of one TOML file, a table [[claim]] each. Raises what `load_claims` raises."""
    values = read_toml(path, ADVICE)
    for name in values:
        if name != "claim":
            raise unknown_name("table", name, ["claim"], str(path))
    entries = values.get("claim")
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise WrongUse(f"{path} holds no claims; each is a table that begins with [[claim]]. {ADVICE}")
    return [Claim.from_table(entry, f"{path}: claim {number}") for number, entry in enumerate(entries, 1)]
