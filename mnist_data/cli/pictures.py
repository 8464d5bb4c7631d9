"""Images in the terminal: two pixels in a character, the upper and the lower half of a block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_data.cli.output import visible

if TYPE_CHECKING:
    from rich.text import Text

WIDEST = 28
"""Characters that an image takes at most; larger ones are shrunk by a whole factor."""

SHADES = " ░▒▓█"
"""From black to white, where the output has no colours."""

GAP = 2


def print_images(images: npt.NDArray[np.uint8], captions: Sequence[str], widest: int = WIDEST) -> None:
    """Draw images side by side, as many in a line as fit, each with its caption below.

    images: (n, height, width[, 3]) uint8. captions: (n,); those longer than the image are cut.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console()
    small = shrunk(images, widest)
    width = small.shape[2]
    columns = max(1, (console.width + GAP) // (width + GAP))
    for first in range(0, len(small), columns):
        row = slice(first, first + columns)
        drawn = [_lines(image, console.color_system is not None) for image in small[row]]
        for line in zip(*drawn, strict=True):
            console.print(Text(" " * GAP).join(line), soft_wrap=True)
        console.print(Text(" " * GAP).join(_caption(text, width) for text in captions[row]), soft_wrap=True)


def shrunk(images: npt.NDArray[np.uint8], widest: int) -> npt.NDArray[np.uint8]:
    """Shrink images by the least whole factor that makes them no wider than `widest`, by the mean of the pixels.

    >>> shrunk(np.full((1, 4, 4), 8, np.uint8), 2).shape
    (1, 2, 2)
    """
    factor = -(-images.shape[2] // widest)
    if factor <= 1:
        return images
    height, width = (-(-side // factor) * factor for side in images.shape[1:3])
    padding = [(0, 0), (0, height - images.shape[1]), (0, width - images.shape[2])] + [(0, 0)] * (images.ndim - 3)
    padded = np.pad(images, padding, mode="edge")
    blocks = padded.reshape(len(images), height // factor, factor, width // factor, factor, *images.shape[3:])
    small: npt.NDArray[np.uint8] = np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)
    return small


def _lines(image: npt.NDArray[np.uint8], coloured: bool) -> list[Text]:
    """Draw one image, (height, width[, 3]), a line of text for two rows of pixels."""
    rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    if len(rgb) % 2:
        rgb = np.concatenate([rgb, rgb[-1:]])
    return [_line(upper, lower, coloured) for upper, lower in zip(rgb[::2], rgb[1::2], strict=True)]


def _line(upper: npt.NDArray[Any], lower: npt.NDArray[Any], coloured: bool) -> Text:
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    if not coloured:
        means = (upper.mean(axis=-1) + lower.mean(axis=-1)) / 2
        return Text("".join(SHADES[round(mean * (len(SHADES) - 1) / 255)] for mean in means))
    text = Text()
    for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
        text.append("▀", Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
    return text


def _caption(caption: str, width: int) -> Text:
    from rich.text import Text

    text = Text(visible(caption))
    text.truncate(width, overflow="ellipsis", pad=True)
    return text
