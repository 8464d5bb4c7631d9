"""Executions: how datasets are cut into tasks, by rows and by bytes, and what an interrupted run keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mnist_data
from mnist_data.batch import Batch
from mnist_data.errors import LostScheduler, WrongUse
from mnist_data.parquet.dataset import Dataset, read_manifest, read_partition, read_partition_columns
from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.writer import Draft, PartWriter
from pipelines.engine.execution import TASK_BYTES, TASK_ROWS, Execution
from pipelines.settings.stages import Augment
from pipelines.stages.augment import augment


def dataset(folder: Path, images: np.ndarray[Any, Any], groups: Sequence[int]) -> Dataset:
    """Write images as a dataset of one split in row groups of these sizes, with ids from 0."""
    metadata = Metadata(dataset="noise", shape=images.shape[1:], dtype=images.dtype.name)
    ids, ends = np.arange(len(images)), np.cumsum(groups)
    batches = [
        Batch(ids[end - size : end], ids[end - size : end] % 10, images[end - size : end])
        for size, end in zip(groups, ends, strict=True)
    ]
    with Draft(folder / "d", {}) as draft:
        return draft.commit([PartWriter(draft.location, "train", 0, metadata).write_all(batches)], metadata)


@pytest.mark.parametrize("rows", [1, 7, 30, 31, 64, 1000])
@pytest.mark.parametrize("groups", [(100,), (30, 30, 30, 10), (1, 98, 1), (40, 0, 60)])
def test_tasks_cover_each_sample_once_in_order_whatever_the_row_groups(
    rows: int, groups: tuple[int, ...], tmp_path: Path
) -> None:
    """And none reads more than was asked for: row groups that are larger are cut, too."""
    images = np.random.default_rng(0).integers(0, 256, (100, 5, 4), np.uint8)
    source = dataset(tmp_path, images, groups)

    partitions = Execution(task_rows=rows).partitions(source)
    batches = [read_partition(partition) for partition in partitions]

    assert max(map(len, batches)) <= rows
    np.testing.assert_array_equal(np.arange(100), np.concatenate([batch.ids for batch in batches]))
    np.testing.assert_array_equal(images, np.concatenate([batch.images for batch in batches]))
    columns = [read_partition_columns(partition, ("id", "label")) for partition in partitions]
    np.testing.assert_array_equal(np.arange(100) % 10, np.concatenate([read["label"] for read in columns]))


@pytest.mark.parametrize(
    ("shape", "dtype", "rows"),
    [
        ((28, 28), "uint8", TASK_ROWS),
        ((28, 28), "float64", TASK_ROWS),
        ((512, 512, 3), "uint8", TASK_BYTES // (512 * 512 * 3)),
        ((4096, 4096, 3), "float64", 1),
    ],
)
def test_tasks_of_large_images_hold_fewer(shape: tuple[int, ...], dtype: str, rows: int) -> None:
    """64 MB of pixels, as they lie in memory, or one image; MNIST of any type is cut by rows alone."""
    source = Dataset("nowhere", Metadata(dataset="large", shape=shape, dtype=dtype), {"train": 9}, "", ())

    assert Execution().rows_per_task(source) == rows


@pytest.mark.parametrize("cut", [{"task_rows": 0}, {"task_bytes": -1}])
def test_a_cut_into_nothing_is_refused(cut: dict[str, int]) -> None:
    """At once, not in the middle of a stage."""
    with pytest.raises(WrongUse, match="must be a whole number from 1"):
        Execution(**cut)


class LostAfter:
    """An engine that runs some tasks and then loses its cluster; counts all that it has run."""

    def __init__(self, tasks: int) -> None:
        self.left, self.done = tasks, 0

    def map(self, function: Callable[[Any], Any], tasks: Sequence[Any], done: Callable[[Any], None]) -> list[Any]:
        """Run the tasks, as far as they come."""
        results = []
        for task in tasks:
            if self.left == 0:
                raise LostScheduler("tcp://gone:8786")
            results.append(function(task))
            done(task)
            self.left, self.done = self.left - 1, self.done + 1
        return results


def test_after_a_lost_cluster_finished_parts_are_kept_and_the_manifest_is_that_of_an_unbroken_run(
    digits: Dataset, tmp_path: Path
) -> None:
    """Files, their order and the content hash; the parts are not written again."""
    whole = augment(digits, tmp_path / "whole", Augment(copies=1), execution=Execution(task_rows=300))
    with pytest.raises(LostScheduler):
        augment(digits, tmp_path / "out", Augment(copies=1), execution=Execution(LostAfter(3), task_rows=300))
    rest = LostAfter(100)

    resumed = augment(digits, tmp_path / "out", Augment(copies=1), execution=Execution(rest, task_rows=300))

    assert resumed.content == whole.content
    assert read_manifest(resumed.location) == read_manifest(whole.location)
    assert rest.done == len(whole.files) - 3


@pytest.mark.parametrize("other", [{"task_rows": 500}, {"task_bytes": 500 * 64}])
def test_parts_of_another_cut_are_not_reused(other: dict[str, int], digits: Dataset, tmp_path: Path) -> None:
    """They hold other samples: every sample must be there once."""
    with pytest.raises(LostScheduler):
        augment(digits, tmp_path / "out", Augment(copies=1), execution=Execution(LostAfter(3), task_rows=300))

    resumed = augment(digits, tmp_path / "out", Augment(copies=1), execution=Execution(**other))

    ids = mnist_data.load(resumed.location)["id"]
    assert ids.is_unique
    assert len(ids) == 2 * 1437 + 360
