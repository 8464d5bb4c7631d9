"""Images and labels that are arrays already, whatever file they lie in: .npz, .npy, HDF5 or MATLAB."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import shape_text
from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.idx.column_major import require_row_major
from mnist_data.idx.layout import CHANNELS, layout_of, parse_size
from mnist_data.idx.names import split_order
from mnist_data.images_in.arrays.array_labels import flat_labels, joint_classes
from mnist_data.images_in.arrays.array_sets import ArraySet
from mnist_data.images_in.arrays.stored import OpenArray, ReversedItems, StoredArray
from mnist_data.images_in.local_files import sha256_of
from mnist_data.images_in.stream import UNLABELLED, ImageStream, Options, Rows

FIRST_ITEMS = 1_000
"""Items that decide how the pixels lie."""


class ArrayStream(ImageStream):
    """The images of one split. images: items first. labels: (n,) int64; None where there are none.

    Raises WrongUse for items that are no images, UnreadableInput for pixels that are no numbers.
    """

    def __init__(
        self,
        files: Sequence[str],
        split: str,
        images: StoredArray,
        labels: npt.NDArray[np.int64] | None,
        options: Options,
        columns: Mapping[str, npt.NDArray[Any]] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.path, self.files, self.split = files[0], tuple(files), split
        self._images, self._columns = images, dict(columns or {})
        self._labels = np.full(images.shape[0], UNLABELLED, np.int64) if labels is None else labels
        item_shape = _item_shape(self.path, images.shape, options.size)
        first = images.first(FIRST_ITEMS)
        require_row_major(
            self.path,
            (images.shape[0], *item_shape),
            first.reshape(len(first), *item_shape),
            (block.reshape(len(block), *item_shape) for block in images.blocks(FIRST_ITEMS)),
        )
        self._layout = layout_of(item_shape, first.reshape(len(first), *item_shape), self.path, options.size)
        self.shape = self._layout.shape
        self.dtype = _stored_type(images)
        unlabelled = f"{self.path}: its images have no labels." if labels is None else ""
        self.notes = tuple(note for note in (*notes, self._layout.note, unlabelled) if note)

    @property
    def sha256(self) -> str:
        """SHA-256 of the file; of a pair, that of the digests of both."""
        digests = [sha256_of(file) for file in self.files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()

    def rows(self, count: int) -> Iterator[Rows]:
        """Give the images in order. Raises UnreadableInput where the file is damaged."""
        start = 0
        for items in self._images.blocks(count):
            images = np.ascontiguousarray(self._layout.images(items)).astype(self.dtype, copy=False)
            rows = slice(start, start + len(items))
            columns = {name: values[rows] for name, values in self._columns.items()}
            yield Rows(images, self._labels[rows], columns)
            start += len(items)
        if not start:
            yield Rows(np.empty((0, *self.shape), self.dtype), self._labels, {})


def array_streams(sets: Sequence[ArraySet], options: Options) -> list[ArrayStream]:
    """Open sets of arrays as splits: labels brought into a row and numbered alike in all of them, images first.

    Raises MismatchedPair for labels that are not one for each image; whatever ArrayStream raises.
    """
    labelled_items = {
        each.images.shape[1:] for each in sets if each.labels and each.images.shape[0] in each.labels.shape
    }
    placed = [_items_first(each, options.size, each.images.shape[1:] in labelled_items) for each in sets]
    labelled = [
        flat_labels(each.labels.whole(), images.shape[0], each.files[-1])
        for each, (images, _) in zip(sets, placed, strict=True)
        if each.labels is not None
    ]
    names = next((each.names for each in sets if each.names), ())
    numbers, classes = joint_classes(labelled, names)
    remaining = iter(numbers)
    streams = []
    for each, (images, note) in zip(sets, placed, strict=True):
        labels = None if each.labels is None else next(remaining)
        if labels is not None and len(labels) and bool((labels == UNLABELLED).all()):
            labels = None
        split = each.split or "train" if labels is not None else "unlabelled"
        columns = {name: values.whole().reshape(-1) for name, values in each.columns.items()}
        one_hot = each.labels is not None and math.prod(each.labels.shape) > images.shape[0] > 0
        told = f"{each.files[-1]}: its one-hot labels are read as the number of the 1." if one_hot else ""
        stream = ArrayStream(each.files, split, images, labels, options, columns, (note, told))
        stream.classes = classes
        streams.append(stream)
    return sorted(streams, key=lambda stream: split_order(stream.split))


def _items_first(arrays: ArraySet, size: str | None, as_labelled: bool = False) -> tuple[StoredArray, str]:
    """Bring the axis that counts the images to the front, where it is the last, as in MATLAB; and say so.

    size: of an image as the user gives it, which can decide it. as_labelled: whether images with labels in the same
    file have the size of these, if the first axis counts them.
    """
    images, shape = arrays.images, arrays.images.shape
    labels = arrays.labels.shape if arrays.labels is not None else ()
    last = shape[-1] in labels and shape[0] not in labels
    if arrays.labels is None:
        # Images are square far more often than there are as many of them as they are wide.
        wide = len(shape) in (3, 4) and shape[0] == shape[1] and shape[-1] > max(shape[0], *CHANNELS)
        last = wide and not as_labelled
    if size is not None and math.prod(parse_size(size)) == math.prod(shape[1:]):
        last = last and math.prod(shape[1:]) == math.prod(shape[:-1])
    if not last:
        return ReversedItems(images) if images.reversed_axes else images, ""
    note = f"{images.path}: an array of {shape_text(shape)} is read as {shape[-1]:,} images, by its last axis."
    whole = images.whole()
    return OpenArray(images.path, whole.T if images.reversed_axes else np.moveaxis(whole, -1, 0)), note


def _item_shape(path: str, shape: Sequence[int], size: str | None) -> tuple[int, ...]:
    """Give the shape of an item without axes of length 1 that no image has; the whole shape where the user gives it.

    Raises WrongUse for what is no image.
    """
    item = tuple(shape[1:])
    if size is not None and parse_size(size) == item:
        return item
    if len(item) > 3:
        item = tuple(side for side in item if side > 1)
    volume = len(item) == 3 and item[0] not in CHANNELS and item[2] not in CHANNELS
    if not item or len(item) > 3 or volume or 0 in item:
        what = "volumes" if volume or len(item) > 3 else "no images"
        possible = len(shape) > 2 and 0 not in shape
        advice = f" --size {'x'.join(map(str, shape[1:]))} takes its items as they are." if possible else ""
        raise WrongUse(
            f"{path}: an array of {shape_text(shape)} holds {what}; images are height×width, or with "
            f"{', '.join(map(str, CHANNELS[:-1]))} or {CHANNELS[-1]} channels.{advice}"
        )
    return item


def _stored_type(images: StoredArray) -> str:
    """Give the type in which a dataset holds the pixels: that of the array, or a narrower one with the same values."""
    kind = images.dtype
    if kind.kind == "b":
        return "uint8"
    if kind.kind in "iu" and kind.itemsize == 8:
        return _narrow_type(images)
    if kind.kind not in "iuf":
        raise UnreadableInput(images.path, f"images of the type {kind.name}", "numbers", "Save the pixels as numbers.")
    return "float64" if kind.itemsize > 8 else kind.newbyteorder("=").name


def _narrow_type(images: StoredArray) -> str:
    low, high = 0, 0
    for block in images.blocks(FIRST_ITEMS):
        low, high = min(low, int(block.min(initial=0))), max(high, int(block.max(initial=0)))
    limits = ((name, np.iinfo(name)) for name in ("uint8", "int16", "int32"))
    narrow = (name for name, limit in limits if limit.min <= low and high <= limit.max)
    return next(narrow, images.dtype.newbyteorder("=").name)
