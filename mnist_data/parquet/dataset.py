"""A dataset: a folder of Parquet files, one subfolder a split, and a manifest next to it.

The one place that reads datasets; `draft` is the one that writes them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.batch import Batch, Images, shape_text
from mnist_data.errors import MnistDataError, NoDataset, WrongUse
from mnist_data.idx.names import UNLABELLED_SPLIT, split_order
from mnist_data.parquet.arrays import to_numpy
from mnist_data.parquet.files import damage_named, readable, require_sound_footer, require_unique_ids, with_values
from mnist_data.parquet.files import first_line as first_line
from mnist_data.parquet.files import open_parquet as open_parquet
from mnist_data.parquet.manifest import (
    IN_SPLIT,
    MANIFEST,
    Manifest,
    content_hash,
    differences,
    logical,
    part_sizes,
    read_manifest,
)
from mnist_data.parquet.publish import passing
from mnist_data.parquet.records import in_short
from mnist_data.parquet.schema import Metadata, decode, decode_images, image_columns, metadata_of

HELD_OUT = ("test", "validation")
"""Splits that are never trained on."""

MAGIC = b"PAR1"
"""What a Parquet file begins with."""

BATCH_BYTES = 1 << 26
"""Pixels in one batch that is read: of large images, fewer row groups are read together."""


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
        return f"Dataset({self.location!r}: {splits}; {shape_text(self.metadata.shape)} {self.metadata.dtype})"

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


def is_dataset(location: str) -> bool:
    """Say whether a dataset is meant, of ours or not: any URL, a Parquet file, or a folder with some of them."""
    return storage.is_remote(location) or location.endswith(".parquet") or any(Path(location).rglob("*.parquet"))


def open_dataset(location: str | PathLike[str]) -> Dataset:
    """Open a dataset folder, or a single Parquet file of ours; one that is open already is given back.

    Raises NoDataset where there is none, or where an unfinished one lies on an object store.
    """
    if isinstance(location, Dataset):
        return location
    name = storage.absolute(fspath(location))
    _require_parquet(name)
    manifest = _manifest_of(name)
    files = _files(name, manifest)
    if not files:
        raise _nothing_at(name)
    splits: dict[str, int] = {}
    described: list[Metadata] = []
    for split, path in files:
        with open_parquet(path) as file:
            require_sound_footer(file, path)
            metadata, rows = metadata_of(file.schema_arrow, path), file.metadata.num_rows
        _require_alike(metadata, described, path)
        described.append(metadata)
        splits[split] = splits.get(split, 0) + rows
        if manifest is not None:
            _require_recorded(name, manifest, path, rows, metadata)
    # A converted split knows its own sources only: it is written before the others are read.
    sources = tuple(dict.fromkeys(source for metadata in described for source in metadata.sources))
    hashes = [] if manifest else [(logical(below(path)), storage.sha256_of(Path(path))) for _, path in files]
    content = manifest.content if manifest else content_hash(hashes)
    require_unique_ids([path for _, path in files], content)
    return Dataset(name, replace(described[0], sources=sources), splits, content, tuple(files))


def _manifest_of(name: str) -> Manifest | None:
    """Read the manifest of a dataset, and compare it with the files that are there. Raises NoDataset for others.

    On an object store it is read again where it has changed meanwhile: the dataset was replaced while we looked.
    """
    manifest = read_manifest(name)
    for found, expected in _differences(name, manifest):
        if storage.is_remote(name) and (now := read_manifest(name)) != manifest:
            manifest = now
            for found_now, expected_now in _differences(name, now):
                raise _unlike_manifest(name, found_now, expected_now)
            break
        raise _unlike_manifest(name, found, expected)
    return manifest


def _differences(name: str, manifest: Manifest | None) -> Iterator[tuple[str, str]]:
    """Say how the files differ from the manifest; those that a writer is adding or removing are passed over."""
    remote = storage.is_remote(name)
    if manifest is None and not remote:
        return
    sizes = part_sizes(name)
    if manifest is None:
        yield from [("its manifest is missing", "a finished dataset")] if sizes else []
        return
    if remote and sizes.keys() - {part.path for part in manifest.parts}:
        underway = passing(name) - {part.path for part in manifest.parts}
        sizes = {path: size for path, size in sizes.items() if path not in underway}
    yield from differences(manifest, sizes)


def _nothing_at(name: str) -> NoDataset:
    """Describe a place without a dataset; what lies there, as Parquet files of another make, may be converted."""
    advice = "Make one with: mnist-data convert SOURCE OUT"
    if _missing(name):
        found = "there is no such folder"
    elif storage.is_remote(name) or not any(Path(name).iterdir()):
        found = "no Parquet files lie in it"
    elif (within := next(Path(name).rglob("split=*/*.parquet"), None)) is not None:
        found, advice = "it is no dataset, but holds some", f"Name one of them, as {within.parents[1]}"
    elif (foreign := next(Path(name).rglob("*.parquet"), None)) is not None:
        found = f"no folders split=… lie in it, only files such as {foreign.relative_to(name)}"
        advice = f"Make a dataset of them with: {_conversion(name)}"
    else:
        found, advice = "no Parquet files lie in it", f"Make a dataset of what does with: {_conversion(name)}"
    return NoDataset(name, found, "a dataset written by mnist-data", advice)


def _require_parquet(name: str) -> None:
    """Refuse a file of another form, as .npz or CSV, of which a dataset can be made; a damaged one is met later."""
    if storage.is_remote(name) or name.endswith(".parquet") or not Path(name).is_file():
        return
    with storage.reading(name) as file:
        if file.read(len(MAGIC)) != MAGIC:
            found, advice = "it is no Parquet file", f"Make a dataset of it with: {_conversion(name)}"
            raise NoDataset(name, found, "a dataset written by mnist-data", advice)


def _conversion(name: str) -> str:
    return f"mnist-data convert {shlex.quote(name)} OUT"


def _unlike_manifest(name: str, found: str, expected: str) -> NoDataset:
    manifest = storage.sibling(name, MANIFEST)
    advice = f"Write it again, or remove {manifest} to take the files as they are."
    return NoDataset(name, found, expected, "Write it again." if storage.is_remote(name) else advice)


def _require_alike(metadata: Metadata, described: Sequence[Metadata], path: str) -> None:
    """Refuse a file whose images are of another form than those of the files before it."""
    for name in ("dataset", "shape", "dtype", "layout", "classes"):
        before = getattr(described[0], name) if described else getattr(metadata, name)
        if getattr(metadata, name) != before:
            found = f"{in_short(getattr(metadata, name))} as its {name}"
            raise NoDataset(path, found, f"{in_short(before)}, as the files before it", "Write the dataset again.")


def _require_recorded(name: str, manifest: Manifest, path: str, rows: int, metadata: Metadata) -> None:
    """Refuse a part whose footer is not what the manifest recorded of it."""
    part = next(part for part in manifest.parts if part.path == below(path))
    if rows != part.rows:
        raise _unlike_manifest(name, f"its part {part.path} has {rows:,} rows", f"{part.rows:,}, as its manifest says")
    carried, recorded = (json.loads(said.to_json()) for said in (metadata, manifest.described_metadata()))
    for field in carried:
        value, expected = carried[field], recorded[field]
        if field == "sources":  # a part knows those of its split; of other forms than IDX the manifest lists none
            alike = not expected or all(item in expected for item in value)
        else:
            alike = json.dumps(value) == json.dumps(expected)  # as texts, in which NaN is like NaN
        if not alike:
            found = f"its part {part.path} has {in_short(value)} as {field}"
            raise _unlike_manifest(name, found, f"{in_short(expected)}, as its manifest says")


def holds_dataset(location: str | Path) -> bool:
    """Say whether files of splits lie in a folder or URL."""
    return bool(_files(storage.absolute(location), None))


def require_outside(location: str | Path) -> None:
    """Refuse to write within a dataset, which would then be read as a part of it."""
    place = str(location).rstrip("/")
    folders = [] if storage.is_remote(place) else [str(folder) for folder in Path(place).absolute().parents]
    if "/split=" in f"/{place}" or any(any(Path(folder).glob("split=*/*.parquet")) for folder in folders):
        raise WrongUse(f"{place} lies within a dataset, which would no longer be one; choose another place by --out.")


def _missing(name: str) -> bool:
    return not (storage.exists(name) if storage.is_remote(name) else Path(name).exists())


def _files(name: str, manifest: Manifest | None) -> list[tuple[str, str]]:
    """List (split, path) of the files that count, splits in the order train, test, others."""
    if manifest is not None:
        paths = [f"{name}/{part.path}" for part in manifest.parts]
    elif storage.is_remote(name):
        paths = [f"{name}/{path}" for path in part_sizes(name) if IN_SPLIT.fullmatch(path)]
    elif Path(name).is_file():
        paths = [name]
    else:
        paths = [str(path) for path in Path(name).glob("split=*/*.parquet")]
    files = [(_split_of(path), path) for path in paths]
    return sorted(files, key=lambda file: (split_order(file[0]), *file))


def _split_of(path: str) -> str:
    folder = path.rsplit("/", 2)[-2] if "/" in path else ""
    return folder.removeprefix("split=") if folder.startswith("split=") else "train"


def below(path: str) -> str:
    """Give a file's path below its dataset's folder."""
    within = IN_SPLIT.search(path)
    return within.group(1) if within else path.rsplit("/", 1)[-1]


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
    return {name: to_numpy(table[name]) for name in table.column_names}


def _read_rows(file: pq.ParquetFile, partition: Partition, names: Sequence[str] | None = None) -> pa.Table:
    """Read the rows of a partition. Of a larger row group the others are unpacked a few at a time and let go."""
    groups = list(partition.groups)
    before = sum(file.metadata.row_group(group).num_rows for group in range(groups[0] if groups else 0))
    if sum(file.metadata.row_group(group).num_rows for group in groups) == partition.rows:
        table = file.read_row_groups(groups, names, use_threads=False)
        return with_values(table, partition.path, before)
    pieces, first, end = [], 0, partition.start + partition.rows
    for piece in file.iter_batches(max(1, partition.rows), groups, names, use_threads=False):
        begin = max(0, partition.start - first)
        if begin < len(piece):
            pieces.append(piece.slice(begin, end - first - begin))
        first += len(piece)
        if first >= end:
            break
    return with_values(pa.Table.from_batches(pieces), partition.path, before + partition.start)


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
            table = file.read(columns=[name for name in names if name in file.schema_arrow.names])
            pieces.append(with_values(table, path))
    table = pa.concat_tables(pieces)
    return {name: to_numpy(table[name]) for name in table.column_names}


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


def read_whole(files: Sequence[tuple[str, str]], without: Sequence[str] = ()) -> pa.Table:
    """Read whole files of a dataset, (split, path) each, into one table in the order of their samples.

    without: columns to leave out.

    The row groups are unpacked side by side on all cores; each column then lies in one piece, so that the images can
    be viewed as an array.
    """
    tables = []
    for _, path in files:
        with damage_named(path), readable(path) as source:
            mapped = not storage.is_remote(path)
            columns = [name for name in pq.read_schema(source).names if name not in without] if without else None
            table = pq.read_table(
                source, columns=columns, partitioning=None, page_checksum_verification=True, memory_map=mapped
            )
        tables.append(with_values(table, path))
    return pa.concat_tables(tables).combine_chunks()
