"""Files that are known by their contents, and do not belong together."""

from __future__ import annotations

from collections.abc import Iterable

from mnist_data.errors import MismatchedPair
from mnist_data.idx.format import open_idx
from mnist_data.idx.names import ByteOrder
from mnist_data.idx.pairing import Pair
from mnist_data.known.catalog import CATALOG, CatalogEntry, by_content
from mnist_data.parquet.schema import Source

SAME_SAMPLES = {"qmnist": "mnist"}
"""Datasets whose labels describe the images of another, row by row."""


def contradiction_in(sources: Iterable[Source]) -> MismatchedPair | None:
    """Say what is wrong with files of one dataset of which some are known; None where nothing is.

    Known files contradict each other where they are of different datasets, where one has the other role than it was
    read in, and where images and labels of one split are of different splits. Files that are not known say nothing.
    """
    recognised = [(source, *known) for source in sources if (known := by_content(source.sha256))]
    wrong_role = [(source, entry, part) for source, entry, part in recognised if part.split()[1] != source.role]
    datasets = {SAME_SAMPLES.get(entry.name, entry.name) for _, entry, _ in recognised}
    parts: dict[str, set[str]] = {}
    for source, _, part in recognised:
        parts.setdefault(source.split, set()).add(part.split()[0])
    if not wrong_role and len(datasets) <= 1 and all(len(splits) == 1 for splits in parts.values()):
        return None
    return MismatchedPair(
        (wrong_role or recognised)[0][0].name,
        "; ".join(_in_words(*known) for known in recognised),
        "files of one dataset, images and labels of the same split",
        "Give the files that belong together, or --dataset NAME to convert them as they are.",
    )


def sources_of(pairs: Iterable[Pair], byte_order: ByteOrder) -> list[Source]:
    """Describe the files of pairs that can be known ones by their counts; reads these to their ends."""
    counts = {count for entry in CATALOG.values() for count in entry.counts.values()}
    sources = []
    for pair in pairs:
        for role, path in (("images", pair.images), ("labels", pair.labels)):
            with open_idx(path, byte_order) as reader:
                header = reader.header
                if header.items in counts:
                    name = path.rsplit("/", 1)[-1]
                    sources.append(Source(name, pair.split, role, reader.content(), header.dtype.str, header.shape))
    return sources


def _in_words(source: Source, entry: CatalogEntry, part: str) -> str:
    split, role = part.split()
    return f"{source.name}, read as {source.split} {source.role}, holds the {split} {role} of {entry.title}"
