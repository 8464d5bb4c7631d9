"""Claims: arrays are read in no more time than by numpy.load, tables in no more than by pandas.read_parquet.

A column for each pixel may take half as much again. Reading is opening, deciding how the pixels lie, and giving
all images and labels in batches; both sides then look at every pixel once, so that none is only announced.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.measure import alternate, real_data, report
from mnist_data.idx import format as idx
from mnist_data.images_in.open import open_source
from pipelines.settings.stages import Convert

LIMIT = 1.0
COLUMNS_LIMIT = 1.5
"""Of a column for each pixel, 784 of them: deciding what the file holds adds a third to pandas."""

Array = npt.NDArray[Any]


def claim() -> bool:
    """Measure each form next to the library that people read it by."""
    folder = real_data("mnist")
    if folder is None:
        return True
    images = idx.read(folder / "train-images-idx3-ubyte.gz")
    labels = idx.read(folder / "train-labels-idx1-ubyte.gz").astype(np.int64)
    with tempfile.TemporaryDirectory() as name:
        return all([_arrays(Path(name), images, labels), _tables(Path(name), images, labels)])


def _read(path: Path) -> int:
    streams = open_source(str(path)).streams
    return max(int(rows.images.max()) for stream in streams for rows in stream.rows(Convert().row_group_rows))


def _arrays(folder: Path, images: Array, labels: Array) -> bool:
    np.savez(folder / "plain.npz", x_train=images, y_train=labels)
    np.savez_compressed(folder / "packed.npz", x_train=images, y_train=labels)
    (folder / "npy").mkdir()
    np.save(folder / "npy/x_train.npy", images)
    np.save(folder / "npy/y_train.npy", labels)

    def load(name: str) -> object:
        with np.load(folder / name) as file:
            return file["x_train"].max(), file["y_train"]

    def load_pair() -> object:
        return np.load(folder / "npy/x_train.npy").max(), np.load(folder / "npy/y_train.npy")

    peers: dict[str, Callable[[], object]] = {
        "plain.npz": lambda: load("plain.npz"),
        "packed.npz": lambda: load("packed.npz"),
        "npy": load_pair,
    }
    holds = [_claim(f"reading {name} / numpy.load", folder / name, peer) for name, peer in peers.items()]
    return all(holds)


def _tables(folder: Path, images: Array, labels: Array) -> bool:
    flat = images.reshape(len(images), -1)
    few = 6_000  # unpacking PNG takes a hundred times as long
    columns = {f"pixel{place}": flat[:, place] for place in range(784)}
    tables = {
        "bytes": pa.table({"image": [image.tobytes() for image in images], "label": labels}),
        "lists": pa.table({"image": list(flat), "label": labels}),
        "columns": pa.table({"label": labels, **columns}),
        "png": pa.table({"image": [{"bytes": _png(image), "path": None} for image in images[:few]],
                         "label": labels[:few]}),
    }  # fmt: skip
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    peers: dict[str, Callable[[pd.DataFrame], Array]] = {
        "bytes": lambda frame: np.frombuffer(b"".join(frame["image"]), np.uint8).reshape(-1, 28, 28),
        "lists": lambda frame: np.stack(frame["image"].tolist()).reshape(-1, 28, 28),
        "columns": lambda frame: frame.drop(columns="label").to_numpy(np.uint8).reshape(-1, 28, 28),
        "png": lambda frame: np.stack([np.asarray(Image.open(io.BytesIO(file["bytes"]))) for file in frame["image"]]),
    }

    def with_pandas(name: str) -> object:
        frame = pd.read_parquet(folder / f"{name}.parquet")
        return peers[name](frame).max(), frame["label"].to_numpy()

    holds = [
        _claim(
            f"reading Parquet of {name} / pandas",
            folder / f"{name}.parquet",
            partial(with_pandas, name),
            COLUMNS_LIMIT if name == "columns" else LIMIT,
        )
        for name in peers
    ]
    return all(holds)


def _png(image: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def _claim(what: str, path: Path, peer: Callable[[], object], limit: float = LIMIT) -> bool:
    return report(what, alternate(lambda: _read(path), peer, runs=11), limit)
