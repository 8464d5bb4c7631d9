"""Claims: memory stays bounded. Conversion of two million images 1 GiB, statistics of 8.1 million 2, training 3 GiB."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import peak_megabytes, real_data, report
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from pipelines.engine.engine import Threads, cores
from pipelines.engine.execution import Execution
from pipelines.settings.recipe import load_recipe
from pipelines.settings.stages import Augment
from pipelines.stages.augment import augment
from pipelines.stages.convert import convert

LIMIT = 1024.0
IMAGES = 2_000_000

CODE = """
import sys
from mnist_data.idx.pairing import Pair
from pipelines.stages.convert import convert
convert([Pair("train", sys.argv[1], sys.argv[2])], sys.argv[3])
"""

COUNTING_LIMIT = 2048.0
TRAINING_LIMIT = 3072.0
COPIES = 134
"""With MNIST's 60,000 originals 8.1 million images, 6.4 GB of pixels."""

COUNTING = """
import sys
from mnist_data.parquet.dataset import open_dataset
from pipelines.engine.engine import Threads, cores
from pipelines.engine.execution import Execution
from pipelines.settings.analysis import Stats
from pipelines.statistics.stats import stats
stats(open_dataset(sys.argv[1]), sys.argv[2], Stats(morphometrics=False), execution=Execution(Threads(cores())))
"""

TRAINING = """
import sys
from mnist_data.parquet.dataset import open_dataset
from pipelines.settings.training import Train
from pipelines.networks.train import train
train(open_dataset(sys.argv[1]), sys.argv[2], Train(model="mlp", epochs=1, batch_size=4096))
"""


def claim() -> bool:
    """Measure the peaks of processes that do nothing else."""
    return all([_converting(), _using_many()])


def _using_many() -> bool:
    """Measure statistics of and training on MNIST and its copies."""
    folder = real_data("mnist")
    if folder is None:
        return True
    with tempfile.TemporaryDirectory() as name:
        originals = convert(find_pairs(folder), f"{name}/mnist").dataset
        params = Augment(copies=COPIES, recipe=load_recipe("light"))
        many = augment(originals, f"{name}/many", params, execution=Execution(Threads(cores())))
        counting = peak_megabytes(COUNTING, many.location, f"{name}/stats")
        training = peak_megabytes(TRAINING, many.location, f"{name}/model")
    images = f"{many.splits['train']:,} images"
    holds = report(f"peak memory of the statistics of {images}", [counting], COUNTING_LIMIT, " MiB")
    return report(f"peak memory of training on {images}", [training], TRAINING_LIMIT, " MiB") and holds


def _converting() -> bool:
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
