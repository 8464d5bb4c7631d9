"""Claims about making copies of MNIST's training images, compared with albumentations, OpenCV, one core, bare writing.

albumentations 2.0.8 and opencv-python-headless are peers, not requirements; without them their claims are skipped.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow.parquet as pq

from benchmarks.measure import alternate, peak_megabytes, real_data, report, seconds
from mnist_data.batch import Batch, Images
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from pipelines.kernels.warp import warp
from pipelines.settings.recipe import load_recipe, recipe_of
from pipelines.settings.stages import Augment
from pipelines.stages.augment import augment_batch, deform_images, draw, matrices_of
from pipelines.stages.convert import convert

IMAGES, COPIES = 2000, 135
AFFINE = {"rotation": [-10, 10], "scale": [0.9, 1.1], "shear": [-0.1, 0.1], "shift": [-0.1, 0.1]}

CODE = """
import sys
from mnist_data.parquet.dataset import open_dataset
from pipelines.stages.augment import augment
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.settings.stages import Augment
augment(open_dataset(sys.argv[1]), sys.argv[2], Augment(copies=int(sys.argv[3])), execution=Execution(Threads(2)))
"""


def claim() -> bool:
    """Measure all of it; the last claim writes 8.1 million images, 2.5 GB, and takes minutes."""
    folder = real_data("mnist")
    if folder is None:
        return True
    images = idx.read(folder / "train-images-idx3-ubyte.gz")
    holds = [_albumentations(images[:IMAGES]), _opencv(images[:IMAGES]), _two_cores(images[:12_000])]
    with tempfile.TemporaryDirectory() as name:
        holds += [_cold_start(Path(name)), _at_scale(folder, images, Path(name))]
    return all(holds)


def _copies_of(images: Images, params: Augment) -> Images:
    """Draw and deform one copy of each image, on one core."""
    ids, copies = np.arange(len(images)), np.ones(len(images), np.int32)
    return deform_images(images, ids, copies, draw(ids, copies, params, images.shape[1:3]), params)


def _albumentations(images: Images) -> bool:
    if find_spec("albumentations") is None:
        print("skipped: albumentations is not installed")
        return True
    import albumentations
    import cv2

    cv2.setNumThreads(1)  # which albumentations calls
    peer = albumentations.Compose(
        [
            albumentations.Affine(
                rotate=(-10, 10), translate_percent=(-0.1, 0.1), scale=(0.9, 1.1), shear=(-6, 6), p=1
            ),
            albumentations.ElasticTransform(alpha=20, sigma=4, p=1),
        ],
        seed=0,
    )
    params = Augment(recipe=recipe_of({**AFFINE, "elastic": [20, 20]}, "benchmark"))
    ratios = alternate(lambda: [peer(image=image) for image in images], lambda: _in_blocks(images, params), runs=9)
    return report("albumentations / affine + elastic, one core", ratios, 30, at_least=True)


def _in_blocks(images: Images, params: Augment) -> None:
    for first in range(0, len(images), 500):
        _copies_of(images[first : first + 500], params)


def _opencv(images: Images) -> bool:
    if find_spec("cv2") is None:
        print("skipped: OpenCV is not installed")
        return True
    import cv2

    cv2.setNumThreads(1)
    ids, copies = np.arange(len(images)), np.ones(len(images), np.int32)
    params = Augment(recipe=recipe_of(AFFINE, "benchmark"))
    matrices = matrices_of(draw(ids, copies, params, (28, 28)), len(images), 28, 28)
    # OpenCV counts x before y.
    theirs = np.ascontiguousarray(matrices[:, ::-1][:, :, [1, 0, 2]]).astype(np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

    def peer() -> None:
        for image, matrix in zip(images, theirs, strict=True):
            cv2.warpAffine(image, matrix, (28, 28), flags=flags)

    return report("affine / a loop of cv2.warpAffine, one core", alternate(lambda: warp(images, matrices), peer), 1.0)


def _two_cores(images: Images) -> bool:
    params = Augment(copies=9)
    batches = [
        Batch(np.arange(first, first + 500), np.zeros(500, np.int64), images[first : first + 500])
        for first in range(0, len(images), 500)
    ]

    def one() -> list[Batch]:
        return [augment_batch(batch, params) for batch in batches]

    with ThreadPoolExecutor(2) as pool:
        ratios = alternate(one, lambda: list(pool.map(lambda batch: augment_batch(batch, params), batches)))
    return report("one core / two cores", ratios, 1.85, at_least=True)


def _cold_start(folder: Path) -> bool:
    """Time the command on one sample, kernels compiled before and kept on disk."""
    idx.write(folder / "train-images-idx3-ubyte", np.zeros((10, 28, 28), np.uint8))
    idx.write(folder / "train-labels-idx1-ubyte", np.arange(10, dtype=np.uint8))
    convert(find_pairs(folder), folder / "tiny")
    command = [sys.executable, "-m", "mnist_data", "augment", folder / "tiny", folder / "out", "--overwrite"]

    def run() -> None:
        subprocess.run(command, check=True, capture_output=True)

    run()
    return report("the command for ten images, from start to end", [seconds(run) for _ in range(5)], 3.0, " s")


def _at_scale(folder: Path, images: Images, out: Path) -> bool:
    """Compare reading, augmenting and writing with the kernels and with writing alone, both on two cores."""
    source = convert(find_pairs(folder)[:1], out / "mnist").dataset
    params = Augment(copies=COPIES, recipe=load_recipe("handwriting"))
    started = perf_counter()
    peak = peak_megabytes(CODE, source.location, out / "more", COPIES)
    whole = perf_counter() - started
    files = sorted((out / "more").rglob("*.parquet"))
    with ThreadPoolExecutor(2) as pool:
        some = np.array_split(images[:20_000], 40)
        kernel = seconds(lambda: list(pool.map(lambda part: _copies_of(part, params), some))) * 3 * COPIES
        table = pq.read_table(files[0])

        def write(number: int) -> None:
            path = out / f"bare-{number}.parquet"
            pq.write_table(table, path, compression="zstd", compression_level=1, row_group_size=10_000)

        bare = seconds(lambda: list(pool.map(write, range(8)))) * len(files) / 8
    print(
        f"       {COPIES + 1} × 60,000 images: {whole:.0f} s; kernels alone {kernel:.0f} s, writing alone {bare:.0f} s"
    )
    holds = report("8.1 million images / (kernels + bare writing)", [whole / (kernel + bare)], 1.5)
    return report("peak memory", [peak], 2048, " MiB") and holds
