"""What holds for the settings of every stage and analysis: each class that is found, and each of its fields."""

from __future__ import annotations

import importlib
import json
import pickle
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

import pipelines.settings
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.former_names import GONE, PARAMETERS
from mnist_data.parquet.tables import table_provenance
from pipelines.settings.analysis import Audit, Selftest
from pipelines.settings.base import Settings, field_types
from pipelines.settings.checks import THRESHOLDS
from pipelines.settings.recipe import PRESETS, Recipe, load_recipe
from pipelines.settings.run import Config
from pipelines.settings.stages import CORRUPTIONS, SEVERITIES, Augment, Clean, Convert, Corrupt, Normalize
from pipelines.settings.training import TRAIN_PRESETS, Train

FIXTURES = Path(__file__).parents[2] / "fixtures"
VERSIONS = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


def every_class() -> list[type[Settings]]:
    """Find all settings: what derives from `Settings` in any module of the room."""
    for module in pkgutil.iter_modules(pipelines.settings.__path__):
        importlib.import_module(f"pipelines.settings.{module.name}")
    found, waiting = [], [Settings]
    while waiting:
        derived = [cls for cls in waiting.pop().__subclasses__() if cls.__module__.startswith("pipelines.settings.")]
        found += derived
        waiting += derived
    return sorted(found, key=lambda cls: cls.__name__)


CLASSES = every_class()
FIELDS = [pytest.param(cls, name, id=f"{cls.__name__}.{name}") for cls in CLASSES for name in field_types(cls)]


def choices_in(kind: Any) -> tuple[Any, ...]:
    """Give the choices of a type that has some."""
    return next((get_args(part) for part in (kind, *get_args(kind)) if get_origin(part) is Literal), ())


