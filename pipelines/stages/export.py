"""Parquet → IDX, CSV, .npz or class folders. As IDX a converted dataset gives its source files, byte for byte."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data import storage
from mnist_data.batch import Batch, exchange_axes
from mnist_data.errors import WrongUse
from mnist_data.idx.format import Header, Writer
from mnist_data.idx.labels import encode_labels
from mnist_data.idx.layout import Layout, as_announced
from mnist_data.images_out.csv import write_csv
from mnist_data.images_out.folders import write_folders
from mnist_data.images_out.npz import write_npz
from mnist_data.parquet.dataset import Dataset, read_batches
from mnist_data.parquet.schema import Metadata, Source, Stage
from pipelines.settings.stages import ExportForm


@dataclass(frozen=True)
class _Form:
    """How a split's files are to look: as their sources did, or as the data itself suggests."""

    images: Header
    labels: Header
    label_columns: tuple[str, ...]
    transpose: bool
    first_label: int
    layout: Layout
    one_hot: bool
    label_values: tuple[int, ...]


def export(
    source: Dataset,
    place: str | Path,
    *,
    form: ExportForm = "idx",
    as_stored: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Write a dataset into a local folder; give the paths of the files, or of the splits' folders of PNG files.

    as_stored: of IDX, see `export_idx`; the other forms always hold what the dataset does. Raises OutputExists, or
    WrongUse for what the form does not hold.
    """
    if storage.is_remote(place):
        raise WrongUse(f"Files are written to a local folder, not to {place}.")
    if form == "idx":
        return export_idx(source, Path(place), as_stored=as_stored, overwrite=overwrite)
    if as_stored:
        raise WrongUse(f"--as-stored concerns IDX: --form {form} writes what the dataset holds anyway; leave it out.")
    if form == "npz":
        return write_npz(source, Path(place), overwrite=overwrite)
    if form == "folders":
        return write_folders(source, Path(place), overwrite=overwrite)
    return write_csv(source, Path(place), packed=form == "csv.gz", overwrite=overwrite)


def export_idx(source: Dataset, target: Path, *, as_stored: bool = False, overwrite: bool = False) -> list[Path]:
    """Write each split as one IDX file of images and one of labels; give their paths.

    as_stored: write images and labels as they are in the dataset. Otherwise what the conversion corrected (EMNIST's
    transposed images and labels from 1) is undone, so that the source files are reproduced.
    Raises OutputExists, or WrongUse for a pixel type that IDX does not have (float16).
    """
    prefixes = {"test": "t10k"}
    planned = []
    for split in source.splits:
        form = _form(source, split, as_stored)
        prefix = split if prefixes.get(split) in source.splits else prefixes.get(split, split)
        if form.transpose or form.first_label:
            # By this name `convert` knows that images are transposed and where labels start.
            name = re.sub(r"[^\w.+-]", "-", source.metadata.dataset)  # of a file, whatever the metadata say
            prefix = f"{name}-{split}"
        names = [_name(prefix, role, header) for role, header in _roles(form)]
        planned.append((split, form, [target / name for name in names]))
    for _, _, paths in planned:
        for path in paths:
            storage.require_free(path, overwrite)
    return [path for split, form, paths in planned for path in _export_split(source, split, form, paths)]


def _roles(form: _Form) -> tuple[tuple[str, Header], ...]:
    return (("images", form.images), ("labels", form.labels))


def _name(prefix: str, role: str, header: Header) -> str:
    return f"{prefix}-{role}-idx{len(header.shape)}-{header.type_name}"


def _export_split(source: Dataset, split: str, form: _Form, paths: Sequence[Path]) -> Sequence[Path]:
    with ExitStack() as stack:
        # Both files appear at the end: the drafts are moved when the stack unwinds without an error.
        drafts = [stack.enter_context(storage.new_file(path)) for path in paths]
        files = [stack.enter_context(draft.open("wb")) for draft in drafts]
        images, labels = Writer(files[0], form.images), Writer(files[1], form.labels)
        for batch in read_batches(source, split):
            pixels = exchange_axes(batch.images, source.metadata.shape) if form.transpose else batch.images
            images.write(np.ascontiguousarray(form.layout.items(pixels, form.images.item_shape)))
            labels.write(_labels(batch, form))
        images.close()
        labels.close()
    return paths


def _labels(batch: Batch, form: _Form) -> npt.NDArray[Any]:
    labels = batch.labels + form.first_label
    if form.label_values:
        labels = np.asarray(form.label_values)[labels]
    if form.one_hot:
        return encode_labels(labels, "one-hot", form.labels.item_shape)
    if not form.label_columns:
        return labels.reshape(len(labels), *form.labels.item_shape)
    return np.column_stack([labels, *(batch.columns[name] for name in form.label_columns)])


def _form(source: Dataset, split: str, as_stored: bool) -> _Form:
    metadata, rows = source.metadata, source.splits[split]
    stage = None if as_stored else _conversion(metadata)
    parameters, fitted = (stage.parameters, stage.fitted) if stage else ({}, {})
    recorded = fitted.get("forms", {}).get(split, {})
    transpose = bool(parameters.get("transpose"))
    shape = (metadata.shape[1], metadata.shape[0], *metadata.shape[2:]) if transpose else metadata.shape
    layout = as_announced(shape)
    if "stored" in recorded and (stored := _source(metadata, split, "images")):
        layout = Layout(tuple(recorded["stored"]), tuple(recorded["axes"]))
        if layout.shape != shape or math.prod(stored.shape[1:]) != math.prod(shape):
            raise WrongUse(
                f"{source.location}: its images no longer lie as the stage 'convert' recorded them; export them with "
                "--as-stored."
            )
        shape = stored.shape[1:]
    images = Header(np.dtype(metadata.dtype).newbyteorder(">"), (rows, *shape))
    images.encode()  # refuses a type that IDX does not have before a file is begun
    described = _source(metadata, split, "labels")
    first = next(read_batches(source, split, 1), None)
    one_hot = recorded.get("labels") == "one-hot"
    known = described is not None and first is not None and (one_hot or _holds(described, first))
    if known and described is not None and first is not None:
        table = len(described.shape) == 2 and not one_hot
        columns = tuple(first.columns)[: described.shape[1] - 1] if table else ()
        labels = Header(np.dtype(described.dtype), (rows, *described.shape[1:]))
    else:
        wide = "u1" if first is None or _fits_a_byte(source, split) else ">i4"
        columns, labels = (), Header(np.dtype(wide), (rows,))
    return _Form(
        images=images,
        labels=labels,
        label_columns=columns,
        transpose=transpose,
        first_label=parameters.get("first_label") or 0,
        layout=layout,
        one_hot=one_hot and known,
        label_values=tuple(fitted.get("label_values", ())),
    )


def _conversion(metadata: Metadata) -> Stage | None:
    return next((stage for stage in metadata.stages if stage.stage == "convert"), None)


def _source(metadata: Metadata, split: str, role: str) -> Source | None:
    return next((source for source in metadata.sources if (source.split, source.role) == (split, role)), None)


def _holds(described: Source, batch: Batch) -> bool:
    """Say whether the columns of a label table are still in the batch."""
    return len(described.shape) == 1 or len(batch.columns) >= described.shape[1] - 1


def _fits_a_byte(source: Dataset, split: str) -> bool:
    return all(bool(((batch.labels >= 0) & (batch.labels < 256)).all()) for batch in read_batches(source, split))
