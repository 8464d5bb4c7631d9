"""Recipes: what a TOML file can say, what is refused, and that the presets are what they promise."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_data.errors import UnreadableInput, WrongUse
from pipelines.settings.recipe import PRESETS, TRANSFORMS, Amount, Recipe, load_recipe, recipe_of


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
