"""From a user's photos to a dataset of digits in MNIST's form, with tables that show before and after."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Batch
from mnist_data.errors import NoDataset, UnreadableInput
from mnist_data.images_in.image_files.image_scan import left_out_note, unreadable_error
from mnist_data.images_in.stream import UNLABELLED
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.messages import joined, message
from mnist_data.parquet.schema import Metadata, Stage
from mnist_data.parquet.writer import Draft, Part, PartWriter, require_free
from mnist_data.version import __version__
from pipelines.engine.execution import Execution
from pipelines.images.find_digits.mnist_form import SIDE
from pipelines.images.find_digits.pieces import SPECK_REASON
from pipelines.images.find_digits.sheet import Digit, SetAside, read_sheet
from pipelines.images.photos import DIGITS, Photo, find_photos
from pipelines.images.thumbnails import thumbnail_table

if TYPE_CHECKING:
    from PIL import Image

BEFORE = 112
"""Side of the square in which the page shows a photo, in pixels."""

SHOWN = 60
"""Most photos on the page."""

ASIDE, ASIDE_SIDE, MARGIN = 24, 56, 0.25
"""Most shapes of a photo that the page shows as set aside, the side of their squares, and the margin around each."""

MOST_ASIDE = 96
"""Most of these on the page."""


@dataclass(frozen=True)
class PreparedPhoto:
    """One photo: its file, split and label, the file's SHA-256, its digits, what is none, and the photo, reduced.

    aside: the first shapes that were set aside, each with its part of the photo, reduced.
    """

    file: str
    split: str
    label: int
    sha256: str
    digits: tuple[Digit, ...]
    set_aside: tuple[SetAside, ...]
    before: npt.NDArray[np.uint8]
    aside: tuple[tuple[SetAside, npt.NDArray[np.uint8]], ...] = ()


@dataclass(frozen=True)
class PrepareResult:
    """The dataset, the tables of its page, the photos in which no digit was found, and what was decided."""

    dataset: Dataset
    tables: dict[str, pd.DataFrame]
    empty: tuple[str, ...]
    notes: tuple[str, ...]


def prepare(
    photos: str | Path,
    target: str | Path,
    *,
    split: str | None = None,
    skip_unreadable: bool = False,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> PrepareResult:
    """Find the digits or letters of a photo or of all photos below a folder or in an archive; write a dataset of them.

    A digit has the class and the split of its photo, as `find_photos` finds them: photos/train/A/mine.jpg is an A of
    the split train; or of its row in a table of labels next to the photos. split: that of all photos. skip_unreadable:
    leave out files that are no images, and what has no partner in such a table. Columns added: file (below the folder),
    left, top, right and bottom (int32, pixels in the photo, the last two exclusive), and mark, which says of a sample
    that is perhaps two digits so. Digits that touch are cut where the classes are digits.

    Raises NoDataset where there is no photo or no digit in any, UnreadableInput, which lists the files that are no
    images, WrongUse where nothing decides which folders are the classes.
    """
    found = find_photos(str(photos), split, skip_unreadable)
    require_free(target, overwrite)
    read = (execution or Execution()).run(
        partial(_prepare, cut_touching=found.classes == DIGITS), list(found.photos), "prepare"
    )
    prepared = [photo for photo in read if isinstance(photo, PreparedPhoto)]
    unreadable = {photo.file.name: outcome for photo, outcome in zip(found.photos, read, strict=True)
                  if isinstance(outcome, UnreadableInput)}  # fmt: skip
    if unreadable and (not skip_unreadable or not prepared):
        raise _unreadable(str(photos), list(unreadable.values()))
    if not any(photo.digits for photo in prepared):
        raise NoDataset(
            str(photos),
            "no digit was found in any photo" + _only_set_aside(prepared),
            "dark ink on bright paper, or the reverse",
            "Photograph only the sheet, from above and in even light.",
        )
    dataset = _write(prepared, found.classes, photos, target, overwrite)
    empty = tuple(photo.file for photo in prepared if not photo.digits)
    notes = (*found.notes, *_of_several_digits(prepared, found.classes), *_doubts(prepared))
    left_out = [left_out_note(str(photos), len(read), list(unreadable))] if unreadable else []
    return PrepareResult(dataset, _tables(prepared, dataset.metadata), empty, (*notes, *left_out))


def _of_several_digits(prepared: Sequence[PreparedPhoto], classes: Sequence[str]) -> list[str]:
    """Say it where the photos of a class that may be one sign, as 10, hold several digits, each of which is one now."""
    counts: dict[int, list[int]] = {}
    for photo in prepared:
        if photo.label != UNLABELLED:
            counts.setdefault(photo.label, []).append(len(photo.digits))
    names = classes or [str(label) for label in range(max(counts, default=0) + 1)]
    several = [names[label] for label in sorted(counts) if len(names[label]) > 1 and np.median(counts[label]) > 1]
    return [
        f"Most photos of the class {name} hold several digits or letters, and each of them is now a {name}. If {name} "
        "is one sign, take mnist-data convert, which keeps images as they are."
        for name in several
    ]


def _only_set_aside(prepared: Sequence[PreparedPhoto]) -> str:
    """Say what was set aside instead, with its most frequent reason."""
    reasons = Counter(thing.reason for photo in prepared for thing in photo.set_aside)
    if not reasons:
        return ""
    return f"; {reasons.total():,} shapes were set aside, most as {reasons.most_common(1)[0][0]!r}"


def _doubts(prepared: Sequence[PreparedPhoto]) -> list[str]:
    """Warn of each photo with samples that are perhaps two digits, or with writing that was taken for none."""
    notes: list[str] = []
    for photo in prepared:
        marked = sum(bool(digit.mark) for digit in photo.digits)
        if marked:
            notes.append(
                message(
                    "{file}: {marked:,} of {samples:,} samples are perhaps two digits (column mark).",
                    file=photo.file,
                    marked=marked,
                    samples=len(photo.digits),
                )
            )
        reasons = Counter(thing.reason for thing in photo.set_aside if thing.reason != SPECK_REASON)
        if reasons:
            listed = joined(
                [
                    message("{name} ({details})", name=message(reason), details=f"{count:,}")
                    for reason, count in reasons.most_common()
                ],
                "; ",
            )
            notes.append(message("{file}: not taken for digits: {reasons}.", file=photo.file, reasons=listed))
    return notes


def _unreadable(photos: str, errors: Sequence[UnreadableInput]) -> UnreadableInput:
    """Give the error of one file as it is, and those of several in one."""
    if len(errors) == 1:
        return errors[0]
    return unreadable_error(photos, {error.path: error.found for error in errors})


def _prepare(photo: Photo, cut_touching: bool) -> PreparedPhoto | UnreadableInput:
    from PIL import Image, ImageOps

    try:
        content, image = photo.read()
    except UnreadableInput as error:
        return error
    small = ImageOps.contain(image.convert("RGBA"), (BEFORE, BEFORE))
    square = Image.new("RGBA", (BEFORE, BEFORE), (128, 128, 128, 255))
    square.alpha_composite(small, ((BEFORE - small.width) // 2, (BEFORE - small.height) // 2))
    digest = hashlib.sha256(content).hexdigest()
    before = np.asarray(square.convert("L"))
    name = photo.file.name.encode("utf-8", "replace").decode()  # a file system's names may be no text
    sheet = read_sheet(image, cut_touching)
    aside = tuple((shape, _part(image, shape)) for shape in sorted(sheet.set_aside, key=_is_speck)[:ASIDE])
    return PreparedPhoto(name, photo.split, photo.label, digest, sheet.digits, sheet.set_aside, before, aside)


def _is_speck(shape: SetAside) -> bool:
    return shape.reason == SPECK_REASON


def _part(photo: Image.Image, shape: SetAside) -> npt.NDArray[np.uint8]:
    """Cut a shape out of its photo, with a margin of a quarter, into a square of ASIDE_SIDE pixels."""
    from PIL import Image, ImageOps

    margin = max(4, round(MARGIN * max(shape.right - shape.left, shape.bottom - shape.top)))
    box = (
        max(0, shape.left - margin),
        max(0, shape.top - margin),
        min(photo.width, shape.right + margin),
        min(photo.height, shape.bottom + margin),
    )
    part = ImageOps.contain(photo.crop(box).convert("RGBA"), (ASIDE_SIDE, ASIDE_SIDE))
    square = Image.new("RGBA", (ASIDE_SIDE, ASIDE_SIDE), (128, 128, 128, 255))
    square.alpha_composite(part, ((ASIDE_SIDE - part.width) // 2, (ASIDE_SIDE - part.height) // 2))
    return np.asarray(square.convert("L"))


def _write(
    prepared: Sequence[PreparedPhoto], classes: Sequence[str], photos: str | Path, target: str | Path, overwrite: bool
) -> Dataset:
    """Write the digits of all photos, which are in the order of their splits."""
    what = "Digits" if tuple(classes) == DIGITS else "Characters"
    metadata = Metadata(
        dataset=Path(photos).stem,
        shape=(SIDE, SIDE),
        dtype="uint8",
        title=f"{what} of {Path(photos).name}",
        classes=tuple(classes),
        stages=(Stage("prepare", {"pictures": {photo.file: photo.sha256 for photo in prepared}}),),
    )
    plan = {
        "stage": "prepare",
        "pictures": [(photo.file, photo.sha256, photo.split, photo.label) for photo in prepared],
        "version": __version__,
    }
    with Draft(target, plan, overwrite) as draft:
        parts: list[Part] = []
        first = 0
        for split, members in groupby(prepared, lambda photo: photo.split):
            batch = _batch(list(members), first)
            if len(batch.labels):
                parts.append(PartWriter(draft.location, split, 0, metadata).write_all([batch]))
            first += len(batch.labels)
        return draft.commit(parts, metadata)


def _batch(photos: Sequence[PreparedPhoto], first: int) -> Batch:
    """Give the digits of photos, with ids from `first`."""
    digits = [(photo, digit) for photo in photos for digit in photo.digits]
    columns: dict[str, Any] = {"file": np.array([photo.file for photo, _ in digits], object)}
    for side in ("left", "top", "right", "bottom"):
        columns[side] = np.array([getattr(digit, side) for _, digit in digits], np.int32)
    columns["mark"] = np.array([digit.mark for _, digit in digits], object)
    images = np.array([digit.image for _, digit in digits], np.uint8).reshape(-1, SIDE, SIDE)
    labels = np.array([photo.label for photo, _ in digits], np.int64)
    return Batch(np.arange(first, first + len(digits)), labels, images, columns)


def _tables(prepared: list[PreparedPhoto], metadata: Metadata) -> dict[str, pd.DataFrame]:
    """Give the tables of the page: the photos, and their digits."""
    shown = prepared[:SHOWN]
    digits = [(number, digit) for number, photo in enumerate(shown) for digit in photo.digits]
    before = Metadata(metadata.dataset, (BEFORE, BEFORE), "uint8")
    aside = [(photo.file, shape, part) for photo in prepared for shape, part in photo.aside]
    aside = sorted(aside, key=lambda entry: _is_speck(entry[1]))[:MOST_ASIDE]
    tables = {
        "photos": thumbnail_table(
            {"photo": range(len(shown)), "file": [photo.file for photo in shown]},
            np.stack([photo.before for photo in shown]),
            before,
        ),
        "prepared": thumbnail_table(
            {"photo": [number for number, _ in digits]}, np.stack([digit.image for _, digit in digits]), metadata
        ),
    }
    tables["photos"].attrs["photos"] = len(prepared)
    if aside:
        tables["set_aside"] = _aside_table(aside, metadata)
        tables["set_aside"].attrs["shapes"] = sum(len(photo.set_aside) for photo in prepared)
    return tables


def _aside_table(aside: Sequence[tuple[str, SetAside, npt.NDArray[np.uint8]]], metadata: Metadata) -> pd.DataFrame:
    """Tabulate what was set aside: file, reason, left, top, right, bottom, and its part of the photo."""
    boxes = {side: [getattr(shape, side) for _, shape, _ in aside] for side in ("left", "top", "right", "bottom")}
    columns = {"file": [file for file, _, _ in aside], "reason": [shape.reason for _, shape, _ in aside], **boxes}
    square = Metadata(metadata.dataset, (ASIDE_SIDE, ASIDE_SIDE), "uint8")
    return thumbnail_table(columns, np.stack([part for _, _, part in aside]), square)
