"""The embedded sample: real digits, made as MNIST was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.ndimage

from mnist_data import storage
from mnist_data.idx import format as idx
from mnist_data.idx import sample


def test_there_are_four_genuine_idx_files(sample_idx: Path) -> None:
    """1,437 and 360 digits of 28×28, with their labels."""
    shapes = {path.name: idx.read(path).shape for path in sorted(sample_idx.iterdir())}

    assert shapes == {
        "sklearn-digits-test-images-idx3-ubyte": (360, 28, 28),
        "sklearn-digits-test-labels-idx1-ubyte": (360,),
        "sklearn-digits-train-images-idx3-ubyte": (1437, 28, 28),
        "sklearn-digits-train-labels-idx1-ubyte": (1437,),
    }


def test_the_ink_fits_a_box_of_20_and_lies_centred_by_mass() -> None:
    """As in MNIST: the larger side is 20, the centre of mass within half a pixel of the middle where it can be."""
    images, labels = sample.digits()
    sides, centres = [], []
    for image in images:
        rows, columns = np.nonzero(image.any(axis=1))[0], np.nonzero(image.any(axis=0))[0]
        sides.append(max(np.ptp(rows), np.ptp(columns)) + 1)
        centres.append(scipy.ndimage.center_of_mass(image))

    assert max(sides) == 20
    assert np.mean(np.array(sides) >= 19) > 0.99
    assert np.abs(np.array(centres) - 13.5).max() <= 0.51
    assert len(images) == 1797
    assert np.bincount(labels).min() > 170


def test_writing_it_twice_gives_the_same_bytes(sample_idx: Path, tmp_path: Path) -> None:
    """A second run of the pipeline finds nothing changed."""
    sample.write_sample(tmp_path)

    for path in sample_idx.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_the_sample_is_the_same_file_whenever_it_is_written(tmp_path: Path) -> None:
    """By place, size and time, of which the plan of a conversion is made: it is converted once, to one manifest."""
    states = []
    for _ in range(2):
        folder = sample.write_sample(tmp_path / "sample")
        states.append([storage.identity(str(path)) for path in sorted(folder.iterdir())])

    assert states[0] == states[1]
