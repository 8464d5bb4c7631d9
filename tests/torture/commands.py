"""The commands that write, on inputs that take a second; and what lies in a folder before and after them."""

from __future__ import annotations

import hashlib
import re
import shutil
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq

from mnist_data.known.catalog import CatalogEntry
from mnist_data.parquet.manifest import MANIFEST
from tests.mnist_data.known.conftest import Handler, Server, whole
from tests.torture.forked import Start

FIXTURES = Path(__file__).parents[1] / "fixtures/0.1.0"
INPUTS = ("dataset", "dataset.manifest.json", "models", "models-lenet5")

COMMANDS = {
    "convert": "convert sample out",
    "convert from files": "convert ../inputs/idx out --overwrite",
    "prepare": "prepare ../inputs/photo.png out --plot",
    "clean": "clean DATA out",
    "normalize": "normalize DATA out",
    "augment": "augment DATA out --copies 3 --recipe heavy",
    "corrupt": "corrupt DATA out --corruption fog --severity 2",
    "split": "split DATA out --by label",
    "stats": "stats DATA --out out",
    "audit": "audit DATA --no-labels --out out",
    "diff": "diff DATA DATA --out out",
    "drift": "drift DATA --between train test --resamples 20 --out out",
    "claims": "claims DATA --claims ../inputs/claims.toml --out out",
    "train": "train DATA out --model tiny --epochs 1",
    "predict": "predict MODEL/tiny.safetensors DATA --out out",
    "compare": "compare MODEL MODEL-lenet5 --out out",
    "explain": "explain MODEL/tiny.safetensors DATA out",
    "compress": "compress MODEL/tiny.safetensors DATA out --epochs 1",
    "onnx": "onnx MODEL/tiny.safetensors out.onnx",
    "export": "export DATA out",
    "export npz": "export DATA out.npz --form npz",
    "export folders": "export DATA out --form folders",
    "fetch": "fetch loopback --out out",
    "run": "run sample --out out --until stats",
    "run with training": "run ../inputs/idx --out out --model tiny --epochs 1 --copies 1",
    "convert with workers": "convert sample out --workers 2",
    "clean with workers": "clean DATA out --workers 2",
    "augment with workers": "augment DATA out --copies 3 --recipe heavy --workers 2",
    "stats with workers": "stats DATA --out out --workers 2",
    "audit with workers": "audit DATA --no-labels --out out --workers 2",
    "split with workers": "split DATA out --by label --workers 2",
    "run with workers": "run ../inputs/idx --out out --until stats --workers 2",
}
"""By what they are called here. DATA and MODEL stand for inputs, which are never written to."""

MEASURED = re.compile("seconds|images_per_second|latency_.*")
"""Columns of tables that hold times."""

NEEDS = {"train": "torch", "predict": "torch", "explain": "torch", "compress": "onnxruntime", "onnx": "onnx",
         "run with training": "torch", "fetch": "pooch"}  # fmt: skip


def possible() -> dict[str, str]:
    """Give the commands whose libraries are installed."""
    return {name: words for name, words in COMMANDS.items() if name not in NEEDS or find_spec(NEEDS[name])}


