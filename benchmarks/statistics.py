"""Claim: all statistics but the morphometrics take at most three times one bare NumPy pass over the same array."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import alternate, real_data, report, seconds
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from pipelines.engine.engine import Threads, cores
from pipelines.engine.execution import Execution
from pipelines.settings.analysis import Stats
from pipelines.stages.convert import convert
from pipelines.statistics.stats import stats

LIMIT, SECONDS = 3.0, 20.0


def claim() -> bool:
    """Measure MNIST's 70,000 images from disk to tables on disk, compared with mean, std and histogram by NumPy."""
    folder = real_data("mnist")
    if folder is None:
        return True
    files = ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz")
    images = np.concatenate([idx.read(folder / name) for name in files])

    def bare() -> None:
        images.mean()
        images.std()
        np.histogram(images, 256, (0, 256))

    with tempfile.TemporaryDirectory() as name:
        source = convert(find_pairs(folder), Path(name) / "data").dataset
        execution = Execution(Threads(cores()))
        plain = Stats(morphometrics=False)
        ratios = alternate(lambda: stats(source, f"{name}/plain", plain, execution=execution), bare, runs=5)
        holds = report("statistics without morphometrics / bare NumPy pass", ratios, LIMIT)
        stats(source, f"{name}/all", execution=execution)
        taken = [seconds(lambda: stats(source, f"{name}/all", execution=execution)) for _ in range(3)]
        return report("all statistics of 70,000 images", taken, SECONDS, " s") and holds
