"""What a file or a dataset contains, as plain values that print well and serialize as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mnist_data import storage
from mnist_data.errors import NoDataset
from mnist_data.idx.format import open_idx
from mnist_data.idx.pairing import find_pairs, role_of
from mnist_data.known.catalog import by_content
from mnist_data.known.findings import in_words
from mnist_data.known.fingerprints import Fingerprint
from mnist_data.known.identify import Part, fingerprints_of, identify, idx_part, parts_of, parts_of_pairs
from mnist_data.parquet.dataset import Dataset, is_dataset, open_dataset


def describe(location: str, original: str | None = None) -> dict[str, Any]:
    """Describe an IDX file, a dataset, one of its Parquet files, or a folder of IDX files.

    An IDX file is read to its end, so a description also says that the file is whole. Local data is identified by its
    pixels, too: as one of the datasets whose fingerprints ship with the package, or as `original`, a dataset or folder
    of IDX files.
    """
    known = None if original is None else _known(original)
    path = Path(location)
    if storage.is_remote(location):
        return describe_dataset(open_dataset(location))
    if not path.exists():
        raise NoDataset(
            location,
            "there is no such file or folder",
            "an IDX file, a folder, or a dataset",
            "Check the path.",
        )
    if path.is_dir():
        if any(path.glob("split=*/*.parquet")):
            return _describe_pixels(open_dataset(path), known)
        pairs = find_pairs(path)
        files = [describe_idx(file) for pair in pairs for file in (pair.images, pair.labels)]
        return {
            "kind": "folder of IDX files",
            "path": location,
            "splits": [pair.split for pair in pairs],
            **_identity(parts_of_pairs(pairs), known),
            "files": files,
        }
    storage.require_file(path, "an IDX file, a folder, or a dataset", "Check the path.")
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return _describe_pixels(open_dataset(path), known)
    values = describe_idx(location)
    return {**values, **_identity([idx_part(location)], known)} if values["role"] == "images" else values


def _known(original: str) -> list[Fingerprint]:
    path = Path(original)
    parts = parts_of(open_dataset(original)) if is_dataset(original) else parts_of_pairs(find_pairs(path))
    return fingerprints_of(path.name or original, parts)


def _describe_pixels(dataset: Dataset, known: Sequence[Fingerprint] | None) -> dict[str, Any]:
    return {**describe_dataset(dataset), **_identity(parts_of(dataset), known)}


def _identity(parts: Sequence[Part], known: Sequence[Fingerprint] | None) -> dict[str, Any]:
    """Give what the pixels are: a sentence for each finding, and the findings as values."""
    matches = identify(parts, known)
    return {"pixels": [in_words(match) for match in matches], "findings": [asdict(match) for match in matches]}


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
