"""The source files of a conversion, found again near the dataset by their names."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mnist_data.errors import MnistDataError
from mnist_data.idx.compression import open_decoded
from mnist_data.parquet.schema import Source

BLOCK = 1 << 20
"""Bytes decoded at once."""


def found_near(source: Source, dataset: str) -> Iterator[tuple[Path, str]]:
    """Find files with the name of a source in the folder of a dataset, or in one beside it.

    Gives path and SHA-256 of the decoded content; nothing for a name that is none, or a file that cannot be read.
    """
    if Path(source.name).name != source.name:
        return
    folder, pattern = Path(dataset).parent, glob.escape(source.name)
    for path in sorted({*folder.glob(pattern), *folder.glob(f"*/{pattern}")}):
        with suppress(MnistDataError, OSError):
            yield path, _decoded_hash(path)


def _decoded_hash(path: Path) -> str:
    with open_decoded(path) as stream:
        while stream.read(BLOCK):
            pass
        return stream.sha256
