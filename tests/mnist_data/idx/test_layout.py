"""How values lie in a file where its header does not say it: rows, channels, byte order, and forms of labels."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mnist_data.errors import MismatchedPair, NotIdx, WrongUse
from mnist_data.idx.byte_order import seems_swapped
from mnist_data.idx.format import Header, open_idx, read, write
from mnist_data.idx.forms import forms_of
from mnist_data.idx.labels import encode_labels, form_of, labels_of
from mnist_data.idx.layout import layout_of, parse_size
from mnist_data.idx.pairing import Pair


@pytest.fixture(scope="module")
def digits_20_by_28(sample_idx: Path) -> npt.NDArray[np.uint8]:
    """Give digits cut to 20 rows of 28 pixels."""
    images = read(next(sample_idx.glob("*train-images*")))
    return np.ascontiguousarray(images[:500, 4:24])


def test_flat_items_become_the_square_that_their_pixels_show(sample_idx: Path) -> None:
    """784 values a row are 28×28, and the user reads of the decision."""
    images = read(next(sample_idx.glob("*train-images*")))
    layout = layout_of((784,), images.reshape(-1, 784), "file")

    assert layout.shape == (28, 28)
    assert "28×28" in layout.note
    np.testing.assert_array_equal(images, layout.images(images.reshape(-1, 784)))


def test_flat_items_without_rows_are_refused_with_the_way_on() -> None:
    """Noise has no rows, and 783 values are no square: the user knows the size, or nobody does."""
    noise = np.random.default_rng(0).integers(0, 256, (100, 784), dtype=np.uint8)

    for items in (noise, noise[:, :783]):
        with pytest.raises(WrongUse, match="--size 28x28"):
            layout_of(items.shape[1:], items, "file")


@pytest.mark.parametrize("channels_first", [True, False])
def test_flat_colour_is_read_by_planes_or_by_pixels(
    digits_20_by_28: npt.NDArray[np.uint8], channels_first: bool
) -> None:
    """As CIFAR lays it out, or as image files do."""
    grey = digits_20_by_28[:, :20, :20].astype(np.float64)
    colour = np.stack([grey, 0.2 * grey + 20, 255 - grey], axis=1 if channels_first else 3).astype(np.uint8)
    layout = layout_of((1200,), colour.reshape(-1, 1200), "file")

    assert layout.shape == (20, 20, 3)
    expected = colour.transpose(0, 2, 3, 1) if channels_first else colour
    np.testing.assert_array_equal(expected, layout.images(colour.reshape(-1, 1200)))


def test_exchanged_height_and_width_are_put_right(digits_20_by_28: npt.NDArray[np.uint8]) -> None:
    """A set of 20×28 written as 28×20 would come out scrambled."""
    scrambled = digits_20_by_28.reshape(-1, 28, 20)
    layout = layout_of((28, 20), scrambled, "file")

    assert layout.shape == (20, 28)
    assert "28×20" in layout.note
    np.testing.assert_array_equal(digits_20_by_28, layout.images(scrambled))
    np.testing.assert_array_equal(scrambled, layout.items(digits_20_by_28, (28, 20)))


def test_images_that_are_not_square_stay_as_announced(digits_20_by_28: npt.NDArray[np.uint8]) -> None:
    """Wide or high, without a word."""
    for images in (digits_20_by_28, np.ascontiguousarray(digits_20_by_28.swapaxes(1, 2))):
        layout = layout_of(images.shape[1:], images, "file")

        assert (layout.shape, layout.note) == (images.shape[1:], "")


@pytest.mark.parametrize(
    ("announced", "shape"), [((1, 28, 28), (28, 28)), ((3, 32, 32), (32, 32, 3)), ((28, 28, 1), (28, 28, 1))]
)
def test_channels_come_last(announced: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """PyTorch's order becomes that of image files, and back again."""
    items = np.random.default_rng(1).integers(0, 256, (7, *announced), dtype=np.uint8)
    layout = layout_of(announced, items, "file")

    assert layout.shape == shape
    np.testing.assert_array_equal(items, layout.items(layout.images(items), announced))


def test_a_size_overrides_the_pixels_and_must_fit() -> None:
    """Whoever knows better says so; a size of other pixels is refused."""
    items = np.zeros((3, 560), np.uint8)

    assert layout_of((560,), items, "file", "20x28").shape == (20, 28)
    with pytest.raises(WrongUse, match=r"560 values.*784"):
        layout_of((560,), items, "file", "28x28")
    for wrong in ("28", "28x", "axb", "0x28", "x".join("1" * 65)):
        with pytest.raises(WrongUse, match="28x28"):
            parse_size(wrong)


