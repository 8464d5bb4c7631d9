"""Paths of every kind: what is no regular file is refused at once, by every command that takes a path."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, str, str]]

FIXTURES = Path(__file__).parent.parent / "fixtures/0.1.0"

READERS = {
    "convert PATH out": "",
    "convert PATH csv": ".csv",
    "convert --images PATH --labels PATH out": "",
    "run PATH --out out --until convert": "",
    "run --out out --until convert --config PATH": ".toml",
    "prepare PATH out": ".png",
    "export PATH out": "",
    "info PATH": "",
    "info dataset --original PATH": ".parquet",
    "clean PATH out": ".parquet",
    "augment dataset out --recipe PATH": ".toml",
    "split dataset out --by writer --label-tables PATH": "",
    "audit dataset --no-labels --out out --fail-if PATH": ".toml",
    "audit dataset --no-labels --out out --threshold PATH": ".toml",
    "drift PATH dataset": "",
    "claims dataset --claims PATH": ".toml",
    "train dataset out --sweep PATH": ".toml",
    "train dataset out --start PATH": ".safetensors",
    "compare PATH PATH": "",
    "predict PATH dataset": ".safetensors",
    "predict PATH dataset --out out": ".onnx",
    "predict models/tiny.safetensors PATH": ".png",
    "onnx PATH out.onnx": ".safetensors",
    "show PATH": ".parquet",
    "stats PATH --out out": ".parquet",
    "normalize PATH out": ".parquet",
    "corrupt PATH out --corruption fog": ".parquet",
    "diff dataset PATH": ".parquet",
    "explain PATH dataset --out out": ".safetensors",
    "compress PATH dataset out": ".safetensors",
    "decisions PATH": "",
}
"""Commands that read a path, each with the ending that the path has."""


def special(kind: str, path: Path) -> None:
    """Make something that is no regular file."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    else:
        path.symlink_to(
            {
                "endless device": "/dev/zero",
                "circle of links": path.name,
                "link to nothing": "nowhere",
                "failing disk": "/proc/self/mem",  # a file of which the first bytes cannot be read
            }[kind]
        )


@pytest.mark.timeout(60)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes among its files")
@pytest.mark.parametrize(
    "kind", ["pipe", "socket", "endless device", "circle of links", "link to nothing", "failing disk"]
)
def test_what_is_no_file_is_refused_at_once(
    command_line: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A pipe would be waited for, a device has no end: every command names it, ends with 2 and writes nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("dataset", "models"):
        shutil.copytree(FIXTURES / name, name)
    for ending in set(READERS.values()):
        special(kind, Path(f"x{ending}"))
    before = sorted(tmp_path.iterdir())

    for command, ending in READERS.items():
        code, out, err = command_line(*command.replace("PATH", f"x{ending}").split())

        assert (code, out) == (2, ""), command
        assert f"x{ending}" in err, (command, err)
        assert err.count("\n") == 1, (command, err)
    assert sorted(tmp_path.iterdir()) == before
