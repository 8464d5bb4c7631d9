"""Label tables: the published facts of MNIST's writers, planted tables that must be found by id, and tables refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import mnist_data
from mnist_data.errors import MismatchedPair, NoDataset, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.known.label_tables import QMNIST_COLUMNS, dataset_writers, label_tables_of, shared_writers
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.run.run import run
from pipelines.settings.run import Config
from pipelines.settings.stages import Split
from pipelines.stages.clean import clean
from pipelines.stages.convert import convert
from pipelines.stages.export import export
from pipelines.stages.split import split
from tests.conftest import real_folder

Table = npt.NDArray[np.int32]


@pytest.fixture(scope="module")
def known(real_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Give real MNIST with what QMNIST's real tables tell of it."""
    tables = real_folder("qmnist")
    made = convert(find_pairs(real_mnist), tmp_path_factory.mktemp("known") / "mnist", label_tables=tables).dataset
    return mnist_data.load(made.location).drop(columns="image")


def planted(folder: Path, digits: Dataset) -> dict[str, Table]:
    """Write label tables for the embedded sample: its labels, two series, twenty writers, and the row's number."""
    tables = {}
    for name in digits.splits:
        labels = mnist_data.load(digits.location, name)["label"].to_numpy()
        rows = np.arange(len(labels))
        table = np.zeros((len(labels), 8), np.int32)
        table[:, 0], table[:, 1], table[:, 2], table[:, 5] = labels, rows % 2, 100 + rows % 20, rows
        tables[name] = table
        idx.write(folder / f"digits-{name}-labels-idx2-int", table)
    return tables


def test_mnist_has_its_published_writers_and_series(known: pd.DataFrame) -> None:
    """539 and 297 writers, none shared; 29,050 and 30,950 train samples of the two series, 5,001 and 4,999 in test."""
    table = shared_writers(known)
    series = known.groupby("split", sort=False, observed=True)["hsf_series"].value_counts()

    assert table is not None
    assert table["writers"].tolist() == [539, 297]
    assert table["shared_writers"].tolist() == [0, 0]
    assert (series["train", 4], series["train", 0]) == (29_050, 30_950)
    assert (series["test", 4], series["test", 0]) == (5_001, 4_999)


def test_mnist_has_its_published_order_of_series(known: pd.DataFrame) -> None:
    """Train alternates up to row 58,099; the first half of test is of hsf_4."""
    train, test = (known[known["split"] == name]["hsf_series"].to_numpy() for name in ("train", "test"))

    assert (train[:58_100:2] == 4).all()
    assert (train[1:58_100:2] == 0).all()
    assert (train[58_100:] == 0).all()
    assert (test[:5_001] == 4).all()
    assert (test[5_001:] == 0).all()


def test_every_row_of_mnist_has_its_row_of_qmnist(known: pd.DataFrame) -> None:
    """Train's rows are the first 60,000, test's the first 10,000 of QMNIST's tables."""
    for name, rows in (("train", 60_000), ("test", 10_000)):
        table = idx.read(real_folder("qmnist") / f"qmnist-{name}-labels-idx2-int.gz")[:rows]
        joined = known.loc[known["split"] == name, ["label", *QMNIST_COLUMNS]]

        np.testing.assert_array_equal(table, joined.to_numpy())


def test_the_usual_validation_splits_of_mnist_share_writers(known: pd.DataFrame) -> None:
    """A random one shares them for every row, the last 10,000 rows for 40.8 %: published facts."""
    train = known[known["split"] == "train"].reset_index(drop=True)
    random = np.random.default_rng(0).permutation(60_000) < 10_000
    for validation, fraction in ((random, 1.0), (np.arange(60_000) >= 50_000, 0.408)):
        table = shared_writers(train.assign(split=np.where(validation, "validation", "train")))

        assert table is not None
        assert pytest.approx(fraction, abs=5e-4) == table.set_index("split").loc["validation", "shared_samples"]


def test_a_writer_split_of_mnist_shares_none(mnist: Dataset, tmp_path: Path) -> None:
    """6,000 samples, of each class a tenth to a hundredth of it; test keeps every sample."""
    made = split(mnist, tmp_path / "split", label_tables=real_folder("qmnist"))
    frame = mnist_data.load(made.dataset.location).drop(columns="image")
    train, validation = (frame[frame["split"] == name] for name in ("train", "validation"))
    fractions = validation["label"].value_counts() / frame.loc[frame["split"] != "test", "label"].value_counts()

    assert not set(train["writer_id"]) & set(validation["writer_id"])
    assert made.writers is not None
    assert (made.writers["shared_writers"] == 0).all()
    assert len(validation) == 6_000
    assert (abs(fractions - 0.1) < 0.001).all()
    assert frame.loc[frame["split"] == "test", "id"].tolist() == list(range(60_000, 70_000))