@pytest.mark.parametrize("kind", ["i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("what", ["labels", "images"])
def test_values_in_the_wrong_byte_order_are_noticed(sample_idx: Path, kind: str, what: str) -> None:
    """Right ones are not."""
    values = read(next(sample_idx.glob(f"*train-{what}*"))).astype(kind)

    assert seems_swapped(values.byteswap())
    assert not seems_swapped(values)


def test_bytes_zeros_and_nothing_have_no_order() -> None:
    """Where nothing decides, nothing is said."""
    for values in (np.arange(256, dtype=np.uint8), np.zeros(9, np.int32), np.empty((0, 28, 28), np.float32)):
        assert not seems_swapped(values)


def test_pixels_scaled_up_from_bytes_are_no_swapped_ones(sample_idx: Path) -> None:
    """Multiples of 256 are all that a set of 15-bit images made from 7-bit ones has."""
    images = read(next(sample_idx.glob("*train-images*"))).astype(np.int16) // 2 * 256

    assert not seems_swapped(images)


LABELS = np.array([3, 0, 9, 4], np.int64)


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (LABELS.astype(np.uint8), "numbers"),
        (LABELS.astype(np.float32), "numbers"),
        (LABELS.astype(np.uint8)[:, None], "numbers"),
        (np.eye(10, dtype=np.uint8)[LABELS], "one-hot"),
        (np.eye(10, dtype=np.float32)[LABELS], "one-hot"),
        (np.column_stack([LABELS, LABELS + 7]).astype(np.int32), "table"),
    ],
)
def test_labels_are_read_in_every_form(values: npt.NDArray[np.generic], form: str) -> None:
    """And written again as they were."""
    header = Header(values.dtype.newbyteorder(">"), values.shape)

    assert form_of(header, values, "file") == form
    np.testing.assert_array_equal(LABELS, labels_of(values, form_of(header, values, "file"), "file"))
    if form != "table":
        np.testing.assert_array_equal(values, encode_labels(LABELS, form_of(header, values, "file"), header.item_shape))


@pytest.mark.parametrize("wrong", [0.5, np.nan, np.inf])
def test_labels_that_are_no_integers_are_named(wrong: float) -> None:
    """The message shows one of them."""
    with pytest.raises(MismatchedPair, match="targets of a regression"):
        labels_of(np.array([1, wrong, 2], np.float32), "numbers", "file")


def test_rows_that_stop_being_one_hot_are_refused() -> None:
    """Two classes in a row would silently become the first of them."""
    with pytest.raises(MismatchedPair, match="one-hot"):
        labels_of(np.array([[1, 0], [1, 1]], np.uint8), "one-hot", "file")


@pytest.mark.parametrize(
    "array", [np.arange(40, dtype=np.uint8), np.arange(2 * 28 * 28, dtype="<i4").reshape(2, 28, 28)]
)
@pytest.mark.parametrize("magic", ["reversed", "kept"])
def test_little_endian_headers_are_named_and_read_when_asked(
    array: npt.NDArray[np.generic], magic: str, tmp_path: Path
) -> None:
    """As programs write them that copy numbers from memory."""
    code = bytes([array.ndim, 0x08 if array.dtype == np.uint8 else 0x0C, 0, 0])
    sizes = np.array(array.shape, "<u4").tobytes()
    path = tmp_path / "little-idx"
    path.write_bytes((code if magic == "reversed" else code[::-1]) + sizes + array.tobytes())

    with pytest.raises(NotIdx, match="little-endian.*--byte-order little"):
        read(path)
    with open_idx(path, "little") as reader:
        np.testing.assert_array_equal(array, np.concatenate(list(reader.batches(100))))


@pytest.mark.parametrize("dtype", ["u1", ">i2"])
def test_what_decides_takes_memory_that_does_not_grow_with_an_image(dtype: str, tmp_path: Path) -> None:
    """Byte order, layout and column-major order are decided by a million values, also of images of four million."""
    noise = np.random.default_rng(0).integers(0, 256, (3, 2048, 2047), np.uint8).astype(dtype)
    write(tmp_path / "images", noise)
    write(tmp_path / "labels", np.zeros(3, np.uint8))
    tracemalloc.start()
    try:
        forms = forms_of(Pair("train", str(tmp_path / "images"), str(tmp_path / "labels")))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert forms.layout.shape == (2048, 2047)
    assert peak < 2 * noise.nbytes + 8 * (8 << 20)
