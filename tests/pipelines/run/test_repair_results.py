"""verify --repair of tables, networks and pages: each has the bytes that it had, or stays as it is."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import mnist_data
from mnist_data.parquet.tables import provenance, read_table, write_table
from pipelines.run.commands import settings_flags
from pipelines.run.verify import verify
from pipelines.settings.analysis import Audit, Selftest, Stats
from pipelines.settings.training import Train
from tests.pipelines.run.test_verify import FORMER, bytes_below

Cli = Callable[..., tuple[int, str, str]]


def flip(folder: Path, pattern: str, place: float = 0.5) -> None:
    """Alter a byte of each file that fits the pattern, at a part of its length."""
    for path in require_some(folder, pattern):
        content = bytearray(path.read_bytes())
        content[int(len(content) * place)] ^= 4
        path.write_bytes(content)


def remove(folder: Path, pattern: str) -> None:
    for path in require_some(folder, pattern):
        path.unlink()


def require_some(folder: Path, pattern: str) -> list[Path]:
    paths = sorted(folder.glob(pattern))
    assert paths
    return paths


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a dataset, the tables of what measures it, and a network's predictions, in separate calls."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("results")
    shutil.copytree(FORMER / "dataset", folder / "data")
    shutil.copy(FORMER / "dataset.manifest.json", folder / "data.manifest.json")
    mnist_data.clean(folder / "data", folder / "cleaned", duplicate="keep")
    mnist_data.stats(folder / "cleaned", folder / "stats", bins=32)
    mnist_data.audit(folder / "cleaned", folder / "audit", labels=False, threshold={"blank": 0.9})
    mnist_data.train(folder / "cleaned", folder / "trained", model="mlp", epochs=1, seeds=2)
    mnist_data.export_onnx(folder / "trained/mlp-seed1.safetensors", folder / "trained/mlp.onnx")
    mnist_data.predict(folder / "trained", folder / "cleaned", folder / "predicted", split=["test"])
    return folder


DAMAGES: dict[str, Callable[[Path], object]] = {
    "tables of stats": lambda folder: flip(folder, "stats/*.parquet"),
    "a table and its text": lambda folder: flip(folder, "stats/summary.*"),
    "a table cut off": lambda folder: flip(folder, "stats/classes.parquet", 0.999),
    "tables of the audit": lambda folder: flip(folder, "audit/*.parquet"),
    "texts": lambda folder: flip(folder, "*/*.csv"),
    "tables of clean": lambda folder: flip(folder, "cleaned.*.parquet"),
    "predictions": lambda folder: flip(folder, "predicted/predictions.*", 0.1),
    "tables of a training": lambda folder: flip(folder, "trained/*.parquet"),
    "times in a table": lambda folder: flip(folder, "trained/evaluation.parquet"),
    "a network": lambda folder: flip(folder, "trained/mlp-seed1.safetensors"),
    "a detector": lambda folder: flip(folder, "trained/mlp-seed0.ood.npz"),
    "times": lambda folder: flip(folder, "trained/*.seconds.json", 0.2),
    "an export": lambda folder: flip(folder, "trained/mlp.onnx"),
    "a dataset and what was made of it": lambda folder: (flip(folder, "cleaned/*/*"), flip(folder, "audit/*")),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_made_again_byte_for_byte(
    damage: str, results: Path, tmp_path: Path, command_line: Cli
) -> None:
    """By the command that the finding advises; nothing is left but what was there, the times that were measured too."""
    copy, whole = shutil.copytree(results, tmp_path / "copy"), bytes_below(results)
    DAMAGES[damage](copy)
    advice = {finding.advice for finding in verify(str(copy)).findings}
    assert advice
    assert all(text.startswith("mnist-data verify") and text.endswith("--repair") for text in advice)

    for text in sorted(advice, key=lambda text: text.count("/cleaned")):
        command_line(*shlex.split(text)[1:])
    code, _, err = command_line("verify", copy, "--repair")

    assert (code, err) == (0, "")
    assert bytes_below(copy) == whole


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the workspace of a run of all steps."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("run") / "work"
    mnist_data.run("sample", folder, config={"train": {"model": "mlp", "epochs": 1}})
    return folder


OF_A_RUN: dict[str, Callable[[Path], object]] = {
    "the page": lambda folder: flip(folder, "dashboard.html"),
    "no page": lambda folder: remove(folder, "dashboard.html"),
    "no network": lambda folder: remove(folder, "train/mlp/mlp.*"),
    "tables missing": lambda folder: (remove(folder, "stats/s*"), remove(folder, "train/mlp/c*")),
    "records": lambda folder: (flip(folder, "*.files.json"), flip(folder, "train/*.files.json", 0.98)),
    "one of each kind": lambda folder: [
        flip(folder, pattern)
        for pattern in ("convert/*/*", "augment.manifest.json", "clean.quarantine.csv", "stats/samples.parquet",
                        "train/mlp/mlp.safetensors", "train/mlp/history.csv", "dashboard.html")
    ],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("damage", OF_A_RUN)
def test_each_kind_of_file_of_a_run_is_made_again(
    damage: str, workspace: Path, tmp_path: Path, command_line: Cli
) -> None:
    """Also what is missing, as a run records it, and the records themselves."""
    copy, whole = shutil.copytree(workspace, tmp_path / "copy"), bytes_below(workspace)
    OF_A_RUN[damage](copy)
    assert command_line("verify", copy)[0] == 1

    code, out, err = command_line("verify", copy, "--repair")

    assert (code, err) == (0, "")
    assert "made again, byte for byte." in out
    assert bytes_below(copy) == whole


@pytest.mark.slow
def test_why_a_result_is_not_made_again_is_said(results: Path, tmp_path: Path, command_line: Cli) -> None:
    """And it stays as it is, as does all else: without its dataset, without its times, or where training differs."""
    copy = Path(shutil.copytree(results, tmp_path / "copy"))
    shutil.rmtree(copy / "cleaned")
    (copy / "cleaned.manifest.json").unlink()
    flip(copy, "trained/*.seconds.json", 0.2)
    flip(copy, "trained/history.parquet")
    flip(copy, "stats/summary.parquet")
    damaged = bytes_below(copy)

    code, out, _ = command_line("verify", copy, "--repair")

    assert code == 1
    assert bytes_below(copy) == damaged
    assert f"{copy}/stats/summary.parquet: not made again, as no whole dataset near it has the content" in out
    assert f"mnist-data stats DATASET --out {copy}/stats --bins 32 --overwrite" in out
    assert f"mnist-data train DATASET {copy}/trained --model mlp --epochs 1 --seeds 2 --overwrite" in out
    assert "its times were measured once, and the table history, which has them too, is not whole" in out


def test_what_another_version_or_stage_made_stays(tmp_path: Path, command_line: Cli) -> None:
    """The bytes of another version would be others, and what a stage is not known to repeat is left to its command."""
    table = read_table(str(FORMER / "models/evaluation.parquet"))
    former = {**provenance("stats", {"data": "0" * 64}, {"bins": 32}), "version": "0.0.1"}
    for name, made in (("former", former), ("drift", provenance("drift", {"a": "0" * 64, "b": "1" * 64}, {}))):
        write_table(table, str(tmp_path / name / "table"), made)
        flip(tmp_path, f"{name}/table.parquet")
    damaged = bytes_below(tmp_path)

    code, out, _ = command_line("verify", tmp_path, "--repair")

    assert code == 1
    assert bytes_below(tmp_path) == damaged
    assert f"{tmp_path}/former/table.parquet: not made again, as it was made by version 0.0.1" in out
    assert "not made again, as what drift makes is not made again by itself" in out
    assert f"Make {tmp_path}/drift again by mnist-data drift, with --overwrite." in out


def test_a_text_is_written_from_its_table(tmp_path: Path, command_line: Cli) -> None:
    """Whatever made it, and of any columns: texts that a spreadsheet would run, missing values, bytes; empty, too."""
    import pandas as pd

    frame = pd.DataFrame(
        {"text": ["=1+1", None, 'say "a,b"'], "value": [1.5, None, 1e-300], "count": [1, None, 3], "bytes": [b"a"] * 3}
    )
    for name, rows in (("some", frame.astype({"count": "Int64"})), ("none", frame.iloc[:0])):
        write_table(rows, str(tmp_path / name), provenance("drift", {}, {}))
    whole = bytes_below(tmp_path)
    for name in ("some", "none"):
        (tmp_path / f"{name}.csv").write_text("damaged")

    assert f"mnist-data verify {tmp_path} --repair" in command_line("verify", tmp_path)[1]
    assert command_line("verify", tmp_path, "--repair")[0] == 0
    assert bytes_below(tmp_path) == whole


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Stats(bins=9, morphometrics=False), "--bins 9 --no-morphometrics"),
        (Audit(labels=False, thresholds={"blank": 0.5, "noisy": 9.0}), "--no-labels --threshold blank=0.5 "
         "--threshold noisy=9"),
        (Selftest(faults=3, audit=Audit(labels=False)), "--faults 3 --no-labels"),
        (Train(model="mlp", start="0" * 64, freeze="features", patience=2), "--model mlp --patience 2 --start MODEL "
         "--freeze features"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_settings_are_given_as_the_flags_of_their_command(settings: Stats, words: str) -> None:
    """Each flag is one that the command has, so that the line can be pasted."""
    import typer.main

    from mnist_data.cli import app

    flags, rest = settings_flags(type(settings), json.loads(json.dumps(settings.recorded())))

    command = typer.main.get_command(app).commands["audit" if settings.stage == "selftest" else settings.stage]  # type: ignore[attr-defined]
    known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    assert sorted(" ".join(flags).split()) == sorted(words.split())
    assert {flag for flag in flags if flag.startswith("--")} <= known
    assert rest == {}
