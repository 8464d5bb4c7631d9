"""A recipe that turns 6 into 9 says so; one that cannot, or data in which they are other signs, does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mnist_data
from mnist_data.idx import format as idx
from mnist_data.parquet.dataset import Dataset
from pipelines.settings.recipe import recipe_of
from pipelines.stages.turned_classes import about_turned_classes
from tests.conftest import real_folder


@pytest.mark.parametrize(
    ("rotation", "warned"),
    [
        ([-180, 180], True),
        ([-90, 90], True),
        ([0, 180], True),
        ([150, 180], True),
        ([-180, -170], True),
        ({"range": [-180, 180], "probability": 0.1}, True),
        ([-45, 45], False),
        ([-60, 60], False),
        ([0, 100], False),
    ],
)
def test_half_a_turn_between_copies_makes_6_a_9(rotation: object, warned: bool, digits: Dataset) -> None:
    """A 6 turned to one side and a 9 turned to the other are the same sign, too."""
    found = about_turned_classes(digits, recipe_of({"rotation": rotation}, "test"))

    assert warned == any("6 into 9 and 9 into 6" in warning for warning in found)
    assert len(found) == warned


def test_the_presets_turn_no_class_into_another(digits: Dataset) -> None:
    """Their rotations are those of handwriting."""
    for preset in ("none", "mild", "light", "handwriting", "heavy"):
        assert about_turned_classes(digits, recipe_of({"preset": preset}, "test")) == ()


def written(folder: Path, names: tuple[str, ...], images: np.ndarray) -> Dataset:
    """Write a dataset of a class a name."""
    np.savez(folder / "set.npz", images=images, labels=np.arange(len(images)) % len(names))
    (folder / "classes.txt").write_text("\n".join(names))
    result = mnist_data.convert(folder, folder.parent / "out", overwrite=True, progress=False)
    assert result.dataset is not None
    return result.dataset


@pytest.mark.parametrize(
    ("names", "rotation", "found"),
    [
        (("digit_6", "digit_9"), [-180, 180], "digit_6 into digit_9"),
        (("six", "nine", "one"), [-180, 180], "six into nine"),
        (("M", "W", "b", "q"), [-180, 180], "M into W and W into M, b into q"),
        (("N", "Z"), [-90, 90], "N into Z"),
        (("N", "Z"), [-20, 20], ""),
        (("Sneaker", "Bag", "6"), [-180, 180], ""),
    ],
)
def test_classes_are_known_by_their_names(
    names: tuple[str, ...], rotation: list[int], found: str, tmp_path: Path
) -> None:
    """However digits and letters are written; of a few samples the pixels say nothing."""
    (tmp_path / "in").mkdir()
    dataset = written(tmp_path / "in", names, np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8))

    warnings = about_turned_classes(dataset, recipe_of({"rotation": rotation}, "test"))

    assert found in " ".join(warnings)
    assert bool(found) == bool(warnings)


def test_the_warning_reaches_the_user(digits: Dataset, tmp_path: Path) -> None:
    """In the result of augment and of its preview."""
    recipe = {"rotation": [-180, 180]}
    for preview in (False, True):
        result = mnist_data.augment(digits, tmp_path / f"out{preview}", recipe=recipe, preview=preview, progress=False)

        assert any("6 into 9" in warning for warning in result.warnings)


def test_real_digits_of_two_scripts(tmp_path: Path) -> None:
    """MNIST's 6 and 9 are each other; Bangla's are not, though they are called by the same numbers."""
    recipe = recipe_of({"rotation": [-180, 180]}, "test")
    folder = real_folder("mnist")
    with np.load(real_folder("cmaterdb-bangla") / "training-images.npz") as file:
        bangla = 255 - file["images"].mean(axis=-1).astype(np.uint8), file["labels"].ravel()
    mnist = idx.read(folder / "t10k-images-idx3-ubyte.gz"), idx.read(folder / "t10k-labels-idx1-ubyte.gz")
    for place, ((images, labels), warned) in enumerate(((mnist, True), (bangla, False))):
        np.savez(tmp_path / "set.npz", images=images[:2_000], labels=labels[:2_000])
        result = mnist_data.convert(tmp_path / "set.npz", tmp_path / str(place), progress=False)
        assert result.dataset is not None

        assert bool(about_turned_classes(result.dataset, recipe)) == warned
