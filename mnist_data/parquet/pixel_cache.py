"""Pixels kept unpacked in the user's cache folder, so that a dataset is unpacked once and read many times.

An entry is one file: the images of a split as they lie in memory, their labels and ids, and a checksum for each image.
It is found by the content hash of its dataset, and used only where all of these are right: its size, its header, the
checksum of each image that is taken from it, and the dataset's files, whose SHA-256 is compared with the content hash
whenever their size, times or inodes are not those of the last time. MNIST_DATA_CACHE names the folder, or is `off`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from mnist_data import storage
from mnist_data.batch import Images, Integers, array_shape
from mnist_data.parquet.dataset import Dataset, below
from mnist_data.parquet.manifest import content_hash, logical
from mnist_data.storage.temporary import draft_file, sweep_drafts

MOST_BYTES = 1 << 31
"""Of all entries together; beyond it those that were not used for the longest time are removed."""

LEAST_BYTES = 1 << 22
"""Of an entry: the pixels of fewer are unpacked in milliseconds."""

SPARE_BYTES = 1 << 30
"""Left free on the disk: nothing is kept where less would be."""

ENTRY, SEEN = ".pixels", ".seen"
"""How the names of entries end, and of the empty files that say in which state a dataset's files had their content."""

HEADER = 4096
"""Bytes before the pixels, so that they begin at a page of memory."""

FORMAT = 1
CHUNK_BYTES = 1 << 20
TOUCHED = 60.0
"""Seconds within which the use of an entry is not noted again."""

Checks = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Split:
    """A split of a dataset on a local disk, as the cache knows it."""

    dataset: Dataset
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all its images: (n, *shape)."""
        return (self.dataset.splits[self.name], *array_shape(self.dataset.metadata.shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a pixel, as it lies in the file."""
        return np.dtype(self.dataset.metadata.dtype).newbyteorder("<")

    @property
    def pixel_bytes(self) -> int:
        """Bytes of all its images."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def key(self) -> str:
        """By which its entry is found."""
        return hashlib.sha256(f"{self.dataset.content}/{self.name}".encode()).hexdigest()[:40]

    @property
    def identity(self) -> dict[str, object]:
        """What the header of its entry has to say."""
        kind = {"split": self.name, "shape": list(self.shape), "dtype": self.dtype.str}
        return {"format": FORMAT, "content": self.dataset.content, **kind}

    def state(self) -> str:
        """Tell one state of its files from another without reading them."""
        facts = []
        for path in (path for split, path in self.dataset.files if split == self.name):
            stat = Path(path).stat()
            facts.append((below(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev))
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]

    def has_its_content(self) -> bool:
        """Say whether the dataset's files are those of its content hash, by reading all of them."""
        files = [(logical(below(path)), storage.sha256_of(Path(path))) for _, path in self.dataset.files]
        return content_hash(files) == self.dataset.content


def is_worthwhile(dataset: Dataset, split: str) -> bool:
    """Say whether the pixels of a split are kept once they have been read: neither few nor too many, on a disk."""
    if storage.is_remote(dataset.location) or cache_folder() is None:
        return False
    return LEAST_BYTES <= Split(dataset, split).pixel_bytes <= MOST_BYTES // 2


def cache_folder() -> Path | None:
    """Give the folder of the entries, which need not be there yet; None where the cache is off or has no place."""
    return storage.results_folder("pixels")


def state_of(dataset: Dataset, split: str) -> str:
    """Tell one state of a split's files from another without reading them."""
    return Split(dataset, split).state()


class DamagedEntryError(Exception):
    """An entry that is not as it was written. Users never see it: the pixels are unpacked again."""


