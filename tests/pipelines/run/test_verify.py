"""verify: what rots, goes missing or is put there is found, whatever file it is in; what is whole is left alone."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_data
from mnist_data.errors import CheckFailed, NoDataset
from mnist_data.idx import format as idx
from mnist_data.idx.sample import write_sample
from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.manifest import Part, new_manifest, read_manifest
from mnist_data.parquet.seal import UNSEALED, sealed
from mnist_data.parquet.tables import provenance, write_table
from pipelines.networks.evaluation.out_of_distribution import SHRINKAGE, ClassDistance, Detector, save_detector
from pipelines.networks.training.model_file import load_model, save_model
from pipelines.run.commands import FLAGS, WITHOUT_FLAG
from pipelines.run.verify import verify
from pipelines.settings.base import Settings
from pipelines.settings.stages import Augment, Clean, Convert, Corrupt, Normalize, Split
from tests.torture.attack import Attack
from tests.torture.flips import flip_in

Cli = Callable[..., tuple[int, str, str]]

FORMER = Path(__file__).parents[2] / "fixtures/0.1.0"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a dataset of each layout that matters, a network in both forms, and tables."""
    folder = tmp_path_factory.mktemp("whole")
    mnist_data.augment(FORMER / "dataset", folder / "augmented")
    mnist_data.clean(FORMER / "dataset", folder / "cleaned")
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    network, configuration = load_model(FORMER / "models/tiny.safetensors")  # written anew, it carries its hash
    save_model(network, folder / "models/tiny.safetensors", configuration)
    distance = ClassDistance(np.zeros(2, np.float32), np.eye(2, dtype=np.float32), np.zeros((3, 2), np.float32))
    save_detector(Detector(dict.fromkeys(SHRINKAGE, distance), 1.0, 0.01, 5), folder / "models/tiny.safetensors")
    (folder / "models/tiny.seconds.json").write_bytes(sealed(b'{"seconds": [1.5], "sha256": "%b"}' % UNSEALED.encode()))
    write_table(
        pd.DataFrame({"label": [0, 1], "name": ["a", "b"]}), str(folder / "tables/classes"), provenance("x", {}, {})
    )
    shutil.copy(FORMER / "models/evaluation.parquet", folder / "models")
    mnist_data.export_onnx(folder / "models/tiny.safetensors", folder / "tiny.onnx")
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """Give a copy of that folder, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def test_what_is_whole_is_said_to_be(whole: Path, command_line: Cli) -> None:
    """Exit code 0, also of what the first version wrote, of each kind of path, and as JSON."""
    for path in (whole, whole / "augmented", whole / "models/tiny.safetensors", whole / "tiny.onnx", FORMER):
        code, out, err = command_line("verify", path)

        assert (code, err) == (0, "")
        assert "all as they were written" in out
    described = json.loads(command_line("verify", whole, "--json")[1])
    assert described["findings"] == []
    assert described["files"] > 8


def test_every_flipped_bit_is_found(copy: Path) -> None:
    """In data, footers, manifests, networks, what lies next to them and tables, at places that a seed chooses."""
    model, dataset, attack = copy / "models/tiny.safetensors", copy / "augmented", Attack(copy, seed=1, tries=72)
    alone = [*(copy / "tables").iterdir(), copy / "tiny.onnx"]
    beside = [model, model.with_suffix(".ood.npz"), model.with_suffix(".seconds.json")]
    parts = [copy / "augmented.manifest.json", *dataset.rglob("*.parquet")]

    flip_in(attack, [(path, path, "") for path in alone])
    flip_in(attack, [(path, model, "") for path in beside] + [(path, dataset, "") for path in parts])

    assert attack.findings == []
    assert attack.outcomes.total() == 2 * 72


def test_a_detector_of_another_network_is_found(copy: Path) -> None:
    """It would say of the wrong images that they are of no class."""
    model = copy / "models/tiny.safetensors"
    model.rename(copy / "models/other.safetensors")
    network, configuration = load_model(copy / "models/other.safetensors")
    save_model(network, model, {**configuration, "title": "another"})

    [finding] = verify(str(model)).findings
    assert finding.file == str(model.with_suffix(".ood.npz"))
    assert "made for another network than tiny.safetensors" in finding.found


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a part is missing": (lambda folder: (folder / "augmented/split=test/part-00000.parquet").unlink(), "is missing"),
    "a dataset is missing": (lambda folder: shutil.rmtree(folder / "augmented"), "is missing"),
    "a part is there twice": (
        lambda folder: shutil.copy(
            folder / "augmented/split=test/part-00000.parquet", folder / "augmented/split=test/part-00001.parquet"
        ),
        "is no part of it",
    ),
    "a note lies among the parts": (lambda folder: (folder / "augmented/note.txt").write_text("x"), "is no part"),
    "the manifest is missing": (lambda folder: (folder / "augmented.manifest.json").unlink(), "there is no manifest"),
    "the manifest is another": (
        lambda folder: shutil.copy(folder / "cleaned.manifest.json", folder / "augmented.manifest.json"),
        "as its manifest says",
    ),
    "a manifest is written otherwise": (
        lambda folder: reformat(folder / "augmented.manifest.json"),
        "it is not written as it was",
    ),
    "a table is damaged": (lambda folder: scratch(folder / "models/evaluation.parquet"), "evaluation.parquet"),
    "a network is cut off": (lambda folder: cut(folder / "models/tiny.safetensors"), "tiny.safetensors"),
    "a network is empty": (lambda folder: (folder / "models/tiny.safetensors").write_bytes(b""), "tiny.safetensors"),
}


def reformat(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text())))


def scratch(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[60] ^= 8
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("case", DAMAGE)
def test_what_is_missing_foreign_or_altered_is_named(case: str, copy: Path, command_line: Cli) -> None:
    """Exit code 1; each finding has its file, what was found and expected, and what makes it right again."""
    damage, expected = DAMAGE[case]
    damage(copy)

    code, out, err = command_line("verify", copy)

    assert code == 1
    assert "is not as it was written" in err
    assert expected in out
    with pytest.raises(CheckFailed) as failed:
        mnist_data.verify(copy)
    findings = failed.value.result["findings"]
    assert len(findings) >= 1
    assert (findings[["file", "found", "expected", "advice"]] != "").all(axis=None)
    assert findings["file"].str.contains(str(copy)).all()


def rewrite(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write the test split anew, with a manifest that fits: what is wrong then was so when it was written."""
    path = folder / "augmented/split=test/part-00000.parquet"
    pq.write_table(change(pq.read_table(path, partitioning=None)), path)
    manifest, metadata = read_manifest(folder / "augmented"), open_metadata(folder)
    assert manifest is not None
    parts = [
        Part(part.path, part.split, part.rows, file.stat().st_size, sha256(file))
        for part in manifest.parts
        for file in [folder / "augmented" / part.path]
    ]
    (folder / "augmented.manifest.json").write_text(new_manifest(manifest.plan, parts, metadata).to_json())