def plain_type(kind: Any) -> Any:
    """Give what msgspec knows of a type, None left out."""
    described = inspect.type_info(kind)
    if isinstance(described, inspect.UnionType):
        described = next(part for part in described.types if not isinstance(part, inspect.NoneType))
    return described


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Draw values that a type allows, from what msgspec knows of it."""
    if kind is Recipe:
        return st.sampled_from([load_recipe(name) for name in PRESETS])
    if isinstance(kind, type) and issubclass(kind, Settings):
        return instances(kind)
    described = inspect.type_info(kind)
    parts = described.types if isinstance(described, inspect.UnionType) else (described,)
    return st.one_of([_drawn(part) for part in parts])


def _drawn(described: Any) -> st.SearchStrategy[Any]:
    match described:
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType():
            return st.sampled_from(described.values)
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(described.ge, described.le)
        case inspect.FloatType():
            return st.floats(described.ge, described.le)
        case inspect.DictType():
            return st.dictionaries(st.text(max_size=5), _drawn(described.value_type), max_size=3)
        case _:
            return st.text(max_size=9)


SPECIAL: Mapping[tuple[type[Settings], str], st.SearchStrategy[Any]] = {
    (Corrupt, "corruptions"): st.lists(st.sampled_from(CORRUPTIONS), min_size=1, unique=True).map(tuple),
    (Corrupt, "severities"): st.lists(st.sampled_from(SEVERITIES), min_size=1, unique=True).map(tuple),
    (Audit, "thresholds"): st.dictionaries(st.sampled_from(sorted(THRESHOLDS)), st.floats(1e-9, 1)),
    **{
        (Clean, name): st.sampled_from(["keep", "remove"])
        for name in ("not_finite", "blank", "constant", "label", "duplicate")
    },
    (Clean, "decisions"): st.none() | st.just("0123456789abcdef" * 4),
    (Train, "start"): st.none() | st.just("0123456789abcdef" * 4),
}
"""Fields whose values depend on more than their type."""


@st.composite
def instances(draw: st.DrawFn, cls: type[Settings]) -> Settings:
    """Draw settings of a class; combinations that it refuses are drawn again."""
    values = {name: draw(SPECIAL.get((cls, name), values_of(kind))) for name, kind in field_types(cls).items()}
    try:
        return cls(**values)
    except WrongUse:
        from hypothesis import reject

        reject()


def wrong_values(kind: Any) -> Iterator[Any]:
    """Give values that a type does not take: of other types, out of its range, and none of its choices."""
    yield object()
    if kind is Recipe or (isinstance(kind, type) and issubclass(kind, Settings)):
        yield from (3, True, [1], None)
        return
    described = plain_type(kind)
    if choices_in(kind):
        yield from (choices_in(kind)[0] + "x", choices_in(kind)[0].upper() + "?", 1, True, "", "\ud800")
    elif isinstance(described, inspect.BoolType):
        yield from (0, 1, "true", "no", [])
    elif isinstance(described, inspect.StrType):
        yield from (3, True, ["a"], {})
    elif isinstance(described, inspect.IntType | inspect.FloatType):
        yield from ("1", True, [1], float("nan"), float("inf"), -float("inf"))
        yield from (end for end in _beyond(described))
        if isinstance(described, inspect.IntType):
            yield from (1.5, 2.0)
    else:
        yield from (3, "text", True)


def _beyond(described: Any) -> tuple[Any, ...]:
    """Give the numbers next to a range, outside it."""
    if isinstance(described, inspect.IntType):
        return described.ge - 1, described.le + 1
    return float(np.nextafter(described.ge, -np.inf)), float(np.nextafter(described.le, np.inf))


def test_all_settings_are_found() -> None:
    """Those of the stages, the analyses, the training and the run."""
    assert {"Convert", "Clean", "Split", "Augment", "Audit", "Drift", "Train", "Compress", "Config"} <= {
        cls.__name__ for cls in CLASSES
    }


@pytest.mark.parametrize("cls", CLASSES)
@given(data=st.data())
def test_what_is_recorded_gives_the_equal_settings_again(cls: type[Settings], data: st.DataObject) -> None:
    """As it is, through JSON as metadata have it, and pickled as workers get it."""
    settings = data.draw(instances(cls))

    assert cls.from_recorded(settings.recorded()) == settings
    assert cls.from_recorded(json.loads(json.dumps(settings.recorded()))) == settings
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert settings.replace() == settings


@pytest.mark.parametrize("cls", CLASSES)
def test_settings_are_made_by_keyword_and_never_change(cls: type[Settings]) -> None:
    """A value by position could land in the wrong one of eight alike fields."""
    first = next(iter(field_types(cls)))

    with pytest.raises(TypeError, match="positional"):
        cls(getattr(cls(), first))
    with pytest.raises(AttributeError, match="immutable"):
        setattr(cls(), first, getattr(cls(), first))


@pytest.mark.parametrize(("cls", "name"), FIELDS)
def test_a_wrong_value_is_refused_at_once_and_by_name(cls: type[Settings], name: str) -> None:
    """From Python, with the value and what it can be; from a file, with its name."""
    for value in wrong_values(field_types(cls)[name]):
        with pytest.raises(WrongUse) as refused:
            cls(**{name: value})
        message = str(refused.value)
        assert message.startswith(cls.name_of(name)), message
        assert any(word in message for word in ("can be", "must be", "is missing")), message
        with pytest.raises(WrongUse, match=f"^my.toml: .*{name}"):
            cls.from_table({name: value}, "my.toml")


@pytest.mark.parametrize(("cls", "name"), FIELDS)
def test_a_misspelt_name_is_refused_with_the_right_one(cls: type[Settings], name: str) -> None:
    """As a key of a table, and as a keyword."""
    with pytest.raises(WrongUse, match=rf"my.toml.*there is no setting '{name}_'\. Did you mean '{name}'"):
        cls.from_table({f"{name}_": 1}, "my.toml")
    with pytest.raises(TypeError, match=f"{name}_"):
        cls(**{f"{name}_": 1})


@pytest.mark.parametrize(("cls", "name"), FIELDS)
def test_choices_are_named_in_their_order(cls: type[Settings], name: str) -> None:
    """As the help of the command line has them."""
    choices = choices_in(field_types(cls)[name])
    if choices:
        with pytest.raises(WrongUse, match=f"it can be {', '.join(choices)}"):
            cls(**{name: "none of them"})


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_former_version_recorded_is_read_as_settings(version: str) -> None:
    """Each stage of its datasets and of its tables: the values that it recorded, under the names of today."""
    by_stage = {cls.stage: cls for cls in CLASSES if cls.stage}
    raw: list[tuple[str, dict[str, Any]]] = []
    for path in sorted((FIXTURES / version).rglob("*.parquet")):
        metadata = pq.read_schema(path).metadata
        dataset, table = (json.loads(metadata.get(key, b"{}")) for key in (b"mnist_data", b"mnist_data_table"))
        made_by = dataset.get("stages", [table] if table else [])
        raw += [(made["stage"], made["parameters"]) for made in made_by]

    seen = {stage for stage, _ in raw}
    assert {"convert", "clean", "normalize", "augment", "split", "corrupt", "stats", "audit", "drift", "train"} <= seen
    for stage, recorded in raw:
        if stage in by_stage:
            again = by_stage[stage].from_recorded(recorded).recorded()
            names = PARAMETERS.get(stage, {})
            for name, value in recorded.items():
                assert name in ("learnt", *GONE.get(stage, ())) or again[names.get(name, name)] == value, (stage, name)


@pytest.mark.parametrize("version", VERSIONS)
def test_readers_give_a_former_versions_settings_under_the_names_of_today(version: str) -> None:
    """Through a dataset's metadata, where what was fitted stands apart, and through a table's."""
    stages = {stage.stage: stage for stage in open_dataset(FIXTURES / version / "normalized").metadata.stages}
    audit = table_provenance(str(FIXTURES / version / "audit/checks.parquet"))

    assert Clean.from_recorded(stages["clean"].parameters) == Clean(constant="keep", inverted="repair")
    assert Normalize.from_recorded(stages["normalize"].parameters) == Normalize(scale="standardize", deskew=True)
    assert stages["normalize"].fitted == {
        "count": 156800,
        "total": 6180500,
        "squares": 1120517938,
        "minimum": 0.0,
        "maximum": 255.0,
    }
    assert Audit.from_recorded(audit["parameters"]) == Audit()


def test_a_selftest_of_a_former_version_is_read() -> None:
    """0.1.0 recorded its settings and the audit's as one table."""
    recorded = {"labels": False, "pictures": 5, "seed": 3, "bars": {"blurred": 4.0}, "limits": {}, "count": 7}

    assert Selftest.from_recorded(recorded) == Selftest(
        faults=7, seed=3, audit=Audit(labels=False, thumbnails=5, seed=3, thresholds={"blurred": 4.0})
    )


