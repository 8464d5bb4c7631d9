"""Thumbnails: images as PNG data URIs. A sheet of digits is a tenth of the size that a heatmap of it would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from mnist_data.parquet import frames
from mnist_data.parquet.preview import Pixels, data_uri, encode_png, to_uint8

SIDE = 56
"""Screen pixels that the longer side of a thumbnail takes: twice an MNIST digit."""

BUDGET = 110_000
"""Bytes of PNG in one gallery; larger ones are drawn from smaller images, so that the page stays one that loads."""

SMALLEST_SIDE = 8


@dataclass(frozen=True)
class Thumbnail:
    """One image of the page.

    uri: PNG as a data URI. width, height: on the screen, in pixels. alt: what it shows, in words.
    title: the tooltip. lines: the caption below it, none by default. sample: the id of the sample that it is, which the
    page opens where it holds samples.
    """

    uri: str
    width: int
    height: int
    alt: str
    title: str = ""
    lines: tuple[str, ...] = ()
    sample: int | None = None


def decode_images(frame: pd.DataFrame) -> Pixels:
    """Give the images of a table, (n, height, width[, 3]) uint8, from its column `image`; empty tables too.

    Unsigned integers are scaled by their type, so that 0 is black; other types by the lowest and highest value here.
    """
    images = frames.images(frame)
    images = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
    return to_uint8(images)


def signed_to_uint8(values: npt.NDArray[np.float64], limit: float | None = None) -> Pixels:
    """Bring values around 0 to 0 … 255 with 0 in the middle, at grey. limit: what is white; the largest size here.

    >>> signed_to_uint8(np.array([-2.0, 0.0, 1.0])).tolist()
    [0, 128, 191]
    """
    limit = limit or float(np.abs(values).max(initial=0)) or 1.0
    return np.rint(127.5 * (1 + np.clip(values / limit, -1, 1))).astype(np.uint8)


def png_uris(images: Pixels | Sequence[Pixels], budget: int = BUDGET) -> list[str]:
    """Encode images as data URIs whose PNGs take at most about `budget` bytes together.

    Images that would take more are made smaller, all by the same factor, to no less than 8 pixels.
    """
    arrays = list(images)
    raw = sum(array.nbytes for array in arrays)
    arrays = _shrink(arrays, (8 * budget / raw) ** 0.5) if raw > 8 * budget else arrays  # noise hardly packs at all
    encoded = [encode_png(array) for array in arrays]
    while (total := sum(map(len, encoded))) > budget and max(max(array.shape[:2]) for array in arrays) > SMALLEST_SIDE:
        arrays = _shrink(arrays, min(0.95, 0.95 * (budget / total) ** 0.5))
        encoded = [encode_png(array) for array in arrays]
    return list(map(data_uri, encoded))


def _shrink(images: Sequence[Pixels], factor: float) -> list[Pixels]:
    def smaller(image: Pixels) -> Pixels:
        height, width = (max(min(SMALLEST_SIDE, side), int(side * factor)) for side in image.shape[:2])
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))

    return [smaller(image) for image in images]


def screen_size(shape: Sequence[int], side: int = SIDE) -> tuple[int, int]:
    """Give the width and height at which an image is shown: a whole multiple where it is smaller than `side`.

    shape: height and width.

    >>> screen_size((28, 28)), screen_size((8, 8)), screen_size((32, 128)), screen_size((1, 128))
    ((56, 56), (56, 56), (56, 14), (56, 1))
    """
    height, width = shape
    factor: float = side / max(height, width)
    factor = float(round(factor)) if factor >= 1 else factor
    return max(1, round(width * factor)), max(1, round(height * factor))
