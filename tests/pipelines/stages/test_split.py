"""Splitting: whole writers or classes alike, the same choice however the work is cut, and nothing lost."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mnist_data
from mnist_data.errors import WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, open_dataset, read_columns
from mnist_data.parquet.schema import Stage
from pipelines.engine.engine import Cluster, Serial, Threads
from pipelines.engine.execution import Execution
from pipelines.settings.stages import Split
from pipelines.settings.training import Train
from pipelines.stages.convert import convert
from pipelines.stages.split import choose_writers, held_out, split
from pipelines.stages.validation import split_validation


@pytest.fixture(scope="module")
def written(digits: Dataset, sample_idx: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Path]:
    """Give the embedded sample with planted writers in QMNIST's form, and the folder of the tables."""
    folder = tmp_path_factory.mktemp("qmnist")
    for name in digits.splits:
        labels = mnist_data.load(digits.location, name)["label"].to_numpy()
        table = np.zeros((len(labels), 8), np.int32)
        table[:, 0], table[:, 2] = labels, np.minimum(np.arange(len(labels)) % 43, 29)
        idx.write(folder / f"digits-{name}-labels-idx2-int", table)
    made = convert(find_pairs(sample_idx), folder / "out", label_tables=folder).dataset
    return made, folder


def without_images(dataset: Dataset) -> pd.DataFrame:
    return mnist_data.load(dataset.location).drop(columns="image")


def test_every_sample_is_there_once_and_test_is_untouched(written: tuple[Dataset, Path], tmp_path: Path) -> None:
    """With the same pixels, labels and columns."""
    source, _ = written
    made = split(source, tmp_path / "split").dataset
    before, after = (mnist_data.load(one.location).sort_values("id", kind="stable") for one in (source, made))

    assert list(made.splits) == ["train", "test", "validation"]
    assert made.splits["test"] == source.splits["test"]
    np.testing.assert_array_equal(mnist_data.images(before), mnist_data.images(after))
    pd.testing.assert_frame_equal(*(one.drop(columns=["image", "split"]).set_index("id") for one in (before, after)))


def test_no_writer_is_on_both_sides(written: tuple[Dataset, Path], tmp_path: Path) -> None:
    """And the report says so, by ordered pairs of splits."""
    source, _ = written
    made = split(source, tmp_path / "split", Split(fraction=0.25, seed=3))
    frame = without_images(made.dataset)
    train, validation = (set(frame.loc[frame["split"] == name, "writer_id"]) for name in ("train", "validation"))

    assert not train & validation
    assert made.writers is not None
    rows = made.writers.set_index(["split", "other"])
    assert rows.loc[("train", "validation"), "shared_writers"] == 0
    assert rows.loc[("validation", "test"), "shared_samples"] == 1  # planted: all thirty write in test, too


def test_the_split_does_not_depend_on_engine_or_partitions(
    written: tuple[Dataset, Path], digits: Dataset, tmp_path: Path, cluster: Cluster
) -> None:
    """One partition or eight, one thread, two, or two processes; joined before or on the way."""
    source, folder = written
    whole = without_images(split(source, tmp_path / "whole").dataset)
    contents = set()
    for name, engine in (("serial", Serial()), ("threads", Threads(2)), ("processes", cluster)):
        execution = Execution(engine, task_rows=200)
        made = split(digits, tmp_path / name, label_tables=folder, execution=execution).dataset
        pd.testing.assert_frame_equal(whole, without_images(made), check_like=True)
        contents.add(made.content)

    assert len(contents) == 1


def test_the_label_split_holds_out_what_training_would(digits: Dataset, tmp_path: Path) -> None:
    """The same samples with the same fraction and seed, so that results can be compared."""
    made = split(digits, tmp_path / "split", Split(by="label", fraction=0.2, seed=5))
    columns = read_columns(digits, "train", ["id", "label"])
    expected = split_validation(columns["id"], columns["label"], columns["id"], Train(validation_fraction=0.2, seed=5))[
        1
    ]

    assert read_columns(made.dataset, "validation", ["id"])["id"].tolist() == columns["id"][expected].tolist()
    assert made.writers is None


Samples = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 4)), min_size=2, max_size=200)


