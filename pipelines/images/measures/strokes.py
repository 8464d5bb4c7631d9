"""What the strokes of each image look like: morphometrics, ink, place, sharpness and noise. Arrays in, columns out.

An image is first brought to 0 … 1, with 0 at the end of its range where the background lies, so neither the type of the
pixels nor their scale matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.images.measures.pixels import Column, Columns

Floats = npt.NDArray[np.float32]

LENGTHS = ("area", "length", "thickness", "slant", "width", "height")
COUNTS = ("components", "holes", "end_points")
FRAME = ("frame_top", "frame_bottom", "frame_left", "frame_right")

STROKE_COLUMNS = (
    *LENGTHS, *COUNTS, "stroke_ink", "stroke_row", "stroke_column", "stroke_std_rows", "stroke_std_columns", *FRAME,
    "sharpness", "noise",
)  # fmt: skip


@dataclass(frozen=True)
class StrokeMeasures:
    """How `in_chunks` measures strokes; reverse: of dark ink on a bright background. It pickles for workers."""

    reverse: bool

    def __call__(self, images: Images) -> Columns:
        """Measure images; see `measure_strokes`."""
        return measure_strokes(images, self.reverse)


def measure_strokes(images: Images, reverse: bool = False) -> Columns:
    """Measure each image, (n, h, w) or (n, h, w, c), of any type; of several channels their mean: STROKE_COLUMNS, (n,).

    reverse: the ink is dark on a bright background. An image of one value, or with NaN or infinite pixels, has no
    strokes: its counts are 0, all else is NaN.

    area … end_points: see `Morphometrics`. stroke_ink: the sum of what stands out of the background, pixel units.
    stroke_row, stroke_column: its centre of mass, from 0 to 1 across the image. stroke_std_rows, stroke_std_columns:
    its standard deviations about that, pixels. frame_top, frame_bottom, frame_left, frame_right: ink in that outermost
    row or column, in pixels of the white level. sharpness: mean slope at edges, 1 / pixel. noise: robust deviation from
    the neighbours. From stroke_ink on all are float32.
    """
    from pipelines.kernels.moments import measure_moments
    from pipelines.kernels.morphometry import measure_morphometrics

    fractions, contrast, inked = _unit_range(images, reverse)
    moments, shapes = measure_moments(fractions), measure_morphometrics(fractions)
    height, width = images.shape[1:3]
    measured: dict[str, Column] = {
        "stroke_ink": moments.mass * contrast,
        "stroke_row": (moments.row + 0.5) / height,
        "stroke_column": (moments.column + 0.5) / width,
        "stroke_std_rows": np.sqrt(moments.rows),
        "stroke_std_columns": np.sqrt(moments.columns),
        **dict(zip(FRAME, _frame_ink(fractions), strict=True)),
        "sharpness": _sharpness(fractions),
        "noise": _noise(fractions),
    }
    return {
        **{name: np.where(inked, getattr(shapes, name), np.nan) for name in LENGTHS},
        **{name: np.where(inked, getattr(shapes, name), 0).astype(np.int32) for name in COUNTS},
        **{name: np.where(inked, values, np.nan).astype(np.float32) for name, values in measured.items()},
    }


def _unit_range(images: Images, reverse: bool) -> tuple[Floats, Column, npt.NDArray[np.bool_]]:
    """Bring images to 0 … 1, (n, h, w) float32; give the range that each had, and which have a finite one above 0."""
    grey = images.astype(np.result_type(images.dtype, np.float32))
    grey = grey.mean(axis=3) if grey.ndim == 4 else grey
    finite = np.isfinite(grey) if images.dtype.kind == "f" else np.ones((), bool)
    values = grey if finite.all() else np.where(finite, grey, 0)
    lowest, highest = values.min(axis=(1, 2)), values.max(axis=(1, 2))
    with np.errstate(over="ignore"):
        contrast = highest - lowest
    inked = np.broadcast_to(finite, grey.shape).all(axis=(1, 2)) & (contrast > 0) & np.isfinite(contrast)
    divisor = np.where(inked, contrast, 1)[:, None, None]
    with np.errstate(over="ignore"):
        above = highest[:, None, None] - values if reverse else values - lowest[:, None, None]
        fractions = np.ascontiguousarray(above / divisor, np.float32)
    return fractions, contrast, inked


def _frame_ink(fractions: Floats) -> list[Floats]:
    outermost = (fractions[:, 0], fractions[:, -1], fractions[:, :, 0], fractions[:, :, -1])
    return [side.sum(axis=1) for side in outermost]


def _sharpness(fractions: Floats) -> Floats:
    """Average the slope over the image, weighted by itself, so that flat background and broad strokes do not count."""
    if min(fractions.shape[1:]) < 2:
        return np.full(len(fractions), np.nan, np.float32)
    down = fractions[:, 1:, :-1] - fractions[:, :-1, :-1]
    across = fractions[:, :-1, 1:] - fractions[:, :-1, :-1]
    squares = down**2 + across**2
    slopes = np.sqrt(squares).sum(axis=(1, 2))
    return np.asarray(squares.sum(axis=(1, 2)) / np.where(slopes > 0, slopes, np.nan), np.float32)


def _noise(fractions: Floats) -> Floats:
    """Estimate the noise by a mask blind to edges (Immerkær 1996); its median, as strokes take less than half."""
    if min(fractions.shape[1:]) < 3:
        return np.full(len(fractions), np.nan, np.float32)
    curved = fractions[:, 2:] - 2 * fractions[:, 1:-1] + fractions[:, :-2]
    response = curved[:, :, 2:] - 2 * curved[:, :, 1:-1] + curved[:, :, :-2]
    size = response.shape[1] * response.shape[2]
    # Six is the mask's own deviation under noise of deviation one, 0.6745 the median of a normal one's magnitude.
    return np.asarray(np.median(np.abs(response).reshape(-1, size), axis=1) / (6 * 0.6745), np.float32)
