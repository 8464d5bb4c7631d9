"""IDX files in archives and under every compression are read as unpacked ones are, or named for what they are."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import shlex
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import mnist_data
from mnist_data.errors import MnistDataError, NoDataset, NotIdx
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs, pair_of
from tests.conftest import Outcome
from tests.torture.limits import bounded

IMAGES = np.arange(4 * 6 * 5, dtype=np.uint8).reshape(4, 6, 5)
LABELS = np.array([0, 1, 1, 0], np.uint8)
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def content_of(name: str) -> bytes:
    """Give the bytes of a small IDX file: images where the name says so, else labels."""
    array = IMAGES if "image" in name else LABELS
    return idx.Header(array.dtype, array.shape).encode() + array.tobytes()


def tar(content: bytes) -> bytes:
    """Pack one file into a tar archive."""
    return packed("tar", {"raw/file": content})


def packed(ending: str, files: dict[str, bytes]) -> bytes:
    """Pack files into an archive."""
    file = io.BytesIO()
    if ending == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=file, mode="w:gz" if ending == "tar.gz" else "w") as archive_:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive_.addfile(entry, io.BytesIO(content))
    return file.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda content: lzma.compress(content, lzma.FORMAT_ALONE),
    "lz4": lambda content: pa.compress(content, "lz4", asbytes=True),
    "gzip in gzip": lambda content: gzip.compress(gzip.compress(content)),
    "bzip2 in gzip": lambda content: gzip.compress(bz2.compress(content)),
    "tar": tar,
    "tar in gzip": lambda content: gzip.compress(tar(content)),
    "gzip in tar": lambda content: tar(gzip.compress(content)),
    "gzip in zip": lambda content: packed("zip", {"file": gzip.compress(content)}),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_every_packing_is_undone_or_its_damage_named(packing: str, tmp_path: Path) -> None:
    """By the content, whatever the name; a cut file is an error and no shorter one."""
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = PACKINGS[packing](content_of("images"))
    path.write_bytes(content)

    np.testing.assert_array_equal(IMAGES, idx.read(path), strict=True)
    with idx.open_idx(path) as reader:
        assert packing == reader.container
    ends = (600, 700) if packing.endswith("tar") else (len(content) // 2, len(content) - 9)
    for end in ends:  # the end of a tar is padding
        path.write_bytes(content[:end])
        with pytest.raises(MnistDataError, match=r"train-images-idx3-ubyte\.gz"):
            idx.read(path)


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("form", ["{0}", "MNIST/raw/{0}", "{0}/{0}", "./{0}", "archive/{0}.gz"])
def test_an_archive_of_several_files_is_a_folder(ending: str, form: str, tmp_path: Path) -> None:
    """As people download them: at the top, in torchvision's folders, Kaggle's folder a file, each packed again."""
    files = {
        form.format(name): gzip.compress(content_of(name)) if ".gz" in form else content_of(name) for name in NAMES
    }
    files |= {"README.md": b"about", "__MACOSX/._train-images-idx3-ubyte": b"\0\5\x16\7", "sample.png": b"\x89PNG"}
    path = tmp_path / f"mnist.{ending}"
    path.write_bytes(packed(ending, files))

    result = mnist_data.convert(path, tmp_path / "out", progress=False)

    assert result.dataset is not None
    assert dict(result.dataset.splits) == {"train": 4, "test": 4}
    np.testing.assert_array_equal(IMAGES, mnist_data.to_numpy(result.out, split="test")[0])
    assert [source.name for source in result.dataset.metadata.sources][:1] == [Path(form.format(NAMES[0])).name]


def test_a_path_leads_into_an_archive(tmp_path: Path) -> None:
    """To a folder in it, and to a file, whose partner lies next to it."""
    path = tmp_path / "all.zip"
    path.write_bytes(packed("zip", {f"{part}/raw/{name}": content_of(name) for part in ("a", "b") for name in NAMES}))

    assert [f"{path}/b/raw/{name}" for name in NAMES[:2]] == [
        getattr(find_pairs(path / "b/raw")[0], role) for role in ("images", "labels")
    ]
    assert f"{path}/a/raw/{NAMES[3]}" == pair_of(path / "a/raw" / NAMES[2]).labels
    with pytest.raises(NoDataset, match="no such file in the archive"):
        idx.read(path / "a/raw/nothing")


def commands_in(message: str) -> list[list[str]]:
    """Give the command lines that a message prints, without the program's name."""
    found = re.findall(r"mnist-data (convert .*?)(?=; mnist-data|\.?\s*$|\.\s)", message)
    return [shlex.split(command) for command in found]


@pytest.mark.parametrize("ending", ["folder", "zip"])
def test_the_commands_that_a_message_prints_work(
    ending: str, sample_idx: Path, tmp_path: Path, command_line: Callable[..., Outcome]
) -> None:
    """Several datasets below one root, IDX next to a CSV file, and several archives; each line is run as it stands."""
    digits = idx.read(next(sample_idx.glob("*train-images*")))[:20].reshape(20, -1)
    table = "\n".join(f"{row % 2}," + ",".join(map(str, values)) for row, values in enumerate(digits.tolist()))
    several = {f"{part}/raw/{name}": content_of(name) for part in ("MNIST", "Fashion MNIST") for name in NAMES}
    mixed = {name: content_of(name) for name in NAMES} | {"mnist_test.csv": table.encode()}
    for case, files, count in (("several", several, 2), ("mixed", mixed, 2)):
        root = tmp_path / f"{case}.zip"
        if ending == "zip":
            root.write_bytes(packed("zip", files))
        else:
            root = tmp_path / case
            for name, content in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content)
        code, _, err = command_line("convert", root, tmp_path / "out")
        assert code == 2
        assert not (tmp_path / "out").exists()

        commands = commands_in(err)

        assert len(commands) == count, err
        for place, command in enumerate(commands):
            out = tmp_path / f"{case} {place}"
            code, _, err = command_line(*(str(out) if word == "OUT" else word for word in command))
            assert code == 0, (command, err)
            assert len(mnist_data.open_dataset(out)) >= 3