def open_metadata(folder: Path) -> object:
    manifest = read_manifest(folder / "augmented")
    assert manifest is not None
    return manifest.described_metadata()


def sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_values_that_are_missing_and_ids_that_repeat_are_found(copy: Path) -> None:
    """Though every hash fits."""

    def without_label(table: pa.Table) -> pa.Table:
        labels = [None, *table["label"].to_pylist()[1:]]
        nullable = pa.field("label", pa.int64())
        return table.set_column(table.column_names.index("label"), nullable, pa.array(labels, pa.int64()))

    rewrite(copy, without_label)
    assert [finding.found for finding in verify(str(copy / "augmented")).findings] == [
        "row 0, counted from 0, has no label"
    ]

    def with_first_id_twice(table: pa.Table) -> pa.Table:
        labels = pa.array(np.zeros(len(table), np.int64))
        ids = [table["id"][1].as_py(), *table["id"].to_pylist()[1:]]
        table = table.set_column(table.column_names.index("label"), pa.field("label", pa.int64(), False), labels)
        return table.set_column(0, pa.field("id", pa.int64(), False), pa.array(ids))

    rewrite(copy, with_first_id_twice)
    assert "is there twice, in this file" in verify(str(copy / "augmented")).findings[0].found


def test_a_source_that_has_changed_is_found(tmp_path: Path) -> None:
    """Where it lies near the dataset that was converted from it; files of one name may be another dataset's."""

    def alter(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)

    write_sample(tmp_path / "idx")
    write_sample(tmp_path / "another")
    for path in (tmp_path / "another").iterdir():
        alter(path)
    mnist_data.convert(tmp_path / "idx", tmp_path / "data")
    assert mnist_data.verify(tmp_path / "data").tables["findings"].empty

    path = next((tmp_path / "idx").glob("*test-labels*"))
    alter(path)

    (finding,) = verify(str(tmp_path / "data")).findings
    assert finding.file == str(path)
    assert "its decoded content has the hash" in finding.found


