"""The accuracy by class, by thickness and by corrected labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import binomtest

from mnist_data.errors import MnistDataError, UnreadableInput, WrongUse
from mnist_data.parquet.corrections import read_corrections
from mnist_data.parquet.tables import write_table
from pipelines.networks.evaluation.breakdown import class_scores, decile_scores, thickness_scores
from pipelines.networks.evaluation.corrections import corrected_scores

Array = npt.NDArray[Any]


def answers(predicted: Array, classes: int = 3) -> Array:
    """Give probabilities whose likeliest class is the one predicted."""
    return np.asarray(np.eye(classes)[predicted], np.float32)


def strokes(widths: Array, length: int = 20) -> Array:
    """Draw an upright bar of each width."""
    images = np.zeros((len(widths), 28, 28), np.uint8)
    for image, width in zip(images, widths, strict=True):
        image[4 : 4 + length, 12 : 12 + width] = 255
    return images


def test_each_class_is_scored_by_its_own_samples() -> None:
    """With scipy's Wilson interval; a class without samples has no row."""
    labels = np.array([0] * 40 + [2] * 10)
    predicted = np.where(np.arange(50) % 4 == 0, 1, labels)

    table = class_scores(answers(predicted), labels, ["a", "b", "c"])
    interval = binomtest(30, 40).proportion_ci(method="wilson")

    assert table[["label", "name", "samples", "correct"]].to_numpy().tolist() == [[0, "a", 40, 30], [2, "c", 10, 7]]
    assert (table["low"][0], table["high"][0]) == pytest.approx((interval.low, interval.high))


def test_tenths_by_thickness_hold_the_same_number_each() -> None:
    """And the mistakes with the thickest lie in the last."""
    thickness = np.random.default_rng(0).permutation(np.linspace(1, 9, 1_000))
    labels = np.zeros(1_000, int)

    table = decile_scores(answers((thickness > 8.5).astype(int)), labels, thickness)

    assert table["decile"].tolist() == list(range(1, 11))
    assert table["samples"].tolist() == [100] * 10
    assert (table["accuracy"][:9] == 1).all()
    assert table["accuracy"][9] < 0.5
    assert (table["thinnest"][1:].to_numpy() > table["thickest"][:-1].to_numpy()).all()


def test_thickness_is_measured_and_blank_images_have_a_row_of_their_own() -> None:
    """Bars of one to six pixels; of equal ones no tenth can be made."""
    widths = np.array([1, 2, 3, 4, 5, 6, 0, 0])
    labels = np.zeros(8, int)
    predicted = np.array([0, 0, 0, 0, 0, 0, 1, 0])

    table = thickness_scores(answers(predicted), labels, strokes(widths))
    equal = thickness_scores(answers(predicted), labels, strokes(np.full(8, 3)))
    blank = thickness_scores(answers(predicted), labels, strokes(np.zeros(8, int)))

    assert table["samples"].sum() == 8
    assert table["thinnest"].dropna().is_monotonic_increasing
    assert table["decile"].isna().tolist() == [False] * (len(table) - 1) + [True]
    assert (table["samples"].iloc[-1], table["correct"].iloc[-1]) == (2, 1)
    assert equal["samples"].tolist() == [8]
    assert blank["decile"].isna().tolist() == [True]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_audit_corrects_what_it_flags_and_nothing_else(tmp_path: Path, ending: str) -> None:
    """Its table as it is: a suggestion without a flag is none; samples of other splits do not count."""
    audit = {"id": [10, 11, 12, 99], "label": [0, 1, 2, 0], "is_label_error": [True, False, True, True]}
    audit |= {"suggested_label": pd.array([2, 2, pd.NA, 1], dtype="Int64"), "is_blank": False}
    write_table(pd.DataFrame(audit), str(tmp_path / "audit"), {})

    corrections = read_corrections(tmp_path / f"audit.{ending}")
    table = corrected_scores(answers(np.array([2, 1, 2])), np.array([10, 11, 12]), np.array([0, 1, 2]), corrections)

    assert table["labels"].tolist() == ["given", "corrected"]
    assert table["changed"].tolist() == [0, 1]
    assert table["correct"].tolist() == [2, 3]


def test_ones_own_corrections_are_ids_and_labels(tmp_path: Path) -> None:
    """In any order; a table without rows corrects nothing."""
    (tmp_path / "mine.csv").write_text("id,label\n12,0\n10,2\n")
    (tmp_path / "none.csv").write_text("id,label\n")
    ids, labels = np.array([10, 11, 12]), np.array([0, 1, 2])

    assert read_corrections(tmp_path / "mine.csv").apply(ids, labels).tolist() == [2, 1, 0]
    assert read_corrections(tmp_path / "none.csv").apply(ids, labels).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "words", "kind"),
    [
        ("id,label,is_blank\n1,2,false\n", "its columns are id, label, is_blank; expected", UnreadableInput),
        ("id,name\n1,2\n", "its columns are id, name", UnreadableInput),
        ("id,label\n1,2\n1,3\n", "sample 1 is in it twice", UnreadableInput),
        ("id,label\n1,seven\n", "label is not a column of integers", UnreadableInput),
        ("id,label\n1,\n", "label is not a column of integers", UnreadableInput),
        ("", "a CSV or Parquet table", UnreadableInput),
        (None, "there is no such file", WrongUse),
    ],
)
def test_what_is_no_table_of_corrections_is_named(
    tmp_path: Path, text: str | None, words: str, kind: type[MnistDataError]
) -> None:
    """An audit that did not look at labels among them: its labels are the given ones."""
    if text is not None:
        (tmp_path / "table.csv").write_text(text)

    with pytest.raises(kind, match=words):
        read_corrections(tmp_path / "table.csv")


def test_an_audit_of_another_dataset_is_refused(tmp_path: Path) -> None:
    """It says what the labels were."""
    audit = {"id": [10], "label": [1], "is_label_error": [True], "suggested_label": [2]}
    write_table(pd.DataFrame(audit), str(tmp_path / "audit"), {})

    with pytest.raises(WrongUse, match="sample 10 has the label 1 there and 0 in the dataset"):
        read_corrections(tmp_path / "audit.parquet").apply(np.array([10]), np.array([0]))
