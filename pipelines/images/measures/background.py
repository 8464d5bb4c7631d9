"""The background of a dataset: whether it is dark or bright, and which value it has. Where the border is, it is.

Of each sample the border's mean is looked at, from 0 for the sample's lowest value … 1 for its highest. Where nearly
all borders are near the one end, that is the background. Glyphs that touch the frame, textures and grey patches have
borders of all kinds: these do not decide it, and nothing is said of their background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mnist_data.parquet.messages import mark, message

Floats = npt.NDArray[np.float64]
Polarity = Literal["dark", "bright", "undecided"]

NEAR = 0.25
"""Borders up to so far from an end of the range are near that end."""

MOST_BETWEEN = 0.2
"""Of samples whose border is near neither end; where more are, the border is not the background."""

LEAST_MAJORITY = 0.75
"""Of the samples whose border is near an end, near the same one; where fewer are, the data are mixed."""


@dataclass(frozen=True)
class Background:
    """What is known of the background of some samples.

    polarity: dark (bright ink), bright (dark ink), or undecided. value: the background's, in pixel units; where it is
    undecided, the usual lowest value. contrast: the usual range of a sample's values, pixel units. dark, bright: the
    fractions of samples whose border is near that end of their range.
    """

    polarity: Polarity
    value: float
    contrast: float
    dark: float
    bright: float


def background_of(
    not_finite: npt.NDArray[np.integer],
    lowest: Floats,
    highest: Floats,
    contrast: Floats,
    border_mean: Floats,
    background: Floats,
) -> Background:
    """Find the background of samples by their measures, (n,) each; see `measure_pixels`."""
    measured = (not_finite == 0) & (contrast > 0)
    positions = border_positions(not_finite, lowest, highest, contrast, border_mean)
    polarity, dark, bright = polarity_of(positions)
    if not measured.any():
        return Background(polarity, 0.0, 1.0, dark, bright)
    value = lowest if polarity == "undecided" else background
    return Background(polarity, float(np.median(value[measured])), float(np.median(contrast[measured])), dark, bright)


def border_positions(
    not_finite: npt.NDArray[np.integer], lowest: Floats, highest: Floats, contrast: Floats, border_mean: Floats
) -> Floats:
    """Give where the mean of each sample's border lies, (n,), from 0 for its lowest value … 1 for its highest.

    NaN for samples of one value, with NaN or infinite pixels, or of fewer than three rows or columns.
    """
    known = (not_finite == 0) & (contrast > 0)
    span = np.where(known, highest - lowest, 1.0)
    return np.where(known, (border_mean - np.where(known, lowest, 0.0)) / span, np.nan)


def polarity_of(positions: Floats) -> tuple[Polarity, float, float]:
    """Decide the polarity by the borders' positions, (n,); give the fractions of dark and of bright ones, too."""
    known = positions[np.isfinite(positions)]
    if not len(known):
        return "undecided", 0.0, 0.0
    dark, bright = float((known <= NEAR).mean()), float((known >= 1 - NEAR).mean())
    decided = dark + bright >= 1 - MOST_BETWEEN
    if decided and max(dark, bright) >= LEAST_MAJORITY * (dark + bright):
        return ("dark" if dark > bright else "bright"), dark, bright
    return "undecided", dark, bright


def describe_polarity(polarity: Polarity, undecided: int = 0) -> str:
    """Say what is known of a dataset's background, for a person; undecided: samples that may be inverted or not."""
    if polarity == "undecided":
        return message(
            "Background: undecided, as the samples' borders are neither dark nor bright; none counts as inverted."
        )
    if undecided:
        return message(
            "Background: {background}; of {count:,} samples it is undecided whether they are inverted.",
            background=message("dark, with bright ink") if polarity == "dark" else message("bright, with dark ink"),
            count=undecided,
        )
    if polarity == "dark":
        return message("Background: dark, with bright ink.")
    return message("Background: bright, with dark ink.")


POLARITY_WORDS = {"dark": mark("dark"), "bright": mark("bright"), "undecided": mark("undecided")}
"""Polarity -> what the background is."""
