"""The stage corrupt: which samples appear how often, under which names, and that nothing else decides about a pixel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.batch import Batch
from mnist_data.errors import WrongUse
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.schema import Metadata, arrow_schema, encode
from pipelines.engine.engine import Cluster, Serial, Threads
from pipelines.engine.execution import Execution
from pipelines.images.corruptions import corrupt_images
from pipelines.settings.stages import CORRUPTIONS, SEVERITIES, Corrupt, Normalize
from pipelines.stages.augment import augment
from pipelines.stages.convert import convert
from pipelines.stages.corrupt import corrupt, corrupt_batch
from pipelines.stages.normalize import normalize

FEW = Corrupt(corruptions=("fog", "zigzag"), severities=(1, 4), seed=3)


def test_each_test_sample_appears_once_for_every_corruption_and_severity(digits: Dataset, tmp_path: Path) -> None:
    """The training split stays out; ids, names and severities say what is what, in any reader."""
    made = corrupt(digits, tmp_path / "c")
    frame = pd.read_parquet(tmp_path / "c")
    originals = mnist_data.load(digits.location, "test")
    counts = frame.groupby(["corruption", "severity"], observed=True).size()

    assert made.splits == {"test": 360 * 75}
    assert counts.tolist() == [360] * 75
    assert set(counts.index) == {(name, severity) for name in CORRUPTIONS for severity in SEVERITIES}
    assert frame["id"].is_unique
    assert (frame["id"] // 75 == frame["source_id"]).all()
    assert frame["label"].tolist() == originals["label"].repeat(75).tolist()
    assert frame["severity"].dtype == np.int32


def test_the_images_are_those_of_the_function(digits: Dataset, tmp_path: Path) -> None:
    """What is written is what anyone gets from the original, its id, the two names and the seed."""
    frame = mnist_data.load(corrupt(digits, tmp_path / "c", FEW).location)
    images, originals = mnist_data.images(frame), mnist_data.load(digits.location, "test")
    for name in FEW.corruptions:
        for severity in FEW.severities:
            rows = (frame["corruption"] == name) & (frame["severity"] == severity)
            expected = corrupt_images(mnist_data.images(originals), originals["id"].to_numpy(), name, severity, 3)
            np.testing.assert_array_equal(expected, images[rows.to_numpy()])


@pytest.mark.parametrize("rows", [70, 200])
def test_the_dataset_does_not_depend_on_engine_or_partitions(
    rows: int, digits: Dataset, tmp_path: Path, cluster: Cluster
) -> None:
    """One partition or six, one thread, two, or two processes: the same rows, and for one cut the same bytes."""
    whole = mnist_data.load(corrupt(digits, tmp_path / "whole", FEW).location)
    contents = set()
    for name, engine in (("serial", Serial()), ("threads", Threads(2)), ("processes", cluster)):
        corrupted = corrupt(digits, tmp_path / name, FEW, execution=Execution(engine, task_rows=rows))
        frame = mnist_data.load(corrupted.location)
        np.testing.assert_array_equal(mnist_data.images(whole), mnist_data.images(frame))
        assert whole.drop(columns="image").equals(frame.drop(columns="image"))
        contents.add(corrupted.content)

    assert len(contents) == 1


def test_memory_does_not_grow_with_the_number_of_variants(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task writes its variants a few samples at a time."""
    largest = 0
    real = corrupt_batch

    def measured(batch: Batch, *rest: object) -> Batch:
        nonlocal largest
        made = real(batch, *rest)  # type: ignore[arg-type]
        largest = max(largest, len(made))
        return made

    monkeypatch.setattr("pipelines.stages.corrupt.corrupt_batch", measured)
    corrupt(digits, f"{digits.location}-measured", execution=Execution(task_rows=500))

    assert 0 < largest <= 500


def test_another_split_is_corrupted_where_it_is_asked_for(digits: Dataset, tmp_path: Path) -> None:
    """And one that does not exist is named with those that do."""
    made = corrupt(digits, tmp_path / "c", Corrupt(corruptions=("stripe",), severities=(2,), split="train"))

    assert made.splits == {"train": 1437}
    with pytest.raises(WrongUse, match="no split 'tset'. Did you mean 'test'"):
        corrupt(digits, tmp_path / "d", Corrupt(split="tset"))


