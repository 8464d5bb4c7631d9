"""Two at once, a full disk and a kill: one process writes a place, and what it leaves unfinished can be replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_data.errors import WrongUse
from mnist_data.parquet.locks import claimed

Cli = Callable[..., tuple[int, str, str]]

FIXTURES = Path(__file__).parent.parent / "fixtures/0.1.0"
COMMAND = [sys.executable, "-m", "mnist_data"]

WRITERS = [
    "stats DATA --out out",
    "audit DATA --no-labels --out out",
    "audit DATA --no-labels --selftest --out out",
    "drift DATA --between train test --out out",
    "claims DATA --claims claims.toml --out out",
    "compare MODEL MODEL --out out",
    "export DATA out",
    "export DATA out.npz --form npz",
    "run sample --out out --until convert",
    "train DATA out --model tiny --epochs 1",
    "predict MODEL/tiny.safetensors DATA --out out",
    "explain MODEL/tiny.safetensors DATA out",
    "compress MODEL/tiny.safetensors DATA out",
    "onnx MODEL/tiny.safetensors out.onnx",
    "fetch sample --out out",
]


def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a file of claims."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "claims.toml").write_text(
        '[[claim]]\ntext = "Even"\nsource = "us"\ntest = "even_classes"\nparameters = { level = 0.01 }\n'
    )


@pytest.mark.parametrize("command", WRITERS)
def test_the_second_of_two_is_told_at_once(
    command_line: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """While another process writes a place, no command does, whatever it writes, and nothing of it is changed."""
    folder(tmp_path, monkeypatch)
    words = command.replace("DATA", str(FIXTURES / "dataset")).replace("MODEL", str(FIXTURES / "models")).split()
    place = next(word for word in words if word.startswith("out"))

    with claimed(place):
        code, out, err = command_line(*words)
        left = sorted(path.name for path in tmp_path.iterdir())

    assert (code, out) == (2, "")
    assert err == f"mnist-data: {tmp_path / place}: another process is writing it; wait for that one to end.\n"
    assert left == [f".{place}.lock", "claims.toml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["claims.toml"]


def test_what_a_failed_call_has_left_may_be_replaced(tmp_path: Path) -> None:
    """Unfinished is only what was begun to be written; a call that is refused leaves what was there as it was."""
    place = tmp_path / "deep/er/out"

    for error in (WrongUse("refused"), KeyboardInterrupt()):
        with pytest.raises(type(error)), claimed(place) as replace:
            assert replace is False
            raise error
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="full"), claimed(place):
        place.mkdir()
        (place / "table").write_text("half", encoding="utf-8")
        raise OSError("full")
    with pytest.raises(WrongUse), claimed(place) as replace:
        assert replace is True
        raise WrongUse("refused")
    with claimed(place) as replace:
        assert replace is True
    with pytest.raises(WrongUse), claimed(place) as replace:
        assert replace is False
        raise WrongUse("refused")
    assert [path.name for path in place.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("begun", [True, False])
def test_the_lock_of_a_dead_process_holds_nobody_up(tmp_path: Path, begun: bool) -> None:
    """A lock ends with its process; what that had begun to write may be replaced, what it had not touched may not."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "table").write_text("whole", "utf-8")
    work = f"open({str(out / 'table')!r}, 'w').write('half')" if begun else "None"
    code = f"from mnist_data.parquet.locks import claimed\nwith claimed({str(out)!r}): {work}; print('held'); input()"
    with subprocess.Popen([sys.executable, "-uc", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(WrongUse, match="another process"), claimed(out):
            pass
        process.send_signal(signal.SIGKILL)

    with claimed(out) as replace:
        assert replace is begun
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(sys.platform == "win32", reason="ulimit is a POSIX shell's")
@pytest.mark.parametrize(
    ("command", "named"),
    [("stats DATA -o out", "measures.parquet"), ("export DATA out", "out/"), ("normalize DATA out", "split=")],
)
def test_a_full_disk_is_named_and_the_next_call_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, named: str
) -> None:
    """A file cannot grow: exit 2 with its name, and the same command completes once there is room."""
    monkeypatch.setenv("MNIST_DATA_CACHE", str(tmp_path / "cache"))  # what others have measured would not be written
    words = command.replace("out", str(tmp_path / "out")).replace("DATA", str(FIXTURES / "dataset")).split()
    limited = ["sh", "-c", 'ulimit -f 1; "$@"', "sh", *COMMAND, *words]

    full = subprocess.run(limited, capture_output=True, text=True, check=False)
    again = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)

    assert full.returncode == 2
    assert full.stderr.startswith("mnist-data: /")
    assert named in full.stderr
    assert "File too large" in full.stderr
    assert full.stderr.count("\n") == 1
    assert (again.returncode, again.stderr) == (0, "")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_named(command_line: Cli, tmp_path: Path) -> None:
    """The message names the output that was asked for, not a file of ours."""
    tmp_path.chmod(0o500)

    code, _, err = command_line("stats", FIXTURES / "dataset", "--out", tmp_path / "out")

    assert code == 2
    assert err.startswith(f"mnist-data: {tmp_path / 'out'}: Permission denied; check ")
