"""The commands on a page: pasted into a shell in an empty folder, they make the same tables and datasets again."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mnist_data
from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.tables import read_tables
from pipelines.run.script import shell_path, toml_text
from pipelines.settings.recipe import recipe_from

TIMED = ("seconds", "images_per_second", "latency_1", "latency_256")
"""Columns of times, which differ."""

RECIPE = {"rotation": [-3, 3], "blur": {"range": [0.5, 1.0], "probability": 0.25}}


def commands_of(page: str | Path) -> str:
    """Give the commands that a page shows."""
    (text,) = re.findall(r'<pre id="commands"[^>]*>(.*?)</pre>', Path(page).read_text(encoding="utf-8"), re.DOTALL)
    return html.unescape(text)


def paste(script: str, folder: Path) -> None:
    """Run a script in a shell that knows the command, in an empty folder."""
    program = folder.parent / "bin/mnist-data"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mnist_data "$@"\n')
    program.chmod(0o755)
    folder.mkdir()
    root = str(Path(mnist_data.__file__).parents[1])
    known = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": root}
    ended = subprocess.run(["sh", "-eu"], input=script, cwd=folder, env=known, capture_output=True, text=True)
    assert ended.returncode == 0, f"{script}\n{ended.stderr}"


def together(results: Iterable[mnist_data.Result]) -> str:
    """Put the commands of several pages one after the other, each line once, as they share what they begin with."""
    lines = [line for result in results for line in commands_of(str(result.page)).splitlines()]
    return "\n".join(dict.fromkeys(lines))


def same_tables(first: Path, second: Path) -> None:
    """Compare every table of two folders, but for times, and for where sentences say that a dataset lies."""
    tables, again = read_tables(first), read_tables(second)
    assert tables.keys() == again.keys()
    for name, table in tables.items():
        plain = [each.drop(columns=[*TIMED, "plan"], errors="ignore") for each in (table, again[name])]
        plain = [each.replace(r"'?/[^\s']+/", "", regex=True).replace("'", "", regex=True) for each in plain]
        pd.testing.assert_frame_equal(*plain, check_dtype=False)


@pytest.mark.slow
def test_commands_of_analyses_make_their_tables_again(tmp_path: Path) -> None:
    """Converted, normalized and augmented anew by what the pages say alone, with settings of every kind."""
    first = mnist_data.convert("sample", tmp_path / "sample", progress=False)
    upright = mnist_data.normalize(first, tmp_path / "upright", scale="none", center=True, dtype="uint8")
    data = mnist_data.augment(upright, tmp_path / "my digits", copies=1, recipe=RECIPE, progress=False)
    sides: dict[str, Any] = {"between": ("train", "test"), "samples": 100, "resamples": 20}
    thresholds = {"blurred": 9.5, "low_ink": 4}
    results = [
        mnist_data.stats(data, tmp_path / "stats of it", bins=64, morphometrics=False, plot=True),
        mnist_data.audit(data, tmp_path / "audit", labels=False, threshold=thresholds, plot=True),
        mnist_data.claims(data, tmp_path / "claims", of="sklearn-digits", plot=True),
        mnist_data.drift(data, out=tmp_path / "drift", plot=True, **sides),
    ]
    changes = mnist_data.diff(upright, data, tmp_path / "diff", thumbnails=3, plot=True)

    paste(together(results), tmp_path / "again")
    paste(commands_of(str(changes.page)), tmp_path / "of two")

    same_tables(tmp_path / "diff", tmp_path / "of two/diff")
    assert open_dataset(tmp_path / "again/my digits").content == data.dataset.content  # type: ignore[union-attr]
    for result in results:
        same_tables(Path(str(result.out)), tmp_path / "again" / Path(str(result.out)).name)


@pytest.mark.slow
def test_commands_of_networks_train_them_again(tmp_path: Path) -> None:
    """Of a training, a sweep, a comparison, predictions, explanations: networks and data come from their own files."""
    pytest.importorskip("torch")
    data = mnist_data.convert("sample", tmp_path / "digits", progress=False)
    grid = tmp_path / "grid.toml"
    grid.write_text('model = ["mlp"]\nepochs = 1\nlearning_rate = [0.01, 0.001]\n')
    shared: dict[str, Any] = {"model": "mlp", "epochs": 1, "progress": False}
    models = mnist_data.train(data, tmp_path / "two seeds", seeds=2, seed=5, recipe="mild", **shared)
    other = mnist_data.train(data, tmp_path / "other", batch_size=32, plot=True, **shared)
    results = [
        mnist_data.compare(models, other, tmp_path / "compared", plot=True),
        mnist_data.predict(models, data, tmp_path / "predicted", split=["test"], plot=True),
        mnist_data.explain(other, data, tmp_path / "explained", id=[1500, 1501], plot=True, progress=False),
        mnist_data.train(data, tmp_path / "sweep", sweep=grid, plot=True, progress=False),
    ]

    paste(together(results), tmp_path / "again")

    of_training = "mnist-data train digits other --model mlp --epochs 1 --batch-size 32 --plot"
    assert commands_of(str(other.page)).splitlines()[-1] == of_training
    for result in (*results, models, other):
        same_tables(Path(str(result.out)), tmp_path / "again" / Path(str(result.out)).name)


@pytest.mark.slow
def test_commands_of_stages_and_of_a_run_make_their_datasets_again(tmp_path: Path) -> None:
    """Clean, augment, corrupt and prepare show how they came about; a run keeps its settings in a file."""
    pytest.importorskip("torch")
    data = mnist_data.convert("sample", tmp_path / "digits", progress=False)
    config = {"augment": {"copies": 1, "recipe": RECIPE}, "train": {"model": "mlp", "epochs": 1}, "stats": {"bins": 16}}
    ran = mnist_data.run("sample", tmp_path / "work", config=config, progress=False)
    made = {
        "cleaned": mnist_data.clean(data, tmp_path / "cleaned", duplicate="keep", plot=True, progress=False),
        "more": mnist_data.augment(data, tmp_path / "more", copies=2, recipe="mild", plot=True, progress=False),
        "fog": mnist_data.corrupt(data, tmp_path / "fog", corruption=["fog"], severity=[2, 3], plot=True),
    }

    paste(together([*made.values(), ran]), tmp_path / "again")

    for name, result in made.items():
        assert open_dataset(tmp_path / "again" / name).content == result.dataset.content  # type: ignore[union-attr]
    for name in ("clean", "augment"):
        datasets = [open_dataset(tmp_path / place / name).content for place in ("work", "again/workspace")]
        assert datasets[0] == datasets[1]
    same_tables(tmp_path / "work/stats", tmp_path / "again/workspace/stats")
    same_tables(tmp_path / "work/train/mlp", tmp_path / "again/workspace/train/mlp")


def test_a_dataset_of_unknown_files_is_named_where_it_lies(tmp_path: Path) -> None:
    """With how it was made as comments, which a shell skips: nobody knows where the files are that it came from."""
    from PIL import Image

    (tmp_path / "photos/7").mkdir(parents=True)
    Image.new("L", (28, 28), 200).save(tmp_path / "photos/7/a.png")
    data = mnist_data.convert(tmp_path / "photos", tmp_path / "seven's", progress=False)
    page = mnist_data.stats(data, plot=True, morphometrics=False, progress=False).page

    *comments, command = commands_of(str(page)).splitlines()

    assert all(line.startswith("#") for line in comments)
    assert "mnist-data convert SOURCE" in comments[1]
    named, out = shell_path(f"{tmp_path}/seven's"), "'seven'\"'\"'s-stats'"
    assert command == f"mnist-data stats {named} --out {out} --no-morphometrics --plot"


def test_a_place_in_the_users_folder_does_not_say_who_the_user_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is shared; the shell knows where one's own folder is."""
    monkeypatch.setenv("HOME", "/home/ada")

    assert shell_path("/home/ada/my data/mnist") == "~/'my data/mnist'"
    assert shell_path("/data/mnist") == "/data/mnist"
    assert shell_path("s3://bucket/mnist") == "s3://bucket/mnist"


def test_what_is_written_as_toml_is_read_back_as_it_was() -> None:
    """Recipes, settings of a run, and names that TOML must quote."""
    import tomllib

    recipe = recipe_from(RECIPE, "recipe").table()
    values = {
        "train": {"epochs": 2, "recipe": recipe},
        "augment": {"recipe": recipe},
        "odd name": ["a\n'\"", True, 1e-5],
    }

    assert tomllib.loads(toml_text(recipe)) == recipe
    assert tomllib.loads(toml_text(values)) == values
