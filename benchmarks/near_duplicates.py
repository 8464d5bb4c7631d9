"""How many rescanned and resaved copies the audit finds, by kind, and how many untouched samples it takes for copies.

    python -m benchmarks.near_duplicates [--seed N] [--each N] [--write]

Copies of samples are planted into the test samples of MNIST, Fashion-MNIST and CMATERdb's Bangla digits, 100 of each
kind; none of these samples was seen when the rule was chosen, on MNIST's training samples with other seeds. A copy is
found where it and its original are in one group. False are samples in a group with another one that was not planted.
--write replaces the table in docs/audit.md.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

import mnist_data
from benchmarks.measure import describe_machine, real_data
from mnist_data.idx import format as idx
from pipelines.audit.duplicates import find_duplicates

DOCUMENT = Path(__file__).parent.parent / "docs" / "audit.md"
START, END = "<!-- near duplicates -->\n", "<!-- /near duplicates -->\n"

SETS = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "cmaterdb-bangla": "Bangla digits"}

Pixels = npt.NDArray[np.uint8]
Planted = Callable[[npt.NDArray[np.float64], np.random.Generator], npt.NDArray[np.float64]]


def warped(image: npt.NDArray[np.float64], degrees: float, scale: float, down: float, right: float) -> Pixels:
    """Turn, scale and shift about the middle, interpolating linearly."""
    height, width = image.shape
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    offset = centre - matrix @ (centre + np.array([down, right]))
    return np.asarray(ndimage.affine_transform(image, matrix, offset, order=1, mode="nearest"))


def _saved(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Save as JPEG of quality 50, and read it again."""
    file = io.BytesIO()
    Image.fromarray(np.clip(np.rint(image), 0, 255).astype(np.uint8)).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file), np.float64)


def _together(image: npt.NDArray[np.float64], lots: np.random.Generator) -> npt.NDArray[np.float64]:
    moved = warped(
        image, lots.uniform(-3, 3), lots.uniform(0.95, 1.05), lots.uniform(-0.5, 0.5), lots.uniform(-0.5, 0.5)
    )
    grey = 255 * (np.clip(ndimage.gaussian_filter(moved, 0.7), 0, 255) / 255) ** _gamma(lots)
    return _saved(np.clip(grey + lots.normal(0, 25.5, image.shape), 0, 255))


def _gamma(lots: np.random.Generator) -> float:
    return float(np.exp(lots.uniform(np.log(0.7), np.log(1.4))))


def _sign(lots: np.random.Generator) -> float:
    return float(lots.choice([-1, 1]))


KINDS: Mapping[str, Planted] = {
    "half a pixel": lambda image, lots: warped(image, 0, 1, 0.5 * _sign(lots), 0.5 * _sign(lots)),
    "3 degrees": lambda image, lots: warped(image, 3 * _sign(lots), 1, 0, 0),
    "5 % larger or smaller": lambda image, lots: warped(image, 0, 1 + 0.05 * _sign(lots), 0, 0),
    "JPEG of quality 50": lambda image, _: _saved(image),
    "blur of 0.7 pixels": lambda image, _: ndimage.gaussian_filter(image, 0.7, mode="nearest"),
    "gamma 0.7 … 1.4": lambda image, lots: 255 * (image / 255) ** _gamma(lots),
    "noise of 10 %": lambda image, lots: image + lots.normal(0, 25.5, image.shape),
    "all of these": _together,
}
"""What may happen to a copy, by its name."""


def measured(folder: Path, seed: int, each: int) -> tuple[dict[str, float], float, float, float]:
    """Plant copies into a set: the recall by kind, of plain strokes and of others, false samples in 10,000; seconds."""
    images, labels = _test_samples(folder)
    lots = np.random.default_rng(seed)
    originals = lots.choice(len(images), len(KINDS) * each, replace=False)
    copies = np.stack(
        [
            np.clip(np.rint(make(images[original].astype(np.float64), lots)), 0, 255).astype(np.uint8)
            for make, original in zip(np.repeat(np.array([*KINDS.values()], object), each), originals, strict=True)
        ]
    )
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        idx.write(place / "train-images-idx3-ubyte", np.concatenate([images, copies]))
        idx.write(place / "train-labels-idx1-ubyte", np.concatenate([labels, labels[originals]]))
        dataset = mnist_data.convert(place, place / "dataset", progress=False).dataset
        assert dataset is not None
        begin = perf_counter()
        near = next(check for check in find_duplicates(dataset) if check.check == "near_duplicate")
        seconds = perf_counter() - begin
    groups = np.ma.filled(near.details["duplicate_group"], -1)
    found = (groups[len(images) :] >= 0) & (groups[len(images) :] == groups[originals])
    plain = labels[originals] == 1 if folder.name == "mnist" else np.zeros(len(originals), np.bool_)
    recall = {kind: found[rows][~plain[rows]].mean() for kind, rows in _rows(each).items()}
    partners = np.bincount(groups[: len(images)][groups[: len(images)] >= 0], minlength=1)
    false = int((partners[partners > 1] - 1).sum())
    return recall, float(found[plain].mean()) if plain.any() else np.nan, 10_000 * false / len(images), seconds


def _rows(each: int) -> dict[str, slice]:
    return {kind: slice(place * each, (place + 1) * each) for place, kind in enumerate(KINDS)}


def _test_samples(folder: Path) -> tuple[Pixels, npt.NDArray[np.uint8]]:
    """Give the test samples in grey, and their labels."""
    with tempfile.TemporaryDirectory() as name:
        dataset = mnist_data.convert(folder, Path(name) / "dataset", progress=False)
        images, labels = mnist_data.to_numpy(dataset, "test", cache=False)
    grey = images if images.ndim == 3 else np.rint(images.mean(axis=-1)).astype(np.uint8)
    return grey, labels.astype(np.uint8)


def main() -> None:
    """Measure every set that is at hand, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = [
        f"| set | {' | '.join(KINDS)} | plain strokes | false in 10,000 |",
        "| --- |" + " --- |" * (len(KINDS) + 2),
    ]
    for name, title in SETS.items():
        if (folder := real_data(name)) is not None:
            recall, plain, false, seconds = measured(folder, options.seed, options.each)
            values = [f"{value:.2f}" for value in recall.values()]
            strokes = "–" if np.isnan(plain) else f"{plain:.2f}"
            lines.append(f"| {title} | {' | '.join(values)} | {strokes} | {false:.1f} |")
            print(lines[-1], f"{seconds:.0f} s", flush=True)
    text = (
        "\n".join(lines)
        + f"\n\nSeed {options.seed}, {options.each} copies of each kind; {describe_machine('numpy')}.\n"
    )
    if options.write:
        before, _, rest = DOCUMENT.read_text("utf-8").partition(START)
        DOCUMENT.write_text(before + START + text + END + rest.partition(END)[2], "utf-8")
    print(text)


if __name__ == "__main__":
    sys.exit(main())
