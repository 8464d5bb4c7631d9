"""Where the ink of each image lies: mass, centre, spread and bounding box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.kernels import as_planes, compiled, without_halves

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Of each image, (n,) each.

    mass: the sum of its pixels, channels averaged; pixels below 0 count as 0. row, column: centre of mass, index
    coordinates; NaN for a blank image. rows, mixed, columns: second central moments over the mass, pixels²; NaN
    for a blank one. top, left, bottom, right: the box of pixels above 0, ends inclusive, int64; -1 for a blank one.
    """

    mass: Floats
    row: Floats
    column: Floats
    rows: Floats
    mixed: Floats
    columns: Floats
    top: npt.NDArray[np.int64]
    left: npt.NDArray[np.int64]
    bottom: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]


def measure_moments(images: Images) -> Moments:
    """Measure each image, (n, h, w) or (n, h, w, c), of any type."""
    planes = as_planes(without_halves(images))
    floats, boxes = np.zeros((6, len(images))), np.full((4, len(images)), -1, np.int64)
    if images.size:
        # Integers are summed as integers, several per instruction.
        _measure(
            planes, np.zeros(planes.shape[2], np.int64 if planes.dtype.kind in "biu" else np.float64), floats, boxes
        )
    return Moments(*floats, *boxes)


@compiled
def _measure(planes: Any, across: npt.NDArray[Any], floats: Floats, boxes: npt.NDArray[np.int64]) -> None:
    """Write the moments and the boxes; across: (width,), scratch for the columns' sums, of the type to sum in."""
    size, height, width, channels = planes.shape
    wide = across.dtype.type
    for image in range(size):
        mass = down = down2 = mixed = along = along2 = 0.0
        across[:] = 0
        top, left, bottom, right = height, width, -1, -1
        for row in range(height):
            total = moment = wide(0)
            for column in range(width):
                value = wide(0)
                for channel in range(channels):
                    value += max(wide(planes[image, row, column, channel]), wide(0))
                total += value
                moment += value * column
                across[column] += value
            if total > 0:
                top, bottom = min(top, row), row
                line = float(total)
                mass += line
                down += line * row
                down2 += line * row * row
                mixed += float(moment) * row
        for column in range(width):
            line = float(across[column])
            if line > 0:
                left, right = min(left, column), column
                along += line * column
                along2 += line * column * column
        if mass > 0:
            centre_row, centre_column = down / mass, along / mass
            floats[0, image], floats[1, image], floats[2, image] = mass / channels, centre_row, centre_column
            floats[3, image] = down2 / mass - centre_row * centre_row
            floats[4, image] = mixed / mass - centre_row * centre_column
            floats[5, image] = along2 / mass - centre_column * centre_column
            boxes[0, image], boxes[1, image], boxes[2, image], boxes[3, image] = top, left, bottom, right
        else:
            floats[1:, image] = np.nan
