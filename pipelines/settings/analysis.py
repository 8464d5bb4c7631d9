"""The settings of what measures datasets and makes tables of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import msgspec
from msgspec import Meta

from mnist_data.errors import unknown_name
from mnist_data.parquet.former_names import rename_parameters
from pipelines.settings.base import Settings
from pipelines.settings.checks import THRESHOLDS
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
    resamples: Annotated[int, Meta(ge=20, le=10_000)] = 200  # of the bootstrap; as many shuffles, at least 199
    seed: Seed = 0
    by_class: bool = False


class Diff(Settings, frozen=True, kw_only=True):
    """How two versions of a dataset are shown; thumbnails: of each change, kept for the page, 0 for none."""

    stage: ClassVar[str] = "diff"

    thumbnails: Annotated[int, Meta(ge=0, le=100)] = 24


class Audit(Settings, frozen=True, kw_only=True):
    """What the audit looks for.

    thresholds: check -> value in the check's own unit, where samples are flagged; the others are found from the data.
    """

    stage: ClassVar[str] = "audit"

    labels: bool = True  # look for label errors too, which trains models
    thumbnails: Annotated[int, Meta(ge=1, le=100)] = 12  # of the worst samples of each check, kept for the page
    seed: SmallSeed = 0
    thresholds: Mapping[str, float] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        # First by name, so that messages name the check, and then as tables.
        for name, value in _entries(self.thresholds):
            if name not in THRESHOLDS:
                raise unknown_name("check with a threshold", name, THRESHOLDS, "audit.thresholds")
            checked(value, THRESHOLDS[name].kind, f"audit.thresholds.{name}", THRESHOLDS[name].unit)
        super().__post_init__()

    def threshold(self, check: str) -> float:
        """Give the threshold of a check: what is set, else its default, which is NaN where the data set it."""
        return self.thresholds.get(check, THRESHOLDS[check].default)


def _entries(table: Any) -> list[tuple[str, Any]]:
    """Give the names and values of a table; of what is none, nothing, as that is refused by its type."""
    return [(str(name), value) for name, value in table.items()] if isinstance(table, Mapping) else []


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
