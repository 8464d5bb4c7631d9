"""Parquet files of which a few bytes say that they are far more: refused, or read in parts, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_data.errors import MnistDataError, UnreadableInput
from mnist_data.images_in.image_files.metadata_tables import parquet_rows
from mnist_data.images_in.open import open_source
from mnist_data.images_in.stream import Options
from mnist_data.images_in.tables import table_source
from mnist_data.images_in.tables.table_source import ParquetTable
from mnist_data.parquet.files import open_parquet
from mnist_data.storage.pages import PAGE_BYTES, RATIO, require_small_pages
from tests.torture.limits import BYTES, bounded, within_limits

ANNOUNCED = 1_600_000_000


def varint(number: int) -> bytes:
    """Write a number as Thrift's compact protocol does: its sign last, then seven bits a byte, the lowest first."""
    rest, content = number * 2 if number >= 0 else -number * 2 - 1, []
    while rest > 127:
        content.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*content, rest])


def announcing(path: Path, unpacked: int | None, packed: int | None) -> Path:
    """Write a table of images whose first page says that it is of another size, packed or unpacked."""
    rows = 40
    schema = pa.schema([pa.field("image", pa.binary(784), nullable=False), ("label", pa.int64())])
    table = pa.table({"image": [bytes([row]) * 784 for row in range(rows)], "label": [0] * rows}, schema)
    pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False)
    content, size = path.read_bytes(), rows * 784
    place = pq.read_metadata(path).row_group(0).column(0).data_page_offset
    # Field 1, the type, is 0; fields 2 and 3 are the sizes, each a 32-bit number.
    old, new = (
        b"\x15\x00" + b"".join(b"\x15" + varint(size if said is None else said) for said in sizes)
        for sizes in ((None, None), (unpacked, packed))
    )
    assert content[place:].startswith(old)
    more = len(new) - len(old)  # what follows keeps its place: the page loses its last bytes
    end = place + len(old) + 300
    altered = (
        new + content[place + len(old) : end - more]
        if more >= 0
        else new + b"\0" * -more + content[place + len(old) : end]
    )
    path.write_bytes(content[:place] + altered + content[end:])
    return path


def as_images(path: Path) -> None:
    """Read a table of images as `convert` does."""
    [stream] = open_source(str(path), Options(size="28x28")).streams
    for _ in stream.rows(10_000):
        pass


def as_table(path: Path) -> None:
    """Read a whole table as we do those of ours."""
    with open_parquet(path) as file:
        file.read()


@pytest.mark.parametrize("read", [as_images, as_table], ids=lambda read: read.__name__)
@pytest.mark.parametrize(("unpacked", "packed"), [(ANNOUNCED, None), (None, ANNOUNCED), (-1, None), (None, -1)])
def test_a_page_that_says_that_it_is_huge_is_refused(
    unpacked: int | None, packed: int | None, read: Callable[[Path], None], tmp_path: Path
) -> None:
    """Arrow would reserve what the header of a page says, 1.6 GB of a file of 32 kB."""
    path = announcing(tmp_path / "a.parquet", unpacked, packed)

    with bounded(), pytest.raises(UnreadableInput, match=r"a\.parquet: a page of 'image'"):
        within_limits(lambda: read(path), BYTES)


