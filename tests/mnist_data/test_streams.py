"""Standard streams that are closed, full or no longer read, and Ctrl-C at any moment: in real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures/0.1.0"
COMMAND = [sys.executable, "-m", "mnist_data"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these are a POSIX shell's")


def shell(line: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a line of sh in which "$@" is a command of mnist-data."""
    words = ["sh", "-c", line, "sh", *COMMAND, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("line", "path", "code", "error"),
    [
        ('"$@" >&-', "dataset", 0, ""),
        ('"$@" <&- >&- 2>&-', "dataset", 0, ""),
        ('"$@" 2>&-', "missing", 2, ""),
        ('"$@" 2>/dev/full', "missing", 2, ""),
        ('"$@" >/dev/full', "dataset", 2, "mnist-data: standard output: No space left on device; check "),
        ('{ "$@"; echo $? >&2; } | true', "dataset", 0, "0\n"),
    ],
)
def test_the_exit_code_is_that_of_the_work(line: str, path: str, code: int, error: str) -> None:
    """Whatever has become of stdout and stderr, a script learns whether the work was done, and reads no traceback."""
    ended = shell(line, "info", FIXTURES / path)

    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith(error)
    assert len(ended.stderr.splitlines()) == bool(error)


@pytest.mark.slow
def test_work_goes_on_when_nobody_reads_of_it(tmp_path: Path) -> None:
    """`run | head -1` ends its reader after the first step and does the others; no closed descriptor is reused."""
    ended = shell('{ "$@"; echo $? >&2; } 2>&1 | head -1', "run", "sample", "--out", tmp_path / "w", "--until", "clean")
    closed = shell('"$@" <&- >&- 2>&-', "export", tmp_path / "w/clean", tmp_path / "idx")

    assert ended.stdout.startswith("  convert")
    assert (tmp_path / "w/clean.manifest.json").exists()
    assert closed.returncode == 0
    assert (tmp_path / "idx/train-images-idx3-ubyte").read_bytes()[:4] == bytes([0, 0, 8, 3])


@pytest.mark.parametrize("seconds", [0.1, 0.25, 0.5, 1.0])
def test_an_interruption_is_one_line(tmp_path: Path, seconds: float) -> None:
    """Ctrl-C while modules load, while work is done and after it: 130 or the work's own 0, and never a traceback."""
    words = [*COMMAND, "stats", str(FIXTURES / "dataset"), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert (process.returncode, err) in [(130, "mnist-data: interrupted\n"), (0, "")]
