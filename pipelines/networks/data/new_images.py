"""Images to predict, whatever form they come in: a dataset, an IDX file, photos, or what `convert` reads."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data import storage
from mnist_data.batch import Batch, Images, Integers
from mnist_data.errors import NoDataset, UnreadableInput, WrongUse
from mnist_data.idx.format import open_idx
from mnist_data.idx.search import holds_idx
from mnist_data.idx.tree import is_place
from mnist_data.images_in.image_files.listing import image_files
from mnist_data.images_in.open import open_source
from mnist_data.images_in.stream import UNLABELLED, ImageStream
from mnist_data.parquet.dataset import Dataset, is_dataset, open_dataset, read_batches
from mnist_data.parquet.schema import Stage
from pipelines.images.find_digits.mnist_form import SIDE
from pipelines.images.find_digits.sheet import digits_of
from pipelines.images.photos import Photo, Photos, find_photos

ROWS = 10_000
"""Images in memory at once."""

COMPARED = 64
"""Image files by which it is decided whether they are taken as they are."""

EXPECTED = "a dataset, an IDX file, a photo or a folder of photos, or another form that convert reads"

Accepted = Callable[[Images], float | None]
"""Gives the fraction of images, (n, *shape) uint8, that are in distribution for a model; None where it cannot tell."""


@dataclass(frozen=True)
class NewImages:
    """Images to predict. batches: begins anew each time; columns file and split where they are known.

    stages: those already applied to them. classes: the names of their labels, empty where there are none; of several
    streams those known once the batches have ended. note: what was decided, for the user. dataset: where they
    are one.
    """

    batches: Callable[[], Iterator[Batch]]
    classes: Callable[[], Sequence[str]] = tuple
    stages: Sequence[Stage] = ()
    note: str = ""
    dataset: Dataset | None = None


def open_images(path: str, splits: Sequence[str] | None, shape: Sequence[int], accepted: Accepted) -> NewImages:
    """Open images of any kind. shape: of the model's. accepted: decides how image files are taken, see `_photos`.

    Raises NoDataset where there is nothing, UnreadableInput for what cannot be read, WrongUse for a split that is not
    there, for IDX files in pairs, and where no digit is found in any photo.
    """
    if not storage.exists(path) and not (not storage.is_remote(path) and is_place(Path(path))):
        raise NoDataset(path, "there is no such file or folder", EXPECTED, "Check the path.")
    if is_dataset(path):
        return _dataset(path, splits)
    place = Path(path)
    if not place.is_dir() and not is_place(place):
        storage.require_file(path, EXPECTED, "Check the path.")
    if not is_place(place) and _is_photo(place):
        return _photos(path, shape, accepted)
    if holds_idx(place):
        return _idx(path)
    if is_place(place) and next(image_files(path), None) is not None:
        return _photos(path, shape, accepted)
    return _streams(open_source(path).streams, path, splits)


def _dataset(path: str, splits: Sequence[str] | None) -> NewImages:
    dataset = open_dataset(path)
    chosen = _chosen(splits, list(dataset.splits), path)

    def batches() -> Iterator[Batch]:
        for split in chosen:
            for batch in read_batches(dataset, split, ROWS):
                yield batch.with_columns({"split": np.full(len(batch), split, object)})

    return NewImages(batches, lambda: dataset.metadata.classes, dataset.metadata.stages, dataset=dataset)


def _chosen(splits: Sequence[str] | None, there: Sequence[str], path: str) -> Sequence[str]:
    for split in splits or ():
        if split not in there:
            raise WrongUse(f"{path} has no split {split!r}; it has {', '.join(there)}.")
    return splits or there


def _idx(path: str) -> NewImages:
    if Path(path).is_dir():
        raise WrongUse(
            f"{path} holds IDX files; name one of images, or convert them first, which knows their labels: "
            f"mnist-data convert {shlex.quote(path)} OUT"
        )

    def batches() -> Iterator[Batch]:
        with open_idx(path) as reader:
            first = 0
            for pixels in reader.batches(reader.rows_at_once(ROWS)):
                yield _batch(pixels, first)
                first += len(pixels)

    return NewImages(batches)


def _streams(streams: Sequence[ImageStream], path: str, splits: Sequence[str] | None, note: str = "") -> NewImages:
    """Give the splits of a form that convert reads."""
    chosen = _chosen(splits, [stream.split for stream in streams], path)

    def batches() -> Iterator[Batch]:
        first = 0
        for stream in (stream for stream in streams if stream.split in chosen):
            for rows in stream.rows(ROWS):
                columns = {**rows.columns, "split": np.full(len(rows.labels), stream.split, object)}
                yield _batch(rows.images, first, rows.labels, columns)
                first += len(rows.labels)

    return NewImages(batches, lambda: next((stream.classes for stream in streams if stream.classes), ()), note=note)


def _batch(
    pixels: Images, first: int, labels: Integers | None = None, columns: dict[str, npt.NDArray[Any]] | None = None
) -> Batch:
    ids = np.arange(first, first + len(pixels))
    return Batch(ids, np.full(len(pixels), UNLABELLED) if labels is None else labels, pixels, columns or {})


def _is_photo(path: Path) -> bool:
    """Say whether the file's content is an image that Pillow can read, whatever its name."""
    from PIL import Image

    try:
        with Image.open(path):
            return True
    except Image.DecompressionBombError:  # an image by its header; whoever reads it says that it is too large
        return True
    except (OSError, ValueError, SyntaxError):
        return False


