"""The settings of a whole run, from a TOML file: one table a stage, named and spelled as the flags are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mnist_data.errors import WrongUse, unknown_name
from pipelines.settings.parameters import Augment, Clean, Convert, Normalize, Parameters, Stats, Train
from pipelines.settings.recipe import load_recipe, read_toml, recipe_of
from pipelines.settings.train_presets import train_settings


@dataclass(frozen=True)
class Config:
    """Everything that `run` can be told. source: None means the embedded sample. dataset, provenance: as in convert."""

    source: str | None = None
    dataset: str | None = None
    provenance: str | None = None
    workspace: str = "workspace"
    convert: Convert = field(default_factory=Convert)
    clean: Clean = field(default_factory=Clean)
    normalize: Normalize = field(default_factory=Normalize)
    augment: Augment = field(default_factory=Augment)
    stats: Stats = field(default_factory=Stats)
    train: Train = field(default_factory=Train)


STAGES: dict[str, type[Parameters]] = {kind.stage: kind for kind in (Convert, Clean, Normalize, Augment, Stats, Train)}


def read_config(path: str | Path) -> Config:
    """Read a TOML file.

    Raises UnreadableInput for a file that is no TOML, WrongUse for a key that does not exist or a value out of
    range, each naming the key and what it can be.
    """
    return configure(read_toml(path, "See docs/settings.md for an example."), str(path))


def configure(values: Mapping[str, Any], origin: str) -> Config:
    """Make a Config of nested values, as TOML gives them."""
    known = {one.name for one in fields(Config)}
    settings: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise unknown_name("setting", key, sorted(known), origin)
        if key in STAGES:
            settings[key] = _stage(key, value, origin)
        elif isinstance(value, str):
            settings[key] = value
        else:
            raise WrongUse(f"{origin}: {key} is {value!r}; it must be a text.")
    return Config(**settings)


def _stage(name: str, values: Any, origin: str) -> Parameters:
    kind = STAGES[name]
    if not isinstance(values, dict):
        raise WrongUse(f"{origin}: {name} is {values!r}; it must be a table, [{name}].")
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in known and (name, key) != (Train.stage, "preset"):
            raise unknown_name("setting", key, sorted(known), f"{origin}, [{name}]")
    try:
        given = _with_recipe(values, f"{origin}, [{name}]")
        return train_settings(given, given.pop("preset", "standard")) if kind is Train else kind(**given)
    except WrongUse as error:
        raise WrongUse(f"{origin}: {error}") from None


def _with_recipe(values: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Read the recipe of a table that has one: a preset's name, a file's path, or the recipe itself."""
    given = dict(values)
    if isinstance(given.get("recipe"), str):
        given["recipe"] = load_recipe(given["recipe"])
    elif isinstance(given.get("recipe"), dict):
        given["recipe"] = recipe_of(given["recipe"], f"{origin} recipe")
    return given


def with_flags(config: Config, flags: Mapping[str, Mapping[str, Any]]) -> Config:
    """Let flags that were given (not None) stand over the file's settings; stage -> name -> value."""
    changes = {}
    for stage, values in flags.items():
        given = {name: value for name, value in values.items() if value is not None}
        changes[stage] = replace(getattr(config, stage), **given)
    return replace(config, **changes)
