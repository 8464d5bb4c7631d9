"""IDX → Parquet, as a stream: one task a split, memory bounded by a few batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from mnist_data import storage
from mnist_data.batch import Batch, exchange_axes, shape_text
from mnist_data.errors import WrongUse
from mnist_data.idx.format import Header, Reader, open_idx
from mnist_data.idx.forms import Forms, forms_of
from mnist_data.idx.label_values import advice_on, class_names, label_values
from mnist_data.idx.labels import labels_of
from mnist_data.idx.names import Role
from mnist_data.idx.pairing import Pair, check_pair, find_label_tables
from mnist_data.known.catalog import CATALOG, CatalogEntry, by_content, by_name
from mnist_data.known.contradictions import contradiction_in, sources_of
from mnist_data.known.label_tables import LabelTables, read_label_tables, table_columns
from mnist_data.known.orientation import OrientationSample, warnings_on
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.schema import Metadata, Source, Stage, arrow_schema
from mnist_data.parquet.writer import Draft, Part, write_parts
from mnist_data.version import __version__
from pipelines.engine.execution import Execution
from pipelines.images.measures.labels import unlikely_labels
from pipelines.settings.stages import Convert

Item = TypeVar("Item")


@dataclass(frozen=True)
class ConvertResult:
    """The dataset, and warnings for its reader."""

    dataset: Dataset
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    """One split to convert. first_id: the id of its first sample."""

    pair: Pair
    headers: tuple[Header, Header]
    forms: Forms
    first_id: int
    location: str
    metadata: Metadata
    params: Convert
    label_values: tuple[int, ...]
    label_tables: LabelTables | None


@dataclass(frozen=True)
class _ConvertedSplit:
    """The result of a task: the files written, their sources, and how often each label occurs."""

    parts: tuple[Part, ...]
    sources: tuple[Source, Source]
    labels: Mapping[int, int]
    seen: OrientationSample = field(default_factory=OrientationSample)


def convert(
    pairs: Sequence[Pair],
    target: str | Path,
    params: Convert | None = None,
    *,
    dataset: str | None = None,
    label_tables: str | Path | None = None,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> ConvertResult:
    """Convert pairs of IDX files into one dataset, a split a pair.

    dataset: the name of a known one, or any other name; None finds it by content and by the files' names.
    label_tables: a folder of label tables whose columns are joined to the samples (see
    `mnist_data.known.label_tables`). Raises an UnreadableInput that names the file where one is damaged or does not
    fit; nothing is written then.
    """
    params = params or Convert()
    pairs = [
        replace(pair, images=storage.absolute(pair.images), labels=storage.absolute(pair.labels)) for pair in pairs
    ]
    headers = [check_pair(pair, params.byte_order) for pair in pairs]
    forms = [forms_of(pair, params.byte_order, params.size) for pair in pairs]
    plan = conversion_plan(pairs, params, dataset, label_tables)
    known = _known_before(pairs, params, dataset)
    transpose, params = params.transpose, _as_known(params, known)
    values = label_values(pairs, forms) if params.relabel else ()
    metadata = _metadata(pairs, headers, forms, params, known, dataset, values)
    override = _override(pairs, params, dataset)
    if override:
        metadata = replace(metadata, note=" ".join(filter(None, (metadata.note, override))))
    tables = _label_tables(pairs, headers, params, label_tables)
    if tables:
        metadata = metadata.after(Stage("label_tables", {"tables": tables.digests}))
    arrow_schema(metadata)  # refuses what the layout cannot hold before anything is read
    with Draft(target, plan, overwrite) as draft:
        firsts = np.cumsum([0, *(header.items for header, _ in headers)]).tolist()
        tasks = [
            _Task(pair, header, form, first, draft.location, metadata, params, values, tables)
            for pair, header, form, first in zip(pairs, headers, forms, firsts, strict=False)
        ]
        converted = (execution or Execution()).run(_convert_split, tasks, "convert", lambda task: task.headers[0].items)
        # The hashes of the streams are known only now; the manifest takes them from the files.
        sources = tuple(source for split in converted for source in split.sources)
        if dataset is None and (contradiction := contradiction_in(sources)):
            raise contradiction
        written = draft.commit(
            [part for split in converted for part in split.parts], replace(metadata, sources=sources)
        )
    notes = (note for form in forms for note in form.notes)
    seen = {pair.images: split.seen for pair, split in zip(pairs, converted, strict=True)}
    turned = warnings_on(seen, transpose, bool(params.transpose))
    warnings = (*notes, override, *_warnings(pairs, converted, written.metadata), *turned)
    return ConvertResult(written, tuple(filter(None, warnings)))


def conversion_plan(
    pairs: Sequence[Pair], params: Convert, dataset: str | None, label_tables: str | Path | None = None
) -> dict[str, Any]:
    """Describe a conversion: the files by place, size and time, and the parameters as they were given."""
    tables = [] if label_tables is None else find_label_tables(label_tables).values()
    files = [path for pair in pairs for path in (pair.images, pair.labels)]
    return {
        "stage": "convert",
        "splits": [pair.split for pair in pairs],
        "files": [storage.identity(path) for path in (*files, *tables)],
        "parameters": params.recorded(),
        "dataset": dataset,
        "version": __version__,
    }


def _known_before(pairs: Sequence[Pair], params: Convert, dataset: str | None) -> CatalogEntry | None:
    """Find the dataset by its given name, the label files' content, or the names of the files, in this order."""
    if dataset is not None:
        return by_name(dataset)
    for pair in pairs:
        with open_idx(pair.labels, params.byte_order) as reader:
            identified = by_content(reader.content())
        if identified:
            return identified[0]
    return by_name(pairs[0].dataset)