def _photos(path: str, shape: Sequence[int], accepted: Accepted) -> NewImages:
    """Give image files as they are where they have the model's size and look more like its images so.

    Otherwise the digits in them are found, as `prepare` finds them.
    """
    photos = find_photos(path)
    streams = _of_size(path, shape)
    if streams and _better_as_they_are(photos.photos, streams[0], shape, accepted):
        return _streams(
            streams, path, None, _note("The images are taken as they are, for they have the model's size.", photos)
        )
    digits = [(photo, digit.image) for photo in photos.photos for digit in digits_of(photo.read()[1])]
    if not digits:
        raise WrongUse(f"{path}: no digit was found in any photo.")
    labels = np.array([photo.label for photo, _ in digits], np.int64)
    file = np.array([photo.file.name for photo, _ in digits], object)
    batch = _batch(np.stack([image for _, image in digits]), 0, labels, {"file": file})
    classes = photos.classes if (labels != UNLABELLED).any() else ()
    return NewImages(lambda: iter([batch]), lambda: classes, note=_note("", photos))


def _note(decided: str, photos: Photos) -> str:
    """Add where the labels are from, if from a table."""
    said = [note for note in photos.notes if photos.tables and "labels are read from" in note]
    return " ".join(filter(None, [decided, *said]))


def _of_size(path: str, shape: Sequence[int]) -> Sequence[ImageStream]:
    """Open image files that are all of the model's size; none where some are not."""
    try:
        streams = open_source(path).streams if is_place(Path(path)) else ()
    except (WrongUse, UnreadableInput):  # of several sizes, or damaged: prepare says so where it matters
        return ()
    fits = all(stream.shape == tuple(shape) and stream.dtype == "uint8" for stream in streams)
    return streams if fits else ()


def _better_as_they_are(photos: Sequence[Photo], stream: ImageStream, shape: Sequence[int], accepted: Accepted) -> bool:
    if tuple(shape) != (SIDE, SIDE):
        return True  # what is found in a photo has no other size
    rows = next(stream.rows(COMPARED))
    fraction = accepted(rows.images)
    if fraction is None:
        return False
    compared = set(rows.columns["file"].tolist())
    files = (photo for photo in photos if photo.file.name in compared)
    digits = [digit.image for digit in chain.from_iterable(digits_of(photo.read()[1]) for photo in files)]
    return not digits or fraction >= (accepted(np.stack(digits)) or 0.0)
