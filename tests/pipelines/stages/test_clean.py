"""Cleaning: planted faults are found, nothing else is touched, and the counts add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.batch import Batch
from mnist_data.errors import CheckFailed, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.engine.engine import Cluster, Threads
from pipelines.engine.execution import Execution
from pipelines.settings.stages import Clean
from pipelines.stages.clean import Findings, PixelLimits, clean, clean_batch
from pipelines.stages.convert import convert
from pipelines.stages.normalize import normalize

REPAIR = Clean(inverted="repair", outlier_pixels="repair")


@pytest.fixture
def faulty(sample_idx: Path, tmp_path: Path) -> Dataset:
    """Give the sample with planted faults in the training split, and one training sample leaked from the test split."""
    images = idx.read(sample_idx / "sklearn-digits-train-images-idx3-ubyte")
    labels = idx.read(sample_idx / "sklearn-digits-train-labels-idx1-ubyte")
    test = idx.read(sample_idx / "sklearn-digits-test-images-idx3-ubyte")
    images[10] = 0  # blank
    images[20] = 77  # constant
    images[30] = 255 - images[30]  # inverted
    images[41] = images[40]  # duplicate
    images[50] = test[5]  # leaked
    labels[60] = 111  # no class
    images[70, 0, 0] = 255  # isolated pixel
    idx.write(tmp_path / "train-images", images)
    idx.write(tmp_path / "train-labels", labels)
    for role, kind in (("images", "idx3-ubyte"), ("labels", "idx1-ubyte")):
        content = (sample_idx / f"sklearn-digits-test-{role}-{kind}").read_bytes()
        (tmp_path / f"test-{role}").write_bytes(content)
    return convert(find_pairs(tmp_path), tmp_path / "faulty").dataset


def findings(quarantine: str) -> dict[int, tuple[str, str]]:
    table = pd.read_parquet(f"{quarantine}.parquet")
    table = table[table["reason"] != "transposed"]
    return {row.id: (row.reason, row.action) for row in table.itertuples()}


def test_each_planted_fault_is_found_and_treated_by_its_rule(faulty: Dataset, tmp_path: Path) -> None:
    """Blank, constant, inverted, duplicate, leaked, mislabelled: each by id, and no other sample."""
    outcome = clean(faulty, tmp_path / "clean", REPAIR)

    assert findings(outcome.quarantine) == {
        10: ("blank", "remove"),
        20: ("constant", "remove"),
        30: ("inverted", "repair"),
        41: ("duplicate", "remove"),
        50: ("duplicate", "remove"),
        60: ("label", "remove"),
        70: ("outlier_pixels", "repair"),
    }
    assert outcome.dataset.splits == {"train": 1437 - 5, "test": 360}


def test_the_counts_add_up(faulty: Dataset, tmp_path: Path) -> None:
    """In = kept + changed + removed for each split, and the dataset holds what was not removed."""
    outcome = clean(faulty, tmp_path / "clean", REPAIR)
    totals = outcome.totals.set_index("split")

    assert totals.loc["train", ["kept", "changed", "removed"]].tolist() == [1430, 2, 5]
    assert (totals["samples_in"] == totals[["kept", "changed", "removed"]].sum(axis=1)).all()
    assert outcome.dataset.splits == (totals["kept"] + totals["changed"]).to_dict()


def test_repaired_pixels_are_right_and_all_others_as_they_were(
    faulty: Dataset, sample_idx: Path, tmp_path: Path
) -> None:
    """The inverted sample is what it was before it was inverted; the isolated pixel is gone."""
    truth = idx.read(sample_idx / "sklearn-digits-train-images-idx3-ubyte")

    cleaned = mnist_data.load(clean(faulty, tmp_path / "clean", REPAIR).dataset.location, "train")

    np.testing.assert_array_equal(truth[cleaned["id"]], mnist_data.images(cleaned))


def test_the_quarantine_keeps_pixels_as_they_were(faulty: Dataset, tmp_path: Path) -> None:
    """Whoever disagrees with a rule finds the sample whole."""
    table = pd.read_parquet(f"{clean(faulty, tmp_path / 'clean').quarantine}.parquet")
    before, _ = mnist_data.to_numpy(faulty.location, "train")
    row = table.set_index("id").loc[30]

    assert before[30].tobytes() == row["image"]
    assert table.attrs["image_shape"] == [28, 28]


def test_keep_flags_and_changes_nothing(faulty: Dataset, tmp_path: Path) -> None:
    """With every rule at keep the pixels are untouched, and the findings still listed."""
    keep = Clean(blank="keep", constant="keep", label="keep", duplicate="keep")

    outcome = clean(faulty, tmp_path / "clean", keep)

    assert {"keep"} == {action for _, action in findings(outcome.quarantine).values()}
    np.testing.assert_array_equal(
        mnist_data.to_numpy(faulty.location)[0], mnist_data.to_numpy(outcome.dataset.location)[0]
    )


def test_of_two_copies_the_one_in_the_test_split_stays(faulty: Dataset, tmp_path: Path) -> None:
    """A published test split stays whole; what leaked into training goes, and the table says whose copy it was."""
    table = pd.read_parquet(f"{clean(faulty, tmp_path / 'clean').quarantine}.parquet")
    table = table.query("reason == 'duplicate'").set_index("id")  # a sample may look transposed, too

    assert "same pixels as 1442" in table.loc[50, "detail"]
    assert "same pixels as 40" in table.loc[41, "detail"]


def test_a_copy_under_another_label_is_named_with_it(tmp_path: Path) -> None:
    """And of two with the same pixels the one whose label is a class stays, wherever it stands."""
    images = np.random.default_rng(0).integers(0, 256, (90, 5, 5), np.uint8)
    labels = np.arange(90) % 3
    images[4], images[7], labels[7] = images[1], images[1], 2
    images[2], labels[2] = images[29], 200

    outcome = clean(written(tmp_path / "data", images, labels), tmp_path / "clean")

    table = pd.read_parquet(f"{outcome.quarantine}.parquet").query("reason == 'duplicate'").set_index("id")
    assert table["detail"].to_dict() == {
        2: "same pixels as 29, whose label is 2",
        4: "same pixels as 1",
        7: "same pixels as 1, whose label is 1",
    }


@pytest.mark.slow
def test_the_result_does_not_depend_on_engine_or_partitions(faulty: Dataset, tmp_path: Path, cluster: Cluster) -> None:
    """One thread, threads, processes, and partitions of 100 rows find the same."""
    one = clean(faulty, tmp_path / "one")
    for name, engine in (("threads", Threads(2)), ("processes", cluster)):
        other = clean(faulty, tmp_path / name, execution=Execution(engine))
        assert one.dataset.content == other.dataset.content
        pd.testing.assert_frame_equal(
            pd.read_parquet(f"{one.quarantine}.parquet"), pd.read_parquet(f"{other.quarantine}.parquet")
        )
    cut = clean(faulty, tmp_path / "cut", execution=Execution(task_rows=100))

    assert findings(one.quarantine) == findings(cut.quarantine)
    np.testing.assert_array_equal(
        mnist_data.to_numpy(one.dataset.location)[0], mnist_data.to_numpy(cut.dataset.location)[0]
    )
    assert len(cut.dataset.files) > len(one.dataset.files)


@pytest.mark.slow
def test_mnist_comes_through_unchanged(mnist: Dataset, tmp_path: Path) -> None:
    """MNIST has no blank, inverted, mislabelled-by-range or doubled sample: nothing may be removed or changed."""
    outcome = clean(mnist, tmp_path / "clean", execution=Execution(Threads(2)))

    assert outcome.totals["kept"].tolist() == [60_000, 10_000]
    assert {"transposed"} >= set(outcome.reasons["reason"])
    assert outcome.reasons["samples"].sum() <= 70  # one in a thousand is flagged wrongly, and only flagged


@pytest.mark.slow
def test_fashion_comes_through_unchanged_though_its_clothes_touch_the_border(fashion: Dataset, tmp_path: Path) -> None:
    """A rule made for digits would call 99.97 % of it damaged."""
    outcome = clean(fashion, tmp_path / "clean", execution=Execution(Threads(2)))

    assert outcome.totals["kept"].tolist() == [60_000, 10_000]


@pytest.mark.slow
def test_bangla_digits_have_a_bright_background_and_are_doubled(real_mnist: Path, tmp_path: Path) -> None:
    """Dark ink on white, 8 doubles in training and 7 images in both splits, as its publishers' files hold them."""
    folder = real_mnist.parent / "cmaterdb-bangla"
    if not folder.is_dir():
        pytest.skip("the folder of real data has no Bangla digits")
    for split, name in (("train", "training"), ("test", "testing")):
        arrays = np.load(folder / f"{name}-images.npz")
        idx.write(tmp_path / f"{split}-images-idx4-ubyte", arrays["images"])
        idx.write(tmp_path / f"{split}-labels-idx1-ubyte", arrays["labels"].astype(np.uint8))
    source = convert(find_pairs(tmp_path), tmp_path / "bangla").dataset

    kept, dark = clean(source, tmp_path / "kept"), clean(source, tmp_path / "dark", Clean(background="dark"))

    means = [mnist_data.to_numpy(each.dataset.location, "train")[0].mean() / 255 for each in (kept, dark)]
    assert (kept.polarity, kept.undecided) == ("bright", 0)
    assert kept.reasons.groupby(["split", "reason"])["samples"].sum()["train", "duplicate"] == 8 + 7
    assert "inverted" not in set(kept.reasons["reason"])
    assert kept.totals["changed"].sum() == 0
    assert means == pytest.approx([0.678392, 1 - 0.678392], abs=1e-3)


