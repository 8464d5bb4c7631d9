"""Reading a photo, scan or drawing, and bringing it to grey."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_data.errors import UnreadableInput

if TYPE_CHECKING:
    from PIL import Image


def read_photo(path: str | Path | IO[bytes], name: str = "") -> Image.Image:
    """Read an image file, rotated as its EXIF orientation says. Raises UnreadableInput for other files.

    path: of the file, or its content; name: for the message.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            return ImageOps.exif_transpose(file.copy())
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as cause:
        reason = "it is no image of a known form" if isinstance(cause, UnidentifiedImageError) else cause
        raise UnreadableInput(
            name or str(path),
            f"it cannot be read ({reason})",
            "an image file (PNG, JPEG, …)",
            "Save it again as PNG or JPEG.",
        ) from cause


def grey_of(photo: Image.Image) -> Image.Image:
    """Bring an image of any mode to grey; transparent parts get a background that contrasts with the ink."""
    from PIL import Image

    if photo.mode in ("I;16", "I", "F"):
        values = np.asarray(photo, np.float32)
        low, high = float(values.min()), float(values.max())
        return Image.fromarray(np.asarray(255 * (values - low) / max(high - low, 1e-9), np.uint8))
    if "A" not in photo.getbands() and "transparency" not in photo.info:
        return photo.convert("L")
    layers = photo.convert("RGBA")
    alpha = np.asarray(layers.getchannel("A"), np.float32) / 255
    grey = np.asarray(layers.convert("RGB").convert("L"), np.float32)
    seen = alpha > 0.5
    clear = float(border(alpha).mean()) < 0.5
    background = 0.0 if clear and seen.any() and float(grey[seen].mean()) > 127 else 255.0
    return Image.fromarray(np.rint(grey * alpha + background * (1 - alpha)).astype(np.uint8))


def border(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give the values along the four sides, (2 (height + width), …)."""
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
