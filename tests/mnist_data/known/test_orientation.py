"""Whether a whole set lies the wrong way round: by known pixels, and by what ten digits look like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import mnist_data
from mnist_data.idx import format as idx
from mnist_data.known.orientation import TRANSPOSED, OrientationSample
from tests.conftest import real_folder

Array = npt.NDArray[Any]


def read(folder: Path, prefix: str = "t10k") -> tuple[Array, Array]:
    """Read images and labels of a split."""
    images = idx.read(next(folder.glob(f"{prefix}-images*")))
    return images, idx.read(next(folder.glob(f"{prefix}-labels*"))).astype(np.int64)


def way(images: Array, labels: Array, *, known: bool = True) -> str:
    """Say how a set lies that comes in batches of 2,000. known: whether known pixels count."""
    sample = OrientationSample()
    for start in range(0, len(images), 2_000):
        sample.add(images[start : start + 2_000], labels[start : start + 2_000])
    if not known:
        sample.exchanged.clear()
    return sample.way()


def exchanged(images: Array) -> Array:
    """Exchange rows and columns."""
    return images.swapaxes(1, 2)


CHANGES: dict[str, Callable[[Array], Array]] = {
    "": lambda images: images,
    "dark on bright": lambda images: 255 - images,
    "in colour": lambda images: np.stack([images, images // 2, images], axis=-1),
    "narrower": lambda images: images[:, 3:25, 3:25],
    "small": lambda images: images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)),
    "between 0 and 1": lambda images: (images / 255).astype(np.float32),
}


@pytest.mark.parametrize("change", CHANGES)
def test_ten_digits_show_how_they_lie_and_nothing_else_does(real_mnist: Path, change: str) -> None:
    """In any polarity, size and type; sorted, too. Digits under wrong labels and clothes decide nothing."""
    images, labels = read(real_mnist)
    order = np.argsort(labels, kind="stable")
    images, labels = CHANGES[change](images)[order], labels[order]

    assert way(images, labels, known=False) == ""
    assert way(exchanged(images), labels, known=False) == TRANSPOSED
    assert way(np.rot90(images, 2, (1, 2)), labels, known=False) == "turned by 180°"
    for seed in range(20):
        permuted = np.random.default_rng(seed).permutation(10)[labels]
        assert (permuted == labels).mean() > 0.75 or way(exchanged(images), permuted, known=False) == ""


def test_known_images_are_recognised_when_rows_and_columns_are_exchanged() -> None:
    """Clothes, of which no mean says how they lie."""
    images, labels = read(real_folder("fashion-mnist"))

    assert way(exchanged(images), labels) == TRANSPOSED
    assert way(images, labels) == ""
    assert way(exchanged(images), labels, known=False) == ""


def test_convert_says_what_to_do_and_alters_nothing(real_mnist: Path, tmp_path: Path) -> None:
    """IDX under plain names, and arrays; with the flag that it names, the images are MNIST's again."""
    images, labels = read(real_mnist)
    idx.write(tmp_path / "train-images-idx3-ubyte", np.ascontiguousarray(exchanged(images)))
    idx.write(tmp_path / "train-labels-idx1-ubyte", labels.astype(np.uint8))
    np.savez(tmp_path / "a.npz", x_train=exchanged(images), y_train=labels)

    for source in (tmp_path / "train-images-idx3-ubyte", tmp_path / "a.npz"):
        first = mnist_data.convert(source, tmp_path / "out", overwrite=True, progress=False)
        assert any("--transpose" in warning for warning in first.warnings)
        np.testing.assert_array_equal(exchanged(images), mnist_data.to_numpy(tmp_path / "out")[0])
        again = mnist_data.convert(source, tmp_path / "out", transpose=True, overwrite=True, progress=False)
        assert not any("seem to lie" in warning for warning in again.warnings)
        np.testing.assert_array_equal(images, mnist_data.to_numpy(tmp_path / "out")[0])
        meant = mnist_data.convert(source, tmp_path / "out", transpose=False, overwrite=True, progress=False)
        assert not any("seem to lie" in warning for warning in meant.warnings)
