"""Verifying datasets, networks and workspaces: every file against what was recorded of it when it was written."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

from mnist_data import storage
from mnist_data.errors import NoDataset, UnreadableInput
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.decisions import decisions_file, files_of_decisions
from mnist_data.parquet.decisions_table import ADVICE, DECISIONS
from mnist_data.parquet.files import open_parquet, repeated_id, require_sound_footer, with_values
from mnist_data.parquet.manifest import MANIFEST, Manifest, Part, differences, part_sizes, read_manifest
from mnist_data.parquet.publish import passing
from mnist_data.parquet.schema import metadata_of
from mnist_data.parquet.tables import table_provenance
from pipelines.engine.execution import Execution
from pipelines.run.commands import remake_command
from pipelines.run.file_checks import CHECKED, check_file, files_beside
from pipelines.run.repair import hash_of, plan_repair, recorded_metadata, sweep_repairs
from pipelines.run.repair import repair as repair_dataset
from pipelines.run.repair_results import ResultAdvice, repair_results
from pipelines.run.results import Making
from pipelines.run.sources import datasets_near, found_near, whole_near
from pipelines.run.sums import SUMS, files_below, read_sums
from pipelines.settings.model_header import read_configuration


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. file: where. found, expected: in words. advice: what makes it right again."""

    file: str
    found: str
    expected: str
    advice: str


@dataclass
class Verified:
    """What was verified, and what was found. files: how many were read. size: their bytes.

    datasets: those that are whole, by their content hashes. damaged: the places of others. damaged_files: of other
    results. repaired: places of what was made again. obstacles: why other things were not, by their places.
    """

    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    size: int = 0
    datasets: dict[str, Dataset] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    damaged_files: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    obstacles: dict[str, str] = field(default_factory=dict)


def verify(location: str, execution: Execution | None = None, *, repair: bool = False) -> Verified:
    """Verify a dataset, a network, a table, or all of these in a folder, as in the workspace of a run.

    Of datasets: manifest, metadata, parts missing, foreign or altered, values missing, ids that repeat, the source
    files where they lie near, and what people have decided about them. Of networks, of the files next to them and of
    tables: the hashes that they carry; in a workspace also those recorded of all results. Of a workspace: whether each
    result was made from the datasets in it.

    repair: make again what is damaged where what it was made from is whole and near, datasets first; what is found then
    is given. Raises NoDataset where there is nothing of ours.
    """
    execution, place = execution or Execution(), location.rstrip("/")
    verified = _Verification(execution).all(place)
    repaired: list[str] = []
    obstacles: dict[str, str] = {}
    if repair:
        for name in (*verified.damaged, *(dataset.location for dataset in verified.datasets.values())):
            sweep_repairs(name)
    while repair:
        left = [name for name in verified.damaged if name not in repaired]
        plans = [plan_repair(name, verified.datasets | whole_near(name), execution) for name in left]
        obstacles = {plan.name: obstacle for plan in plans if (obstacle := repair_dataset(plan))}
        now = [name for name in left if name not in obstacles]
        if not now:
            break
        repaired += now
        verified = _Verification(execution).all(place)
    while repair:
        damaged = [path for path in verified.damaged_files if path not in obstacles and path not in repaired]
        of_files = repair_results(damaged, verified.datasets, execution)
        repaired += [path for path, obstacle in of_files.items() if not obstacle]
        obstacles |= {path: obstacle for path, obstacle in of_files.items() if obstacle}
        if not of_files:
            break
        verified = _Verification(execution).all(place)  # a table that is whole now may show that its text is not
    verified.repaired, verified.obstacles = repaired, obstacles
    return verified


@dataclass(frozen=True)
class _PartTask:
    """One part of a dataset to read. recorded: what the manifest says of it; None where there is none.

    rows: its bytes, by which progress is counted.
    """

    path: str
    recorded: Part | None
    rows: int


