"""Counts: sums over the images of a split, pixel by pixel and class by class, and the tables made of them.

Sums merge in any order. Values in the tables are on the unit scale of `Range`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Batch
from mnist_data.parquet.schema import Metadata
from pipelines.images.measures.background import Polarity
from pipelines.images.measures.intensity import Range


@dataclass(frozen=True)
class Sums:
    """Sums over images of one split, exact for integer pixels. The arrays are (classes, pixels).

    labels: the classes present, ascending. counts: images of each. histogram: (classes, bins), of the pixel values.
    """

    labels: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    sums: npt.NDArray[Any]
    squares: npt.NDArray[Any]
    lowest: npt.NDArray[Any]
    highest: npt.NDArray[Any]
    nonzero: npt.NDArray[np.int64]
    histogram: npt.NDArray[np.int64]

    def merge(self, other: Sums) -> Sums:
        """Join the sums of two groups of images."""
        labels = np.union1d(self.labels, other.labels)
        mine, theirs = self.spread(labels), other.spread(labels)
        return Sums(
            labels,
            mine.counts + theirs.counts,
            mine.sums + theirs.sums,
            mine.squares + theirs.squares,
            np.minimum(mine.lowest, theirs.lowest),
            np.maximum(mine.highest, theirs.highest),
            mine.nonzero + theirs.nonzero,
            mine.histogram + theirs.histogram,
        )

    def spread(self, labels: npt.NDArray[np.int64]) -> Sums:
        """Give the same sums with a row for each of `labels`, neutral where a class is not present."""
        empty = _empty_sums(labels, self.sums.shape[1], self.lowest.dtype, self.histogram.shape[1])
        rows = np.searchsorted(labels, self.labels)
        for name in ("counts", "sums", "squares", "lowest", "highest", "nonzero", "histogram"):
            getattr(empty, name)[rows] = getattr(self, name)
        return empty

    def total(self) -> Sums:
        """Join all classes into one, labelled -1."""
        label = np.array([-1])
        none = _empty_sums(label, self.sums.shape[1], self.lowest.dtype, self.histogram.shape[1])
        return Sums(
            label,
            self.counts.sum(keepdims=True),
            self.sums.sum(axis=0, keepdims=True),
            self.squares.sum(axis=0, keepdims=True),
            self.lowest.min(axis=0, keepdims=True, initial=none.lowest[0, 0]),
            self.highest.max(axis=0, keepdims=True, initial=none.highest[0, 0]),
            self.nonzero.sum(axis=0, keepdims=True),
            self.histogram.sum(axis=0, keepdims=True),
        )

    def class_means(self, unit: float) -> dict[int, npt.NDArray[np.float64]]:
        """Give the mean image of each class, flat, on the unit scale."""
        return {
            int(label): total / (count * unit)
            for label, count, total in zip(self.labels, self.counts, self.sums, strict=True)
        }


def _empty_sums(labels: npt.NDArray[np.int64], pixels: int, dtype: np.dtype[Any], bins: int) -> Sums:
    shape = (len(labels), pixels)
    # Squares of 16-bit values over 2**31 images still fit 64 bits; wider values and floats are summed as floats.
    wide: type[np.generic] = np.int64 if dtype.kind in "ui" and dtype.itemsize <= 2 else np.float64
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "ui" else (-np.inf, np.inf)
    return Sums(
        labels,
        np.zeros(len(labels), np.int64),
        np.zeros(shape, wide),
        np.zeros(shape, wide),
        np.full(shape, high, dtype),
        np.full(shape, low, dtype),
        np.zeros(shape, np.int64),
        np.zeros((len(labels), bins), np.int64),
    )


def sum_up(batch: Batch, limits: Range, bins: int) -> Sums:
    """Sum one batch."""
    from pipelines.kernels.accumulate import accumulate, count_bytes, count_values

    flat = np.ascontiguousarray(batch.flat)
    # numba has no arithmetic on half floats, and float32 holds each of them exactly.
    flat = flat.astype(np.float32) if flat.dtype == np.float16 else flat
    labels, rows = np.unique(batch.labels, return_inverse=True)
    sums = _empty_sums(labels, flat.shape[1], flat.dtype, bins)
    accumulate(flat, rows.reshape(-1), sums.counts, sums.sums, sums.squares, sums.lowest, sums.highest, sums.nonzero)
    width = (limits.high - limits.low) / bins
    if flat.dtype == np.uint8:
        levels = np.zeros((len(labels), 256), np.int64)
        count_bytes(flat, rows.reshape(-1), levels)
        at = np.clip(((np.arange(256) - limits.low) / width).astype(np.int64), 0, bins - 1)
        np.add.at(sums.histogram.T, at, levels.T)
    else:
        count_values(flat, rows.reshape(-1), limits.low, width, sums.histogram)
    return sums


def tabulate(
    by_split: Mapping[str, Sums], metadata: Metadata, limits: Range, polarities: Mapping[str, Polarity]
) -> dict[str, pd.DataFrame]:
    """Make the tables summary, classes, pixels and intensity of the sums of each split."""
    summaries = [
        {**_summary(split, sums, metadata, limits), "polarity": polarities[split]} for split, sums in by_split.items()
    ]
    return {
        "summary": pd.DataFrame(summaries),
        "classes": pd.concat([_classes(split, sums, metadata) for split, sums in by_split.items()], ignore_index=True),
        "pixels": pd.concat(
            [_pixels(split, sums, metadata, limits) for split, sums in by_split.items()], ignore_index=True
        ),
        "intensity": pd.concat(
            [_intensity(split, sums, limits) for split, sums in by_split.items()], ignore_index=True
        ),
    }


def _summary(split: str, sums: Sums, metadata: Metadata, limits: Range) -> dict[str, Any]:
    everything = sums.total()
    samples, pixels = int(everything.counts[0]), everything.sums.shape[1]
    values = samples * pixels
    mean = _ratio(everything.sums.sum(), values)
    square = _ratio(everything.squares.sum(), values)
    height, width, *channels = metadata.shape
    return {
        "split": split,
        "samples": samples,
        "classes": int((sums.counts > 0).sum()),
        "height": height,
        "width": width,
        "channels": channels[0] if channels else 1,
        "mean": mean / limits.unit,
        "std": float(np.sqrt(max(0.0, square - mean**2))) / limits.unit,
        "minimum": float(everything.lowest.min()) / limits.unit if samples else np.nan,
        "maximum": float(everything.highest.max()) / limits.unit if samples else np.nan,
        "zero_fraction": 1 - _ratio(everything.nonzero.sum(), values),
        "entropy": entropy(everything.histogram[0]),
    }


def entropy(counts: npt.NDArray[np.int64]) -> float:
    """Give Shannon's entropy of counts, in bits; NaN where there are none.

    >>> entropy(np.array([2, 1, 1, 0]))
    1.5
    """
    fraction = counts[counts > 0] / max(1, counts.sum())
    return abs(float(-(fraction * np.log2(fraction)).sum())) if len(fraction) else float("nan")


def _ratio(part: Any, whole: int) -> float:
    return float(part) / whole if whole else float("nan")


def _classes(split: str, sums: Sums, metadata: Metadata) -> pd.DataFrame:
    present = dict(zip(sums.labels.tolist(), sums.counts.tolist(), strict=True))
    labels = sorted({*present, *range(len(metadata.classes))})
    counts = [present.get(label, 0) for label in labels]
    return pd.DataFrame(
        {
            "split": split,
            "label": labels,
            "name": [metadata.class_name(label) for label in labels],
            "samples": counts,
            "fraction": np.array(counts) / max(1, sum(counts)),
        }
    )


def _pixels(split: str, sums: Sums, metadata: Metadata, limits: Range) -> pd.DataFrame:
    return pd.concat(
        [_pixel_table(split, label, group, metadata, limits) for label, group in _groups(sums)], ignore_index=True
    )


def _groups(sums: Sums) -> Sequence[tuple[Any, Sums]]:
    """Give the sums of all classes together, without a label, and of each class."""
    return [(pd.NA, sums.total()), *((int(label), _only(sums, row)) for row, label in enumerate(sums.labels))]


def _only(sums: Sums, row: int) -> Sums:
    chosen = slice(row, row + 1)
    return Sums(**{name: getattr(sums, name)[chosen] for name in vars(sums)})


def _pixel_table(split: str, label: Any, sums: Sums, metadata: Metadata, limits: Range) -> pd.DataFrame:
    shape = (*metadata.shape, 1)[:3]
    row, column, channel = (axis.reshape(-1) for axis in np.indices(shape, np.int32))
    count = int(sums.counts[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums.sums[0] / np.float64(count)
        variance = np.maximum(0, sums.squares[0] / np.float64(count) - mean**2)
        nonzero = sums.nonzero[0] / np.float64(count)
        lowest, highest = sums.lowest[0] / limits.unit, sums.highest[0] / limits.unit
    if not count:  # as NaN of the same type, which a split without samples must not change
        lowest, highest = np.full_like(lowest, np.nan), np.full_like(highest, np.nan)
    return pd.DataFrame(
        {
            "split": split,
            "label": pd.array([label] * len(row), dtype="Int64"),
            "row": row,
            "column": column,
            "channel": channel,
            "mean": mean / limits.unit,
            "std": np.sqrt(variance) / limits.unit,
            "minimum": lowest,
            "maximum": highest,
            "nonzero_fraction": nonzero,
        }
    )


def _intensity(split: str, sums: Sums, limits: Range) -> pd.DataFrame:
    edges = np.linspace(limits.low, limits.high, sums.histogram.shape[1] + 1) / limits.unit
    parts = [
        pd.DataFrame({"split": split, "low": edges[:-1], "high": edges[1:], "pixels": group.histogram[0]}).assign(
            label=pd.array([label] * (len(edges) - 1), dtype="Int64")
        )
        for label, group in _groups(sums)
    ]
    return pd.concat(parts, ignore_index=True)[["split", "label", "low", "high", "pixels"]]
