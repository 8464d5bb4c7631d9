"""IDX files: what is written comes back, and what is broken is named."""

from __future__ import annotations

import gzip
import lzma
import struct
import tracemalloc
import zipfile
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_data.errors import (
    DamagedArchive,
    MnistDataError,
    NoDataset,
    NotIdx,
    TrailingBytes,
    TruncatedIdx,
    WrongUse,
)
from mnist_data.idx import format as idx

TYPES = ["u1", "i1", "i2", "i4", "f4", "f8"]


def header(code: int, *shape: int) -> bytes:
    """Spell a header by hand, not by the code under test."""
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@settings(max_examples=60, deadline=None)
@given(data=st.data(), kind=st.sampled_from(TYPES))
def test_any_array_comes_back_as_it_was_written(
    data: st.DataObject, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Six types, any rank, empty arrays, infinities: nothing may change on the way."""
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=5))
    array = data.draw(hnp.arrays(np.dtype(kind), shape))
    path = tmp_path_factory.mktemp("idx") / "any.idx"

    idx.write(path, array)

    np.testing.assert_array_equal(array, idx.read(path), strict=True)


@pytest.mark.parametrize("rank", [1, 2, 64, 65, 255])
def test_every_rank_of_the_format_can_be_read(rank: int, tmp_path: Path) -> None:
    """The rank is one byte, so 255 dimensions are legal, though NumPy stops at 64 and gets the items flat."""
    path = put(tmp_path / "deep.idx", header(8, 3, *[1] * (rank - 2), *([2] if rank > 1 else [])) + bytes(range(6)))
    path = put(path, path.read_bytes()[: 4 + 4 * rank + (6 if rank > 1 else 3)])

    with idx.open_idx(path) as reader:
        batches = list(reader.batches(100))

    assert rank == len(reader.header.shape)
    assert list(range(6 if rank > 1 else 3)) == batches[0].reshape(-1).tolist()


def test_bytes_are_those_of_the_specification(tmp_path: Path) -> None:
    """Big-endian values after a big-endian header, spelled out by hand."""
    idx.write(tmp_path / "a.idx", np.array([[1, -2], [300, 4]], np.int16))

    expected = header(0x0B, 2, 2) + struct.pack(">4h", 1, -2, 300, 4)
    assert expected == (tmp_path / "a.idx").read_bytes()


@pytest.mark.parametrize("packing", ["raw", "gzip", "xz", "zstd", "zip", "gzip in zip", "two gzip members"])
def test_packing_is_recognised_by_content_not_by_name(packing: str, tmp_path: Path) -> None:
    """A file renamed by a browser or a mirror opens all the same."""
    import pyarrow as pa

    content = header(8, 5) + b"01234"
    packed = {
        "raw": content,
        "gzip": gzip.compress(content),
        "xz": lzma.compress(content),
        "zstd": pa.compress(content, codec="zstd", asbytes=True),
        "two gzip members": gzip.compress(content[:7]) + gzip.compress(content[7:]) + bytes(20),
    }
    path = tmp_path / "labels.png"
    if "zip" in packing and packing not in packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inner", packed["gzip"] if packing == "gzip in zip" else content)
    else:
        path.write_bytes(packed[packing])

    assert idx.read(path).tobytes() == b"01234"


PIXELS = header(8, 3, 2, 2) + bytes(range(12))
BROKEN = {
    "empty": (b"", NotIdx, "the file is empty"),
    "one byte": (b"\0", NotIdx, "a file of 1 bytes"),
    "two bytes": (b"\0\0", NotIdx, "a file of 2 bytes"),
    "three bytes": (b"\0\0\x08", NotIdx, "a file of 3 bytes"),
    "web page": (b"<!DOCTYPE html><html>", NotIdx, "looks like a web page"),
    "unknown type": (header(0x0A, 3) + b"abc", NotIdx, "type code 0x0A, which IDX does not have"),
    "rank 0": (b"\0\0\x08\0", NotIdx, "begins with 00 00 08 00"),
    "header cut": (PIXELS[:9], TruncatedIdx, "ends within its header, after 9 bytes"),
    "payload cut": (PIXELS[:-3], TruncatedIdx, "holds 2 whole items; expected 3 items of 2×2"),
    "trailing": (PIXELS + b"x", TrailingBytes, "more bytes follow the last of the 3 items"),
    "claims 2**32-1 images": (header(8, 2**32 - 1, 28, 28) + bytes(784), TruncatedIdx, "holds 1 whole items"),
    "claims petabytes": (
        header(8, 2**32 - 1, 2**20, 2**20),
        NotIdx,
        "announces items of 1,099,511,627,776 bytes",
    ),
    "gzip cut": (gzip.compress(PIXELS)[:-12], MnistDataError, "gzip stream is cut off or altered"),
    "gzip altered": (
        gzip.compress(PIXELS, mtime=0)[:-6] + b"!!" + gzip.compress(PIXELS, mtime=0)[-4:],
        MnistDataError,
        "gzip",
    ),
    "gzip with junk": (gzip.compress(PIXELS) + b"junk", DamagedArchive, "gzip stream is cut off or altered"),
    "xz cut": (lzma.compress(PIXELS)[:-9], MnistDataError, "xz stream is cut off or altered"),
    "gzip of payload cut": (gzip.compress(PIXELS[:-5]), TruncatedIdx, "holds 1 whole items"),
    "type byte says float": (b"\0\0\x0d" + PIXELS[3:], TruncatedIdx, "holds 0 whole items"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_by_name_and_cause(name: str, tmp_path: Path) -> None:
    """A student who reads the message knows which file, what is wrong, and what to do."""
    content, kind, words = BROKEN[name]
    path = put(tmp_path / "bad-idx3-ubyte", content)

    with pytest.raises(kind) as caught:
        idx.read(path)

    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", [name for name in BROKEN if "gzip" in name])
def test_both_gzip_decoders_say_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the fast decoder is installed must not change what a user reads."""
    import sys

    pytest.importorskip("isal")
    path = put(tmp_path / "bad-idx3-ubyte.gz", BROKEN[name][0])
    with pytest.raises(MnistDataError) as fast:
        idx.read(path)
    for module in ("isal", "isal.isal_zlib"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MnistDataError) as standard:
        idx.read(path)

    assert str(standard.value) == str(fast.value)


def test_a_header_that_claims_too_much_takes_no_memory(tmp_path: Path) -> None:
    """Sixteen bytes must not make us allocate 3 terabytes."""
    path = put(tmp_path / "bomb-idx3-ubyte", header(8, 2**32 - 1, 28, 28))
    tracemalloc.start()

    with pytest.raises(TruncatedIdx):
        idx.read(path)

    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    """Reading a pipe would wait without end."""
    import os

    os.mkfifo(tmp_path / "pipe")

    for path, words in (
        (tmp_path / "none", "no such file"),
        (tmp_path, "it is a folder"),
        (tmp_path / "pipe", "it is a pipe"),
    ):
        with pytest.raises(NoDataset, match=words):
            idx.read(path)


def test_a_zip_of_several_files_is_refused_with_their_names(tmp_path: Path) -> None:
    """Which of them was meant is the user's to say."""
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a", b"")
        archive.writestr("b", b"")

    with pytest.raises(NotIdx, match=r"2 files \(a, b\)"):
        idx.read(tmp_path / "two.zip")


@pytest.mark.parametrize(
    "array", [np.zeros(3, bool), np.zeros(3, np.int64), np.zeros(3, np.float16), np.array(3, np.uint8)]
)
def test_what_idx_cannot_hold_is_refused(array: np.ndarray, tmp_path: Path) -> None:
    """Better no file than one that means something else."""
    with pytest.raises(WrongUse):
        idx.write(tmp_path / "no.idx", array)


def test_a_value_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Label 300 written as a byte would come back as 44."""
    with (tmp_path / "x").open("wb") as file, pytest.raises(WrongUse, match="do not fit the IDX type ubyte"):
        idx.Writer(file, idx.Header(np.dtype("u1"), (1,))).write(np.array([300]))


def test_real_mnist_has_its_published_hash(real_mnist: Path) -> None:
    """The decoded bytes are those that LeCun published; 60,000 images of 28×28."""
    with idx.open_idx(real_mnist / "train-images-idx3-ubyte.gz") as reader:
        shapes = [batch.shape for batch in reader.batches(25_000)]

    assert shapes == [(25_000, 28, 28), (25_000, 28, 28), (10_000, 28, 28)]
    assert reader.sha256 == "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"


def test_files_found_damaged_are_described_as_their_readme_does(real_odd: Path) -> None:
    """KMNIST's test images, cut by a broken download: 82,815 decoded bytes are the header and 105.6 images."""
    with pytest.raises(
        TruncatedIdx,
        match="holds 105 whole items; its gzip stream is cut off or altered after 82,815 decoded",
    ):
        idx.read(real_odd / "kmnist-t10k-images-idx3-ubyte-cut.gz")

    assert idx.read(real_odd / "correct.idx").tolist() == [10, 11, 12]
    assert np.bincount(idx.read(real_odd / "kmnist-train-labels-idx1-ubyte.gz")).tolist() == [6000] * 10
