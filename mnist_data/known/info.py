"""What a file or a dataset contains, as plain values that print well and serialize as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_data import storage
from mnist_data.batch import Images, shape_text
from mnist_data.errors import MnistDataError, NoDataset
from mnist_data.idx.format import open_idx
from mnist_data.idx.forms import forms_of
from mnist_data.idx.names import looks_like_idx
from mnist_data.idx.pairing import Pair, check_pair, find_pairs, role_of
from mnist_data.idx.tree import is_place, within_archive
from mnist_data.images_in.stream import ImageStream, Misjudged, Options
from mnist_data.known.catalog import by_content
from mnist_data.known.findings import in_words
from mnist_data.known.fingerprints import Fingerprint, read_fingerprints
from mnist_data.known.identify import Part, fingerprints_of, identify, idx_part, parts_of, parts_of_pairs
from mnist_data.known.order import find_order, order_in_words
from mnist_data.known.scan import Scan, first_images, orientations, scan
from mnist_data.parquet.dataset import Dataset, is_dataset, open_dataset, open_parquet, read_columns
from mnist_data.parquet.manifest import read_manifest
from mnist_data.parquet.schema import KEY

if TYPE_CHECKING:
    from mnist_data.images_in.open import OpenSource

Background = Callable[[Images], str]
"""Says of images, (n, height, width) or in colour, whether their background is dark, bright or undecided."""

FIRST_SAMPLES = 2_000
"""Samples by which the background is estimated."""


def describe(
    location: str,
    original: str | None = None,
    background: Background | None = None,
    label_column: str | None = None,
) -> dict[str, Any]:
    """Describe labelled images of any form that `convert` reads, a dataset, or one of its Parquet files.

    Files are read to their ends, so a description also says that they are whole. Local data is identified by its
    pixels: as one of the datasets whose fingerprints ship with the package, or as `original`, which can be of any of
    these forms. background: says of some images whether theirs is dark or bright. label_column: of a table,
    as `convert` takes it. Raises what `convert` would raise.
    """
    known = read_fingerprints() if original is None else _known(original)
    path = Path(location)
    if storage.is_remote(location):
        return describe_dataset(open_dataset(location))
    expected, advice = "a file or folder of labelled images, or a dataset", "Check the path."
    if path.exists() and not path.is_dir():
        storage.require_file(path, expected, advice)
    elif not is_place(path):
        raise NoDataset(location, "there is no such file or folder", expected, advice)
    if _is_ours(path):
        dataset = open_dataset(location)
        values, parts = {**describe_dataset(dataset), "order": _orders(dataset)}, parts_of(dataset)
    elif opened := _open_unless_idx(location, label_column):
        values = _describe_streams(location, opened, known, background)
        chosen = "" if label_column is None else f" --label-column {shlex.quote(label_column)}"
        return {**values, "convert": values["convert"] and values["convert"] + chosen}
    elif path.is_dir() or len(within_archive(path)[1]) > 1:
        pairs = find_pairs(path)
        values, parts = _describe_pairs(location, pairs), parts_of_pairs(pairs)
    else:
        values = describe_idx(location)
        if values["role"] != "images":
            return values
        parts = [idx_part(location)]
    return {**values, **_identity(parts, known), **_background_of(parts, background)}


def _open_unless_idx(location: str, label_column: str | None) -> OpenSource | None:
    """Open what is no IDX, by its name or content. The readers of all forms are loaded where the name is not enough."""
    if looks_like_idx(Path(location).name):
        return None
    from mnist_data.images_in.open import open_unless_idx

    return open_unless_idx(location, Options(label_column=label_column))


def _is_ours(path: Path) -> bool:
    """Say whether a folder or file is a dataset of ours, and no Parquet file of others."""
    if path.is_dir():
        return any(path.glob("split=*/*.parquet")) or read_manifest(path) is not None
    if not path.is_file():
        return False
    with storage.reading(path) as file:
        if file.read(4) != b"PAR1":
            return False
    with open_parquet(path) as parquet:
        return KEY in (parquet.schema_arrow.metadata or {})


def _orders(dataset: Dataset) -> list[str]:
    """Say of each split whose classes come in no random order how they are ordered."""
    orders = {split: find_order(read_columns(dataset, split, ("label",))["label"]) for split in dataset.splits}
    return [words for split, order in orders.items() if (words := order_in_words(order, split))]


def _known(original: str) -> list[Fingerprint]:
    """Take the fingerprints of a dataset, or of a file or folder of any form."""
    from mnist_data.images_in.open import open_unless_idx

    path = Path(original)
    if is_dataset(original):
        parts = parts_of(open_dataset(original))
    elif opened := open_unless_idx(original):
        parts = [scan(stream).part for stream in opened.streams]
    else:
        parts = parts_of_pairs(find_pairs(path))
    return fingerprints_of(path.name or original, parts)


def _describe_pairs(location: str, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Describe pairs of IDX files. What `convert` would refuse stands among the notes."""
    notes: list[str] = []
    command: str | None = _command(location)
    try:
        for pair in pairs:
            check_pair(pair)
            notes.extend(forms_of(pair).notes)
    except MnistDataError as refusal:
        notes, command = [*notes, f"convert refuses it: {refusal}"], None
    return {
        "kind": "folder of IDX files",
        "path": location,
        "splits": [pair.split for pair in pairs],
        "notes": notes,
        "convert": command,
        "files": [describe_idx(file) for pair in pairs for file in (pair.images, pair.labels)],
    }


