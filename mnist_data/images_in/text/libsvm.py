"""LIBSVM's text: a label and the pixels that are not 0, each with its index, as `7 155:3 156:18`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_data.errors import WrongUse
from mnist_data.idx.layout import Layout, as_announced, layout_of, parse_size
from mnist_data.images_in.stream import Form, Options, Source
from mnist_data.images_in.text.reader import SKIPPED
from mnist_data.images_in.text.rows_of_text import Begin, Chunk, Floats, agree, dtype_of
from mnist_data.images_in.text.sparse import SparseStream
from mnist_data.images_in.text.table import NoImages, first_rows, split_of

LINE = re.compile(rb"[+-]?[\d.]+([eE][+-]?\d+)?([ \t]+qid:\d+)?([ \t]+\d+:[^\s:]+)*[ \t]*(#.*)?")

FIRST_LINES = 24

LARGER_SIDES = 6
"""How many longer sides are tried than the last pixel that is not 0 needs: the lowest rows may be empty everywhere."""

SIGNS = ("-1", "1")
"""The labels of two classes, as machines that separate two have them."""

SPLITS = {"t": "test", "tr": "train", "val": "validation"}
"""How the splits are named at the end of LIBSVM's files, as in mnist.scale.t."""


@dataclass(frozen=True)
class _Scan:
    """What a first pass over a file has seen.

    first: the index of the first pixel, 0 or 1. pixels: up to the last. labels: their smallest and largest.
    """

    path: str
    first: int
    pixels: int
    dtype: str
    labels: tuple[float, float]
    note: str


def libsvm_streams(sources: Sequence[Source], options: Options) -> list[SparseStream]:
    """Read the files once for their largest index and their values, and open each as a split."""
    scans = [_scan(source) for source in sources]
    streams = []
    pixels = max(scan.pixels for scan in scans)
    layout = _layout(scans, pixels, options.size)
    for scan in scans:
        stream = _stream(scan, layout, scan.dtype)
        stream.split = options.split or _split(scan.path)
        larger = math.prod(layout.stored)
        rounded = f"{scan.path}: the last pixel that is not 0 is number {pixels:,}; an image has {larger:,}."
        stream.notes = tuple(filter(None, (scan.note, rounded if larger > pixels else "", layout.note)))
        streams.append(stream)
    agree(streams)
    if all(scan.labels == (-1, 1) for scan in scans):
        for stream in streams:
            stream.classes = SIGNS
            stream.notes += (f"{stream.path}: its labels are the signs of two classes, {SIGNS[0]} and {SIGNS[1]}.",)
    return streams


def _scan(source: Source) -> _Scan:
    path = source.path
    stream = SparseStream(path, "", as_announced((0,)), "float64", Begin(), False, np.empty(0, np.int64))
    low, high = np.inf, -np.inf
    for chunk in stream.chunks():
        if chunk.labels is not None:
            low, high = min(low, chunk.labels.min()), max(high, chunk.labels.max())
    labels = (float(low), float(high))
    if not stream.seen or stream.seen[1] < 0:
        raise NoImages(path, "no pixels that are not 0")
    smallest, largest, low, high, fractions = stream.seen
    zero_based = smallest == 0 or b"zero-based" in source.head[:1_000]
    note = f"{path}: its indices begin at 0." if zero_based else ""
    dtype = "float32" if fractions else dtype_of(np.array([low, high]))
    return _Scan(path, int(not zero_based), int(largest) + zero_based, dtype, labels, note)


class _LibsvmStream(SparseStream):
    """Rows whose labels are numbers, or the signs of two classes."""

    def labels(self, chunk: Chunk, first: int, last: int) -> npt.NDArray[np.int64]:
        """Give the labels of some rows: 0 for -1 and 1 for 1, where these are the signs of two classes."""
        labels = super().labels(chunk, first, last)
        return (labels > 0).astype(np.int64) if self.classes == SIGNS else labels


def _stream(scan: _Scan, layout: Layout, dtype: str) -> SparseStream:
    pixels = np.arange(math.prod(layout.stored))
    places = np.concatenate((np.full(scan.first, SKIPPED), pixels))
    return _LibsvmStream(scan.path, "", layout, dtype, Begin(), False, places)


def _layout(scans: Sequence[_Scan], pixels: int, size: str | None) -> Layout:
    """Find the size of the images: the smallest that holds the last pixel and on which the pixels agree."""
    path = scans[0].path
    if size is not None:
        if math.prod(parse_size(size)) < pixels:
            raise WrongUse(f"{path}: its images have {pixels:,} pixels or more, and --size {size} has fewer.")
        return layout_of((math.prod(parse_size(size)),), np.empty((0, 0)), path, size)
    side = math.isqrt(pixels - 1) + 1
    colour = 3 * (math.isqrt((pixels - 1) // 3) + 1) ** 2
    lengths = [longer**2 for longer in range(side, side + LARGER_SIDES)]
    for length in [colour, *lengths] if colour == pixels != lengths[0] else [*lengths, colour]:
        rows = _dense(scans[0], length)
        try:
            return layout_of((length,), rows, path)
        except WrongUse:
            continue
    raise WrongUse(
        f"{path}: the last pixel that is not 0 is number {pixels:,}, and the pixels do not decide which size an image "
        "has; give it, as in --size 28x28."
    )


def _dense(scan: _Scan, length: int) -> Floats:
    return first_rows(_stream(scan, as_announced((length,)), "float64"))


def _split(path: str) -> str:
    """Give the split that a name says: mnist.scale.t.bz2 is test."""
    parts = Path(path).name.lower().split(".")[1:]
    return next((SPLITS[part] for part in reversed(parts) if part in SPLITS), split_of(path))


def recognises(source: Source) -> bool:
    """Say whether the first lines are labels and pairs."""
    lines = [line.strip() for line in source.head.splitlines()[: FIRST_LINES + 1]]
    whole = [line for line in lines if line and not line.startswith(b"#")]
    if len(whole) > 1:
        whole.pop()  # it may be cut off
    return any(b":" in line for line in whole) and all(LINE.fullmatch(line) or b"," in line[:8] for line in whole)


FORM = Form("LIBSVM", (".libsvm", ".svm", ".svmlight"), recognises, libsvm_streams)