class _Verification:
    """One call: what has been found so far."""

    def __init__(self, execution: Execution) -> None:
        self.execution, self.result = execution, Verified()

    def all(self, location: str) -> Verified:
        path = Path(location)
        if _is_one_dataset(location):
            self.dataset(location)
            for name in files_of_decisions(decisions_file(location)):
                self.file(name)
        elif storage.is_remote(location):
            self.store(location)
        elif path.is_file() or (_is_recorded(location) and not path.is_dir()):
            for name in (location, *files_beside(location)):
                if Path(name).is_file() and (name.endswith(CHECKED) or not _is_recorded(location)):
                    self.file(name)
            self.record_of(location)
        else:
            self.folder(path)
        return self.result

    def note(self, file: object, found: str, expected: str, advice: object) -> None:
        self.result.findings.append(Finding(str(file), found, expected, str(advice)))

    def again(self, name: str) -> _Advice:
        return _Advice(name, self.result.datasets, self.execution)

    def caught(self, error: UnreadableInput, advice: object) -> None:
        """Turn what is wrong with a file into a finding, with the advice that fits here; other errors are none."""
        self.note(error.path, error.found, error.expected, advice)

    def folder(self, folder: Path) -> None:
        datasets, files, sums = contents_of(folder)
        if not datasets and not files and not sums:
            raise NoDataset(
                str(folder),
                "nothing that mnist-data has written lies in it"
                if folder.is_dir()
                else storage.not_a_file(folder).replace("such file", "such file or folder"),
                "a dataset, a network, or a folder of them",
                "Check the path.",
            )
        for location in datasets:
            self.dataset(location)
        for path in sums:
            self.sums(path)
        for path in files:
            self.file(str(path))
        self.record_of(str(folder))
        if (folder / f"convert{MANIFEST}").exists():
            self.workspace(folder, files)

    def store(self, url: str) -> None:
        """Verify the datasets and tables below a URL. Networks are written to disks only."""
        fs, folder = storage.filesystem(url)
        fs.invalidate_cache()
        paths = [path.removeprefix(folder) for path in fs.find(folder)]
        shown = [path for path in paths if not any(part.startswith(".") for part in path.split("/"))]
        datasets = {path.removesuffix(MANIFEST) for path in shown if path.endswith(MANIFEST)}
        datasets |= {path.partition("/split=")[0] for path in shown if "/split=" in path}
        tables = [path for path in shown if path.endswith((".parquet", ".csv"))]
        alone = [path for path in tables if not any(path.startswith(f"{dataset}/") for dataset in datasets)]
        if not datasets and not alone:
            open_dataset(url)  # raises NoDataset, which says what there is
        for path in sorted(datasets):
            self.dataset(f"{url}{path}")
        for path in alone:
            self.file(f"{url}{path}")

    def dataset(self, location: str) -> None:
        name = storage.absolute(location)
        before = len(self.result.findings)
        again = self.again(name)
        manifest = self.manifest(name, again)
        sizes = part_sizes(name)
        if manifest is None and not sizes and len(self.result.findings) == before:
            open_dataset(name)  # raises NoDataset, which says what there is
        if manifest is not None:
            underway = passing(name) if storage.is_remote(name) else set()
            there = {path: size for path, size in sizes.items() if path not in underway}
            for found, expected in differences(manifest, there):
                self.note(name, found, expected, again)
        self.foreign(name)
        recorded = {part.path: part for part in manifest.parts} if manifest else {}
        paths = [path for path in (recorded or sizes) if path in sizes]
        tasks = [_PartTask(f"{name}/{path}", recorded.get(path), sizes[path]) for path in paths]
        checked = self.execution.run(_check_part, tasks, "verify")
        for findings in checked:
            for finding in findings:
                self.note(finding.file, finding.found, finding.expected, again)
        self.result.files += len(tasks)
        self.result.size += sum(task.rows for task in tasks)
        if not any(checked):
            self.ids([task.path for task in tasks], again)
        if len(self.result.findings) == before:
            self.opened(name, again)
        else:
            self.result.damaged.append(name)

    def manifest(self, name: str, again: _Advice) -> Manifest | None:
        """Read the manifest of a dataset, byte for byte."""
        path = storage.sibling(name, MANIFEST)
        try:
            manifest = read_manifest(name)
        except UnreadableInput as error:
            self.caught(error, again)
            return None
        self.result.files += 1
        if manifest is None and part_sizes(name):
            self.note(path, "there is no manifest", "one that records its files", again)
        if manifest is not None and manifest.sha256 and storage.read_bytes(path) != manifest.to_json().encode():
            self.note(path, "it is not written as it was", "its own text", again)
        return manifest

    def foreign(self, name: str) -> None:
        """Find files in the folder of a dataset that are no Parquet files; other readers stumble over them."""
        if storage.is_remote(name) or not Path(name).is_dir():
            return
        for path in sorted(Path(name).rglob("*")):
            if path.is_file() and path.suffix != ".parquet":
                self.note(path, "it is no part of the dataset", "only Parquet files in its folder", "Move it away.")

    def ids(self, paths: Sequence[str], again: object) -> None:
        with suppress(UnreadableInput):  # a value that is missing has been found before
            repeated = repeated_id(paths)
            if repeated is not None:
                sample, first, second = repeated
                where = "in this file" if first == second else f"and in {first}"
                self.note(second, f"the id {sample} is there twice, {where}", "ids that are unique", again)

    def opened(self, name: str, again: object) -> None:
        """Open a dataset of which nothing was found, as all commands do, and look for its sources."""
        try:
            dataset = open_dataset(name)
        except UnreadableInput as error:
            self.caught(error, again)
            return
        self.result.datasets[dataset.content] = dataset
        for path, found, expected in changed_sources(dataset):
            self.note(path, found, expected, "Fetch it again, or convert it anew into another dataset.")

    def file(self, path: str) -> None:
        self.result.files += 1
        self.result.size += storage.size_of(path)
        try:
            check_file(path)
        except UnreadableInput as error:
            if _is_of_decisions(path):  # people made them; nothing else can
                self.caught(error, ADVICE)
                return
            self.damaged_file(path)
            self.caught(error, ResultAdvice(path, error.advice, self.result.datasets))

    def damaged_file(self, path: str) -> None:
        if path not in self.result.damaged_files:
            self.result.damaged_files.append(path)

    def record_of(self, result: str) -> None:
        """Compare a result that is verified alone with the record next to it."""
        if _is_recorded(result):
            self.sums(Path(storage.sibling(result, SUMS)))

    def sums(self, path: Path) -> None:
        """Compare the files of a result with the record that was written when it was complete."""
        result = path.with_name(path.name.removesuffix(SUMS))
        workspace = next((above for above in path.parents if (above / f"convert{MANIFEST}").exists()), path.parent)
        run = f"Make it again: remove {result}, and repeat the run into {workspace}."
        again = ResultAdvice(str(path), run, self.result.datasets)
        try:
            recorded = read_sums(str(path)).files
        except UnreadableInput as error:
            self.damaged_file(str(path))
            self.caught(error, again)
            return
        there = files_below(result) if result.exists() else {}
        for name, expected in recorded.items():
            file = there.get(name)
            if file is None:
                self.damaged_file(str(result / name))
                self.note(result / name, "it is missing", "a file, as recorded", again)
            elif file.stat().st_size != expected.bytes or storage.sha256_of(file) != expected.sha256:
                self.damaged_file(str(file))
                self.note(file, "its bytes are not those that were written", f"the hash {expected.sha256}", again)
        for name in sorted(there.keys() - recorded.keys()):
            self.note(there[name], "it is no file of this result", "only the files that were recorded", "Move it away.")

    def workspace(self, folder: Path, files: Sequence[Path]) -> None:
        """Find results in a workspace that were made from other datasets than those that lie there."""
        again = f"mnist-data run SOURCE --out {folder}"
        known = set(self.result.datasets)
        for dataset in list(self.result.datasets.values()):
            last = dataset.metadata.stages[-1] if dataset.metadata.stages else None
            if last is not None and last.input and last.input not in known:
                self.note(dataset.location, "it was made from a dataset that is not here", "one of these", again)
        for path in files:
            with suppress(UnreadableInput):  # has been found before
                made_from = _made_from(path)
                if made_from and made_from not in known:
                    self.note(path, "it was made from a dataset that is not here", "one of these", again)