@pytest.mark.parametrize("read", [as_images, as_table], ids=lambda read: read.__name__)
def test_a_page_of_zeros_does_not_unpack_to_a_thousand_times_its_size(
    read: Callable[[Path], None], tmp_path: Path
) -> None:
    """One value of 96 MiB in a page of 3 kB: true, and a bomb."""
    path = tmp_path / "a.parquet"
    image = pa.array([bytes(3 * PAGE_BYTES // 2)], pa.large_binary())
    pq.write_table(pa.table({"image": image, "label": [0]}), path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 10_000

    with pytest.raises(UnreadableInput, match="unpacked"):
        read(path)


def test_a_large_blank_image_of_ours_is_none(tmp_path: Path) -> None:
    """It takes a few kB too, and as much unpacked as the schema says: 3,000×3,000 of float64 are 72 MB."""
    size = 3_000 * 3_000 * 8
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": pa.array([bytes(size)], pa.binary(size))}), path, compression="zstd")
    assert path.stat().st_size < 10_000 < PAGE_BYTES < size

    with open_parquet(path) as file:
        [image] = file.read()["image"].to_pylist()

    assert len(image) == size


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_the_pages_of_whole_files_pass(version: str, codec: str, tmp_path: Path) -> None:
    """Of every encoding and codec, with checksums and indexes, of columns with gaps, lists, structs and no rows."""
    rows = 3_000
    columns = {
        "number": pa.array([None if row % 7 == 0 else row for row in range(rows)]),
        "text": pa.array([f"sample {row % 10}" for row in range(rows)]),
        "list": pa.array([[row, row + 1] for row in range(rows)]),
        "file": pa.array([{"bytes": bytes([row % 256]) * 90, "path": None} for row in range(rows)]),
        "flag": pa.array([row % 3 == 0 for row in range(rows)]),
    }
    for table in (pa.table(columns), pa.table(columns).slice(0, 0)):
        path = tmp_path / "a.parquet"
        pq.write_table(
            table,
            path,
            compression=codec,
            data_page_version=version,
            row_group_size=1_100,
            data_page_size=2_000,
            write_page_checksum=True,
            write_page_index=True,
        )

        with path.open("rb") as stream:
            row_bytes = require_small_pages(stream, pq.read_metadata(path), str(path))

        assert row_bytes == 0 if not len(table) else 100 < row_bytes < 100_000


def test_bytes_that_are_no_pages_are_refused(tmp_path: Path) -> None:
    """Whatever lies where pages should, the walk from page to page ends, with an error that names the file."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [bytes(64)] * 200, "label": np.arange(200)}), path, use_dictionary=False)
    metadata, content = pq.read_metadata(path), path.read_bytes()
    start, chance = metadata.row_group(0).column(0).data_page_offset, np.random.default_rng(0)
    for filled in (b"\0", b"\xff", b"\x1c", b"\x15", b"\x19", b"\x18", *(chance.bytes(1) for _ in range(20))):
        path.write_bytes(content[:start] + (filled * 99)[: len(content) - start] + content[start + 99 :])

        with pytest.raises(MnistDataError, match=r"a\.parquet"):
            as_images(path)


def runs(path: Path) -> Path:
    """Write 16 million rows that are equal, in some hundred kB."""
    rows = 1 << 24
    names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["0.png"]))
    table = pa.table({"file_name": names, "label": np.zeros(rows, np.int8)})
    pq.write_table(table, path, compression="zstd", store_schema=False, row_group_size=rows)
    assert PAGE_BYTES + path.stat().st_size * RATIO < rows * 2 * 8
    return path


def test_rows_that_a_few_bytes_stand_for_are_not_read_at_once(tmp_path: Path) -> None:
    """Equal values take no room in a file, and all of theirs in memory."""
    path = runs(tmp_path / "metadata.parquet")

    with bounded():
        with pytest.raises(UnreadableInput, match="16,777,216 rows of 2 columns"):
            within_limits(lambda: as_table(path), BYTES)
        [error] = (parquet_rows(str(path), path.read_bytes()) or ((), [], []))[2]
    assert "16,777,216 rows" in str(error)


def test_a_large_value_that_every_row_names_is_read_a_few_rows_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are counted by bytes, also of those that lie in the file once; all come, in their order."""
    monkeypatch.setattr(table_source, "GROUP_BYTES", 1 << 24)
    value, rows = bytes(1 << 21), 40
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))
    path = tmp_path / "a.parquet"
    table = pa.table({"image": column, "label": np.arange(rows)})
    pq.write_table(table, path, compression="zstd", store_schema=False, row_group_size=rows)
    parquet = ParquetTable(str(path))

    first = parquet.first(["image", "label"], 1_000)
    pieces: Iterator[pa.RecordBatch] = parquet.batches(["label", "image"], 1_000)
    numbers = [number for piece in pieces for number in piece["label"].to_pylist()]

    assert first is not None
    assert len(first) < rows
    assert numbers == list(range(rows))


def test_small_rows_come_together_as_they_did(tmp_path: Path) -> None:
    """A dictionary of 1 MB, as every writer has for a column of files, changes nothing of what a batch is."""
    rows = 3_000
    files = [np.random.default_rng(row).bytes(400) for row in range(rows)]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": files, "label": np.arange(rows)}), path, row_group_size=rows)

    batches = list(ParquetTable(str(path)).batches(["image", "label"], 1_000))

    assert [len(batch) for batch in batches] == [1_000, 1_000, 1_000]
    assert [file for batch in batches for file in batch["image"].to_pylist()] == files


FLIPS = """
import sys
from pathlib import Path
from mnist_data.errors import MnistDataError
from mnist_data.parquet.files import open_parquet, require_sound_footer
path, opened = Path(sys.argv[1]), 0
content = path.read_bytes()
start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
for bit in range(8 * start, 8 * len(content), 3):
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    try:
        with open_parquet(path) as file:
            require_sound_footer(file, str(path))
            for column in range(file.metadata.num_columns):
                file.metadata.row_group(0).column(column).statistics
            opened += 1
    except MnistDataError:
        pass
print(opened)
"""


def test_no_bit_of_a_footer_that_is_flipped_ends_the_process(tmp_path: Path) -> None:
    """Arrow aborts where a column's counts of levels are not of the schema's number; we look before it does."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": [1, 2], "text": ["a", "b"]}), path, store_schema=False)

    ended = subprocess.run([sys.executable, "-c", FLIPS, str(path)], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr[-500:]
    assert int(ended.stdout) > 100
