"""Claims: CSV is read in at most half the time of pandas.read_csv, and two million rows of it within 512 MiB."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import alternate, peak_megabytes, real_data, report, seconds
from mnist_data.idx import format as idx
from mnist_data.images_in.stream import ImageStream, Options, Source
from mnist_data.images_in.text.csv import csv_streams
from pipelines.settings.stages import Convert
from pipelines.stages.convert_images import convert_images

CSV_LIMIT = 0.5
MEMORY_LIMIT = 512.0
ROWS = 2_000_000

CODE = """
import sys
from mnist_data.images_in.text.csv import csv_streams
from mnist_data.images_in.stream import Options, Source
from pipelines.stages.convert_images import convert_images
convert_images(csv_streams([Source(sys.argv[1])], Options()), sys.argv[2])
"""


def claim() -> bool:
    """Measure reading, converting with everything that it writes, and the command, next to pandas; then the memory."""
    folder = real_data("mnist")
    if folder is None:
        return True
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "train.csv"
        write_csv(path, folder)
        return all([_reading(path), _converting(path, Path(name)), _memory(path, Path(name))])


def write_csv(path: Path, folder: Path) -> None:
    """Write MNIST's training images as Kaggle has them."""
    pixels = idx.read(folder / "train-images-idx3-ubyte.gz").reshape(-1, 784)
    labels = idx.read(folder / "train-labels-idx1-ubyte.gz")
    names = ["label", *(f"pixel{place}" for place in range(784))]
    pd.DataFrame(np.column_stack((labels, pixels)), columns=names).to_csv(path, index=False)


def _streams(path: Path) -> list[ImageStream]:
    return list(csv_streams([Source(str(path))], Options()))


def _read(path: Path) -> int:
    return sum(len(rows.images) for stream in _streams(path) for rows in stream.rows(Convert().row_group_rows))


def _with_pandas(path: Path) -> object:
    frame = pd.read_csv(path)
    return frame["label"].to_numpy(), frame.drop(columns="label").to_numpy(np.uint8).reshape(-1, 28, 28)


def _reading(path: Path) -> bool:
    ratios = alternate(lambda: _read(path), lambda: _with_pandas(path), runs=5)
    return report("reading CSV / pandas.read_csv", ratios, CSV_LIMIT)


def _converting(path: Path, folder: Path) -> bool:
    """Write Parquet, too, which pandas has not done by then."""
    out = folder / "out"
    ratios = alternate(lambda: convert_images(_streams(path), out, overwrite=True), lambda: _with_pandas(path), runs=5)
    command = [sys.executable, "-m", "mnist_data", "convert", str(path), str(out), "--overwrite"]
    times = [seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(3)]
    print(f"the whole command: {min(times):.2f} s, pandas.read_csv alone: {seconds(lambda: _with_pandas(path)):.2f} s")
    return report("converting CSV / pandas.read_csv alone", ratios, 1.0)


def _memory(path: Path, folder: Path) -> bool:
    header, _, body = path.read_bytes().partition(b"\n")
    many = folder / "many.csv"
    with many.open("wb") as file:
        file.write(header + b"\n")
        for part in _repeated(body, ROWS):
            file.write(part)
    peak = peak_megabytes(CODE, many, folder / "many")
    return report(f"peak memory of converting {ROWS:,} rows of CSV", [peak], MEMORY_LIMIT, " MiB")


def _repeated(body: bytes, rows: int) -> Iterator[bytes]:
    """Give the lines again and again, until there are so many."""
    lines = body.count(b"\n")
    for _ in range(rows // lines):
        yield body
    yield b"".join(body.splitlines(keepends=True)[: rows % lines])