def _describe_streams(
    location: str, opened: OpenSource, known: Sequence[Fingerprint], background: Background | None
) -> dict[str, Any]:
    """Describe the splits of another form, each read once."""
    scans = _scanned(opened.streams, known)
    first = opened.streams[0]
    labels = np.unique(np.concatenate([each.labels for each in scans])).tolist()
    refusal = _refusal(opened.streams)
    values: dict[str, Any] = {
        "kind": opened.form,
        "path": location,
        "samples": sum(each.rows for each in scans),
        "splits": {each.stream.split: each.rows for each in scans},
        "shape": list(first.shape),
        "type": first.dtype,
        "classes": list(first.classes),
        "labels": {"smallest": labels[0], "largest": labels[-1], "different": len(labels)} if labels else None,
        "unlabelled": sum(each.unlabelled for each in scans),
        "notes": list(dict.fromkeys([note for each in scans for note in each.notes] + refusal)),
        "convert": None if refusal else _command(location),
        "sources": [asdict(each.source) for each in scans],
        **_identity([each.part for each in scans], known),
    }
    if background is not None and len(first.shape) in (2, 3):
        values["background"] = background(first_images(first, FIRST_SAMPLES))
    return values


def _scanned(streams: Sequence[ImageStream], known: Sequence[Fingerprint]) -> list[Scan]:
    while True:
        try:
            return [scan(stream, orientations(tuple(stream.shape), known)) for stream in streams]
        except Misjudged:  # a stream knows its type and classes better now, which its first rows did not show
            continue


def _refusal(streams: Sequence[ImageStream]) -> list[str]:
    """Say it where the splits do not fit into one dataset."""
    if len({(tuple(stream.shape), stream.dtype) for stream in streams}) == 1:
        return []
    listed = "; ".join(f"{stream.split} {shape_text(stream.shape)} {stream.dtype}" for stream in streams)
    return [f"convert refuses it: the splits have images of different shapes or types ({listed})."]


def _command(location: str) -> str:
    return f"mnist-data convert {shlex.quote(location)} OUT"


def _identity(parts: Sequence[Part], known: Sequence[Fingerprint]) -> dict[str, Any]:
    """Give what the pixels are: a sentence for each finding, and the findings as values."""
    matches = identify(parts, known)
    return {"pixels": [in_words(match) for match in matches], "findings": [asdict(match) for match in matches]}


def _background_of(parts: Sequence[Part], background: Background | None) -> dict[str, Any]:
    """Say what the background of the first samples is, where they are images."""
    if background is None or not parts or len(parts[0].shape) not in (2, 3):
        return {}
    first = next((images for images, _, _ in parts[0].read() if images.size), None)
    return {} if first is None else {"background": background(first[:FIRST_SAMPLES])}


def describe_idx(location: str) -> dict[str, Any]:
    """Describe one IDX file, having read all of it. Raises an UnreadableInput where it is not whole."""
    with open_idx(location) as reader:
        low, high = None, None
        for batch in reader.batches(1 << 20):
            if batch.size:
                low = batch.min().item() if low is None else min(low, batch.min().item())
                high = batch.max().item() if high is None else max(high, batch.max().item())
        header, digest, container = reader.header, reader.sha256, reader.container
    known = by_content(digest)
    return {
        "kind": "IDX file",
        "path": location,
        "packed": container,
        "role": role_of(header),
        "type": header.type_name,
        "shape": list(header.shape),
        "items": header.items,
        "smallest": low,
        "largest": high,
        "sha256": digest,
        "known": f"{known[0].title}, {known[1]}" if known else None,
    }


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Describe a dataset by the metadata of its files."""
    metadata = dataset.metadata
    digests = [source.sha256 for source in metadata.sources if source.role == "images"]
    known = {entry[0].title for digest in digests if (entry := by_content(digest))}
    return {
        "kind": "dataset",
        "path": dataset.location,
        "dataset": metadata.dataset,
        "known": ", ".join(sorted(known)) or None,
        "samples": len(dataset),
        "splits": dict(dataset.splits),
        "shape": list(metadata.shape),
        "type": metadata.dtype,
        "layout": metadata.layout,
        "classes": list(metadata.classes),
        "stages": [stage.recorded() for stage in metadata.stages],
        "sources": [asdict(source) for source in metadata.sources],
        "content": dataset.content,
        "licence": metadata.licence or None,
        "citation": metadata.citation or None,
        "note": metadata.note or None,
    }
