"""What SECURITY.md says of hostile surroundings, where no other test shows it."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

import mnist_data
from mnist_data.errors import MnistDataError, UnreadableInput

ROOT = Path(__file__).parents[2]


def test_an_image_file_that_claims_billions_of_pixels_is_refused_by_name(tmp_path: Path) -> None:
    """As a photo and in a folder of classes; its few bytes cost no memory."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    for folder in ("a", "b"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        (tmp_path / "photos" / folder / "bomb.png").write_bytes(content)

    for read in (mnist_data.prepare, mnist_data.convert):
        with pytest.raises(UnreadableInput, match=r"bomb\.png"):
            read(tmp_path / "photos", tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../../out-of-it/b.png", "/tmp/../out-of-it/b.png", "a/../../b.png", "C:\\b.png"])
def test_a_member_of_an_archive_is_written_nowhere(name: str, tmp_path: Path) -> None:
    """Whatever place its name means: members are read as streams."""
    image = io.BytesIO()
    Image.new("L", (8, 8)).save(image, "PNG")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for member in ("a/x.png", "b/y.png", name):
            archive.writestr(member, image.getvalue())
    before = {path for path in tmp_path.parent.rglob("*") if tmp_path not in path.parents}
    with suppress(MnistDataError):
        mnist_data.convert(tmp_path / "a.zip", tmp_path / "out", progress=False)

    assert {path.name for path in tmp_path.iterdir()} <= {"a.zip", "out", "out.manifest.json"}
    assert {path for path in tmp_path.parent.rglob("*") if tmp_path not in path.parents} == before


def test_the_command_imports_nothing_from_the_working_directory(tmp_path: Path) -> None:
    """Modules named as ours, and as those that we use, lie there, and would be found first if it were on the path."""
    command = Path(sys.executable).with_name("mnist-data")
    if not command.exists():
        pytest.skip("the command is not installed next to this Python")
    for name in ("numpy", "pandas", "typer", "pipelines", "dashboards", "mnist_data", "json", "dask"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} of the working directory ran')\n")
    done = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"\S+ [\d.]+\S*\n", done.stdout)


def test_each_claim_of_security_md_names_a_test_that_is_there() -> None:
    """Every path in its table is a file or folder of this tree."""
    rows = [line for line in (ROOT / "SECURITY.md").read_text("utf-8").splitlines() if line.startswith("| ")][2:]
    named = [re.findall(r"`(tests/[\w/.]+)`", row) for row in rows]

    assert all(paths or "tests.torture" in row for row, paths in zip(rows, named, strict=True))
    assert [path for paths in named for path in paths if not (ROOT / path).exists()] == []
