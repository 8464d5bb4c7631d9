"""Names of every kind that a file system takes: they work, or are refused before anything is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_data import storage
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import open_dataset

Cli = Callable[..., tuple[int, str, str]]

FIXTURES = Path(__file__).parent.parent / "fixtures/0.1.0"

NAMES = [
    "x" * 240,
    "ä" * 120,
    "a\nb",
    "a\tb\r",
    "-x",
    "trailing.",
    "trailing ",
    " leading",
    "[a]*?",
    "a#b?c&d%25",
    "a:b",
    "a\\b",
    "$HOME",
    "~x",
    "a'b\"c",
    "<b>&amp;",
    "😀\u202eabc",
    "x.parquet",
    "x.tmp",
    "x.manifest.json",
    ".hidden",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_dataset_of_any_name_is_written_and_read(command_line: Cli, tmp_path: Path, name: str) -> None:
    """What is written is there under its name, can be replaced, and nothing else is left next to it."""
    out = tmp_path / name

    for overwrite in ([], ["--overwrite"]):
        code, _, err = command_line("normalize", *overwrite, "--", FIXTURES / "dataset", out)
        assert (code, err) == (0, "")

    assert len(open_dataset(out)) == len(open_dataset(FIXTURES / "dataset"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, f"{name}.manifest.json"])


@pytest.mark.parametrize("length", [242, 255, 256, 5000])
def test_a_name_too_long_for_a_manifest_is_refused(command_line: Cli, tmp_path: Path, length: int) -> None:
    """It is refused by name before the work, and no draft stays."""
    code, _, err = command_line("normalize", FIXTURES / "dataset", tmp_path / ("x" * length))

    assert code == 2
    assert "x" * 242 in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        "info NAME",
        "convert NAME out",
        "convert sample NAME",
        "convert sample out --dataset NAME",
        "stats DATA --out NAME",
        "export DATA NAME",
        "augment DATA out --recipe NAME",
        "audit DATA --no-labels --fail-if NAME",
        "predict NAME DATA",
    ],
)
def test_a_name_that_is_not_utf_8_is_refused(command_line: Cli, tmp_path: Path, command: str) -> None:
    """Arrow and JSON cannot hold it; the message shows the bytes, and nothing is written."""
    name = tmp_path / os.fsdecode(b"a\xff\xfe.toml")
    words = {"NAME": str(name), "DATA": str(FIXTURES / "dataset"), "out": str(tmp_path / "out")}
    name.mkdir()

    code, out, err = command_line(*(words.get(word, word) for word in command.split()))

    assert (code, out) == (2, "")
    assert r"a\udcff\udcfe.toml: the name is not UTF-8" in err
    assert list(tmp_path.iterdir()) == [name]
    assert list(name.iterdir()) == []


def test_python_refuses_such_names_too(tmp_path: Path) -> None:
    """The calls of Python have no command line that looks before them."""
    import mnist_data

    for place in (os.fsdecode(b"\xff"), tmp_path / os.fsdecode(b"\xff/out")):
        with pytest.raises(WrongUse, match="not UTF-8"):
            mnist_data.normalize(FIXTURES / "dataset", place)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that a process works in")
@pytest.mark.parametrize("words", ["info {}", "export {} out.npz --form npz", "normalize {} out", "stats {} --out out"])
def test_a_working_directory_that_is_gone_is_named(
    command_line: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """The system's error names no file; what can be done without it is done."""
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()

    code, _, err = command_line(*words.format(FIXTURES / "dataset").split())

    assert (code, err) in [
        (0, ""),
        (2, "mnist-data: The working directory is no longer there; change to another one, and repeat the command.\n"),
    ]
    assert code == 0 or not words.startswith("info")


def test_shortened_names_differ_where_the_names_do() -> None:
    """Two long names that begin alike have drafts of their own, and short ones stay as they are."""
    names = ["x" * 240 + end for end in "ab"] + ["ä" * 120]

    assert len({storage.shortened(name) for name in names}) == 3
    assert all(len(os.fsencode(storage.shortened(name))) <= 200 for name in names)
    assert storage.shortened("digits") == "digits"


def test_what_goes_wrong_is_named(tmp_path: Path) -> None:
    """A library's error has no file, and a store's none and no status; both get what a user needs to know."""

    class Response(Exception):  # noqa: N818 - as botocore's
        response = {"ResponseMetadata": {"HTTPStatusCode": 503}}  # noqa: RUF012

    with pytest.raises(OSError, match="No space left on device: '.*/x'"), storage.new_file(tmp_path / "x"):
        raise OSError(28, "No space left on device")
    with pytest.raises(OSError, match=r"HTTP status 503: Slow Down: 's3://bucket/x'"), storage.naming("s3://bucket/x"):
        raise OSError(5, "Slow Down") from Response()
    with pytest.raises(OSError, match="HTTP status 503: .*'s3://bucket/x'"), storage.naming("s3://bucket/x"):
        raise Response("reset")
    with pytest.raises(ValueError, match="ours"), storage.naming("s3://bucket/x"):
        raise ValueError("ours")
