"""Claim: converting MNIST's four files takes at most 1.5 times the bare loop "decompress, write_table"."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import alternate, real_data, report, seconds
from mnist_data.idx.pairing import find_pairs
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.stages.convert import convert

LIMIT, COMMAND_LIMIT = 1.5, 2.0


def bare(folder: Path, out: Path) -> None:
    """Decompress by the standard library and write the same columns."""
    for name, rows in (("train", 60_000), ("t10k", 10_000)):
        with gzip.open(folder / f"{name}-images-idx3-ubyte.gz") as file:
            pixels = file.read()[16:]
        with gzip.open(folder / f"{name}-labels-idx1-ubyte.gz") as file:
            labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
        image = pa.FixedSizeBinaryArray.from_buffers(pa.binary(784), rows, [None, pa.py_buffer(pixels)])
        table = pa.table({"id": np.arange(rows), "label": labels, "image": image})
        pq.write_table(table, out / f"{name}.parquet", compression="zstd", compression_level=1)


def claim() -> bool:
    """Measure it; the command itself, process start included, must take less than 2 s."""
    folder = real_data("mnist")
    if folder is None:
        return True
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        pairs = find_pairs(folder)
        ratios = alternate(
            lambda: convert(pairs, out / "ours", execution=Execution(Threads(2)), overwrite=True),
            lambda: bare(folder, out),
        )
        command = [sys.executable, "-m", "mnist_data", "convert", str(folder), str(out / "c"), "--overwrite"]
        times = [seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(5)]
    holds = report("convert / bare loop", ratios, LIMIT)
    return report("whole command", times, COMMAND_LIMIT, " s") and holds
