"""The embedded sample: the 1,797 real handwritten digits inside scikit-learn, as four genuine IDX files.

They are brought to 28×28 as MNIST's were (LeCun et al. 1998): the ink is scaled to fit a 20×20 box, keeping its aspect
ratio, and its centre of mass is put in the middle of the image.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.idx import format as idx

NAME = "sklearn-digits"
TEST_SAMPLES = 360
"""The last 360: the dataset lists its writers one after another, so most test digits are by writers not seen in
training."""

SIZE, BOX = 28, 20

PUBLISHED = 899251200
"""The time of the files, 1998-07-01: a conversion takes files of one place, size and time for the same ones."""


def digits() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Give all images, (1797, 28, 28) uint8, and labels, (1797,) uint8, in scikit-learn's order."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    images = np.stack([as_mnist(image * (255 / 16)) for image in bunch.images])
    return images, bunch.target.astype(np.uint8)


def as_mnist(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale the ink of one image, values 0 to 255, into the 20×20 box and centre it by mass in 28×28."""
    from PIL import Image

    rows, columns = np.nonzero(image.any(axis=1))[0], np.nonzero(image.any(axis=0))[0]
    ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    height, width = (max(1, round(length * scale)) for length in ink.shape)
    resized = Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.clip(np.asarray(resized), 0, 255)
    placed = np.zeros((SIZE, SIZE), np.uint8)
    top, left = (_start(pixels, axis) for axis in (0, 1))
    placed[top : top + height, left : left + width] = np.rint(pixels).astype(np.uint8)
    return placed


def _start(pixels: npt.NDArray[Any], axis: int) -> int:
    """Give where the box begins so that its centre of mass is in the middle, without leaving the image."""
    mass = pixels.sum(axis=1 - axis)
    centre = float((mass * (np.arange(len(mass)) + 0.5)).sum() / mass.sum())
    return int(np.clip(round(SIZE / 2 - centre), 0, SIZE - len(mass)))


def write_sample(folder: str | Path) -> Path:
    """Write the four IDX files into a folder, and give the folder."""
    images, labels = digits()
    first_test = len(images) - TEST_SAMPLES
    names = iter(sample_files())
    for rows in (slice(0, first_test), slice(first_test, None)):
        for array in (images, labels):
            file = Path(folder) / next(names)
            idx.write(file, array[rows])
            os.utime(file, (PUBLISHED, PUBLISHED))
    return Path(folder)


def sample_files() -> list[str]:
    """Name the four files: images and labels of train, then of test."""
    return [
        f"{NAME}-{split}-{role}" for split in ("train", "test") for role in ("images-idx3-ubyte", "labels-idx1-ubyte")
    ]
