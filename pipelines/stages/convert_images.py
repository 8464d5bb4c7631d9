"""Labelled images in any form → Parquet, as a stream: memory is bounded by a few batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mnist_data import storage
from mnist_data.batch import Batch
from mnist_data.errors import WrongUse
from mnist_data.idx.label_values import advice_on, class_names
from mnist_data.images_in.stream import UNLABELLED, ImageStream, Misjudged
from mnist_data.known.catalog import by_name
from mnist_data.known.orientation import OrientationSample, warnings_on
from mnist_data.parquet.schema import Metadata, Source, Stage, arrow_schema
from mnist_data.parquet.writer import Draft, Part, write_parts
from mnist_data.version import __version__
from pipelines.engine.execution import Execution, Progress
from pipelines.settings.stages import Convert
from pipelines.stages.convert import ConvertResult, ahead


def convert_images(
    streams: Sequence[ImageStream],
    target: str | Path,
    params: Convert | None = None,
    *,
    dataset: str | None = None,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> ConvertResult:
    """Convert streams of labelled images, a split each, into one dataset; ids count on from split to split.

    dataset: its name; None takes that of the file or folder. Raises WrongUse where the splits have images of different
    shapes or types, and whatever the streams raise; nothing is written then.
    """
    params, execution = params or Convert(), execution or Execution()
    while True:
        try:
            return _convert(streams, target, params, dataset, execution, overwrite)
        except Misjudged:  # a stream knows its type and classes better now, which its first rows did not show
            continue


def images_plan(streams: Sequence[ImageStream], params: Convert, dataset: str | None) -> dict[str, Any]:
    """Describe a conversion: the files by place, size and time, and the parameters as they were given."""
    files = [file for stream in streams for file in stream.files or (stream.path,)]
    return {
        "stage": "convert",
        "splits": [stream.split for stream in streams],
        "files": [storage.identity(file) for file in files if not Path(file).is_dir()],
        "parameters": params.recorded(),
        "dataset": dataset,
        "version": __version__,
    }


def _convert(
    streams: Sequence[ImageStream],
    target: str | Path,
    params: Convert,
    dataset: str | None,
    execution: Execution,
    overwrite: bool,
) -> ConvertResult:
    values = _label_values(streams, params) if params.relabel else ()
    metadata = _metadata(streams, params, dataset, values)
    arrow_schema(metadata)  # refuses what the layout cannot hold before anything is read
    plan = images_plan(streams, params, dataset)
    warnings = [note for stream in streams for note in stream.notes]
    with Draft(target, plan, overwrite) as draft:
        parts: list[Part] = []
        first = 0
        seen: dict[str, OrientationSample] = {}
        for stream in streams:
            labels: set[int] = set()
            sample = seen[f"{stream.path} ({stream.split})"] = OrientationSample()
            batches = _looked_at(_batches(stream, first, params, values), sample)
            written = _write(stream, batches, draft.location, metadata, params.compression, labels, execution)
            parts += written
            first += sum(part.rows for part in written)
            advice = "" if metadata.classes else advice_on(labels - {UNLABELLED})
            warnings += [f"{stream.path}: {advice}."] if advice else []
        warnings += warnings_on(seen, params.transpose, bool(params.transpose))
        return ConvertResult(draft.commit(parts, metadata), tuple(warnings))


def _looked_at(batches: Iterator[Batch], sample: OrientationSample) -> Iterator[Batch]:
    """Let a sample of each batch show how the images lie, by their labels as they are converted."""
    for batch in batches:
        sample.add(batch.images, batch.labels)
        yield batch


def _label_values(streams: Sequence[ImageStream], params: Convert) -> tuple[int, ...]:
    """Give the different labels of all streams, ascending, which are read once for it."""
    labels = (rows.labels for stream in streams for rows in stream.rows(params.row_group_rows))
    return tuple(sorted(set().union(*(np.unique(values).tolist() for values in labels)) - {UNLABELLED}))


def _metadata(streams: Sequence[ImageStream], params: Convert, dataset: str | None, values: Sequence[int]) -> Metadata:
    forms = {(stream.shape, stream.dtype) for stream in streams}
    if len(forms) != 1:
        listed = "; ".join(f"{stream.split} {stream.shape} {stream.dtype}" for stream in streams)
        raise WrongUse(f"The splits have images of different shapes or types ({listed}); convert them one by one.")
    shape, dtype = forms.pop()
    if len({stream.classes for stream in streams if stream.classes}) > 1:
        listed = "; ".join(f"{stream.split} {', '.join(stream.classes[:5])}, …" for stream in streams)
        raise WrongUse(f"The splits name their classes differently ({listed}); convert them one by one.")
    known = by_name(dataset) if dataset is not None else None
    named = next((stream.classes for stream in streams if stream.classes), known.classes if known else ())
    path = Path(streams[0].path)
    several = len({stream.path for stream in streams}) > 1
    name = (path.parent if several else path).name.split(".")[0] or "dataset"
    renamed = tuple(named[value] for value in values) if named and values else class_names(values)
    return Metadata(
        dataset=known.name if known else dataset or name,
        title=known.title if known else "",
        shape=(shape[1], shape[0], *shape[2:]) if params.transpose else shape,
        dtype=dtype,
        layout=params.layout,
        classes=renamed or named,
        licence=known.licence if known else "",
        citation=known.citation if known else "",
        stages=(Stage("convert", params.recorded(), fitted=_decided(streams)),),
    )


def _decided(streams: Sequence[ImageStream]) -> dict[str, list[str]]:
    """Give what was left out and what was decided; files are named as they are in their folder, wherever that lies."""
    left_out = [file for stream in streams for file in stream.left_out]
    notes = [note.replace(stream.path, Path(stream.path).name) for stream in streams for note in stream.notes]
    return ({"left_out": left_out} if left_out else {}) | ({"notes": notes} if notes else {})


def _write(
    stream: ImageStream,
    batches: Iterator[Batch],
    location: str,
    metadata: Metadata,
    compression: str,
    labels: set[int],
    execution: Execution,
) -> tuple[Part, ...]:
    """Write one split; labels: collects those that occur."""
    rows = 0

    def counted() -> Iterator[Batch]:
        nonlocal rows
        for batch in batches:
            yield batch
            labels.update(np.unique(batch.labels).tolist())
            rows += len(batch)
            execution.report(Progress("convert", rows, rows))

    def complete() -> Metadata:
        name = Path(stream.path).name
        source = Source(name, stream.split, "file", stream.sha256, stream.dtype, (rows, *stream.shape))
        return replace(metadata, sources=(source,))

    return write_parts(location, stream.split, counted(), metadata, compression, complete)


def _batches(stream: ImageStream, first: int, params: Convert, values: Sequence[int]) -> Iterator[Batch]:
    for rows in ahead(stream.rows(params.row_group_rows)):
        images: Any = rows.images
        if params.transpose:
            images = np.ascontiguousarray(images.swapaxes(1, 2))
        columns = dict(rows.columns)
        # A table that a dataset of ours was made into, and filtered, keeps the identity of its samples.
        ids = np.asarray(columns.pop("id", np.arange(first, first + len(rows.labels))), np.int64)
        labels = rows.labels
        if values:
            labels = np.where(labels == UNLABELLED, UNLABELLED, np.searchsorted(values, labels))
        labels = np.where(labels == UNLABELLED, UNLABELLED, labels - (params.first_label or 0))
        yield Batch(ids, labels, images, columns)
        first += len(rows.labels)
