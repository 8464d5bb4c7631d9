"""Claim: what a stage is said to need at least, `pipelines.engine.memory`, it needs; by its peak at two sizes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import peak_megabytes
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.engine import memory
from pipelines.engine.execution import Execution
from pipelines.stages.convert import convert

SIZES: tuple[tuple[int, tuple[int, ...], str], ...] = (
    (24, (1024, 1024), "u1"),
    (24, (512, 512), "f8"),
)
"""Images, their shape and type: 25 MB of bytes, and 50 MB of float64, both of one task."""

MOST = 6.0
"""How many times what is planned a stage may take: a plan far below would let through what cannot end well."""

CODE = """
import sys
import mnist_data
stage, source, out = sys.argv[1:]
source = mnist_data.open_dataset(source)
calls = {
    "split": lambda: mnist_data.split(source, out, by="label", fraction=0.3, workers=0),
    "clean": lambda: mnist_data.clean(source, out, allow_loss=True, workers=0),
    "normalize": lambda: mnist_data.normalize(source, out, workers=0),
    "augment": lambda: mnist_data.augment(source, out, workers=0, recipe="light"),
    "corrupt": lambda: mnist_data.corrupt(source, out, split="train", corruption=["rotate"], severity=[3], workers=0),
    "stats": lambda: mnist_data.stats(source, out, workers=0),
    "audit": lambda: mnist_data.audit(source, out, workers=0),
    "drift": lambda: mnist_data.drift(source, source, out=out, workers=0),
}
calls[stage]()
"""


def claim() -> bool:
    """Measure the peak of each stage in a process of its own, one task at a time, and compare it with its plan."""
    holds = True
    with tempfile.TemporaryDirectory() as name:
        for number, (count, shape, dtype) in enumerate(SIZES):
            source = _dataset(Path(name) / str(number), count, shape, dtype)
            for stage in memory.STAGES:
                if stage == "corrupt" and dtype == "f8":  # whose white level is not known
                    continue
                planned = memory.planned_bytes(stage, source, Execution(), 1) / 1e6
                peak = peak_megabytes(CODE, stage, source.location, f"{name}/{number}-{stage}") * 1.048576
                kept = planned <= peak <= MOST * planned
                holds &= kept
                size = f"{count} × {'×'.join(map(str, shape))} {dtype}"
                print(f"{'holds' if kept else 'FAILS'}  {stage}, {size}: peak {peak:,.0f} MB, planned {planned:,.0f}")
    return holds


def _dataset(folder: Path, count: int, shape: tuple[int, ...], dtype: str) -> Dataset:
    """Write digit-like images, a bright ring on a dark ground, and convert them."""
    folder.mkdir()
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    away = np.hypot(rows - shape[0] / 2, columns - shape[1] / 2) / shape[0]
    with (folder / "train-images-idx3-ubyte").open("wb") as file:
        writer = idx.Writer(file, idx.Header(np.dtype(dtype).newbyteorder(">"), (count, *shape)))
        for number in range(count):
            ring = np.where(np.abs(away - 0.2 - 0.02 * (number % 5)) < 0.04, 200 + number % 50, 0)
            writer.write((ring / 255 if dtype == "f8" else ring).astype(dtype)[None])
        writer.close()
    idx.write(folder / "train-labels-idx1-ubyte", (np.arange(count) % 3).astype(np.uint8))
    return convert(find_pairs(folder), folder / "data").dataset
