"""Images that stay in a dataset's files: read on demand, never all at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from mnist_data.parquet.dataset import BATCH_BYTES, Dataset, read_images

Rows = npt.NDArray[np.intp]

PIECE = 8 * 2**20
"""Bytes of images read at once, about: a default row group of 10,000 images of 28x28."""

LARGEST = 8
"""A larger row group is taken whole up to so many pieces; each further part of it costs reading all of it again."""

VISITS = 2
"""How often in an epoch each piece is read, for one half of its images each time: so twice as many pieces are mixed."""


class StoredImages:
    """Images of one split in any order, indexed like an array: by slice or by their places.

    The piece read last is cached, so that consecutive slices read each row group once.
    """

    def __init__(self, source: Dataset, split: str, piece: int = PIECE) -> None:
        """Take all images of a split; piece: bytes that are read at once, about."""
        metadata = source.metadata
        self.dtype = np.dtype(metadata.dtype)
        self.image_bytes = metadata.image_bytes
        rows = max(1, piece // self.image_bytes)
        self._pieces = [
            replace(part, start=first, rows=min(LARGEST * rows, part.rows - first))
            for part in source.partitions(rows, [split])
            for first in range(0, part.rows, LARGEST * rows)
        ]
        self._bounds = np.cumsum([0, *(part.rows for part in self._pieces)])
        self._rows: Rows = np.arange(self._bounds[-1])
        self._shape = metadata.shape
        self._last: tuple[int, Images] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, h, w) or (n, h, w, c)."""
        return (len(self), *self._shape)

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: npt.NDArray[np.bool_ | np.intp]) -> StoredImages:
        """Choose images, by a (n,) mask or by their places, without reading them."""
        chosen = copy(self)
        chosen._rows = self._rows[rows]
        return chosen

    def __getitem__(self, places: slice | Rows) -> Images:
        """Read the chosen images, in the order of `places`."""
        rows = self._rows[places]
        images = np.empty((len(rows), *self._shape), self.dtype)
        for piece, of in self._by_piece(rows):
            images[of] = self._read(piece, rows[of])
        return images

    def pieces(self, order: np.random.Generator) -> Iterator[tuple[Images, Rows]]:
        """Read each image once, half a piece at a time, in random order; yield each half with its images' places."""
        visits = [
            (piece, part)
            for piece, places in self._by_piece(self._rows)
            for part in np.array_split(order.permutation(places), min(VISITS, len(places)))
        ]
        for visit in order.permutation(len(visits)):
            piece, places = visits[visit]
            yield self._read(piece, self._rows[places]), places

    def _by_piece(self, rows: Rows) -> Iterator[tuple[int, Rows]]:
        """Give the pieces that hold some of the rows, and the places of those among the rows."""
        order = np.argsort(rows, kind="stable")
        ends = np.searchsorted(rows, self._bounds, sorter=order)
        for piece in np.flatnonzero(np.diff(ends)).tolist():
            yield piece, order[ends[piece] : ends[piece + 1]]

    def _read(self, piece: int, rows: Rows) -> Images:
        if self._last is None or self._last[0] != piece:
            self._last = None  # not two pieces at once
            self._last = piece, read_images(self._pieces[piece])
        return np.asarray(self._last[1][rows - self._bounds[piece]])


def parts_of(images: Images | StoredImages, most: int) -> Iterator[slice]:
    """Cut images into parts of at most `most` of them and of BATCH_BYTES, or one image where that is larger."""
    rows = max(1, min(most, BATCH_BYTES // max(1, math.prod(images.shape[1:]) * images.dtype.itemsize)))
    for first in range(0, len(images), rows):
        yield slice(first, first + rows)
