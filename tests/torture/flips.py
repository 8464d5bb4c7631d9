"""Bits that rot: one flipped in any file that we write is found by `verify`."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import mnist_data
from pipelines.run.verify import verify
from tests.torture.attack import Attack

FORMER = Path(__file__).parents[1] / "fixtures/0.1.0"

TABLES = 4
"""Tables of statistics that are attacked, each as Parquet and as CSV."""


Target = tuple[Path, Path, str]
"""A file, what is given to `verify`, and the kind of the file."""


def targets(folder: Path) -> list[Target]:
    """Write every kind of file that has a hash, and list them."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    data = Path(shutil.copytree(FORMER / "dataset", folder / "data/small"))
    shutil.copy(FORMER / "dataset.manifest.json", folder / "data/small.manifest.json")
    mnist_data.augment(data, folder / "data/augmented")
    mnist_data.train(data, folder / "models", model="tiny", epochs=1, progress=False)
    mnist_data.export_onnx(folder / "models/tiny.safetensors", folder / "models/tiny.onnx")
    mnist_data.stats(data, folder / "stats", morphometrics=False)
    model = folder / "models/tiny.safetensors"
    dataset = folder / "data/augmented"
    tables = sorted((folder / "stats").glob("*.parquet"), key=lambda path: path.stat().st_size)[:TABLES]
    return [
        *((path, dataset, "data") for path in sorted(dataset.rglob("*.parquet"))),
        (Path(f"{dataset}.manifest.json"), dataset, "manifest"),
        (model, model, "network"),
        (model.with_suffix(".ood.npz"), model, "detector"),
        (model.with_suffix(".seconds.json"), model, "times"),
        (model.with_suffix(".onnx"), model.with_suffix(".onnx"), "ONNX"),
        *((table, table, "table") for table in tables),
        *((table.with_suffix(".csv"), table.with_suffix(".csv"), "CSV table") for table in tables),
    ]


def flipped(content: bytes, chance: random.Random) -> bytes:
    """Alter one bit: anywhere, near the end, where footers are, or near the begin, where headers are."""
    size = len(content)
    near_end, near_begin = size - chance.randint(1, min(size, 3_000)), chance.randrange(min(size, 1_500))
    place = chance.choice((chance.randrange(size), near_end, near_begin))
    altered = bytearray(content)
    altered[place] ^= 1 << chance.randrange(8)
    return bytes(altered)


def flip_bits(attack: Attack) -> None:
    """Attack files of each kind that a dataset, its statistics and a training leave."""
    flip_in(attack, targets(attack.folder))


def flip_in(attack: Attack, listed: Sequence[Target]) -> None:
    """Flip a bit at a time in one file after another, and verify."""
    assert all(verify(str(verified)).findings == [] for _, verified, _ in listed)
    for number in attack.numbers():
        path, verified, kind = listed[number % len(listed)]
        content = path.read_bytes()
        path.write_bytes(flipped(content, attack.chance(number)))
        if verify(str(verified)).findings:
            attack.count(kind)
        else:
            attack.find(number, f"a bit of {path.name} ({kind})")
        path.write_bytes(content)