@settings(max_examples=60, deadline=None)
@given(samples=Samples, fraction=st.floats(0.01, 0.5), seed=st.integers(0, 2**63 - 1), order=st.randoms())
def test_whole_writers_come_near_the_share(
    samples: list[tuple[int, int]], fraction: float, seed: int, order: object
) -> None:
    """Off by no more than the largest writer's samples, some on each side, and in any order of the samples the same."""
    writers, labels = np.array(samples, np.int64).T
    counts = np.unique(writers, return_counts=True)[1]
    if len(counts) < 2:
        with pytest.raises(WrongUse, match="by 1 writer; it takes two"):
            choose_writers(writers, labels, fraction, seed)
        return
    chosen = choose_writers(writers, labels, fraction, seed)
    validation = np.isin(writers, chosen)
    shuffled = np.array(order.sample(samples, len(samples)), np.int64).T  # type: ignore[attr-defined]

    assert 0 < validation.sum() < len(samples)
    assert abs(validation.sum() - fraction * len(samples)) <= counts.max()
    assert choose_writers(*shuffled, fraction, seed).tolist() == chosen.tolist()


def test_another_seed_chooses_other_writers() -> None:
    """Of a hundred alike, ten; two seeds agree on few."""
    writers = np.repeat(np.arange(100), 10)
    labels = np.tile(np.arange(10), 100)
    first, second = (choose_writers(writers, labels, 0.1, seed) for seed in (0, 1))

    assert len(first) == len(second) == 10
    assert len(set(first) & set(second)) < 5


def test_classes_keep_their_shares() -> None:
    """Where each writer writes one class only, each class is held out by its fraction."""
    writers = np.repeat(np.arange(200), 5)
    labels = writers % 4
    validation = np.isin(writers, choose_writers(writers, labels, 0.2))

    assert np.bincount(labels[validation]).tolist() == [50, 50, 50, 50]


def test_a_dataset_without_writers_is_refused(digits: Dataset, tmp_path: Path) -> None:
    """With what to do about it, and before anything is written."""
    with pytest.raises(
        WrongUse, match=r"writers of the samples are not known .* --label-tables DIR, or split --by label"
    ):
        split(digits, tmp_path / "split")
    assert not (tmp_path / "split").exists()


def test_what_was_split_or_copied_is_not_split_again(digits: Dataset, tmp_path: Path) -> None:
    """A second validation split would make the first a lie; copies would leak."""
    made = split(digits, tmp_path / "split", Split(by="label")).dataset
    with pytest.raises(WrongUse, match="has a split 'validation' already"):
        split(made, tmp_path / "again", Split(by="label"))

    copies = digits.metadata.after(Stage("augment", {}))
    with pytest.raises(WrongUse, match="is augmented already; split the dataset"):
        split(replace(digits, metadata=copies), tmp_path / "again", Split(by="label"))


@pytest.mark.parametrize("wrong", [{"fraction": 0.6}, {"fraction": 0}, {"seed": -1}, {"by": "colour"}])
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    """By name, with what they can be."""
    with pytest.raises(WrongUse, match=f"split.{next(iter(wrong))}"):
        Split(**wrong)  # type: ignore[arg-type]


def test_the_larger_side_stays_for_training_with_two_writers() -> None:
    """One writer must be left to learn from, even if the fraction would be nearer without."""
    columns = {"id": np.arange(10), "label": np.zeros(10, np.int64), "writer_id": np.array([1] * 9 + [2])}

    assert held_out(columns, Split(fraction=0.1)).tolist() == [False] * 9 + [True]


def test_a_split_of_any_name_becomes_train_and_validation(
    digits: Dataset, command_line: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """By the very command that the message of a dataset without train gives; a wrong name is named."""
    only_test = tmp_path / "test only"
    shutil.copytree(Path(digits.location) / "split=test", only_test / "split=test")

    code, _, err = command_line("train", only_test, tmp_path / "model")

    assert code == 2
    assert f"no split 'train' to learn from, only test ({digits.splits['test']} samples)" in err
    command = shlex.split(
        err[err.index("mnist-data split") :].replace(" OUT ", f" {shlex.quote(str(tmp_path / 'out'))} ")
    )
    assert command_line(*command[1:])[0] == 0
    made = mnist_data.load(tmp_path / "out")
    assert set(made["split"]) == {"train", "validation"}
    assert sorted(made["id"]) == sorted(mnist_data.load(digits.location, "test")["id"])
    for name, words in (("tset", "Did you mean 'test'"), ("test", "has a split 'train' already")):
        with pytest.raises(WrongUse, match=words):
            split(digits, tmp_path / "no", Split(training_split=name))


def test_images_without_labels_are_not_learned_from(digits: Dataset, tmp_path: Path) -> None:
    """Where nothing else is there, the message says what gives them labels."""
    shutil.copytree(Path(digits.location) / "split=test", tmp_path / "new/split=unlabelled")

    with pytest.raises(WrongUse, match=r"only unlabelled .* a folder for each class"):
        split(open_dataset(tmp_path / "new"), tmp_path / "no", Split(by="label"))
    assert not (tmp_path / "no").exists()