def _override(pairs: Sequence[Pair], params: Convert, dataset: str | None) -> str:
    """Say what a name that the user gives overrides: files that are known and contradict each other."""
    contradiction = contradiction_in(sources_of(pairs, params.byte_order)) if dataset is not None else None
    return f"Converted as {dataset} although its files contradict it: {contradiction.found}." if contradiction else ""


def _as_known(params: Convert, known: CatalogEntry | None) -> Convert:
    """Fill in the settings that the user left to the catalogue; relabelled labels begin at 0 wherever they began."""
    transpose = params.transpose if params.transpose is not None else bool(known and known.transposed)
    published = known.first_label if known and not params.relabel else 0
    first_label = params.first_label if params.first_label is not None else published
    return params.replace(transpose=transpose, first_label=first_label)


def _label_tables(
    pairs: Sequence[Pair], headers: Sequence[tuple[Header, Header]], params: Convert, folder: str | Path | None
) -> LabelTables | None:
    """Read the label tables to join, if any. Raises WrongUse where the label files are such tables themselves."""
    if folder is None:
        return None
    for pair, (_, labels) in zip(pairs, headers, strict=True):
        if labels.item_shape:
            raise WrongUse(f"{pair.labels} is a label table itself; leave out --label-tables.")
    splits = [(pair.split, images.items) for pair, (images, _) in zip(pairs, headers, strict=True)]
    return read_label_tables(folder, splits, params.first_label or 0)


def _metadata(
    pairs: Sequence[Pair],
    headers: Sequence[tuple[Header, Header]],
    forms: Sequence[Forms],
    params: Convert,
    known: CatalogEntry | None,
    dataset: str | None,
    label_values: Sequence[int],
) -> Metadata:
    shapes = {(form.layout.shape, images.dtype) for form, (images, _) in zip(forms, headers, strict=True)}
    if len(shapes) != 1:
        sizes = (shape_text(form.layout.shape) for form in forms)
        listed = "; ".join(f"{pair.split} {size}" for pair, size in zip(pairs, sizes, strict=True))
        raise WrongUse(f"The splits have images of different shapes or types ({listed}); convert them one by one.")
    shape, dtype = shapes.pop()
    if params.transpose:
        shape = _transposed(shape)
    return Metadata(
        dataset=known.name
        if known
        else (dataset or pairs[0].dataset or Path(pairs[0].images).parent.name or "dataset"),
        title=known.title if known else "",
        shape=shape,
        dtype=dtype.newbyteorder("=").name,
        layout=params.layout,
        classes=class_names(label_values) or (known.classes if known else ()),
        licence=known.licence if known else "",
        citation=known.citation if known else "",
        note=known.note if known else "",
        stages=(Stage("convert", params.recorded(), fitted=_fitted(pairs, headers, forms, label_values)),),
    )


def _fitted(
    pairs: Sequence[Pair],
    headers: Sequence[tuple[Header, Header]],
    forms: Sequence[Forms],
    label_values: Sequence[int],
) -> dict[str, Any]:
    """Give what the files decided and no setting says, so that export can put it back; nothing for ordinary files."""
    recorded = {
        pair.split: form.recorded(images.item_shape)
        for pair, form, (images, _) in zip(pairs, forms, headers, strict=True)
        if form.recorded(images.item_shape)
    }
    return ({"forms": recorded} if recorded else {}) | ({"label_values": list(label_values)} if label_values else {})


def _transposed(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) < 2:
        raise WrongUse(f"Items of shape {shape} have no rows and columns to exchange (--transpose).")
    return (shape[1], shape[0], *shape[2:])


