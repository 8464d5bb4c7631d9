"""From what a user names to a folder of files: a folder, one file, a known dataset to fetch, or the sample."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from mnist_data import storage
from mnist_data.errors import MissingExtra, MnistDataError, NoDataset, UnreadableInput, WrongUse
from mnist_data.idx import sample
from mnist_data.idx.archives import outer_file
from mnist_data.idx.format import open_idx
from mnist_data.idx.names import ByteOrder
from mnist_data.idx.pairing import Pair, find_pairs, pair_of
from mnist_data.idx.tree import within_archive
from mnist_data.known.catalog import ARCHIVES, CATALOG, CatalogEntry, RemoteFile, by_name
from mnist_data.known.download import NoMirror, Report, download, has_checksum
from mnist_data.known.mirrors import MIRROR_VARIABLE, mirrors_of


def _silent(_file: str, _done: int, _total: int | None) -> None:
    """Report nothing."""


def fetched(source: str, report: Report = _silent) -> tuple[str, str | None]:
    """Fetch the known dataset that a source names, or the sample; give its folder and its name.

    Other sources are given back as they are, with None. A file or folder of that name comes first.
    """
    known = named_by(source)
    return (source, None) if known is None else (str(fetch(known.name, report=report)), known.name)


def named_by(source: str) -> CatalogEntry | None:
    """Give the known dataset that a source names, unless it is a file or folder."""
    return None if Path(source).exists() else by_name(sample.NAME if source == "sample" else source)


def resolve(source: str, dataset: str | None = None, byte_order: ByteOrder = "big") -> list[Pair]:
    """Find the pairs of IDX files that a source means: a folder or archive, or one file of a pair.

    dataset: see `find_pairs`. byte_order: see `open_idx`. Raises NoDataset for what is neither.
    """
    path = Path(source)
    if path.is_dir() or len(within_archive(path)[1]) > 1:
        return find_pairs(path, dataset, byte_order)
    if path.is_file() or outer_file(path):
        return [pair_of(path, byte_order)]
    if path.exists():
        storage.require_file(path, "a file or folder of IDX files", "Check the path.")
    if "://" in source:
        raise NoDataset(
            source,
            "an address of one file",
            "a path on this machine",
            "Download it, as by curl -LO URL, and give the file; pairs of IDX files are read where they are: "
            "--images URL --labels URL.",
        )
    raise _unknown(source, "a path, ")


def _unknown(source: str, path: str = "") -> NoDataset:
    near = get_close_matches(source.lower(), [*CATALOG, "sample"], 1)
    advice = f"Did you mean {near[0]!r}? " if near else ""
    return NoDataset(
        source,
        f"there is no {'such file or folder, nor a ' if path else ''}known dataset of that name",
        f"{path}'sample', or one of the names that `mnist-data fetch --list` gives",
        f"{advice}Check the spelling.",
    )


def fetch(name: str, folder: str | Path | None = None, *, overwrite: bool = False, report: Report = _silent) -> Path:
    """Download a known dataset's files, checked by their published checksums, and give their folder.

    name: of a known dataset, or "sample" for the embedded sample, which is unpacked. folder: where the files go; by
    default the user's cache, where a file that is not the published one is replaced. In both cases the cache keeps what
    was downloaded, and a file that is there is not downloaded again. report: hears of the bytes of each file.

    Raises NoDataset for a name that is not known, WrongUse for a dataset whose files cannot be checked, OutputExists
    where a file of that name and other content lies in the folder, MissingExtra without pooch, UnreadableInput where no
    mirror gives the right file.
    """
    if folder is not None and (storage.is_remote(folder) or Path(folder).is_file()):
        raise WrongUse(f"{folder} is not a local folder; name one by --out.")
    if name in ("sample", sample.NAME):
        return _sample(folder, overwrite)
    known = by_name(name)
    if known is None:
        raise _unknown(name)
    target = _cache(known.name) if folder is None else Path(folder)
    missing = [file for file in known.files if not _is_there(target / file.name, known, file)]
    if missing and not known.fetchable:
        raise WrongUse(
            f"{known.title} cannot be fetched: no checksum of its files is published, by which what arrives could be "
            f"checked. To have it, {_by_hand(missing, target, known)}"
        )
    for file in missing if folder is not None else ():
        storage.require_free(target / file.name, overwrite)
    if known.archive and missing:
        _unpack(known, missing, target, report)
        return target
    for file in missing:
        _obtain(known, file, target, report)
    return target


def _sample(folder: str | Path | None, overwrite: bool) -> Path:
    if folder is not None:
        storage.require_free(folder, overwrite)
    return sample.write_sample(_cache("sample") if folder is None else folder)


def _cache(name: str) -> Path:
    return storage.cache_folder() / name


def _require_pooch(known: CatalogEntry) -> None:
    try:
        import pooch
    except ImportError as cause:
        raise MissingExtra("pooch", "fetch", f"Fetching {known.title}") from cause
    pooch.get_logger().setLevel("ERROR")


def _is_there(path: Path, known: CatalogEntry, file: RemoteFile) -> bool:
    """Say whether a file is the published one: by its checksum, or by its content where it was packed anew."""
    if not path.is_file():
        return False
    if not file.checksum or has_checksum(path, file.checksum):
        return True
    try:
        with open_idx(path) as reader:
            return reader.content() == known.content_of(file)
    except MnistDataError:
        return False


def _obtain(known: CatalogEntry, file: RemoteFile, target: Path, report: Report) -> None:
    """Put a file into a folder, from the cache, where it is downloaded first unless it is there."""
    cached = _cache(known.name) / file.name
    if not _is_there(cached, known, file):
        _download(known.name, known, file, known.mirrors, report)
    if cached.parent != target:
        with storage.new_file(target / file.name) as draft:
            shutil.copyfile(cached, draft)


def _unpack(known: CatalogEntry, files: Sequence[RemoteFile], target: Path, report: Report) -> None:
    """Put files of an archive into a folder. The archive stays in the cache for the other datasets in it."""
    archive = ARCHIVES[known.archive]
    packed = _cache(known.archive) / archive.name
    if not (packed.is_file() and has_checksum(packed, archive.checksum)):
        _download(known.archive, known, archive, archive.mirrors, report)
    with zipfile.ZipFile(packed) as members:
        names = {PurePosixPath(name).name: name for name in members.namelist()}
        for file in files:
            with (
                members.open(names[file.name]) as source,
                storage.new_file(target / file.name) as draft,
                draft.open("wb") as output,
            ):
                shutil.copyfileobj(source, output)


def _download(owner: str, known: CatalogEntry, file: RemoteFile, published: Sequence[str], report: Report) -> None:
    """Download a file into the cache; of several processes at once one does, and the others find it there.

    owner: the dataset or archive whose file it is.
    """
    from filelock import FileLock

    _require_pooch(known)
    mirrors = mirrors_of(owner, published)
    folder = _cache(owner)
    folder.mkdir(parents=True, exist_ok=True)
    report(file.name, 0, file.bytes or None)
    with FileLock(folder / f".{file.name}.lock"):
        if (folder / file.name).is_file() and has_checksum(folder / file.name, file.checksum):
            return
        try:
            download(file, mirrors, folder, report)
        except NoMirror as cause:
            files = [file] if known.archive else known.files
            missing = [other for other in files if not _is_there(folder / other.name, known, other)]
            raise UnreadableInput(
                f"{file.name} of {known.title}",
                f"no mirror gave it ({'; '.join(cause.failures)})",
                "the published file",
                f"Try again, set {MIRROR_VARIABLE} to another address, or {_by_hand(missing, folder, known)}",
            ) from cause


def _by_hand(files: Sequence[RemoteFile], folder: Path, known: CatalogEntry) -> str:
    """Say which files to put where, and how to check them."""
    address = known.offered_at[0] if known.fetchable else ""
    listed = [
        "  ".join(filter(None, ("", address + file.name, f"{file.bytes:,} bytes" * bool(file.bytes), file.checksum)))
        for file in files
    ]
    source = ARCHIVES[known.archive].checksum_source if known.archive else known.checksum_source
    published = [f"The checksums are published at {source}"] if source else []
    return "\n".join([
        f"download these files (see {known.page}) into the folder {folder} and repeat the command:", *listed, *published
    ])  # fmt: skip