@pytest.mark.parametrize("check", sorted(THRESHOLDS))
def test_each_threshold_has_a_default_that_it_allows_and_a_unit(check: str) -> None:
    """0 or less is none, for all of them."""
    threshold = THRESHOLDS[check]

    if threshold.default == threshold.default:
        assert Audit(thresholds={check: threshold.default}).threshold(check) == threshold.default
        assert Audit().threshold(check) == threshold.default
    for value in (0, -1, float("nan"), True, "1", None):
        with pytest.raises(WrongUse, match=rf"audit.thresholds.{check} is .*; it must be .*\({threshold.unit[:3]}"):
            Audit(thresholds={check: value})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"thresholds": {"bluured": 6}}, "no check with a threshold 'bluured'. Did you mean 'blurred'?"),
        ({"thresholds": {"label_error": 6}}, "no check with a threshold 'label_error'"),
        ({"thresholds": {"near_duplicate": 3}}, "near_duplicate is 3; it must be a number above 0 and below 1"),
        ({"thresholds": {"blank": 1.5}}, "blank is 1.5; it must be a number above 0 to 1"),
        ({"thresholds": ["blurred"]}, "audit.thresholds is ['blurred']; it must be a table"),
    ],
)
def test_thresholds_are_checked_before_anything_is_measured(values: dict[str, Any], words: str) -> None:
    """By their names and their ranges."""
    with pytest.raises(WrongUse) as refused:
        Audit(**values)

    assert words in str(refused.value)


def test_numbers_of_numpy_and_paths_are_taken(tmp_path: Path) -> None:
    """As a notebook has them; they are recorded as plain ones."""
    assert Augment(copies=np.int32(2), seed=np.int64(5)) == Augment(copies=2, seed=5)  # type: ignore[arg-type]
    assert Train(dropout=np.float32(0.5)) == Train(dropout=0.5)  # type: ignore[arg-type]
    assert Corrupt(severities=np.arange(1, 4)).severities == (1, 2, 3)  # type: ignore[arg-type]
    assert Audit(thresholds={"blurred": np.float64(3)}).recorded()["thresholds"] == {"blurred": 3.0}
    assert Train(start=tmp_path / "a.safetensors").start == str(tmp_path / "a.safetensors")  # type: ignore[arg-type]
    assert type(Train(learning_rate=1).learning_rate) is float
    with pytest.raises(WrongUse, match="normalize.deskew"):
        Normalize(deskew=np.int64(1))  # type: ignore[arg-type]