def _convert_split(task: _Task) -> _ConvertedSplit:
    """Stream one pair of files into Parquet files; all are finished together, once both hashes are known."""
    counts: Counter[int] = Counter()
    seen = OrientationSample()
    order = task.params.byte_order
    with open_idx(task.pair.images, order) as images, open_idx(task.pair.labels, order) as labels:

        def counted() -> Iterator[Batch]:
            for batch in _batches(task, images, labels):
                seen.add(batch.images, batch.labels)
                yield batch
                counts.update(
                    dict(zip(*map(np.ndarray.tolist, np.unique(batch.labels, return_counts=True)), strict=True))
                )

        def sources() -> tuple[Source, Source]:
            return _source(task.pair, "images", images), _source(task.pair, "labels", labels)

        parts = write_parts(
            task.location,
            task.pair.split,
            counted(),
            task.metadata,
            task.params.compression,
            lambda: replace(task.metadata, sources=sources()),
        )
        return _ConvertedSplit(parts, sources(), counts, seen)


def _source(pair: Pair, role: Role, reader: Reader) -> Source:
    """Describe a file that has been read to its end."""
    header = reader.header
    return Source(Path(reader.path).name, pair.split, role, reader.sha256, header.dtype.str, header.shape)


def _batches(task: _Task, images: Reader, labels: Reader) -> Iterator[Batch]:
    """Pair the two streams batch by batch; an empty pair gives one empty batch, so that its file has a schema."""
    rows, first = task.params.row_group_rows, task.first_id
    size = min(reader.rows_at_once(rows) for reader in (images, labels))
    streams = zip(ahead(images.batches(size)), labels.batches(size), strict=True)
    for pixels, table in streams:
        yield _batch(pixels, table, first, task)
        first += len(pixels)
    if images.header.items == 0:
        pixels = np.empty((0, *images.header.array_shape), images.header.dtype.newbyteorder("="))
        yield _batch(pixels, np.empty((0, *labels.header.item_shape), np.int64), first, task)


def ahead(batches: Iterator[Item]) -> Iterator[Item]:
    """Decode the next batch in another thread while this one is written."""
    end = object()
    with ThreadPoolExecutor(1, "unpack") as pool:
        upcoming = pool.submit(next, batches, end)
        while (batch := upcoming.result()) is not end:
            upcoming = pool.submit(next, batches, end)
            yield batch  # type: ignore[misc]


def _batch(pixels: npt.NDArray[Any], table: npt.NDArray[Any], first: int, task: _Task) -> Batch:
    ids = np.arange(first, first + len(pixels), dtype=np.int64)
    pixels = np.ascontiguousarray(task.forms.layout.images(pixels))
    if task.params.transpose:
        pixels = exchange_axes(pixels, task.forms.layout.shape)
    labels = labels_of(table, task.forms.labels, task.pair.labels)
    columns = table_columns(table) if task.forms.labels == "table" else {}
    if task.label_values:
        labels = np.searchsorted(task.label_values, labels)
    batch = Batch(ids, labels - (task.params.first_label or 0), pixels, columns)
    return task.label_tables.join(batch) if task.label_tables else batch


def _warnings(pairs: Sequence[Pair], converted: Sequence[_ConvertedSplit], metadata: Metadata) -> Iterator[str]:
    """Describe what a user should check before using the data."""
    classes = len(metadata.classes)
    for pair, split in zip(pairs, converted, strict=True):
        unlikely = unlikely_labels(split.labels, classes)
        advice = "" if classes or unlikely else advice_on(split.labels)
        if advice:
            yield f"{pair.labels}: {advice}."
        if unlikely:
            listed = ", ".join(f"{label} ({count:,} times)" for label, count in list(unlikely.items())[:5])
            where = f"outside the {classes} classes" if classes else "far from all others"
            yield f"{pair.labels}: labels {where}: {listed}; `mnist-data clean` removes them."
        if altered := _altered(split.sources, metadata):
            yield altered
        published = CATALOG[metadata.dataset].counts.get(pair.split) if metadata.dataset in CATALOG else None
        rows = sum(part.rows for part in split.parts)
        if published is not None and rows != published:
            yield f"{pair.images}: holds {rows:,} images, {metadata.title} has {published:,} in its {pair.split} split."


def _altered(sources: Sequence[Source], metadata: Metadata) -> str:
    """Warn where the labels are a known dataset's and the images are not: a corrupted or deformed edition of it."""
    known = CATALOG.get(metadata.dataset)
    images, labels = sources
    published = {role: digest for digest, role in known.contents.items()} if known else {}
    expected = published.get(f"{images.split} images")
    same_labels = published.get(f"{labels.split} labels") == labels.sha256
    if known is None or expected is None or not same_labels or expected == images.sha256:
        return ""
    return f"{images.name}: not the published images of {known.title}, though its labels are; name it with --dataset."
