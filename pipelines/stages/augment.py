"""Augmentation: deformed copies, each a pure function of the seed, the sample's id and the copy's number.

A recipe defines the transforms. Rotation, scale, shear, shift, perspective and elastic field are composed into one
resampling; changes of the ink and the exposure follow. The amounts drawn are columns of the dataset, so any copy can be
reproduced from its row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Batch, Images, Integers
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset
from pipelines.engine.execution import Execution
from pipelines.engine.map_dataset import apply_stage, in_slices, require_originals
from pipelines.images.levels import BYTES, Levels, levels_of
from pipelines.settings.recipe import TRANSFORMS, Recipe
from pipelines.settings.stages import Augment

ELASTIC_NOISE, EXPOSURE_NOISE = 100, 101
"""Streams of random numbers other than those of the transforms' amounts."""

NEUTRAL = {name: transform.neutral for transform in TRANSFORMS.values() for name in transform.amounts}
"""The amount of each column that changes nothing."""

GEOMETRY = ("rotation", "scale", "scale_x", "scale_y", "shear", "shift_x", "shift_y")
"""The transforms that are one matrix."""

EXPOSURE = ("contrast", "brightness", "noise", "impulse")

BLOCK_PIXELS = 400_000
"""Pixels of copies made at once: few enough that the fields and temporaries stay in the processor's cache."""

Amounts = Mapping[str, npt.NDArray[np.float32]]
"""Column → the amount of each copy, (n,); a missing column changes nothing."""


def augment(
    source: Dataset,
    target: str | Path,
    params: Augment | None = None,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
    compression: str = "zstd",
) -> Dataset:
    """Write a dataset whose training split has each sample and its copies; other splits have originals only.

    Raises WrongUse for a dataset of copies, and where the recipe changes the exposure but the white level is not known.
    """
    params, execution = params or Augment(), execution or Execution()
    training, rows = source.training_split, execution.rows_per_task(source)
    require_originals(source, "augment")
    levels = levels_of(source.metadata)
    require_levels(params.recipe, levels)
    return apply_stage(
        source,
        target,
        params,
        lambda position: partial(
            _augment_partition, params=params, levels=levels, deform=position.split == training, rows=rows
        ),
        execution=execution,
        overwrite=overwrite,
        compression=compression,
        outputs=lambda split: params.copies + 1 if split == training else 1,
    )


def require_levels(recipe: Recipe, levels: Levels) -> None:
    """Raise WrongUse where a transform of the recipe needs the white level and it is not known."""
    exposing = [name for name in recipe.amounts if TRANSFORMS[name].exposes]
    if exposing and levels.white is None:
        raise WrongUse(
            f"{', '.join(exposing)}: these are fractions of the white level, which is not known of "
            "this dataset; normalize it first (mnist-data normalize DATASET OUT), or remove them from the recipe."
        )


def _augment_partition(
    batch: Batch, params: Augment, levels: Levels, deform: bool, rows: int
) -> tuple[Iterator[Batch], None]:
    slices = in_slices(batch, params.copies + 1 if deform else 1, rows)
    return (augment_batch(part, params, levels, deform) for part in slices), None