@dataclass(frozen=True)
class Entry:
    """An entry that is open. labels, ids: (n,) int64. checks: of each image."""

    split: Split
    file: IO[bytes]
    labels: Integers
    ids: Integers
    checks: Checks

    def read_into(self, images: Images) -> None:
        """Read all images into an array, (n, *shape). Raises DamagedEntryError where one of them is another."""
        rows = _as_rows(images)
        step = max(1, CHUNK_BYTES // max(1, rows.shape[1]))
        starts = range(0, len(rows), step)
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
            if not all(pool.map(lambda start: self._read_rows(rows[start : start + step], start), starts)):
                raise DamagedEntryError

    def _read_rows(self, rows: npt.NDArray[np.uint8], start: int) -> bool:
        with Path(self.file.name).open("rb", buffering=0) as file:  # of its own: threads share the place in a file
            file.seek(HEADER + start * rows.shape[1])
            whole = _fill(file, rows.data.cast("B"))
        return whole and np.array_equal(image_checks(rows), self.checks[start : start + len(rows)])

    def take(self, rows: npt.NDArray[np.intp]) -> Images:
        """Give some images, (len(rows), *shape), in the order of `rows`. Raises DamagedEntryError for changed ones."""
        with mmap(self.file.fileno(), 0, access=ACCESS_READ) as mapped:
            width = self.split.pixel_bytes // max(1, len(self.labels))
            whole = np.frombuffer(mapped, np.uint8, self.split.pixel_bytes, HEADER).reshape(-1, width)
            chosen = whole.take(rows, axis=0)
            del whole  # the map cannot be closed while an array views it
        if not np.array_equal(image_checks(chosen), self.checks[rows]):
            raise DamagedEntryError
        return chosen.view(self.split.dtype).reshape(len(rows), *self.split.shape[1:])


@contextmanager
def opened(dataset: Dataset, split: str) -> Iterator[Entry | None]:
    """Give the entry of a split, or None where there is none that can be trusted.

    Where the block raises DamagedEntryError or OSError, the entry is removed, and what follows the block goes on.
    """
    folder, wanted = cache_folder(), Split(dataset, split)
    if folder is None or storage.is_remote(dataset.location):
        yield None
        return
    path = folder / f"{wanted.key}{ENTRY}"
    try:
        file = path.open("rb", buffering=0)
    except OSError:  # none is there, or none that we may read
        yield None
        return
    with file:
        try:
            entry = _trusted(wanted, file, folder)
        except (DamagedEntryError, OSError, ValueError):
            _remove(path)
            entry = None
        if entry is None:
            yield None
            return
        _touch(path)
        try:
            yield entry
        except (DamagedEntryError, OSError):
            _remove(path)


def _trusted(wanted: Split, file: IO[bytes], folder: Path) -> Entry | None:
    """Read what stands around the pixels; None where the files are not, or not for sure, those of the content hash.

    Raises DamagedEntryError, OSError or ValueError for an entry that is not as it was written.
    """
    samples = wanted.shape[0]
    if os.fstat(file.fileno()).st_size != HEADER + wanted.pixel_bytes + 24 * samples:
        raise DamagedEntryError
    header = np.zeros(HEADER, np.uint8)
    table = np.empty((3, samples), np.uint64)
    whole = _fill(file, header.data)
    file.seek(HEADER + wanted.pixel_bytes)
    if not (whole and _fill(file, table.data.cast("B")) and header.tobytes() == _header(wanted, table)):
        raise DamagedEntryError
    if not _is_seen(wanted, folder):
        return None
    return Entry(wanted, file, table[0].view(np.int64), table[1].view(np.int64), table[2])


def _header(wanted: Split, table: Checks) -> bytes:
    """Give the header of an entry with these labels, ids and checksums, (3, n), with the hash of all."""
    padded = np.zeros(-(-table.size // 1024) * 1024, np.uint64)
    padded[: table.size] = table.reshape(-1)
    digest = hashlib.sha256(image_checks(padded.view(np.uint8).reshape(-1, 8192)).tobytes()).hexdigest()
    return json.dumps({**wanted.identity, "table": digest}, sort_keys=True).encode().ljust(HEADER)


def _is_seen(wanted: Split, folder: Path) -> bool:
    """Say whether the files of a split are those of the content hash, and note their state where they are."""
    state = wanted.state()
    seen = folder / f"{wanted.key}-{state}{SEEN}"
    if seen.exists():
        return True
    if not wanted.has_its_content() or wanted.state() != state:
        return False
    with suppress(OSError):
        seen.touch()
    return True


def keep(dataset: Dataset, split: str, images: Images, labels: Integers, ids: Integers, state: str) -> None:
    """Keep a split that has been read, if that can be done; where it cannot, nothing is kept and nothing is raised.

    images: (n, *shape), contiguous. state: of the files before they were read; if they have changed, or are not those
    of the content hash, what was read does not belong to it.
    """
    folder, wanted = cache_folder(), Split(dataset, split)
    if folder is None or not is_worthwhile(dataset, split):
        return
    table = np.stack([labels.view(np.uint64), ids.view(np.uint64), image_checks(_as_rows(images))])
    header = _header(wanted, table)
    with suppress(OSError):  # a folder that is read-only, or a full disk
        folder.mkdir(parents=True, exist_ok=True)
        if len(header) > HEADER or shutil.disk_usage(folder).free < wanted.pixel_bytes + SPARE_BYTES:
            return
        if not _is_seen(wanted, folder) or wanted.state() != state:
            return
        path = folder / f"{wanted.key}{ENTRY}"
        with draft_file(folder, path.name) as draft:
            with draft.open("wb", buffering=0) as file:
                for piece in (memoryview(header), _as_rows(images).data, table.data):
                    _write(file, piece.cast("B"))
            draft.replace(path)  # not flushed to the disk: what a crash leaves of it has other checksums
        _trim(folder, path)


def image_checks(rows: npt.NDArray[np.uint8]) -> Checks:
    """Give a checksum for each row, (n, bytes) -> (n,): the sum of its words times odd numbers, modulo 2 ** 64.

    As an odd number has an inverse, any change of one word changes the sum; of other changes one in 2 ** 64 does not.
    It takes 2 ms for 47 MB, where SHA-256 takes 50.
    """
    width = next(width for width in (8, 4, 2, 1) if rows.shape[1] % width == 0)
    words = rows.view(f"<u{width}")
    sums = np.einsum("ij,j->i", words, _weights(words.shape[1]), dtype=np.uint64, casting="same_kind")
    return np.asarray(sums, np.uint64)


@lru_cache(maxsize=8)
def _weights(count: int) -> Checks:
    drawn = np.random.Philox(FORMAT).random_raw(count)
    return np.asarray(drawn, np.uint64) | np.uint64(1)


def _as_rows(images: Images) -> npt.NDArray[np.uint8]:
    """View images as (n, bytes)."""
    width = math.prod(images.shape[1:]) * images.dtype.itemsize
    return images.reshape(-1).view(np.uint8).reshape(len(images), width)


def _fill(file: IO[bytes], view: memoryview) -> bool:
    """Fill a view from a file; False where the file ends before."""
    while view:  # a read may give less than was asked for
        count = file.readinto(view)  # type: ignore[attr-defined]
        if not count:
            return False
        view = view[count:]
    return True


def _write(file: IO[bytes], view: memoryview) -> None:
    while view:
        view = view[file.write(view) :]


def _touch(path: Path) -> None:
    """Note that an entry is used, by its time."""
    with suppress(OSError):
        if abs(time.time() - path.stat().st_mtime) > TOUCHED:
            os.utime(path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
        for seen in path.parent.glob(f"{path.stem}-*{SEEN}"):
            seen.unlink(missing_ok=True)


def entries(folder: Path) -> list[tuple[int, int, Path]]:
    """List the entries of a cache, the longest unused first: (last use in ns, bytes, path)."""
    listed = []
    for path in folder.glob(f"*{ENTRY}"):
        with suppress(OSError):  # removed by another process
            stat = path.stat()
            listed.append((stat.st_mtime_ns, stat.st_size, path))
    return sorted(listed)


def _trim(folder: Path, latest: Path) -> None:
    """Keep the cache below MOST_BYTES, and remove what killed processes have left; the latest entry stays."""
    sweep_drafts(folder)
    listed = entries(folder)
    total = sum(size for _, size, _ in listed)
    for _, size, path in listed:
        if total <= MOST_BYTES:
            return
        if path != latest:
            _remove(path)
            total -= size
