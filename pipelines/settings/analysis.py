"""The settings of what measures datasets and makes tables of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import msgspec
from msgspec import Meta

from mnist_data.errors import WrongUse, unknown_name
from mnist_data.parquet.former_names import rename_parameters
from pipelines.settings.base import Settings
from pipelines.settings.checks import CHECKS, THRESHOLDS, Limit
from pipelines.settings.toml import read_toml
from pipelines.settings.values import Seed, checked

SmallSeed = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""A seed as scikit-learn takes it."""


class Stats(Settings, frozen=True, kw_only=True):
    """How finely the statistics are counted, and whether strokes are measured."""

    stage: ClassVar[str] = "stats"

    bins: Annotated[int, Meta(ge=2, le=65_536)] = 256
    grid: Annotated[int, Meta(ge=1, le=100)] = 12  # samples of each class in the sample grid
    morphometrics: bool = True


class Drift(Settings, frozen=True, kw_only=True):
    """How two datasets are compared."""

    stage: ClassVar[str] = "drift"

    samples: Annotated[int, Meta(ge=20, le=1_000_000)] = 10_000  # of each side at most, those of lowest id hash
    resamples: Annotated[int, Meta(ge=20, le=10_000)] = 200  # of the bootstrap, and as many shuffles for null_95
    seed: Seed = 0
    by_class: bool = False


class Audit(Settings, frozen=True, kw_only=True):
    """What the audit looks for, and how much of it is too much.

    thresholds: check -> value in the check's own unit, where samples are flagged; the others are found from the data.
    limits: check -> most samples that may be flagged: a count, or below 1 a fraction.
    """

    stage: ClassVar[str] = "audit"

    labels: bool = True  # look for label errors too, which trains models
    thumbnails: Annotated[int, Meta(ge=1, le=100)] = 12  # of the worst samples of each check, kept for the page
    seed: SmallSeed = 0
    thresholds: Mapping[str, float] = msgspec.field(default_factory=dict)
    limits: Mapping[str, Limit] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        # First by name, so that messages name the check, and then as tables.
        for name, value in _entries(self.thresholds):
            if name not in THRESHOLDS:
                raise unknown_name("check with a threshold", name, THRESHOLDS, "audit.thresholds")
            checked(value, THRESHOLDS[name].kind, f"audit.thresholds.{name}", THRESHOLDS[name].unit)
        for name, value in _entries(self.limits):
            if name not in CHECKS:
                raise unknown_name("check", name, CHECKS, "audit.limits")
            checked(value, Limit, f"audit.limits.{name}")
        super().__post_init__()
        if not self.labels and "label_error" in self.limits:
            raise WrongUse(
                "audit.limits has label_error, and audit.labels is false, so that none is looked for; leave out one of "
                "the two."
            )

    def threshold(self, check: str) -> float:
        """Give the threshold of a check: what is set, else its default, which is NaN where the data set it."""
        return self.thresholds.get(check, THRESHOLDS[check].default)


def _entries(table: Any) -> list[tuple[str, Any]]:
    """Give the names and values of a table; of what is none, nothing, as that is refused by its type."""
    return [(str(name), value) for name, value in table.items()] if isinstance(table, Mapping) else []


def read_thresholds(path: str | Path) -> dict[str, Any]:
    """Read a TOML file of the tables [thresholds] and [limits], which `Audit` takes by these names.

    Raises UnreadableInput for a file that is no TOML, WrongUse for a name that is not known or a value out of range.
    """
    tables = read_toml(path, "See docs/audit.md for an example.")
    for name in tables:
        if name not in ("thresholds", "limits"):
            raise unknown_name("table", name, ("thresholds", "limits"), str(path))
    Audit.from_table(tables, str(path))
    return tables


class Selftest(Settings, frozen=True, kw_only=True):
    """How many faults of each kind are planted, and which; faults: None for one sample in 200, 350 at most.

    audit: the settings of the audit that is to find them.
    """

    stage: ClassVar[str] = "selftest"

    faults: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    seed: SmallSeed = 0
    audit: Audit = msgspec.field(default_factory=Audit)

    @classmethod
    def from_recorded(cls, recorded: Mapping[str, Any]) -> Self:
        """Read back what `recorded` gave; 0.1.0 recorded both settings as one table, with one seed."""
        names = rename_parameters(cls.stage, recorded)
        own = {name: value for name, value in names.items() if name in cls.__struct_fields__}
        others = {name: value for name, value in names.items() if name not in own}
        audit = Audit.from_recorded(own.pop("audit", {**others, "seed": own.get("seed", 0)}))
        return cls(**own, audit=audit)
