"""The source files of a conversion, and datasets, found again near a dataset, on a disk or on a store."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.idx.compression import open_decoded
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.manifest import MANIFEST
from mnist_data.parquet.schema import Source

BLOCK = 1 << 20
"""Bytes decoded at once."""


def is_workspace(folder: Path) -> bool:
    """Say whether a run has begun to work in a folder: it converts first."""
    return any((folder / name).exists() for name in ("convert.manifest.json", ".convert.draft", "sample"))


def named_near(name: str, dataset: str) -> list[str]:
    """Find files and folders of a name in the folder of a dataset, or in one next to it; none for what is no name."""
    if not name or Path(name).name != name:
        return []
    return sorted({*_matches(dataset, glob.escape(name)), *_matches(dataset, f"*/{glob.escape(name)}")} - {dataset})


def datasets_near(dataset: str) -> list[str]:
    """Find the datasets in the folder of one, by their manifests."""
    return [path.removesuffix(MANIFEST) for path in _matches(dataset, f"*{MANIFEST}")]


def whole_near(dataset: str) -> dict[str, Dataset]:
    """Open the datasets in the folder of one, by their content hashes: one of them may be what it was made from."""
    near = {}
    for path in datasets_near(dataset):
        with suppress(UnreadableInput):
            opened = open_dataset(path)
            near[opened.content] = opened
    return near


def _matches(dataset: str, pattern: str) -> list[str]:
    """List what matches a pattern in the folder that a dataset lies in, without hidden places."""
    parent = storage.sibling(dataset, "").rpartition("/")[0]
    if storage.is_remote(dataset):
        fs, folder = storage.filesystem(parent)
        found = [str(fs.unstrip_protocol(path)) for path in fs.glob(f"{glob.escape(folder)}/{pattern}")]
    else:
        found = [str(path) for path in Path(dataset).parent.glob(pattern)]
    return sorted(path for path in found if not any(part.startswith(".") for part in path[len(parent) :].split("/")))


def found_near(source: Source, dataset: str) -> Iterator[tuple[str, str]]:
    """Find files with the name of a source near a dataset.

    Gives path or URL and SHA-256 of the decoded content; nothing for a name that is none, or what cannot be read.
    """
    for path in named_near(source.name, dataset):
        with suppress(UnreadableInput, OSError):
            yield path, _decoded_hash(path)


def _decoded_hash(path: str) -> str:
    with open_decoded(path) as stream:
        while stream.read(BLOCK):
            pass
        return stream.sha256
