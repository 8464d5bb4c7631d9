"""A user's photos, scans and drawings of characters: which files there are, their splits and classes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_data import storage
from mnist_data.errors import NoDataset, UnreadableInput
from mnist_data.idx.names import split_order
from mnist_data.idx.tree import IMAGE_ENDINGS, is_place
from mnist_data.images_in.image_files.assignment import AssignedImages, assign_images
from mnist_data.images_in.image_files.classes import assign, natural
from mnist_data.images_in.image_files.listing import ImageFile, content_of, contents, image_files
from mnist_data.images_in.stream import UNLABELLED, Options
from pipelines.images.find_digits.photo import read_photo

if TYPE_CHECKING:
    from PIL import Image

DIGITS = tuple("0123456789")
"""The classes where folders are named by digits, so that a label is the digit even where not all ten are there; and
where nothing says what the images show."""


@dataclass(frozen=True)
class Photo:
    """An image file. label: -1 where nothing says it. content: of a file in an archive, which is read once."""

    file: ImageFile
    split: str
    label: int
    content: bytes | str | None = None

    def read(self) -> tuple[bytes, Image.Image]:
        """Give the file's bytes, and the image. Raises UnreadableInput where it is none."""
        content = content_of(self.file) if self.content is None else self.content
        if isinstance(content, str):
            raise UnreadableInput(self.file.path, content, "an image file (PNG, JPEG, …)", "Take it out.")
        return content, read_photo(io.BytesIO(content), self.file.path)


@dataclass(frozen=True)
class Photos:
    """Photos by split, in natural order. classes: the names of the labels. notes: what was decided, for the user.

    tables: the files next to the photos that the labels are from.
    """

    photos: tuple[Photo, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    tables: tuple[str, ...] = ()


def find_photos(path: str, split: str | None = None, skip_unreadable: bool = False) -> Photos:
    """Find the image files below a folder or in an archive, or the one named, with their splits and classes.

    Both are those that `assign_images` finds, as for `convert`, by a table next to them, too; only classes that are
    named by digits are those of all ten. split: that of all photos. skip_unreadable: leave out photos without a row in
    such a table, and rows without a photo. Raises NoDataset where there is no image file, MismatchedPair where photos
    and table do not fit together, WrongUse where nothing decides which folders are the classes.
    """
    place = Path(path)
    if is_place(place):
        files = list(image_files(path))
    else:
        files = [ImageFile(str(place.parent), place.name)] if place.is_file() else []
    if not files:
        problem = "there are no image files in it" if is_place(place) else storage.not_a_file(path)
        advice = f"Endings: {', '.join(IMAGE_ENDINGS)}."
        raise NoDataset(path, problem, "a photo or a folder of photos", advice)
    names = [file.name for file in files]
    options = Options(split=split, skip_unreadable=skip_unreadable)
    decided = (
        assign_images([path], path, names, options) if is_place(place) else AssignedImages(assign(names, "", split))
    )
    assigned = decided.assignment
    classes, labels = _digits(assigned.classes, assigned.labels)
    splits = assigned.splits
    read = {} if place.is_dir() or not is_place(place) else dict(contents(files))
    kept = set(range(len(files))) - decided.left_out
    order = sorted(kept, key=lambda number: (split_order(splits[number]), natural(names[number])))
    photos = tuple(Photo(files[number], splits[number], labels[number], read.get(files[number])) for number in order)
    return Photos(photos, classes, assigned.notes, decided.tables)


def _digits(classes: Sequence[str], labels: Sequence[int]) -> tuple[tuple[str, ...], list[int]]:
    """Let the labels of classes that are named by digits be these digits, as are numbers of a table up to 9."""
    if not classes and max(labels, default=UNLABELLED) < len(DIGITS):
        return DIGITS, list(labels)
    if not classes or not set(classes) <= set(DIGITS):
        return tuple(classes), list(labels)
    return DIGITS, [UNLABELLED if label == UNLABELLED else int(classes[label]) for label in labels]
