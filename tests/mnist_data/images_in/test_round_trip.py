"""A random set of labelled images, written in every form by other programs and by `export`, is read as it was."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import mnist_data
from mnist_data.errors import WrongUse
from mnist_data.images_in.open import open_source
from mnist_data.images_in.stream import UNLABELLED, ImageStream, Misjudged, Options
from tests.mnist_data.images_in.writers import WRITERS, Images, ImageSet, Labels

LEAST_PIXELS = 16
"""Fewer are no image to readers that tell images from labels by their size."""

FILES = ("image-files", "parquet", "arrow")
"""Forms that say of each image what it is."""

Samples = dict[str, list[tuple[bytes, str]]]


def spots(count: int, shape: tuple[int, ...], dtype: str, seed: int) -> Images:
    """Draw a spot in each image, on a dark border where there is room for one; in colour another in each channel."""
    random = np.random.default_rng(seed)
    height, width, *channels = shape
    y, x = np.mgrid[:height, :width]
    images = np.empty((count, height, width, *channels), np.float64)
    for image in images.reshape(count, height, width, -1):
        for channel in range(image.shape[2]):
            row, column = random.uniform(0.3, 0.7, 2) * (height - 1, width - 1)
            size = random.uniform(1, 4)
            image[..., channel] = np.exp(-((y - row) ** 2 + (x - column) ** 2) / size)
    images = np.round(images * 250 + random.uniform(0, 5, images.shape)) if dtype != "float32" else images
    if min(height, width) > 3:
        images[:, [0, -1]] = images[:, :, [0, -1]] = 0
    return (images * (100 if dtype == "int32" else 1)).astype(dtype)


@st.composite
def image_sets(draw: st.DrawFn, dtypes: tuple[str, ...] = ("uint8", "float32", "int32")) -> ImageSet:
    """Draw a set of 1 … 20 images in one to three splits, labelled by numbers or names, or unlabelled."""
    shape: tuple[int, ...] = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    dtype = draw(st.sampled_from(dtypes))
    if draw(st.booleans()) and dtype == "uint8" and min(shape) > 4:
        shape = (*shape, 3)
    names = draw(st.sampled_from([(), (), ("A", "B", "a"), ("0", "1", "2"), ("cat", "dog", "élan"), ("9a", "10a")]))
    classes = len(names) or draw(st.integers(2, 12))
    splits: dict[str, tuple[Images, Labels]] = {}
    for split in draw(st.sampled_from([("train",), ("test",), ("train", "test"), ("train", "test", "validation")])):
        count = draw(st.integers(1, 20))
        first = draw(st.integers(0, classes - 1))
        labels = [(first + number) % classes for number in range(count)]
        splits[split] = (spots(count, shape, dtype, draw(st.integers(0, 999))), labels)
    if names or draw(st.integers(0, 3)):
        # All names occur, so that whoever numbers them sees all.
        images, labels = splits[next(iter(splits))]
        count = max(len(images), classes)
        more = spots(count, shape, dtype, 1_000)
        splits[next(iter(splits))] = more, [number % classes for number in range(count)]
    if draw(st.integers(0, 4)) == 0:
        splits["unlabelled"] = spots(draw(st.integers(1, 5)), shape, dtype, 5), None
    return ImageSet(splits, names)


def samples_of(images: ImageSet, dtype: np.dtype[Any] | None = None) -> Samples:
    """Give the pixels and the class of each image, by split."""
    wanted: Samples = {}
    for split, (pixels, labels) in images.splits.items():
        classes = [str(label) for label in images.labels(split)] if labels is not None else [""] * len(pixels)
        values = pixels.astype(dtype or np.float64)
        wanted[split] = sorted(zip([image.tobytes() for image in values], classes, strict=True))
    return wanted


def read(stream: ImageStream) -> list[tuple[bytes, str]]:
    """Read a split: its pixels and classes."""
    while True:
        try:
            rows = list(stream.rows(7))
            break
        except Misjudged:
            continue
    samples = []
    for batch in rows:
        assert batch.images.dtype == np.dtype(stream.dtype)
        for image, label in zip(batch.images.astype(np.float64), batch.labels.tolist(), strict=True):
            name = stream.classes[label] if stream.classes and label != UNLABELLED else str(label)
            samples.append((image.tobytes(), "" if label == UNLABELLED else name))
    return sorted(samples)


def is_lossless(images: ImageSet, dtype: str) -> bool:
    """Say whether a type holds the pixels of a set."""
    return all((pixels.astype(dtype) == pixels).all() for pixels, _ in images.splits.values())


def check_writer(name: str, images: ImageSet, folder: Path) -> None:
    """Hold that what a program writes is read as it was: by its size in any case, and without it or refused by name."""
    writer = WRITERS[name]
    tiny = math.prod(images.shape) < LEAST_PIXELS
    assume(writer.holds(images) and not (tiny and (writer.flat or writer.form not in FILES)))
    source = str(writer.write(images, folder))
    sizes = [None, "x".join(map(str, images.shape))]
    # LIBSVM leaves pixels of 0 out, the last ones too, so that images that are no squares need their size.
    for size in sizes[1:] if name == "libsvm" and images.shape != images.shape[:1] * 2 else sizes:
        try:
            streams = open_source(source, Options(size=size)).streams
            found = {stream.split: read(stream) for stream in streams}
        except WrongUse as refusal:
            said = str(refusal)
            if "nothing decides" in said or (writer.flat and size is None and "--size" in said):
                continue
            raise
        assert {tuple(stream.shape) for stream in streams} == {images.shape}, name
        assert samples_of(images) == found, name


FEW = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.generate],  # the first set that fails is small enough
)
MANY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", WRITERS)
@FEW
@given(images=image_sets())
def test_what_other_programs_write_is_read_as_it_was(name: str, images: ImageSet) -> None:
    """The same pixels, classes and splits, or a refusal that says what nothing decides; then --size does."""
    with tempfile.TemporaryDirectory() as folder:
        check_writer(name, images, Path(folder))


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
@MANY
@given(images=image_sets())
def test_many_sets_of_other_programs_are_read_as_they_were(name: str, images: ImageSet) -> None:
    """The same with many sets."""
    with tempfile.TemporaryDirectory() as folder:
        check_writer(name, images, Path(folder))


def as_dataset(images: ImageSet, folder: Path) -> mnist_data.Dataset:
    """Write a set as NumPy's arrays, which hold all of it, and convert them."""
    source = WRITERS["keras"].write(images, folder)
    result = mnist_data.convert(source, folder / "dataset", size="x".join(map(str, images.shape)), progress=False)
    assert result.dataset is not None
    return result.dataset


