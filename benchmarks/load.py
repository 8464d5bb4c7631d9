"""Claim: loading 60,000 images takes at most 1.3 times the bare Parquet read of that column."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow.parquet as pq

import mnist_data
from benchmarks.measure import alternate, real_data, report
from mnist_data.idx.pairing import find_pairs
from pipelines.stages.convert import convert

LIMIT = 1.3


def claim() -> bool:
    """Measure the way through pandas, and the direct one."""
    folder = real_data("mnist")
    if folder is None:
        return True
    with tempfile.TemporaryDirectory() as name:
        dataset = convert(find_pairs(folder), Path(name) / "mnist").dataset
        path = dict(dataset.files)["train"]

        def bare() -> object:
            return pq.read_table(path, columns=["image"])

        through_pandas = alternate(lambda: mnist_data.images(mnist_data.load(dataset.location, "train")), bare, runs=41)
        direct = alternate(lambda: mnist_data.to_numpy(dataset.location, "train"), bare, runs=41)
    holds = report("load + images / bare read", through_pandas, LIMIT)
    return report("to_numpy / bare read", direct, LIMIT) and holds
