"""Claim: converting two million images, 1.6 GB of IDX, takes less than 1 GiB of memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import peak_megabytes, report
from mnist_data import idx

LIMIT = 1024.0
IMAGES = 2_000_000

CODE = """
import sys
from mnist_data.pairing import Pair
from pipelines.convert import convert
convert([Pair("train", sys.argv[1], sys.argv[2])], sys.argv[3])
"""


def claim() -> bool:
    """Measure the peak of a process that does nothing else."""
    noise = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28), np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "images").open("wb") as file:
            writer = idx.Writer(file, idx.Header(np.dtype("u1"), (IMAGES, 28, 28)))
            for _ in range(IMAGES // len(noise)):
                writer.write(noise)
            writer.close()
        idx.write(folder / "labels", np.zeros(IMAGES, np.uint8))
        peak = peak_megabytes(CODE, folder / "images", folder / "labels", folder / "out")
    return report(f"peak memory of converting {IMAGES:,} images", [peak], LIMIT, " MiB")
