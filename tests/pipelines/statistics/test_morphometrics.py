"""Morphometrics: scikit-image's own way one image at a time, shapes whose measures are known, and odd images."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import scipy.ndimage

import mnist_data
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.kernels.medial_axis import REMOVABLE, RING
from pipelines.kernels.morphometry import Morphometrics, measure_morphometrics
from pipelines.kernels.upscale import enlarge
from pipelines.settings.analysis import Stats
from pipelines.stages.convert import convert
from pipelines.statistics.morphometrics import MEASURES
from pipelines.statistics.stats import stats

SIX = ("area", "length", "thickness", "slant", "width", "height")

Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def pictures(sample_idx: Path) -> Array:
    """Give the test images of the embedded sample."""
    return idx.read(sample_idx / "sklearn-digits-test-images-idx3-ubyte")


def enlarged_by_scikit_image(image: Array) -> Array:
    """Bring an image to 0 … 1 and enlarge it four times."""
    transform = pytest.importorskip("skimage.transform")
    low, high = float(image.min()), float(image.max())
    return np.asarray(transform.pyramid_expand((image - low) / (high - low), upscale=4, order=3))


def links(axis: Array) -> float:
    """Add up the links between neighbours, 1 or √2 each; a diagonal with a way round it is none."""
    axis = np.pad(axis, 1)
    here, right, below, beyond = axis[:-1, :-1], axis[:-1, 1:], axis[1:, :-1], axis[1:, 1:]
    straight = (axis[:, 1:] & axis[:, :-1]).sum() + (axis[1:] & axis[:-1]).sum()
    diagonal = (here & beyond & ~right & ~below).sum() + (right & below & ~here & ~beyond).sum()
    return float(straight + np.sqrt(2) * diagonal)


def between_the_tails(places: Array, ink: Array) -> float:
    """Measure where, counted in whole steps of `places`, 1 % and 99 % of the ink are passed."""
    steps = np.arange(places.min(), places.max() + 2)
    passed = np.array([ink[places < step].sum() for step in steps]) / ink.sum()
    low, high = np.interp([0.01, 0.99], passed, steps)
    return float(high - low)


def by_scikit_image(image: Array) -> list[float]:
    """Measure one image as the paper says: area, length, thickness, slant, width, height."""
    morphology = pytest.importorskip("skimage.morphology")
    ink = enlarged_by_scikit_image(image)
    shape = ink >= ink.min() + (ink.max() - ink.min()) / 2
    axis, distances = morphology.medial_axis(shape, return_distance=True, rng=0)
    down, across = np.indices(ink.shape)
    row, column = (down * ink).sum() / ink.sum(), (across * ink).sum() / ink.sum()
    shear = (ink * (down - row) * (across - column)).sum() / (ink * (down - row) ** 2).sum()
    upright = np.floor(across + 0.5 - shear * (down - row)).astype(int)
    sizes = [between_the_tails(places.reshape(-1), ink.reshape(-1)) for places in (upright, down)]
    thickness = 2 * distances[axis].mean()
    return [shape.sum() / 16, links(axis) / 4, thickness / 4, -np.arctan(shear), sizes[0] / 4, sizes[1] / 4]


def test_the_enlargement_is_that_of_scikit_image(real_mnist: Path) -> None:
    """Also of images so small that their mirror images overlap; in 32 bits, so to the sixth digit."""
    generator = np.random.default_rng(1)
    images = [idx.read(real_mnist / "t10k-images-idx3-ubyte.gz")[0]]
    images += [generator.random(shape) for shape in ((2, 2), (1, 3), (3, 1), (5, 4), (17, 40))]
    for image in images:
        expected = enlarged_by_scikit_image(image)
        fractions = ((image - image.min()) / (image.max() - image.min())).astype(np.float32)
        found = np.empty(expected.shape, np.float32)
        enlarge(fractions, np.empty((expected.shape[1], len(image)), np.float32), np.empty_like(found), found)

        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["sample", "mnist"])
def test_measures_agree_with_scikit_image(name: str, pictures: Array, request: pytest.FixtureRequest) -> None:
    """Ties of the thinning are broken otherwise, so length and thickness agree within 2 %; the rest in every image."""
    images = pictures[:40]
    if name == "mnist":
        images = idx.read(request.getfixturevalue("real_mnist") / "t10k-images-idx3-ubyte.gz")[:40]
    expected = np.array([by_scikit_image(image) for image in images]).T
    measures = measure_morphometrics(images)
    found = np.array([getattr(measures, measure) for measure in SIX])

    for place, measure in enumerate(SIX):
        assert np.corrcoef(expected[place], found[place])[0, 1] >= 0.99, measure
        assert np.median(np.abs(found[place] / expected[place] - 1)) <= 0.02, measure
    for place in (0, 3, 4, 5):
        np.testing.assert_allclose(found[place], expected[place], rtol=1e-4, atol=1e-4, err_msg=SIX[place])


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (11, 3), (4, 31)])
def test_images_of_any_shape_agree_with_scikit_image(shape: tuple[int, int]) -> None:
    """Rows and columns are not taken for each other, and no column is forgotten."""
    images = np.random.default_rng(2).random((20, *shape)) ** 3
    expected = np.array([by_scikit_image(image) for image in images])
    measures = measure_morphometrics(images)

    for place in (0, 3, 4, 5):
        np.testing.assert_allclose(getattr(measures, SIX[place]), expected[:, place], rtol=1e-4, atol=1e-4)


def test_the_first_thousand_digits_have_their_known_means(real_mnist: Path) -> None:
    """As measured once with scikit-image: the ties of the thinning must not make strokes longer or shorter."""
    measures = measure_morphometrics(idx.read(real_mnist / "train-images-idx3-ubyte.gz")[:1000])

    assert pytest.approx(100.876, abs=5e-4) == measures.area.mean()
    assert pytest.approx(42.717, rel=1e-3) == measures.length.mean()
    assert pytest.approx(2.584, rel=1e-3) == measures.thickness.mean()
    assert pytest.approx(0.171, abs=5e-4) == measures.slant.mean()
    assert pytest.approx(13.017, abs=5e-4) == measures.width.mean()
    assert pytest.approx(19.042, abs=5e-4) == measures.height.mean()


def test_a_pixel_goes_where_its_neighbours_hang_together_without_it() -> None:
    """The table of all 256 neighbourhoods against SciPy's labelling of each."""
    for code in range(256):
        around = np.zeros((3, 3), int)
        for bit, (row, column) in enumerate(RING):
            around[1 + row, 1 + column] = code >> bit & 1
        _, groups = scipy.ndimage.label(around, np.ones((3, 3)))

        assert REMOVABLE[code] == (around.sum() > 1 and groups == 1)


