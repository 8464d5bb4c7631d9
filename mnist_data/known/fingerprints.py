"""Fingerprints of known images: a few kilobytes that identify them in any order, and the rows that were altered.

A fingerprint holds, of one split as published,
- a sketch, the rows with the smallest hashes (bottom-k; Broder 1997), from which the fraction of the rows present is
  estimated;
- two tables for set reconciliation, invertible Bloom lookup tables (Eppstein, Goodrich, Uyeda, Varghese: What's the
  Difference? Efficient Set Reconciliation without Prior Context, SIGCOMM 2011): one of the images, one of the images
  with their labels. The table of other rows is subtracted cell by cell; rows in both cancel, and the rows in only one
  of them are read off, if they are not many.

Everything but the sketch is a sum, so the order of rows does not matter, and a whole is the sum of its splits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data.batch import Images, Integers
from mnist_data.known.splitmix import scatter

Hashes = npt.NDArray[np.uint64]
"""(n,) uint64, one a row."""
Cells = npt.NDArray[Any]
"""(CELLS,) of the type CELL."""

SKETCH: Final = 1024
"""Rows in a sketch: of 1,000 out of 60,000 images, 17 are among them."""
CELLS: Final = 256
"""Cells of a table; 120 differing rows, 60 on either side, are read off in 999 cases of 1,000, and 180 in 96 of 100."""
ROUNDING: Final = 1e-4
"""How far a float times 255 may be from an integer: what float32 loses in a division and a multiplication."""
PLACES: Final = 4
"""Cells in which each row is entered, one in each quarter of the table."""

CELL: Final = np.dtype(
    {
        "names": ["count", "key", "check", "label", "row", "place"],
        "formats": ["<u4", "<u8", "<u4", "<u4", "<u4", "<u4"],
    }
)
"""Sums over the rows in a cell: how many, keys, checks of the keys, labels, row numbers, checks of key and row."""
ERROR: Final = (2 / CELLS) ** 0.5
"""The relative standard error of `differing`."""
SKETCHED: Final = np.dtype([("hash", "<u8"), ("label", "<u4")])

_LABEL: Final = np.uint64(0x9E3779B97F4A7C15)
_COPY: Final = np.uint64(0xD1B54A32D192ED03)
DATA: Final = Path(__file__).with_name("fingerprints.parquet")


@dataclass(frozen=True)
class Rows:
    """The rows of one split, reduced to what is compared.

    hashes: (n,) uint64 of the pixels. labels: (n,) int64, None where there are none. ids: (n,) int64.
    """

    hashes: Hashes
    labels: Integers | None
    ids: Integers

    def __len__(self) -> int:
        return len(self.hashes)

    def keys(self, *, labelled: bool) -> Hashes:
        """Give what each row is looked up by, all different: later copies of a row have keys of their own."""
        keys = self.hashes + self.label_words(labelled=labelled).astype(np.uint64) * _LABEL
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        first = np.r_[True, ordered[1:] != ordered[:-1]] if len(keys) else np.empty(0, bool)
        places = np.arange(len(keys))
        copies = np.empty(len(keys), np.uint64)
        copies[order] = places - np.maximum.accumulate(np.where(first, places, 0))
        return np.asarray(keys + copies * _COPY)

    def take(self, order: npt.NDArray[np.int64]) -> Rows:
        """Give the rows in another order."""
        return Rows(self.hashes[order], None if self.labels is None else self.labels[order], self.ids[order])

    def label_words(self, *, labelled: bool) -> npt.NDArray[np.uint32]:
        """Give the labels as a table holds them: 0 in a table of images only."""
        if labelled and self.labels is not None:
            return self.labels.astype(np.uint32)
        return np.zeros(len(self), np.uint32)


@dataclass(frozen=True)
class Fingerprint:
    """The fingerprint of one published split, or of several together.

    shape: of an image. start: the number of its first row, counted on from the training split.
    sketch: (SKETCH,) or fewer, of the type SKETCHED, by hash. images, labelled: tables.
    """

    dataset: str
    split: str
    shape: tuple[int, ...]
    rows: int
    start: int
    sketch: npt.NDArray[Any]
    images: Cells
    labelled: Cells

    def __add__(self, other: Fingerprint) -> Fingerprint:
        """Join two splits; hashes beyond the bound of either sketch are left out of the joint one."""
        bound = min(self.bound, other.bound)
        sketch = np.concatenate([self.sketch, other.sketch])
        sketch = np.sort(sketch[sketch["hash"] <= bound], order="hash")
        tables = [add(self.images, other.images), add(self.labelled, other.labelled)]
        split, start = f"{self.split} and {other.split}", min(self.start, other.start)
        return Fingerprint(self.dataset, split, self.shape, self.rows + other.rows, start, sketch, *tables)

    @property
    def bound(self) -> np.uint64:
        """The hash up to which the sketch holds all rows."""
        whole = len(self.sketch) >= self.rows
        return np.uint64(2**64 - 1) if whole else np.uint64(self.sketch["hash"][-1])


@dataclass(frozen=True)
class Element:
    """A row that only one side has. hash: of its pixels. row: its number, None where it cannot be recovered."""

    key: int
    hash: int
    label: int
    row: int | None


def canonical(images: Images) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Bring images to the bytes they were published as, and say for which rows that succeeded, (n,) bool.

    Integral values from 0 to 255 of any type are taken as they are; floats up to 1 as bytes divided by 255.
    A single channel is left out.
    """
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.dtype == np.uint8:
        return images, np.ones(len(images), bool)
    values = images.reshape(len(images), math.prod(images.shape[1:]))
    with np.errstate(invalid="ignore", over="ignore"):
        if values.dtype.kind == "f":
            scaled = values.max(axis=1, initial=0, keepdims=True) <= 1
            values = values * np.where(scaled, 255, 1).astype(values.dtype)
            whole = np.clip(np.nan_to_num(np.rint(values)), 0, 255)
        else:
            # A type that cannot hold 255 cannot take it as a limit (NumPy 2.0).
            largest = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1
            whole = np.clip(values, 0, min(255, int(largest)))
        exact = (np.abs(values - whole) <= ROUNDING).all(axis=1)
    return whole.astype(np.uint8).reshape(images.shape), exact


