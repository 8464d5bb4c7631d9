"""Writing a dataset: a draft in a hidden folder next to its place, moved there when it is complete.

Finished parts of an interrupted draft are kept by the next attempt at the same plan.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.batch import Batch
from mnist_data.errors import MnistDataError, StoreFailed, UnreadableInput, WrongUse
from mnist_data.parquet.dataset import Dataset, open_dataset, open_parquet, require_outside
from mnist_data.parquet.locks import exclusive
from mnist_data.parquet.manifest import IN_SPLIT, MANIFEST, new_manifest, parse_manifest, read_manifest
from mnist_data.parquet.manifest import Part as Part
from mnist_data.parquet.publish import draft_of, publish, recover
from mnist_data.parquet.schema import Metadata, arrow_schema, encode

PAGE_BYTES = 1 << 26
"""Pixels in one data page: of large images fewer than Arrow's 1,024 stand in it, as a reader unpacks whole pages."""

ROWS_IN_A_PART = 1_000_000
"""Most samples in one file: MNIST's training split is one, two million images are two; all stay open to the end."""


def holds_only_a_dataset(location: str) -> bool:
    """Say whether a folder or URL holds Parquet files of splits and nothing else, so that it can be replaced."""
    if storage.is_remote(location):
        fs, folder = storage.filesystem(location)
        return all(IN_SPLIT.fullmatch(path.removeprefix(folder).lstrip("/")) for path in fs.find(folder))
    below = (path for path in Path(location).rglob("*") if not path.is_dir())
    return Path(location).is_dir() and all(IN_SPLIT.search(str(path)) for path in below)


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

    def write_all(self, batches: Iterable[Batch]) -> Part:
        """Write batches, at least one, as the row groups of the file, and finish it; after an error there is none."""
        try:
            for batch in batches:
                self.write(batch)
            return self.close(self._metadata)
        except BaseException as error:
            self.abandon(error)
            raise

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
            write_batch_size=max(1, min(1024, PAGE_BYTES // max(1, self._metadata.image_bytes))),
            write_page_checksum=True,
            store_schema=False,
        )

    def close(self, metadata: Metadata) -> Part:
        """Finish the file and move it to its place. Gives what the manifest records of it."""
        if self._writer is None:
            raise AssertionError("a part holds at least one batch, if an empty one")
        values = metadata.key_values()
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


def write_parts(
    location: str,
    split: str,
    batches: Iterable[Batch],
    metadata: Metadata,
    compression: str,
    complete: Callable[[], Metadata],
) -> tuple[Part, ...]:
    """Write batches as the row groups of as many files as it takes; all are finished together, or none is there.

    complete: gives the metadata that the files carry, once the batches have ended: only then are hashes known.
    """
    writers: list[PartWriter] = []
    try:
        for batch in batches:
            if not writers or writers[-1].rows >= ROWS_IN_A_PART:
                writers.append(PartWriter(location, split, len(writers), metadata, compression))
            writers[-1].write(batch)
        finished = complete()
        return tuple(writer.close(finished) for writer in writers)
    except BaseException as error:
        for writer in writers:
            writer.abandon(error)
        raise


def fingerprint(plan: Mapping[str, Any]) -> str:
    """Hash what determines an output: its input, its parameters, the version, how it is cut into parts."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True, default=str).encode()).hexdigest()


def is_current(location: str | Path, plan: Mapping[str, Any]) -> bool:
    """Say whether a dataset is there, opens, and was made by just this plan."""
    try:
        manifest = read_manifest(location)
        if manifest is None or manifest.plan != fingerprint(plan):
            return False
        open_dataset(location)
    except UnreadableInput:  # a damaged one is made again
        return False
    return True


def require_free(target: str | Path, overwrite: bool) -> None:
    """Raise OutputExists, before the work, for a dataset that a `Draft` would not replace.

    Where an attempt was killed it cannot be said yet: the draft knows what is left of it.
    """
    if not _is_begun(target):
        storage.require_free(target, overwrite)


def _is_begun(target: str | Path) -> bool:
    """Say whether another process writes a dataset, or was killed over it: the lock tells these apart."""
    draft = draft_of(target)
    return not storage.is_remote(draft) and (Path(draft).exists() or Path(f"{draft}.lock").exists())


def remove_leftovers(target: str | Path) -> None:
    """Remove what a writer has left that was killed when its dataset was in place already.

    Raises WrongUse where another process writes there now.
    """
    if _is_begun(target):
        draft = draft_of(target)
        with exclusive(target, f"{draft}.lock"):
            storage.remove(draft)


class Draft:
    """A dataset being written. Parts go to `location`, next to the target; `commit` moves them to it.

    Left by an error of ours, the draft is removed; left by an interruption or a lost cluster, it stays for the next
    attempt.
    """

    def __init__(self, target: str | Path, plan: Mapping[str, Any], overwrite: bool = False) -> None:
        if not str(target).strip():
            raise WrongUse("The output has no name.")
        require_outside(target)
        storage.require_short(target, MANIFEST)
        self.target = storage.absolute(target)
        self._plan, self._overwrite = fingerprint(plan), overwrite
        self._remote = storage.is_remote(self.target)
        self._folder = draft_of(self.target)
        self.location = f"{self._folder}/data"
        self._held = ExitStack()
        if not _is_begun(self.target):
            self._refuse_to_replace()

    def _refuse_to_replace(self) -> None:
        storage.require_free(self.target, self._overwrite)
        if storage.exists(self.target) and not holds_only_a_dataset(self.target):
            raise WrongUse(f"{self.target} holds more than a dataset, so it is not replaced; remove it yourself.")

    def __enter__(self) -> Draft:
        if self._remote:
            recover(self.target)  # what an interrupted attempt has left; stores have no locks
            self._refuse_to_replace()
            return self
        with ExitStack() as held:
            held.enter_context(exclusive(self.target, f"{self._folder}.lock"))
            self._recover()
            self._refuse_to_replace()  # again: another may have finished it before the lock was ours
            self._begin()
            self._held = held.pop_all()
        return self

    def _recover(self) -> None:
        """Finish what a killed attempt has begun; what it has put into place may be replaced by the same plan."""
        storage.recover_folder(Path(self.target))
        manifest = Path(storage.sibling(self.target, MANIFEST))
        finished, old = Path(self._folder, "manifest"), Path(self._folder, "old")
        if finished.exists() and not Path(self.location).exists():
            self._overwrite |= parse_manifest(finished.read_bytes(), str(finished)).plan == self._plan
            finished.replace(manifest)
        elif old.exists() and not manifest.exists():
            old.replace(manifest)
        if not Path(self.location).exists():
            storage.remove(self._folder)

    def _begin(self) -> None:
        """Make the folder of the draft; finished parts of the same plan stay in it."""
        if storage.read_text(f"{self._folder}/plan") != self._plan:
            storage.remove(self._folder)
            storage.write_text(f"{self._folder}/plan", self._plan)
        Path(self.location).mkdir(exist_ok=True)
        for name in ("manifest", "old"):  # of an attempt that failed when all its parts were finished
            storage.remove(f"{self._folder}/{name}")
        storage.sweep(Path(self._folder))

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
        """Move the draft to the dataset's place and write the manifest next to it."""
        if self._remote:
            publish(self.location, self.target, self._plan, parts, metadata)
        else:
            storage.sweep(Path(self.location))  # what a worker that was killed has left of a part
            self._move(new_manifest(self._plan, parts, metadata).to_json())
        return open_dataset(self.target)

    def _move(self, manifest: str) -> None:
        """Move the draft to its place. A kill on the way leaves what `_recover` needs: both manifests."""
        place = Path(storage.sibling(self.target, MANIFEST))
        storage.write_text(f"{self._folder}/manifest", manifest)
        if place.exists():
            place.replace(f"{self._folder}/old")  # until the new one is there, none counts
        storage.replace_folder(Path(self.location), Path(self.target))
        storage.write_text(place, manifest)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._held, suppress(OSError) if error is not None else nullcontext():
            self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        if self._remote:
            # What is left when even this fails, the next run removes; the first error is the one to report.
            with suppress(StoreFailed) if error is not None else nullcontext():
                recover(self.target)
        elif error is None or (isinstance(error, MnistDataError) and not error.resumable):
            storage.remove(self._folder)
        else:
            self._recover()  # of a move that failed midway
