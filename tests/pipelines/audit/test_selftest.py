"""The self-test: what is planted, how it is counted, and the bars that the checks must reach on MNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mnist_data.parquet.dataset import Dataset, read_batches
from pipelines.audit import faults
from pipelines.audit.check_result import CheckResult
from pipelines.audit.planting import Planted, draw_faults, kinds_for, plant
from pipelines.audit.run import run_checks
from pipelines.audit.selftest import score, selftest
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.settings.analysis import Audit, Selftest
from pipelines.settings.checks import CHECKS

QUICK = Audit(labels=False)


def result(flagged: list[int], count: int = 10) -> CheckResult:
    """Flag some samples by the check `blank`."""
    mask = np.isin(np.arange(count), flagged)
    return CheckResult("blank", mask, np.where(mask, 0, 1).astype(np.float32), 1.0, "")


def planted(kind: str, place: int, source: int = -1) -> Planted:
    """Plant a fault of which only the place counts."""
    return Planted(kind, place, source, place, 0, np.zeros((1, 1)))


def test_true_are_ones_own_kind_and_false_the_untouched() -> None:
    """A sample planted with another kind, and the original of a copy, count for neither."""
    every = [planted("blank", 0), planted("blank", 1), planted("cropped", 2), planted("leaked", 3, source=4)]

    row = score(result([9]), result([0, 2, 3, 4, 8]), every)

    assert (row["planted"], row["found"], row["false"], row["alarms"]) == (2, 1, 1, 1)
    assert (row["recall"], row["precision"], row["false_alarm_rate"]) == (0.5, 0.5, 0.1)
    assert (row["recall_low"], row["recall_high"]) == pytest.approx((0.0945, 0.9055), abs=1e-4)


def test_a_copy_is_found_if_its_original_is_flagged() -> None:
    """Which of two equal samples came first cannot be seen."""
    row = score(result([]), result([5]), [planted("blank", 0, source=5)])

    assert (row["found"], row["false"]) == (1, 0)


def test_what_is_asked_once_has_its_false_flags_for_alarms() -> None:
    """Models that judge labels learn for minutes, so they learn from the copy only."""
    row = score(None, result([0, 7, 8]), [planted("blank", 0)])

    assert (row["found"], row["false"], row["alarms"], row["false_alarm_rate"]) == (1, 2, 2, 0.2)


def test_half_of_the_swapped_labels_are_of_the_likest_class(digits: Dataset) -> None:
    """The others are of any; none is the sample's own, and no pixel changes."""
    measures, _ = run_checks(digits, QUICK, Execution())
    every = draw_faults(digits, measures, Selftest(faults=40))
    swapped = [one for one in every if one.kind == "label_error"]
    batches = [batch for split in digits.splits for batch in read_batches(digits, split)]
    images = np.concatenate([batch.flat for batch in batches]).astype(float)
    labels = np.concatenate([batch.labels for batch in batches])
    means = np.stack([images[labels == label].mean(axis=0) for label in range(10)])
    likest = []
    for one in swapped:
        apart = np.linalg.norm(means - images[one.place], axis=1)
        apart[labels[one.place]] = np.inf
        likest.append(int(apart.argmin()) == one.label)

    assert len(swapped) == 40
    assert all(one.label != labels[one.place] for one in swapped)
    assert all((one.image.reshape(-1) == images[one.place]).all() for one in swapped)
    assert 0.35 < np.mean(likest) < 0.8


def test_what_is_planted_is_in_the_copy_and_all_else_is_as_it_was(digits: Dataset, tmp_path: Path) -> None:
    """Each sample has one fault at most, and each kind as many as were asked for, where the images can have it."""
    measures, _ = run_checks(digits, QUICK, Execution())
    every = draw_faults(digits, measures, Selftest(faults=3))
    copy = plant(digits, tmp_path / "copy", every, Selftest(faults=3), Execution())
    by_id = {one.id: one for one in every}

    kinds = pd.Series([one.kind for one in every]).value_counts()
    assert set(kinds.index) == set(kinds_for(digits, labels=True)) <= set(CHECKS)  # each by a check's name
    assert kinds.max() == 3
    assert len(by_id) == len(every)
    for one in every:
        if one.source >= 0:  # the two samples are of one split, but where a copy is to leak into another
            assert (measures.splits[one.source] == measures.splits[one.place]) == (one.kind != "leaked"), one.kind
    for split in digits.splits:
        for old, new in zip(read_batches(digits, split), read_batches(copy, split), strict=True):
            touched = np.isin(new.ids, list(by_id))
            assert (old.images[~touched] == new.images[~touched]).all()
            assert (old.labels[~touched] == new.labels[~touched]).all()
            assert all((new.images[row] == by_id[int(new.ids[row])].image).all() for row in np.flatnonzero(touched))
            assert all(new.labels[row] == by_id[int(new.ids[row])].label for row in np.flatnonzero(touched))


def test_the_same_seed_plants_the_same() -> None:
    """A fault depends on the image and its generator only."""
    image = np.random.default_rng(0).uniform(0, 255, (28, 28))

    for fault in (*faults.ALONE.values(), faults.near_duplicate, faults.not_finite):
        first, second = (fault(image, np.random.default_rng(7)) for _ in range(2))
        assert (first is None) == (second is None)
        assert first is None or np.array_equal(first, second, equal_nan=True)  # type: ignore[arg-type]


def test_cropping_loses_ink_and_moving_off_centre_loses_none() -> None:
    """Or they would be the same fault."""
    image = np.zeros((28, 28))
    image[6:22, 9:19] = 255

    for seed in range(20):
        cropped = faults.cropped(image, np.random.default_rng(seed))
        moved = faults.off_centre(image, np.random.default_rng(seed))
        assert cropped is not None
        assert moved is not None
        assert 0.5 * image.sum() < cropped.sum() <= 0.9 * image.sum()
        assert moved.sum() == image.sum()


def test_a_full_frame_cannot_be_off_centre() -> None:
    """Then the fault is not planted."""
    assert faults.off_centre(np.where(np.indices((9, 9)).sum(axis=0) == 8, 0.0, 1.0), np.random.default_rng(0)) is None


@pytest.mark.slow
def test_the_checks_reach_their_bars_on_mnist(mnist: Dataset, tmp_path: Path) -> None:
    """350 faults of each kind; label swaps are held by tests/pipelines/audit/test_label_errors.py."""
    found = selftest(mnist, tmp_path / "s", Selftest(seed=1, audit=QUICK), execution=Execution(Threads(2))).set_index(
        "check"
    )

    strict = ["exact_duplicate", "near_duplicate", "leaked", "inverted", "blank", "constant", "cropped"]
    assert (found.loc[strict, "recall"] >= 0.95).all()
    assert (found.loc[strict, "precision"] >= 0.9).all()
    assert (found.loc[["blurred", "noisy"], "recall"] >= 0.9).all()
    assert (found.loc[["blurred", "noisy"], "precision"] >= 0.8).all()
    assert (found["false_alarm_rate"] <= 0.001).all()
