"""The rules that cleaning and audit share: planted faults are found by both alike, and good samples by neither."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter, grey_dilation, zoom

import mnist_data
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.audit.run import audit
from pipelines.engine.execution import Execution
from pipelines.images.measures.background import polarity_of
from pipelines.images.measures.faults import find_faults
from pipelines.images.measures.table import measure_dataset
from pipelines.settings.analysis import Audit
from pipelines.settings.stages import Clean
from pipelines.stages.clean import CleanResult, clean
from pipelines.stages.convert import convert

Array = npt.NDArray[Any]

NAMES = {"blank", "constant", "inverted", "transposed", "label"}
"""The rules that have the same name in both."""


def dataset(folder: Path, images: Array, labels: Array) -> Dataset:
    """Write one training split."""
    folder.mkdir(parents=True)
    idx.write(folder / "train-images-idx3-ubyte", images)
    idx.write(folder / "train-labels-idx1-ubyte", labels.astype(np.uint8))
    return convert(find_pairs(folder), folder / "dataset").dataset


@pytest.fixture(scope="module")
def sample(digits: Dataset) -> tuple[Array, Array]:
    """Give the embedded sample's images and labels, both splits together."""
    images, labels = mnist_data.to_numpy(digits.location)
    return np.array(images), np.array(labels)


def framed(images: Array, seed: int) -> Array:
    """Enlarge each digit until its box fills the frame, and thicken it by up to seven pixels, as bold letters are."""
    generator = np.random.default_rng(seed)
    filled = np.empty_like(images)
    for row, image in enumerate(images):
        down, across = np.flatnonzero(image.max(axis=1) > 99), np.flatnonzero(image.max(axis=0) > 99)
        box = image[down[0] : down[-1] + 1, across[0] : across[-1] + 1].astype(float)
        large = zoom(box, (28 / box.shape[0], 28 / box.shape[1]), order=1, grid_mode=True, mode="nearest")
        width = int(generator.integers(1, 8))
        filled[row] = np.clip(grey_dilation(large, (width, width)), 0, 255)
    return filled


def patches(count: int, seed: int) -> tuple[Array, Array]:
    """Give grey patches of blurred noise, of any brightness and contrast, with labels by chance."""
    generator = np.random.default_rng(seed)
    images = np.empty((count, 24, 24), np.uint8)
    for image in images:
        noise = gaussian_filter(generator.normal(size=(24, 24)), generator.uniform(0.5, 6))
        low, high = np.sort(generator.uniform(0, 255, 2))
        image[:] = low + (high - low) * (noise - noise.min()) / np.ptp(noise)
    return images, generator.integers(0, 10, count)


def flagged_by_both(
    source: Dataset, folder: Path, params: Clean | None = None
) -> tuple[dict[str, set[int]], CleanResult]:
    """Clean and audit a dataset, require that they flag the same samples, and give these by rule."""
    result = clean(source, folder / "clean", params or Clean(allow_loss=True))
    quarantine = pd.read_parquet(f"{result.quarantine}.parquet")
    audit(source, folder / "audit", Audit(labels=False))
    table = pd.read_parquet(folder / "audit/audit.parquet").set_index("id")
    of_clean = {name: set(quarantine.loc[quarantine["reason"] == name, "id"]) for name in {*NAMES, "duplicate"}}
    for name in NAMES:
        assert of_clean[name] == set(table.index[table[f"is_{name}"]]), name
    assert of_clean["duplicate"] == set(table.index[table["is_exact_duplicate"]])
    return of_clean, result


def test_planted_faults_are_flagged_alike_and_nothing_else_is(sample: tuple[Array, Array], tmp_path: Path) -> None:
    """On the embedded sample; of two copies the one with a label that is no class goes, though it comes first."""
    images, labels = sample[0].copy(), sample[1].copy()
    images[10], images[20] = 3, 77  # dust on the background, and a closed shutter
    images[21] = np.random.default_rng(0).integers(245, 256, (28, 28))
    images[30:40] = 255 - images[30:40]
    images[50] = images[60]
    labels[50] = 111
    upright = np.flatnonzero(np.isin(labels, (2, 4, 7)))[50:60]
    images[upright] = images[upright].swapaxes(1, 2)

    flagged, result = flagged_by_both(dataset(tmp_path / "d", images, labels), tmp_path)

    assert result.polarity == "dark"
    assert flagged["blank"] == {10}
    assert flagged["constant"] == {20, 21}
    assert flagged["inverted"] == set(range(30, 40))
    assert flagged["label"] == flagged["duplicate"] == {50}
    assert set(upright) >= flagged["transposed"]
    assert len(flagged["transposed"]) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("invert", [False, True], ids=["bright ink", "dark ink"])
