"""Claim: our affine warp agrees with scipy.ndimage within a grey level and takes at most a quarter of its time."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as ndimage

from benchmarks.measure import alternate, real_data, report
from mnist_data.idx import format as idx
from pipelines.kernels.warp import warp
from pipelines.settings.stages import Augment
from pipelines.stages.augment import draw, matrices_of

LIMIT = 0.25
IMAGES = 1000


def claim() -> bool:
    """Measure one core on a thousand test images, rotated, scaled, sheared and shifted as the default recipe does."""
    folder = real_data("mnist")
    if folder is None:
        return True
    images = idx.read(folder / "t10k-images-idx3-ubyte.gz")[:IMAGES]
    ids, copies = np.arange(IMAGES), np.ones(IMAGES, np.int32)
    matrices = matrices_of(draw(ids, copies, Augment(), (28, 28)), IMAGES, 28, 28)

    def by_scipy() -> list[object]:
        return [
            ndimage.affine_transform(image, matrix[:, :2], matrix[:, 2], order=1)
            for image, matrix in zip(images, matrices, strict=True)
        ]

    difference = np.abs(warp(images, matrices).astype(int) - np.array(by_scipy()).astype(int)).max()
    holds = report("warp / scipy.ndimage, one core", alternate(lambda: warp(images, matrices), by_scipy), LIMIT)
    return report("grey levels apart, at most", [float(difference)], 1.0) and holds
