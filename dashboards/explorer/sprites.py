"""The images of some samples, small and of 8 bits, as the grid draws them."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress

import numpy as np
import numpy.typing as npt
from PIL import Image

from dashboards.explorer.samples import Rows
from mnist_data.batch import Images, array_shape
from mnist_data.parquet import pixel_cache
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.pixels import read_arrays, take_arrays
from mnist_data.parquet.preview import Pixels, to_uint8

SIDE = 64
"""Pixels of the longer side of a sprite; larger images are made smaller."""

IN_MEMORY = 1 << 27
"""Bytes of a split up to which its images are held, where the pixel cache has them not."""

SCALED_BY = 1_000
"""Samples by whose lowest and highest value images of floats are brought to 8 bits."""


class Sprites:
    """Images of a dataset by their rows, from the pixel cache where it may be used.

    height, width: of a sprite, in pixels. channels: 1 or 3.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._sources: dict[str, pixel_cache.Entry | Images | None] = {}
        self._range: tuple[float, float] | None = None
        shape = self._as_pictures(np.zeros((1, *array_shape(dataset.metadata.shape)), np.uint8)).shape
        self.height, self.width = _fitted(shape[1], shape[2])
        self.channels = shape[3] if len(shape) == 4 else 1

    def close(self) -> None:
        """Close what is open of the cache."""
        self._stack.close()

    def images(self, rows: Rows) -> Images:
        """Give images as they lie in the dataset, (n, *shape), in the order of the rows."""
        places = rows.astype(np.intp)
        images = np.empty(
            (len(rows), *array_shape(self._dataset.metadata.shape)), np.dtype(self._dataset.metadata.dtype)
        )
        start = 0
        for split, count in self._dataset.splits.items():
            within = np.flatnonzero((places >= start) & (places < start + count))
            if len(within):
                images[within] = self._take(split, places[within] - start)
            start += count
        return images

    def pictures(self, rows: Rows) -> Pixels:
        """Give images of 8 bits in their own size, (n, height, width[, 3])."""
        return self.as_pictures(self.images(rows))

    def tiles(self, rows: Rows) -> Pixels:
        """Give sprites, (n, height, width[, 3])."""
        pictures = self.pictures(rows)
        if pictures.shape[1:3] == (self.height, self.width):
            return pictures
        size = (self.width, self.height)
        smaller = [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BOX)) for each in pictures]
        return np.stack(smaller) if smaller else np.empty((0, self.height, self.width, *pictures.shape[3:]), np.uint8)

    def _take(self, split: str, places: npt.NDArray[np.intp]) -> Images:
        source = self._source(split)
        with suppress(pixel_cache.DamagedEntryError, OSError):
            if isinstance(source, np.ndarray):
                return source[places]
            if source is not None:
                return source.take(places)
        return take_arrays(self._dataset, [split], places, cache=False).images

    def _source(self, split: str) -> pixel_cache.Entry | Images | None:
        """Open the pixels of a split once; where they are few and not in the cache, read them."""
        with self._lock:
            if split not in self._sources:
                self._sources[split] = self._opened(split)
            return self._sources[split]

    def _opened(self, split: str) -> pixel_cache.Entry | Images | None:
        entry = self._stack.enter_context(pixel_cache.opened(self._dataset, split))
        if entry is not None:
            return entry
        if not pixel_cache.is_worthwhile(self._dataset, split):
            few = self._dataset.splits[split] * self._dataset.metadata.image_bytes <= IN_MEMORY
            return read_arrays(self._dataset, [split]).images if few else None
        images = read_arrays(self._dataset, [split]).images
        entry = self._stack.enter_context(pixel_cache.opened(self._dataset, split))
        return images if entry is None else entry

    def _to_uint8(self, images: Images) -> Pixels:
        if images.dtype.kind == "u":
            return to_uint8(images)
        if self._range is None:
            first = self.images(np.arange(min(SCALED_BY, len(self._dataset)), dtype=np.int32)).astype(np.float64)
            finite = first[np.isfinite(first)]
            self._range = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        low, high = self._range
        scaled = (np.nan_to_num(images.astype(np.float64), nan=low) - low) / ((high - low) or 1.0)
        return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)

    def as_pictures(self, images: Images) -> Pixels:
        """Bring images of this kind to 8 bits, (n, height, width[, 3])."""
        return self._as_pictures(self._to_uint8(images))

    @staticmethod
    def _as_pictures(images: Pixels) -> Pixels:
        """View images of any shape as (n, height, width[, 3])."""
        shape = images.shape
        if len(shape) == 4 and shape[3] == 1:
            return np.asarray(images[..., 0])
        if len(shape) == 3 or (len(shape) == 4 and shape[3] == 3):
            return images
        rows = 1 if len(shape) < 3 else shape[1]
        return np.asarray(images.reshape(len(images), rows, -1))


def _fitted(height: int, width: int) -> tuple[int, int]:
    """Give the size of a sprite, which keeps the proportions of its image.

    >>> _fitted(28, 28), _fitted(256, 128)
    ((28, 28), (64, 32))
    """
    factor = min(1.0, SIDE / max(height, width, 1))
    return max(1, round(height * factor)), max(1, round(width * factor))
