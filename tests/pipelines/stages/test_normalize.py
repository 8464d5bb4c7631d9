"""Normalizing: scales, centres and slants, with statistics of the training split only."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage as ndimage

import mnist_data
from mnist_data.batch import Batch
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.engine.engine import Cluster, Threads
from pipelines.engine.execution import Execution
from pipelines.kernels.moments import measure_moments
from pipelines.settings.stages import Normalize
from pipelines.stages.convert import convert
from pipelines.stages.normalize import Scaling, center, deskew, measure, normalize, normalize_batch

NONE = Scaling(0, 0, 0, 0.0, 1.0)


def test_unit_scale_is_a_division_by_255(digits: Dataset, tmp_path: Path) -> None:
    """The default, as float32."""
    images, _ = mnist_data.to_numpy(digits.location)

    normal, _ = mnist_data.to_numpy(normalize(digits, tmp_path / "n").location)

    np.testing.assert_array_equal((images / 255).astype(np.float32), normal, strict=True)


def test_standardizing_learns_from_the_training_split_only(digits: Dataset, tmp_path: Path) -> None:
    """Training values get mean 0 and deviation 1; the test split is moved by the same numbers, which are recorded."""
    dataset = normalize(digits, tmp_path / "n", Normalize(scale="standardize"), execution=Execution(Threads(2)))
    train, test = (mnist_data.to_numpy(dataset.location, split)[0].astype(float) for split in ("train", "test"))
    raw_train, raw_test = (mnist_data.to_numpy(digits.location, split)[0].astype(float) for split in ("train", "test"))

    assert pytest.approx(0, abs=1e-6) == train.mean()
    assert pytest.approx(1, abs=1e-6) == train.std()
    np.testing.assert_allclose((raw_test - raw_train.mean()) / raw_train.std(), test, atol=1e-6)
    fitted = dataset.metadata.stages[-1].fitted
    assert raw_train.sum() == fitted["total"]


def test_mnists_training_mean_is_learnt_exactly(mnist: Dataset) -> None:
    """The pixel sum is published: 1,567,298,545."""
    whole = measure(mnist_data.to_numpy(mnist.location, "train")[0])

    assert whole.total == 1_567_298_545
    assert pytest.approx(0.1306604762738429) == whole.mean / 255
    assert pytest.approx(0.3081078038564627) == whole.std / 255


def test_what_is_learnt_does_not_depend_on_the_parts() -> None:
    """Merging is exact for whole numbers, in any order."""
    images = np.random.default_rng(0).integers(0, 256, (100, 5, 5), np.uint8)
    parts = [measure(part) for part in np.array_split(images, 7)]

    merged = parts[3]
    for part in (*parts[:3], *parts[4:]):
        merged = part.merge(merged)

    assert measure(images) == merged


@pytest.mark.parametrize("kind", ["uint8", "float16", "float32"])
def test_each_type_holds_the_unit_scale(kind: str) -> None:
    """As uint8 the values stay 0 … 255; as floats they are 0 … 1."""
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)

    (normal,) = normalize_batch(Batch(np.array([0]), np.array([0]), images), Normalize(dtype=kind), NONE).images  # type: ignore[arg-type]

    assert kind == normal.dtype
    expected = images[0] if kind == "uint8" else (images[0] / 255).astype(kind)
    np.testing.assert_array_equal(expected, normal)


def test_wide_integers_and_floats_come_to_the_unit_scale(tmp_path: Path) -> None:
    """Signed ones from their whole range, floats from the training split's."""
    for kind, values, expected in (
        ("int16", [-32768, 32767], [0.0, 1.0]),
        ("float32", [-3.0, 5.0], [0.0, 1.0]),
    ):
        folder = tmp_path / kind
        folder.mkdir()
        idx.write(folder / "train-images", np.array(values, kind).reshape(1, 1, 2).repeat(2, axis=1))
        idx.write(folder / "train-labels", np.zeros(1, np.uint8))
        dataset = normalize(convert(find_pairs(folder), folder / "data").dataset, folder / "normal")

        assert expected == mnist_data.to_numpy(dataset.location)[0][0, 0].tolist()


def test_centring_moves_by_whole_pixels_and_loses_no_ink() -> None:
    """The centre of mass comes within half a pixel of the middle, where the ink has room for it."""
    rng = np.random.default_rng(0)
    images = np.zeros((50, 20, 24), np.uint8)
    for image in images:
        top, left = rng.integers(0, 14), rng.integers(0, 18)
        image[top : top + 6, left : left + 6] = rng.integers(1, 256, (6, 6))
    images.flags.writeable = False

    centred = center(images)

    for before, after in zip(images, centred, strict=True):
        np.testing.assert_array_equal(np.sort(before, axis=None), np.sort(after, axis=None))
        assert np.abs(np.array(ndimage.center_of_mass(after)) - [9.5, 11.5]).max() <= 0.5001


def test_centring_is_scipys_shift_by_whole_pixels() -> None:
    """Ink that touches one edge comes off it, and what comes in at that edge is background, not the other edge."""
    images = np.zeros((4, 11, 8), np.uint8)
    images[0, :5], images[1, 6:], images[2, :, :3], images[3, :, 5:] = 200, 150, 100, 50

    for before, after in zip(images, center(images), strict=True):
        steps = np.subtract([5, 3.5], ndimage.center_of_mass(before))
        nearest = [np.round([step - 0.01, step + 0.01]) for step in steps]  # half a pixel may go either way
        shifts = [ndimage.shift(before, by, order=0) for by in itertools.product(*nearest)]

        assert any(np.array_equal(after, shifted) for shifted in shifts)


def test_centring_stops_where_ink_would_fall_off() -> None:
    """A heavy dot on one side and a faint one at the other edge: the faint one stays in the picture."""
    images = np.zeros((1, 9, 9), np.uint8)
    images[0, 4, 0], images[0, 4, 6] = 255, 1

    centred = center(images)

    assert [centred[0, 4, 2], centred[0, 4, 8]] == [255, 1]


def test_deskewing_sets_slanted_strokes_upright(digits: Dataset) -> None:
    """The mixed moment, which is the slant, all but vanishes; rows keep their ink."""
    images, labels = mnist_data.to_numpy(digits.location)
    ones = images[labels == 1].astype(np.float64)
    before, after = measure_moments(ones), measure_moments(deskew(ones))

    assert np.abs(before.mixed / before.rows).mean() > 5 * np.abs(after.mixed / after.rows).mean()
    assert np.abs(after.mixed / after.rows).max() < 0.1


def test_blank_images_and_odd_shapes_come_through() -> None:
    """One pixel, colour, no ink, no images at all."""
    for shape in [(0, 5, 5), (2, 1, 1), (2, 4, 7), (2, 5, 5, 3)]:
        images = np.zeros(shape, np.uint8)
        images[1:] = 9
        batch = Batch(np.arange(shape[0]), np.zeros(shape[0], np.int64), images)

        normal = normalize_batch(batch, Normalize(deskew=True, center=True, dtype="uint8"), NONE)

        assert shape == normal.images.shape
        assert not normal.images[:1].any()


def test_the_result_does_not_depend_on_the_engine(digits: Dataset, tmp_path: Path, cluster: Cluster) -> None:
    """Threads or processes: the same bytes."""
    params = Normalize(scale="standardize", deskew=True, center=True)

    contents = {
        normalize(digits, tmp_path / str(number), params, execution=Execution(engine)).content
        for number, engine in enumerate((Threads(2), cluster))
    }

    assert len(contents) == 1
