"""From what a user names to a folder of IDX files: a folder, one file, a known dataset to fetch, or the sample."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from mnist_data.errors import MissingExtra, NoDataset, UnreadableInput, WrongUse
from mnist_data.idx.pairing import Pair, find_pairs, pair_of
from mnist_data.idx.sample import write_sample
from mnist_data.known.catalog import CATALOG, CatalogEntry
from mnist_data.parquet.dataset import first_line

MIRROR_VARIABLE = "MNIST_DATA_MIRROR"
"""Names a folder's URL to fetch from in the place of the publishers' own."""


def resolve(source: str, dataset: str | None = None) -> list[Pair]:
    """Find the pairs of files that `source` means.

    source: a folder, one file of a pair, "sample", or the name of a known dataset, which is fetched.
    dataset: see `find_pairs`.
    """
    path = Path(source)
    if path.is_dir():
        return find_pairs(path, dataset)
    if path.is_file():
        return [pair_of(path)]
    if source == "sample":
        return find_pairs(write_sample(_cache() / "sample"))
    if source in CATALOG:
        return find_pairs(fetch(CATALOG[source]))
    names = sorted(name for name, known in CATALOG.items() if known.files)
    near = get_close_matches(source, [*names, "sample"], 1)
    advice = f"Did you mean {near[0]!r}? " if near else ""
    raise NoDataset(
        source,
        "there is no such file or folder, nor a known dataset of that name",
        f"a path, 'sample', or one of {', '.join(names)}",
        f"{advice}Check the spelling.",
    )


def fetch(known: CatalogEntry) -> Path:
    """Download a known dataset's files into the cache, checked by their published MD5, and give the folder.

    Raises MissingExtra without pooch, UnreadableInput where no mirror gives the right file.
    """
    if not known.files:
        raise WrongUse(f"{known.title} has no address to fetch single files from; download it and give the folder.")
    try:
        import pooch
    except ImportError as cause:
        raise MissingExtra("pooch", "fetch", f"Fetching {known.title}") from cause
    mirrors = (os.environ[MIRROR_VARIABLE],) if MIRROR_VARIABLE in os.environ else known.mirrors
    pooch.get_logger().setLevel("ERROR")
    folder = _cache() / known.name
    for file in known.files:
        failures = []
        for mirror in mirrors:
            try:
                pooch.retrieve(f"{mirror.rstrip('/')}/{file.name}", f"md5:{file.md5}", file.name, folder)
                break
            except (OSError, ValueError) as failure:  # ValueError is pooch's word for a wrong hash
                failures.append(f"{mirror}: {first_line(failure)}")
        else:
            raise UnreadableInput(
                file.name,
                f"no mirror gave it ({'; '.join(failures)})",
                f"the published file of {known.title}, MD5 {file.md5}",
                f"Try again, set {MIRROR_VARIABLE}, or download the files yourself and give the folder.",
            )
    return folder


def _cache() -> Path:
    base = os.environ.get("MNIST_DATA_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mnist-data"
