"""The first look at a set of image files: their sizes and kinds, and which cannot be read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mnist_data.batch import Images
from mnist_data.errors import UnreadableInput, WrongUse, first_few
from mnist_data.images_in.image_files.decoding import (
    ImageHeader,
    Kind,
    NotDecoded,
    guarded,
    header_of,
    ink_brightness,
    is_grey,
    pixels_of,
    plain_header,
)
from mnist_data.images_in.image_files.listing import ImageFile, contents
from mnist_data.images_in.image_files.png import decode_plain, pays, plain_shape

KEPT_BYTES = 1 << 26
"""Most bytes of files that are kept from the first look to the reading, 64 MiB: small images are read once."""

AT_ONCE, WAITING_BYTES = 512, 1 << 24
"""Most files, and about as many bytes of them, that wait to be looked at in threads."""

CHUNK = 64
"""Files that a thread looks at in one go."""

THREADS = min(4, os.cpu_count() or 1)

DARK, BRIGHT = 0, 255


@dataclass(frozen=True)
class ImageScan:
    """What a set of image files has in common.

    shape: of an image. kind, dtype: of its pixels. background: behind see-through parts; None where there are none.
    unreadable: why a file is left out, by its place in the set. kept: contents that need no second reading, by place.
    grey: pixels that need no second decoding, by place.
    """

    shape: tuple[int, ...]
    kind: Kind
    dtype: str
    background: int | None
    unreadable: Mapping[int, str]
    kept: Mapping[int, bytes]
    grey: Mapping[int, Images]
    notes: tuple[str, ...]


def scan(root: str, files: Sequence[ImageFile], skip_unreadable: bool) -> ImageScan:
    """Look at the headers of all files, and at the pixels of those that may be in colour.

    root: what the user named, for messages. skip_unreadable: decode all, and leave out those that cannot be. Raises
    UnreadableInput, which lists all files that cannot be read, and WrongUse for images of several sizes or kinds.
    """
    looks = _Looks(skip_unreadable)
    places = {file: place for place, file in enumerate(files)}
    with guarded(), ThreadPoolExecutor(THREADS, "scan") as pool:
        for file, content in contents(files):
            looks.see(pool, places[file], content)
        looks.finish(pool)
    headers, unreadable = looks.headers, {place: looks.unreadable[place] for place in sorted(looks.unreadable)}
    if unreadable and (not skip_unreadable or not headers):
        raise unreadable_error(root, {files[place].name: why for place, why in unreadable.items()})
    size = _common_size(root, files, headers)
    kind = _common_kind(root, files, headers, looks.coloured)
    left_out = [left_out_note(root, len(files), [files[place].name for place in unreadable])] if unreadable else []
    notes = (*left_out, *_notes(root, headers.values(), looks.background))
    shape = (*size, 3) if kind == "colour" else size
    dtype = {"wide": "int32" if looks.beyond_16_bits else "uint16", "float": "float32"}.get(kind, "uint8")
    kept = {} if kind == "colour" else looks.grey
    return ImageScan(shape, kind, dtype, looks.background, unreadable, looks.kept, kept, notes)


@dataclass(frozen=True)
class _Look:
    """What is seen of one image.

    brightness: of what can be seen of one with see-through parts. grey: its pixels, where its channels are the same.
    """

    header: ImageHeader
    brightness: float | None = None
    coloured: bool = False
    beyond_16_bits: bool = False
    grey: Images | None = None


class _Looks:
    """What is found out about a set as its files go by. decode: all of them, to see whether they can be."""

    def __init__(self, decode: bool) -> None:
        self.headers: dict[int, ImageHeader] = {}
        self.unreadable: dict[int, str] = {}
        self.kept: dict[int, bytes] = {}
        self.grey: dict[int, Images] = {}
        self.coloured, self.beyond_16_bits = False, False
        self._decode, self._room = decode, KEPT_BYTES
        self._brightness: dict[int, float] = {}
        self._waiting: list[tuple[int, bytes]] = []
        self._waiting_bytes = 0

    def see(self, pool: Executor, place: int, content: bytes | str) -> None:
        """Look at one more file, now or with others in threads."""
        if isinstance(content, str):
            self.unreadable[place] = content
            return
        if self._takes(len(content)):
            self.kept[place] = content
        header = None if self._decode else plain_header(content)
        if header is not None and (header.kind == "grey" or self.coloured):
            self.headers[place] = header
            return
        self._waiting.append((place, content))
        self._waiting_bytes += len(content)
        if len(self._waiting) == AT_ONCE or self._waiting_bytes > WAITING_BYTES:
            self.finish(pool)

    def finish(self, pool: Executor) -> None:
        """Look at the files that wait."""
        waiting = self._waiting if self._decode else self._see_plain(self._waiting)
        chunks = [waiting[first : first + CHUNK] for first in range(0, len(waiting), CHUNK)]
        looked = pool.map(lambda chunk: [self._look(content) for _, content in chunk], chunks)
        looks = (look for chunk in looked for look in chunk)
        for (place, _), look in zip(waiting, looks, strict=True):
            if isinstance(look, str):
                self.unreadable[place] = look
                self.kept.pop(place, None)
            else:
                self._note(place, look)
        self._waiting, self._waiting_bytes = [], 0

    def _see_plain(self, waiting: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        """Look at those that are plain PNGs of one shape together; gives the others."""
        shape = plain_shape(waiting[0][1]) if waiting else None
        if shape is None or not pays(len(waiting), shape):
            return list(waiting)
        images = np.empty((len(waiting), *shape), np.uint8)
        rest = set(decode_plain([content for _, content in waiting], images))
        for number, (place, _) in enumerate(waiting):
            if number not in rest:
                grey = images[number, ..., 0] if is_grey(images[number]) else None
                self._note(place, _Look(ImageHeader(shape[:2], "RGB", "colour"), None, grey is None, grey=grey))  # type: ignore[arg-type]
        return [file for number, file in enumerate(waiting) if number in rest]

    def _note(self, place: int, look: _Look) -> None:
        self.headers[place] = look.header
        self.coloured |= look.coloured
        self.beyond_16_bits |= look.beyond_16_bits
        if look.brightness is not None:
            self._brightness[place] = look.brightness
        if look.grey is not None and not self.coloured and self._takes(look.grey.nbytes):
            self.grey[place] = look.grey.copy()

    @property
    def background(self) -> int | None:
        """The grey behind see-through parts: the opposite of what can be seen, or nothing would be."""
        if not self._brightness:
            return None
        seen = [value for _, value in sorted(self._brightness.items()) if np.isfinite(value)]
        return DARK if seen and np.mean(seen) >= 128 else BRIGHT

    def _takes(self, size: int) -> bool:
        self._room -= size
        return self._room >= 0

    def _look(self, content: bytes) -> _Look | str:
        try:
            header = header_of(content)
            brightness = ink_brightness(content) if header.alpha else None
            if header.kind == "colour" and not self.coloured:
                pixels = pixels_of(content, "colour")
                grey = pixels[..., 0] if is_grey(pixels) else None
                return _Look(header, brightness, grey is None, grey=None if header.alpha else grey)
            if self._decode or header.mode == "I":
                pixels = pixels_of(content, header.kind)
                beyond = header.mode == "I" and bool(pixels.min() < 0 or pixels.max() >= 1 << 16)
                return _Look(header, brightness, beyond_16_bits=beyond)
        except NotDecoded as cause:
            return str(cause)
        return _Look(header, brightness)


def unreadable_error(root: str, reasons: Mapping[str, str]) -> UnreadableInput:
    """List files that cannot be read. reasons: why, by name."""
    listed = first_few([f"{name}: {why}" for name, why in reasons.items()])
    count = "1 image file that cannot be read" if len(reasons) == 1 else f"{len(reasons):,} files that cannot be read"
    return UnreadableInput(
        root,
        f"{count} ({listed})",
        "image files, each with one image",
        "Take them out, or leave them out by --skip-unreadable.",
    )


def left_out_note(root: str, count: int, names: Sequence[str]) -> str:
    """Say which files were left out."""
    return f"{root}: {len(names):,} of {count:,} image files cannot be read and are left out: {first_few(names)}."


def _common_size(root: str, files: Sequence[ImageFile], headers: Mapping[int, ImageHeader]) -> tuple[int, int]:
    """Give the size of all images. Raises WrongUse, which lists the sizes, or the few images that have another."""
    sizes = Counter(header.size for header in headers.values())
    (usual, count), *others = sizes.most_common()
    if not others:
        return usual
    prepare = "mnist-data prepare brings photos and scans of digits to 28×28"
    if 10 * count >= 9 * len(headers):
        odd = [
            f"{files[place].name} ({_times(header.size)})" for place, header in headers.items() if header.size != usual
        ]
        raise WrongUse(
            f"{root}: {len(odd):,} of its {len(headers):,} images are not of {_times(usual)} as the others: "
            f"{first_few(odd)}. Take them out, or bring them to that size; {prepare}."
        )
    examples = {header.size: files[place].name for place, header in headers.items()}
    listed = [f"{_times(size)} ({number:,}, as {examples[size]})" for size, number in sizes.most_common()]
    raise WrongUse(f"{root}: its images have {len(sizes):,} sizes: {first_few(listed)}; {prepare}.")


def _common_kind(root: str, files: Sequence[ImageFile], headers: Mapping[int, ImageHeader], coloured: bool) -> Kind:
    """Give the kind of pixels of all images. Raises WrongUse for images of 8 bits, more, and floats in one set."""
    words = {"wide": "16 bits or more", "float": "floats"}
    examples = {words.get(header.kind, "8 bits"): files[place].name for place, header in headers.items()}
    if len(examples) > 1:
        listed = ", ".join(f"{kind} ({name})" for kind, name in examples.items())
        raise WrongUse(f"{root}: its images have pixels of different types: {listed}; save all in one.")
    kind = next(iter(headers.values())).kind
    return kind if kind in ("wide", "float") else "colour" if coloured else "grey"


def _notes(root: str, headers: Collection[ImageHeader], background: int | None) -> list[str]:
    notes = []
    if background is not None:
        behind, seen = ("black", "bright") if background == DARK else ("white", "dark")
        count = sum(header.alpha for header in headers)
        notes.append(
            f"{root}: {count:,} images have see-through parts, which are read as {behind}, as what is seen is {seen}."
        )
    reduced = sum(header.reduced for header in headers)
    if reduced:
        notes.append(f"{root}: {reduced:,} images have 16 bits a channel, of which the upper 8 are read.")
    return notes


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
