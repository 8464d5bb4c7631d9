"""The commands on a page: run one after the other, they make the same dataset again."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import mnist_data
from mnist_data.parquet.dataset import open_dataset
from pipelines.run.script import dataset_script

Cli = Callable[..., tuple[int, str, str]]


def test_the_commands_of_a_dataset_make_it_again(
    tmp_path: Path, command_line: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With settings that are not the default, two stages of one kind, and a name that a shell must quote."""
    first = mnist_data.convert("sample", tmp_path / "a", progress=False)
    for number, settings in enumerate(({"scale": "none", "center": True, "dtype": "uint8"}, {"scale": "unit"})):
        first = mnist_data.normalize(first, tmp_path / f"my data {number}", progress=False, **settings)  # type: ignore[arg-type]
    commands = dataset_script(first.dataset).splitlines()  # type: ignore[arg-type]
    again = tmp_path / "again"
    again.mkdir()
    monkeypatch.chdir(again)

    for command in commands:
        code, _, err = command_line(*shlex.split(command, comments=True)[1:])
        assert code == 0, err

    assert [shlex.split(command)[3] for command in commands] == ["convert", "normalize", "my data 1"]
    assert open_dataset(again / "my data 1").content == first.dataset.content  # type: ignore[union-attr]