@pytest.mark.slow
def test_a_workspace_is_verified_whole(tmp_path: Path) -> None:
    """Each result against its record, and against the datasets that it was made from."""
    workspace = tmp_path / "work"
    mnist_data.run("sample", workspace, until="stats")
    assert mnist_data.verify(workspace).tables["findings"].empty

    table = workspace / "stats/summary.csv"
    table.write_text(table.read_text().replace("0", "1", 1))
    (workspace / "stats/labels.csv").unlink(missing_ok=True)
    assert {Path(finding.file).name for finding in verify(str(workspace)).findings} >= {"summary.csv"}

    mnist_data.run("sample", workspace, until="stats", overwrite=True)
    shutil.rmtree(workspace / "clean")
    (workspace / "clean.manifest.json").unlink()
    found = [finding for finding in verify(str(workspace)).findings if "not here" in finding.found]
    assert {Path(finding.file).name for finding in found} > {"normalize", "summary.parquet"}
    assert all("mnist-data run" in finding.advice for finding in found)


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["converted", "cleaned", "copies", "normalized"])
def test_what_can_be_made_again_is_repaired_byte_for_byte(name: str, tmp_path: Path, command_line: Cli) -> None:
    """From the files or the dataset that it was made from; nothing else is left or changed."""
    write_small_idx(tmp_path / "idx")
    mnist_data.convert(tmp_path / "idx", tmp_path / "converted", row_group_rows=50, compression="lz4")
    mnist_data.clean(tmp_path / "converted", tmp_path / "cleaned", duplicate="keep", blank="keep", constant="keep")
    mnist_data.augment(tmp_path / "cleaned", tmp_path / "copies", copies=2, seed=5)
    mnist_data.normalize(tmp_path / "cleaned", tmp_path / "normalized", scale="standardize")
    whole = bytes_below(tmp_path)
    damages: tuple[Callable[[], object], ...] = (
        lambda: scratch(tmp_path / name / "split=train/part-00000.parquet"),
        lambda: shutil.rmtree(tmp_path / name / "split=test"),
        lambda: scratch(Path(f"{tmp_path / name}.manifest.json")),
        lambda: shutil.rmtree(tmp_path / name),
    )
    for damage in damages:
        damage()
        assert command_line("verify", tmp_path)[0] == 1

        code, out, err = command_line("verify", tmp_path, "--repair")

        assert (code, err) == (0, "")
        assert f"{tmp_path / name}: made again, byte for byte." in out
        assert bytes_below(tmp_path) == whole


def write_small_idx(folder: Path) -> None:
    folder.mkdir()
    random = np.random.default_rng(5)
    for split, rows in (("train", 120), ("t10k", 40)):
        idx.write(folder / f"{split}-images-idx3-ubyte", random.integers(0, 256, (rows, 12, 12), np.uint8))
        idx.write(folder / f"{split}-labels-idx1-ubyte", (np.arange(rows) % 3).astype(np.uint8))


@pytest.mark.parametrize("source", ["set.npz", "images", "set.csv"])
def test_a_conversion_of_any_form_is_repaired(source: str, tmp_path: Path, command_line: Cli) -> None:
    """From the file or folder that it was made from, which lies near; --repair is what the finding advises."""
    mnist_data.export(FORMER / "dataset", tmp_path / "csv", form="csv")
    (tmp_path / "csv/train.csv").rename(tmp_path / "set.csv")
    mnist_data.export(FORMER / "dataset", tmp_path / "set.npz", form="npz")
    mnist_data.export(FORMER / "dataset", tmp_path / "images", form="folders")
    mnist_data.convert(tmp_path / source, tmp_path / "our data", compression="lz4")
    whole = bytes_below(tmp_path)
    scratch(next((tmp_path / "our data").rglob("*.parquet")))

    (tmp_path / ".our data.repair").mkdir()  # a repair that was killed
    (tmp_path / ".our data.repair.manifest.json").touch()

    command = f"mnist-data verify '{tmp_path}/our data' --repair"
    assert command in command_line("verify", tmp_path / "our data")[1]
    code, out, err = command_line(*shlex.split(command)[1:])

    assert (code, err) == (0, "")
    assert "made again, byte for byte" in out
    assert bytes_below(tmp_path) == whole


