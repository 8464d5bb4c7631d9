"""A kill before each change of the file system: the next attempt ends as an unbroken one, and leaves nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mnist_data import storage
from mnist_data.parquet.locks import claimed
from mnist_data.storage.temporary import TemporaryFolder, temporary_files_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows neither forks nor has these locks")

SCRIPT = """
import os, shutil, signal, sys
from pathlib import Path
import numpy as np
from mnist_data.batch import Batch
from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.writer import Draft, PartWriter
from mnist_data.storage import sha256_of

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}
root, old = Path(sys.argv[1]), sys.argv[2] == "over another"
metadata = Metadata("tiny", (2, 2), "uint8")

def make(value, overwrite=False):
    def batch(first):
        return Batch(np.arange(first, first + 3), np.zeros(3, np.int64), np.full((3, 2, 2), value, np.uint8), {})

    with Draft(root / "out", {"value": value}, overwrite) as draft:
        parts = [
            draft.finished(split, 0) or PartWriter(draft.location, split, 0, metadata).write_all([batch(first)])
            for split, first in (("train", 0), ("test", 3))
        ]
        draft.commit(parts, metadata)

def left():
    return {str(path.relative_to(root)): path.is_file() and sha256_of(path) for path in root.rglob("*")}

def begin():
    shutil.rmtree(root)
    root.mkdir()
    if old:
        make(1)
    return open_dataset(root / "out").content if old else None

before = begin()
make(2, overwrite=old)
after, whole = open_dataset(root / "out").content, left()
for deadly in range(1 + old, 1000, 3):  # tests/torture/kills.py comes before all of them
    begin()
    child = os.fork()
    if not child:
        count = 0
        def hear(event, arguments):
            global count
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE
            if event in CHANGES or writes:
                count += 1
                if count == deadly:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hear)
        make(2, overwrite=old)
        os._exit(0)
    ended = os.waitpid(child, 0)[1] == 0
    if old and (root / "out").exists():
        assert open_dataset(root / "out").content in (before, after), f"mixed before change {deadly}"
    if not ended or not old:
        try:
            make(2, overwrite=old)
        except Exception as error:
            assert left() == whole, f"{error} before change {deadly}"
    assert left() == whole, f"before change {deadly}: {set(left().items()) ^ set(whole.items())}"
    if ended:
        break
print(deadly)
"""


@pytest.mark.parametrize("where", ["into nothing", "over another"])
def test_a_killed_writer_is_repeated_to_the_same_bytes(tmp_path: Path, where: str) -> None:
    """Dataset and manifest; a reader meanwhile sees the old dataset, none, or the new one."""
    command = [sys.executable, "-c", SCRIPT, tmp_path / "place", where]
    (tmp_path / "place").mkdir()

    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert int(done.stdout) > 30


def test_drafts_of_the_dead_are_removed_and_no_others(tmp_path: Path) -> None:
    """By the next writer of the same file or folder; what is still held, or is another's, stays."""
    dead = [".x.abcdefgh.tmp", ".x.a_cdefg0.tmp"]
    others = [".x.y.abcdefgh.tmp", ".x.tmp", ".x.short.tmp", "x.abcdefgh.tmp", ".y.abcdefgh.tmp"]
    for name in (dead[0], *others):
        (tmp_path / name).write_text("left", "utf-8")
    (tmp_path / dead[1]).mkdir()
    (tmp_path / dead[1] / "file").write_text("left", "utf-8")

    with storage.new_file(tmp_path / "x") as first:
        first.write_text("first", "utf-8")
        storage.write_text(tmp_path / "x", "second")
        assert first.exists()
        with storage.new_folder(tmp_path / "z") as draft:
            assert draft.is_dir()

    assert (tmp_path / "x").read_text("utf-8") == "first"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "x", "z"])


def test_temporary_folders_of_the_dead_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the next command that writes; those of the living stay, and so do those of 0.1.0, which held none."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "mnist-data-held-abcdefgh").mkdir()
    others = [tmp_path / "mnist-data-held-of-mine", tmp_path / "mnist-data-abcdefgh"]
    for other in others:
        other.mkdir()

    with TemporaryFolder() as living, claimed(tmp_path / "out"):
        assert sorted(tmp_path.glob("mnist*")) == sorted([Path(living), *others])


def test_what_a_library_leaves_goes_with_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its temporary files lie in ours, and where they were before afterwards."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with TemporaryFolder() as ours, temporary_files_in(ours):
        assert Path(tempfile.mkdtemp()).parent == Path(ours)

    assert Path(tempfile.mkdtemp()).parent == tmp_path
