"""Every command on the smallest datasets there are: what it prints, as text and as JSON, and what it writes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image

from mnist_data import cli
from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.frames import to_numpy

Cli = Callable[..., tuple[int, str, str]]

FIXTURES = Path(__file__).parent.parent / "fixtures/0.1.0"
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("sample --out out --until stats", "out/stats/summary.parquet"),
    "convert": ("sample out", "out"),
    "prepare": ("photo.png out --plot", "out.html"),
    "export": ("dataset out", "out/t10k-labels-idx1-ubyte"),
    "info": ("dataset", ""),
    "show": ("dataset --count 3", ""),
    "decisions": ("dataset", ""),
    "verify": ("dataset", ""),
    "clean": ("dataset out", "out.quarantine.parquet"),
    "normalize": ("dataset out", "out"),
    "augment": ("dataset out", "out"),
    "corrupt": ("dataset out --corruption fog", "out"),
    "split": ("dataset out --by label", "out"),
    "stats": ("dataset", "dataset-stats/summary.csv"),
    "audit": ("dataset --no-labels", "dataset-audit/checks.parquet"),
    "diff": ("dataset dataset --out out", "out/diff.parquet"),
    "drift": ("dataset --between train test --resamples 20 --out out", "out/drift.parquet"),
    "claims": ("dataset --claims claims.toml", ""),
    "train": ("dataset out --model tiny --epochs 1", "out/tiny.safetensors"),
    "compare": ("models models-lenet5 --out out", "out/comparison.parquet"),
    "predict": ("models/tiny.safetensors dataset --out out", "out/predictions.csv"),
    "explain": ("models/tiny.safetensors dataset out", "out"),
    "onnx": ("models/tiny.safetensors out.onnx", "out.onnx"),
    "compress": ("models/tiny.safetensors dataset out", "out"),
}
"""Of each command, what is asked of it, and a file that it then has written; relative to a folder of the fixtures."""

NEEDS = {
    "train": ["torch"],
    "predict": ["torch"],
    "explain": ["torch"],
    "onnx": ["torch", "onnx"],
    "compress": ["torch", "onnx", "onnxruntime"],
}
SLOW = {"compress", "run"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a working directory with a dataset, two models, a photo and a file of claims."""
    for name in ("dataset", "models", "models-lenet5"):
        shutil.copytree(FIXTURES / name, tmp_path / name)
    shutil.copy(FIXTURES / "dataset.manifest.json", tmp_path)
    digit = Image.fromarray(255 - np.asarray(to_numpy(FIXTURES / "dataset", "test")[0][0])).resize((84, 84))
    photo = Image.new("L", (200, 100), 255)
    photo.paste(digit, (50, 8))
    photo.save(tmp_path / "photo.png")
    (tmp_path / "claims.toml").write_text(
        '[[claim]]\ntext = "Evenly spread"\nsource = "us"\ntest = "even_classes"\nparameters = { level = 0.01 }\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_warnings(err: str) -> str:
    """Leave out what is said of the data or of a network that has hardly learnt."""
    return "".join(line for line in err.splitlines(keepends=True) if not line.startswith("mnist-data: warning: "))


def test_no_command_is_left_out_here() -> None:
    """The table above is that of the command line; fetch needs a network, explore goes on, and have their own tests."""
    assert {"fetch", "explore", *COMMANDS} == set(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in COMMANDS]
)
def test_a_command_prints_what_it_did_and_as_json_one_object(command: str, command_line: Cli, folder: Path) -> None:
    """Exit code 0, nothing on stderr; the file is where the help says; numbers that are none are never shown."""
    for library in NEEDS.get(command, []):
        pytest.importorskip(library)
    asked, written = COMMANDS[command]

    code, out, err = command_line(command, *asked.split())

    assert (code, without_warnings(err)) == (0, "")
    assert out.strip()
    assert not re.search(r"\bnan\b|\bNone\b|\{|<NA>", out)
    assert not written or (folder / written).exists()
    for path in folder.iterdir():
        if path.name.startswith("out") or path.name.startswith("dataset-"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    json_code, printed, err = command_line(command, *asked.split(), "--json")
    assert (json_code, without_warnings(err)) == (0, "")
    assert isinstance(json.loads(printed), dict)
    assert not written or (folder / written).exists()


@pytest.mark.parametrize(
    "command", ["export", "clean", "augment", "split", "stats", "drift", "compare", "onnx", "predict"]
)
def test_what_stands_is_not_replaced_unless_asked(command: str, command_line: Cli, folder: Path) -> None:
    """A second run ends with 2 and leaves every byte; with --overwrite it ends with 0."""
    for library in NEEDS.get(command, []):
        pytest.importorskip(library)
    asked, _ = COMMANDS[command]
    assert command_line(command, *asked.split())[0] == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}

    code, out, err = command_line(command, *asked.split())

    assert (code, out) == (2, "")
    assert "--overwrite" in err
    assert before == {path: path.read_bytes() for path in before}
    assert command_line(command, *asked.split(), "--overwrite")[0] == 0


def test_predictions_are_the_same_in_the_terminal_in_json_and_in_the_files(command_line: Cli, folder: Path) -> None:
    """The first rows are shown, all are written, and the number of right ones is that of the table."""
    pytest.importorskip("torch")
    command = ("predict", "models/tiny.safetensors", "dataset", "--split", "test")

    _, shown, _ = command_line(*command, "--out", "out")
    printed = pd.DataFrame(json.loads(command_line(*command, "--json")[1])["predictions"])

    written = pd.read_parquet(folder / "out/predictions.parquet")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    assert (
        printed["id"].tolist() == written["id"].tolist() == pd.read_csv(folder / "out/predictions.csv")["id"].tolist()
    )
    assert len(written) == open_dataset(folder / "dataset").splits["test"]
    assert [int(row[0]) for row in rows] == written["id"].head(len(rows)).tolist()
    assert [row[3] for row in rows] == written["name"].head(len(rows)).tolist()
    assert [float(row[4]) for row in rows] == pytest.approx(written["probability"].head(len(rows)).tolist(), abs=1e-4)
    right = int(written["correct"].sum())
    assert f"{right} of {len(written)} with a known label are correct ({right / len(written):.2%})" in shown


def test_a_training_prints_the_numbers_of_its_tables(command_line: Cli, folder: Path) -> None:
    """Accuracy with its interval, calibration, epochs: rounded, and nothing else."""
    pytest.importorskip("torch")
    _, shown, _ = command_line("train", "dataset", "out", "--model", "tiny", "--epochs", "2")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    tables = {
        name: pd.read_parquet(folder / f"out/{name}.parquet") for name in ("history", "evaluation", "calibration")
    }

    for epoch in tables["history"].itertuples():
        assert [str(epoch.epoch), f"{epoch.train_loss:.4f}", f"{epoch.train_accuracy:.4f}"] in [row[:3] for row in rows]
    for score in tables["evaluation"].query("split == 'test'").itertuples():
        interval = f"{score.low:.2%} – {score.high:.2%}"
        assert [str(score.samples), f"{score.accuracy:.2%}", interval] in [row[3:6] for row in rows]
    for line in tables["calibration"].itertuples():
        numbers = [f"{line.temperature:.3f}", f"{line.ece:.2%}", f"{line.ece_by_chance:.2%}", f"{line.nll:.4f}"]
        assert [*numbers, f"{line.confidence:.2%}", f"{line.accuracy:.2%}"] in rows