def hash_images(images: Images) -> Hashes:
    """Hash each image: BLAKE2b to 8 bytes of its pixels as bytes, the shape as personalization.

    Images that are not bytes, nor bytes divided by 255, are hashed as they are and so match nothing.
    """
    pixels, exact = canonical(images)
    hashes = _hash_rows(pixels)
    if not exact.all():
        hashes[~exact] = _hash_rows(images[~exact])
    return hashes


def _hash_rows(images: Images) -> Hashes:
    size = images[:1].nbytes
    person = ("×".join(map(str, images.shape[1:])) + images.dtype.str[1:]).encode()[:16]
    data = np.ascontiguousarray(images).tobytes()
    starts = range(0, len(data), size) if size else []
    digests = [blake2b(data[start : start + size], digest_size=8, person=person).digest() for start in starts]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def table_of(rows: Rows, numbers: Integers, *, labelled: bool) -> Cells:
    """Sum the rows into a table; numbers: (n,) their row numbers."""
    keys = rows.keys(labelled=labelled)
    fields: dict[str, npt.NDArray[Any]] = {
        "count": np.ones(len(keys), np.uint32),
        "key": keys,
        "check": _check(keys),
        "label": rows.label_words(labelled=labelled),
        "row": numbers.astype(np.uint32),
        "place": _check_place(keys, numbers),
    }
    places = _places(keys)
    cells = np.zeros(CELLS, CELL)
    for name, values in fields.items():
        sums = np.zeros(CELLS, CELL[name])
        for place in places:
            np.add.at(sums, place, values)  # the sums are meant to wrap
        cells[name] = sums
    return cells


def add(left: Cells, right: Cells) -> Cells:
    """Give the table of two sets of rows together."""
    return _each(left, right, np.add)


def subtract(left: Cells, right: Cells) -> Cells:
    """Give the table of the rows that only one side has; those of `right` count negative."""
    return _each(left, right, np.subtract)


def _each(left: Cells, right: Cells, function: np.ufunc) -> Cells:
    cells = np.empty(CELLS, CELL)
    for name in CELL.names or ():
        cells[name] = function(left[name], right[name])
    return cells


def decode(cells: Cells, keys: Hashes, numbers: Integers) -> tuple[list[Element], list[Element], bool] | None:
    """Read off the rows that only the left side has, those of the right side, and whether all other numbers agree.

    keys, numbers: (n,) of the rows of the right side. None where too many rows differ to be read off.
    """
    cells = cells.copy()
    missing: list[Element] = []
    extra: list[Element] = []
    for numbered in (True, False):  # at first only rows whose number can be read in one of their cells
        waiting = list(range(CELLS))
        while waiting and len(missing) + len(extra) <= CELLS:
            sign, element = _element(cells[waiting.pop()], keys, numbers)
            if element is not None and (element.row is not None or not numbered):
                (missing if sign > 0 else extra).append(element)
                waiting.extend(_remove(cells, element, sign))
    if any(cells[name].any() for name in ("count", "key", "check")):
        return None
    return missing, extra, not (cells["row"].any() or cells["place"].any())


