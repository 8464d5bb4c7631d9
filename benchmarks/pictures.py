"""Claim: image files in class folders are read in no more time than by a Pillow loop, or one as ImageFolder's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.measure import alternate, peak_megabytes, real_data, report
from mnist_data.idx import format as idx
from mnist_data.images_in.image_files.folders import folder_streams
from pipelines.settings.stages import Convert

LIMIT = 1.0
MEMORY_LIMIT = 512.0
IMAGES = 10_000

CODE = """
import sys
from mnist_data.images_in.image_files.folders import folder_streams
from pipelines.stages.convert_images import convert_images
convert_images(folder_streams([sys.argv[1]]), sys.argv[2])
"""


def claim() -> bool:
    """Measure grey PNG, PNG whose channels are the same, and JPEG in colour; then the memory of a conversion."""
    folder = real_data("mnist")
    if folder is None:
        return True
    holds = []
    with tempfile.TemporaryDirectory() as name:
        for kind, (ending, change) in KINDS.items():
            root = Path(name) / ending / kind.replace(" ", "-")
            write_folders(root, folder, ending, change)
            for peer, loop in (("a Pillow loop", with_pillow), ("an ImageFolder loop", with_image_folder)):
                ratios = alternate(lambda root=root: _read(root), lambda root=root, loop=loop: loop(root), runs=5)  # type: ignore[misc]
                holds.append(report(f"reading {kind} / {peer}", ratios, LIMIT))
        peak = peak_megabytes(CODE, Path(name) / "png" / "grey-PNG", Path(name) / "out")
        holds.append(report(f"peak memory of converting {IMAGES:,} PNG files", [peak], MEMORY_LIMIT, " MiB"))
    return all(holds)


def _in_colour(image: Image.Image) -> Image.Image:
    grey = np.asarray(image)
    return Image.fromarray(np.stack([grey, grey // 2, 255 - grey], axis=-1))


KINDS: dict[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {
    "grey PNG": ("png", lambda image: image),
    "PNG with equal channels": ("png", lambda image: image.convert("RGB")),
    "JPEG in colour": ("jpg", _in_colour),
}


def write_folders(root: Path, folder: Path, ending: str, change: Callable[[Image.Image], Image.Image]) -> None:
    """Write MNIST's test images, a folder a class."""
    pixels, labels = (idx.read(folder / f"t10k-{name}-ubyte.gz") for name in ("images-idx3", "labels-idx1"))
    for number, (image, label) in enumerate(zip(pixels[:IMAGES], labels, strict=False)):
        path = root / str(label) / f"{number:05}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        change(Image.fromarray(image)).save(path)


def _read(root: Path) -> int:
    (stream,) = folder_streams([str(root)])
    return sum(len(rows.labels) for rows in stream.rows(Convert().row_group_rows))


def _files(root: Path) -> Iterator[str]:
    for label in sorted(os.listdir(root)):  # noqa: PTH208  (as such loops are written)
        for name in sorted(os.listdir(root / label)):  # noqa: PTH208
            yield os.path.join(root, label, name)  # noqa: PTH118


def with_pillow(root: Path) -> npt.NDArray[np.uint8]:
    """Read all images as they are."""
    images = []
    for path in _files(root):
        with Image.open(path) as image:
            images.append(np.asarray(image))
    return np.stack(images)


def with_image_folder(root: Path) -> npt.NDArray[np.uint8]:
    """Read all images as torchvision's default loader does: as red, green and blue."""
    images = []
    for path in _files(root):
        with open(path, "rb") as file:  # noqa: PTH123
            images.append(np.asarray(Image.open(file).convert("RGB")))
    return np.stack(images)
