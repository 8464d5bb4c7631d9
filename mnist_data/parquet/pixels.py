"""The images of whole splits, or some of them, as one array: from the pixel cache, or unpacked from the files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.batch import Images, Integers, array_shape
from mnist_data.errors import DamagedArchive, WrongUse
from mnist_data.parquet import pixel_cache
from mnist_data.parquet.arrays import to_numpy
from mnist_data.parquet.dataset import Dataset, read_columns, read_images
from mnist_data.parquet.files import open_parquet, with_values
from mnist_data.parquet.schema import Metadata, decode_images, image_columns

PIECE_BYTES = 1 << 20
"""Pixels that are unpacked at once: few enough to stay in a core's cache until they are copied to their place."""


@dataclass(frozen=True)
class Arrays:
    """Samples in memory of the caller's own. images: (n, *shape). labels, ids: (n,) int64."""

    images: Images
    labels: Integers
    ids: Integers

    def take(self, rows: npt.NDArray[np.intp] | slice) -> Arrays:
        """Choose samples; those of a slice are views."""
        return Arrays(self.images[rows], self.labels[rows], self.ids[rows])


def read_arrays(dataset: Dataset, splits: Sequence[str], cache: bool = True) -> Arrays:
    """Read the samples of some splits, one split after another.

    cache: use the pixel cache, and keep there what was unpacked where that is worthwhile.
    """
    counts = [dataset.splits[split] for split in splits]
    arrays = _empty(sum(counts), dataset.metadata)
    for split, count, end in zip(splits, counts, accumulate(counts), strict=True):
        _read_split(dataset, split, arrays.take(slice(end - count, end)), cache)
    return arrays


def take_arrays(
    dataset: Dataset,
    splits: Sequence[str],
    rows: npt.ArrayLike | slice | None,
    label: int | None = None,
    cache: bool = True,
) -> Arrays:
    """Read some samples of splits that follow one another, in the order of `rows`.

    rows: places among the samples, negative ones from the end, or a mask, or a slice; None for all. label: only
    samples with it. Raises WrongUse for a row that is not there.
    """
    counts = [dataset.splits[split] for split in splits]
    places = _places(rows, sum(counts), dataset.location)
    pieces = []
    for split, count, end in zip(splits, counts, accumulate(counts), strict=True):
        within = np.flatnonzero((places >= end - count) & (places < end)) if len(splits) > 1 else None
        chosen = places if within is None else places[within] - (end - count)
        taken, kept = _take(dataset, split, chosen, label, cache)
        pieces.append((taken, kept if within is None else within[kept]))
    if len(pieces) == 1:
        return pieces[0][0]
    order = np.argsort(np.concatenate([kept for _, kept in pieces]), kind="stable")
    return Arrays(
        np.concatenate([taken.images for taken, _ in pieces])[order],
        np.concatenate([taken.labels for taken, _ in pieces])[order],
        np.concatenate([taken.ids for taken, _ in pieces])[order],
    )


def _places(rows: npt.ArrayLike | slice | None, count: int, location: str) -> npt.NDArray[np.intp]:
    """Give rows as they count from the first."""
    if rows is None or isinstance(rows, slice):
        return np.arange(count)[rows or slice(None)]
    chosen = np.atleast_1d(np.asarray(rows))
    if chosen.dtype == bool and chosen.shape == (count,):
        return np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise WrongUse(f"rows={rows!r:.60} are neither whole numbers nor a mask of {count:,} values.")
    wrong = chosen[(chosen >= count) | (chosen < -count)] if chosen.size else chosen
    if wrong.size:
        raise WrongUse(f"{location} has no row {wrong[0]:,}; its {count:,} rows count from 0.")
    places = chosen.astype(np.intp)
    return np.where(places < 0, places + count, places)


def _take(
    dataset: Dataset, split: str, rows: npt.NDArray[np.intp], label: int | None, cache: bool
) -> tuple[Arrays, npt.NDArray[np.intp]]:
    """Give some rows of a split, those with the label, and which of the rows they are."""
    if cache:
        with pixel_cache.opened(dataset, split) as entry:
            if entry is not None:
                kept = _with_label(entry.labels, rows, label)
                chosen = rows[kept]
                return Arrays(entry.take(chosen), entry.labels[chosen], entry.ids[chosen]), kept
        if pixel_cache.is_worthwhile(dataset, split):
            arrays = read_arrays(dataset, [split])
            kept = _with_label(arrays.labels, rows, label)
            return arrays.take(rows[kept]), kept
    known = read_columns(dataset, split, ["label", "id"])
    kept = _with_label(known["label"], rows, label)
    chosen = rows[kept]
    return Arrays(_unpack_some(dataset, split, chosen), known["label"][chosen], known["id"][chosen]), kept


