"""Normalizing: deskewing and centring digits, and scaling pixel values.

Minimum, maximum, mean and standard deviation are fitted to the training split only.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Batch, Images
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from mnist_data.parquet.writer import require_free
from pipelines.engine.execution import Execution
from pipelines.engine.map_dataset import apply_stage
from pipelines.engine.memory import require_memory
from pipelines.images.scaling import Scaling, measure
from pipelines.settings.stages import Normalize

VALUES = 1 << 18
"""Pixel values that are scaled at once, 2 MB in float64."""


def normalize(
    source: Dataset,
    target: str | Path,
    params: Normalize | None = None,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
    compression: str = "zstd",
) -> Dataset:
    """Normalize a dataset into a new one."""
    params, execution = params or Normalize(), execution or Execution()
    require_free(target, overwrite)  # before the training split is scanned
    require_memory(params.stage, source, execution)
    scaling = None
    if params.scale == "standardize" or (params.scale == "unit" and source.metadata.dtype != "uint8"):
        partitions = execution.partitions(source, [source.training_split])
        scaling = reduce(Scaling.merge, execution.run(partial(_measure, params=params), partitions, "normalize: scan"))
    return apply_stage(
        source,
        target,
        params,
        lambda _: partial(_normalize_partition, params=params, scaling=scaling),
        execution=execution,
        overwrite=overwrite,
        compression=compression,
        changes={"dtype": params.dtype},
        fitted=asdict(scaling) if scaling else None,
    )


def _measure(partition: Partition, params: Normalize) -> Scaling:
    return measure(_placed(read_partition(partition).images, params))


def _normalize_partition(batch: Batch, params: Normalize, scaling: Scaling | None) -> tuple[tuple[Batch], None]:
    return (normalize_batch(batch, params, scaling),), None


def normalize_batch(batch: Batch, params: Normalize, scaling: Scaling | None) -> Batch:
    """Normalize one batch: deskew, then centre, then scale. Blank images are neither sheared nor shifted.

    The background is assumed to be 0, as in MNIST: pixels from outside the image are 0.
    """
    images = rescale(_placed(batch.images, params), params, scaling or Scaling(0, 0, 0, 0.0, 1.0))
    return Batch(batch.ids, batch.labels, images, batch.columns)


def _placed(images: Images, params: Normalize) -> Images:
    if params.deskew:
        images = deskew(images)
    return center(images) if params.center else images


def rescale(images: Images, params: Normalize, scaling: Scaling) -> Images:
    """Bring pixel values to the scale and dtype of `params`.

    unit: uint8 is divided by 255; other types are mapped from the training split's minimum (for integers 0, if that is
    less) … maximum to 0 … 1. standardize: to mean 0 and standard deviation 1 of the training split. As uint8 the unit
    scale is 0 … 255, rounded half to even and clipped.
    """
    if params.scale == "none":
        return _as_type(images, params.dtype)
    if params.dtype == "uint8" and images.dtype == np.uint8:
        return images
    low, width = scaling.mean, scaling.std
    if params.scale == "unit":
        low, width = _unit_range(images.dtype, scaling)
    scaled = np.empty(images.shape, params.dtype)
    flat, target = np.ascontiguousarray(images).reshape(-1), scaled.reshape(-1)
    for first in range(0, len(flat), VALUES):  # in float64, which is eight times the pixels of a whole task
        values = (flat[first : first + VALUES].astype(np.float64) - low) / width
        target[first : first + VALUES] = _as_type(values * 255 if params.dtype == "uint8" else values, params.dtype)
    return scaled


def _unit_range(dtype: np.dtype[Any], scaling: Scaling) -> tuple[float, float]:
    if dtype == np.uint8:
        return 0.0, 255.0
    low = scaling.minimum if dtype.kind == "f" else min(0.0, scaling.minimum)
    return low, (scaling.maximum - low) or 1.0


def _as_type(values: npt.NDArray[Any], dtype: str) -> Images:
    if dtype == "uint8" and values.dtype != np.uint8:
        return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    return np.asarray(values.astype(dtype))


def deskew(images: Images) -> Images:
    """Shear each image along its rows about its centre of mass so that its ink has no slant.

    Output (row, column) reads input (row, column + a·(row - centre)) with a = u11 / u02, where u11 is the mixed and u02
    the vertical second central moment of the ink: the regression of column on row. Rows are not moved.
    """
    from pipelines.kernels.moments import measure_moments
    from pipelines.kernels.warp import warp

    moments = measure_moments(images)
    slant = np.zeros(len(images))
    # A blank image has no moments, and one with ink in only one row no slant.
    leaning = np.nan_to_num(moments.rows) > 1e-9
    slant[leaning] = moments.mixed[leaning] / moments.rows[leaning]
    matrices = np.zeros((len(images), 2, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = 1
    matrices[:, 1, 0] = slant
    matrices[:, 1, 2] = -slant * np.nan_to_num(moments.row)
    return warp(images, matrices)


def center(images: Images) -> Images:
    """Move each image by whole pixels so that its centre of mass is nearest to the middle, with no ink beyond the edge.

    The middle is ((h - 1) / 2, (w - 1) / 2) in index coordinates.
    """
    from pipelines.kernels.moments import measure_moments

    moments = measure_moments(images)
    height, width = images.shape[1:3]
    down = _shift(moments.row, (height - 1) / 2, moments.top, moments.bottom, height)
    across = _shift(moments.column, (width - 1) / 2, moments.left, moments.right, width)
    centred = np.zeros_like(images)
    rows, columns = np.arange(height), np.arange(width)
    for image in range(len(images)):
        source_rows, source_columns = rows - down[image], columns - across[image]
        fits_rows = (source_rows >= 0) & (source_rows < height)
        fits_columns = (source_columns >= 0) & (source_columns < width)
        taken = images[image][np.ix_(source_rows[fits_rows], source_columns[fits_columns])]
        centred[image][np.ix_(fits_rows, fits_columns)] = taken
    return centred


def _shift(
    centre: npt.NDArray[np.float64],
    middle: float,
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
    length: int,
) -> npt.NDArray[np.int64]:
    wanted = np.rint(np.nan_to_num(middle - centre)).astype(np.int64)
    allowed = np.clip(wanted, -first, length - 1 - last)
    return np.where(first < 0, 0, allowed)
