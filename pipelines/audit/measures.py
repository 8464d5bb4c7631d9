"""What the image checks measure of each sample, in one pass over the partitions.

All but the raw values are measured on the image brought to 0 for its lowest value … 1 for its highest, so neither the
type of the pixels nor their scale matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Batch, Images, Integers
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from pipelines.engine.execution import Execution
from pipelines.stages.clean import ring_level

Floats = npt.NDArray[np.float32]

TOGETHER = 1_000
"""Images measured at once, so that they stay in the cache."""

SHAPE = ("length", "thickness", "slant", "width", "height", "components", "holes", "end_points")
"""Of the morphometrics, those by which outliers are found: the area is nearly length × thickness."""

SIDES = ("top", "bottom", "left", "right")

MEASURES = ("not_finite", "lowest", "highest", "level", "ring", "ink", "row", "column", *SIDES, "sharpness", "noise",
            "spread_rows", "spread_columns", *SHAPE)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Of all samples, in the order of the dataset: ids, labels (n,) int64; splits (n,) str; measures name -> (n,).

    reversed: whether the background of the data is bright, and all was measured with the sign of the pixels turned.
    """

    ids: Integers
    labels: Integers
    splits: npt.NDArray[np.object_]
    measures: Mapping[str, Floats]
    reversed: bool = False


def measure(source: Dataset, execution: Execution) -> Measured:
    """Measure every sample of a dataset, again and reversed where most of them have a bright background."""
    measured = _measure_all(source, False, execution)
    bright = measured.measures["ring"] > _middle(measured.measures)
    if 2 * np.count_nonzero(bright) > len(bright):
        return _measure_all(source, True, execution)
    return measured


def _middle(measures: Mapping[str, Floats]) -> float:
    """Give the middle of the pixels' range; the background may be 0 or below."""
    return (min(0.0, float(measures["lowest"].min(initial=0))) + float(measures["highest"].max(initial=0))) / 2


def _measure_all(source: Dataset, reverse: bool, execution: Execution) -> Measured:
    partitions = execution.partitions(source)
    found = execution.run(partial(_measure_partition, reverse=reverse), partitions, "audit: measure")
    splits = [np.full(len(ids), task.split, object) for task, (ids, _, _) in zip(partitions, found, strict=True)]
    columns = np.concatenate([values for _, _, values in found], axis=1)
    return Measured(
        np.concatenate([ids for ids, _, _ in found]),
        np.concatenate([labels for _, labels, _ in found]),
        np.concatenate(splits),
        dict(zip(MEASURES, columns, strict=True)),
        reverse,
    )


def _measure_partition(partition: Partition, reverse: bool) -> tuple[Integers, Integers, Floats]:
    batch = read_partition(partition)
    return batch.ids, batch.labels, measure_batch(batch, reverse)


def measure_batch(batch: Batch, reverse: bool = False) -> Floats:
    """Measure the samples of a batch: (len(MEASURES), n) float32, in this order.

    not_finite: pixels that are no numbers. lowest, highest, level (the mean), ring (the mean of the outermost rows
    and columns; NaN below 3×3): in pixel units. All that follow are NaN where a sample is of one value or has pixels
    that are no numbers.
    reverse: turn the sign of the pixels, so that dark ink on a bright background is bright ink.
    ink: sum of the pixels above the lowest, in pixel units. row, column: centre of mass, from 0 to 1 across the
    image. top, bottom, left, right: ink in that outermost row or column, in pixels of the white level. sharpness: mean
    slope at edges, 1 / pixel. noise: robust deviation from the neighbours. spread_rows, spread_columns: deviations of
    the ink about its centre, pixels. The others are the morphometrics of these names.
    """
    parts = [
        _measure_images(batch.images[first : first + TOGETHER], reverse)
        for first in range(0, max(1, len(batch)), TOGETHER)
    ]
    return np.concatenate(parts, axis=1)


def _measure_images(images: Images, reverse: bool) -> Floats:
    from pipelines.kernels.moments import measure_moments
    from pipelines.kernels.morphometry import measure_morphometrics

    grey = images.astype(np.result_type(images.dtype, np.float32))
    grey = grey.mean(axis=3) if grey.ndim == 4 else grey
    grey = -grey if reverse else grey
    finite = np.isfinite(grey)
    raw = np.where(finite, grey, 0)
    lowest, highest = raw.min(axis=(1, 2), initial=np.inf), raw.max(axis=(1, 2), initial=-np.inf)
    span = highest - lowest
    judged = finite.all(axis=(1, 2)) & (span > 0)
    fractions = np.ascontiguousarray(
        (raw - lowest[:, None, None]) / np.where(span > 0, span, 1)[:, None, None], np.float32
    )
    moments, shapes = measure_moments(fractions), measure_morphometrics(fractions)
    height, width = images.shape[1:3]
    found = {
        "ink": moments.mass * span,
        "row": (moments.row + 0.5) / height,
        "column": (moments.column + 0.5) / width,
        **dict(zip(SIDES, _ink_at_frame(fractions), strict=True)),
        "sharpness": _sharpness(fractions),
        "noise": _noise(fractions),
        "spread_rows": np.sqrt(moments.rows),
        "spread_columns": np.sqrt(moments.columns),
        **{name: getattr(shapes, name) for name in SHAPE},
    }
    found = {name: np.where(judged, values, np.nan) for name, values in found.items()}
    found |= {
        "not_finite": (~finite).sum(axis=(1, 2)),
        "lowest": lowest,
        "highest": highest,
        "level": raw.mean(axis=(1, 2)),
        "ring": ring_level(raw),
    }
    return np.stack([np.asarray(found[name], np.float32) for name in MEASURES])


def _ink_at_frame(fractions: Floats) -> list[Floats]:
    outermost = (fractions[:, 0], fractions[:, -1], fractions[:, :, 0], fractions[:, :, -1])
    return [side.sum(axis=1) for side in outermost]


def _sharpness(fractions: Floats) -> Floats:
    """Average the slope over the image, weighted by itself, so that flat background and broad strokes do not count."""
    if min(fractions.shape[1:]) < 2:
        return np.full(len(fractions), np.nan, np.float32)
    down = fractions[:, 1:, :-1] - fractions[:, :-1, :-1]
    across = fractions[:, :-1, 1:] - fractions[:, :-1, :-1]
    squares = down**2 + across**2
    slopes = np.sqrt(squares).sum(axis=(1, 2))
    return np.asarray(squares.sum(axis=(1, 2)) / np.where(slopes > 0, slopes, np.nan), np.float32)


def _noise(fractions: Floats) -> Floats:
    """Estimate the noise by a mask blind to edges (Immerkær 1996); its median, as strokes take less than half."""
    if min(fractions.shape[1:]) < 3:
        return np.full(len(fractions), np.nan, np.float32)
    curved = fractions[:, 2:] - 2 * fractions[:, 1:-1] + fractions[:, :-2]
    response = curved[:, :, 2:] - 2 * curved[:, :, 1:-1] + curved[:, :, :-2]
    size = response.shape[1] * response.shape[2]
    # Six is the mask's own deviation under noise of deviation one, 0.6745 the median of a normal one's magnitude.
    return np.asarray(np.median(np.abs(response).reshape(-1, size), axis=1) / (6 * 0.6745), np.float32)