def picture(*strokes: tuple[slice, slice]) -> Array:
    """Draw strokes, rows and columns each, into an image of 28×28."""
    image = np.zeros((1, 28, 28), np.uint8)
    for rows, columns in strokes:
        image[0, rows, columns] = 200
    return image


def ring() -> Array:
    """Draw a ring, 3 pixels thick, of 7.5 pixels to its middle."""
    down, across = np.indices((28, 28)) - 13.5
    return (np.abs(np.hypot(down, across) - 7.5) <= 1.5)[None].astype(np.float32)


def cross() -> Array:
    """Draw an X, from corner to corner of a square of 20 pixels."""
    down, across = np.indices((28, 28)) - 13.5
    inside = np.maximum(np.abs(down), np.abs(across)) <= 10
    return (inside & (np.minimum(np.abs(down - across), np.abs(down + across)) <= 2))[None].astype(np.float32)


def test_a_straight_bar_has_the_measures_it_was_drawn_with() -> None:
    """Twenty pixels long, four thick, upright; the axis forks into the corners, which makes it a little longer."""
    bar = measure_morphometrics(picture((slice(4, 24), slice(12, 16))))

    assert pytest.approx(80, rel=0.02) == bar.area[0]
    assert 20 < bar.length[0] < 24
    assert pytest.approx(4, rel=0.1) == bar.thickness[0]
    assert pytest.approx(0, abs=1e-6) == bar.slant[0]
    assert 4 < bar.width[0] < 6
    assert pytest.approx(20, rel=0.05) == bar.height[0]
    assert (bar.components[0], bar.holes[0], bar.end_points[0]) == (1, 0, 2)


@pytest.mark.parametrize("angle", [-0.4, 0.3])
def test_a_bar_that_leans_to_the_right_has_a_positive_slant(angle: float) -> None:
    """In radians; its width is that of the bar set upright, and the soft edges of the enlargement."""
    down, across = np.indices((28, 28)) - 13.5
    bar = (np.abs(down) <= 10) & (np.abs(across + np.tan(angle) * down) <= 2)
    measures = measure_morphometrics(bar[None].astype(np.uint8))

    assert pytest.approx(angle, abs=0.02) == measures.slant[0]
    assert 4 < measures.width[0] < 6


