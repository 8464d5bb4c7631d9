"""The settings of a whole run, from a TOML file: one table a stage, named and spelled as the flags are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import msgspec

from pipelines.settings.analysis import Stats
from pipelines.settings.base import Settings
from pipelines.settings.stages import Augment, Clean, Convert, Normalize
from pipelines.settings.toml import read_toml
from pipelines.settings.training import Train

STAGES: Mapping[str, type[Settings]] = {kind.stage: kind for kind in (Convert, Clean, Normalize, Augment, Stats, Train)}


class Config(Settings, frozen=True, kw_only=True):
    """All settings of a run. source: None means the embedded sample. dataset, label_tables: as in convert."""

    source: str | None = None
    dataset: str | None = None
    label_tables: str | None = None
    out: str = "workspace"
    convert: Convert = msgspec.field(default_factory=Convert)
    clean: Clean = msgspec.field(default_factory=Clean)
    normalize: Normalize = msgspec.field(default_factory=Normalize)
    augment: Augment = msgspec.field(default_factory=Augment)
    stats: Stats = msgspec.field(default_factory=Stats)
    train: Train = msgspec.field(default_factory=Train)

    @classmethod
    def from_table(cls, values: Mapping[str, Any], origin: str = "") -> Self:
        """Make a Config of nested values, as TOML gives them; see `Settings.from_table`."""
        made = {
            name: STAGES[name].from_table(value, origin) if name in STAGES else value for name, value in values.items()
        }
        return super().from_table(made, origin)

    def with_flags(self, flags: Mapping[str, Mapping[str, Any]]) -> Config:
        """Let flags that were given (not None) override these settings; stage -> name -> value."""
        given = {
            stage: getattr(self, stage).replace(**{name: value for name, value in values.items() if value is not None})
            for stage, values in flags.items()
        }
        return self.replace(**given)


def read_config(path: str | Path) -> Config:
    """Read a TOML file.

    Raises UnreadableInput for a file that is no TOML, WrongUse for a key that does not exist or a value out of
    range, each naming the key and what it can be.
    """
    return Config.from_table(read_toml(path, "See docs/settings.md for an example."), str(path))
