"""From what a user names to a folder of IDX files: a folder, one file, a known dataset to fetch, or the sample."""

from __future__ import annotations

import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from mnist_data import storage
from mnist_data.errors import MissingExtra, NoDataset, UnreadableInput, WrongUse
from mnist_data.idx.names import ByteOrder
from mnist_data.idx.pairing import Pair, find_pairs, pair_of
from mnist_data.idx.sample import write_sample
from mnist_data.known.catalog import CATALOG, CatalogEntry, Remote
from mnist_data.parquet.dataset import first_line

MIRROR_VARIABLE = "MNIST_DATA_MIRROR"
"""Names a folder's URL to fetch from instead of the publishers' own."""


Report = Callable[[int, int], None]
"""Hears how many files of how many are there."""


def _silent(_done: int, _all: int) -> None:
    """Report nothing."""


def resolve(source: str, dataset: str | None = None, byte_order: ByteOrder = "big") -> list[Pair]:
    """Find the pairs of files that `source` means.

    source: a folder, one file of a pair, "sample", or the name of a known dataset, which is fetched.
    dataset: see `find_pairs`. byte_order: see `open_idx`.
    """
    path = Path(source)
    if path.is_dir():
        return find_pairs(path, dataset, byte_order)
    if path.is_file():
        return [pair_of(path, byte_order)]
    if source == "sample" or source in CATALOG:
        return find_pairs(fetch(source))
    raise _unknown(source, "a path, ")


def fetchable() -> list[str]:
    """Name the known datasets that can be fetched."""
    return sorted(name for name, known in CATALOG.items() if known.files)


def _unknown(source: str, path: str = "") -> NoDataset:
    names = fetchable()
    near = get_close_matches(source, [*names, "sample"], 1)
    advice = f"Did you mean {near[0]!r}? " if near else ""
    return NoDataset(
        source,
        f"there is no {'such file or folder, nor a ' if path else ''}known dataset of that name",
        f"{path}'sample', or one of {', '.join(names)}",
        f"{advice}Check the spelling.",
    )


def fetch(name: str, folder: str | Path | None = None, *, overwrite: bool = False, report: Report = _silent) -> Path:
    """Download a known dataset's files, checked by their published MD5, and give their folder.

    name: of a known dataset, or "sample" for the embedded sample, which is unpacked. folder: where the files go; by
    default the user's cache, where a file that is not the published one is replaced. report: hears after each file how
    many are there, and of how many.

    Raises NoDataset for a name that is not known, WrongUse for a dataset without an address, OutputExists where a file
    of that name and other content lies in the folder, MissingExtra without pooch, UnreadableInput where no mirror gives
    the right file.
    """
    if name == "sample":
        target = storage.cache_folder() / "sample" if folder is None else Path(folder)
        if folder is not None:
            storage.require_free(target, overwrite)
        return write_sample(target)
    if name not in CATALOG:
        raise _unknown(name)
    known = CATALOG[name]
    if not known.files:
        raise WrongUse(f"{known.title} has no address to fetch single files from; download it and give the folder.")
    try:
        import pooch
    except ImportError as cause:
        raise MissingExtra("pooch", "fetch", f"Fetching {known.title}") from cause
    pooch.get_logger().setLevel("ERROR")
    target = storage.cache_folder() / known.name if folder is None else Path(folder)
    for file in known.files:
        path = target / file.name
        if folder is not None and path.exists() and pooch.file_hash(str(path), "md5") != file.md5:
            storage.require_free(path, overwrite)
    for number, file in enumerate(known.files):
        report(number, len(known.files))
        _retrieve(known, file, target)
    report(len(known.files), len(known.files))
    return target


def _retrieve(known: CatalogEntry, file: Remote, folder: Path) -> None:
    """Download one file from the first mirror that gives it, unless it is there already."""
    import pooch

    mirrors = (os.environ[MIRROR_VARIABLE],) if MIRROR_VARIABLE in os.environ else known.mirrors
    failures = []
    for mirror in mirrors:
        try:
            pooch.retrieve(f"{mirror.rstrip('/')}/{file.name}", f"md5:{file.md5}", file.name, folder)
            return
        except (OSError, ValueError) as failure:  # ValueError is pooch's word for a wrong hash
            failures.append(f"{mirror}: {first_line(failure)}")
    raise UnreadableInput(
        file.name,
        f"no mirror gave it ({'; '.join(failures)})",
        f"the published file of {known.title}, MD5 {file.md5}",
        f"Try again, set {MIRROR_VARIABLE}, or download the files yourself and give the folder.",
    )