@dataclass(frozen=True)
class Workshop:
    """A folder for the tries: inputs, which stay, and a place, a TMPDIR and a cache, which each try finds empty.

    known: the dataset that a server on this machine offers for fetch.
    """

    root: Path
    known: CatalogEntry
    mirror: str

    @property
    def place(self) -> Path:
        """Give the folder that the commands write to."""
        return self.root / "place"

    def clear(self) -> None:
        """Empty what a try has filled."""
        for name in ("place", "tmp", "cache", "home"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            (self.root / name).mkdir()

    def start(self, words: str, **options: object) -> Start:
        """Give the start of a command in the place."""
        inputs = self.root / "inputs"
        filled = words.replace("DATA", f"{inputs}/dataset").replace("MODEL", f"{inputs}/models")
        environment = {
            "TMPDIR": str(self.root / "tmp"),
            "MNIST_DATA_CACHE": str(self.root / "cache"),
            "HOME": str(self.root / "home"),
            "XDG_CACHE_HOME": None,
            "MNIST_DATA_MIRROR": self.mirror,
            "COLUMNS": "200",
        }
        known = {self.known.name: self.known}
        return Start(tuple(filled.split()), self.place, environment, known, **options)  # type: ignore[arg-type]

    def left(self) -> dict[str, str]:
        """Give every file and folder that a try has left: in the place with its content's hash, elsewhere by name."""
        there = {}
        for name in ("place", "tmp", "cache", "home"):
            for path in sorted((self.root / name).rglob("*")):
                known = _content(path) if name == "place" and path.is_file() else ""
                there[str(path.relative_to(self.root))] = known
        return there


def _content(path: Path) -> str:
    """Hash a file, without the times that were measured: those of tables, and pages and hashes that hold them."""
    if path.suffix == ".parquet" and (timed := _timed(path)):
        table = pq.read_table(path, partitioning=None).drop_columns(timed)
        return hashlib.sha256(repr(table.to_pydict()).encode()).hexdigest()
    if path.suffix in (".csv", ".html", ".json") and not path.name.endswith(MANIFEST):
        known = ("evaluation.parquet", "history.parquet", "compression.parquet")
        tables = [path.with_suffix(".parquet"), *(file for name in known for file in path.parent.rglob(name))]
        if any(table.is_file() and _timed(table) for table in tables):
            return "times"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _timed(path: Path) -> list[str]:
    return [name for name in pq.read_schema(path).names if MEASURED.fullmatch(name)]


@contextmanager
def workshop(root: Path) -> Iterator[Workshop]:
    """Fill a folder with inputs, and serve files on loopback."""
    root = root.resolve()
    _write_inputs(root / "inputs")
    server = Server()
    content = {f"{split}-{role}": _idx(split, role) for split in ("train", "t10k") for role in ("images", "labels")}
    names = {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}
    files = {f"{name.split('-')[0]}-{names[name.split('-')[1]]}": data for name, data in content.items()}
    known = server.offer("loopback", files, _in_pieces)
    threading.Thread(target=server.http.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield Workshop(root, known, server.url)
    finally:
        server.http.shutdown()
        server.http.server_close()


def _write_inputs(folder: Path) -> None:
    import numpy as np
    from PIL import Image

    from mnist_data.idx import sample
    from mnist_data.parquet.frames import to_numpy

    folder.mkdir(parents=True)
    for name in INPUTS:
        source = FIXTURES / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    sample.write_sample(folder / "idx")
    image = np.asarray(to_numpy(FIXTURES / "dataset", "test")[0][0])
    photo = Image.new("L", (200, 100), 255)
    photo.paste(Image.fromarray(255 - image).resize((84, 84)), (50, 8))
    photo.save(folder / "photo.png")
    (folder / "claims.toml").write_text(
        '[[claim]]\ntext = "Even"\nsource = "us"\ntest = "even_classes"\nparameters = { level = 0.01 }\n', "utf-8"
    )


def _idx(split: str, role: str) -> bytes:
    count = 300 if split == "train" else 60
    labels = bytes(number % 10 for number in range(count))
    if role == "labels":
        return struct.pack(">HBBI", 0, 8, 1, count) + labels
    return struct.pack(">HBBIII", 0, 8, 3, count, 28, 28) + bytes(
        (number * 7 + label * 31) % 251 for label in labels for number in range(784)
    )


def _in_pieces(handler: Handler, content: bytes) -> None:
    """Send a file slowly enough that a kill can come in the middle of it."""
    start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
    if not 0 <= start < len(content):
        whole(handler, content)
        return
    headers = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
    handler.begin(206 if start else 200, Content_Length=len(content) - start, **headers)
    for first in range(start, len(content), 1 << 15):
        handler.wfile.write(content[first : first + (1 << 15)])
        handler.wfile.flush()
        time.sleep(0.01)
