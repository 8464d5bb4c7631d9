"""Claims: 60,000 images of our Parquet as an array, unpacked and from the pixel cache.

Unpacking is compared with the bare Parquet read of that column; the second reading, and some samples, also with a
memory-mapped `.npy` file of the same images, whose labels are one, too.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

import mnist_data
from benchmarks.measure import alternate, real_data, report
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.stages.convert import convert

THROUGH_PANDAS, UNPACKED = 1.3, 1.3
AGAIN, OF_MAP = 0.2, 2.0
RUNS = 41


def claim() -> bool:
    """Measure with a cache in a folder of its own."""
    folder = real_data("mnist")
    if folder is None:
        return True
    before = os.environ.get("MNIST_DATA_CACHE")
    with tempfile.TemporaryDirectory() as name:
        os.environ["MNIST_DATA_CACHE"] = name
        try:
            dataset = convert(find_pairs(folder), Path(name) / "mnist").dataset
            holds = [_unpacked(dataset), _again(dataset, Path(name)), _some(dataset, Path(name))]
        finally:
            del os.environ["MNIST_DATA_CACHE"]
            os.environ.update({} if before is None else {"MNIST_DATA_CACHE": before})
    return all(holds)


def _bare(dataset: Dataset) -> object:
    return pq.read_table(dict(dataset.files)["train"], columns=["image"])


def _through_pandas(dataset: Dataset, cache: bool) -> object:
    return mnist_data.images(mnist_data.load(dataset.location, "train", cache=cache))


def _unpacked(dataset: Dataset) -> bool:
    """Measure the way through pandas, and the direct one."""
    pandas = alternate(lambda: _through_pandas(dataset, cache=False), lambda: _bare(dataset), RUNS)
    direct = alternate(
        lambda: mnist_data.to_numpy(dataset.location, "train", cache=False), lambda: _bare(dataset), RUNS
    )
    holds = report("load + images / bare read", pandas, THROUGH_PANDAS)
    return report("to_numpy / bare read", direct, UNPACKED) and holds


def _again(dataset: Dataset, folder: Path) -> bool:
    """Measure what the cache spares."""
    images, labels = mnist_data.to_numpy(dataset, "train")
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)

    def mapped() -> object:
        return np.array(np.load(folder / "images.npy", mmap_mode="r"))

    pandas = alternate(lambda: _through_pandas(dataset, cache=True), lambda: _bare(dataset), RUNS)
    direct = alternate(lambda: mnist_data.to_numpy(dataset, "train"), lambda: _bare(dataset), RUNS)
    holds = [
        report("load + images from the cache / bare read", pandas, AGAIN),
        report("to_numpy from the cache / bare read", direct, AGAIN),
        report(
            "to_numpy from the cache / copy of a mapped array",
            alternate(lambda: mnist_data.to_numpy(dataset, "train"), mapped, RUNS),
            OF_MAP,
        ),
    ]
    return all(holds)


def _some(dataset: Dataset, folder: Path) -> bool:
    """Measure 1,000 random samples, and all of one label."""
    rows = np.random.default_rng(0).integers(0, 60_000, 1000)

    def mapped() -> object:
        return np.load(folder / "images.npy", mmap_mode="r")[rows]

    def mapped_label() -> object:
        return np.load(folder / "images.npy", mmap_mode="r")[np.load(folder / "labels.npy") == 3]

    random = alternate(lambda: mnist_data.to_numpy(dataset, "train", rows=rows), mapped, RUNS)
    label = alternate(lambda: mnist_data.to_numpy(dataset, "train", label=3), mapped_label, RUNS)
    holds = report("1,000 random samples / of a mapped array", random, OF_MAP)
    return report("all samples of a label / of a mapped array", label, OF_MAP) and holds
