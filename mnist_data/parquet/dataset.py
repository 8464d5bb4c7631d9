"""A dataset: a folder of Parquet files, one subfolder a split, and a manifest next to it.

The one place that reads datasets; `draft` is the one that writes them.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, cast

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.batch import Batch, Images
from mnist_data.errors import DamagedArchive, MnistDataError, NoDataset, WrongUse
from mnist_data.idx.names import UNLABELLED_SPLIT, split_order
from mnist_data.parquet.schema import Metadata, decode, decode_images, image_columns, metadata_of

MANIFEST = ".manifest.json"

HELD_OUT = ("test", "validation")
"""Splits that are never trained on."""

BATCH_BYTES = 1 << 26
"""Pixels in one batch that is read: of large images, fewer row groups are read together."""

IN_SPLIT = re.compile(r"(split=[^/]+/[^/]+\.parquet)$")
"""A file's path below its dataset's folder."""


@dataclass(frozen=True)
class Partition:
    """Some row groups of one file, or of one large row group some rows: what one task works on.

    start: rows to skip in the first group.
    """

    path: str
    split: str
    groups: tuple[int, ...]
    rows: int
    start: int = 0


@dataclass(frozen=True, repr=False)
class Dataset:
    """A dataset that can be read.

    location: local folder or fsspec URL. splits: name -> rows, train and test first.
    content: hash of all its files, which changes when any byte of them does.

    It stands wherever a path can: `pandas.read_parquet(dataset)`, `mnist_data.clean(dataset, "clean")`.
    """

    location: str
    metadata: Metadata
    splits: Mapping[str, int]
    content: str
    files: tuple[tuple[str, str], ...]  # (split, path)

    def __len__(self) -> int:
        return sum(self.splits.values())

    def __fspath__(self) -> str:
        return self.location

    def __repr__(self) -> str:
        splits = ", ".join(f"{rows:,} {split}" for split, rows in self.splits.items())
        return f"Dataset({self.location!r}: {splits}; {'×'.join(map(str, self.metadata.shape))} {self.metadata.dtype})"

    def _repr_html_(self) -> str:
        """Show a notebook its splits, sizes and some samples."""
        from mnist_data.parquet.preview import dataset_html

        batch = None
        with suppress(MnistDataError, OSError):  # a dataset that is gone is still described
            batch = next(read_batches(self, self.main_split), None)
        return dataset_html(self.location, self.metadata, self.splits, batch)

    @property
    def training_split(self) -> str:
        """The split to learn from: "train", or the only one there is, if it is not held out by its name.

        Raises WrongUse where there is neither, with the command that makes one.
        """
        if "train" in self.splits:
            return "train"
        if len(self.splits) == 1 and self.main_split not in (*HELD_OUT, UNLABELLED_SPLIT):
            return self.main_split
        raise _no_training_split(self)

    @property
    def main_split(self) -> str:
        """The split to show first: "train" where there is one."""
        return "train" if "train" in self.splits else next(iter(self.splits))

    def partitions(
        self, rows: int, splits: Sequence[str] | None = None, *, within_groups: bool = False
    ) -> list[Partition]:
        """Cut the dataset into tasks of about `rows` rows, along its row groups, in the order of its samples.

        within_groups: cut row groups that are larger, too, although each task then unpacks the rows before its own.
        """
        chosen = tuple(self.splits) if splits is None else splits
        return [
            Partition(path, split, groups, min(size, count - start), start)
            for split in chosen
            for path in (path for name, path in self.files if name == split)
            for groups, count in _runs(_row_groups(path), rows)
            for size in [rows if within_groups and len(groups) == 1 else max(1, count)]
            for start in range(0, max(1, count), size)
        ]


def _no_training_split(dataset: Dataset) -> WrongUse:
    """Say which splits there are instead of "train", and how the likeliest of them becomes it."""
    there = ", ".join(f"{split} ({rows:,} samples)" for split, rows in dataset.splits.items())
    problem = f"{dataset.location} has no split 'train' to learn from, only {there}."
    labelled = [split for split in dataset.splits if split != UNLABELLED_SPLIT]
    if not labelled:
        return WrongUse(
            f"{problem} Nothing says what its images show: put the files into a folder for each class, as in A/1.png "
            "and B/2.png, and convert or prepare that."
        )
    likeliest = max(labelled, key=lambda split: (split not in HELD_OUT, dataset.splits[split]))
    place, split = shlex.quote(dataset.location), shlex.quote(likeliest)
    return WrongUse(
        f"{problem} If {likeliest} is to be learned from, make train and validation of it: "
        f"mnist-data split {place} OUT --training-split {split} --by label"
    )


def _row_groups(path: str) -> list[int]:
    with open_parquet(path) as file:
        return [file.metadata.row_group(index).num_rows for index in range(file.metadata.num_row_groups)]


def _runs(sizes: Sequence[int], rows: int) -> Iterator[tuple[tuple[int, ...], int]]:
    run: list[int] = []
    count = 0
    for group, size in enumerate(sizes):
        if run and count + size > rows:
            yield tuple(run), count
            run, count = [], 0
        run.append(group)
        count += size
    if run:
        yield tuple(run), count


@contextmanager
def open_parquet(location: str | Path) -> Iterator[pq.ParquetFile]:
    """Open one Parquet file with its page checksums verified. Raises DamagedArchive where it is broken."""
    with _damage_named(location):
        if storage.is_remote(location):
            fs, path = storage.filesystem(location)
            with fs.open(path, "rb") as stream, pq.ParquetFile(stream, page_checksum_verification=True) as file:
                yield file
        else:
            with pq.ParquetFile(str(location), page_checksum_verification=True) as file:
                yield file


@contextmanager
def _damage_named(location: str | Path) -> Iterator[None]:
    try:
        yield
    except (MemoryError, PermissionError, FileNotFoundError):
        raise  # nothing is wrong with the file
    except (pa.ArrowException, OSError) as cause:
        raise DamagedArchive(
            str(location), f"it cannot be read ({first_line(cause)})", "a whole Parquet file", "Write it again."
        ) from cause


def first_line(error: BaseException) -> str:
    """Give the first line of an error's words, or its kind where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def is_dataset(location: str) -> bool:
    """Say whether a dataset of ours is meant: any URL, a Parquet file, or a folder with some of its splits."""
    return storage.is_remote(location) or location.endswith(".parquet") or any(Path(location).glob("split=*/*.parquet"))


