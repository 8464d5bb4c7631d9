"""Recipes: what a TOML file can say, what is refused, and that the presets are what they promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_data.batch import Batch
from mnist_data.errors import UnreadableInput, WrongUse
from pipelines.images.levels import BYTES, Levels
from pipelines.settings.recipe import PRESETS, TRANSFORMS, Amount, Recipe, load_recipe, recipe_of
from pipelines.settings.stages import Augment
from pipelines.stages.augment import augment_batch


def test_a_file_can_start_from_a_preset_change_it_and_take_out(tmp_path: Path) -> None:
    """A range alone, a table with a probability, false, and the field's sigma."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'preset = "handwriting"\nelastic_sigma = 5\nrotation = [-3, 3]\nshear = false\n'
        "[blur]\nrange = [0.5, 1]\nprobability = 0.25\n"
    )

    recipe = load_recipe(path)

    assert recipe.elastic_sigma == 5
    assert recipe.amounts["rotation"] == Amount(-3, 3)
    assert recipe.amounts["blur"] == Amount(0.5, 1, 0.25)
    assert set(recipe.amounts) == set(PRESETS["handwriting"]) - {"shear"} | {"blur"}


def test_transforms_are_done_in_their_order_whatever_the_file_says() -> None:
    """The geometry first, the sensor last."""
    recipe = recipe_of({"noise": [0, 0.1], "thickness": [0, 1], "rotation": [0, 1]}, "test")

    assert list(recipe.amounts) == ["rotation", "thickness", "noise"]


ranges = st.sampled_from(sorted(TRANSFORMS)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.lists(st.floats(TRANSFORMS[name].low, TRANSFORMS[name].high), min_size=2, max_size=2).map(sorted),
        st.floats(0, 1),
    )
)


@given(entries=st.lists(ranges, max_size=5), sigma=st.floats(0.5, 64))
def test_a_recorded_recipe_is_read_back_equal(entries: list[tuple[str, list[float], float]], sigma: float) -> None:
    """Any recipe survives its way through the metadata; the sigma counts only where there is a field."""
    amounts = {name: Amount(*span, fraction) for name, span, fraction in sorted(entries)}
    recipe = Recipe(amounts, sigma if "elastic" in amounts else 4.0)

    assert recipe_of(recipe.table(), "metadata") == recipe


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"none"}))
def test_presets_are_within_the_limits_and_mirror_nothing(name: str) -> None:
    """A scale below 0 would mirror, half a turn makes a 9 of a 6."""
    amounts = load_recipe(name).amounts

    assert all(amounts[key].low > 0 for key in ("scale", "scale_x", "scale_y") if key in amounts)
    assert -45 < amounts["rotation"].low < amounts["rotation"].high < 45


def test_light_is_the_classic_recipe() -> None:
    """Ten degrees, a tenth of the size, a tenth of the width and height."""
    assert load_recipe("light").amounts == {
        "rotation": Amount(-10, 10),
        "scale": Amount(0.9, 1.1),
        "shift": Amount(-0.1, 0.1),
    }


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("rotate = [0, 1]", "no transform 'rotate'. Did you mean 'rotation'?"),
        ("rotation = [10, -10]", "rotation has the range [10, -10], which is reversed; write [-10, 10]"),
        ("rotation = [-10, 300]", "rotation.range is 300; it must be a number from -180 to 180 (degrees"),
        ("rotation = 10", "rotation has the range 10; it must be two numbers from -180 to 180"),
        ("rotation = [1, 2, 3]", "rotation has the range [1, 2, 3]; it must be two numbers"),
        ("rotation = [1, true]", "rotation.range is True; it must be a number"),
        ("[rotation]\nprobability = 0.5", "rotation has the range None; it must be two numbers"),
        (
            "[rotation]\nrange = [0, 1]\nprobability = 1.5",
            "rotation.probability is 1.5; it must be a number from 0 to 1",
        ),
        ("[rotation]\nrange = [0, 1]\nchance = 1", "rotation: there is no setting 'chance'"),
        ("[rotation]\nrange = [nan, 1]", "rotation.range is nan"),
        ("scale = [0, 1]", "scale.range is 0; it must be a number from 0.1 to 10"),
        ("elastic_sigma = 0", "elastic_sigma is 0; it must be a number from 0.5 to 64"),
        ('preset = "heavey"', "no preset 'heavey'. Did you mean 'heavy'?"),
        ("flip = true", "no transform 'flip'"),
    ],
)
def test_a_bad_recipe_is_refused_with_the_field_and_what_it_can_be(toml: str, words: str, tmp_path: Path) -> None:
    """And with the file's name."""
    path = tmp_path / "bad.toml"
    path.write_text(toml)

    with pytest.raises(WrongUse) as refused:
        load_recipe(path)

    assert words in str(refused.value)
    assert str(refused.value).startswith(str(path))


def test_what_is_no_recipe_says_what_is(tmp_path: Path) -> None:
    """A misspelt preset, and a file that is no TOML."""
    (tmp_path / "cut.toml").write_text("[rotation")

    with pytest.raises(WrongUse, match="no recipe 'handwritting'. Did you mean 'handwriting'"):
        load_recipe("handwritting")
    with pytest.raises(UnreadableInput, match="expected a TOML file"):
        load_recipe(tmp_path / "cut.toml")


RANGES = {
    "rotation": (-180, 180, 0),
    "scale": (0.1, 10, 1),
    "scale_x": (0.1, 10, 1),
    "scale_y": (0.1, 10, 1),
    "shear": (-2, 2, 0),
    "shift": (-1, 1, 0),
    "perspective": (-0.3, 0.3, 0),
    "elastic": (0, 1000, 0),
    "thickness": (-8, 8, 0),
    "cutout": (0, 1, 0),
    "blur": (0, 16, 0),
    "contrast": (0, 4, 1),
    "brightness": (-1, 1, 0),
    "noise": (0, 1, 0),
    "impulse": (0, 1, 0),
}
"""The smallest and the largest value of each transform, and the one that changes nothing."""


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_takes_its_whole_range_and_nothing_beyond(name: str) -> None:
    """As docs/augmentation.md lists them."""
    low, high, _ = RANGES[name]

    assert recipe_of({name: [low, high]}, "x").table()[name]["range"] == [low, high]
    for beyond in ([low - 0.001, high], [low, high + 0.001]):
        with pytest.raises(WrongUse, match=name):
            recipe_of({name: beyond}, "x")


def test_a_transform_at_its_neutral_value_changes_nothing() -> None:
    """All fifteen of them at once, for bytes and for floats; and the recorded parameters say so."""
    recipe = recipe_of({name: [neutral, neutral] for name, (_, _, neutral) in RANGES.items()}, "x")
    for kind, top in (("uint8", 256), ("float32", 1)):
        images = (np.random.default_rng(0).random((4, 9, 7)) * top).astype(kind)
        levels = BYTES if kind == "uint8" else Levels(0, 1)
        batch = augment_batch(Batch(np.arange(4), np.zeros(4, np.int64), images), Augment(recipe=recipe), levels)
        original = batch.columns["copy"] == 0

        np.testing.assert_array_equal(batch.images[original], images)
        np.testing.assert_array_equal(batch.images[~original], images)
        for name in {*TRANSFORMS, "shift_x", "shift_y", "perspective_x", "perspective_y"} & set(batch.columns):
            assert (batch.columns[name] == RANGES.get(name, (0, 0, 0))[2]).all(), name
