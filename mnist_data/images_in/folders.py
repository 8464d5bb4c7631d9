"""Image files in class folders, below a folder or in a zip or tar archive: train/5/0001.png, digits/A/x.jpg."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.errors import NoDataset, UnreadableInput, WrongUse
from mnist_data.idx.names import parse_name, split_order
from mnist_data.images_in.stream import UNLABELLED, Form, ImageStream, Options, Rows, Source

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")

NAMED = 5
"""Files that a message names; the others it counts."""


@dataclass(frozen=True)
class ImageFile:
    """One image file. name: below the folder or in the archive. folders: those it lies in, the outermost first."""

    name: str
    folders: tuple[str, ...]


class FolderStream(ImageStream):
    """The images of one split, all of one size. classes: the names of their folders, in natural order."""

    def __init__(self, path: str, split: str, files: Sequence[ImageFile], classes: Sequence[str]) -> None:
        self.path, self.split, self.classes = path, split, tuple(classes)
        self._files = tuple(files)
        self._hash = hashlib.sha256()
        self.shape = _common_shape(path, self._files)
        self.dtype = "uint8"
        number = {name: place for place, name in enumerate(self.classes)}
        self._labels = {file.name: number.get(file.folders[-1] if file.folders else "", UNLABELLED) for file in files}
        unlabelled = sum(label == UNLABELLED for label in self._labels.values())
        self.notes = (f"{path}: {unlabelled:,} images of {split} lie in no class folder.",) if unlabelled else ()

    @property
    def sha256(self) -> str:
        """SHA-256 of the files' contents in their order, known once `rows` has ended."""
        return self._hash.hexdigest()

    def rows(self, count: int) -> Iterator[Rows]:
        """Give the images in order; column file: each one's name."""
        self._hash = hashlib.sha256()
        pending: list[tuple[str, npt.NDArray[np.uint8]]] = []
        for name, content in contents(self.path, [file.name for file in self._files]):
            self._hash.update(content)
            pending.append((name, _pixels(f"{self.path}/{name}", content, self.shape)))
            if len(pending) == count:
                yield self._rows(pending)
                pending = []
        if pending:
            yield self._rows(pending)

    def _rows(self, images: Sequence[tuple[str, npt.NDArray[np.uint8]]]) -> Rows:
        names = [name for name, _ in images]
        columns: dict[str, npt.NDArray[Any]] = {"file": np.array(names, object)}
        labels = np.array([self._labels[name] for name in names], np.int64)
        return Rows(np.stack([pixels for _, pixels in images]), labels, columns)


def folder_streams(path: str, split: str | None = None) -> list[FolderStream]:
    """Find the splits and classes of a folder or archive of image files.

    The innermost folder of a file is its class; an outer one that is named as a split is its split. Raises NoDataset
    where there is no image file, WrongUse for images of several sizes.
    """
    files = list(_image_files(path))
    if not files:
        raise NoDataset(
            path, "no image file lies in it", "image files in class folders", f"Endings: {', '.join(ENDINGS)}."
        )
    chosen: dict[str, list[ImageFile]] = {}
    for file in files:
        found = next((named for folder in file.folders if (named := _split_named(folder))), None)
        chosen.setdefault(split or found or "train", []).append(file)
    names = {file.folders[-1] for file in files if file.folders and not _split_named(file.folders[-1])}
    classes = sorted(names, key=_natural)
    ordered = {
        name: sorted(chosen[name], key=lambda file: _natural(file.name)) for name in sorted(chosen, key=split_order)
    }
    return [FolderStream(path, name, members, classes) for name, members in ordered.items()]


def _split_named(folder: str) -> str | None:
    """Give the split that the whole name of a folder means, as in test or training_images."""
    name = parse_name(f"{folder}-images" if not re.search("image", folder) else folder)
    return name.split if not name.dataset else None


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Order 2 before 10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in re.split(r"(\d+)", name) if part]


def _image_files(path: str) -> Iterator[ImageFile]:
    for name in _names(path):
        parts = PurePosixPath(name).parts
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
        if not hidden and name.lower().endswith(ENDINGS):
            yield ImageFile(name, tuple(parts[:-1]))


def _names(path: str) -> list[str]:
    if Path(path).is_dir():
        return [file.relative_to(path).as_posix() for file in Path(path).rglob("*") if file.is_file()]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return [info.filename for info in archive.infolist() if not info.is_dir()]
    with tarfile.open(path) as tar:
        return [member.name for member in tar if member.isfile()]


def contents(path: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Give the files of a folder or archive; of a tar in its own order, as going back means unpacking it again."""
    if Path(path).is_dir():
        yield from ((name, (Path(path) / name).read_bytes()) for name in names)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from ((name, archive.read(name)) for name in names)
    else:
        wanted = set(names)
        with tarfile.open(path) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isfile() and member.name in wanted else None
                if file is not None:
                    yield member.name, file.read()


def _recognises(source: Source) -> bool:
    """Say whether a folder or archive holds an image file."""
    path = Path(source.path)
    archived = path.is_dir() or zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    return archived and next(_image_files(source.path), None) is not None


def _streams(sources: Sequence[Source], options: Options) -> list[FolderStream]:
    return [stream for source in sources for stream in folder_streams(source.path, options.split)]


FORM = Form("image files", (), _recognises, _streams)


def _common_shape(path: str, files: Sequence[ImageFile]) -> tuple[int, ...]:
    """Look at all headers. Raises UnreadableInput, which lists all files that are no images, WrongUse for sizes."""
    from PIL import Image, UnidentifiedImageError

    sizes: dict[tuple[int, int], str] = {}
    colour, unreadable = False, []
    for name, content in contents(path, [file.name for file in files]):
        try:
            with Image.open(io.BytesIO(content)) as image:
                sizes.setdefault((image.height, image.width), name)
                colour |= image.mode not in ("1", "L", "LA", "I;16", "I", "F") and _has_colour(image)
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
            unreadable.append(name)
    if unreadable:
        listed = ", ".join(unreadable[:NAMED]) + (
            f" and {len(unreadable) - NAMED:,} more" if len(unreadable) > NAMED else ""
        )
        raise UnreadableInput(
            path, f"{len(unreadable):,} files that are no images: {listed}", "image files", "Take them out."
        )
    if len(sizes) > 1:
        listed = ", ".join(f"{height}×{width} ({name})" for (height, width), name in list(sizes.items())[:NAMED])
        raise WrongUse(
            f"{path}: its images have {len(sizes)} sizes, as {listed}; mnist-data prepare brings photos and scans of "
            "digits to 28×28."
        )
    size = next(iter(sizes))
    return (*size, 3) if colour else size


def _has_colour(image: Any) -> bool:
    pixels = np.asarray(image.convert("RGB"))
    return bool((pixels[..., 0] != pixels[..., 1]).any() or (pixels[..., 1] != pixels[..., 2]).any())


def _pixels(name: str, content: bytes, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB" if len(shape) == 3 else "L"))
    except (OSError, ValueError, SyntaxError) as cause:
        raise UnreadableInput(name, f"it cannot be decoded ({cause})", "a whole image file", "Take it out.") from cause