@pytest.mark.parametrize(
    ("image", "components", "holes", "ends"),
    [
        (ring(), 1, 1, 0),
        (picture((slice(5, 9), slice(5, 9)), (slice(17, 22), slice(15, 20))), 2, 0, None),
        (cross(), 1, 0, 4),
        (picture((slice(4, 24), slice(12, 15)), (slice(4, 7), slice(4, 24))), 1, 0, 3),
        (picture((slice(0, 28), slice(0, 3)), (slice(0, 3), slice(0, 28)), (slice(0, 28), slice(25, 28))), 1, 0, 2),
        (1 - ring(), 2, 1, None),
    ],
    ids=["ring", "two dots", "X", "T", "gate at the border", "a ring of background"],
)
def test_pieces_holes_and_ends_are_those_one_sees(image: Array, components: int, holes: int, ends: int | None) -> None:
    """What is open to the image's border is no hole; the corners of a stroke's end are no ends of their own."""
    measures = measure_morphometrics(image)

    assert (components, holes) == (measures.components[0], measures.holes[0])
    assert ends in (None, measures.end_points[0])


def test_components_and_holes_are_those_of_scipy() -> None:
    """On noise, where pieces meet in every way: by labelling the enlarged shape and its background."""
    images = np.random.default_rng(3).random((60, 9, 12))
    measures = measure_morphometrics(images)
    for place, image in enumerate(images):
        ink = enlarged_by_scikit_image(image)
        shape = ink >= ink.min() + (ink.max() - ink.min()) / 2
        _, components = scipy.ndimage.label(shape, np.ones((3, 3)))
        _, backgrounds = scipy.ndimage.label(np.pad(~shape, 1, constant_values=True))

        assert (components, backgrounds - 1) == (measures.components[place], measures.holes[place])


def assert_unmeasured(measures: Morphometrics) -> None:
    for measure in SIX:
        assert np.isnan(getattr(measures, measure)).all(), measure
    for count in ("components", "holes", "end_points"):
        assert not getattr(measures, count).any(), count


@pytest.mark.parametrize("value", [0, 7, np.nan, np.inf])
def test_an_image_of_one_value_has_no_measures_and_harms_no_other(value: float) -> None:
    """NaN and counts of 0, without a warning; the image beside it is measured as if it were alone."""
    images = np.full((2, 28, 28), value, np.float32)
    images[1] = ring()[0]
    alone, beside = measure_morphometrics(ring()), measure_morphometrics(images)

    assert_unmeasured(measure_morphometrics(images[:1]))
    for field in fields(Morphometrics):
        assert getattr(alone, field.name)[0] == getattr(beside, field.name)[1]


def test_a_pixel_that_is_no_number_leaves_the_image_unmeasured() -> None:
    """Nothing true can be said about its shape."""
    images = ring()
    images[0, 13, 13] = np.nan

    assert_unmeasured(measure_morphometrics(images))


@pytest.mark.parametrize("shape", [(0, 28, 28), (3, 0, 0), (3, 1, 1), (3, 1, 1, 3)])
def test_the_smallest_images_are_no_error(shape: tuple[int, ...]) -> None:
    """No image, no pixel, one pixel, one pixel in colour."""
    measures = measure_morphometrics(np.full(shape, 5, np.uint8))

    assert shape[:1] == measures.area.shape
    assert_unmeasured(measures)


