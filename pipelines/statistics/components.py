"""Principal components: the directions in which the images of a split differ most, from sums of products of pixels.

Images of more than 1,024 values are looked at smaller: channels added up, then blocks of pixels, to at most 32×32.
Sums of products of 8-bit images are exact, so they do not depend on how the work was cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Images

Floats = npt.NDArray[np.float64]

MOST_VALUES, SIDE = 1024, 32
"""Values of an image as it is looked at, and the longest side where that takes making it smaller."""

MIDDLE = 128
"""Taken from 8-bit pixels before they are multiplied: products are at most 2**14 then, not 2**16."""

EXACT_TERMS = 1024
"""Products of as many such pixels add up to at most 2**24, and float32 holds every whole number up to that."""

WIDE_ROWS = 2048

MOST_COMPONENTS, PICTURED = 100, 12
"""Rows of the table of components in each split, and how many of them are given as pictures."""


@dataclass(frozen=True)
class View:
    """How images of one shape are looked at.

    block: pixels of a block's side. shape: (height, width, channels) as looked at. divisor: values in
    one block, by which its sum is divided.
    """

    block: int
    shape: tuple[int, int, int]
    divisor: int

    @property
    def pixels(self) -> int:
        """Values of one image."""
        return int(np.prod(self.shape))


def view_of(shape: tuple[int, ...]) -> View:
    """Choose the view of images of a shape, (height, width) or (height, width, channels).

    >>> view_of((28, 28)).shape, view_of((64, 48, 3))
    ((28, 28, 1), View(block=2, shape=(32, 24, 1), divisor=12))
    """
    height, width, channels = (*shape, 1)[:3]
    if height * width * channels <= MOST_VALUES:
        return View(1, (height, width, channels), 1)
    block = -(-max(height, width) // SIDE)
    return View(block, (-(-height // block), -(-width // block), 1), block * block * channels)


def look(images: Images, view: View) -> npt.NDArray[Any]:
    """Give images as (n, pixels): as they are, or each block's sum; what a block lacks at the edge counts as 0."""
    if view.divisor == 1:
        return images.reshape(len(images), view.pixels)
    planes = images.reshape(*images.shape[:3], -1).sum(axis=3, dtype=np.float64)
    for axis in (1, 2):
        planes = np.add.reduceat(planes, np.arange(0, planes.shape[axis], view.block), axis=axis)
    return np.asarray(planes.reshape(len(images), view.pixels))


@dataclass(frozen=True)
class Products:
    """Sums over images without pixels that are no numbers, in pixel units; they merge in any order.

    count: of the images. sums: (pixels,). products: (pixels, pixels), the sum of each image's outer product.
    """

    count: int
    sums: Floats
    products: Floats

    def merge(self, other: Products) -> Products:
        """Join the sums of two groups of images."""
        return Products(self.count + other.count, self.sums + other.sums, self.products + other.products)

    def about(self, middle: float) -> Products:
        """Give the sums of the same images less `middle`."""
        mixed = middle * (self.sums[:, None] + self.sums)
        return Products(
            self.count, self.sums - self.count * middle, self.products - mixed + self.count * middle * middle
        )

    def scatter(self) -> Floats:
        """Give the sum of the outer products about the mean."""
        return self.products - np.outer(self.sums, self.sums) / max(1, self.count)


def multiply(flat: npt.NDArray[Any]) -> Products:
    """Sum up images, (n, pixels); uint8 exactly, about its middle, all others as float64."""
    if flat.dtype == np.uint8:
        return _sum(flat, EXACT_TERMS, centred).about(-MIDDLE)
    return _sum(flat, WIDE_ROWS, lambda block: block.astype(np.float64))


def centred(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Give 8-bit pixels less their middle, -128 … 127."""
    return np.asarray(values.astype(np.float32) - np.float32(MIDDLE))


def _sum(flat: npt.NDArray[Any], rows: int, prepare: Callable[[Any], npt.NDArray[Any]]) -> Products:
    pixels = flat.shape[1]
    sums, products = np.zeros(pixels), np.zeros((pixels, pixels))
    for first in range(0, len(flat), rows):
        block = prepare(flat[first : first + rows])
        sums += np.ones(len(block), block.dtype) @ block
        products += block.T @ block
    return Products(len(flat), sums, products)


@dataclass(frozen=True)
class Components:
    """What the images of one split vary in. count: of the images. mean: (pixels,), unit scale.

    variances: (components,), unit scale, the largest ones first, at most 100. axes: (components, pixels), each of
    length 1, its largest value above 0. total: the variance of all pixels together.
    """

    count: int
    mean: Floats
    variances: Floats
    axes: Floats
    total: float


def find_components(sums: Products, scale: float) -> Components:
    """Decompose the covariance (divisor n - 1), as scikit-learn's PCA does. scale: what is 1 on the unit scale."""
    from scipy.linalg import eigh

    covariance = sums.scatter() / (max(1, sums.count - 1) * scale**2)
    pixels = len(covariance)
    variances, axes = eigh(covariance, subset_by_index=(max(0, pixels - MOST_COMPONENTS), pixels - 1))
    variances, axes = np.maximum(variances[::-1], 0.0), axes[:, ::-1].T
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.where(axes[np.arange(len(axes)), largest] < 0, -1.0, 1.0)[:, None]
    return Components(
        sums.count, sums.sums / (max(1, sums.count) * scale), variances, axes, float(np.trace(covariance))
    )


def tabulate_components(by_split: Mapping[str, Components]) -> pd.DataFrame:
    """Give the table `components`: split, component (from 1), variance, fraction and cumulative fraction of it all."""
    parts = [
        pd.DataFrame(
            {
                "split": split,
                "component": np.arange(1, shown + 1),
                "variance": components.variances[:shown],
                "fraction": components.variances[:shown] / (components.total or np.nan),
                "cumulative": np.cumsum(components.variances[:shown]) / (components.total or np.nan),
            }
        )
        for split, components in by_split.items()
        for shown in [min(MOST_COMPONENTS, len(components.variances), max(0, components.count - 1))]
    ]
    return pd.concat(parts, ignore_index=True)


def tabulate_axes(by_split: Mapping[str, Components], view: View) -> pd.DataFrame:
    """Give the table `component_pixels`: split, component, row, column, channel, weight; of the first components."""
    row, column, channel = (axis.reshape(-1) for axis in np.indices(view.shape, np.int32))
    parts = [
        pd.DataFrame(
            {
                "split": split,
                "component": np.repeat(np.arange(1, shown + 1), view.pixels),
                "row": np.tile(row, shown),
                "column": np.tile(column, shown),
                "channel": np.tile(channel, shown),
                "weight": components.axes[:shown].reshape(-1),
            }
        )
        for split, components in by_split.items()
        for shown in [min(PICTURED, len(components.variances), max(0, components.count - 1))]
    ]
    return pd.concat(parts, ignore_index=True)