def test_a_batch_is_not_changed_by_cleaning_it() -> None:
    """Stages are pure: the arrays they are given are read-only here."""
    images = np.full((3, 5, 5), 255, np.uint8)
    images[:, 2, 2] = 0
    images[1, 2, 3] = 9
    images.flags.writeable = False
    batch = Batch(np.arange(3), np.zeros(3, np.int64), images)
    texts = (np.array([text], object) for text in ("inverted", "repair", "log odds 9.0"))

    cleaned, table = clean_batch(
        batch, Findings(np.array([0]), *texts, np.zeros(1, np.int64)), PixelLimits(0, 255), REPAIR
    )

    assert list(table.query("row == 0")[["row", "reason"]].itertuples(index=False)) == [
        (0, "inverted"),
        (0, "outlier_pixels"),
    ]
    assert cleaned.images[0].max() == 0  # inverted, its one dark pixel became an isolated bright one
    assert cleaned.images[2].min() == 255  # its own isolated pixel is repaired, and nothing else


def written(folder: Path, images: np.ndarray, labels: np.ndarray) -> Dataset:
    """Write one training split."""
    folder.mkdir()
    idx.write(folder / "train-images-idx3", images)
    idx.write(folder / "train-labels-idx1", labels.astype(np.uint8))
    return convert(find_pairs(folder), folder / "dataset").dataset