def open_dataset(location: str | PathLike[str]) -> Dataset:
    """Open a dataset folder, or a single Parquet file of ours; one that is open already is given back.

    Raises NoDataset where there is none, or where an unfinished one lies on an object store.
    """
    if isinstance(location, Dataset):
        return location
    name = storage.absolute(fspath(location))
    files = _files(name)
    if not files:
        raise NoDataset(
            name,
            "there is no such folder" if _missing(name) else "no Parquet files lie in it",
            "a dataset written by mnist-data",
            "Make one with: mnist-data convert SOURCE OUT",
        )
    splits: dict[str, int] = {}
    described: list[Metadata] = []
    for split, path in files:
        with open_parquet(path) as file:
            if split not in splits:
                described.append(metadata_of(file.schema_arrow, path))
            splits[split] = splits.get(split, 0) + file.metadata.num_rows
    # A converted split knows its own sources only: it is written before the others are read.
    sources = tuple(dict.fromkeys(source for metadata in described for source in metadata.sources))
    return Dataset(name, replace(described[0], sources=sources), splits, _content(name, files), tuple(files))


def holds_dataset(location: str | Path) -> bool:
    """Say whether files of splits lie in a folder or URL."""
    return bool(_files(storage.absolute(location)))


def require_outside(location: str | Path) -> None:
    """Refuse to write within a dataset, which would then be read as a part of it."""
    place = str(location).rstrip("/")
    folders = [] if storage.is_remote(place) else [str(folder) for folder in Path(place).absolute().parents]
    if "/split=" in f"/{place}" or any(any(Path(folder).glob("split=*/*.parquet")) for folder in folders):
        raise WrongUse(f"{place} lies within a dataset, which would no longer be one; choose another place by --out.")


def _missing(name: str) -> bool:
    return not (storage.exists(name) if storage.is_remote(name) else Path(name).exists())


def _files(name: str) -> list[tuple[str, str]]:
    """List (split, path), splits in the order train, test, others."""
    if storage.is_remote(name):
        fs, path = storage.filesystem(name)
        found = [str(fs.unstrip_protocol(file)) for file in fs.find(path) if IN_SPLIT.search(file)]
    elif Path(name).is_file():
        found = [name]
    else:
        found = [str(path) for path in Path(name).glob("split=*/*.parquet")]
    files = [(_split_of(path), path) for path in found]
    return sorted(files, key=lambda file: (split_order(file[0]), *file))


def _split_of(path: str) -> str:
    folder = path.rsplit("/", 2)[-2] if "/" in path else ""
    return folder.removeprefix("split=") if folder.startswith("split=") else "train"


def _content(name: str, files: Sequence[tuple[str, str]]) -> str:
    """Hash the files by the hashes in the manifest, where it describes just these, else by reading them."""
    manifest = read_manifest(name)
    if manifest is not None and manifest_holds(name, manifest):
        return str(manifest["content"])
    if storage.is_remote(name):
        raise NoDataset(
            name, "its manifest is missing or does not fit its files", "a finished dataset", "Write it again."
        )
    return content_hash((_below(path), storage.sha256_of(Path(path))) for _, path in files)


def _below(path: str) -> str:
    """Give a file's path below its dataset's folder."""
    found = IN_SPLIT.search(path)
    return found.group(1) if found else path.rsplit("/", 1)[-1]


