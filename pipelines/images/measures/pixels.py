"""What the pixel values of each image say: range, border, intensity, box, centre and digest. Arrays in, columns out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.images.border import outermost
from pipelines.images.digests import digest
from pipelines.images.measures.intensity import Range, describe_intensity
from pipelines.kernels import as_planes

Column = npt.NDArray[Any]
Columns = Mapping[str, Column]

CHUNK_BYTES = 1 << 20
"""Of float32 pixels measured at once, so that they stay in the processor's cache."""

BOX = ("top", "left", "bottom", "right")
DIGEST = ("digest_high", "digest_low")
"""The columns of the 128 bits that stand for a sample's pixels."""

PIXEL_COLUMNS = (
    "not_finite", "lowest", "highest", "contrast", "border_mean", "background", "border_zeros",
    "mean", "std", "ink", "entropy", *BOX, "centre_row", "centre_column", *DIGEST,
)  # fmt: skip


@dataclass(frozen=True)
class PixelMeasures:
    """How `in_chunks` measures the pixels of images with values in `limits`; it pickles, and so reaches workers."""

    limits: Range

    def __call__(self, images: Images) -> Columns:
        """Measure images; see `measure_pixels`."""
        return measure_pixels(images, self.limits)


def measure_pixels(images: Images, limits: Range) -> Columns:
    """Measure each image, (n, h, w) or (n, h, w, c), of any type: PIXEL_COLUMNS, (n,) each.

    not_finite: how many pixels are NaN or infinite; all that follow but the digest mean nothing where there are some.
    lowest, highest: of the finite values, pixel units; inf and -inf where there are none. contrast: the range of the
    values of that channel in which it is widest, pixel units. border_mean, background: mean and median of the outermost
    rows and columns, channels averaged, pixel units; NaN below 3×3 pixels. border_zeros: values there that are 0.
    mean, std, ink (the sum), entropy (bits): of the values on the unit scale of `limits`. top, left, bottom, right: the
    box of the pixels above 0, ends inclusive; -1 where there are none. centre_row, centre_column: centre of mass in
    index coordinates; NaN where there is no mass. digest_high, digest_low: 128 bits of type, shape and pixels.
    """
    from pipelines.kernels.moments import measure_moments

    moments = measure_moments(images)
    high, low = digest(images).T
    flat = images.reshape(len(images), int(np.prod(images.shape[1:])))
    return {
        **measure_ranges(images),
        **describe_intensity(flat, limits),
        **{name: getattr(moments, name).astype(np.int32) for name in BOX},
        "centre_row": moments.row,
        "centre_column": moments.column,
        "digest_high": high,
        "digest_low": low,
    }


def measure_ranges(images: Images) -> dict[str, Column]:
    """Give the columns not_finite, lowest, highest, contrast, border_mean, background and border_zeros."""
    return {**_ranges(images), **_border(images)}


def _ranges(images: Images) -> dict[str, Column]:
    """Give not_finite, lowest, highest and contrast."""
    planes = as_planes(images)
    not_finite = np.zeros(len(images), np.int32)
    low_values = high_values = planes
    if images.dtype.kind == "f":
        finite = np.isfinite(planes)
        not_finite = (~finite).sum(axis=(1, 2, 3), dtype=np.int32)
        if not_finite.any():
            low_values, high_values = np.where(finite, planes, np.inf), np.where(finite, planes, -np.inf)
    lowest = low_values.min(axis=(1, 2)).astype(np.float64)
    highest = high_values.max(axis=(1, 2)).astype(np.float64)
    return {
        "not_finite": not_finite,
        "lowest": lowest.min(axis=1),
        "highest": highest.max(axis=1),
        "contrast": (highest - lowest).max(axis=1),
    }


def _border(images: Images) -> dict[str, Column]:
    """Give border_mean, background and border_zeros."""
    height, width = images.shape[1:3]
    ring = images[:, outermost(height, width)]  # (n, ring) or (n, ring, channels)
    zeros = (ring == 0).sum(axis=tuple(range(1, ring.ndim)), dtype=np.int32)
    if min(height, width) < 3:
        unknown = np.full(len(images), np.nan)
        return {"border_mean": unknown, "background": unknown.copy(), "border_zeros": zeros}
    with np.errstate(invalid="ignore"):
        grey = ring.mean(axis=2, dtype=np.float64) if ring.ndim == 3 else ring
        mean = grey.mean(axis=1, dtype=np.float64)
    return {"border_mean": mean, "background": _medians(grey), "border_zeros": zeros}


def _medians(values: Column) -> Column:
    """Give the median of each row, (n, m) to (n,) float64, the mean of the middle two where there are two."""
    middle = values.shape[1] // 2
    ordered = np.partition(values, [middle - 1, middle] if values.shape[1] % 2 == 0 else [middle], axis=1)
    if values.shape[1] % 2:
        return np.asarray(ordered[:, middle], np.float64)
    return np.asarray(ordered[:, middle - 1].astype(np.float64) / 2 + ordered[:, middle].astype(np.float64) / 2)


def in_chunks(images: Images, measure: Callable[[Images], Columns]) -> Columns:
    """Measure images some at a time, CHUNK_BYTES of them as float32, and join the columns."""
    rows = max(1, CHUNK_BYTES // max(1, 4 * int(np.prod(images.shape[1:]))))
    return join_columns([measure(images[first : first + rows]) for first in range(0, max(1, len(images)), rows)])


def join_columns(parts: Sequence[Columns]) -> Columns:
    """Join the columns of several parts, at least one, which have the same."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
