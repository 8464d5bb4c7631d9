"""Decoding image files: what a header says of an image, and its pixels as an array."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mnist_data.batch import Images
from mnist_data.images_in.image_files.png import SIGNATURE, plain_shape

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""What Pillow may take a file for; its other formats start programs or are no pictures."""

MAX_PIXELS = 1 << 26
"""The largest image that is decoded, 67 million pixels: a header can claim any size in a few bytes."""

Kind = Literal["grey", "colour", "wide", "float"]
"""Of the pixels: 8 bits of grey, of red, green and blue, 16 or more bits of grey, or floats."""

ORIENTATION = 0x0112
"""The EXIF tag that says how the camera was held."""


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image says. size: height and width, as it is to be seen.

    mode: Pillow's. kind: of its pixels; images in colour may turn out to be grey. alpha: has parts one can see through.
    reduced: has more bits than are read.
    """

    size: tuple[int, int]
    mode: str
    kind: Kind
    alpha: bool = False
    reduced: bool = False


class NotDecoded(Exception):  # noqa: N818
    """An image file that is not decoded; says why."""


@contextmanager
def guarded() -> Iterator[None]:
    """Turn Pillow's warnings about huge images into errors, in this thread's block."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module="PIL")
        yield


def header_of(content: bytes) -> ImageHeader:
    """Read an image's header. Raises NotDecoded for what is no image, has several, or is too large."""
    header = plain_header(content)
    if header is None:
        with _opened(content) as image:
            header = _header(image, content)
    if header.size[0] * header.size[1] > MAX_PIXELS:
        raise NotDecoded(f"it announces {header.size[1]:,}×{header.size[0]:,} pixels, more than {MAX_PIXELS:,}")
    return header


def plain_header(content: bytes) -> ImageHeader | None:
    """Read the header of a plain PNG or JPEG, which most sets are made of, without Pillow; None for any other file."""
    shape = plain_shape(content) or _jpeg_shape(content)
    if shape is None or shape[0] * shape[1] > MAX_PIXELS:
        return None
    size = (shape[0], shape[1])
    return ImageHeader(size, "RGB", "colour") if len(shape) == 3 else ImageHeader(size, "L", "grey")


def _jpeg_shape(content: bytes) -> tuple[int, ...] | None:
    """Give the shape of a JPEG of 8 bits of grey or colour; None for one with an orientation or several images."""
    if content[:3] != b"\xff\xd8\xff" or b"Exif" in content or b"MPF\0" in content:
        return None
    place = 2
    while content[place : place + 1] == b"\xff" and place + 10 <= len(content):
        kind = content[place + 1]
        if kind in (0xC0, 0xC1, 0xC2):  # the frames that are in use
            depth, height, width, channels = struct.unpack_from(">BHHB", content, place + 4)
            if depth != 8 or channels not in (1, 3) or not height * width:
                return None
            return (height, width, 3) if channels == 3 else (height, width)
        if kind == 0xDA or kind == 0xFF or 0xD0 <= kind <= 0xD9:
            return None
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return None


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """Open an image; whatever Pillow raises for a damaged one becomes NotDecoded."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            yield image
    except NotDecoded:
        raise
    except UnidentifiedImageError as cause:
        raise NotDecoded("it is no image" if content else "it is empty") from cause
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as cause:
        raise NotDecoded(f"it announces more than {MAX_PIXELS:,} pixels") from cause
    except Exception as cause:
        words = str(cause).splitlines()
        raise NotDecoded(f"it cannot be decoded ({words[0] if words else type(cause).__name__})") from cause


def _may_be_turned(content: bytes) -> bool:
    """Say whether a file can have an orientation: looking it up takes as long as decoding a small image."""
    return b"Exif" in content or b"eXIf" in content or b"EXIF" in content or content[:2] in (b"II", b"MM")


def _header(image: Image.Image, content: bytes) -> ImageHeader:
    """Describe an opened image. Pillow reads colours of 16 bits with 8."""
    bits = content[24] if content.startswith(SIGNATURE) else 8
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # the others of a camera's are previews
    if frames > 1:
        raise NotDecoded(f"it holds {frames:,} images")
    size = (image.height, image.width)
    if _may_be_turned(content) and image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8):
        size = size[::-1]
    wide = image.mode.startswith("I")
    kind: Kind = "grey" if image.mode in ("1", "L", "LA", "La") else "colour"
    kind = "wide" if wide else "float" if image.mode == "F" else kind
    return ImageHeader(size, image.mode, kind, _has_alpha(image), not wide and bits > 8)


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or (image.mode == "P" and "transparency" in image.info)


def pixels_of(content: bytes, kind: Kind, background: int | None = None) -> Images:
    """Decode an image: (h, w), or (h, w, 3) for colour; uint8, of kind wide int32, of kind float float32.

    Rotated as its EXIF orientation says. background: the grey on which see-through parts are seen; None ignores them.
    Raises NotDecoded.
    """
    with _opened(content) as image:
        if _may_be_turned(content) and image.getexif().get(ORIENTATION, 1) != 1:
            from PIL import ImageOps

            image = ImageOps.exif_transpose(image)
        if kind == "float":
            return np.asarray(image, np.float32)
        if kind == "wide":
            return np.asarray(image).astype(np.int32)
        if background is not None and _has_alpha(image):
            image = _on_background(image, background)
        return np.asarray(image if image.mode == _MODES[kind] else image.convert(_MODES[kind]))


_MODES = {"grey": "L", "colour": "RGB"}


def _on_background(image: Image.Image, background: int) -> Image.Image:
    from PIL import Image as Pillow

    base = Pillow.new("RGBA", image.size, (background, background, background, 255))
    base.alpha_composite(image.convert("RGBA"))
    return base.convert("RGB")


def ink_brightness(content: bytes) -> float:
    """Give the mean brightness, 0 … 255, of what can be seen of an image with see-through parts; NaN where nothing."""
    with _opened(content) as image:
        values: Any = np.asarray(image.convert("RGBA"), np.float64)
    weights = values[..., 3]
    return float((values[..., :3].mean(axis=-1) * weights).sum() / weights.sum()) if weights.any() else float("nan")


def is_grey(pixels: Images) -> bool:
    """Say whether the three channels of an image, (h, w, 3), are the same."""
    values = pixels.tobytes()
    return values[::3] == values[1::3] == values[2::3]
