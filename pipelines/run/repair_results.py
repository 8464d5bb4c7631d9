"""Repairing results that are no dataset: their damaged files, made again, where every byte is then as it was."""

from __future__ import annotations

import re
import shlex
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.errors import MnistDataError, UnreadableInput
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import SEAL_KEY, csv_hash, write_csv
from mnist_data.storage.temporary import TemporaryFolder, draft_folder
from pipelines.engine.execution import Execution
from pipelines.run.file_checks import check_file
from pipelines.run.remake_results import CannotMake, Job, make, page_parts, times_of
from pipelines.run.results import Result, datasets_for, making_of, obstacle_to, result_command, result_of
from pipelines.run.sums import SUMS, sums_text

OTHER_BYTES = {
    "train": "training here gives other bytes, as on another processor, with other cores or another PyTorch",
    "predict": "predicting here gives other bytes, as of other images, on another processor or with another PyTorch",
}
"""Why what a stage makes may differ though its inputs do not."""

ONNX_HASH = re.compile(rb"sha256\x12@([0-9a-f]{64})")
"""How the hash of itself stands in an ONNX file, which is written by Protocol Buffers: key, tag, length, text."""

FROM_OTHERS = (".seconds.json", ".onnx")
"""Endings of files that are made of others next to them only."""

NO_OTHERS = "nothing near it, from which it was made, is whole"

OF_ANOTHER = "what is made of its input today has other bytes, as where another version of a library wrote it"


def repair_results(damaged: Sequence[str], known: Mapping[str, Dataset], execution: Execution) -> dict[str, str]:
    """Make damaged files of results again from what they were made from, and put those in place that are as they were.

    known: datasets that are whole, by their content hashes; others are looked for near. Gives why a file was not made
    again, in words, empty for one that was. Pages come last, as they are made of tables.
    """
    results: dict[Result, list[str]] = {}
    for path in damaged:
        results.setdefault(result_of(path), []).append(path)
    obstacles: dict[str, str] = {}
    for result in sorted(results, key=lambda result: bool(result.page)):
        obstacles |= _Repair(result, results[result], known, execution).all()
    return obstacles


@dataclass(frozen=True)
class ResultAdvice:
    """What makes a damaged file of a result right again; it is worked out where it is asked for.

    advice: what to say of a file of which nothing is known. datasets: those that have been verified by then.
    """

    path: str
    advice: str
    datasets: Mapping[str, Dataset]

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        result = result_of(self.path)
        datasets, making = datasets_for(result, self.datasets), making_of(result, [self.path])
        whole = f"mnist-data verify {shlex.quote(result.location if result.page else result.folder)} --repair"
        if result.page:
            return whole if page_parts(result, datasets) else self.advice
        if not obstacle_to(making, datasets) or self._has_whole_table():
            return whole
        run = result.recorded() and "run" in self.advice
        return self.advice if making is None or run else result_command(result, making, datasets)

    def _has_whole_table(self) -> bool:
        """Say whether the file is the CSV file of a table that is whole, of which it can be written."""
        parquet = f"{self.path.removesuffix('.csv')}.parquet"
        with suppress(UnreadableInput):
            if self.path.endswith(".csv") and storage.exists(parquet):
                check_file(parquet)
                return True
        return False