def test_a_conversion_joins_what_the_tables_tell(sample_idx: Path, digits: Dataset, tmp_path: Path) -> None:
    """Under QMNIST's names, and the metadata record the tables' hashes."""
    tables = planted(tmp_path, digits)
    made = convert(find_pairs(sample_idx), tmp_path / "out", label_tables=tmp_path).dataset
    stage = made.metadata.stages[-1]

    for name, table in tables.items():
        joined = mnist_data.load(made.location, name)[["label", *QMNIST_COLUMNS]]
        np.testing.assert_array_equal(table, joined.to_numpy())
    assert stage.stage == "label_tables"
    assert sorted(stage.parameters["tables"]) == [f"digits-{name}-labels-idx2-int" for name in ("test", "train")]


def test_a_joined_dataset_still_exports_its_source_files(sample_idx: Path, digits: Dataset, tmp_path: Path) -> None:
    """The labels alone, byte for byte, as they were read."""
    planted(tmp_path, digits)
    made = convert(find_pairs(sample_idx), tmp_path / "out", label_tables=tmp_path).dataset

    for path in export(made, tmp_path / "idx"):
        source = sample_idx / f"sklearn-digits-{path.name.replace('t10k', 'test')}"
        assert path.read_bytes() == source.read_bytes()


def test_a_cleaned_dataset_is_joined_by_id(sample_idx: Path, digits: Dataset, tmp_path: Path) -> None:
    """Rows that cleaning has removed do not shift those after them."""
    for file in sample_idx.iterdir():
        idx.write(tmp_path / file.name, idx.read(file))
    images = idx.read(tmp_path / "sklearn-digits-train-images-idx3-ubyte")
    images[[0, 7, 500]] = 0
    idx.write(tmp_path / "sklearn-digits-train-images-idx3-ubyte", images)
    cleaned = clean(convert(find_pairs(tmp_path), tmp_path / "out").dataset, tmp_path / "clean").dataset
    (tmp_path / "tables").mkdir()
    planted(tmp_path / "tables", digits)
    frame = mnist_data.load(split(cleaned, tmp_path / "split", label_tables=tmp_path / "tables").dataset.location)
    joined = frame[frame["split"] != "test"]

    assert len(joined) == digits.splits["train"] - 3
    assert (joined["global_index"] == joined["id"]).all()
    assert (joined["writer_id"] == 100 + joined["id"] % 20).all()
    assert (frame.loc[frame["split"] == "test", "global_index"].to_numpy() == np.arange(360)).all()


def test_a_table_of_other_columns_gets_numbered_names(sample_idx: Path, digits: Dataset, tmp_path: Path) -> None:
    """Only eight columns are QMNIST's."""
    for name, table in planted(tmp_path, digits).items():
        idx.write(tmp_path / f"digits-{name}-labels-idx2-int", table[:, :3].astype(np.int16))
    frame = mnist_data.load(convert(find_pairs(sample_idx), tmp_path / "out", label_tables=tmp_path).dataset.location)

    assert [name for name in frame if name.startswith("label_")] == ["label_1", "label_2"]


def test_a_table_may_go_on_after_the_split(digits: Dataset, tmp_path: Path) -> None:
    """As QMNIST's test split goes on after MNIST's 10,000 rows."""
    table = planted(tmp_path, digits)["test"]
    idx.write(tmp_path / "digits-test-labels-idx2-int", np.concatenate([table, table + 1]))

    assert [len(one.labels) for one in label_tables_of(digits.metadata, tmp_path).tables] == [1437, 360]


