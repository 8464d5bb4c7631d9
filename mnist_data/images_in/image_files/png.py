"""Plain PNG, not interlaced, of 8 bits of grey or of each colour: many small images are decoded together.

Pillow takes 50 µs for an image of 28×28, of which decoding is a small part. What is in any way odd is left to Pillow,
which also says what is wrong with it.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

SIGNATURE = b"\x89PNG\r\n\x1a\n"

SUB, UP, AVERAGE, PAETH = 1, 2, 3, 4
"""The filters of lines, as the PNG specification numbers them (W3C, third edition, section 9); 0 is none."""

MOST_PIXELS = 64 * 64
"""Images up to this size are decoded together; the columns of larger ones are too many steps."""

NOT_PLAIN = (b"acTL", b"eXIf", b"tRNS")
"""Chunks of an animation, of an orientation, and of a colour that is seen through."""

CHANNELS = {0: 1, 2: 3}
"""Channels of the colour types that are plain: grey, and red, green and blue."""

Scanlines = npt.NDArray[np.uint8]
"""(n, height, 1 + width · channels): the filter of each line, and its filtered values."""


def plain_shape(content: bytes) -> tuple[int, ...] | None:
    """Give the shape of a plain PNG by its header: (h, w) of at most 8 bits of grey, or (h, w, 3); None for others."""
    if content[:8] != SIGNATURE or content[12:16] != b"IHDR" or len(content) < 45:
        return None
    width, height, depth, colour = struct.unpack_from(">IIBB", content, 16)
    pixels = content.find(b"IDAT", 33)
    if pixels < 0 or not width * height or not (depth <= 8 if colour == 0 else (depth, colour) == (8, 2)):
        return None
    between = content[33:pixels]
    if any(chunk in between for chunk in NOT_PLAIN):
        return None
    return (height, width, 3) if colour == 2 else (height, width)


def pays(count: int, shape: Sequence[int]) -> bool:
    """Say whether so many images of a shape are faster decoded together than each by Pillow."""
    return math.prod(shape[:2]) <= MOST_PIXELS and 2 * count >= math.prod(shape[:2])


def decode_plain(contents: Sequence[bytes | str], images: npt.NDArray[np.uint8]) -> list[int]:
    """Decode plain PNGs into `images`, (n, height, width[, 3]); gives the places of those that are not done.

    contents: n files; text, which says why one cannot be read, is passed over.
    """
    count, height, width = images.shape[:3]
    channels = 3 if images.ndim == 4 else 1
    lines = np.zeros((count, height, 1 + width * channels), np.uint8)
    flat = lines.reshape(count, -1)
    done = np.zeros(count, bool)
    for place, content in enumerate(contents):
        pixels = _scanlines(content, height, width, channels) if isinstance(content, bytes) else None
        if pixels is not None:
            flat[place] = np.frombuffer(pixels, np.uint8)
            done[place] = True
    done &= (lines[:, :, 0] <= PAETH).all(axis=1)
    _unfilter(lines, images.reshape(count, height, width, channels))
    return np.flatnonzero(~done).tolist()


def _scanlines(content: bytes, height: int, width: int, channels: int) -> bytes | None:
    """Unpack the pixels of a plain PNG of that size; None for one that is anything else, or damaged."""
    size, colour = height * (1 + width * channels), 2 if channels == 3 else 0
    if content[:8] != SIGNATURE or content[16:29] != struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0):
        return None
    start = content.find(b"IDAT", 33)
    if start < 0 or (start > 41 and any(chunk in content[33:start] for chunk in NOT_PLAIN)):
        return None
    (length,) = struct.unpack_from(">I", content, start - 4)
    end = start + 4 + length
    checksum = int.from_bytes(content[end : end + 4], "big")
    if content[end + 8 : end + 12] != b"IEND" or zlib.crc32(content[start:end]) != checksum:
        return None
    decoder = zlib.decompressobj()
    try:
        pixels = decoder.decompress(content[start + 4 : end], size + 1)
    except zlib.error:
        return None
    return pixels if len(pixels) == size and decoder.eof else None


def _unfilter(lines: Scanlines, images: npt.NDArray[np.uint8]) -> None:
    """Undo the filters of lines into `images`, (n, height, width, channels), all at once; bytes wrap around."""
    count, height, width, channels = images.shape
    above = np.zeros((count, width, channels), np.uint8)
    for row in range(height):
        kinds, values = lines[:, row, 0], lines[:, row, 1:].reshape(count, width, channels)
        image = images[:, row]
        image[:] = values
        chosen = kinds == SUB
        image[chosen] = np.cumsum(values[chosen], axis=1, dtype=np.uint8)
        chosen = kinds == UP
        image[chosen] += above[chosen]
        for kind, predict in ((AVERAGE, _average), (PAETH, _paeth)):
            chosen = kinds == kind
            if chosen.any():
                image[chosen] = _along(values[chosen], above[chosen], predict)
        above = image


def _along(values: Scanlines, above: Scanlines, predict: Callable[..., npt.NDArray[np.int16]]) -> npt.NDArray[Any]:
    """Undo a filter that looks at the pixel to the left: column after column, (n, width, channels)."""
    columns, over = (np.ascontiguousarray(array.swapaxes(0, 1)) for array in (values, above.astype(np.int16)))
    left, corner = np.zeros((2, *columns.shape[1:]), np.int16)
    for place, column in enumerate(columns):
        column += predict(left, over[place], corner).astype(np.uint8)
        left, corner = column.astype(np.int16), over[place]
    return columns.swapaxes(0, 1)


def _average(
    left: npt.NDArray[np.int16], above: npt.NDArray[np.int16], _corner: npt.NDArray[np.int16]
) -> npt.NDArray[np.int16]:
    return (left + above) >> 1


def _paeth(
    left: npt.NDArray[np.int16], above: npt.NDArray[np.int16], corner: npt.NDArray[np.int16]
) -> npt.NDArray[np.int16]:
    """Predict by that neighbour which is nearest to left + above − corner; of equal ones the first named."""
    by_left, by_above = np.abs(above - corner), np.abs(left - corner)
    by_corner = np.abs(left + above - 2 * corner)
    nearest = np.where(by_above <= by_corner, above, corner)
    return np.where((by_left <= by_above) & (by_left <= by_corner), left, nearest)