def test_what_lies_on_a_store_is_verified_and_repaired(tmp_path: Path, command_line: Cli) -> None:
    """A folder of datasets and tables, each dataset from the one next to it; here on the store in memory."""
    import fsspec

    fs, place = fsspec.filesystem("memory"), f"memory://{tmp_path.name}"
    mnist_data.clean(FORMER / "dataset", f"{place}/cleaned")
    mnist_data.augment(f"{place}/cleaned", f"{place}/copies", seed=4)
    mnist_data.stats(f"{place}/copies", f"{place}/stats", morphometrics=False)
    assert verify(place).findings == []
    whole = {path: fs.cat_file(path) for path in fs.find(place)}
    for name in ("copies/split=test/part-00000.parquet", "stats/summary.csv"):
        content = bytearray(fs.cat_file(f"{place}/{name}"))
        content[60] ^= 1
        fs.pipe_file(f"{place}/{name}", bytes(content))

    part, table = verify(place).findings
    assert part.advice == f"mnist-data verify {place}/copies --repair"
    assert table.file == f"{place}/stats/summary.csv"
    assert table.advice == f"mnist-data verify {place}/stats --repair"
    fs.rm(f"{place}/stats/classes.csv")
    fs.pipe_file(f"{place}/stats/classes.parquet", whole[f"/{tmp_path.name}/stats/classes.parquet"][:-30] + bytes(30))
    fs.pipe_file(f"{place}/stats/classes.csv", b"damaged")
    code, out, err = command_line("verify", place, "--repair")

    assert (code, err) == (0, "")
    for name in ("copies", "stats/summary.csv", "stats/classes.parquet", "stats/classes.csv"):
        assert f"{place}/{name}: made again, byte for byte." in out
    assert {path: fs.cat_file(path) for path in fs.find(place)} == whole


def test_why_a_dataset_is_not_repaired_is_said(copy: Path, command_line: Cli) -> None:
    """And the command that would make it again, as far as it is known; a shell takes it as it is."""
    scratch(copy / "augmented/split=test/part-00000.parquet")

    _, out, _ = command_line("verify", copy / "augmented", "--repair")

    assert f"{copy}/augmented: not made again, as no whole dataset near it has the content" in out
    assert f"mnist-data augment DATASET {copy}/augmented --overwrite" in out


@pytest.mark.parametrize("settings", [Convert, Clean, Split, Normalize, Augment, Corrupt], ids=lambda each: each.stage)
def test_each_setting_has_the_flag_that_a_command_is_written_with(settings: type[Settings]) -> None:
    """So that what verify prints can be pasted."""
    import typer.main

    from mnist_data.cli import app

    command = typer.main.get_command(app).commands[settings.stage]  # type: ignore[attr-defined]
    flags = {flag for option in command.params for flag in option.opts}
    names = set(settings.__struct_fields__) - {*WITHOUT_FLAG}

    assert {f"--{FLAGS.get(name, name).replace('_', '-')}" for name in names} <= flags


def test_what_cannot_be_made_again_stays_as_it_is(copy: Path, command_line: Cli) -> None:
    """Without the dataset that it was made from, nothing is replaced, and the finding stays."""
    scratch(copy / "augmented/split=train/part-00000.parquet")
    before = bytes_below(copy)

    code, _, err = command_line("verify", copy, "--repair")

    assert code == 1
    assert "is not as it was written" in err
    assert bytes_below(copy) == before


def test_what_is_not_ours_is_refused(tmp_path: Path, command_line: Cli) -> None:
    """A folder without anything of ours, and a path that is none: exit code 2."""
    (tmp_path / "empty").mkdir()
    for name in ("empty", "nowhere"):
        code, out, err = command_line("verify", tmp_path / name)

        assert (code, out) == (2, "")
        assert str(tmp_path / name) in err
    with pytest.raises(NoDataset):
        mnist_data.verify(tmp_path / "empty")


def test_a_dataset_on_a_store_is_verified(tmp_path: Path) -> None:
    """Through the same reads; here the store in memory."""
    import fsspec

    name = "memory://verified/data"
    mnist_data.augment(FORMER / "dataset", name, overwrite=True)
    assert open_dataset(name).content
    assert verify(name).findings == []

    fs = fsspec.filesystem("memory")
    path = "/verified/data/split=test/part-00000.parquet"
    content = bytearray(fs.cat_file(path))
    content[500] ^= 1
    fs.pipe_file(path, bytes(content))

    (finding,) = verify(name).findings
    assert "as its manifest says" in finding.expected
    assert isinstance(pd.read_parquet(FORMER / "dataset"), pd.DataFrame)
