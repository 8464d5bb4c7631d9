"""A dataset: a folder of Parquet files, one subfolder a split, and a manifest beside it.

The one place that reads datasets and the one that writes them. A dataset is written as a draft in a hidden
folder beside its place; finished parts of an interrupted draft are kept by the next attempt at the same plan.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.batch import Batch
from mnist_data.errors import DamagedArchive, MnistDataError, NoDataset, OutputExists, WrongUse
from mnist_data.schema import Metadata, arrow_schema, decode, encode, key_values, metadata_of

MANIFEST = ".manifest.json"

HELD_OUT = ("test", "validation")
"""Splits that nothing is learnt from."""

_IN_SPLIT = re.compile(r"(split=[^/]+/[^/]+\.parquet)$")


@dataclass(frozen=True)
class Part:
    """One Parquet file of a dataset. path: below the dataset's folder, as in split=train/part-00000.parquet."""

    path: str
    split: str
    rows: int
    bytes: int
    sha256: str


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


@dataclass(frozen=True)
class Dataset:
    """A dataset that can be read.

    location: local folder or fsspec URL. splits: name -> rows, train and test first.
    content: hash of all its files, which changes when any byte of them does.
    """

    location: str
    metadata: Metadata
    splits: Mapping[str, int]
    content: str
    files: tuple[tuple[str, str], ...]  # (split, path)

    def __len__(self) -> int:
        return sum(self.splits.values())

    @property
    def training_split(self) -> str:
        """The split to learn from: "train", or the only one there is, if it is not held out by its name."""
        if "train" in self.splits:
            return "train"
        if len(self.splits) == 1 and self.main_split not in HELD_OUT:
            return self.main_split
        raise WrongUse(f"{self.location} has no split 'train' to learn from, only {', '.join(self.splits)}.")

    @property
    def main_split(self) -> str:
        """The split to look at first: "train" where there is one."""
        return "train" if "train" in self.splits else next(iter(self.splits))

    def partitions(
        self, rows: int, splits: Sequence[str] | None = None, *, within_groups: bool = False
    ) -> list[Partition]:
        """Cut the dataset into tasks of about `rows` rows, along its row groups, in the order of its samples.

        within_groups: cut row groups that are larger, too, although each task then reads the whole group.
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


def open_dataset(location: str | Path) -> Dataset:
    """Open a dataset folder, or a single Parquet file of ours.

    Raises NoDataset where there is none, or where an unfinished one lies on an object store.
    """
    name = storage.absolute(location)
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


def _missing(name: str) -> bool:
    return not (storage.exists(name) if storage.is_remote(name) else Path(name).exists())


def _files(name: str) -> list[tuple[str, str]]:
    """List (split, path), splits in the order train, test, others."""
    if storage.is_remote(name):
        fs, path = storage.filesystem(name)
        found = [str(fs.unstrip_protocol(file)) for file in fs.find(path) if _IN_SPLIT.search(file)]
    elif Path(name).is_file():
        found = [name]
    else:
        found = [str(path) for path in Path(name).glob("split=*/*.parquet")]
    files = [(_split_of(path), path) for path in found]
    order = {"train": 0, "test": 1}
    return sorted(files, key=lambda file: (order.get(file[0], 2), *file))


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
    found = _IN_SPLIT.search(path)
    return found.group(1) if found else path.rsplit("/", 1)[-1]


def content_hash(files: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> str:
    """Hash (path, SHA-256) pairs into one content hash; their order does not matter."""
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()


def read_manifest(location: str | Path) -> dict[str, Any] | None:
    """Read the manifest beside a dataset; None where there is none."""
    text = storage.read_text(storage.beside(location, MANIFEST))
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
        table = file.read_row_groups(list(partition.groups), use_threads=False)
        return decode(table.slice(partition.start, partition.rows), metadata)


def read_batches(dataset: Dataset, split: str, rows: int = 10_000) -> Iterator[Batch]:
    """Read a split in order, batch by batch."""
    for partition in dataset.partitions(rows, [split]):
        yield read_partition(partition)


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
        remote = storage.is_remote(path)
        fs, inner = storage.filesystem(path) if remote else (None, path)
        with _damage_named(path):
            table = pq.read_table(
                inner, filesystem=fs, partitioning=None, page_checksum_verification=True, memory_map=not remote
            )
        tables.append(table)
    return pa.concat_tables(tables).combine_chunks()


def holds_only_a_dataset(folder: Path) -> bool:
    """Say whether a folder holds Parquet files of splits and nothing else, so that it can be replaced."""
    return folder.is_dir() and all(_IN_SPLIT.search(str(path)) for path in folder.rglob("*") if not path.is_dir())


class PartWriter:
    """Writes one Parquet file of a dataset, a row group a batch.

    `close` takes the metadata, because what stands in it (the hash of a stream) may be known only at the end.
    """

    def __init__(self, location: str, split: str, index: int, metadata: Metadata, compression: str = "zstd") -> None:
        self._path = f"split={split}/part-{index:05d}.parquet"
        self._split, self._layout, self._compression = split, metadata.layout, compression
        self._metadata = metadata
        # No parents: a task that outlives its draft's end must not bring the folder back.
        self._file = storage.new_file(f"{location}/{self._path}", parents=False)
        self._draft = self._file.__enter__()
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0

    def write(self, batch: Batch) -> None:
        """Append a batch as one row group."""
        if self._writer is None:
            self._schema = arrow_schema(self._metadata, batch.columns)
            self._writer = self._open(self._schema)
        self._writer.write_table(encode(batch, self._schema, self._layout), row_group_size=max(1, len(batch)))
        self.rows += len(batch)

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        small = [name for name in schema.names if name != "image" and not name.startswith("pixel")]
        return pq.ParquetWriter(
            self._draft,
            schema.remove_metadata(),
            compression=self._compression,
            compression_level=1 if self._compression == "zstd" else None,
            # A dictionary is what makes list and pixel columns small; on whole images it finds nothing.
            use_dictionary=small if self._layout in ("binary", "png") else True,
            write_statistics=small,
            write_page_checksum=True,
            store_schema=False,
        )

    def close(self, metadata: Metadata) -> Part:
        """Finish the file and move it to its place. Gives what the manifest records of it."""
        if self._writer is None:
            raise AssertionError("a part holds at least one batch, if an empty one")
        values = key_values(metadata)
        # The footer takes the Arrow schema here and not when the writer opens: only now is its metadata complete.
        schema = base64.b64encode(self._schema.with_metadata(values).serialize().to_pybytes())
        self._writer.add_key_value_metadata({**values, b"ARROW:schema": schema})
        self._writer.close()
        digest, size = storage.sha256_of(self._draft), self._draft.stat().st_size
        self._file.__exit__(None, None, None)
        return Part(self._path, self._split, self.rows, size, digest)

    def abandon(self, error: BaseException) -> None:
        """Throw away what was written because of an error, which may be a full disk: closing may then fail, too."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()
        with suppress(type(error)):
            self._file.__exit__(type(error), error, error.__traceback__)