@pytest.mark.parametrize(
    ("lost", "label", "words"),
    [
        (range(31), None, r"31 of the 60 samples of split 'train' \(blank: 31\).*--blank keep.*--allow-loss"),
        (range(0, 33, 3), None, r"11 of the 20 samples of class 0 of split 'train' \(blank: 11\)"),
        (range(40), 77, r"40 of the 60 samples of split 'train' \(label: 40\).*--label keep"),
    ],
)
def test_a_split_or_class_that_would_lose_most_of_its_samples_stops_the_work(
    lost: range, label: int | None, words: str, tmp_path: Path
) -> None:
    """With the reason and the flags that go on, and before anything is written."""
    images = np.random.default_rng(0).integers(0, 256, (60, 5, 5), np.uint8)
    labels = np.arange(60) % 3
    if label is None:
        images[list(lost)] = 0
    else:
        labels[list(lost)] = label
    source = written(tmp_path / "data", images, labels)
    before = sorted(path.name for path in tmp_path.iterdir())

    if label is not None:  # of unknown classes a frequent label is one
        names = ("zero", "one", "two")
        source = replace(source, metadata=replace(source.metadata, classes=names))
    with pytest.raises(CheckFailed, match=words):
        clean(source, tmp_path / "clean")
    assert sorted(path.name for path in tmp_path.iterdir()) == before

    outcome = clean(source, tmp_path / "clean", Clean(allow_loss=True))
    assert len(outcome.dataset) == 60 - len(lost)


def test_a_class_may_lose_half_of_its_samples(tmp_path: Path) -> None:
    """More than half is what stops the work."""
    images = np.random.default_rng(0).integers(0, 256, (60, 5, 5), np.uint8)
    images[:30] = 0

    assert clean(written(tmp_path / "data", images, np.arange(60) % 3), tmp_path / "clean").dataset.splits == {
        "train": 30
    }


def test_a_training_split_that_copies_the_test_split_is_not_emptied(tmp_path: Path) -> None:
    """Nothing is left to learn from, which is said at once and not four stages later."""
    images = np.random.default_rng(0).integers(0, 256, (80, 5, 5), np.uint8)
    for split in ("train", "test"):
        idx.write(tmp_path / f"{split}-images-idx3", images)
        idx.write(tmp_path / f"{split}-labels-idx1", (np.arange(80) % 4).astype(np.uint8))
    source = convert(find_pairs(tmp_path), tmp_path / "data").dataset

    with pytest.raises(CheckFailed, match=r"80 of the 80 samples of split 'train' \(duplicate: 80\).*--duplicate keep"):
        clean(source, tmp_path / "clean")
    assert not (tmp_path / "clean").exists()


