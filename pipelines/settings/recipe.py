"""Recipes: which transforms a copy goes through, how likely each is and how strong.

A recipe is a TOML table, one entry a transform; presets are recipes with a name. Nothing heavy is imported here, as the
command line reads the presets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnist_data.errors import WrongUse, unknown_name
from mnist_data.parquet.records import in_short
from pipelines.settings.toml import read_toml
from pipelines.settings.values import Fraction, between, checked


@dataclass(frozen=True)
class Transform:
    """A kind of change.

    stream: of its random numbers, never changed, so that copies stay as they are when others are added.
    low, high: the least and greatest amount a recipe may ask for. neutral: the amount that changes nothing.
    meaning: unit and direction of the amount. amounts: the columns that record it, each drawn from the range.
    places: columns drawn from 0 … 1 beside it. exposes: it is measured by the white level.
    """

    stream: int
    low: float
    high: float
    neutral: float
    meaning: str
    amounts: tuple[str, ...]
    places: tuple[str, ...] = ()
    exposes: bool = False


TRANSFORMS: Mapping[str, Transform] = {
    "rotation": Transform(0, -180, 180, 0, "degrees counter-clockwise", ("rotation",)),
    "scale": Transform(1, 0.1, 10, 1, "size, as a multiple", ("scale",)),
    "scale_x": Transform(2, 0.1, 10, 1, "width, as a multiple", ("scale_x",)),
    "scale_y": Transform(3, 0.1, 10, 1, "height, as a multiple", ("scale_y",)),
    "shear": Transform(4, -2, 2, 0, "pixels to the right for each pixel up", ("shear",)),
    "shift": Transform(5, -1, 1, 0, "fraction of the width and of the height", ("shift_x", "shift_y")),
    "perspective": Transform(
        6,
        -0.3,
        0.3,
        0,
        "how much nearer the right and the lower edge are than the middle",
        ("perspective_x", "perspective_y"),
    ),
    "elastic": Transform(7, 0, 1000, 0, "Simard's alpha, pixels", ("elastic",)),
    "thickness": Transform(8, -8, 8, 0, "pixels by which the edge of a stroke moves outwards", ("thickness",)),
    "cutout": Transform(
        9, 0, 1, 0, "side of the square cut out, fraction of the image's", ("cutout",), ("cutout_x", "cutout_y")
    ),
    "blur": Transform(10, 0, 16, 0, "sigma of the Gaussian, pixels", ("blur",)),
    "contrast": Transform(11, 0, 4, 1, "distance from middle grey, as a multiple", ("contrast",), exposes=True),
    "brightness": Transform(12, -1, 1, 0, "fraction of the white level that is added", ("brightness",), exposes=True),
    "noise": Transform(13, 0, 1, 0, "standard deviation, fraction of the white level", ("noise",), exposes=True),
    "impulse": Transform(
        14, 0, 1, 0, "fraction of the pixels set to background or the white level", ("impulse",), exposes=True
    ),
}
"""All that a recipe can ask for, in the order in which it is done."""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "mild": {
        "rotation": [-8, 8],
        "scale": [0.92, 1.08],
        "scale_x": [0.93, 1.07],
        "shear": [-0.15, 0.15],
        "shift": [-0.04, 0.04],
        "elastic": [0, 20],
    },
    "light": {"rotation": [-10, 10], "scale": [0.9, 1.1], "shift": [-0.1, 0.1]},
    "handwriting": {
        "rotation": [-10, 10],
        "scale": [0.9, 1.1],
        "scale_x": [0.9, 1.1],
        "shear": [-0.2, 0.2],
        "shift": [-0.08, 0.08],
        "elastic": [10, 34],
        "thickness": [-0.6, 0.8],
    },
    "heavy": {
        "rotation": [-20, 20],
        "scale": [0.8, 1.2],
        "scale_x": [0.8, 1.2],
        "scale_y": [0.9, 1.1],
        "shear": [-0.3, 0.3],
        "shift": [-0.12, 0.12],
        "perspective": [-0.15, 0.15],
        "elastic": [10, 50],
        "thickness": [-0.8, 1.2],
        "cutout": {"range": [0.15, 0.35], "probability": 0.3},
        "blur": {"range": [0.3, 1.0], "probability": 0.3},
        "contrast": {"range": [0.6, 1.4], "probability": 0.3},
        "brightness": {"range": [-0.15, 0.15], "probability": 0.3},
        "noise": {"range": [0.02, 0.15], "probability": 0.3},
        "impulse": {"range": [0.005, 0.05], "probability": 0.2},
    },
}
"""Nothing here mirrors a picture: a mirrored digit is another sign, or none."""

ELASTIC_SIGMA = (0.5, 64.0)


@dataclass(frozen=True)
class Amount:
    """How strong a transform is, drawn uniformly from low … high, and in what fraction of the copies it happens."""

    low: float
    high: float
    probability: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """The transforms by name, in the order in which they are done. elastic_sigma: Simard's sigma, pixels."""

    amounts: Mapping[str, Amount] = field(default_factory=dict)
    elastic_sigma: float = 4.0

    def table(self) -> dict[str, Any]:
        """Give the recipe as TOML has it; `recipe_of` reads it back."""
        values: dict[str, Any] = {
            name: {"range": [amount.low, amount.high], "probability": amount.probability}
            for name, amount in self.amounts.items()
        }
        return values | ({"elastic_sigma": self.elastic_sigma} if "elastic" in values else {})

    def only(self, name: str) -> Recipe:
        """Give the recipe with one of its transforms alone, in every copy."""
        amount = self.amounts[name]
        return Recipe({name: Amount(amount.low, amount.high)}, self.elastic_sigma)


