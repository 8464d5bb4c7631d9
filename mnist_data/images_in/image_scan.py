"""The first look at a set of image files: their sizes and kinds, and which cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.images_in.decoding import (
    ImageHeader,
    Kind,
    NotDecoded,
    guarded,
    header_of,
    ink_brightness,
    is_grey,
    pixels_of,
)
from mnist_data.images_in.image_files import ImageFile, contents

NAMED = 5
"""Files that a message names; the others it counts."""

KEPT_BYTES = 1 << 26
"""Most bytes of files that are kept from the first look to the reading, 64 MiB: small images are read once."""

TRANSPARENT = 100
"""Images with see-through parts that decide what is behind them."""

DARK, BRIGHT = 0, 255


@dataclass(frozen=True)
class ImageScan:
    """What a set of image files has in common.

    shape: of an image. kind, dtype: of its pixels. background: behind see-through parts; None where there are none.
    unreadable: why a file is left out, by its place in the set. kept: contents that need no second reading, by place.
    """

    shape: tuple[int, ...]
    kind: Kind
    dtype: str
    background: int | None
    unreadable: Mapping[int, str]
    kept: Mapping[int, bytes]
    notes: tuple[str, ...]


def scan(root: str, files: Sequence[ImageFile], skip_unreadable: bool) -> ImageScan:
    """Look at the headers of all files, and at the pixels of those that may be in colour.

    root: what the user named, for messages. skip_unreadable: decode all, and leave out those that cannot be. Raises
    UnreadableInput, which lists all files that cannot be read, and WrongUse for images of several sizes or kinds.
    """
    headers: dict[int, ImageHeader] = {}
    unreadable: dict[int, str] = {}
    kept: dict[int, bytes] = {}
    looks = _Looks()
    places, room = {file: place for place, file in enumerate(files)}, KEPT_BYTES
    with guarded():
        for file, content in contents(files):
            place = places[file]
            try:
                headers[place] = _look(content, looks, skip_unreadable)
            except NotDecoded as cause:
                unreadable[place] = str(cause)
            if isinstance(content, bytes) and (room := room - len(content)) >= 0:
                kept[place] = content
    if unreadable and (not skip_unreadable or not headers):
        raise unreadable_error(root, {files[place].name: why for place, why in unreadable.items()})
    size = _common_size(root, files, headers)
    kind = _common_kind(root, files, headers, looks.coloured)
    left_out = [left_out_note(root, len(files), [files[place].name for place in unreadable])] if unreadable else []
    notes = (*left_out, *_notes(root, headers.values(), looks))
    shape = (*size, 3) if kind == "colour" else size
    dtype = {"wide": "int32" if looks.beyond_16_bits else "uint16", "float": "float32"}.get(kind, "uint8")
    return ImageScan(shape, kind, dtype, looks.background, unreadable, kept, notes)


class _Looks:
    """What is found out about the pixels of a set as its files go by."""

    def __init__(self) -> None:
        self.coloured, self.beyond_16_bits, self.transparent = False, False, 0
        self._brightness: list[float] = []

    def see(self, header: ImageHeader, content: bytes) -> None:
        """Look at the pixels of an image where its header does not say whether it is in colour."""
        if header.alpha:
            self.transparent += 1
            if len(self._brightness) < TRANSPARENT:
                self._brightness.append(ink_brightness(content))
        if header.kind == "colour" and not self.coloured:
            self.coloured = not is_grey(pixels_of(content, "colour"))
        if header.mode == "I":
            pixels = pixels_of(content, "wide")
            self.beyond_16_bits |= bool(pixels.min() < 0 or pixels.max() >= 1 << 16)

    @property
    def background(self) -> int | None:
        """The grey behind see-through parts: the opposite of what can be seen, or nothing would be."""
        if not self.transparent:
            return None
        seen = [value for value in self._brightness if np.isfinite(value)]
        return DARK if seen and np.mean(seen) >= 128 else BRIGHT


def _look(content: bytes | str, looks: _Looks, decode: bool) -> ImageHeader:
    if isinstance(content, str):
        raise NotDecoded(content)
    header = header_of(content)
    if decode:
        pixels_of(content, header.kind)
    looks.see(header, content)
    return header


def unreadable_error(root: str, reasons: Mapping[str, str]) -> UnreadableInput:
    """List files that cannot be read. reasons: why, by name."""
    listed = _some([f"{name}: {why}" for name, why in reasons.items()])
    count = "1 image file that cannot be read" if len(reasons) == 1 else f"{len(reasons):,} files that cannot be read"
    return UnreadableInput(
        root,
        f"{count} ({listed})",
        "image files, each with one image",
        "Take them out, or leave them out by --skip-unreadable.",
    )


def left_out_note(root: str, count: int, names: Sequence[str]) -> str:
    """Say which files were left out."""
    return f"{root}: {len(names):,} of {count:,} image files cannot be read and are left out: {_some(names)}."


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
            f"{_some(odd)}. Take them out, or bring them to that size; {prepare}."
        )
    examples = {header.size: files[place].name for place, header in headers.items()}
    listed = [f"{_times(size)} ({number:,}, as {examples[size]})" for size, number in sizes.most_common()]
    raise WrongUse(f"{root}: its images have {len(sizes):,} sizes: {_some(listed)}; {prepare}.")


def _common_kind(root: str, files: Sequence[ImageFile], headers: Mapping[int, ImageHeader], coloured: bool) -> Kind:
    """Give the kind of pixels of all images. Raises WrongUse for images of 8 bits, more, and floats in one set."""
    words = {"wide": "16 bits or more", "float": "floats"}
    examples = {words.get(header.kind, "8 bits"): files[place].name for place, header in headers.items()}
    if len(examples) > 1:
        listed = ", ".join(f"{kind} ({name})" for kind, name in examples.items())
        raise WrongUse(f"{root}: its images have pixels of different types: {listed}; save all in one.")
    kind = next(iter(headers.values())).kind
    return kind if kind in ("wide", "float") else "colour" if coloured else "grey"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")


def _notes(root: str, headers: Collection[ImageHeader], looks: _Looks) -> list[str]:
    notes = []
    if looks.transparent:
        behind = "black" if looks.background == DARK else "white"
        notes.append(
            f"{root}: {looks.transparent:,} images have see-through parts, which are read as {behind}, as what can be "
            f"seen is {'bright' if looks.background == DARK else 'dark'}."
        )
    reduced = sum(header.reduced for header in headers)
    if reduced:
        notes.append(f"{root}: {reduced:,} images have 16 bits a channel, of which the upper 8 are read.")
    return notes


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