def test_what_a_caller_does_to_its_table_later_changes_no_settings() -> None:
    """The settings hold a copy."""
    thresholds = {"blurred": 3.0}
    settings = Audit(thresholds=thresholds)
    thresholds["blurred"] = 99.0

    assert settings.thresholds == {"blurred": 3.0}


def test_the_start_of_a_training_is_recorded_by_its_content(tmp_path: Path) -> None:
    """A path means nothing on another machine; read back, it is that content, and recorded again as it was."""
    (tmp_path / "model").write_bytes(b"abc")
    recorded = Train(start=str(tmp_path / "model"), freeze="features").recorded()

    assert recorded["start"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert Train.from_recorded(recorded).recorded() == recorded
    assert "start" not in Train().recorded()


def test_presets_are_settings_that_what_is_given_overrides() -> None:
    """Each of them, and a recipe by its name."""
    for name, values in TRAIN_PRESETS.items():
        made = Train.from_table({"preset": name, "seed": 4})
        assert made.seed == 4
        assert all(getattr(made, key) == value for key, value in values.items() if key != "recipe")
    assert Train.from_table({"preset": "thorough", "epochs": 1, "recipe": "light"}).recipe == load_recipe("light")
    with pytest.raises(WrongUse, match="no preset 'fst'. Did you mean 'fast'"):
        Train.from_table({"preset": "fst"})


def test_a_recipe_can_be_given_by_name_by_file_and_as_a_table(tmp_path: Path) -> None:
    """All are the same recipe; what is none is refused with the setting's name."""
    (tmp_path / "mine.toml").write_text("rotation = [-3, 3]")

    of_file = Augment.from_table({"recipe": str(tmp_path / "mine.toml")})
    assert of_file == Augment.from_table({"recipe": {"rotation": [-3, 3]}})
    assert Augment.from_table({"recipe": "heavy"}) == Augment(recipe=load_recipe("heavy"))
    with pytest.raises(WrongUse, match=r"run.toml: augment.recipe: there is no recipe 'heavi'. Did you mean 'heavy'"):
        Config.from_table({"augment": {"recipe": "heavi"}}, "run.toml")


def test_flags_override_a_file_where_they_are_given() -> None:
    """None is a flag that was not."""
    config = Config.from_table({"augment": {"copies": 3}, "train": {"epochs": 2}}, "run.toml")

    changed = config.with_flags({"augment": {"copies": None, "seed": 5}, "train": {"epochs": 7}})

    assert changed.augment == Augment(copies=3, seed=5)
    assert changed.train.epochs == 7
    with pytest.raises(WrongUse, match="augment.copies is 0"):
        config.with_flags({"augment": {"copies": 0}})


def test_a_required_field_that_is_missing_is_named() -> None:
    """With what it must be."""

    class Named(Settings, frozen=True, kw_only=True):
        title: Annotated[str, msgspec.Meta(min_length=1)]

    with pytest.raises(WrongUse, match="my.toml: title is missing; it must be a text"):
        Named.from_table({}, "my.toml")


def test_combinations_that_cannot_be_are_refused() -> None:
    """Each value alone would be allowed."""
    with pytest.raises(WrongUse, match=r"clean.blank is 'repair', but there is nothing to repair it from"):
        Clean(blank="repair")
    with pytest.raises(WrongUse, match=r"normalize.dtype is 'uint8', which cannot hold standardized values"):
        Normalize(scale="standardize", dtype="uint8")
    with pytest.raises(WrongUse, match=r"train.freeze is 'features', but no start is given"):
        Train(freeze="features")
    with pytest.raises(WrongUse, match=r"corrupt.severities is \[1, 1\]"):
        Corrupt(severities=(1, 1))
    assert Convert(transpose=None).transpose is None
