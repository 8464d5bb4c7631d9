"""From people's own pictures to a dataset of digits as MNIST has them, with tables that show before and after."""

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

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
"""Endings by which pictures are known in a folder."""

UNKNOWN = -1
"""The label of a digit that nobody has named."""

BEFORE = 112
"""Pixels of the square in which the page shows a picture."""

SHOWN = 60
"""Pictures on the page."""


@dataclass(frozen=True)
class Prepared:
    """One picture: its file and that one's SHA-256, the label that its folder gives, its digits, and itself, small."""

    file: str
    sha256: str
    label: int
    digits: tuple[Digit, ...]
    before: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Outcome:
    """The dataset, the tables that its page shows, and the pictures in which no digit was found."""

    dataset: Dataset
    tables: dict[str, pd.DataFrame]
    empty: tuple[str, ...]


def prepare(
    photos: str | Path,
    target: str | Path,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> Outcome:
    """Find the digits of a picture or of all pictures below a folder; write a dataset of one split, "test".

    A digit's label is the name of its picture's folder where that is a digit, as in photos/7/mine.jpg, else -1. Columns
    added: file (below the folder), left, top, right and bottom (int32, pixels in the picture, the last two exclusive).

    Raises NoDataset where there is no picture or no digit in any, UnreadableInput for a file that is no picture.
    """
    tasks = find_pictures(Path(photos))
    storage.require_free(target, overwrite)
    prepared = (execution or Execution()).run(_prepare, tasks, "prepare")
    if not any(one.digits for one in prepared):
        raise NoDataset(
            str(photos),
            "no digit was found in any picture",
            "dark ink on bright paper, or the reverse",
            "Photograph the sheet from above, in even light, and the paper alone.",
        )
    dataset = _write(prepared, photos, target, overwrite)
    return Outcome(dataset, _tables(prepared, dataset.metadata), tuple(one.file for one in prepared if not one.digits))


def find_pictures(photos: Path) -> list[tuple[Path, str]]:
    """Find the pictures below a folder, or take the one named: its path, and its name below the folder, sorted.

    Raises NoDataset where there is none.
    """
    if photos.is_dir():
        files = sorted(path for path in photos.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())
        found = [(path, path.relative_to(photos).as_posix()) for path in files]
    else:
        found = [(photos, photos.name)] if photos.exists() else []
    if not found:
        what = "no picture lies in it" if photos.is_dir() else "there is no such file or folder"
        raise NoDataset(str(photos), what, "a picture or a folder of pictures", f"Endings: {', '.join(PICTURES)}.")
    return found


def _prepare(task: tuple[Path, str]) -> Prepared:
    from PIL import Image, ImageOps

    path, name = task
    picture = read_photo(path)
    folder = path.parent.name
    label = int(folder) if len(folder) == 1 and folder in "0123456789" else UNKNOWN
    small = ImageOps.contain(picture.convert("RGBA"), (BEFORE, BEFORE))
    paper = Image.new("RGBA", (BEFORE, BEFORE), (128, 128, 128, 255))
    paper.alpha_composite(small, ((BEFORE - small.width) // 2, (BEFORE - small.height) // 2))
    return Prepared(name, storage.sha256_of(path), label, tuple(digits_of(picture)), np.asarray(paper.convert("L")))


def _write(prepared: list[Prepared], photos: str | Path, target: str | Path, overwrite: bool) -> Dataset:
    found = [(one, digit) for one in prepared for digit in one.digits]
    metadata = Metadata(
        dataset=Path(photos).stem,
        shape=(SIDE, SIDE),
        dtype="uint8",
        title=f"Digits of {Path(photos).name}",
        classes=tuple("0123456789"),
        stages=(Stage("prepare", {"pictures": {one.file: one.sha256 for one in prepared}}),),
    )
    columns: dict[str, Any] = {"file": np.array([one.file for one, _ in found], object)}
    for side in ("left", "top", "right", "bottom"):
        columns[side] = np.array([getattr(digit, side) for _, digit in found], np.int32)
    batch = Batch(
        np.arange(len(found)),
        np.array([one.label for one, _ in found], np.int64),
        np.stack([digit.image for _, digit in found]),
        columns,
    )
    plan = {"stage": "prepare", "pictures": [(one.file, one.sha256) for one in prepared], "version": __version__}
    with Draft(target, plan, overwrite) as draft:
        return draft.commit([PartWriter(draft.location, "test", 0, metadata).write_all([batch])], metadata)


def _tables(prepared: list[Prepared], metadata: Metadata) -> dict[str, pd.DataFrame]:
    """Give what the page shows: the pictures, and their digits."""
    shown = prepared[:SHOWN]
    digits = [(number, digit) for number, one in enumerate(shown) for digit in one.digits]
    before = Metadata(metadata.dataset, (BEFORE, BEFORE), "uint8")
    return {
        "photos": thumbnail_table(
            {"photo": range(len(shown)), "file": [one.file for one in shown]},
            np.stack([one.before for one in shown]),
            before,
        ),
        "prepared": thumbnail_table(
            {"photo": [number for number, _ in digits]}, np.stack([digit.image for _, digit in digits]), metadata
        ),
    }