def _with_label(labels: Integers, rows: npt.NDArray[np.intp], label: int | None) -> npt.NDArray[np.intp]:
    """Give the places in `rows` of the samples with a label."""
    return np.arange(len(rows)) if label is None else np.flatnonzero(labels[rows] == label)


def _unpack_some(dataset: Dataset, split: str, rows: npt.NDArray[np.intp]) -> Images:
    """Unpack the row groups that some rows of a split lie in, (len(rows), *shape)."""
    images, first = _empty(len(rows), dataset.metadata).images, 0
    for partition in dataset.partitions(1, [split]):
        within = np.flatnonzero((rows >= first) & (rows < first + partition.rows))
        if len(within):
            images[within] = read_images(partition)[rows[within] - first]
        first += partition.rows
    return images


def _read_split(dataset: Dataset, split: str, arrays: Arrays, cache: bool) -> None:
    if cache:
        with pixel_cache.opened(dataset, split) as entry:
            if entry is not None:
                entry.read_into(arrays.images)
                arrays.labels[:], arrays.ids[:] = entry.labels, entry.ids
                return
    worthwhile = cache and pixel_cache.is_worthwhile(dataset, split)
    state = pixel_cache.state_of(dataset, split) if worthwhile else ""
    _unpack_split(dataset, split, arrays)
    if worthwhile:
        pixel_cache.keep(dataset, split, arrays.images, arrays.labels, arrays.ids, state)


def _unpack_split(dataset: Dataset, split: str, arrays: Arrays) -> None:
    """Unpack a split into arrays that are there.

    Raises DamagedArchive and UnreadableInput as other reading does, also where the files now have other rows.
    """
    first = 0
    for path in (path for name, path in dataset.files if name == split):
        with open_parquet(path, mapped=True) as file:
            end = first + file.metadata.num_rows
            if end > len(arrays.labels):
                raise _changed(path)
            _unpack_file(file, path, dataset.metadata, arrays.take(slice(first, end)))
        first = end
    if first != len(arrays.labels):
        raise _changed(dataset.location)


def _unpack_file(file: pq.ParquetFile, path: str, metadata: Metadata, arrays: Arrays) -> None:
    """Unpack the row groups of a file, side by side where it can be opened several times for nothing."""
    footer, names = file.metadata, file.schema_arrow.names
    ends = list(accumulate(footer.row_group(group).num_rows for group in range(footer.num_row_groups)))
    columns = ["label", "id", *image_columns(names, metadata)]

    def unpack(source: pq.ParquetFile, group: int) -> None:
        place = slice(ends[group] - footer.row_group(group).num_rows, ends[group])
        _unpack_group(source, group, columns, path, metadata, arrays.take(place), place.start)

    def unpack_alone(group: int) -> None:
        with open_parquet(path, mapped=True) as own:
            unpack(own, group)

    if storage.is_remote(path) or len(ends) < 2:
        for group in range(len(ends)):
            unpack(file, group)
        return
    for _ in _threads(os.getpid()).map(unpack_alone, range(len(ends))):
        pass


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:  # noqa: ARG001  (threads do not come along into a forked process)
    """Give the threads that unpack. They stay, for Arrow gives each its own memory, which new ones would ask for."""
    return ThreadPoolExecutor(os.cpu_count())


def _unpack_group(
    file: pq.ParquetFile,
    group: int,
    columns: list[str],
    path: str,
    metadata: Metadata,
    arrays: Arrays,
    before: int,
) -> None:
    """Unpack a row group by small pieces. before: rows before it in the file."""
    size, done = max(1, PIECE_BYTES // max(1, metadata.image_bytes)), 0
    for piece in file.iter_batches(size, [group], columns, use_threads=False):
        table = with_values(pa.Table.from_batches([piece]), path, before + done)
        end = done + len(table)
        if end > len(arrays.labels):
            raise _changed(path)
        arrays.images[done:end] = decode_images(table, metadata)
        arrays.labels[done:end], arrays.ids[done:end] = to_numpy(table["label"]), to_numpy(table["id"])
        done = end
    if done != len(arrays.labels):
        raise _changed(path)


def _changed(path: str) -> DamagedArchive:
    return DamagedArchive(path, "its rows have changed while it was read", "the rows of its footer", "Read it again.")


def _empty(samples: int, metadata: Metadata) -> Arrays:
    dtype = np.dtype(metadata.dtype).newbyteorder("<")
    # Of Arrow's memory, which it gives out again: new memory from the system is cleared page by page at its first use.
    memory = pa.allocate_buffer(samples * metadata.image_bytes)
    images = np.frombuffer(memory, dtype).reshape(samples, *array_shape(metadata.shape))
    return Arrays(images, np.empty(samples, np.int64), np.empty(samples, np.int64))
