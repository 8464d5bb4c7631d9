"""Labelled images of any form, read once to their end: how many, which labels, and what they are by their pixels."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from mnist_data.batch import Images, Integers
from mnist_data.idx.label_values import advice_on
from mnist_data.images_in.stream import UNLABELLED, ImageStream
from mnist_data.known import fingerprints
from mnist_data.known.fingerprints import Fingerprint
from mnist_data.known.identify import BATCH, MAX_ROWS, Part, fits, hashed_rows, joined_rows
from mnist_data.parquet.dataset import BATCH_BYTES
from mnist_data.parquet.schema import Source


@dataclass(frozen=True)
class Scan:
    """What was read of one split. labels: the different ones, ascending. unlabelled: samples without one.

    part: the hashes of its images.
    """

    stream: ImageStream
    rows: int
    labels: Integers
    unlabelled: int
    part: Part

    @property
    def notes(self) -> tuple[str, ...]:
        """What `convert` would decide, and what it would say of the labels."""
        advice = "" if self.stream.classes else advice_on(set(self.labels.tolist()))
        return (*self.stream.notes, *([f"{self.stream.path}: {advice}."] if advice else []))

    @property
    def source(self) -> Source:
        """The file or folder that was read."""
        stream = self.stream
        name = stream.path.rstrip("/").rsplit("/", 1)[-1]
        return Source(name, stream.split, "file", stream.sha256, stream.dtype, (self.rows, *stream.shape))


@dataclass(frozen=True)
class _HashedPart(Part):
    """Images that were hashed while they were read. hashes: by whether rows and columns were exchanged."""

    hashes: tuple[fingerprints.Rows, fingerprints.Rows]

    def hashed(self, *, transposed: bool) -> fingerprints.Rows:
        """Give the hashes."""
        return self.hashes[transposed]


def orientations(shape: tuple[int, ...], known: Sequence[Fingerprint]) -> list[bool]:
    """Say how images of a shape can be known ones: as they are (False), with rows and columns exchanged (True)."""
    return [turned for turned in (False, True) if any(fits(shape, split.shape, transposed=turned) for split in known)]


def scan(stream: ImageStream, turned: Collection[bool] = (False,)) -> Scan:
    """Read a split to its end; memory is bounded by a batch, and 24 bytes a row for each orientation that is hashed.

    turned: the orientations, see `orientations`. Raises what reading the stream raises.
    """
    hashes: dict[bool, list[fingerprints.Rows]] = {False: [_no_rows()], True: [_no_rows()]}
    rows, unlabelled, labels = 0, 0, np.empty(0, np.int64)
    for batch in stream.rows(_batch_rows(stream)):
        ids = np.arange(rows, rows + len(batch.labels))
        rows += len(batch.labels)
        unlabelled += int((batch.labels == UNLABELLED).sum())
        labels = np.union1d(labels, batch.labels)
        for transposed in turned if rows <= MAX_ROWS else ():
            own = _comparable(stream, batch.labels)
            hashes[transposed].append(hashed_rows(batch.images, own, ids, transposed=transposed))
    joined = joined_rows(hashes[False]), joined_rows(hashes[True])
    part = _HashedPart(stream.split, tuple(stream.shape), rows, lambda: iter(()), joined)
    return Scan(stream, rows, labels[labels != UNLABELLED], unlabelled, part)


def first_images(stream: ImageStream, count: int) -> Images:
    """Give the first images of a split, (n, *shape), at most `count`."""
    images: Images = np.empty((0, *stream.shape), stream.dtype)
    for batch in stream.rows(min(count, _batch_rows(stream))):
        images = np.concatenate([images, batch.images])[:count]
        if len(images) == count:
            break
    return images


def _batch_rows(stream: ImageStream) -> int:
    """Give how many images are read at once: not more than 64 MB of pixels."""
    return max(1, min(BATCH, BATCH_BYTES // max(1, np.dtype(stream.dtype).itemsize * math.prod(stream.shape))))


def _comparable(stream: ImageStream, labels: Integers) -> Integers | None:
    """Give labels where they can be those of a known dataset: numbers, and not the numbers of names."""
    numbered = all(name == str(label) for label, name in enumerate(stream.classes))
    return labels if numbered and (labels != UNLABELLED).all() else None


def _no_rows() -> fingerprints.Rows:
    return fingerprints.Rows(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))
