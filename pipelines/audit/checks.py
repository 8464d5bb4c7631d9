"""The checks of single samples, for ink on a background: from what is measured of them to what is flagged.

A sample that a check cannot evaluate is not flagged by it: of an inverted one the ink is not looked at, one without ink
is not blurred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.parquet.messages import mark, message
from pipelines.audit.check_result import CheckResult, check_values
from pipelines.audit.stroke_values import StrokeValues
from pipelines.images.measures.background import POLARITY_WORDS
from pipelines.images.measures.faults import SharedFaults
from pipelines.images.measures.robust_scale import robust_scale
from pipelines.images.measures.strokes import FRAME
from pipelines.images.measures.table import MeasureTable
from pipelines.settings.analysis import Audit

Values = npt.NDArray[Any]

MEANINGS = {
    "not_finite": mark("NaN or infinite pixels"),
    "blank": mark(
        "hardly any variation at the background: 1 - range of the values / usual range; less than a twentieth of it "
        "cannot be seen"
    ),
    "constant": mark("hardly any variation elsewhere than at the background: 1 - range of the values / usual range"),
    "inverted": mark("log odds of being inverted, by the border's end of the range and by the mean image of the class"),
    "cropped": mark(
        "pixels of the white level along one side of the frame, beyond median and three spreads of the class, where "
        "the ink also lies nearer to that side than in the class: a stroke's breadth"
    ),
    "off_centre": mark(
        "distance of the centre of mass from the class's median, in robust spreads of at least 1 % of the side"
    ),
    "noisy": mark(
        "differences between neighbours that no edge explains, above the class's median in robust spreads of at least "
        "0.4 % of the range of values"
    ),
    "blurred": mark("log of the mean slope at edges, below the class's median in robust spreads of at least 5 %"),
    "low_ink": mark("log of the ink, below the class's median in robust spreads of at least 10 %"),
    "over_inked": mark("log of the ink, above the class's median in robust spreads of at least 10 %"),
}
"""What each check measures; settings.checks has the thresholds."""

TRANSPOSED = "transposed"
TRANSPOSED_MEANING = mark(
    "log odds of being transposed, fitted to the other samples of the class; the threshold is lower where many seem so"
)

LEAST_NOISE, LEAST_SLOPE, LEAST_INK, LEAST_PLACE = 0.004, 0.05, 0.1, 0.01
"""Spreads below these count as these: less cannot be seen."""

NEARER = 0.025
"""Of the side, by which cropped ink lies nearer to the frame than in its class; MNIST's are centred to within 0.018."""


def check_images(table: MeasureTable, faults: SharedFaults, params: Audit) -> list[CheckResult]:
    """Give the result of each check in MEANINGS, and of `transposed` and `label`."""
    values = {
        "not_finite": table.column("not_finite").astype(np.float64),
        "blank": faults.flatness.blank,
        "constant": faults.flatness.constant,
        "inverted": faults.inversion.log_odds,
    }
    unfit = np.any([values[name] >= params.threshold(name) for name in ("blank", "constant", "inverted")], axis=0)
    strokes = StrokeValues.of(table, ~unfit)
    values |= {name: check(strokes) for name, check in CHECKS.items()}
    meanings: dict[str, str] = {name: message(meaning) for name, meaning in MEANINGS.items()}
    meanings["inverted"] = _describe_inverted(table, faults)
    results = [
        check_values(name, value, params.threshold(name), meanings[name], {f"{name}_value": value})
        for name, value in values.items()
    ]
    return [*results, _transposed(faults, params.thresholds.get(TRANSPOSED)), _label(faults)]


def _describe_inverted(table: MeasureTable, faults: SharedFaults) -> str:
    """Say what is known of the background, which decides what counts as inverted."""
    polarity, undecided = table.background.polarity, int(faults.inversion.undecided.sum())
    measured = message(MEANINGS["inverted"])
    if polarity == "undecided":
        return message(
            "{measured}; not evaluated, as the borders of these data do not show what the background is",
            measured=measured,
        )
    background = message(POLARITY_WORDS[polarity])
    words = message(
        "{measured}; the background of these data is {background}", measured=measured, background=background
    )
    if undecided:
        return message("{measured}; undecided for {count:,} samples", measured=words, count=undecided)
    return words


def _transposed(faults: SharedFaults, threshold: float | None) -> CheckResult:
    log_odds = faults.transposition.log_odds
    evaluated = bool(np.isfinite(log_odds).any())
    meaning = message("not evaluated: no square images of a large class")
    meaning = message(TRANSPOSED_MEANING) if evaluated else meaning
    threshold = threshold or faults.transposition.threshold
    return check_values(TRANSPOSED, log_odds, threshold, meaning, {"transposed_value": log_odds})


def _label(faults: SharedFaults) -> CheckResult:
    scores = np.where(faults.bad_label, 0, 1).astype(np.float32)
    return CheckResult(
        "label", faults.bad_label, scores, np.nan, message("the label is no class; there is no threshold")
    )


def _cropped(strokes: StrokeValues) -> Values:
    worst = np.zeros(len(strokes.labels))
    for side, place in zip(FRAME, ("stroke_row", "stroke_row", "stroke_column", "stroke_column"), strict=True):
        toward = -1 if side in ("frame_top", "frame_left") else 1
        places = robust_scale(toward * strokes[place], strokes.labels)
        ink = robust_scale(strokes[side], strokes.labels)
        near = toward * strokes[place] - places.median > np.maximum(NEARER, 3 * places.above)
        beyond = strokes[side] - (ink.median + 3 * ink.above)
        worst = np.fmax(worst, np.where(near, beyond, 0))
    return np.where(np.isnan(strokes["stroke_ink"]), np.nan, worst)


def _off_centre(strokes: StrokeValues) -> Values:
    parts = []
    for place in ("stroke_row", "stroke_column"):
        values = strokes[place].astype(np.float64)
        scale = robust_scale(values, strokes.labels)
        parts.append(np.fmax(scale.spreads_above(values, LEAST_PLACE), scale.spreads_below(values, LEAST_PLACE)))
    return np.hypot(*parts)


def _noisy(strokes: StrokeValues) -> Values:
    return robust_scale(strokes["noise"], strokes.labels).spreads_above(strokes["noise"], LEAST_NOISE)


def _blurred(strokes: StrokeValues) -> Values:
    sharpness = np.log(strokes["sharpness"])
    return robust_scale(sharpness, strokes.labels).spreads_below(sharpness, LEAST_SLOPE)


def _low_ink(strokes: StrokeValues) -> Values:
    ink = np.log(strokes["stroke_ink"])
    return robust_scale(ink, strokes.labels).spreads_below(ink, LEAST_INK)


def _over_inked(strokes: StrokeValues) -> Values:
    ink = np.log(strokes["stroke_ink"])
    return robust_scale(ink, strokes.labels).spreads_above(ink, LEAST_INK)


CHECKS: Mapping[str, Callable[[StrokeValues], Values]] = {
    "cropped": _cropped,
    "off_centre": _off_centre,
    "noisy": _noisy,
    "blurred": _blurred,
    "low_ink": _low_ink,
    "over_inked": _over_inked,
}
"""Checks of the ink; each gives (n,) values, the worse the higher, NaN where it cannot evaluate a sample."""