def in_words(table: Mapping[str, Any]) -> str:
    """Write a recipe's table in one line.

    >>> in_words(Recipe({"blur": Amount(0.5, 1, 0.25), "rotation": Amount(-3, 3)}).table())
    'blur 0.5 … 1 (probability 0.25), rotation -3 … 3'
    """
    words = []
    for name, entry in table.items():
        if not isinstance(entry, Mapping):
            words.append(f"{name.replace('_', ' ')} {entry:g}")
            continue
        low, high = entry["range"]
        chance = "" if entry["probability"] == 1 else f" (probability {entry['probability']:g})"
        words.append(f"{name.replace('_', ' ')} {low:g} … {high:g}{chance}")
    return ", ".join(words) or "nothing"


def recipe_from(value: Any, where: str) -> Recipe:
    """Give a recipe as it is, by a preset's name or a file, or by its table. where: its name, for messages.

    Raises what `load_recipe` raises, and WrongUse for a value of another kind.
    """
    if isinstance(value, Recipe):
        return value
    if isinstance(value, str | Path):
        return load_recipe(value, where)
    if isinstance(value, Mapping):
        return recipe_of(value, where)
    raise WrongUse(f"{where} is {in_short(value)}; it must be a preset's name, a file, or a table.")


def load_recipe(name: str | Path, where: str = "") -> Recipe:
    """Give a preset by its name, or read a recipe from a TOML file. where: what it is for, for messages.

    Raises WrongUse for what is neither, and for an entry that no recipe can have; UnreadableInput for a file that is
    no TOML.
    """
    if str(name) in PRESETS:
        return recipe_of(PRESETS[str(name)], str(name))
    path = Path(name)
    try:
        there = path.is_file()
    except OSError:  # a name that no file can have
        there = False
    if not there:
        raise unknown_name("recipe", str(name), [*PRESETS, "a TOML file"], where)
    return recipe_of(read_toml(path, "See docs/augmentation.md for examples."), str(path))


def recipe_of(values: Mapping[str, Any], origin: str) -> Recipe:
    """Make a recipe of a TOML table; origin: where it stands, for messages.

    An entry is a range, as in `rotation = [-10, 10]`, a table of `range` and `probability`, or false, which takes a
    transform out of the preset that `preset` names.
    """
    values = dict(values)
    name = values.pop("preset", None)
    if name is not None and (not isinstance(name, str) or name not in PRESETS):
        raise unknown_name("preset", str(name), PRESETS, origin)
    start = recipe_of(PRESETS[name], name) if name is not None else Recipe()
    sigma = checked(
        values.pop("elastic_sigma", start.elastic_sigma), between(*ELASTIC_SIGMA), f"{origin}: elastic_sigma"
    )
    amounts: dict[str, Amount | None] = dict(start.amounts)
    for key, value in values.items():
        if key not in TRANSFORMS:
            raise unknown_name("transform", key, [*TRANSFORMS, "preset", "elastic_sigma"], origin)
        amounts[key] = None if value is False else _amount(TRANSFORMS[key], value, f"{origin}: {key}")
    kept = {key: amount for key in TRANSFORMS if (amount := amounts.get(key)) is not None}
    return Recipe(kept, sigma)


def _amount(transform: Transform, value: Any, field: str) -> Amount:
    table = value if isinstance(value, Mapping) else {"range": value}
    for key in table:
        if key not in ("range", "probability"):
            raise unknown_name("setting", key, ("range", "probability"), field)
    span = table.get("range")
    if not isinstance(span, list | tuple) or len(span) != 2:
        raise WrongUse(
            f"{field} has the range {in_short(span)}; it must be two numbers from {transform.low:g} to "
            f"{transform.high:g} ({transform.meaning}), as in [{transform.low:g}, {transform.high:g}]."
        )
    kind = between(transform.low, transform.high)
    low, high = (checked(end, kind, f"{field}.range", transform.meaning) for end in span)
    if low > high:
        raise WrongUse(f"{field} has the range [{low:g}, {high:g}], which is reversed; write [{high:g}, {low:g}].")
    return Amount(low, high, checked(table.get("probability", 1.0), Fraction, f"{field}.probability"))