def test_a_folder_a_split_is_one_dataset(tmp_path: Path) -> None:
    """train/images.idx and test/images.idx: the folder says what the names do not."""
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        for name in ("images.idx3", "labels.idx1"):
            (tmp_path / split / name).write_bytes(content_of(name))

    assert [(pair.split, Path(pair.images).parent.name) for pair in find_pairs(tmp_path)] == [
        ("train", "train"),
        ("test", "test"),
    ]
    assert [pair.split for pair in find_pairs(tmp_path / "test")] == ["test"]


NOT_IDX: dict[str, tuple[bytes, str]] = {
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", r"Git LFS pointer.*git lfs pull"),
    "html": (b"\n<!DOCTYPE html>\n<html><head>", "web page.*fetch the file again"),
    "s3": (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', r"XML \(AccessDenied\)"),
    "s3 gone": (
        b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>",
        "error message of a store.*no such file",
    ),
    "drive": (b"<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title>", "Google Drive's page.*gdown"),
    "json": (b'{"message": "rate limit"}', "JSON, as error messages"),
    "zeros": (bytes(4096), "nothing but zero bytes.*not completed"),
    "empty": (b"", "empty"),
    "Z": (b"\x1f\x9d\x90" + bytes(range(60)), r"compress \(\.Z\)"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(9), "7z archive.*Unpack"),
    "rar": (b"Rar!\x1a\x07\x01\0", "rar archive.*Unpack"),
    "lzip": (b"LZIP\x01" + bytes(30), "lzip file.*Unpack"),
    "split zip": (b"PK\x07\x08PK\x03\x04" + bytes(30), "part of a split zip"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(30), "single image in PNG.*folder"),
    "office": (b"\xd0\xcf\x11\xe0" + bytes(30), "Office document"),
    "onnx": (b"\x08\x08\x3a\xed\xb9\x02" + bytes(30), "model in ONNX"),
    "safetensors": (b"\x30" + bytes(7) + b'{"weight":{"dtype":"F32"}}', "model's weights"),
    "404": (b"404: Not Found", "error message of a server"),
}


@pytest.mark.parametrize("kind", NOT_IDX)
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "data"])
def test_what_is_no_dataset_is_named_with_the_next_step(kind: str, name: str, tmp_path: Path) -> None:
    """Whether its name claims to be IDX or nothing."""
    content, words = NOT_IDX[kind]
    (tmp_path / name).write_bytes(content)

    with pytest.raises(MnistDataError, match=f"(?s){words}") as raised:
        mnist_data.convert(tmp_path / name, tmp_path / "out", progress=False)
    assert raised.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_bomb_in_an_archive_takes_no_memory(tmp_path: Path) -> None:
    """Fifty megabytes of zeros behind a header that announces four images."""
    bomb = packed("zip", {"train-images-idx3-ubyte": content_of("images") + bytes(50_000_000)})
    (tmp_path / "bomb.zip").write_bytes(bomb)
    tracemalloc.start()

    with pytest.raises(MnistDataError, match="more bytes follow the last"):
        idx.read(tmp_path / "bomb.zip")

    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_mutated_archives_are_read_right_or_refused(tmp_path: Path) -> None:
    """Seeded: archives of IDX files with some bytes altered or cut off."""
    rng = np.random.default_rng(5)
    plain = {ending: packed(ending, {name: content_of(name) for name in NAMES}) for ending in ("zip", "tar", "tar.gz")}
    outcomes = {"read": 0, "refused": 0}
    for number in range(150):
        ending = ("zip", "tar", "tar.gz")[number % 3]
        content = bytearray(plain[ending])
        for place in rng.integers(0, len(content), 1 + number % 3):
            content[place] = rng.integers(0, 256)
        path = tmp_path / f"mutated.{ending}"
        path.write_bytes(content[: rng.integers(1, len(content))] if number % 5 == 0 else content)
        try:
            for pair in find_pairs(path):
                shapes = idx.read(pair.images).shape, idx.read(pair.labels).shape
                assert len(shapes[0]) > 1
            outcomes["read"] += 1
        except MnistDataError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 10, outcomes


def test_an_archive_in_another_is_refused(tmp_path: Path) -> None:
    """It is unpacked once by hand."""
    inner = packed("zip", {"a": b"1", "b": b"2"})
    (tmp_path / "train-images-idx3-ubyte.zip").write_bytes(gzip.compress(inner))

    with pytest.raises(NotIdx, match="zip archive within another.*Unpack"):
        idx.read(tmp_path / "train-images-idx3-ubyte.zip")


def test_an_lzma_header_that_asks_for_4_gib_is_refused(tmp_path: Path) -> None:
    """Where the process may not have as much, as in a container; it is no MemoryError."""
    packed = bytearray(lzma.compress(bytes(100), lzma.FORMAT_ALONE))
    packed[1:5] = b"\0\0\xff\xff"  # the size of the dictionary
    (tmp_path / "train-images-idx3-ubyte.lzma").write_bytes(packed)

    with bounded(), pytest.raises(MnistDataError, match="its lzma stream is cut off or altered"):
        idx.read(tmp_path / "train-images-idx3-ubyte.lzma")
