"""Augmentation: deformed copies, each a pure function of the seed, the sample's id and the copy's number.

Rotation, scale, shear, shift and an elastic field are composed into one resampling. The parameters drawn stand in the
dataset as columns, so any copy can be made again from its row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Batch, Images, Integers
from mnist_data.errors import WrongUse
from mnist_data.store import Dataset, Partition
from pipelines.engine import Engine, Report, silent
from pipelines.gallery import is_augmented
from pipelines.parameters import Augment
from pipelines.stage import apply_stage

AFFINE, ELASTIC = 0, 1
"""Streams of random numbers: the parameters, and the noise of the elastic field."""

DRAWN = ("rotation", "scale", "shear", "shift_x", "shift_y")
"""The parameters in the order of their random numbers; new ones go to the end, so that old copies stay as they are."""

BLOCK = 1024
"""Copies made at once, so that the fields and temporaries stay small beside the images."""


def augment(
    source: Dataset,
    target: str | Path,
    params: Augment | None = None,
    *,
    engine: Engine | None = None,
    overwrite: bool = False,
    report: Report = silent,
    compression: str = "zstd",
) -> Dataset:
    """Write a dataset whose training split holds each sample and its copies; other splits hold originals only."""
    params = params or Augment()
    training = source.training_split
    if is_augmented(source):
        raise WrongUse(f"{source.location} is augmented already; augment the dataset that it was made from.")
    return apply_stage(
        source,
        target,
        params,
        lambda partition: partial(_augment_partition, params=params, deform=partition.split == training),
        engine=engine,
        overwrite=overwrite,
        report=report,
        compression=compression,
    )


def _augment_partition(
    batch: Batch, _partition: Partition, params: Augment, deform: bool
) -> tuple[Iterator[Batch], None]:
    return _in_slices(batch, params, deform), None


def _in_slices(batch: Batch, params: Augment, deform: bool) -> Iterator[Batch]:
    """Augment so few samples at a time that memory does not grow with the number of copies."""
    rows = max(1, len(batch) // (params.copies + 1)) if deform else max(1, len(batch))
    for first in range(0, max(1, len(batch)), rows):
        yield augment_batch(batch.take(slice(first, first + rows)), params, deform)


def augment_batch(batch: Batch, params: Augment, deform: bool = True) -> Batch:
    """Give each sample, copy 0, followed by its copies 1 … params.copies; without `deform` copy 0 only.

    The new id is source_id · (copies + 1) + copy. Columns added: source_id int64, copy int32, and float64 rotation
    (degrees, counter-clockwise), scale, shear (pixels to the right for each pixel up), shift_x, shift_y (pixels, right
    and down) and elastic (alpha).
    """
    each = params.copies + 1 if deform else 1
    rows = np.repeat(np.arange(len(batch)), each)
    copies = np.tile(np.arange(each, dtype=np.int32), len(batch))
    sources = batch.ids[rows]
    drawn = draw(sources, copies, params, batch.images.shape[1:3])
    images = batch.images[rows]
    changed = np.flatnonzero(copies > 0)
    for first in range(0, len(changed), BLOCK):
        chosen = changed[first : first + BLOCK]
        part = {name: values[chosen] for name, values in drawn.items()}
        images[chosen] = deform_images(images[chosen], sources[chosen], copies[chosen], part, params)
    columns = {name: values[rows] for name, values in batch.columns.items()}
    columns |= {"source_id": sources, "copy": copies, **drawn}
    return Batch(sources * (params.copies + 1) + copies, batch.labels[rows], images, columns)


def draw(
    sources: Integers, copies: npt.NDArray[np.int32], params: Augment, size: tuple[int, ...]
) -> dict[str, npt.NDArray[np.float64]]:
    """Draw the parameters of each copy, (n,) float64 each; copy 0 gets those that change nothing.

    sources: (n,) ids. size: height and width, of which a shift is a share.
    """
    from pipelines.kernels.philox import uniforms

    height, width = size
    numbers = 2 * uniforms(params.seed, AFFINE, sources, copies.astype(np.int64), len(DRAWN)) - 1
    reach = (params.rotation, params.scale, params.shear, params.shift * width, params.shift * height)
    amounts = numbers * np.array(reach) * (copies > 0)[:, None]
    columns = {name: np.ascontiguousarray(amounts[:, place]) for place, name in enumerate(DRAWN)}
    columns["scale"] += 1
    columns["elastic"] = np.where(copies > 0, params.elastic, 0.0)
    return columns


def deform_images(
    images: Images,
    sources: Integers,
    copies: npt.NDArray[np.int32],
    drawn: Mapping[str, npt.NDArray[np.float64]],
    params: Augment,
) -> Images:
    """Deform each image, (n, h, w[, c]), by its own parameters: new images of the same type."""
    from pipelines.kernels.elastic import elastic_fields
    from pipelines.kernels.warp import warp

    height, width = images.shape[1:3]
    fields = None
    if drawn["elastic"].any():
        numbers = copies.astype(np.int64)
        fields = elastic_fields(
            params.seed, ELASTIC, sources, numbers, drawn["elastic"], params.elastic_sigma, (height, width)
        )
    return warp(images, matrices_of(drawn, height, width), fields)


def matrices_of(drawn: Mapping[str, Any], height: int, width: int) -> npt.NDArray[np.float64]:
    """Give the maps from the output's (row, column, 1) to the input's (row, column), (n, 2, 3).

    Forward, a point relative to the image's middle is sheared, scaled, rotated and then shifted; the map is that
    one's inverse. y points down in the image, so counter-clockwise is negative there.
    """
    angle, scale, shear = np.radians(drawn["rotation"]), np.asarray(drawn["scale"]), np.asarray(drawn["shear"])
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    # Rows and columns of (rotation · scale)⁻¹, then the inverse shear: column += shear · row.
    linear = np.empty((len(scale), 2, 2))
    linear[:, 0, 0], linear[:, 0, 1] = cosine, sine
    linear[:, 1, 0], linear[:, 1, 1] = -sine + shear * cosine, cosine + shear * sine
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    shift = np.stack([drawn["shift_y"], drawn["shift_x"]], axis=1)
    offset = middle - np.einsum("nij,nj->ni", linear, middle + shift)
    return np.concatenate([linear, offset[:, :, None]], axis=2)


def remake(image: Images, row: Mapping[str, Any], params: Augment) -> Images:
    """Make one copy again from its source image, (h, w[, c]), and its row of the dataset; equal byte for byte."""
    if row["copy"] == 0:
        return image.copy()
    drawn = {name: np.array([float(row[name])]) for name in (*DRAWN, "elastic")}
    sources, copies = np.array([row["source_id"]], np.int64), np.array([row["copy"]], np.int32)
    return np.asarray(deform_images(image[None], sources, copies, drawn, params)[0])