def content_hash(files: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> str:
    """Hash (path, SHA-256) pairs into one content hash; their order does not matter."""
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()


def read_manifest(location: str | Path) -> dict[str, Any] | None:
    """Read the manifest next to a dataset; None where there is none."""
    text = storage.read_text(storage.sibling(location, MANIFEST))
    return json.loads(text) if text else None


def manifest_holds(location: str | Path, manifest: Mapping[str, Any]) -> bool:
    """Say whether the files of a dataset are those of its manifest, by their names and sizes."""
    name = str(location).rstrip("/")
    expected = {part["path"]: part["bytes"] for part in manifest["parts"]}
    return expected == {_below(path): _size(path) for _, path in _files(name)}


def _size(path: str) -> int:
    if storage.is_remote(path):
        fs, inner = storage.filesystem(path)
        return int(fs.size(inner))
    return Path(path).stat().st_size


def read_partition(partition: Partition) -> Batch:
    """Read one partition into a batch."""
    with open_parquet(partition.path) as file:
        metadata = metadata_of(file.schema_arrow, partition.path)
        return decode(_read_rows(file, partition), metadata)


def read_images(partition: Partition) -> Images:
    """Read the images of one partition, (rows, *shape), and nothing else; they are read-only."""
    with open_parquet(partition.path) as file:
        metadata = metadata_of(file.schema_arrow, partition.path)
        names = image_columns(file.schema_arrow.names, metadata)
        return decode_images(_read_rows(file, partition, names), metadata)


def read_partition_columns(partition: Partition, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read columns of one partition, (rows,) each, without its images."""
    with open_parquet(partition.path) as file:
        table = _read_rows(file, partition, names)
    return {name: table[name].to_numpy() for name in table.column_names}


def _read_rows(file: pq.ParquetFile, partition: Partition, names: Sequence[str] | None = None) -> pa.Table:
    """Read the rows of a partition. Of a larger row group the others are unpacked a few at a time and let go."""
    groups = list(partition.groups)
    if sum(file.metadata.row_group(group).num_rows for group in groups) == partition.rows:
        return file.read_row_groups(groups, names, use_threads=False)
    pieces, first, end = [], 0, partition.start + partition.rows
    for piece in file.iter_batches(max(1, partition.rows), groups, names, use_threads=False):
        begin = max(0, partition.start - first)
        if begin < len(piece):
            pieces.append(piece.slice(begin, end - first - begin))
        first += len(piece)
        if first >= end:
            break
    return pa.Table.from_batches(pieces)


def read_batches(dataset: Dataset, split: str, rows: int = 10_000) -> Iterator[Batch]:
    """Read a split in order, batch by batch: of at most `rows` samples and 64 MB of pixels, or one row group."""
    rows = max(1, min(rows, BATCH_BYTES // max(1, dataset.metadata.image_bytes)))
    for partition in dataset.partitions(rows, [split]):
        yield read_partition(partition)


def read_columns(dataset: Dataset, split: str, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read columns of a split, (rows,) each, without its images; those of the names that the dataset has."""
    pieces = []
    for path in (path for name, path in dataset.files if name == split):
        with open_parquet(path) as file:
            pieces.append(file.read(columns=[name for name in names if name in file.schema_arrow.names]))
    table = pa.concat_tables(pieces)
    return {name: table[name].to_numpy() for name in table.column_names}


def read_sample(dataset: Dataset, sample: int) -> Batch:
    """Read one sample by its id, from the row groups whose ids can hold it.

    Raises WrongUse where there is none.
    """
    for split, path in dataset.files:
        with open_parquet(path) as file:
            place = file.schema_arrow.get_field_index("id")
            for group in range(file.metadata.num_row_groups):
                bounds = file.metadata.row_group(group).column(place).statistics
                if bounds is not None and bounds.has_min_max and not bounds.min <= sample <= bounds.max:
                    continue
                rows = file.metadata.row_group(group).num_rows
                batch = read_partition(Partition(path, split, (group,), rows))
                if (batch.ids == sample).any():
                    return batch.take(batch.ids == sample)
    raise WrongUse(f"{dataset.location} has no sample with the id {sample}.")


def read_whole(files: Sequence[tuple[str, str]]) -> pa.Table:
    """Read whole files of a dataset, (split, path) each, into one table in the order of their samples.

    The row groups are unpacked side by side on all cores; each column then lies in one piece, so that the images can
    be viewed as an array.
    """
    tables = []
    for _, path in files:
        with _damage_named(path), _readable(path) as source:
            mapped = not storage.is_remote(path)
            table = pq.read_table(source, partitioning=None, page_checksum_verification=True, memory_map=mapped)
        tables.append(table)
    return pa.concat_tables(tables).combine_chunks()


def _readable(path: str) -> AbstractContextManager[Any]:
    """Give a local file's path, and a remote file open: by its path pyarrow would open it twice."""
    if not storage.is_remote(path):
        return nullcontext(path)
    fs, inner = storage.filesystem(path)
    return cast("AbstractContextManager[Any]", fs.open(inner, "rb"))
