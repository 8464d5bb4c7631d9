"""Previews: the page shows what the recipe makes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mnist_data
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset
from pipelines.run.report import write_report
from pipelines.settings.base import settings_in_words
from pipelines.settings.recipe import load_recipe
from pipelines.settings.stages import Augment
from pipelines.stages.augment import augment
from pipelines.stages.preview import COPIES, first_of_each_class, preview_tables

HEAVY = Augment(seed=3, recipe=load_recipe("heavy"))


def test_the_copies_shown_are_those_that_augment_makes(digits: Dataset, tmp_path: Path) -> None:
    """Byte for byte: a preview that differs from the result would be worth nothing."""
    shown = preview_tables(digits, HEAVY)["augmentation"]
    made = mnist_data.load(augment(digits, tmp_path / "made", HEAVY.replace(copies=COPIES)).location, "train")

    both = made.merge(shown, on=["source_id", "copy"], suffixes=("", "_shown"))

    assert len(both) == len(shown) == 10 * (COPIES + 1)
    assert (both["image"] == both["image_shown"]).all()


def test_each_transform_is_shown_alone_the_weakest_first(digits: Dataset) -> None:
    """Its amounts rise from copy to copy, each happens, and no other transform is recorded beside it."""
    table = preview_tables(digits, HEAVY)["transforms"]

    assert list(table["transform"].unique()) == list(HEAVY.recipe.amounts)
    for name in ("rotation", "thickness", "blur"):
        rows = table[table["transform"] == name]
        for _, row in rows.groupby("source_id"):
            assert row["copy"].iloc[0] == 0
            assert row[name].iloc[1:].is_monotonic_increasing
        amount = HEAVY.recipe.amounts[name]
        assert rows.loc[rows["copy"] > 0, name].between(amount.low, amount.high).all()
        assert rows["elastic"].isna().all()


def test_there_is_one_sample_of_each_class(digits: Dataset) -> None:
    """The first of the training split, in the order of the labels."""
    chosen = first_of_each_class(digits)
    labels = mnist_data.load(digits.location, "train").set_index("id")["label"]

    assert chosen.labels.tolist() == list(range(10))
    assert chosen.ids.tolist() == [int(labels.index[labels == label][0]) for label in range(10)]
    assert np.issubdtype(chosen.images.dtype, np.uint8)


def test_the_page_names_the_recipe_and_holds_every_transform(digits: Dataset, tmp_path: Path) -> None:
    """With the amounts of each copy where the mouse points."""
    made_by = {"Preview": settings_in_words(HEAVY.recorded())}
    written = write_report(preview_tables(digits, HEAVY), digits, tmp_path / "page.html", made_by)
    page = Path(written).read_text()

    for name in HEAVY.recipe.amounts:
        assert f"<h3>{name.replace('_', ' ').capitalize()}</h3>" in page
    assert 'title="copy 1: rotation' in page
    assert "rotation -20 … 20" in page


def test_copies_are_not_previewed_of_copies(digits: Dataset, tmp_path: Path) -> None:
    """As augment refuses them."""
    more = augment(digits, tmp_path / "more")

    with pytest.raises(WrongUse, match="is augmented already"):
        preview_tables(more, HEAVY)
