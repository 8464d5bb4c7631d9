"""Image files in class folders, below a folder or in a zip or tar archive: train/5/0001.png, digits/A/x.jpg."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from mnist_data.batch import Images
from mnist_data.errors import NoDataset
from mnist_data.idx.format import MAX_BATCH_BYTES
from mnist_data.idx.names import split_order
from mnist_data.idx.tree import IMAGE_ENDINGS, is_place
from mnist_data.images_in.image_files.assignment import assign_images
from mnist_data.images_in.image_files.classes import natural
from mnist_data.images_in.image_files.decoding import NotDecoded, guarded, pixels_of
from mnist_data.images_in.image_files.image_scan import THREADS, ImageScan, scan, unreadable_error
from mnist_data.images_in.image_files.listing import ImageFile, contents, image_files
from mnist_data.images_in.image_files.png import decode_plain, pays
from mnist_data.images_in.local_files import sha256_of
from mnist_data.images_in.stream import Form, ImageStream, Options, Rows, Source

AT_ONCE = 256
"""Images that a thread decodes in one go."""


@dataclass(frozen=True)
class LabelledFile:
    """An image file, its label, and its content and pixels where they were kept."""

    file: ImageFile
    label: int
    content: bytes | None = None
    pixels: Images | None = None


class FolderStream(ImageStream):
    """The images of one split, all of one size. classes: the names of their folders, in natural order."""

    def __init__(self, path: str, split: str, files: Sequence[LabelledFile], scanned: ImageScan) -> None:
        self.path, self.split, self.shape, self.dtype = path, split, scanned.shape, scanned.dtype
        self._files, self._scan = tuple(files), scanned
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """SHA-256 of the files' contents in their order, and of tables of labels, known once `rows` has ended."""
        digest = self._hash.copy()
        for table in self.files[1:]:
            digest.update(sha256_of(table).encode())
        return digest.hexdigest()

    def rows(self, count: int) -> Iterator[Rows]:
        """Give the images in order; column file: each one's name.

        Raises UnreadableInput, which lists all files that cannot be read, once it has come to the end.
        """
        self._hash = hashlib.sha256()
        images = np.empty((0, *self.shape), self.dtype)
        size = max(1, min(count, MAX_BATCH_BYTES // max(1, math.prod(self.shape) * images.itemsize)))
        unreadable: dict[str, str] = {}
        files = self._contents()
        with ThreadPoolExecutor(THREADS, "decode") as pool:
            while batch := list(islice(files, size)):
                images = np.empty((len(batch), *self.shape), self.dtype)
                unreadable |= self._decode(pool, batch, images)
                if not unreadable:  # after that, only the others are looked for
                    yield self._rows([file for file, _ in batch], images)
        if unreadable:
            raise unreadable_error(self.path, unreadable)

    def _contents(self) -> Iterator[tuple[LabelledFile, bytes | str]]:
        """Give each file and its content, or why it cannot be read; those kept are not read again."""
        if all(file.content is not None for file in self._files):
            yield from ((file, file.content or b"") for file in self._files)
            return
        by_file = {file.file: file for file in self._files}
        yield from ((by_file[file], content) for file, content in contents(list(by_file)))

    def _decode(
        self, pool: ThreadPoolExecutor, batch: Sequence[tuple[LabelledFile, bytes | str]], images: Images
    ) -> dict[str, str]:
        """Decode files into `images`, (n, *shape), and hash them; gives why those cannot be read that cannot."""

        def decode(places: Sequence[int]) -> dict[str, str]:
            reasons = {}
            for place in places:
                file, content = batch[place]
                try:
                    images[place] = self._pixels(content)
                except NotDecoded as cause:
                    reasons[file.file.name] = str(cause)
            return reasons

        rest = [place for place, (file, _) in enumerate(batch) if file.pixels is None]
        for place, (file, _) in enumerate(batch):
            if file.pixels is not None:
                images[place] = file.pixels
        if self.dtype == "uint8" and len(rest) == len(batch) and pays(len(batch), self.shape):
            rest = decode_plain([content for _, content in batch], images)
        with guarded():
            decoded = pool.map(decode, [rest[first : first + AT_ONCE] for first in range(0, len(rest), AT_ONCE)])
            for _, content in batch:
                if isinstance(content, bytes):
                    self._hash.update(content)
            return dict(reason for reasons in decoded for reason in reasons.items())

    def _pixels(self, content: bytes | str) -> Images:
        if isinstance(content, str):
            raise NotDecoded(content)
        pixels = pixels_of(content, self._scan.kind, self._scan.background)
        if pixels.shape != self.shape:
            raise NotDecoded("it has changed while it was read")
        return pixels

    def _rows(self, files: Sequence[LabelledFile], images: Images) -> Rows:
        names = [file.file.name.encode("utf-8", "replace").decode() for file in files]
        return Rows(images, np.array([file.label for file in files], np.int64), {"file": np.array(names, object)})


def folder_streams(roots: Sequence[str], options: Options | None = None) -> list[FolderStream]:
    """Open the image files below folders or in archives, one split a stream: of one folder, or of an archive a split.

    Raises NoDataset where there is no image file, UnreadableInput, which lists all files that cannot be read, and
    WrongUse for images of several sizes or where nothing decides which folders are the classes.
    """
    options = options or Options()
    root = roots[0] if len(roots) == 1 else str(Path(roots[0]).parent)
    files = [file for place in roots for file in image_files(place)]
    if not files:
        raise NoDataset(
            root, "no image file lies in it", "image files in class folders", f"Endings: {', '.join(IMAGE_ENDINGS)}."
        )
    names = [file.name if len(roots) == 1 else f"{_stem(file.root)}/{file.name}" for file in files]
    decided = assign_images(roots, root, names, options)
    assigned = decided.assignment
    scanned = scan(root, files, options.skip_unreadable)
    left_out = decided.left_out | set(scanned.unreadable)
    order = sorted(set(range(len(files))) - left_out, key=lambda place: natural(names[place]))
    splits: dict[str, list[LabelledFile]] = {}
    for place in order:
        file = LabelledFile(files[place], assigned.labels[place], scanned.kept.get(place), scanned.grey.get(place))
        splits.setdefault(assigned.splits[place], []).append(file)
    streams = [FolderStream(root, split, splits[split], scanned) for split in sorted(splits, key=split_order)]
    for stream in streams:
        stream.classes = assigned.classes
        stream.files = (root, *decided.tables) if decided.tables else ()
    streams[0].notes = (*assigned.notes, *scanned.notes)
    streams[0].left_out = tuple(files[place].name for place in sorted(left_out))
    return streams


def _stem(root: str) -> str:
    """Give the name of a folder or archive without the endings of its packing."""
    return re.sub(r"(\.(zip|tar|tgz|gz|bz2|xz|zst|lz4))+$", "", Path(root).absolute().name, flags=re.IGNORECASE)


def _recognises(source: Source) -> bool:
    """Say whether a folder or archive holds an image file."""
    return is_place(Path(source.path)) and next(image_files(source.path), None) is not None


def _streams(sources: Sequence[Source], options: Options) -> list[FolderStream]:
    return folder_streams([source.path for source in sources], options)


FORM = Form("image files", (), _recognises, _streams)