def _element(cell: Any, keys: Hashes, numbers: Integers) -> tuple[int, Element | None]:
    """Read a cell that holds one row, 1 or -1 by its side; None where it holds none or several."""
    sign = int(cell["count"].view(np.int32))
    key = sign * int(cell["key"]) % 2**64
    if abs(sign) != 1 or int(_check(np.array([key], np.uint64))[0]) != sign * int(cell["check"]) % 2**32:
        return sign, None
    label, row = (sign * int(cell[name]) % 2**32 for name in ("label", "row"))
    word = (key - label * int(_LABEL)) % 2**64
    if sign < 0:
        at = np.flatnonzero(keys == np.uint64(key))
        return sign, Element(key, word, label, int(numbers[at[0]])) if len(at) else None
    place = int(_check_place(np.array([key], np.uint64), np.array([row]))[0])
    return sign, Element(key, word, label, row if place == sign * int(cell["place"]) % 2**32 else None)


def _remove(cells: Cells, element: Element, sign: int) -> list[int]:
    """Take a row out of its cells, and give their places."""
    keys, row = np.array([element.key], np.uint64), np.array([element.row or 0])
    places = [int(place[0]) for place in _places(keys)]
    sums = (1, element.key, _check(keys)[0], element.label, row[0], _check_place(keys, row)[0])
    for name, value in zip(CELL.names or (), sums, strict=True):
        kind = CELL[name]
        cells[name][places] -= kind.type(sign * int(value) % 2 ** (8 * kind.itemsize))
    return places


def differing(cells: Cells) -> float:
    """Estimate how many rows only one side has, to a tenth or so, where they are too many to be read off.

    By the squares of the counts, as in Alon, Matias, Szegedy: The Space Complexity of Approximating the Frequency
    Moments, STOC 1996.
    """
    counts = cells["count"].view(np.int32).astype(float)
    return float(((counts - counts.mean()) ** 2).sum() / PLACES / (1 - PLACES / CELLS))


def _places(keys: Hashes) -> list[npt.NDArray[np.int64]]:
    quarter, words = CELLS // PLACES, scatter(keys, 1)
    return [
        (words >> np.uint64(16 * place)).astype(np.uint16).astype(np.int64) % quarter + quarter * place
        for place in range(PLACES)
    ]


def _check(keys: Hashes) -> npt.NDArray[np.uint32]:
    return scatter(keys, 2).astype(np.uint32)


def _check_place(keys: Hashes, numbers: Integers) -> npt.NDArray[np.uint32]:
    return scatter(keys ^ scatter(numbers.astype(np.uint64), 3), 4).astype(np.uint32)


def fingerprint(dataset: str, split: str, shape: Sequence[int], rows: Rows, start: int) -> Fingerprint:
    """Take the fingerprint of a published split; its rows are numbered from `start`."""
    words = rows.label_words(labelled=True)
    order = np.argsort(rows.hashes, kind="stable")[:SKETCH]
    sketch = np.empty(len(order), SKETCHED)
    sketch["hash"], sketch["label"] = rows.hashes[order], words[order]
    numbers = np.arange(start, start + len(rows))
    tables = [table_of(rows, numbers, labelled=labelled) for labelled in (False, True)]
    return Fingerprint(dataset, split, tuple(shape), len(rows), start, sketch, *tables)


def write_fingerprints(path: str | Path, fingerprints: Iterable[Fingerprint]) -> None:
    """Write fingerprints into one Parquet file, one a row."""
    pq.write_table(
        pa.Table.from_pylist(
            [
                {
                    "dataset": known.dataset,
                    "split": known.split,
                    "shape": list(known.shape),
                    "rows": known.rows,
                    "start": known.start,
                    "sketch": known.sketch.tobytes(),
                    "images": known.images.tobytes(),
                    "labelled": known.labelled.tobytes(),
                }
                for known in fingerprints
            ]
        ),
        str(path),
        compression="zstd",
    )


@cache
def read_fingerprints(path: str | Path = DATA) -> tuple[Fingerprint, ...]:
    """Read fingerprints; without a file those that ship with the package."""
    return tuple(
        Fingerprint(
            row["dataset"],
            row["split"],
            tuple(row["shape"]),
            row["rows"],
            row["start"],
            np.frombuffer(row["sketch"], SKETCHED),
            np.frombuffer(row["images"], CELL),
            np.frombuffer(row["labelled"], CELL),
        )
        for row in pq.ParquetFile(str(path)).read().to_pylist()
    )
