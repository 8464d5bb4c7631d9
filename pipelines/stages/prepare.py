"""From a user's photos to a dataset of digits in MNIST's form, with tables that show before and after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data import storage
from mnist_data.batch import Batch
from mnist_data.errors import NoDataset
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.schema import Metadata, Stage
from mnist_data.parquet.writer import Draft, PartWriter
from mnist_data.version import __version__
from pipelines.engine.execution import Execution
from pipelines.images.find_digits import SIDE, Digit, digits_of, read_photo
from pipelines.images.thumbnails import thumbnail_table

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
"""Names of image files in a folder."""

UNKNOWN = -1
"""The label of a digit without one."""

BEFORE = 112
"""Side of the square in which the page shows a photo, in pixels."""

SHOWN = 60
"""Most photos on the page."""


@dataclass(frozen=True)
class PreparedPhoto:
    """One photo: its file, the file's SHA-256, the label by its folder, its digits, and the photo itself, reduced."""

    file: str
    sha256: str
    label: int
    digits: tuple[Digit, ...]
    before: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PrepareResult:
    """The dataset, the tables of its page, and the photos in which no digit was found."""

    dataset: Dataset
    tables: dict[str, pd.DataFrame]
    empty: tuple[str, ...]


def prepare(
    photos: str | Path,
    target: str | Path,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> PrepareResult:
    """Find the digits of a photo or of all photos below a folder; write a dataset of one split, "test".

    A digit's label is the name of its photo's folder where that is a digit, as in photos/7/mine.jpg, else -1. Columns
    added: file (below the folder), left, top, right and bottom (int32, pixels in the photo, the last two exclusive).

    Raises NoDataset where there is no photo or no digit in any, UnreadableInput for a file that is no image.
    """
    tasks = find_photos(Path(photos))
    storage.require_free(target, overwrite)
    prepared = (execution or Execution()).run(_prepare, tasks, "prepare")
    if not any(photo.digits for photo in prepared):
        raise NoDataset(
            str(photos),
            "no digit was found in any photo",
            "dark ink on bright paper, or the reverse",
            "Photograph only the sheet, from above and in even light.",
        )
    dataset = _write(prepared, photos, target, overwrite)
    empty = tuple(photo.file for photo in prepared if not photo.digits)
    return PrepareResult(dataset, _tables(prepared, dataset.metadata), empty)


def find_photos(photos: Path) -> list[tuple[Path, str]]:
    """List the image files below a folder, or the one named: path, and name below the folder, sorted.

    Raises NoDataset where there is none.
    """
    if photos.is_dir():
        files = sorted(path for path in photos.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
        named = [(path, path.relative_to(photos).as_posix()) for path in files]
    else:
        named = [(photos, photos.name)] if photos.is_file() else []
    if not named:
        problem = "there are no image files in it" if photos.is_dir() else storage.not_a_file(photos)
        raise NoDataset(str(photos), problem, "a photo or a folder of photos", f"Endings: {', '.join(ENDINGS)}.")
    return named


def _prepare(task: tuple[Path, str]) -> PreparedPhoto:
    from PIL import Image, ImageOps

    path, name = task
    photo = read_photo(path)
    folder = path.parent.name
    label = int(folder) if len(folder) == 1 and folder in "0123456789" else UNKNOWN
    small = ImageOps.contain(photo.convert("RGBA"), (BEFORE, BEFORE))
    square = Image.new("RGBA", (BEFORE, BEFORE), (128, 128, 128, 255))
    square.alpha_composite(small, ((BEFORE - small.width) // 2, (BEFORE - small.height) // 2))
    return PreparedPhoto(name, storage.sha256_of(path), label, tuple(digits_of(photo)), np.asarray(square.convert("L")))


def _write(prepared: list[PreparedPhoto], photos: str | Path, target: str | Path, overwrite: bool) -> Dataset:
    digits = [(photo, digit) for photo in prepared for digit in photo.digits]
    metadata = Metadata(
        dataset=Path(photos).stem,
        shape=(SIDE, SIDE),
        dtype="uint8",
        title=f"Digits of {Path(photos).name}",
        classes=tuple("0123456789"),
        stages=(Stage("prepare", {"pictures": {photo.file: photo.sha256 for photo in prepared}}),),
    )
    columns: dict[str, Any] = {"file": np.array([photo.file for photo, _ in digits], object)}
    for side in ("left", "top", "right", "bottom"):
        columns[side] = np.array([getattr(digit, side) for _, digit in digits], np.int32)
    batch = Batch(
        np.arange(len(digits)),
        np.array([photo.label for photo, _ in digits], np.int64),
        np.stack([digit.image for _, digit in digits]),
        columns,
    )
    plan = {"stage": "prepare", "pictures": [(photo.file, photo.sha256) for photo in prepared], "version": __version__}
    with Draft(target, plan, overwrite) as draft:
        return draft.commit([PartWriter(draft.location, "test", 0, metadata).write_all([batch])], metadata)


def _tables(prepared: list[PreparedPhoto], metadata: Metadata) -> dict[str, pd.DataFrame]:
    """Give the tables of the page: the photos, and their digits."""
    shown = prepared[:SHOWN]
    digits = [(number, digit) for number, photo in enumerate(shown) for digit in photo.digits]
    before = Metadata(metadata.dataset, (BEFORE, BEFORE), "uint8")
    return {
        "photos": thumbnail_table(
            {"photo": range(len(shown)), "file": [photo.file for photo in shown]},
            np.stack([photo.before for photo in shown]),
            before,
        ),
        "prepared": thumbnail_table(
            {"photo": [number for number, _ in digits]}, np.stack([digit.image for _, digit in digits]), metadata
        ),
    }
