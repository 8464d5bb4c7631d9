"""What all settings have in common: they are made by keyword, checked as they are made, and read back as recorded.

The same classes stand behind the flags of the command line, the tables of a TOML file, the calls of Python and the
parameters recorded in Parquet metadata, so a name or a default cannot differ between them. Nothing heavy is imported
here: `mnist-data --help` reads the defaults and must answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Self, get_origin, get_type_hints

import msgspec

from mnist_data.errors import WrongUse, unknown_name
from mnist_data.parquet.former_names import rename_parameters
from mnist_data.parquet.records import in_short
from pipelines.settings.recipe import Recipe, in_words, recipe_from
from pipelines.settings.values import checked, expected


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a stage or an analysis. stage: its name, by which messages and metadata call it.

    Making one raises WrongUse for a value of another type or out of range. Subclasses name `frozen=True, kw_only=True`
    again, as msgspec does not inherit the latter.
    """

    stage: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, kind in field_types(type(self)).items():
            msgspec.structs.force_setattr(self, name, _converted(getattr(self, name), kind, self.name_of(name)))

    @classmethod
    def name_of(cls, name: str) -> str:
        """Name a setting for a message, as in clean.blank."""
        return f"{cls.stage}.{name}" if cls.stage else name

    @classmethod
    def from_table(cls, values: Mapping[str, Any], origin: str = "") -> Self:
        """Make settings of names and values, as TOML, JSON and flags have them; a recipe may be a name or a table.

        origin: the file in which they stand, for messages. Raises WrongUse for a name that is not known, with the
        nearest one that is, for a value that is missing, and for what the class itself refuses.
        """
        known, table = field_types(cls), f"{origin}, [{cls.stage}]" if origin and cls.stage else origin
        if not isinstance(values, Mapping):
            raise WrongUse(f"{origin}: {cls.stage} is {in_short(values)}; it must be a table, [{cls.stage}].")
        for name in values:
            if name not in known:
                raise unknown_name("setting", str(name), sorted(known), table)
        for field in msgspec.structs.fields(cls):
            if field.required and field.name not in values:
                raise WrongUse(f"{table}: {field.name} is missing; it {expected(known[field.name])}.")
        try:
            return cls(**values)
        except WrongUse as error:
            message = str(error)
            raise WrongUse(f"{origin}: {message[:1].lower()}{message[1:]}" if origin else message) from None

    @classmethod
    def from_recorded(cls, recorded: Mapping[str, Any]) -> Self:
        """Read back what `recorded` gave, of this version or a former one, as it is or from JSON."""
        return cls.from_table(rename_parameters(cls.stage, recorded), "the metadata")

    def recorded(self) -> dict[str, Any]:
        """Give the settings as JSON can hold them, under the names of the flags; `from_recorded` reads them back."""
        return {name: _builtin(getattr(self, name)) for name in self.__struct_fields__}

    def replace(self, **changes: Any) -> Self:
        """Give the same settings with some changed, checked as new ones are."""
        # Made anew, as msgspec before 0.21 replaces without checking.
        return type(self)(**{name: getattr(self, name) for name in self.__struct_fields__} | changes)


@cache
def field_types(cls: type[Settings]) -> dict[str, Any]:
    """Give the type of each setting of a class, with its range, in their order."""
    hints = get_type_hints(cls, include_extras=True)
    return {name: hints[name] for name in cls.__struct_fields__ if get_origin(hints[name]) is not ClassVar}


def _converted(value: Any, kind: Any, where: str) -> Any:
    """Give a value as its type has it. Settings and recipes have been checked as they were made."""
    if kind is Recipe:
        return recipe_from(value, where)
    if isinstance(kind, type) and issubclass(kind, Settings):
        return value if isinstance(value, kind) else kind.from_table(value, where)
    return checked(value, kind, where)


def _builtin(value: Any) -> Any:
    if isinstance(value, Recipe):
        return value.table()
    if isinstance(value, Settings):
        return value.recorded()
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def settings_in_words(recorded: Mapping[str, Any]) -> str:
    """Write the parameters of a stage, as its metadata record them, in one line; of long tables how long they are."""

    def word(name: str, value: Any) -> str:
        if name == "recipe":
            return f"recipe ({in_words(value)})"
        return f"{name} {len(value)}" if isinstance(value, Mapping) else f"{name} {value}"

    return ", ".join(word(name, value) for name, value in recorded.items())