def write_part(
    location: str, split: str, index: int, batches: Iterable[Batch], metadata: Metadata, compression: str
) -> Part:
    """Write batches, at least one, as the row groups of one file of a dataset."""
    writer = PartWriter(location, split, index, metadata, compression)
    try:
        for batch in batches:
            writer.write(batch)
        return writer.close(metadata)
    except BaseException as error:
        writer.abandon(error)
        raise


def fingerprint(plan: Mapping[str, Any]) -> str:
    """Hash what determines an output: its input, its parameters, the version, how it is cut into parts."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True, default=str).encode()).hexdigest()


def is_current(location: str | Path, plan: Mapping[str, Any]) -> bool:
    """Say whether a dataset is there, whole, and made by just this plan."""
    manifest = read_manifest(location)
    return manifest is not None and manifest["plan"] == fingerprint(plan) and manifest_holds(location, manifest)


class Draft:
    """A dataset being written. Parts go to `location`, beside the target; `commit` puts them in its place.

    Left by an error of ours, the draft is removed; left by an interruption, it stays for the next attempt.
    """

    def __init__(self, target: str | Path, plan: Mapping[str, Any], overwrite: bool = False) -> None:
        if not str(target).strip():
            raise WrongUse("The output has no name.")
        self.target = storage.absolute(target)
        self._plan, self._overwrite = fingerprint(plan), overwrite
        self._remote = storage.is_remote(self.target)
        self._folder = storage.beside(self.target, ".draft", hidden=True)
        self.location = f"{self._folder}/data"
        self._lock: Any = None
        self._refuse_to_replace()

    def _refuse_to_replace(self) -> None:
        if not self._remote:
            storage.recover_folder(Path(self.target))
        storage.require_free(self.target, self._overwrite)
        if not self._remote and storage.exists(self.target) and not holds_only_a_dataset(Path(self.target)):
            raise WrongUse(f"{self.target} holds more than a dataset, so it is not replaced; remove it yourself.")

    def __enter__(self) -> Draft:
        if self._remote:
            storage.remove(self._folder)  # what an interrupted attempt has left; stores have no locks
            return self
        from filelock import FileLock, Timeout

        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise WrongUse(f"{self.target}: another process is writing it; wait for that one to end.") from None
        try:
            self._refuse_to_replace()  # again: another may have finished it before the lock was ours
        except OutputExists as error:
            self.__exit__(type(error), error, None)
            raise
        if storage.read_text(folder / "plan") != self._plan:
            storage.remove(self.location)
            storage.write_text(folder / "plan", self._plan)
        Path(self.location).mkdir(exist_ok=True)
        storage.sweep(Path(self.location))
        storage.sweep(Path(self.target).parent, Path(self.target).name + MANIFEST)
        return self

    def finished(self, split: str, index: int) -> Part | None:
        """Give a part that an interrupted attempt at the same plan has left whole; None where there is none."""
        path = f"split={split}/part-{index:05d}.parquet"
        file = Path(self.location) / path
        if self._remote or not file.exists():
            return None
        with open_parquet(file) as parquet:
            rows = parquet.metadata.num_rows
        return Part(path, split, rows, file.stat().st_size, storage.sha256_of(file))

    def commit(self, parts: Sequence[Part], metadata: Metadata) -> Dataset:
        """Put the draft in the dataset's place and write the manifest beside it."""
        manifest = {
            "format": metadata.format,
            "plan": self._plan,
            "content": content_hash([(part.path, part.sha256) for part in parts]),
            "rows": sum(part.rows for part in parts),
            "parts": [asdict(part) for part in parts],
            "metadata": json.loads(metadata.to_json()),
        }
        storage.remove(storage.beside(self.target, MANIFEST))
        if self._remote:
            self._copy(parts)
        else:
            storage.replace_folder(Path(self.location), Path(self.target))
        storage.write_text(storage.beside(self.target, MANIFEST), json.dumps(manifest, indent=1))
        return open_dataset(self.target)

    def _copy(self, parts: Sequence[Part]) -> None:
        """Replace the dataset on an object store, which has no rename: the manifest that follows makes it count."""
        storage.remove(self.target)
        fs, target = storage.filesystem(self.target)
        _, draft = storage.filesystem(self.location)
        for part in parts:
            fs.copy(f"{draft}/{part.path}", f"{target}/{part.path}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, MnistDataError):
            storage.remove(self._folder)
        if self._lock is not None:
            self._lock.release()