class _Repair:
    """The repair of one result. obstacles: of the files that have been tried, as `repair_results` gives them."""

    def __init__(
        self, result: Result, damaged: Sequence[str], known: Mapping[str, Dataset], execution: Execution
    ) -> None:
        self.result, self.execution = result, execution
        self.records = [path for path in damaged if path.endswith(SUMS)]
        self.damaged = [path for path in damaged if not path.endswith(SUMS)]
        self.datasets = datasets_for(result, known)
        self.making = making_of(result, damaged)
        self.obstacles: dict[str, str] = {}

    def all(self) -> dict[str, str]:
        with _draft_for(self.result) as draft:
            for path in self.damaged:
                self.obstacles[path] = NO_OTHERS
            self._of_others(draft)
            left = [path for path in self._left() if not path.endswith(FROM_OTHERS)]
            if left:
                self._made(left, draft)
                self._of_others(draft)  # those that are whole now
        self._records()
        return self.obstacles

    def _of_others(self, draft: Path) -> None:
        """Make files of others in the result that are whole, which takes no dataset."""
        self._texts(draft)
        self._times(draft)
        self._exports(draft)

    def _left(self) -> list[str]:
        """Give the files that are not yet as they were."""
        return [path for path in self.damaged if self.obstacles[path]]

    def _texts(self, draft: Path) -> None:
        """Write the CSV files of tables that are whole."""
        for path in self._left():
            parquet = f"{path.removesuffix('.csv')}.parquet"
            if path.endswith(".csv") and parquet not in self._left() and storage.exists(parquet):
                text = draft / f"text of {Path(path).name}"
                write_csv(parquet, text)
                if storage.sha256_of(text) == csv_hash(parquet):
                    self._put(text, path)

    def _times(self, draft: Path) -> None:
        """Write the times of epochs from the table of the training that has them, too."""
        for path in self._left():
            if path.endswith(".seconds.json"):
                from pipelines.networks.members import times_text

                times = draft / f"times of {Path(path).name}"
                try:
                    times.write_text(times_text(times_of(path.removesuffix(".seconds.json"), self._left())), "utf-8")
                except CannotMake as obstacle:
                    self.obstacles[path] = str(obstacle)
                else:
                    self._put_if_same(times, path, "its times were measured once, and the table history has others")

    def _exports(self, draft: Path) -> None:
        """Export the networks in the folder, and in folders in it, to ONNX."""
        for path in self._left():
            if path.endswith(".onnx"):
                from pipelines.networks.export.onnx_file import export_onnx

                folder, remade = Path(self.result.folder), draft / Path(path).name
                for network in sorted([*folder.glob("*.safetensors"), *folder.glob("*/*.safetensors")]):
                    with suppress(UnreadableInput):
                        export_onnx(network, remade, overwrite=True)
                        self._put_if_same(remade, path, "no whole network near it is exported to its bytes")

    def _made(self, left: Sequence[str], draft: Path) -> None:
        """Make the result again, and put in place what is as it was."""
        obstacle = self._obstacle()
        if not obstacle:
            try:
                self._make(left, draft)
            except CannotMake as cause:
                obstacle = str(cause)
            except MnistDataError as error:
                obstacle = f"making it again fails: {error}"
        other = OTHER_BYTES.get(self.making.stage, OF_ANOTHER) if self.making else OF_ANOTHER
        for path in left:
            remade = draft / Path(path).name
            if obstacle or not remade.is_file():
                self.obstacles[path] = obstacle or "it is no file that is made with the others"
            else:
                self._put_if_same(remade, path, other)

    def _obstacle(self) -> str:
        if self.result.page:
            parts = page_parts(self.result, self.datasets)
            return "" if parts else "the datasets and tables that it was made of are not there, or are others now"
        return obstacle_to(self.making, self.datasets)

    def _make(self, left: Sequence[str], draft: Path) -> None:
        if self.result.page:
            parts = page_parts(self.result, self.datasets)
            assert parts is not None  # else there is an obstacle
            parts.write(draft / self.result.page)
            return
        assert self.making is not None
        make(Job(self.result, self.making, self.datasets, left, draft, self.execution))

    def _put_if_same(self, remade: Path, path: str, obstacle: str) -> None:
        """Put a file in place that is as it was, or note why it is not."""
        if self._is_as_it_was(remade, path):
            self._put(remade, path)
        elif self.obstacles[path]:
            self.obstacles[path] = obstacle

    def _put(self, remade: Path, path: str) -> None:
        with storage.new_file(path) as file:
            shutil.copyfile(remade, file)
        self.obstacles[path] = ""

    def _is_as_it_was(self, remade: Path, path: str) -> bool:
        """Compare a file with the hash that was recorded of the damaged one: by a run, or in itself.

        Where no hash can be read any more, it counts as the same if every other file of the result is.
        """
        name = path.removeprefix(f"{self.result.folder}/")
        if name in (recorded := self.result.recorded()):
            return recorded[name].sha256 == storage.sha256_of(remade)
        own = _own_hash(remade)
        return bool(own and own in (storage.read_bytes(path) or b"")) or self._others_are_same(remade.parent)

    def _others_are_same(self, draft: Path) -> bool:
        names = [
            Path(path).name for path in (*self.result.tables(), *self.result.networks()) if path not in self._left()
        ]
        pairs = [(draft / name, storage.read_bytes(f"{self.result.folder}/{name}")) for name in names]
        return bool(pairs) and all(there.is_file() and there.read_bytes() == content for there, content in pairs)

    def _records(self) -> None:
        """Write the record of a result anew, if it records what is there."""
        for path in self.records:
            self.obstacles[path] = "it does not say what was recorded, or not all of that is there"
            text, content = sums_text(Path(self.result.location)), storage.read_bytes(path) or b""
            digest = text.rpartition('"sha256": "')[2][:64].encode()
            files = text[: text.rindex('"sha256"')].encode()
            if not self._left() and (digest in content or content.startswith(files)):
                storage.write_text(path, text)
                self.obstacles[path] = ""


def _own_hash(path: Path) -> bytes:
    """Give the hash that a file carries of itself; empty where it has none."""
    if path.suffix == ".parquet":
        return bytes((pq.read_metadata(path).metadata or {}).get(SEAL_KEY, b""))
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            return archive.comment
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="np") as file:
            return str((file.metadata() or {}).get("sha256", "")).encode()
    if path.name.endswith(".seconds.json"):
        return path.read_bytes().rpartition(b'"sha256": "')[2][:64]
    exported = ONNX_HASH.search(path.read_bytes()) if path.suffix == ".onnx" else None
    return exported.group(1) if exported else b""


@contextmanager
def _draft_for(result: Result) -> Iterator[Path]:
    """Give an empty local folder on the disk of a result; what a killed repair has left there is removed."""
    if result.is_remote:
        with TemporaryFolder() as folder:
            yield Path(folder)
        return
    place = Path(result.location)
    with draft_folder(place.parent, f"{storage.shortened(place.name)}.repair") as draft:
        yield draft
