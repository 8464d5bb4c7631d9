"""From folders of one's own letters to a trained network and its predictions, in a straight line of commands."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

import mnist_data

pytest.importorskip("torch")

LETTERS = {"L": [(8, 4, 8, 22), (8, 22, 20, 22)], "T": [(5, 5, 22, 5), (14, 5, 14, 23)], "V": [(5, 4, 14, 23, 23, 4)]}

Command = Callable[..., tuple[int, str, str]]


def write_letters(root: Path, count: int, ground: int, scale: int = 1) -> None:
    """Write so many jittered letters of each class into a folder of its own; ground: the background's brightness."""
    rng = np.random.default_rng(0)
    for name, lines in LETTERS.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            image = Image.new("L", (28 * scale, 28 * scale), ground)
            jitter = rng.integers(-2, 3, 2)
            for line in lines:
                points = (np.reshape(line, (-1, 2)) + jitter) * scale
                ImageDraw.Draw(image).line([tuple(point) for point in points.tolist()], 255 - ground, 3 * scale)
            image.save(root / name / f"{number}.png")


@pytest.mark.slow
@pytest.mark.parametrize(("first", "scale"), [("convert", 1), ("prepare", 4)])
def test_folders_of_letters_become_a_network_that_reads_them(
    first: str, scale: int, command_line: Command, tmp_path: Path
) -> None:
    """Each command takes what the one before has written, and class names go through to the predictions."""
    write_letters(tmp_path / "letters", 40, 255, scale)
    noise = np.random.default_rng(1).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    (tmp_path / "noise").mkdir()
    np.savez(tmp_path / "noise/noise.npz", images=noise)

    for command in (
        (first, tmp_path / "letters", tmp_path / "data"),
        ("split", tmp_path / "data", tmp_path / "split", "--by", "label"),
        ("train", tmp_path / "split", tmp_path / "models", "--model", "mlp", "--epochs", "20"),
        ("predict", tmp_path / "models/mlp.safetensors", tmp_path / "letters", "--out", tmp_path / "predicted"),
    ):
        code, out, err = command_line(*command)
        assert code == 0, err
    table = pd.read_parquet(tmp_path / "predicted/predictions.parquet")
    rejected = mnist_data.predict(tmp_path / "models/mlp.safetensors", tmp_path / "noise/noise.npz")

    assert mnist_data.open_dataset(tmp_path / "data").metadata.classes == ("L", "T", "V")
    assert (table["label_name"] == table["file"].str[0]).all()
    assert (table["name"] == table["label_name"]).mean() > 0.95
    assert table["in_distribution"].mean() > 0.9
    assert "with a known label are correct" in out
    assert rejected.findings["none_of_the_classes"] == rejected.findings["unlabelled"] == 20
    assert rejected.tables["counts"].set_index("name").loc["none of the classes", "predicted"] == 20


@pytest.mark.slow
def test_kaggles_test_file_is_predicted(command_line: Command, tmp_path: Path) -> None:
    """Without labels, by itself and converted; the printed table says what is of none of the classes."""
    mnist_data.convert("sample", tmp_path / "digits", progress=False)
    assert command_line("train", tmp_path / "digits", tmp_path / "m", "--model", "mlp", "--epochs", "5")[0] == 0
    pixels = mnist_data.to_numpy(tmp_path / "digits", split="test")[0][:30]
    rows = [*pixels.reshape(30, -1).tolist(), *(255 - pixels[:5].reshape(5, -1)).tolist()]
    with (tmp_path / "test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[f"pixel{place}" for place in range(784)], *rows])

    assert command_line("convert", tmp_path / "test.csv", tmp_path / "new")[0] == 0
    code, out, _ = command_line("predict", tmp_path / "m", tmp_path / "new")
    results = [mnist_data.predict(tmp_path / "m", tmp_path / name) for name in ("new", "test.csv")]

    assert code == 0
    assert "Without a label: 35 of 35." in out
    assert out.count("probably none of the classes") >= 5
    for result in results:
        table = result.tables["predictions"]
        assert set(table["split"]) == {"unlabelled"}
        assert table["correct"].isna().all()
        assert not table["in_distribution"][30:].any()
        assert table["in_distribution"][:30].mean() > 0.9
    assert results[0].tables["predictions"]["name"].tolist() == results[1].tables["predictions"]["name"].tolist()