def contents_of(folder: Path) -> tuple[list[str], list[Path], list[Path]]:
    """List what we have written into a folder and below: datasets, other files, and records of files."""
    manifests = [path for path in folder.rglob(f"*{MANIFEST}") if not _hidden(path, folder)]
    datasets = {str(path).removesuffix(MANIFEST) for path in manifests}
    datasets |= {str(path.parent) for path in folder.rglob("split=*") if path.is_dir() and not _hidden(path, folder)}
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.name.endswith(CHECKED) and path.is_file() and not _hidden(path, folder)
        if not any(str(parent) in datasets for parent in path.parents)
        if path.suffix != ".csv" or path.with_suffix(".parquet").is_file()  # others are no tables of ours
    ]
    return sorted(datasets), files, sorted(folder.rglob(f"*{SUMS}"))


def _is_of_decisions(path: str) -> bool:
    return path.endswith(f"{DECISIONS}.parquet") or f".{DECISIONS}/" in path


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _is_one_dataset(location: str) -> bool:
    if storage.is_remote(location):
        parts = any(path.startswith("split=") for path in part_sizes(location))
    else:
        parts = Path(location).is_dir() and any(Path(location).glob("split=*/*.parquet"))
    return parts or storage.read_bytes(storage.sibling(location, MANIFEST)) is not None


