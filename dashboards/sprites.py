"""Sprite sheets: many images as one, of which a page's script draws each; lossless, some 150 bytes a digit."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mnist_data.parquet.preview import Pixels

ACROSS = 64
"""Images next to each other."""

LARGEST = 32
"""Pixels of the longer side of an image in a sheet; larger ones are made smaller."""

MOST_BYTES = 700_000
"""Of a sheet; of images that pack worse, fewer are in it."""


@dataclass(frozen=True)
class SpriteSheet:
    """Images in rows of `across`. uri: WebP as a data URI. width, height: pixels of each. images: how many there are.

    scale: 1 where they have their own pixels, below 1 where they were made smaller.
    """

    uri: str
    width: int
    height: int
    across: int
    images: int
    scale: float


def sprite_sheet(images: Pixels, budget: int = MOST_BYTES) -> SpriteSheet:
    """Put images, (n, height, width[, 3]) uint8, into one sheet of at most about `budget` bytes.

    Where all of them would take more, the last are left out.
    """
    small, scale = _small(images)
    encoded = _encode(small)
    while len(encoded) > budget and len(small) > ACROSS:
        small = small[: max(ACROSS, int(0.95 * len(small) * budget / len(encoded)))]
        encoded = _encode(small)
    uri = "data:image/webp;base64," + base64.b64encode(encoded).decode("ascii")
    return SpriteSheet(uri, small.shape[2], small.shape[1], ACROSS, len(small), scale)


def _small(images: Pixels) -> tuple[Pixels, float]:
    longest = max(images.shape[1:3])
    if longest <= LARGEST:
        return images, 1.0
    scale = LARGEST / longest
    height, width = (max(1, round(side * scale)) for side in images.shape[1:3])
    resized = [Image.fromarray(image).resize((width, height), Image.Resampling.BOX) for image in images]
    return np.stack([np.asarray(image) for image in resized]), scale


def _encode(images: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(tile(images, ACROSS)).convert("RGB").save(buffer, "WEBP", lossless=True, quality=50, method=4)
    return buffer.getvalue()


def tile(images: Pixels, across: int) -> Pixels:
    """Lay images, (n, height, width[, 3]), in rows of `across`; what the last row lacks is black.

    >>> tile(np.arange(1, 4, dtype=np.uint8).reshape(3, 1, 1), 2).tolist()
    [[1, 2], [3, 0]]
    """
    rows = -(-len(images) // across)
    height, width = images.shape[1:3]
    cells = np.zeros((rows * across, *images.shape[1:]), np.uint8)
    cells[: len(images)] = images
    lines = cells.reshape(rows, across, *images.shape[1:]).swapaxes(1, 2)
    return lines.reshape(rows * height, across * width, *images.shape[3:])