@pytest.mark.parametrize("kind", ["uint8", "int16", "int64", "uint64", "float16", "float64"])
def test_neither_type_nor_scale_nor_ground_changes_a_measure(kind: str, pictures: Array) -> None:
    """Only the shares between the lowest and the highest value count."""
    steps = (pictures[:20] // 16).astype(kind)  # few enough for every type to hold them and the double exactly
    plain, changed = measure_morphometrics(steps.astype(np.float32)), measure_morphometrics(steps * 2 + 3)

    for field in fields(Morphometrics):
        np.testing.assert_allclose(getattr(plain, field.name), getattr(changed, field.name), rtol=1e-6)


def test_colours_are_measured_by_their_mean(pictures: Array) -> None:
    """Three channels, of which each holds a third of the ink."""
    grey = pictures[:5].astype(np.float64)
    fractions = np.array([0.5, 1.0, 1.5])
    plain, coloured = measure_morphometrics(grey), measure_morphometrics(grey[..., None] * fractions)

    for field in fields(Morphometrics):
        np.testing.assert_allclose(getattr(plain, field.name), getattr(coloured, field.name), rtol=1e-6)


def test_measures_do_not_depend_on_the_place_or_on_the_images_beside(pictures: Array) -> None:
    """A shape keeps its axis when it is moved into a wider image, and alone it is measured as in a crowd."""
    images = np.pad(pictures[:300], ((0, 0), (10, 10), (10, 10)))
    moved = np.pad(pictures[:300], ((0, 0), (14, 9), (10, 25)))
    together, apart = measure_morphometrics(images), measure_morphometrics(moved)
    single = measure_morphometrics(images[299:])

    for field in fields(Morphometrics):
        np.testing.assert_allclose(getattr(together, field.name), getattr(apart, field.name), rtol=1e-5, atol=1e-5)
        assert getattr(together, field.name)[299] == getattr(single, field.name)[0]


def test_turning_rows_into_columns_exchanges_width_and_height() -> None:
    """Of an upright bar exactly; its area and thickness stay."""
    upright = picture((slice(4, 24), slice(12, 16)))
    plain, turned = measure_morphometrics(upright), measure_morphometrics(upright.transpose(0, 2, 1))

    assert pytest.approx(plain.width[0], rel=1e-5) == turned.height[0]
    assert pytest.approx(plain.height[0], rel=1e-5) == turned.width[0]
    assert plain.area[0] == turned.area[0]
    assert pytest.approx(plain.thickness[0], rel=0.05) == turned.thickness[0]


def test_images_are_left_as_they_are(pictures: Array) -> None:
    """The kernels work on copies."""
    images = pictures[:3].copy()
    images.flags.writeable = False

    assert np.isfinite(measure_morphometrics(images).length).all()


def test_the_samples_table_holds_the_measures_of_each_sample(digits: Dataset, tmp_path: Path) -> None:
    """Beside its older columns, whose names stay."""
    stats(digits, tmp_path / "tables")
    samples = pd.read_parquet(tmp_path / "tables/samples.parquet").query("split == 'test'")
    measures = measure_morphometrics(mnist_data.to_numpy(digits.location, "test")[0])

    assert samples.columns[-len(MEASURES) - 2 :].tolist() == ["centre_row", "centre_column", *MEASURES]
    for field in fields(Morphometrics):
        np.testing.assert_array_equal(getattr(measures, field.name), samples[field.name])


def test_the_morphometrics_table_is_what_pandas_finds_in_the_samples(digits: Dataset, tmp_path: Path) -> None:
    """For each split and each of its classes; a row without a label is of all classes."""
    table = stats(digits, tmp_path / "tables")["morphometrics"].set_index(["split", "label", "measure"])
    samples = pd.read_parquet(tmp_path / "tables/samples.parquet").astype({"border_contact": float})
    whole, sevens = samples.query("split == 'train'"), samples.query("split == 'test' and label == 7")

    assert len(table) == 2 * 11 * len(MEASURES)
    for measure in MEASURES:
        for key, values in ((("train", pd.NA), whole[measure]), (("test", 7), sevens[measure])):
            expected = [len(values), values.mean(), values.std(ddof=0), *values.quantile([0.25, 0.5, 0.75])]
            np.testing.assert_allclose(table.loc[(*key, measure)].tolist(), expected)


def test_known_counts_of_mnist_touch_the_border(mnist_tables: dict[str, pd.DataFrame]) -> None:
    """813 training and 107 test images have ink in the outermost row or column."""
    table = mnist_tables["morphometrics"]
    whole = table[table["label"].isna() & (table["measure"] == "border_contact")]

    assert np.rint(whole["mean"] * whole["samples"]).tolist() == [813, 107]


def test_measures_can_be_left_out_and_none_of_an_earlier_run_remain(digits: Dataset, tmp_path: Path) -> None:
    """A dashboard reads what lies in the folder."""
    folder = tmp_path / "tables"
    stats(digits, folder)
    tables = stats(digits, folder, Stats(morphometrics=False), overwrite=True)

    assert "morphometrics" not in tables
    assert sorted(folder.glob("morphometrics.*")) == []
    assert not set(MEASURES) & set(pd.read_parquet(folder / "samples.parquet").columns)


def test_a_blank_sample_has_missing_measures_in_the_tables(tmp_path: Path) -> None:
    """It counts as a sample, but not among those measured; an empty class or split is no error."""
    images = np.zeros((3, 28, 28), np.uint8)
    images[0] = ring()[0] * 255
    idx.write(tmp_path / "train-images-idx3", images)
    idx.write(tmp_path / "train-labels-idx1", np.array([0, 0, 1], np.uint8))
    table = stats(convert(find_pairs(tmp_path), tmp_path / "data").dataset, tmp_path / "tables")["morphometrics"]
    samples = pd.read_parquet(tmp_path / "tables/samples.parquet")
    lengths = table[table["measure"] == "length"]

    assert samples["length"].isna().tolist() == [False, True, True]
    assert samples["holes"].tolist() == [1, 0, 0]
    assert lengths["samples"].tolist() == [1, 1, 0]
    assert np.isnan(lengths["mean"].iloc[2])