def test_what_isolated_pixels_remove_counts_as_lost_too(tmp_path: Path) -> None:
    """Although they are found only while the samples are written."""
    images = np.zeros((12, 7, 7), np.uint8)
    images[:, 3, 3] = 255
    images[:5, 3, 2:5] = 255
    images[:5, 2:5, 3] = 200
    images[np.arange(12), 0, np.arange(12) % 7] = np.arange(12)
    source = written(tmp_path / "data", images, np.zeros(12))

    with pytest.raises(CheckFailed, match=r"7 of the 12 samples of split 'train' \(outlier_pixels: 7\)"):
        clean(source, tmp_path / "clean", Clean(outlier_pixels="remove"))
    assert not (tmp_path / "clean").exists()


def test_what_a_flat_sample_holds_is_said(tmp_path: Path) -> None:
    """No sample of several values is called one of a single value."""
    images = np.random.default_rng(0).integers(0, 256, (40, 9, 9), np.uint8)
    images[3] = np.random.default_rng(0).integers(245, 256, (9, 9))
    images[3, 0, :2] = 245, 255

    outcome = clean(written(tmp_path / "data", images, np.zeros(40)), tmp_path / "clean")

    table = pd.read_parquet(f"{outcome.quarantine}.parquet")
    (row,) = table[table["reason"] == "constant"].itertuples()
    assert (row.id, row.detail.partition(",")[0]) == (3, "values 245 to 255")


def test_repair_of_what_has_no_repair_is_refused() -> None:
    """A blank cannot be repaired."""
    with pytest.raises(WrongUse, match=r"clean.blank is 'repair'.*choose keep or remove"):
        Clean(blank="repair")


def test_an_empty_split_and_a_one_pixel_image_are_cleaned(tmp_path: Path) -> None:
    """Nothing to find is no error."""
    for split, images in (
        ("train", np.array([[[3]], [[0]], [[3]]], np.uint8)),
        ("test", np.empty((0, 1, 1), np.uint8)),
    ):
        idx.write(tmp_path / f"{split}-images-idx3", images)
        idx.write(tmp_path / f"{split}-labels-idx1", np.zeros(len(images), np.uint8))

    outcome = clean(
        convert(find_pairs(tmp_path), tmp_path / "tiny").dataset, tmp_path / "clean", Clean(allow_loss=True)
    )

    assert outcome.dataset.splits == {"train": 0, "test": 0}
    assert outcome.reasons.set_index("reason")["samples"].to_dict() == {"blank": 1, "constant": 2}


def test_signed_images_on_a_ground_of_0_are_not_inverted(sample_idx: Path, tmp_path: Path) -> None:
    """The middle of a signed type's range lies below 0, where no background is."""
    idx.write(
        tmp_path / "train-images", idx.read(sample_idx / "sklearn-digits-test-images-idx3-ubyte").astype(np.int16)
    )
    idx.write(tmp_path / "train-labels", idx.read(sample_idx / "sklearn-digits-test-labels-idx1-ubyte"))

    outcome = clean(convert(find_pairs(tmp_path), tmp_path / "data").dataset, tmp_path / "clean")

    assert outcome.totals["changed"].sum() == 0


def test_tables_of_an_earlier_cleaning_are_not_shown_for_another_dataset(faulty: Dataset, tmp_path: Path) -> None:
    """They still stand beside a dataset that was converted in the place of the cleaned one."""
    from pipelines.run.report import collect_tables

    cleaned = clean(faulty, tmp_path / "clean").dataset
    assert "quarantine" in collect_tables(tmp_path, cleaned)

    other = convert(find_pairs(Path(faulty.location).parent), tmp_path / "clean", overwrite=True).dataset

    assert "quarantine" not in collect_tables(tmp_path, other)


def test_pixels_that_are_no_numbers_are_found(tmp_path: Path) -> None:
    """One NaN would turn every mean, and every normalized pixel, into NaN."""
    images = np.pad(np.random.default_rng(0).random((40, 4, 4)).astype(np.float32), ((0, 0), (1, 1), (1, 1)))
    images[3, 2, 2], images[5, 0, 0] = np.nan, np.inf
    idx.write(tmp_path / "train-images", images)
    idx.write(tmp_path / "train-labels", np.zeros(40, np.uint8))
    source = convert(find_pairs(tmp_path), tmp_path / "data").dataset

    outcome = clean(source, tmp_path / "clean")

    assert findings(outcome.quarantine) == {3: ("not_finite", "remove"), 5: ("not_finite", "remove")}
    with pytest.raises(CheckFailed, match="not finite"):
        normalize(source, tmp_path / "normal")
    assert np.isfinite(mnist_data.to_numpy(normalize(outcome.dataset, tmp_path / "n").location)[0]).all()