def test_the_only_split_is_the_one_to_test_by(sample_idx: Path, tmp_path: Path) -> None:
    """Whatever its name; of several without a "test" one must be chosen."""
    alone = convert(find_pairs(sample_idx)[:1], tmp_path / "alone").dataset

    assert corrupt(alone, tmp_path / "c", FEW).splits == {"train": 1437 * 4}


def test_copies_are_not_corrupted(digits: Dataset, tmp_path: Path) -> None:
    """Their ids are not those of the samples, and what is done to a sample twice has no severity."""
    with pytest.raises(WrongUse, match="is augmented already"):
        corrupt(augment(digits, tmp_path / "more"), tmp_path / "c", FEW)
    with pytest.raises(WrongUse, match="is corrupted already"):
        corrupt(corrupt(digits, tmp_path / "c", FEW), tmp_path / "d", FEW)


def test_standardized_pixels_stay_within_what_0_and_255_became(digits: Dataset, tmp_path: Path) -> None:
    """Noise on floats is as strong as on bytes."""
    scaled = normalize(digits, tmp_path / "scaled", Normalize(scale="standardize"))
    originals = mnist_data.to_numpy(scaled.location)[0]
    images = mnist_data.to_numpy(corrupt(scaled, tmp_path / "c").location)[0]

    assert images.dtype == np.float32
    assert images.min() == pytest.approx(originals.min())
    assert images.max() == pytest.approx(originals.max())


def test_texts_travel_through_later_stages(digits: Dataset, tmp_path: Path) -> None:
    """A corrupted dataset is a dataset: normalized, each row still says by what it was corrupted."""
    made = corrupt(digits, tmp_path / "c", FEW)
    scaled = normalize(made, tmp_path / "scaled", Normalize(scale="none", dtype="uint8"))
    columns = ["id", "corruption", "severity"]

    assert mnist_data.load(made.location)[columns].equals(mnist_data.load(scaled.location)[columns])


def test_other_columns_come_along_and_an_empty_batch_stays_one() -> None:
    """A writer's id belongs to each of the variants."""
    images = np.zeros((2, 5, 5), np.uint8)
    batch = Batch(np.array([7, 9]), np.array([1, 2]), images, {"writer": np.array([70, 90])})
    made, none = corrupt_batch(batch, FEW), corrupt_batch(batch.take(slice(0, 0)), FEW)

    assert made.columns["writer"].tolist() == [70] * 4 + [90] * 4
    assert made.ids.tolist() == [28, 29, 30, 31, 36, 37, 38, 39]
    assert made.columns["corruption"].tolist() == ["fog", "fog", "zigzag", "zigzag"] * 2
    assert (len(none), none.images.shape, none.columns["corruption"].dtype) == (0, (0, 5, 5), object)


def test_a_text_column_keeps_its_type_where_there_are_no_rows() -> None:
    """All files of a dataset must have one schema, those of empty partitions too."""
    none = corrupt_batch(Batch(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 5, 5), np.uint8)), FEW)
    schema = arrow_schema(Metadata("empty", (5, 5), "uint8"), none.columns)

    assert str(schema.field("corruption").type) == "string"
    assert encode(none, schema, "binary").num_rows == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"corruptions": ("fgo",)}, "no corruption 'fgo'. Did you mean 'fog'"),
        ({"corruptions": ("fog", "fog")}, "each of them once"),
        ({"severities": ()}, "at least one"),
        ({"severities": (0,)}, "no severity 0; it can be 1, 2, 3, 4, 5"),
        ({"severities": (True,)}, "each item a whole number"),
        ({"seed": -1}, "corrupt.seed is -1"),
    ],
)
def test_settings_that_are_none_are_refused(values: dict[str, object], words: str) -> None:
    """Each with what it can be."""
    with pytest.raises(WrongUse, match=words):
        Corrupt(**values)  # type: ignore[arg-type]


def test_recorded_parameters_are_enough_to_corrupt_again(digits: Dataset, tmp_path: Path) -> None:
    """Through JSON and back they are equal, and give the same files."""
    made = corrupt(digits, tmp_path / "c", FEW)
    recorded = json.loads(json.dumps(dict(open_dataset(made.location).metadata.stages[-1].parameters)))
    again = Corrupt(**recorded)

    assert again == Corrupt(corruptions=FEW.corruptions, severities=FEW.severities, split="test", seed=FEW.seed)
    assert made.content == corrupt(digits, tmp_path / "d", again).content
