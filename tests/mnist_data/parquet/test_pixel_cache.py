"""The pixel cache: cold, warm, damaged, foreign, full or forbidden, it gives what the files give, and stops nothing."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.errors import DamagedArchive, WrongUse
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet import pixel_cache
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.networks.data.samples import read_samples
from pipelines.settings.stages import Convert
from pipelines.stages.convert import convert

SLOW = pytest.mark.slow
ROWS = [1436, 0, 7, 7, -1, 1200]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty cache of this test's own, which keeps small splits, too."""
    monkeypatch.setenv("MNIST_DATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pixel_cache, "LEAST_BYTES", 1)
    monkeypatch.setattr(pixel_cache, "SPARE_BYTES", 0)
    return tmp_path / "cache" / "mnist-data" / "pixels"


def entries(folder: Path) -> dict[str, bytes]:
    """Give the entries of a cache by their names."""
    return {path.name: path.read_bytes() for path in folder.glob("*.pixels")}


def require_same(dataset: Dataset) -> None:
    """Compare what each way of reading gives with the cache and without."""
    images, labels = mnist_data.to_numpy(dataset, cache=False)
    train, of_train = mnist_data.to_numpy(dataset, "train", cache=False)
    frame = mnist_data.load(dataset, cache=False)

    for rows, label in ((ROWS, None), (None, 3), (slice(5, None, 9), 3)):
        chosen = np.arange(len(images))[slice(None) if rows is None else rows]
        chosen = chosen if label is None else chosen[labels[chosen] == label]
        for cache in (True, False):
            some = mnist_data.to_numpy(dataset, rows=rows, label=label, cache=cache)
            np.testing.assert_array_equal(some[0], images[chosen])
            np.testing.assert_array_equal(some[1], labels[chosen])
    one = mnist_data.to_numpy(dataset, "train", rows=ROWS)
    np.testing.assert_array_equal(one[0], train[ROWS])
    for got, expected in ((mnist_data.to_numpy(dataset), images), (mnist_data.to_numpy(dataset, "train"), train)):
        assert (got[0].dtype, got[0].flags.writeable) == (expected.dtype, True)
        np.testing.assert_array_equal(got[0], expected)
    pd.testing.assert_frame_equal(mnist_data.load(dataset), frame)
    np.testing.assert_array_equal(mnist_data.images(mnist_data.load(dataset)), images)
    samples = read_samples(dataset, "train")
    np.testing.assert_array_equal(np.asarray(samples.images), train)
    np.testing.assert_array_equal(samples.labels, of_train)


@pytest.mark.parametrize("layout", ["binary", "list", *(pytest.param(name, marks=SLOW) for name in ("pixels", "png"))])
def test_a_warm_cache_gives_what_a_cold_one_gives(layout: str, sample_idx: Path, folder: Path, tmp_path: Path) -> None:
    """In every layout, for all samples, chosen ones, those of a label, frames and training."""
    dataset = convert(find_pairs(sample_idx), tmp_path / layout, Convert(layout=layout, row_group_rows=300)).dataset

    require_same(dataset)
    kept = entries(folder)
    require_same(dataset)

    assert len(kept) == 2
    assert entries(folder) == kept


def _flip(place: int) -> Callable[[bytes], bytes]:
    def flipped(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[place] ^= 1
        return bytes(changed)

    return flipped


def _exchanged(content: bytes) -> bytes:
    first, second = pixel_cache.HEADER, pixel_cache.HEADER + 784
    return content[:first] + content[second : second + 784] + content[first:second] + content[second + 784 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit of the header": _flip(20),
    "a bit of the first image": _flip(pixel_cache.HEADER + 200),
    "a bit of the last image": _flip(pixel_cache.HEADER + 1437 * 784 - 300),
    "a bit of a label": _flip(-24 * 1437 + 5),
    "a bit of an id": _flip(-16 * 1437 + 5),
    "a bit of a checksum": _flip(-5),
    "images in another order": _exchanged,
    "a page of zeros": lambda content: content[:8192] + bytes(4096) + content[12288:],
    "nothing but zeros": lambda content: bytes(len(content)),
    "cut": lambda content: content[:-1],
    "cut within the pixels": lambda content: content[:50_000],
    "longer": lambda content: content + b"0",
    "empty": lambda _: b"",
    "of another program": lambda _: b"PAR1 and more",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_never_believed(damage: str, digits: Dataset, folder: Path) -> None:
    """The pixels are unpacked anew, and kept anew."""
    require_same(digits)
    kept = entries(folder)
    name = max(kept, key=lambda name: len(kept[name]))
    (folder / name).write_bytes(DAMAGES[damage](kept[name]))

    require_same(digits)

    assert entries(folder) == kept


def test_an_entry_of_another_content_under_its_name_is_not_believed(digits: Dataset, folder: Path) -> None:
    """That of the other split, or of a dataset of the same shape, is whole and still the wrong one."""
    require_same(digits)
    kept = entries(folder)
    first, second = kept
    (folder / first).write_bytes(kept[second])
    (folder / second).write_bytes(kept[first])

    require_same(digits)

    assert entries(folder) == kept


def _copied(dataset: Dataset, to: Path) -> Path:
    shutil.copytree(dataset.location, to)
    shutil.copy(f"{dataset.location}.manifest.json", f"{to}.manifest.json")
    return to / "split=train" / "part-00000.parquet"


def test_a_copy_shares_the_entry_and_files_that_have_changed_do_not(
    digits: Dataset, folder: Path, tmp_path: Path
) -> None:
    """The content counts: a damaged file is found with a warm cache as with none, whatever its time says."""
    require_same(digits)
    kept = entries(folder)
    part = _copied(digits, tmp_path / "copy")
    require_same(open_dataset(tmp_path / "copy"))
    assert entries(folder) == kept

    stat, content = part.stat(), part.read_bytes()
    part.write_bytes(_flip(len(content) // 2)(content))
    os.utime(part, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    for cache in (False, True):
        with pytest.raises(DamagedArchive):
            mnist_data.to_numpy(tmp_path / "copy", "train", cache=cache)
    require_same(digits)


def test_files_that_are_not_those_of_the_content_hash_are_not_kept(
    digits: Dataset, folder: Path, tmp_path: Path
) -> None:
    """They would be taken for the content by every other dataset that has it."""
    part = _copied(digits, tmp_path / "copy")
    part.write_bytes(part.read_bytes().replace(b"parquet-cpp-arrow", b"parquet-cpp-ARROW"))  # still readable

    require_same(open_dataset(tmp_path / "copy"))

    assert [len(content) < 1437 * 784 for content in entries(folder).values()] in ([], [True])


@pytest.mark.parametrize("hindrance", ["read-only", "a file in its place", "a full disk", "no home", "off", "too few"])
def test_a_cache_that_cannot_be_written_hinders_nothing(
    hindrance: str, digits: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pixels are then unpacked each time; nothing is kept, and no half of an entry is left."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    folder.parent.mkdir(parents=True)
    if hindrance == "read-only":
        folder.mkdir(mode=0o500)
    elif hindrance == "a file in its place":
        folder.write_text("")
    elif hindrance == "a full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    elif hindrance == "no home":
        monkeypatch.delenv("MNIST_DATA_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(Path, "home", _no_home)
    elif hindrance == "off":
        monkeypatch.setenv("MNIST_DATA_CACHE", "off")
    else:
        monkeypatch.setattr(pixel_cache, "LEAST_BYTES", 1 << 22)
    try:
        require_same(digits)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    if hindrance != "read-only" or os.geteuid():  # nothing is read-only for root
        assert not folder.is_dir() or [path.name for path in folder.iterdir() if path.suffix != ".seen"] == []


def _no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


FILL = """
import sys
import mnist_data
from mnist_data.parquet import pixel_cache
pixel_cache.LEAST_BYTES, pixel_cache.SPARE_BYTES = 1, 0
for _ in range(20):
    images, _ = mnist_data.to_numpy(sys.argv[1], "train")
    print(hash(images.tobytes()))
    if sys.argv[2] == "remove":
        for path in pixel_cache.cache_folder().glob("*.pixels"):
            path.unlink(missing_ok=True)
"""


@pytest.mark.slow
def test_several_processes_fill_and_empty_it_at_once(digits: Dataset, folder: Path) -> None:
    """Each reads the right pixels every time, and one whole entry stays."""
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    commands = [[sys.executable, "-c", FILL, digits.location, does] for does in ("keep", "remove", "keep")]
    running = [subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) for line in commands]
    printed = [process.communicate()[0].split() for process in running]

    assert {value for values in printed for value in values} == {printed[0][0]}
    assert [len(values) for values in printed] == [20, 20, 20]
    assert not list(folder.glob(".*"))
    require_same(digits)


def test_the_cache_is_bounded_and_what_was_not_used_goes_first(
    digits: Dataset, sample_idx: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do drafts of killed processes, and what was noted about an entry that goes."""
    other = convert(find_pairs(sample_idx), tmp_path / "other", Convert(layout="png")).dataset
    mnist_data.to_numpy(digits)
    mnist_data.to_numpy(digits, "test")
    by_size = sorted(folder.glob("*.pixels"), key=lambda path: path.stat().st_size)
    os.utime(by_size[0], (1, 1))
    os.utime(by_size[1], (2, 2))
    mnist_data.to_numpy(digits, "train")  # used
    (folder / ".left.pixels.abcdefgh.tmp").write_bytes(b"left")
    monkeypatch.setattr(pixel_cache, "MOST_BYTES", 2_500_000)

    mnist_data.to_numpy(other, "train")

    assert not by_size[0].exists()
    assert by_size[1].exists()
    assert len(list(folder.iterdir())) == 4
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 2_500_000


def test_rows_that_are_not_there_are_refused_by_name(digits: Dataset) -> None:
    """And so is what names no row."""
    for rows, words in (([1797], "no row 1,797"), ([0, -1798], "no row -1,798"), ([0.5], "neither whole numbers")):
        for cache in (True, False):
            with pytest.raises(WrongUse, match=words):
                mnist_data.to_numpy(digits, rows=rows, cache=cache)
    assert mnist_data.to_numpy(digits, rows=[])[0].shape == (0, 28, 28)
    mask = mnist_data.to_numpy(digits)[1] == 4
    np.testing.assert_array_equal(mnist_data.to_numpy(digits, rows=mask)[0], mnist_data.to_numpy(digits, label=4)[0])


@pytest.mark.parametrize("width", [1, 2, 3, 4, 6, 8, 49, 784])
def test_a_checksum_changes_with_each_bit_and_with_the_order(width: int) -> None:
    """Against the sum of words times weights in Python's own numbers."""
    rows = np.random.default_rng(width).integers(0, 256, (40, width), np.uint8)
    size = next(size for size in (8, 4, 2, 1) if width % size == 0)
    weights = [int(value) | 1 for value in np.random.Philox(1).random_raw(width // size)]

    def expected(row: bytes) -> int:
        words = [int.from_bytes(row[start : start + size], "little") for start in range(0, width, size)]
        return sum(word * weight for word, weight in zip(words, weights, strict=True)) % 2**64

    assert pixel_cache.image_checks(rows).tolist() == [expected(row.tobytes()) for row in rows]
    flipped = rows.copy()
    flipped[np.arange(40), np.arange(40) % width] ^= 1 << (np.arange(40) % 8).astype(np.uint8)
    assert (pixel_cache.image_checks(flipped) != pixel_cache.image_checks(rows)).all()


FORK = """
import os, sys
import mnist_data
before = mnist_data.to_numpy(sys.argv[1], "train", cache=False)[0].sum()
child = os.fork()
same = mnist_data.to_numpy(sys.argv[1], "train", cache=False)[0].sum() == before
os._exit(not same) if not child else sys.exit(os.waitpid(child, 0)[1] or not same)
"""


@pytest.mark.slow
def test_a_forked_process_unpacks_too(sample_idx: Path, tmp_path: Path) -> None:
    """The threads of its parent are not in it, as in the workers of a `DataLoader`."""
    dataset = convert(find_pairs(sample_idx), tmp_path / "groups", Convert(row_group_rows=300)).dataset

    assert subprocess.run([sys.executable, "-c", FORK, dataset.location], timeout=60, check=False).returncode == 0