def check_export(form: Any, images: ImageSet, folder: Path) -> None:
    """Hold that a dataset is what it was after `export` and `convert`, named by its classes."""
    assume(math.prod(images.shape) >= LEAST_PIXELS)
    dataset = as_dataset(images, folder)
    mnist_data.export(dataset, folder / "out", form=form)
    again = mnist_data.convert(folder / "out", folder / "again", progress=False).dataset
    assert again is not None
    assert dict(dataset.splits) == dict(again.splits)
    assert dataset.metadata.shape == again.metadata.shape
    for split in dataset.splits:
        before, after = (
            sorted(
                (image.astype(np.float64).tobytes(), int(label), each.metadata.class_name(int(label)))
                for image, label in zip(*mnist_data.to_numpy(each.location, split=split), strict=True)
            )
            for each in (dataset, again)
        )
        assert before == after


@pytest.mark.parametrize("form", ["csv", "csv.gz", "npz", "folders"])
@FEW
@given(data=st.data())
def test_what_export_writes_is_converted_to_what_it_was(form: str, data: st.DataObject) -> None:
    """Pixels, labels, names and splits; as PNG what PNG holds."""
    with tempfile.TemporaryDirectory() as folder:
        check_export(form, data.draw(image_sets(("uint8",)) if form == "folders" else image_sets()), Path(folder))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "npz", "folders"])
@MANY
@given(data=st.data())
def test_many_exports_are_converted_to_what_they_were(form: str, data: st.DataObject) -> None:
    """The same with many sets."""
    with tempfile.TemporaryDirectory() as folder:
        check_export(form, data.draw(image_sets(("uint8",)) if form == "folders" else image_sets()), Path(folder))