def test_a_wrong_label_is_refused_by_its_row(sample_idx: Path, digits: Dataset, tmp_path: Path) -> None:
    """With the file, what it says and what the dataset says; nothing is written."""
    table = planted(tmp_path, digits)["test"]
    table[123, 0] = 9 - table[123, 0]
    idx.write(tmp_path / "digits-test-labels-idx2-int", table)
    expected = rf"digits-test-labels-idx2-int: row 123 .* label {table[123, 0]}; expected {9 - table[123, 0]}"

    with pytest.raises(MismatchedPair, match=expected):
        convert(find_pairs(sample_idx), tmp_path / "out", label_tables=tmp_path)
    with pytest.raises(MismatchedPair, match=expected):
        split(digits, tmp_path / "out", label_tables=tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_dataset_in_another_order_is_refused(sample_idx: Path, digits: Dataset, tmp_path: Path) -> None:
    """The rows of such a dataset are not the tables'."""
    planted(tmp_path, digits)
    order = np.random.default_rng(0).permutation(360)
    (tmp_path / "idx").mkdir()
    for name in ("test-images-idx3-ubyte", "test-labels-idx1-ubyte"):
        idx.write(tmp_path / "idx" / name, idx.read(sample_idx / f"sklearn-digits-{name}")[order])

    with pytest.raises(MismatchedPair, match="not in its published order"):
        convert(find_pairs(tmp_path / "idx"), tmp_path / "out", label_tables=tmp_path)


def test_a_table_of_too_few_rows_is_refused(digits: Dataset, tmp_path: Path) -> None:
    """It cannot tell of every sample."""
    table = planted(tmp_path, digits)["train"]
    idx.write(tmp_path / "digits-train-labels-idx2-int", table[:-1])

    with pytest.raises(MismatchedPair, match=r"digits-train-labels-idx2-int: 1,436 rows; expected at least 1,437"):
        label_tables_of(digits.metadata, tmp_path)


def test_tables_of_different_columns_are_refused(digits: Dataset, tmp_path: Path) -> None:
    """A column must mean the same in each split."""
    table = planted(tmp_path, digits)["test"]
    idx.write(tmp_path / "digits-test-labels-idx2-int", table[:, :5])

    with pytest.raises(MismatchedPair, match="4 columns besides the label; expected 7"):
        label_tables_of(digits.metadata, tmp_path)


def test_a_missing_table_is_named(sample_idx: Path, digits: Dataset, tmp_path: Path) -> None:
    """By its split; a folder without any, too, and one that is not there."""
    planted(tmp_path, digits)
    (tmp_path / "digits-test-labels-idx2-int").unlink()

    with pytest.raises(NoDataset, match=r"no label table of the split 'test' .*found: train"):
        label_tables_of(digits.metadata, tmp_path)
    with pytest.raises(NoDataset, match="no label table of the split 'train'"):
        label_tables_of(digits.metadata, sample_idx)
    with pytest.raises(NoDataset, match="no such folder"):
        label_tables_of(digits.metadata, tmp_path / "nowhere")


def test_columns_are_not_joined_twice(sample_idx: Path, digits: Dataset, tmp_path: Path) -> None:
    """Neither to a dataset that has them, nor to label files that are such tables themselves."""
    planted(tmp_path, digits)
    made = convert(find_pairs(sample_idx), tmp_path / "out", label_tables=tmp_path).dataset
    (tmp_path / "qmnist").mkdir()
    for name, table in planted(tmp_path / "qmnist", digits).items():
        idx.write(tmp_path / f"qmnist/digits-{name}-images-idx3-ubyte", np.zeros((len(table), 2, 2), np.uint8))

    with pytest.raises(WrongUse, match="has the columns hsf_series, writer_id, .* leave out --label-tables"):
        split(made, tmp_path / "split", label_tables=tmp_path)
    with pytest.raises(WrongUse, match="is a label table itself"):
        convert(find_pairs(tmp_path / "qmnist"), tmp_path / "again", label_tables=tmp_path)


def test_samples_of_another_origin_are_refused(digits: Dataset, tmp_path: Path) -> None:
    """No rows are known that a table could fit; nor for an id beyond all of them."""
    planted(tmp_path, digits)
    tables = label_tables_of(digits.metadata, tmp_path)

    with pytest.raises(WrongUse, match="was not converted from IDX files"):
        label_tables_of(replace(digits.metadata, sources=()), tmp_path)
    with pytest.raises(WrongUse, match="no row for the sample 1797"):
        tables.columns_of(np.array([1797]), np.array([0]))


def test_what_was_joined_is_kept_and_recorded(digits: Dataset, tmp_path: Path) -> None:
    """A split that joins on the way says from which tables; later stages keep the columns."""
    planted(tmp_path, digits)
    made = split(digits, tmp_path / "split", Split(fraction=0.2), label_tables=tmp_path).dataset
    cleaned = clean(made, tmp_path / "clean").dataset
    recorded = open_dataset(cleaned.location).metadata.stages[-2]

    assert recorded.stage == "split"
    assert set(recorded.parameters["tables"]) == {"digits-train-labels-idx2-int", "digits-test-labels-idx2-int"}
    assert dataset_writers(cleaned)["writer_id"].nunique() == 20


def test_a_run_joins_too_and_again_only_when_a_table_changes(digits: Dataset, tmp_path: Path) -> None:
    """The tables are inputs as the images are: the same are kept, another one is joined anew."""
    table = planted(tmp_path, digits)["test"]
    config = Config(out=str(tmp_path / "work"), label_tables=str(tmp_path))
    first, second = (run(config, until="convert") for _ in range(2))
    table[:, 2] += 7
    idx.write(tmp_path / "digits-test-labels-idx2-int", table)
    third = run(config, until="convert")

    assert [outcome.kept for outcome in (first, second, third)] == [(), ("convert",), ()]
    assert dataset_writers(third.dataset).query("split == 'test'")["writer_id"].min() == 107
