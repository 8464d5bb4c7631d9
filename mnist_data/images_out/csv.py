"""A dataset as CSV, as Kaggle's competitions have it: label,pixel0,pixel1,…, a line an image and a file a split."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mnist_data import storage
from mnist_data.batch import Batch, shape_text
from mnist_data.errors import WrongUse
from mnist_data.idx.names import split_name
from mnist_data.images_in.class_list import CLASS_LIST, write_class_list
from mnist_data.images_in.stream import UNLABELLED
from mnist_data.images_in.text.reader import LONGEST_LINE
from mnist_data.images_out.samples import labels_of, require_images
from mnist_data.parquet.dataset import Dataset, read_batches

CELLS = 1 << 20
"""Pixels that are written at a time."""

WIDTHS = {"uint8": 4, "int8": 5, "uint16": 6, "int16": 7, "int32": 12}
"""Characters of a number of each type with its comma, at most."""

LONGEST_NUMBER = 25
"""Characters of a floating-point number with its comma, at most."""


def write_csv(source: Dataset, folder: Path, *, packed: bool = False, overwrite: bool = False) -> list[Path]:
    """Write each split as one CSV file, and the names of the classes where the dataset has some; give their paths.

    packed: by gzip. The split `unlabelled` has no column of labels, in others −1 stands for none. Pixels are written in
    the order of rows, columns and channels; images that are no grey squares have their places for names, 1x1, 1x2, ….
    Raises OutputExists; WrongUse where the items are no images, or a line could not be read again.
    """
    require_images(source, "CSV")
    _require_short_lines(source)
    ending = ".csv.gz" if packed else ".csv"
    paths = {split: folder / f"{split_name(split)}{ending}" for split in source.splits}
    classes = source.metadata.classes
    for path in (*paths.values(), *([folder / CLASS_LIST] if classes else [])):
        storage.require_free(path, overwrite)
    with ExitStack() as stack:
        # All files appear at the end: the drafts are moved when the stack unwinds without an error.
        drafts = {split: stack.enter_context(storage.new_file(path)) for split, path in paths.items()}
        if classes:
            write_class_list(stack.enter_context(storage.new_file(folder / CLASS_LIST)), classes)
        for split, draft in drafts.items():
            with _opened(draft, packed) as file:
                _write_split(source, split, file)
    return [*paths.values(), *([folder / CLASS_LIST] if classes else [])]


def _require_short_lines(source: Dataset) -> None:
    """Raise WrongUse where a line, an image, could be longer than `convert` reads."""
    shape, dtype = source.metadata.shape, source.metadata.dtype
    values = math.prod(shape)
    name = max(len(f"pixel{values}"), len("x".join(map(str, shape)))) + 1  # of the first line's columns
    width = max(name, WIDTHS.get(dtype, LONGEST_NUMBER))
    if values * width > LONGEST_LINE:
        raise WrongUse(
            f"{source.location} holds images of {shape_text(shape)} {dtype}; as CSV each is a line, and a line that is "
            f"read is of at most {LONGEST_LINE >> 20} MiB, {LONGEST_LINE // width:,} values. IDX holds larger ones: "
            "--form idx."
        )


@contextmanager
def _opened(path: Path, packed: bool) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if not packed:
            yield file
            return
        # No name and no time, so that the same dataset gives the same bytes.
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as stream:
            yield cast(IO[bytes], stream)


def _write_split(source: Dataset, split: str, file: IO[bytes]) -> None:
    labelled = split != "unlabelled" or bool((labels_of(source, split) != UNLABELLED).any())
    names = (["label"] if labelled else []) + pixel_names(source.metadata.shape)
    file.write((",".join(names) + "\n").encode())
    rows = max(1, CELLS // len(names))
    for batch in read_batches(source, split):
        for first in range(0, len(batch), rows):
            file.write(_lines(batch.take(slice(first, first + rows)), labelled))


def pixel_names(shape: tuple[int, ...]) -> list[str]:
    """Name the columns of an image's pixels: by their number in a grey square, else by their place from 1.

    >>> pixel_names((2, 2)), pixel_names((1, 2, 2))
    (['pixel0', 'pixel1', 'pixel2', 'pixel3'], ['1x1x1', '1x1x2', '1x2x1', '1x2x2'])
    """
    grey = shape[:2] if shape[2:] in ((), (1,)) else shape
    if len(grey) == 2 and grey[0] == grey[1]:
        return [f"pixel{place}" for place in range(math.prod(shape))]
    return ["x".join(str(place + 1) for place in places) for places in np.ndindex(grey)]


def _lines(batch: Batch, labelled: bool) -> bytes:
    """Write samples as lines. As a table with a column a pixel, large images would take many times their memory."""
    pixels = batch.flat
    if pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)  # whose shortest text is read as the same value
    ends = np.arange(len(batch) + 1, dtype=np.int32) * pixels.shape[1]
    cells = pa.ListArray.from_arrays(ends, pa.array(pixels.reshape(-1)).cast(pa.string()))
    lines = pc.binary_join(cells, ",")
    if labelled:
        lines = pc.binary_join_element_wise(pa.array(batch.labels).cast(pa.string()), lines, ",")
    return "\n".join([*lines.to_pylist(), ""]).encode()
