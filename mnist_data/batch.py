"""The batch: what every stage takes and returns, arrays of equal length and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[Any]
"""(n, height, width) or (n, height, width, channels); any IDX dtype, ink bright on a dark background."""
Integers = npt.NDArray[np.int64]
"""(n,) int64."""

MAX_NUMPY_RANK = 64
MOST_SIZES_SHOWN = 8


def array_shape(item_shape: Sequence[int]) -> tuple[int, ...]:
    """Give the shape in which NumPy holds one of several items: flat where their array had more than 64 dimensions.

    >>> array_shape((28, 28)), array_shape([2, *[1] * 200])
    ((28, 28), (2,))
    """
    return tuple(item_shape) if len(item_shape) < MAX_NUMPY_RANK else (math.prod(item_shape),)


def shape_text(sizes: Sequence[int]) -> str:
    """Write a shape for a reader; of one with very many dimensions the first and the last.

    >>> shape_text((28, 28)), shape_text([3, *[1] * 200, 5, 7])
    ('28×28', '3×1×1×…×5×7 (203 dimensions)')
    """
    if len(sizes) <= MOST_SIZES_SHOWN:
        return "×".join(map(str, sizes))
    first, last = ("×".join(map(str, some)) for some in (sizes[:3], sizes[-2:]))
    return f"{first}×…×{last} ({len(sizes)} dimensions)"


def count_text(count: int) -> str:
    """Write a count for a reader; of one that no computer can hold the order alone.

    >>> count_text(47_040_000), count_text(2**8000)
    ('47,040,000', '10^2408')
    """
    return f"{count:,}" if count < 10**18 else f"10^{int(math.log10(count))}"


def exchange_axes(items: npt.NDArray[Any], item_shape: Sequence[int]) -> npt.NDArray[Any]:
    """Exchange the first two axes of items, (n, *array_shape(item_shape)), of any rank from 2: rows become columns."""
    rows, columns, *others = item_shape
    exchanged = items.reshape(len(items), rows, columns, math.prod(others)).swapaxes(1, 2)
    return np.ascontiguousarray(exchanged).reshape(len(items), *array_shape((columns, rows, *others)))


@dataclass(frozen=True)
class Batch:
    """Samples of one split.

    ids: (n,) int64, each sample's identity through all stages.
    labels: (n,) int64.
    images: (n, height, width) or (n, height, width, channels).
    columns: whatever else is known of each sample, name -> (n,) array (writer, augmentation parameters, ...),
        of numbers, or of strings as Python objects.
    """

    ids: Integers
    labels: Integers
    images: Images
    columns: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def flat(self) -> Images:
        """The images as (n, pixels), whatever their shape, also where there are none."""
        return self.images.reshape(len(self), math.prod(self.images.shape[1:]))

    @property
    def finite(self) -> npt.NDArray[np.bool_]:
        """Say which samples have no NaN or infinite pixel, (n,) bool; integer images are not scanned."""
        if self.images.dtype.kind != "f":
            return np.ones(len(self), np.bool_)
        return np.asarray(np.isfinite(self.flat).all(axis=1))

    def take(self, rows: npt.NDArray[Any] | slice) -> Batch:
        """Give the chosen samples, by boolean mask, index or slice."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Batch(self.ids[rows], self.labels[rows], self.images[rows], columns)

    def with_columns(self, columns: Mapping[str, npt.NDArray[Any]]) -> Batch:
        """Give the same samples with more known of each."""
        return Batch(self.ids, self.labels, self.images, {**self.columns, **columns})
