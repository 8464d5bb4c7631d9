"""The checks of single samples, right for ink on a background: from measures to verdicts.

A sample that cannot be judged by what a check measures is not flagged by it: an inverted one is judged no further, one
without ink is not blurred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.audit.measures import SIDES, Measured
from pipelines.audit.outliers import outlier_score
from pipelines.audit.usual import usual
from pipelines.audit.verdict import Verdict, judge
from pipelines.settings.analysis import Audit

Values = npt.NDArray[Any]

MEANINGS = {
    "not_finite": "pixels that are no numbers; one is too many",
    "blank": "1 - range of the values / range that is usual; ink of a twentieth of the usual cannot be seen",
    "constant": "as blank, but at a value above the background",
    "inverted": "mean of the outermost rows and columns, 0 for the darkest value of the data, 1 for the brightest; "
    "where the border is, there is the background",
    "cropped": "pixels of the white level along one side of the frame, beyond what is usual in the class, where the "
    "ink also lies nearer to that side than is usual: a stroke's breadth",
    "off_centre": "distance of the centre of mass from the class's median, in robust spreads of at least 1 % of the "
    "side",
    "noisy": "differences between neighbours that no edge explains, above the class's median in robust spreads of at "
    "least 0.4 % of the range of values",
    "blurred": "log of the mean slope at edges, below the class's median in robust spreads of at least 5 %",
    "low_ink": "log of the ink, below the class's median in robust spreads of at least 10 %",
    "over_inked": "log of the ink, above the class's median in robust spreads of at least 10 %",
    "outlier": "log of the distance to the fifth nearest of the class by size, place, slant and shape of the strokes, "
    "above the class's median in robust spreads",
}

LEAST_NOISE, LEAST_SLOPE, LEAST_INK, LEAST_PLACE = 0.004, 0.05, 0.1, 0.01
"""Spreads below these are taken as these: less cannot be seen."""

MOST_BETWEEN = 0.2
"""Of samples whose border is neither dark nor bright; where more are, pictures have no background to be inverted."""

NEARER = 0.025
"""Of the side, by which cropped ink lies nearer to the frame than usual; MNIST's are centred to within 0.018."""


def judge_images(measured: Measured, params: Audit) -> list[Verdict]:
    """Give the verdict of each check in MEANINGS, by the thresholds of the settings."""
    values = dict(measured.measures)
    found: dict[str, Values] = {"not_finite": values["not_finite"], **_flatness(values)}
    found["inverted"] = _ring(values)
    unfit = found["inverted"] >= params.threshold("inverted")
    for name in ("blank", "constant"):
        unfit |= found[name] >= params.threshold(name)
    sound = Measured(
        measured.ids,
        measured.labels,
        measured.splits,
        {name: np.where(unfit, np.nan, one) for name, one in values.items()},
    )
    found |= {name: check(sound) for name, check in CHECKS.items()}
    meanings = dict(MEANINGS)
    if measured.reversed:
        meanings["inverted"] += "; most of these data have a bright background, so here the others are inverted"
    return [
        judge(name, np.maximum(value, 0), params.threshold(name), meanings[name], {name + "_value": value})
        for name, value in found.items()
    ]


def _flatness(values: Mapping[str, Values]) -> dict[str, Values]:
    """Give 1 - contrast of blank and of constant samples; the others have none of either."""
    span = values["highest"] - values["lowest"]
    judged = values["not_finite"] == 0
    spans = span[judged & (span > 0)]
    common = float(np.median(spans)) if len(spans) else 1.0
    flat = np.where(judged, 1 - span / common, np.nan)
    background = float(np.median(values["lowest"][judged & (span > 0)])) if len(spans) else 0.0
    at_background = np.abs(values["level"] - background) < 0.05 * common
    return {"blank": np.where(at_background, flat, 0), "constant": np.where(at_background, 0, flat)}


def _ring(values: Mapping[str, Values]) -> Values:
    """Bring the ring's mean to 0 for the darkest value of the data … 1 for the brightest."""
    judged = (values["not_finite"] == 0) & (values["highest"] > values["lowest"])
    if not judged.any():
        return np.full(len(judged), np.nan)
    low, high = min(0.0, float(values["lowest"][judged].min())), float(values["highest"][judged].max())
    ring = np.where(judged, (values["ring"] - low) / (high - low if high > low else 1), np.nan)
    between = np.abs(ring[judged] - 0.5) < 0.25
    return np.full(len(ring), np.nan) if between.mean() > MOST_BETWEEN else ring


def _cropped(measured: Measured) -> Values:
    values, labels = measured.measures, measured.labels
    worst = np.zeros(len(labels))
    for side, place in zip(SIDES, ("row", "row", "column", "column"), strict=True):
        toward = -1 if side in ("top", "left") else 1
        places, ink = usual(toward * values[place], labels), usual(values[side], labels)
        near = toward * values[place] - places.median > np.maximum(NEARER, 3 * places.above)
        beyond = values[side] - (ink.median + 3 * ink.above)
        worst = np.fmax(worst, np.where(near, beyond, 0))
    return np.where(np.isnan(values["ink"]), np.nan, worst)


def _off_centre(measured: Measured) -> Values:
    parts = []
    for place in ("row", "column"):
        values = measured.measures[place].astype(np.float64)
        found = usual(values, measured.labels)
        parts.append(np.fmax(found.over(values, LEAST_PLACE), found.under(values, LEAST_PLACE)))
    return np.hypot(*parts)


def _noisy(measured: Measured) -> Values:
    return usual(measured.measures["noise"], measured.labels).over(measured.measures["noise"], LEAST_NOISE)


def _blurred(measured: Measured) -> Values:
    sharpness = np.log(measured.measures["sharpness"])
    return usual(sharpness, measured.labels).under(sharpness, LEAST_SLOPE)


def _low_ink(measured: Measured) -> Values:
    ink = np.log(measured.measures["ink"])
    return usual(ink, measured.labels).under(ink, LEAST_INK)


def _over_inked(measured: Measured) -> Values:
    ink = np.log(measured.measures["ink"])
    return usual(ink, measured.labels).over(ink, LEAST_INK)


CHECKS: dict[str, Callable[[Measured], Values]] = {
    "cropped": _cropped,
    "off_centre": _off_centre,
    "noisy": _noisy,
    "blurred": _blurred,
    "low_ink": _low_ink,
    "over_inked": _over_inked,
    "outlier": outlier_score,
}
"""Checks of samples that have ink on a dark background; each gives (n,) values, the worse the higher, NaN if not
judged."""