def augment_batch(batch: Batch, params: Augment, levels: Levels = BYTES, deform: bool = True) -> Batch:
    """Give each sample, copy 0, followed by its copies 1 … params.copies; without `deform` copy 0 only.

    The new id is source_id · (copies + 1) + copy. Columns added: source_id int64, copy int32, and float32 for each
    amount that the recipe draws, named as in TRANSFORMS; shift_x and shift_y are in pixels, right and down.
    """
    each = params.copies + 1 if deform else 1
    rows = np.repeat(np.arange(len(batch)), each)
    copies = np.tile(np.arange(each, dtype=np.int32), len(batch))
    sources = batch.ids[rows]
    drawn = draw(sources, copies, params, batch.images.shape[1:3])
    images = np.empty((len(rows), *batch.images.shape[1:]), batch.images.dtype)
    images[::each] = batch.images
    changed = np.flatnonzero(copies > 0)
    block = max(1, BLOCK_PIXELS // math.prod((1, *batch.images.shape[1:])))
    for first in range(0, len(changed), block):
        chosen = changed[first : first + block]
        amounts = {name: values[chosen] for name, values in drawn.items()}
        originals = batch.images[rows[chosen]]
        images[chosen] = deform_images(originals, sources[chosen], copies[chosen], amounts, params, levels)
    columns = {name: values[rows] for name, values in batch.columns.items()}
    columns |= {"source_id": sources, "copy": copies, **drawn}
    return Batch(sources * (params.copies + 1) + copies, batch.labels[rows], images, columns)


def draw(
    sources: Integers, copies: npt.NDArray[np.int32], params: Augment, size: tuple[int, ...]
) -> dict[str, npt.NDArray[np.float32]]:
    """Draw the amounts of each copy, (n,) float32 a column; copy 0 gets those that change nothing.

    sources: (n,) ids. size: height and width, of which a shift is a fraction. Each transform has its own random
    numbers, so its amounts do not depend on the rest of the recipe.
    """
    from pipelines.kernels.philox import uniforms

    drawn = {}
    for name, amount in params.recipe.amounts.items():
        transform = TRANSFORMS[name]
        columns = (*transform.amounts, *transform.places)
        numbers = uniforms(params.seed, transform.stream, sources, copies.astype(np.int64), 1 + len(columns))
        happens = (numbers[:, 0] < amount.probability) & (copies > 0)
        for column, number in zip(columns, numbers.T[1:], strict=True):
            placed = column in transform.places
            values = number if placed else amount.low + (amount.high - amount.low) * number
            drawn[column] = np.where(happens, values, NEUTRAL.get(column, 0.0)).astype(np.float32)
    for column, length in (("shift_x", size[1]), ("shift_y", size[0])):
        if column in drawn:
            drawn[column] *= np.float32(length)
    return drawn


def deform_images(
    images: Images,
    sources: Integers,
    copies: npt.NDArray[np.int32],
    amounts: Amounts,
    params: Augment,
    levels: Levels = BYTES,
) -> Images:
    """Deform each image, (n, h, w[, c]), by its own amounts: new images of the same type.

    In this order: one resampling, thickness, cutout, blur, exposure.
    """
    images = _resample(images, sources, copies, amounts, params, levels)
    if _happens(amounts, "thickness"):
        from pipelines.kernels.morphology import thicken

        images = thicken(images, amounts["thickness"], levels.background)
    if _happens(amounts, "cutout"):
        images = cut_out(images, amounts["cutout"], amounts["cutout_x"], amounts["cutout_y"], levels.background)
    if _happens(amounts, "blur"):
        from pipelines.kernels.blur import blur

        images = blur(images, amounts["blur"], levels.background)
    if any(_happens(amounts, name) for name in EXPOSURE):
        images = _expose(images, sources, copies, amounts, params, levels)
    return images


def _happens(amounts: Amounts, name: str) -> bool:
    return name in amounts and bool((amounts[name] != np.float32(NEUTRAL[name])).any())


def _resample(
    images: Images,
    sources: Integers,
    copies: npt.NDArray[np.int32],
    amounts: Amounts,
    params: Augment,
    levels: Levels,
) -> Images:
    from pipelines.kernels.elastic import elastic_fields
    from pipelines.kernels.perspective import add_perspective
    from pipelines.kernels.warp import warp

    height, width = images.shape[1:3]
    matrices = matrices_of(amounts, len(images), height, width)
    fields = None
    if _happens(amounts, "elastic"):
        numbers, sigma = copies.astype(np.int64), params.recipe.elastic_sigma
        fields = elastic_fields(
            params.seed, ELASTIC_NOISE, sources, numbers, amounts["elastic"], sigma, (height, width)
        )
    if _happens(amounts, "perspective_x") or _happens(amounts, "perspective_y"):
        fields = np.zeros((len(images), 2, height, width), np.float32) if fields is None else fields
        add_perspective(fields, matrices, amounts["perspective_x"], amounts["perspective_y"])
    if fields is None and not any(_happens(amounts, name) for name in GEOMETRY):
        return images
    return warp(images, matrices, fields, levels.background)


def matrices_of(amounts: Amounts, count: int, height: int, width: int) -> npt.NDArray[np.float64]:
    """Give the maps from the output's (row, column, 1) to the input's (row, column), (count, 2, 3).

    Forward, a point relative to the image's middle is sheared, scaled, rotated and then shifted; the result is the
    inverse of that map. y points down in the image, so counter-clockwise is negative.
    """
    from pipelines.kernels.warp import about_middle

    angle, scale, scale_x, scale_y, shear, shift_x, shift_y = (
        np.asarray(amounts.get(name, np.full(count, NEUTRAL[name])), np.float64) for name in GEOMETRY
    )
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    down, across = 1 / (scale * scale_y), 1 / (scale * scale_x)
    # Rows and columns of (rotation · scale)⁻¹, then the inverse shear: column += shear · row.
    linear = np.empty((count, 2, 2))
    linear[:, 0, 0], linear[:, 0, 1] = cosine * down, sine * down
    linear[:, 1, 0], linear[:, 1, 1] = -sine * across, cosine * across
    linear[:, 1] += shear[:, None] * linear[:, 0]
    return about_middle(linear, np.stack([shift_y, shift_x], axis=1), height, width)


def cut_out(images: Images, sides: Any, across: Any, down: Any, background: float = 0.0) -> Images:
    """Set a rectangle of each image to the background: new images.

    sides: (n,), its size as a fraction of the width and of the height. across, down: (n,), the position of its middle,
    0 at the left or upper edge and 1 at the other; parts beyond the edge are cut off (DeVries and Taylor,
    arXiv:1708.04552).
    """
    height, width = images.shape[1:3]
    rows, columns = (np.arange(length) + 0.5 for length in (height, width))
    in_rows = np.abs(rows - down[:, None] * height) < sides[:, None] * height / 2
    in_columns = np.abs(columns - across[:, None] * width) < sides[:, None] * width / 2
    hidden = in_rows[:, :, None] & in_columns[:, None, :]
    hidden = hidden.reshape(*hidden.shape, *(1 for _ in images.shape[3:]))
    return np.asarray(np.where(hidden, images.dtype.type(background), images))


def _expose(
    images: Images,
    sources: Integers,
    copies: npt.NDArray[np.int32],
    amounts: Amounts,
    params: Augment,
    levels: Levels,
) -> Images:
    """Change the exposure of the images that have any such amount; the others stay unchanged to the last bit."""
    from pipelines.kernels.exposure import expose

    every = [amounts.get(name, np.full(len(images), NEUTRAL[name], np.float32)) for name in EXPOSURE]
    chosen = np.flatnonzero(
        np.any([values != NEUTRAL[name] for values, name in zip(every, EXPOSURE, strict=True)], axis=0)
    )
    counters = sources[chosen], copies[chosen].astype(np.int64)
    fractions = levels.fraction(images[chosen])
    exposed = images.copy()
    fractions = expose(fractions, params.seed, EXPOSURE_NOISE, *counters, *(values[chosen] for values in every))
    exposed[chosen] = levels.pixels(fractions, images.dtype)
    return exposed


def remake_copy(image: Images, row: Mapping[str, Any], params: Augment, levels: Levels = BYTES) -> Images:
    """Reproduce one copy from its source image, (h, w[, c]), and its row of the dataset, byte for byte."""
    if row["copy"] == 0:
        return image.copy()
    amounts = {
        name: np.array([row[name]], np.float32)
        for transform in TRANSFORMS.values()
        for name in (*transform.amounts, *transform.places)
        if name in row
    }
    sources, copies = np.array([row["source_id"]], np.int64), np.array([row["copy"]], np.int32)
    return np.asarray(deform_images(image[None], sources, copies, amounts, params, levels)[0])
