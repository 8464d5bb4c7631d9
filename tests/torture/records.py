"""Records that are not what we write: metadata, manifests, recipes, models, tables and decisions of anybody's making.

Each try damages one record, blindly or by its structure, and gives it to the function by which every command reads it:
it is read, or refused by an error of ours that names the file.
"""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_data.errors import MnistDataError
from tests.torture.attack import Attack
from tests.torture.limits import BYTES, Hangs, OverLimitError, bounded, within_limits
from tests.torture.mutations import mutated, mutated_text

LONGEST = 2_000
"""Characters of a message, at most."""

LONG = 10_000_000
"""Characters of a text that no record has."""

DEEP = 2_000
"""Levels of lists or objects that no record has."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 255, 2**31, -(2**31) - 1, 2**63, 2**64, -(2**63), 10**400),
    *(0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", "x", "\0", "\ud800", "٣", "../../x", "uint8", "train", "a" * 3_000, "{}", "NaN", "\n" * 50),
    *([], {}, [None], [[]], [1, 2, 3], {"": 1}, {"name": {}}, [0] * 500, ["a"] * 500, {str(n): n for n in range(500)}),
)
"""What may stand in a record in another's place."""

LITERALS = (
    *("true", "0", "1", "-1", "3", "9223372036854775807", "9223372036854775808", "9" * 400, "9" * 5_000),
    *("nan", "inf", "-inf", "1e308", "1e999", "0.5", "-0.0", "0x10", "1_0", '""', '"x"', '"\\u0000"', '"\\ud800"'),
    *("[]", "{}", "[[]]", "[1, 'a']", "[nan, nan]", "[-inf, inf]", "[1, 0]", "[0.5, 0.5]", "1979-05-27T07:32:00Z"),
    *("{range = [0, 1]}", "{range = 1, probability = 2}", "{probability = nan}", "07:32:00", f"'{'a' * 3_000}'"),
    *(f"[{'0, ' * 600}]", "'''\n\n'''", "['a', 'a']", "[" * DEEP, "[" * DEEP + "]" * DEEP, "{a = " * DEEP),
)
"""What may stand in TOML after an equals sign."""

Damage = Callable[[random.Random], None]


@dataclass(frozen=True)
class Target:
    """A kind of record. damage: writes one that is damaged. read: reads it. file: what a message must name."""

    kind: str
    damage: Damage
    read: Callable[[], object]
    file: str


def nested(depth: int) -> str:
    """Write JSON that is nested."""
    return "[" * depth + "]" * depth


def _places(values: Any) -> list[tuple[Any, Any]]:
    """List every place in a record: the object or list, and the name or number within it."""
    found = []
    for place in list(values) if isinstance(values, dict) else range(len(values)) if isinstance(values, list) else ():
        found += [(values, place), *_places(values[place])]
    return found


def altered(values: Any, chance: random.Random) -> Any:
    """Give a record with one or a few of its values of another kind, missing, twice, or with one more."""
    values = json.loads(json.dumps(values))
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = _places(values)
        if not places or chance.random() < 0.01:
            return deepcopy(chance.choice(VALUES))
        holder, place = chance.choice(places)
        kind, value = chance.randrange(6), deepcopy(chance.choice(VALUES))
        if kind <= 2:
            holder[place] = value
        elif kind == 3:
            del holder[place]
        elif isinstance(holder, dict):
            holder[chance.choice(("", "unknown", f"{place} ", str(place).upper(), "\ud800", "b" * 3_000))] = value
        else:
            holder.append(deepcopy(chance.choice((holder[place], value))))
    return values


def altered_json(values: Any, chance: random.Random) -> bytes:
    """Write a record as JSON that is damaged: in its structure, as text, or as bytes."""
    kind = chance.randrange(20)
    if kind < 12:
        return json.dumps(altered(values, chance)).encode()
    text = json.dumps(values).encode()
    if kind < 15:
        return mutated_text(text, chance)
    if kind < 18:
        return mutated(text, chance)
    if kind == 18 and isinstance(values, dict) and values:  # a name twice
        twice = f'{{"{chance.choice(list(values))}": {json.dumps(chance.choice(VALUES))}, '
        return twice.encode() + text[1:]
    place = text.find(b": ", chance.randrange(len(text))) + 2
    value = json.dumps("a" * LONG) if chance.random() < 0.02 else nested(DEEP) if chance.random() < 0.5 else "\udcff"
    return text[:place] + value.encode(errors="surrogateescape") + b", " + text[place:]


def altered_toml(content: str, chance: random.Random) -> bytes:
    """Write TOML that is damaged: other values, names, lines twice or missing, or other bytes."""
    lines, kind = content.splitlines(), chance.randrange(10)
    settings = [number for number, line in enumerate(lines) if "=" in line]
    for _ in range(chance.choice((1, 1, 2))):
        at = chance.choice(settings)
        name = lines[at].partition("=")[0]
        if kind < 5:
            lines[at] = f"{name}= {chance.choice(LITERALS)}"
        elif kind == 5:
            strange = ("unknown", "a." * DEEP + "a", '""', "ß", f"{name.strip()}.x")
            lines[at] = f"{chance.choice(strange)} = 1"
        elif kind == 6:
            lines.insert(at, chance.choice((lines[at], f"[{'a.' * DEEP}a]", "[[claim]]", "[transform]", "\ufeff")))
    text = "\n".join(lines).encode()
    if chance.random() < 0.0005:
        return text + b'\nlong = "' + b"a" * LONG + b'"'
    return mutated_text(text, chance) if kind in (7, 8) else mutated(text, chance) if kind == 9 else text


def attack_records(attack: Attack) -> None:
    """Damage one kind of record after another, as often as the time allows."""
    from tests.torture.record_targets import targets

    listed = targets(attack.folder)
    with bounded(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in attack.numbers():
            target = listed[number % len(listed)]
            target.damage(attack.chance(number))
            if fault := fault_of(target):
                attack.find(number, f"{target.kind}: {fault}")
            else:
                attack.count(target.kind)


def fault_of(target: Target) -> str:
    """Read what was damaged, and say what is wrong with how that ends; nothing where it is read or refused well."""
    try:
        within_limits(target.read, BYTES + Path(target.file).stat().st_size)
    except MnistDataError as error:
        message = str(error)
        if error.exit_code != 2:
            return f"exit code {error.exit_code}: {message[:300]}"
        if len(message) > LONGEST:
            return f"a message of {len(message):,} characters: {message[:300]}"
        return "" if target.file in message else f"a message without the file {target.file}: {message[:300]}"
    except (Hangs, OverLimitError) as limit:
        return str(limit)
    except Exception as error:  # noqa: BLE001  (whatever is not ours is the finding)
        return f"{type(error).__name__}: {str(error)[:300]}"
    return ""


def written(path: Path, damaged: Callable[[random.Random], bytes]) -> Damage:
    """Make the function that writes a damaged file."""
    return lambda chance: (path.write_bytes(damaged(chance)), None)[1]
