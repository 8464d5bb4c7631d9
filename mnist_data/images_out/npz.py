"""A dataset as NumPy's arrays in one .npz file, named as Keras names them: x_train, y_train, x_test, y_test."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from mnist_data import storage
from mnist_data.batch import MAX_NUMPY_RANK, shape_text
from mnist_data.errors import WrongUse
from mnist_data.idx.names import split_name
from mnist_data.images_in.class_list import folder_names
from mnist_data.images_in.stream import UNLABELLED
from mnist_data.images_out.samples import labels_of
from mnist_data.parquet.dataset import Dataset, read_batches

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time of a zip archive, which each member has, so that the same dataset gives the same bytes."""

LEVEL = 6
"""Of deflate, as numpy.savez_compressed takes it."""


def write_npz(source: Dataset, place: Path, *, overwrite: bool = False) -> list[Path]:
    """Write all splits into one file: `place` where it ends with .npz, else into that folder, named as the dataset.

    The arrays are x_SPLIT, (n, *shape) of the dataset's type, and y_SPLIT, (n,) uint8 where the labels fit and int64
    otherwise, −1 for none; a split `unlabelled` has no labels. class_names are there where the dataset has them. The
    arrays are written batch by batch; memory is bounded by a batch and the labels of a split. Raises OutputExists, or
    WrongUse for items of more dimensions than an array of NumPy has.
    """
    if len(source.metadata.shape) >= MAX_NUMPY_RANK:
        raise WrongUse(
            f"{source.location} holds items of shape {shape_text(source.metadata.shape)}; NumPy's arrays have at most "
            f"{MAX_NUMPY_RANK} dimensions, the first for the items. IDX holds up to 255: --form idx."
        )
    name = folder_names([source.metadata.dataset or "dataset"])[0]
    path = place if place.suffix == ".npz" else place / f"{name}.npz"
    storage.require_free(path, overwrite)
    with storage.new_file(path) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for split in source.splits:
            _write_split(source, split, archive)
        if source.metadata.classes:
            names = np.array(source.metadata.classes, np.str_)
            with _member(archive, "class_names", names.dtype, names.shape) as file:
                file.write(names.tobytes())
    return [path]


def _write_split(source: Dataset, split: str, archive: zipfile.ZipFile) -> None:
    metadata, name = source.metadata, split_name(split)
    dtype = np.dtype(metadata.dtype).newbyteorder("<")
    with _member(archive, f"x_{name}", dtype, (source.splits[split], *metadata.shape)) as file:
        for batch in read_batches(source, split):
            file.write(np.ascontiguousarray(batch.images, dtype).reshape(-1).view(np.uint8).data)
    labels: npt.NDArray[np.generic] = labels_of(source, split)
    if split == "unlabelled" and (labels == UNLABELLED).all():
        return
    if len(labels) == 0 or (labels.min() >= 0 and labels.max() <= 255):
        labels = labels.astype(np.uint8)
    with _member(archive, f"y_{name}", labels.dtype, labels.shape) as file:
        file.write(labels.tobytes())


@contextmanager
def _member(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype[np.generic], shape: tuple[int, ...]
) -> Iterator[IO[bytes]]:
    """Open an array of the archive, whose header is written and whose values are to follow."""
    info = zipfile.ZipInfo(f"{name}.npy", EPOCH)
    info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with archive.open(info, "w", force_zip64=True) as file:
        npy.write_array_header_1_0(file, header)
        yield file