def test_what_is_inverted_depends_on_the_others(sample: tuple[Array, Array], invert: bool, tmp_path: Path) -> None:
    """A whole set of dark ink is not inverted; the few bright ones among it are."""
    images = sample[0].copy()
    images[:7] = 255 - images[:7]
    images = 255 - images if invert else images

    flagged, result = flagged_by_both(dataset(tmp_path / "d", images, sample[1]), tmp_path)

    assert result.polarity == ("bright" if invert else "dark")
    assert mnist_data.info(result.dataset).findings["background"] == result.polarity
    assert flagged["inverted"] == set(range(7))
    checks = pd.read_parquet(tmp_path / "audit/checks.parquet").set_index("check")
    assert f"the background of these data is {result.polarity}" in checks.loc["inverted", "meaning"]


@pytest.mark.slow
def test_glyphs_that_touch_the_frame_are_never_repaired_wrongly(sample: tuple[Array, Array], tmp_path: Path) -> None:
    """One in twenty is inverted: these may be repaired, and all others stay as they are."""
    images = framed(sample[0], seed=3)
    wrong = np.random.default_rng(4).random(len(images)) < 0.05
    images[wrong] = 255 - images[wrong]

    params = Clean(inverted="repair", duplicate="keep", allow_loss=True)
    flagged, result = flagged_by_both(dataset(tmp_path / "d", images, sample[1]), tmp_path, params)

    assert flagged["inverted"] <= set(np.flatnonzero(wrong))
    cleaned = mnist_data.to_numpy(result.dataset.location)[0]
    np.testing.assert_array_equal(cleaned[~wrong], images[~wrong])


def test_grey_patches_are_undecided(tmp_path: Path) -> None:
    """Their border says nothing: none is flagged or altered, and nothing is said of a bright background."""
    images, labels = patches(1350, seed=7)
    source = dataset(tmp_path / "d", images, labels)

    params = Clean(inverted="repair", transposed="repair", background="dark", blank="keep", constant="keep")
    flagged, result = flagged_by_both(source, tmp_path, params)

    varied = int((np.ptp(images, axis=(1, 2)) > 0).sum())
    assert (result.polarity, result.undecided) == ("undecided", varied)
    assert mnist_data.info(source).findings["background"] == "undecided"
    assert flagged["inverted"] == flagged["transposed"] == set()
    np.testing.assert_array_equal(mnist_data.to_numpy(result.dataset.location)[0], images)
    checks = pd.read_parquet(tmp_path / "audit/checks.parquet")
    assert not checks["meaning"].str.contains("bright").any()
    assert "not evaluated" in checks.set_index("check").loc["inverted", "meaning"]


def test_a_dataset_is_brought_to_a_dark_background_on_request(sample: tuple[Array, Array], tmp_path: Path) -> None:
    """Also its inverted samples, which have a dark one already, then match the others."""
    images = 255 - sample[0]
    images[:7] = 255 - images[:7]

    params = Clean(background="dark", inverted="repair", duplicate="keep")
    result = clean(dataset(tmp_path / "d", images, sample[1]), tmp_path / "clean", params)

    np.testing.assert_array_equal(mnist_data.to_numpy(result.dataset.location)[0], sample[0])
    assert result.totals["changed"].tolist() == [len(images) - 7]


@pytest.mark.parametrize(
    ("dark", "between", "bright", "polarity"),
    [
        (100, 0, 0, "dark"),
        (0, 0, 100, "bright"),
        (76, 0, 24, "dark"),
        (74, 0, 26, "undecided"),
        (50, 0, 50, "undecided"),
        (0, 100, 0, "undecided"),
        (79, 21, 0, "undecided"),
        (81, 19, 0, "dark"),
        (0, 19, 81, "bright"),
    ],
)
def test_the_polarity_needs_a_clear_majority(dark: int, between: int, bright: int, polarity: str) -> None:
    """Of borders near an end of the range, and of these near the same one."""
    positions = np.repeat([0.1, 0.5, 0.9], [dark, between, bright])

    assert polarity_of(np.append(positions, np.nan))[0] == polarity


@pytest.mark.parametrize("change", [lambda images: images.astype(np.int16) * 100, lambda images: images / 255.0])
def test_the_type_of_the_pixels_changes_no_flag(
    change: Callable[[Array], Array], sample: tuple[Array, Array], tmp_path: Path
) -> None:
    """16-bit values and floats from 0 to 1."""
    images = sample[0][:400].copy()
    images[3], images[4], images[5:9] = 0, 90, 255 - images[5:9]

    masks = [
        find_faults(measure_dataset(dataset(tmp_path / name, values, sample[1][:400]), Execution()), Execution()).masks
        for name, values in (("bytes", images), ("other", change(images)))
    ]

    for name in ("blank", "constant", "inverted", "duplicate"):
        np.testing.assert_array_equal(masks[0][name], masks[1][name])
    assert masks[0]["inverted"].nonzero()[0].tolist() == [5, 6, 7, 8]