def _is_recorded(result: str) -> bool:
    """Say whether the record of a result lies next to it, on a disk."""
    return not storage.is_remote(result) and Path(storage.sibling(result, SUMS)).is_file()


def _check_part(task: _PartTask) -> list[Finding]:
    """Read one part, and compare it with what is recorded of it; its rows are read where nothing is recorded."""
    try:
        digest = hash_of(task.path) if task.recorded else ""
        if task.recorded and digest != task.recorded.sha256:
            return [Finding(task.path, f"its hash is {digest}", f"{task.recorded.sha256}, as its manifest says", "")]
        with open_parquet(task.path) as file:
            require_sound_footer(file, task.path)
            metadata_of(file.schema_arrow, task.path)
            columns = [name for name in file.schema_arrow.names if file.schema_arrow.field(name).nullable]
            for group in range(file.metadata.num_row_groups):
                names = columns if task.recorded else None
                if names is None or names:
                    with_values(file.read_row_group(group, columns=names, use_threads=False), task.path)
    except UnreadableInput as error:
        return [Finding(error.path, error.found, error.expected, "")]
    return []


def _made_from(path: Path) -> str:
    """Give the content hash of the dataset that a network or table says it was made from; empty where it says none."""
    if path.suffix == ".safetensors":
        return str((read_configuration(path).get("plan") or {}).get("input", ""))
    if path.suffix != ".parquet":
        return ""
    return Making(**table_provenance(str(path))).dataset


def changed_sources(dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """Compare the files that a dataset was converted from, where they lie near it, with their recorded hashes.

    Gives path, what was found and what was expected. Near: in the dataset's folder, or in one next to it. Files of
    other datasets may have the same names: of several folders those count in which one of the files is unchanged.
    """
    folders: dict[str, list[tuple[str, str, str]]] = {}
    for source in dataset.metadata.sources:
        if source.role in ("images", "labels"):
            for path, digest in found_near(source, dataset.location):
                folders.setdefault(path.rpartition("/")[0], []).append((path, digest, source.sha256))
    own = [files for files in folders.values() if any(digest == recorded for _, digest, recorded in files)]
    for path, digest, recorded in chain.from_iterable(own or (folders.values() if len(folders) == 1 else ())):
        if digest != recorded:
            yield path, f"its decoded content has the hash {digest}", f"{recorded}, as recorded"


@dataclass(frozen=True)
class _Advice:
    """The command that makes a damaged dataset again; what it was made from is looked for only where it is asked for.

    datasets: those that have been verified by then.
    """

    name: str
    datasets: Mapping[str, Dataset]
    execution: Execution

    @cached_property
    def command(self) -> str:
        """Give the command; it is worked out once for all that is found of one dataset."""
        return _command(self.name, {**self.datasets, **whole_near(self.name)}, self.execution)

    def __str__(self) -> str:
        return self.command


def _command(name: str, known: Mapping[str, Dataset], execution: Execution) -> str:
    if not plan_repair(name, known, execution).obstacle:
        return f"mnist-data verify {shlex.quote(name)} --repair"
    places = {manifest.content: near for near, manifest in _manifests_near(name)}
    return remake_command(recorded_metadata(name), name, places)


def _manifests_near(name: str) -> Iterator[tuple[str, Manifest]]:
    """Give the datasets next to one that have a manifest, damaged ones, too."""
    for near in datasets_near(name):
        with suppress(UnreadableInput):
            if (manifest := read_manifest(near)) is not None:
                yield near, manifest
